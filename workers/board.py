"""The attempts that this process holds, from claim to settlement: what the heartbeat reports and a stop hands back."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from uuid import UUID

from jobs.attempt import Attempt
from jobs.ledger import Claim


class Board:
    """Every attempt this process holds. A thread may start an attempt only while it is on the board."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._attempts: dict[tuple[UUID, int], Attempt] = {}

    def put_up(self, claims: Iterable[Claim]) -> None:
        """Note fresh claims."""
        with self._lock:
            for claim in claims:
                self._attempts[claim.id, claim.fence] = Attempt(claim)

    def start(self, claim: Claim) -> Attempt | None:
        """Return the attempt to run, or None when the claim was handed back or lost before it could start."""
        attempt = self._attempts.get((claim.id, claim.fence))
        if attempt is None or attempt.superseded:
            self.take_down(claim)
            return None
        attempt.thread = threading.get_ident()
        return attempt

    def take_down(self, claim: Claim) -> Attempt | None:
        """Forget a claim: it is settled, or nobody's any more. Returns its attempt if it was still up."""
        with self._lock:
            return self._attempts.pop((claim.id, claim.fence), None)

    def holds(self, claim: Claim) -> bool:
        """Whether the claim is still up."""
        return (claim.id, claim.fence) in self._attempts

    def attempts(self) -> list[Attempt]:
        """Return all attempts, started or not."""
        with self._lock:
            return list(self._attempts.values())

    def running(self) -> int:
        """Return how many attempts have started."""
        return sum(attempt.thread is not None for attempt in self.attempts())

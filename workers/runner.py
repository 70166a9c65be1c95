"""Runs one claim: body, outcome, settlement. The job's writes and its completion commit together."""

from __future__ import annotations

import traceback
from datetime import datetime
from typing import Any

import psycopg
import structlog
from pydantic import ValidationError

from jobs.attempt import Attempt
from jobs.context import JobContext
from jobs.ledger import Claim, Settlement
from jobs.outcomes import Cancel, Discard, Done, JobCancelled, JobTimedOut, Outcome, Snooze, Superseded
from jobs.platform import Platform
from jobs.registry import Kind
from runtime.logging import get_logger, mask_text
from workers.board import Board
from workers.interrupts import interruptible
from workers.settler import Settler

log = get_logger(__name__)

MAX_MESSAGE = 2_000
MAX_TRACE = 20_000


class Runner:
    """What each Dramatiq actor calls with its claim."""

    def __init__(self, platform: Platform, board: Board, settler: Settler) -> None:
        self._platform = platform
        self._board = board
        self._settler = settler

    def run(self, claim: Claim) -> None:
        """Run the claim to its settlement; nothing that a body does or raises leaves this method."""
        attempt = self._board.start(claim)
        if attempt is None:
            return
        kind = self._platform.registry.get(claim.kind)
        with structlog.contextvars.bound_contextvars(
            job_id=str(claim.id), kind=claim.kind, attempt=claim.attempt, request_id=claim.request_id
        ):
            self._run_attempt(kind, attempt)

    def _run_attempt(self, kind: Kind[Any], attempt: Attempt) -> None:
        context = JobContext(self._platform, attempt)
        settlement: Settlement | None = None
        try:
            attempt.started_at = context.now
            outcome = self._call(kind, context, attempt)
            settlement = self._settled(attempt, outcome)
            if context.complete(settlement):
                self._after_commit(attempt)
                return
        except Superseded:
            log.warning("attempt_superseded", fence=attempt.claim.fence)
            settlement = None
        except (Exception, JobCancelled, JobTimedOut) as error:  # noqa: BLE001 - whatever a body raises is its outcome
            settlement = self._failed(kind, attempt, error)
        finally:
            context.release()
            if self._board.take_down(attempt.claim) is not None and settlement is not None:
                self._settler.put(settlement, attempt.take_lines())
            else:
                self._settler.keep(attempt.take_lines())

    def _call(self, kind: Kind[Any], context: JobContext, attempt: Attempt) -> Outcome:
        arguments = kind.arguments.model_validate(attempt.claim.arguments)
        attempt.checkpoint()
        with interruptible(attempt, kind.time_limit):
            return kind.body(arguments, context) or Done()

    def _after_commit(self, attempt: Attempt) -> None:
        self._board.take_down(attempt.claim)
        if attempt.claim.limited:
            self._platform.wire.tell(self._settler.next_in_line({attempt.claim.queue}, 1))

    def _settled(self, attempt: Attempt, outcome: Outcome) -> Settlement:
        claim, started, now = attempt.claim, attempt.started_at, self._platform.clock.now()
        match outcome:
            case Done(result):
                return Settlement(
                    claim=claim, state="completed", outcome="done", started_at=started, finished_at=now, result=result
                )
            case Snooze(until, reason):
                return Settlement(
                    claim=claim,
                    state="scheduled",
                    outcome="snoozed",
                    started_at=started,
                    finished_at=now,
                    scheduled_at=until,
                    burned=False,
                    reason=reason,
                )
            case Cancel(reason):
                return Settlement(
                    claim=claim,
                    state="cancelled",
                    outcome="cancelled",
                    started_at=started,
                    finished_at=now,
                    reason=reason,
                )

    def _failed(self, kind: Kind[Any], attempt: Attempt, error: BaseException) -> Settlement:
        claim, now = attempt.claim, self._platform.clock.now()
        if isinstance(error, JobCancelled):
            return Settlement(
                claim=claim,
                state="cancelled",
                outcome="cancelled",
                started_at=attempt.started_at,
                finished_at=now,
                reason="cancellation was requested",
            )
        if attempt.timed_out and not isinstance(error, JobTimedOut):
            error = JobTimedOut(f"ran longer than {kind.time_limit:g} s")
        burned = not isinstance(error, psycopg.OperationalError)
        final = isinstance(error, Discard | ValidationError) or (burned and claim.attempt >= claim.max_attempts)
        log.warning("job_failed", error=type(error).__name__, final=final, exc_info=error)
        return Settlement(
            claim=claim,
            state="discarded" if final else "retryable",
            outcome="discarded" if final else "failed",
            started_at=attempt.started_at,
            finished_at=now,
            scheduled_at=None if final else self._next_try(kind, claim, now),
            burned=burned,
            error_class=type(error).__name__,
            error_message=storable(mask_text(str(error) or type(error).__name__))[:MAX_MESSAGE],
            error_trace=storable(mask_text("".join(traceback.format_exception(error))))[-MAX_TRACE:],
        )

    def _next_try(self, kind: Kind[Any], claim: Claim, now: datetime) -> datetime:
        return now + kind.backoff.delay(claim.attempt)


def storable(text: str) -> str:
    """Return the text without what PostgreSQL's text cannot hold: zero characters and lone surrogates."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()

"""Runs one claim: body, outcome, settlement. The job's writes and its completion commit together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import structlog
from pydantic import ValidationError

from jobs.attempt import Attempt
from jobs.context import JobContext
from jobs.ledger import Claim, Settlement
from jobs.outcomes import Cancel, Discard, Done, JobCancelled, Outcome, PutOff, Snooze, Superseded
from jobs.platform import Platform
from jobs.registry import Kind
from jobs.storable import storable, storable_json
from runtime.logging import get_logger
from workers.board import Board
from workers.failing import failed, out_of_time
from workers.interrupts import interruptible
from workers.settler import Settler

log = get_logger(__name__)


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
        committed = False
        try:
            attempt.started_at = context.now
            settlement = self._settled(attempt, self._call(kind, context, attempt))
            if context.last_writes:
                settlement = replace(settlement, last_writes=context.last_writes)
            committed = context.complete(settlement)
        except Superseded:
            log.warning("attempt_superseded", fence=attempt.claim.fence)
            settlement = None
        except PutOff as put_off:
            settlement = self._settled(attempt, put_off.outcome)
        except BaseException as error:  # noqa: BLE001 - whatever a body raises, sys.exit included, is its outcome
            settlement = self._failed(kind, attempt, error)
        finally:
            context.release()
            if self._board.take_down(attempt.claim) is None or settlement is None or committed:
                self._settler.keep(attempt.take_lines())
            else:
                self._settler.put(settlement, attempt.take_lines(), attempt.take_progress())
        if committed:
            self._settler.announce_next([attempt.claim])

    def _call(self, kind: Kind[Any], context: JobContext, attempt: Attempt) -> Outcome:
        try:
            arguments = kind.arguments.model_validate(attempt.claim.arguments)
        except ValidationError as error:
            raise Discard(f"The arguments do not fit the job kind {kind.name!r} any more: {error}") from error
        attempt.checkpoint()
        with interruptible(attempt, kind.time_limit):
            return kind.body(arguments, context) or Done()

    def _settled(self, attempt: Attempt, outcome: Outcome) -> Settlement:
        claim, started, now = attempt.claim, attempt.started_at, self._platform.clock.now()
        match outcome:
            case Done(result):
                return Settlement(
                    claim=claim,
                    state="completed",
                    outcome="done",
                    started_at=started,
                    finished_at=now,
                    result=storable_json(result),
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
                    reason=storable(reason),
                )
            case Cancel(reason):
                return Settlement(
                    claim=claim,
                    state="cancelled",
                    outcome="cancelled",
                    started_at=started,
                    finished_at=now,
                    reason=storable(reason),
                )
        raise TypeError(f"the body returned {type(outcome).__name__}, not done(), snooze(), cancel() or None")

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
        if attempt.timed_out:
            error = out_of_time(kind).with_traceback(error.__traceback__)
        settlement = failed(kind, claim, error, started_at=attempt.started_at, now=now)
        log.warning("job_failed", error=type(error).__name__, final=settlement.state == "discarded", exc_info=error)
        return settlement

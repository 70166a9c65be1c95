"""When a ticket of the CRM moves, is given to somebody or gets a public note: tells its case there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from integrations.outside import NotAllowed, NotSetUp, NotThere, OutsideError, Refused
from integrations.qcontact.mapping import to_case
from integrations.qcontact.pushing import Calls, ClosedThere, MovedThere, Told, push
from jobs.context import JobContext
from jobs.outcomes import Discard, Outcome, done, snooze
from jobs.outside import calling
from jobs.registry import Backoff, JobArgs, job
from jobs.work import Work
from runtime.settings import Settings
from sql.database import Connection
from ticketing.events import Event, TicketEvent
from ticketing.notes.events import NoteAdded, NoteChanged
from ticketing.qcontact_sync import log, pushes
from ticketing.qcontact_sync.cases import Conflict, Reading
from ticketing.qcontact_sync.cases import Outcome as CaseOutcome
from ticketing.qcontact_sync.events import QContactConflictResolved
from ticketing.qcontact_sync.inbound import apply_case
from ticketing.qcontact_sync.outbound import CLOSED_THERE, GONE_THERE, Note, Outbound
from ticketing.qcontact_sync.pushes import Arrived
from ticketing.qcontact_sync.rules import BELIEVED_AFTER
from ticketing.ticket_events import TicketAssigned, TicketStatusChanged
from ticketing.vocabulary import SyncDirection, SyncStatus, SyncType

NOTHING = "there is nothing to tell"


class PushToQContact(JobArgs):
    """The ticket whose case is to be told. What it is told is read when the job runs: the newest state, not each."""

    ticket_id: UUID

    @classmethod
    def from_events(cls, events: Sequence[Event], connection: Connection) -> Iterable[Self]:
        """Concern the tickets that have something to tell: one question for all, most are none of the CRM's."""
        tickets = [event.ticket_id for event in events if isinstance(event, TicketEvent)]
        return [cls(ticket_id=ticket_id) for ticket_id in pushes.find_due(connection, tickets)]


@job(
    "push_to_qcontact",
    queue="integrations",
    max_attempts=12,
    backoff=Backoff(base=2, cap=900),
    time_limit=300,
    unique_by=("ticket_id",),
    on=(TicketStatusChanged, TicketAssigned, NoteAdded, NoteChanged, QContactConflictResolved),
    retention=timedelta(days=30),
    subjects=(("ticket", "ticket_id"),),
)
def push_to_qcontact(args: PushToQContact, job: JobContext) -> Outcome:
    """Tell what is owed now and prove that it arrived; the result says what was told, or why nothing was.

    One job for a ticket at a time keeps the order; what changes while it runs has it run again, at once.
    """
    switched_off = why_off(job.settings)
    if switched_off:
        return done({"pushed": False, "reason": switched_off})
    with job.step() as work:
        outbound = pushes.begin(work, args.ticket_id, job.settings.qcontact_queue)
    if outbound is None:
        return done({"pushed": False, "reason": "the ticket has no case in QContact"})
    if outbound.is_nothing:
        return _end(job, outbound, None)
    began = job.now
    try:
        with calling(job, "qcontact") as breaker:
            found = push(Calls(job.platform.outside.qcontact, breaker.call), outbound, _teller(job))
    except OutsideError as error:
        return _failed(job, outbound, error, began)
    return _settle(job, outbound, found, began)


def why_off(settings: Settings) -> str | None:
    """Return why nothing is written to QContact by these settings; None where it is."""
    if settings.qcontact_url is None:
        return "QContact is not set up"
    return None if settings.qcontact_push else "writing to QContact is switched off (FIBREFLOW_QCONTACT_PUSH)"


def _teller(job: JobContext) -> Told:
    """Return what writes down at once that notes are there: what fails after them does not make them told anew."""

    def tell(notes: Sequence[Note], how: str) -> None:
        if notes:
            with job.step() as work:
                pushes.note_told(work, notes, how)

    return tell


def _settle(job: JobContext, outbound: Outbound, found: Arrived | ClosedThere | MovedThere, began: datetime) -> Outcome:
    if isinstance(found, Arrived):
        return _end(job, outbound, found, began)
    reading = Reading(to_case(found.case), began)
    if isinstance(found, ClosedThere):
        apply_case(job.work, reading)
        pushes.close(job.work, outbound, found.case.status)
        _log(job.work, outbound, job.now - began, error=("QCONTACT_CASE_CLOSED", CLOSED_THERE))
        return done({"pushed": False, "reason": CLOSED_THERE})
    with job.step() as work:
        pushes.leave_unsent(work, outbound)
        applied = apply_case(work, reading)
    if applied.outcome == CaseOutcome.FAILED:
        raise Discard(f"An agent moved the case and that could not be applied here: {applied.error}")
    wait = BELIEVED_AFTER if applied.overtaken else timedelta(0)
    return snooze(job.now + wait, "an agent moved the case meanwhile: that comes first")


def _end(job: JobContext, outbound: Outbound, arrived: Arrived | None, began: datetime | None = None) -> Outcome:
    """End the job, unless the ticket has more to tell by now: whoever changes it holds it until their commit."""
    work = job.work
    if arrived is not None and began is not None:
        _log(work, outbound, job.now - began, conflicts=pushes.finish(work, outbound, arrived))
    if pushes.owes_more(work, outbound.ticket_id):
        return snooze(job.now, "the ticket changed meanwhile")
    told = outbound.told()
    return done({"pushed": True, **told} if told else {"pushed": False, "reason": outbound.blocked or NOTHING})


def _failed(job: JobContext, outbound: Outbound, error: OutsideError, began: datetime) -> Outcome:
    """Write the failure into the sync log and raise: as final where trying again cannot help."""
    if isinstance(error, NotSetUp):
        return done({"pushed": False, "reason": error.message})
    with job.step() as work:
        _log(work, outbound, job.now - began, error=(error.code, error.message))
        if isinstance(error, NotThere):
            pushes.block(work, outbound, GONE_THERE)
    if isinstance(error, NotThere | NotAllowed | Refused):
        raise Discard(f"QContact will not take it: {error.message}") from error
    raise error


def _log(
    work: Work,
    outbound: Outbound,
    took: timedelta,
    error: tuple[str, str] | None = None,
    conflicts: Sequence[Conflict] = (),
) -> None:
    sync_type = SyncType.NOTE_ADD
    if outbound.status or outbound.assigns:
        sync_type = SyncType.STATUS_UPDATE if outbound.status else SyncType.ASSIGNMENT
    entry = log.LogEntry(
        sync_direction=SyncDirection.OUTBOUND,
        sync_type=sync_type,
        status=SyncStatus.FAILED if error else SyncStatus.PARTIAL if conflicts else SyncStatus.SUCCESS,
        qcontact_ticket_id=outbound.case_id,
        ticket_id=outbound.ticket_id,
        request=outbound.told(),
        conflicts=[conflict.as_json() for conflict in conflicts] or None,
        error_code=error[0] if error else None,
        error_message=error[1] if error else None,
        duration_ms=max(0, round(took.total_seconds() * 1000)),
    )
    log.write(work, entry)

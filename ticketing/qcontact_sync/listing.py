"""What the list of cases showed: which were seen and what their rows said, and which it does not show any more."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sql.database import Connection, queries
from ticketing.errors import InvalidInput, NotFound
from ticketing.events import UnitOfWork
from ticketing.qcontact_sync.picking import Known

# As many as one request may have read one by one.
MOST_CASES = 1_000


def find_known(connection: Connection, case_ids: Collection[str]) -> dict[str, Known]:
    """Return what is known of cases, by id."""
    rows = queries("qcontact_cases").list_known_cases(connection, case_ids=list(case_ids))
    return {row["case_id"]: Known.of(row) for row in rows}


def list_gone(connection: Connection, seen: Collection[str], *, again: bool) -> list[str]:
    """Return the cases of open tickets that were not seen: those newly gone, or `again` all of them."""
    rows = queries("qcontact_cases").list_cases_gone(connection, case_ids=list(seen), again=again)
    return [row["case_id"] for row in rows]


def note_seen(work: UnitOfWork, hashes: Mapping[str, str]) -> None:
    """Note that the list shows cases; `hashes` are of what their rows say, by case."""
    if hashes:
        queries("qcontact_cases").note_seen(
            work.connection, case_ids=list(hashes), row_hashes=list(hashes.values()), now=work.now
        )


def note_missing(work: UnitOfWork, case_ids: Collection[str]) -> None:
    """Note that the list does not show cases any more; since when stays as it was noted first."""
    if case_ids:
        queries("qcontact_cases").note_missing(work.connection, case_ids=list(case_ids), now=work.now)


def list_cases_of(
    work: UnitOfWork, ticket_ids: Sequence[UUID] | None, period: tuple[datetime | None, datetime | None] | None
) -> list[tuple[UUID, str]]:
    """Return (ticket, case) of the tickets named, or of all, whose cases changed there last within a period.

    Raises InvalidInput for tickets that no case belongs to, and where a period finds too many.
    """
    since, until = period or (None, None)
    rows = queries("qcontact_cases").list_cases_of(
        work.connection,
        ticket_ids=list(ticket_ids) if ticket_ids is not None else None,
        since=since,
        until=until,
        row_limit=MOST_CASES + 1,
    )
    found = [(row["ticket_id"], row["case_id"]) for row in rows]
    if len(found) > MOST_CASES:
        problem = f"more than {MOST_CASES} cases changed then: name a shorter time, or sync everything"
        raise InvalidInput(f"start_date: {problem}", details={"start_date": problem})
    if ticket_ids is not None and period is None and len(found) < len(set(ticket_ids)):
        missing = sorted(str(one) for one in set(ticket_ids) - {ticket_id for ticket_id, _ in found})
        problem = f"no case of QContact belongs to {', '.join(missing)}"
        raise InvalidInput(f"ticket_ids: {problem}", details={"ticket_ids": problem})
    return found


def find_case(connection: Connection, ticket_id: UUID) -> str:
    """Return the id of the case that a ticket came from. Raises NotFound."""
    case_id: str | None = queries("qcontact_cases").find_case_of_ticket(connection, ticket_id=ticket_id)
    if case_id is None:
        raise NotFound(f"No case of QContact belongs to ticket {ticket_id}", details={"ticket_id": str(ticket_id)})
    return case_id

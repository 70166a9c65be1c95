"""What the list of cases showed: which were seen and what their rows said, and which it does not show any more."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sql.database import Connection, queries
from ticketing.events import UnitOfWork
from ticketing.qcontact_sync.picking import Known


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

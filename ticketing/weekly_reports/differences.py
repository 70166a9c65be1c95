"""What a report says otherwise: than the week before it, and than the tickets, with names beside ids for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from sql.database import Connection, queries
from ticketing.directory import names_of
from ticketing.vocabulary import TERMINAL_STATUSES, Status

GONE_SHOWN = 50
# A ticket on which nothing is left to do may well be missing from the sheet.
FINISHED: Final = sorted({*TERMINAL_STATUSES, Status.HANDED_TO_MAINTENANCE.value})
# The ticket's columns that hold an id, and what a difference calls its two values and their names.
_NAMED = frozenset({"assigned_to", "assigned_contractor_id", "project_id"})
_NAMES = {"ticket_value": "ticket_name", "sheet_value": "sheet_name"}


def week_on_week(connection: Connection, report_id: UUID) -> dict[str, Any] | None:
    """Return what the report's week lists against the newest earlier week that was imported, JSON-ready; None for none.

    All reports of a week count as one, for mended rows come in a report of their own. `before` and `now` are how many
    items the weeks list; `added`, `gone`, `same` and `changed` compare them by identity and by what their rows say.
    `gone_unfinished` of the gone have a ticket on which work is left; `gone_rows` shows the first, those before the
    others. A row that cannot be read but for its reference is on the list all the same: it is neither gone nor changed.
    """
    statements = queries("weekly_reports")
    counts = statements.count_difference(connection, report_id=report_id, ended=FINISHED)
    if counts is None:
        return None
    gone = statements.list_gone(
        connection,
        report_id=report_id,
        year=counts["year"],
        week_number=counts["week_number"],
        ended=FINISHED,
        row_limit=GONE_SHOWN,
    )
    return {**counts, "gone_rows": list(gone) if counts["gone"] else []}


def add_names(connection: Connection, differences: Iterable[dict[str, Any]]) -> None:
    """Put names beside ids: `ticket_name` and `sheet_name`, None for values that are no ids or that nobody has."""
    listed = list(differences)
    ids = {
        different[key]
        for different in listed
        if different["field"] in _NAMED
        for key in _NAMES
        if different[key] is not None
    }
    names = {str(named): name for named, name in names_of(connection, map(UUID, ids)).items()}
    for different in listed:
        named = different["field"] in _NAMED
        for key, name in _NAMES.items():
            different[name] = names.get(str(different[key])) if named else None

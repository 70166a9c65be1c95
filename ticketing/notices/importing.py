"""What an import gave reason to tell: read batch by batch, told as if a person had made each change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from sql.database import Connection, queries
from ticketing.notices.occasions import TOLD_OF_IMPORTS, Occasion, occasion_of_change


@dataclass(frozen=True, slots=True)
class Change:
    """Something that a report did to a ticket, and that somebody is to be told of."""

    row_number: int
    ticket_id: UUID
    occasion: Occasion


@dataclass(frozen=True, slots=True)
class Batch:
    """A part of what a report did; `after_row` is where the next part begins, None at the end."""

    changes: list[Change]
    after_row: int | None

    def by_row(self) -> Iterator[tuple[int, list[Change]]]:
        """Yield the changes of each row together, in the order of the rows."""
        for row_number, changes in groupby(self.changes, key=lambda change: change.row_number):
            yield row_number, list(changes)


def changes_of(connection: Connection, report_id: UUID, report_uid: str, after_row: int, most: int) -> Batch:
    """Return what the next rows of a report, at most `most`, gave reason to tell, in the order of the rows."""
    rows = list(
        queries("notices").list_changes_of_import(
            connection,
            report_id=report_id,
            report_uid=report_uid,
            event_types=list(TOLD_OF_IMPORTS),
            after_row=after_row,
            row_limit=most,
        )
    )
    changes = []
    for row in rows:
        told = row["event_type"] and occasion_of_change(row["event_type"], row["after"], row["details"])
        if told:
            changes.append(Change(row["row_number"], row["ticket_id"], told))
    looked_at = {row["row_number"] for row in rows}
    return Batch(changes, max(looked_at) if len(looked_at) == most else None)

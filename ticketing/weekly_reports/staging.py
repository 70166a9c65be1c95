"""Bringing the rows of a sheet to the database: looked up in bulk, staged with COPY.

A staged row is also the record of what becomes of it. Nothing here touches a ticket.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from runtime.identifiers import uuid7
from sql.copying import copy_fields
from sql.database import Connection, queries
from ticketing.events import UnitOfWork
from ticketing.weekly_reports.headers import Columns
from ticketing.weekly_reports.identity import READING
from ticketing.weekly_reports.reading import PreparedRow, ReadRow, describe
from ticketing.weekly_reports.references import Drop, Named, References


@dataclass(slots=True)
class Tally:
    """How many rows were staged, by what became of them at once; `waiting` ones are for `importing` to compare."""

    created: int = 0
    unchanged: int = 0
    duplicate: int = 0
    rejected: int = 0
    waiting: int = 0


def stage(connection: Connection, report_id: UUID, rows: Sequence[PreparedRow], *, settle: bool) -> Tally:
    """Write rows down, each with its verdict.

    With `settle` each gets its outcome at once, against the tickets as they are now: an id for the ticket that
    `importing.settle` is to create in this same transaction, or that it is unchanged. Else all `ok` rows wait.
    """
    known = _find_known(connection, rows) if settle else None
    tally, report = Tally(), str(report_id)
    lines = [f"{report}\t{row.fields}\t{copy_fields(_settle(row, known, tally))}\n" for row in rows]
    with connection.cursor() as cursor, cursor.copy(queries("weekly_reports").copy_rows.sql) as copy:
        copy.write("".join(lines))
    return tally


def find_drops(connection: Connection, rows: Sequence[ReadRow]) -> dict[str, Drop]:
    """Return what the SOW register knows of the rows' drops, by number."""
    numbers = sorted({read.row.said["dr_number"] for read in rows if "dr_number" in read.row.said})
    found = queries("weekly_reports").find_drops(connection, numbers=numbers) if numbers else ()
    return {drop.pop("dr_number"): Drop(**drop) for drop in found}


def load_references(connection: Connection) -> References:
    """Read all that a sheet may name in small tables: people, companies, projects. Drops are looked up by chunk."""
    names: dict[str, list[tuple[str | None, UUID]]] = {"user": [], "contractor": [], "project": []}
    for found in queries("weekly_reports").list_names(connection):
        names[found["kind"]].append((found["name"], found["id"]))
    return References(
        projects=Named.of(names["project"]),
        users=Named.of(names["user"]),
        contractors=Named.of(names["contractor"]),
        has_register=queries("weekly_reports").has_drops(connection),
    )


def last_staged_row(connection: Connection, report_id: UUID) -> int:
    """Return the number of the last row that is staged, 0 for none: rows are staged in their order."""
    last: int | None = queries("weekly_reports").last_staged_row(connection, report_id=report_id)
    return last or 0


def finish(work: UnitOfWork, report_id: UUID, sheet_name: str, columns: Columns, *, chosen: bool) -> int:
    """Note that every row is staged; returns how many there are. `chosen` is whether nobody named the sheet."""
    return _finish(work, report_id, sheet_name, describe(columns) | {"chosen": chosen})


@dataclass(frozen=True, slots=True)
class SameFile:
    """A completed report of the very same bytes; its rows stand for those of the file."""

    report_id: UUID
    sheet_name: str
    header_mapping: dict[str, Any]
    total_rows: int
    last_row: int


def find_same_file(connection: Connection, report_id: UUID, file_sha256: str) -> SameFile | None:
    """Find a completed report of the same bytes, its sheet chosen and its rows read by the rules of today."""
    found = queries("weekly_reports").find_same_file(
        connection, report_id=report_id, file_sha256=file_sha256, reading=READING
    )
    if found is None or found["last_row"] is None:
        return None
    return SameFile(found["id"], found["sheet_name"], found["header_mapping"], found["total_rows"], found["last_row"])


def stage_again(
    work: UnitOfWork, report_id: UUID, same: SameFile, after_row: int, up_to_row: int, *, settle: bool
) -> None:
    """Stage rows of the same file from its earlier report, without reading a cell.

    With `settle`, rows that say what their ticket heard last are marked as unchanged on the way.
    """
    queries("weekly_reports").copy_rows_of_report(
        work.connection,
        report_id=report_id,
        from_report_id=same.report_id,
        settle=settle,
        after_row=after_row,
        up_to_row=up_to_row,
    )


def finish_again(work: UnitOfWork, report_id: UUID, same: SameFile) -> int:
    """Note that every row of the same file is staged; returns how many there are."""
    return _finish(work, report_id, same.sheet_name, same.header_mapping)


def _finish(work: UnitOfWork, report_id: UUID, sheet_name: str, mapping: dict[str, Any]) -> int:
    total: int = queries("weekly_reports").finish_staging(
        work.connection,
        report_id=report_id,
        sheet_name=sheet_name,
        header_mapping=to_json(mapping).decode(),
        now=work.now,
    )
    return total


def _find_known(connection: Connection, rows: Sequence[PreparedRow]) -> dict[str, tuple[UUID, bytes | None]]:
    """Return id and hash of the tickets that rows are about, by external id."""
    wanted = [row.external_id for row in rows if row.verdict == "ok"]
    found = queries("weekly_reports").find_known_tickets(connection, external_ids=wanted)
    return {ticket["external_id"]: (ticket["id"], ticket["source_hash"]) for ticket in found}


def _settle(
    row: PreparedRow, known: Mapping[str, tuple[UUID, bytes | None]] | None, tally: Tally
) -> tuple[str | None, UUID | None]:
    """Return the outcome of a row and its ticket, as far as they are clear at once, and count it."""
    if row.verdict == "rejected":
        tally.rejected += 1
        return "rejected", None
    if row.verdict == "duplicate":
        tally.duplicate += 1
        return "duplicate", None
    ticket = (known or {}).get(row.external_id or "")
    if known is not None and ticket is None:
        tally.created += 1
        return "created", uuid7()
    if ticket is not None and ticket[1] == row.row_hash:
        tally.unchanged += 1
        return "unchanged", ticket[0]
    tally.waiting += 1
    return None, None

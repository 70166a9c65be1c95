"""A look at a sheet without storing anything: what it would be read as, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from ticketing.weekly_reports.headers import Columns
from ticketing.weekly_reports.reading import SheetReader, kept_headers
from ticketing.weekly_reports.references import References
from ticketing.weekly_reports.rows import Problem
from ticketing.weekly_reports.values import Cell

SAMPLES = 10
PROBLEMS_SHOWN = 500
_NEEDED = frozenset({"title", "issue", "ft_ref", "dr_number"})


def look(columns: Columns, numbered: Iterable[tuple[int, Sequence[Cell]]], now: datetime) -> dict[str, Any]:
    """Return the counts, the first rows, problems and column mapping of the wire contract's `parse`.

    `valid_rows` counts rows that would become or match a ticket; `skipped_rows` the empty ones. Names and drops are not
    looked up: that is the preview's business.
    """
    reader = SheetReader(columns, References(), now)
    seen = valid = filled = 0
    samples: list[dict[str, Cell]] = []
    problems: list[dict[str, Any]] = []
    for number, cells in numbered:
        seen += 1
        for read in reader.read([(number, cells)]):
            filled += 1
            valid += read.verdict == "ok"
            found = [*read.row.problems, *([read.duplicate] if read.duplicate else [])]
            problems += [_problem(number, problem) for problem in found]
            if len(samples) < SAMPLES:
                samples.append({header: cells[place] for place, header in kept_headers(columns) if place < len(cells)})
    mapping = _mapping(columns)
    return {
        "headers": [header for _, header in kept_headers(columns)],
        "total_rows": filled,
        "skipped_rows": seen - filled,
        "valid_rows": valid,
        "invalid_rows": filled - valid,
        "can_proceed": valid > 0,
        "sample_rows": [{name: _shown(cell) for name, cell in sample.items()} for sample in samples],
        "validation_errors": problems[:PROBLEMS_SHOWN],
        "validation_error_count": len(problems),
        "column_mapping": [mapped for mapped in mapping if mapped["ticket_field"]],
        "unknown_columns": [kept["excel_column"] for kept in mapping if not kept["ticket_field"]],
    }


def _problem(row_number: int, problem: Problem) -> dict[str, Any]:
    return {
        "row_number": row_number,
        "severity": problem.severity,
        "field_name": problem.column,
        "error_type": problem.error_type,
        "message": problem.message,
    }


def _mapping(columns: Columns) -> list[dict[str, Any]]:
    field_at = {place: name for name, places in columns.positions.items() for place in places}
    return [
        {"excel_column": header, "ticket_field": field_at.get(place), "required": field_at.get(place) in _NEEDED}
        for place, header in kept_headers(columns)
    ]


def _shown(cell: Cell) -> Any:
    return cell if cell is None or isinstance(cell, str | int | float | bool) else str(cell)

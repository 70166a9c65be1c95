"""Writing CSV that Excel opens as it is meant: UTF-8 with its mark, and nothing in it that runs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from integrations.workbooks.neutral import neutralise
from runtime.clock import local_time

BOM = "\ufeff"
ROWS_AT_ONCE = 500


def csv_pieces(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """Yield a CSV file (RFC 4180, UTF-8 with its mark) in pieces of some hundred rows; the header comes first.

    Text that a spreadsheet would run as a formula is neutralised; instants with a zone are shown in South African time;
    nothing is an empty field.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    buffer.write(BOM)
    writer.writerow(headers)
    for number, row in enumerate(rows, 1):
        writer.writerow([_field(value) for value in row])
        if number % ROWS_AT_ONCE == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> bytes:
    piece = buffer.getvalue().encode("utf-8", "replace")
    buffer.seek(0)
    buffer.truncate()
    return piece


def _field(value: object) -> object:
    if isinstance(value, str):
        return neutralise(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        local = local_time(value) if value.tzinfo else value
        return local.strftime("%Y-%m-%d %H:%M:%S")
    return value

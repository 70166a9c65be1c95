"""Answering with an export: CSV while it is read, a small workbook at once, an audit row for each."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from datetime import datetime
from typing import Any, BinaryIO, cast

from flask import Response

from admin_api.context import actor, now, platform, unit_of_work
from integrations.storage import CHUNK
from jobs.kinds.write_export import audit
from jobs.procedures import exporting
from ticketing.days import local_day
from ticketing.errors import InvalidInput
from ticketing.exports.reports import Reader, Report
from ticketing.vocabulary import ExportFormat

MOST_ROWS_AT_ONCE = 10_000
"""The longest workbook that a request waits for; a longer one is for a job."""

IN_MEMORY = 4 * 1024 * 1024


def answer(report: Report, file_format: str, wanted: Any) -> Response:
    """Return the report as a file to save. Who takes it away is written down first.

    A CSV file is sent while it is read, however long it is: one that breaks off breaks the connection, so that nobody
    takes it for whole. Raises InvalidInput for an unknown format, Forbidden, and ConditionNotMet for a workbook that
    only a job should write.
    """
    kind = parse_format(file_format)
    report.require_reader(actor())
    reader = Reader(platform().read, actor(), now())
    with unit_of_work() as work:
        audit(work, report, kind, wanted)
    if kind == ExportFormat.CSV:
        pieces = exporting.csv_of(report, reader, wanted)
        # The first is read before anything is sent: what cannot be read at all is still an answer that says so.
        return file_response(itertools.chain([next(pieces)], pieces), report.name, kind, reader.now)
    return _workbook(report, reader, wanted)


def parse_format(text: str) -> ExportFormat:
    """Return the format of that name. Raises InvalidInput with the known ones."""
    try:
        return ExportFormat(text)
    except ValueError as error:
        known = [kind.value for kind in ExportFormat]
        problem = f"must be one of {', '.join(known)}"
        raise InvalidInput(f"format: {problem}", details={"format": problem, "valid_values": known}) from error


def file_response(content: Iterator[bytes], name: str, kind: ExportFormat, made: datetime) -> Response:
    """Return a file that is sent in pieces, to be saved under the report's name and the day."""
    response = Response(content, content_type=exporting.CONTENT_TYPES[kind])
    # Whoever merely asks for its length would else have all of it read into memory, and swallow what goes wrong there.
    response.implicit_sequence_conversion = False
    filename = f"{name}-{local_day(made).isoformat()}.{kind.value}"
    response.headers.set("Content-Disposition", "attachment", filename=filename)
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _workbook(report: Report, reader: Reader, wanted: Any) -> Response:
    watch = exporting.no_more_than(MOST_ROWS_AT_ONCE, "ask for it with POST /api/ticketing/exports, or as .csv")
    # Whole before its first byte is sent: what goes wrong is still an answer that says so.
    file = cast("BinaryIO", tempfile.SpooledTemporaryFile(IN_MEMORY))  # noqa: SIM115 - closed when it has been sent
    try:
        exporting.write(report, reader, wanted, ExportFormat.XLSX, file, watch)
    except BaseException:
        file.close()
        raise
    size = file.seek(0, 2)
    response = file_response(_pieces(file), report.name, ExportFormat.XLSX, reader.now)
    response.call_on_close(file.close)
    response.content_length = size
    return response


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while piece := file.read(CHUNK):
            yield piece

"""A file that was uploaded, looked at before anything believes it: format, size, checksum, and what a photo says."""

from __future__ import annotations

import hashlib

from integrations.photos import PhotoError, PhotoFacts, read_facts
from integrations.workbooks import Limits, WorkbookError
from integrations.workbooks.archive import check_container
from ticketing.attachments import formats, rules
from ticketing.attachments.rules import FileFacts
from ticketing.errors import InvalidInput
from ticketing.vocabulary import AttachmentFileType

# A sheet is attached to be kept, not read here: Excel's own limits will do.
_WORKBOOK = Limits(max_bytes=rules.MAX_BYTES, max_rows=1_048_576, max_columns=16_384)


def examine(data: bytes, filename: str, field: str = "file") -> FileFacts:
    """Return what a file is, judged by its bytes alone, under a name that is safe to store and to offer.

    Raises InvalidInput, naming `field`, for a size or a format that is not taken, a picture whose header is damaged or
    that would not fit in memory, and a workbook that is protected, carries macros or unpacks to too much.
    """
    rules.require_size(len(data), field)
    kind = formats.require_known(data, field)
    name = formats.safe_filename(filename, kind)
    seen = _look_at(data, name, kind, field)
    return FileFacts(
        kind=kind,
        filename=name,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        width=seen.width if seen else None,
        height=seen.height if seen else None,
        captured_at=seen.captured_at if seen else None,
        latitude=seen.latitude if seen else None,
        longitude=seen.longitude if seen else None,
    )


def _look_at(data: bytes, name: str, kind: formats.Format, field: str) -> PhotoFacts | None:
    try:
        if kind.file_type is AttachmentFileType.PHOTO:
            return read_facts(data)
        if kind is formats.XLSX:
            check_container(data, name, _WORKBOOK)
    except (PhotoError, WorkbookError) as error:
        raise InvalidInput(f"{field}: {error.message}", details={field: error.message}) from error
    if kind is formats.XLS:
        formats.require_old_workbook(data, field)
    return None

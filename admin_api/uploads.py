"""Uploaded files, read under a limit."""

from __future__ import annotations

from dataclasses import dataclass

from werkzeug.datastructures import FileStorage

from ticketing.errors import InvalidInput

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that somebody sent: its bytes, and the name that it has on their side."""

    data: bytes
    filename: str


def read_upload(file: object, max_bytes: int, field: str = "file") -> Upload:
    """Return the uploaded file of a form's field.

    Raises InvalidInput when the field holds no file, or one larger than `max_bytes`; no more than that is read.
    """
    if not isinstance(file, FileStorage) or not file.filename:
        raise InvalidInput(f"{field}: a file is required", details={field: "must be an uploaded file"})
    data = file.stream.read(max_bytes + 1)
    if len(data) > max_bytes:
        limit = f"at most {max_bytes / MEGABYTE:.0f} MB are accepted"
        raise InvalidInput(f"{file.filename} is too large: {limit}", details={field: limit})
    return Upload(data, file.filename)

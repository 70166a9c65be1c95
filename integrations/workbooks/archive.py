"""The container of a workbook, looked at before a reader touches it.

An .xlsx file is a zip archive from a stranger. Its directory may lie about sizes, so every part is unpacked here once
under a limit, and a sheet's reach is measured before the reader, which allocates a dense grid, is let near it.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

from integrations.workbooks import errors
from integrations.workbooks.extent import check_extent

MEGABYTE = 1024 * 1024
SAVE_AS = 'Open it in Excel or LibreOffice, choose "Save as", pick "Excel Workbook (.xlsx)", and upload that file.'

ZIP_MAGIC = b"PK\x03\x04"
OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MACRO_EXTENSIONS = frozenset({".xlsm", ".xltm", ".xlam"})
OTHER_EXTENSIONS = frozenset({".xls", ".xlsb", ".xlt", ".ods", ".fods", ".numbers", ".html", ".htm", ".mht"})
TEXT_EXTENSIONS = frozenset({".csv", ".tsv", ".txt", ".tab"})

# Small parts compress absurdly well without being an attack: an empty sheet's theme, a page of one colour.
RATIO_FLOOR = 4 * MEGABYTE
LOCAL_HEADER = 30
READABLE_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


@dataclass(frozen=True, slots=True)
class Limits:
    """What is accepted of a workbook.

    Sizes are bytes; `max_rows` counts data rows of a sheet (`HEADROOM` more are let through for titles and headers),
    `max_ratio` is unpacked size over packed size of a part, `max_parts` the number of files in the archive.
    """

    max_bytes: int = 25 * MEGABYTE
    max_rows: int = 100_000
    max_columns: int = 100
    max_unpacked: int = 256 * MEGABYTE
    max_ratio: int = 150
    max_parts: int = 2_000


def check_container(data: bytes, filename: str, limits: Limits) -> None:
    """Refuse everything that is not an unprotected, macro-free .xlsx of reasonable size and reach.

    Raises a subclass of WorkbookError that names the file and says what to do.
    """
    if not data:
        raise errors.EmptyFile(f"{filename} is empty: it has no bytes. Choose the file again.")
    if len(data) > limits.max_bytes:
        raise too_large(filename, len(data), limits)
    _check_kind(data, filename)
    with _archive(data, filename) as archive:
        parts = archive.infolist()
        _check_directory(parts, filename, limits)
        for part in parts:
            check_extent(_unpack(data, part, filename), filename, limits.max_rows, limits.max_columns)


def too_large(filename: str, size: int, limits: Limits) -> errors.FileTooLarge:
    """Return the error for a file of `size` bytes."""
    return errors.FileTooLarge(
        f"{filename} has {size / MEGABYTE:.1f} MB; at most {limits.max_bytes / MEGABYTE:.0f} MB are accepted. "
        "Remove pictures and sheets that are not needed, or split it into several files.",
        details={"bytes": size, "limit": limits.max_bytes},
    )


def _check_kind(data: bytes, filename: str) -> None:
    extension = PurePath(filename).suffix.lower()
    if extension in MACRO_EXTENSIONS:
        raise _macros(filename)
    if data.startswith(OLE_MAGIC):
        raise _ole(data, filename)
    if data.startswith(ZIP_MAGIC):
        if extension in OTHER_EXTENSIONS:
            raise errors.OtherSpreadsheetFormat(f"{filename} is not an .xlsx file. {SAVE_AS}")
        return
    head = data[:2048].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if extension in OTHER_EXTENSIONS or head.startswith((b"<html", b"<!doctype", b"<table", b"<?xml")):
        raise errors.OtherSpreadsheetFormat(f"{filename} is not an .xlsx file, whatever its name. {SAVE_AS}")
    if extension in TEXT_EXTENSIONS or _is_text(data[:2048]):
        raise errors.DelimitedText(
            f"{filename} is plain text (.csv or similar), which loses dates and leading zeros. {SAVE_AS}"
        )
    raise errors.NotAWorkbook(f"{filename} is not a workbook. Choose an .xlsx file.")


def _macros(filename: str) -> errors.MacroWorkbook:
    return errors.MacroWorkbook(
        f"{filename} carries macros, which are not accepted. {SAVE_AS} Its macros are left behind; its data is kept."
    )


def _ole(data: bytes, filename: str) -> errors.WorkbookError:
    """Office's old container holds an encrypted .xlsx or an old .xls; the stream's UTF-16 name tells which."""
    if "EncryptedPackage".encode("utf-16-le") in data:
        return errors.EncryptedWorkbook(
            f"{filename} is protected with a password. Open it, remove the password "
            "(File, Info, Protect Workbook, Encrypt with Password, leave it empty), save, and upload it again."
        )
    return errors.OtherSpreadsheetFormat(f"{filename} is an old Excel file (.xls). {SAVE_AS}")


def _is_text(head: bytes) -> bool:
    printable = sum(byte >= 32 or byte in b"\t\r\n" for byte in head)
    return b"\x00" not in head and printable == len(head)


def _archive(data: bytes, filename: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, NotImplementedError, struct.error, ValueError, OSError, UnicodeDecodeError) as error:
        raise damaged(filename, "it is cut off or corrupt") from error


def damaged(filename: str, why: str) -> errors.DamagedWorkbook:
    """Return the error for a file that starts like a workbook and is none."""
    return errors.DamagedWorkbook(
        f"{filename} cannot be read: {why}. Download or save it again and upload the new copy.", details=why
    )


def _check_directory(parts: list[zipfile.ZipInfo], filename: str, limits: Limits) -> None:
    names = [part.filename.replace("\\", "/").lower() for part in parts]
    if len(parts) > limits.max_parts or len(set(names)) != len(names):
        raise damaged(filename, f"its archive lists {len(parts)} parts, some of them perhaps twice")
    if any(part.flag_bits & 1 for part in parts):
        raise errors.EncryptedWorkbook(f"{filename} is an encrypted archive. Save it without a password.")
    _check_contents(names, filename)
    _check_sizes(parts, filename, limits)


def _check_contents(names: list[str], filename: str) -> None:
    if any(name.endswith("vbaproject.bin") for name in names):
        raise _macros(filename)
    if any(name.endswith("workbook.bin") for name in names) or "mimetype" in names:
        raise errors.OtherSpreadsheetFormat(f"{filename} is a spreadsheet, but not an .xlsx file. {SAVE_AS}")
    if "[content_types].xml" not in names or not any(name.endswith("workbook.xml") for name in names):
        raise errors.NotAWorkbook(f"{filename} is an archive without a workbook in it. Choose an .xlsx file.")


def _check_sizes(parts: list[zipfile.ZipInfo], filename: str, limits: Limits) -> None:
    unpacked = sum(part.file_size for part in parts)
    tightest = max(_ratio(part) for part in parts)
    if unpacked > limits.max_unpacked or tightest > limits.max_ratio:
        raise errors.UnpackedTooLarge(
            f"{filename} would unpack to {unpacked / MEGABYTE:,.0f} MB ({tightest:,.0f} times its packed size), more "
            "than a report of this kind needs. Delete empty formatted rows and unused sheets, and save it again.",
            details={"unpacked_bytes": unpacked, "limit": limits.max_unpacked, "ratio": round(tightest)},
        )


def _ratio(part: zipfile.ZipInfo) -> float:
    return part.file_size / max(part.compress_size, 1) if part.file_size > RATIO_FLOOR else 0.0


def _unpack(data: bytes, part: zipfile.ZipInfo, filename: str) -> bytearray:
    """Unpack one part into exactly the bytes that the directory announced.

    The standard library stops silently at the announced size and the reader does not stop at all, so a directory that
    announces too little would carry a bomb past the size check; here it is an error.
    """
    if part.compress_type not in READABLE_METHODS:
        raise damaged(filename, f"{part.filename} is packed in a way that spreadsheets do not use")
    packed = _packed(data, part, filename)
    if part.compress_type == zipfile.ZIP_STORED:
        if len(packed) != part.file_size:
            raise damaged(filename, f"{part.filename} is cut off")
        return bytearray(packed)
    unpacked = bytearray(part.file_size)
    position = 0
    for chunk in _inflate(packed, part, filename):
        if position + len(chunk) > part.file_size:
            raise damaged(filename, f"{part.filename} is larger than its archive says")
        unpacked[position : position + len(chunk)] = chunk
        position += len(chunk)
    if position != part.file_size:
        raise damaged(filename, f"{part.filename} is cut off")
    return unpacked


def _packed(data: bytes, part: zipfile.ZipInfo, filename: str) -> memoryview:
    header = data[part.header_offset : part.header_offset + LOCAL_HEADER]
    if len(header) < LOCAL_HEADER or not header.startswith(ZIP_MAGIC):
        raise damaged(filename, f"{part.filename} is not where its archive says")
    name_length, extra_length = struct.unpack("<HH", header[26:30])
    start = part.header_offset + LOCAL_HEADER + name_length + extra_length
    return memoryview(data)[start : start + part.compress_size]


def _inflate(packed: memoryview, part: zipfile.ZipInfo, filename: str) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    pending: bytes | memoryview = packed
    try:
        while not inflater.eof:
            chunk = inflater.decompress(pending, MEGABYTE)
            pending = inflater.unconsumed_tail
            if not chunk and not pending and not inflater.eof:
                return
            yield chunk
    except zlib.error as error:
        raise damaged(filename, f"{part.filename} is corrupt") from error

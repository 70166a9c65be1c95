"""Which files a ticket takes, told by their bytes alone: what a name or a header claims is never believed."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from ticketing.errors import InvalidInput
from ticketing.vocabulary import AttachmentFileType

LONGEST_NAME = 150
# Room for the longest signature that is looked at.
HEAD = 32

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})
# Besides separators: what Windows refuses in a name, and what would break a header or turn text around.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"|?*;\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file that is taken: `extensions` are those that its names may have, the usual one first."""

    name: str
    mime_type: str
    file_type: AttachmentFileType
    extensions: tuple[str, ...]
    may_be_evidence: bool = True


JPEG: Final = Format("JPEG", "image/jpeg", AttachmentFileType.PHOTO, ("jpg", "jpeg", "jpe", "jfif"))
PNG: Final = Format("PNG", "image/png", AttachmentFileType.PHOTO, ("png",))
WEBP: Final = Format("WebP", "image/webp", AttachmentFileType.PHOTO, ("webp",))
HEIC: Final = Format("HEIC", "image/heic", AttachmentFileType.PHOTO, ("heic", "heif"))
# A drawing or a clip: no camera makes one, so it proves nothing.
GIF: Final = Format("GIF", "image/gif", AttachmentFileType.PHOTO, ("gif",), may_be_evidence=False)
PDF: Final = Format("PDF", "application/pdf", AttachmentFileType.PDF, ("pdf",))
XLSX: Final = Format(
    "Excel", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", AttachmentFileType.EXCEL, ("xlsx",)
)
XLS: Final = Format("Excel 97", "application/vnd.ms-excel", AttachmentFileType.EXCEL, ("xls",))
FORMATS: Final = (JPEG, PNG, WEBP, HEIC, GIF, PDF, XLSX, XLS)

_ACCEPTED = "JPEG, PNG, WebP, HEIC and GIF pictures, PDF and Excel files are accepted"


def sniff(data: bytes) -> Format | None:
    """Return the format that the bytes begin as; None for any other. A zip archive counts as XLSX until looked into."""
    head = data[:HEAD]
    signatures = (
        (head.startswith(b"\xff\xd8\xff"), JPEG),
        (head.startswith(b"\x89PNG\r\n\x1a\n"), PNG),
        (head[:4] == b"RIFF" and head[8:12] == b"WEBP", WEBP),
        (head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS, HEIC),
        (head.startswith((b"GIF87a", b"GIF89a")), GIF),
        (head.startswith(b"%PDF-"), PDF),
        (head.startswith(b"PK\x03\x04"), XLSX),
        (head.startswith(_OLE), XLS),
    )
    return next((found for matches, found in signatures if matches), None)


def require_known(data: bytes, field: str = "file") -> Format:
    """Return the format of a file's bytes. Raises InvalidInput, naming what is accepted, for any other file."""
    if not data:
        raise InvalidInput(f"{field}: the file is empty", details={field: "must not be empty"})
    found = sniff(data)
    if found is None:
        raise InvalidInput(f"{field}: this kind of file is not accepted. {_ACCEPTED}", details={field: _ACCEPTED})
    return found


def require_old_workbook(data: bytes, field: str = "file") -> None:
    """Raise InvalidInput unless an old Office container holds a plain .xls: no password, no macros, no other document.

    The streams of the container are told by their UTF-16 names.
    """
    if "EncryptedPackage".encode("utf-16-le") in data:
        problem = "the workbook is protected with a password: remove it and upload the file again"
    elif "_VBA_PROJECT".encode("utf-16-le") in data:
        problem = "the workbook carries macros: save it as an Excel Workbook (.xlsx) and upload that file"
    elif not any(name.encode("utf-16-le") in data for name in ("Workbook", "Book\0")):
        problem = f"this kind of file is not accepted. {_ACCEPTED}"
    else:
        return
    raise InvalidInput(f"{field}: {problem}", details={field: problem})


def safe_filename(name: str, kind: Format) -> str:
    """Return the name as it may be stored and offered for saving: one plain name, with an ending that tells the truth.

    Folders, control and direction characters go; what is then empty is called `file`; at most LONGEST_NAME characters.
    """
    plain = unicodedata.normalize("NFC", name.encode("utf-8", "ignore").decode())
    plain = _UNSAFE.sub("", plain.replace("\\", "/").rpartition("/")[2])
    plain = " ".join(plain.split()).strip(". ")
    stem, dot, extension = plain.rpartition(".")
    if not dot or extension.lower() not in kind.extensions:
        stem, extension = plain, kind.extensions[0]
    stem = stem[: LONGEST_NAME - len(extension) - 1].strip(". ") or "file"
    if _RESERVED.fullmatch(stem):
        stem = f"_{stem}"[: LONGEST_NAME - len(extension) - 1]
    return f"{stem}.{extension}"

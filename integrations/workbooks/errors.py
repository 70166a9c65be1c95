"""Why a file cannot be read as a workbook. Every message says what the person at the desk can do about it."""

from __future__ import annotations

from typing import Any

from runtime.errors import FibreflowError


class WorkbookError(FibreflowError):
    """The file cannot be read as a workbook; `details["errors"]` says why, as the wire contract has it."""

    code = "PARSE_ERROR"

    def __init__(self, message: str, *, details: dict[str, Any] | str | None = None) -> None:
        figures = details if isinstance(details, dict) else {}
        why = details if isinstance(details, str) else message
        super().__init__(message, details={"errors": [why], **figures})


class EmptyFile(WorkbookError):
    """The file has no bytes."""

    code = "EMPTY_FILE"


class FileTooLarge(WorkbookError):
    """The file has more bytes than are accepted."""


class UnpackedTooLarge(WorkbookError):
    """The file is small but would unpack to far more than a workbook needs (a "zip bomb")."""


class SheetTooLarge(WorkbookError):
    """A sheet reaches beyond the last row or column that is read."""


class MacroWorkbook(WorkbookError):
    """The workbook carries macros."""


class EncryptedWorkbook(WorkbookError):
    """The workbook needs a password."""


class OtherSpreadsheetFormat(WorkbookError):
    """A spreadsheet, but not .xlsx: .xls, .xlsb, .ods, or a table saved as a web page."""


class DelimitedText(WorkbookError):
    """Plain text such as .csv: it has lost which cells were text and which were numbers or dates."""


class NotAWorkbook(WorkbookError):
    """Something else altogether: a picture, a document, an archive."""


class DamagedWorkbook(WorkbookError):
    """Looks like a workbook but is cut off or corrupt."""


class SheetNotFound(WorkbookError):
    """The workbook has no sheet of that name; `details["available_sheets"]` lists those that it has."""

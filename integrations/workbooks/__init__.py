"""Workbooks: reading what others made, writing what others will open. .xlsx only, and nothing is trusted."""

from __future__ import annotations

from integrations.workbooks.archive import Limits
from integrations.workbooks.errors import (
    DamagedWorkbook,
    DelimitedText,
    EmptyFile,
    EncryptedWorkbook,
    FileTooLarge,
    MacroWorkbook,
    NotAWorkbook,
    OtherSpreadsheetFormat,
    SheetNotFound,
    SheetTooLarge,
    UnpackedTooLarge,
    WorkbookError,
)
from integrations.workbooks.neutral import neutralise
from integrations.workbooks.reading import Cell, Sheet, Workbook, open_workbook
from integrations.workbooks.writing import SheetData, write_workbook

__all__ = [
    "Cell",
    "DamagedWorkbook",
    "DelimitedText",
    "EmptyFile",
    "EncryptedWorkbook",
    "FileTooLarge",
    "Limits",
    "MacroWorkbook",
    "NotAWorkbook",
    "OtherSpreadsheetFormat",
    "Sheet",
    "SheetData",
    "SheetNotFound",
    "SheetTooLarge",
    "UnpackedTooLarge",
    "Workbook",
    "WorkbookError",
    "neutralise",
    "open_workbook",
    "write_workbook",
]

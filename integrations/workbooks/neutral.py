"""Text that a spreadsheet would run as a formula, made harmless when written and restored when read back.

A cell whose text starts with one of these characters is a formula to Excel, LibreOffice or Google Sheets when it comes
from a CSV file, or is retyped (OWASP, "CSV Injection"). A leading apostrophe makes it text.
"""

from __future__ import annotations

import re
from typing import TypeVar

T = TypeVar("T")

_DANGEROUS = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")  # noqa: RUF001  # full-width forms are read as the ASCII ones
_PLAIN_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?")


def neutralise(value: T) -> T | str:
    """Return the value, with an apostrophe before it if a spreadsheet would take it for a formula.

    Only text is touched; numbers and dates stay what they are, and so does text that is a plain number ("-22.4",
    "+27821234567"), which can do nothing.
    """
    if isinstance(value, str) and _DANGEROUS.match(value) and not _PLAIN_NUMBER.fullmatch(value):
        return "'" + value
    return value


def restore(text: str) -> str:
    """Return the text as it was before `neutralise`, without the control character that PostgreSQL cannot store."""
    if text[0] == "'" and _DANGEROUS.match(text):
        text = text[1:]
    return text.replace("\x00", "") if "\x00" in text else text

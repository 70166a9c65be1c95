"""What a check of `fibreflow doctor` finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: how grave it is, and what to do about it unless all is well."""

    what: str
    status: Status
    found: str
    advice: str = ""


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its name."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]

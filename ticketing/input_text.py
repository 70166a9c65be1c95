"""What all text of a request has to be before anything else is asked of it."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, field_validator

_LINE_END = re.compile("\r\n?")


def plain_lines(value: Any) -> Any:
    """Return a text with its lines ended as they are kept, by a line feed alone; anything else as it is.

    Browsers and other systems end them otherwise, and what differs only in that is the same text.
    """
    return _LINE_END.sub("\n", value) if isinstance(value, str) else value


def clean_text(value: Any) -> Any:
    """Return a text, or each text of a list, with plain lines; anything else as it is.

    Raises ValueError for text with zero characters: PostgreSQL's has no room for them.
    """
    texts = value if isinstance(value, list) else [value]
    if any(isinstance(text, str) and "\0" in text for text in texts):
        raise ValueError("must not hold zero characters")
    return [plain_lines(text) for text in value] if isinstance(value, list) else plain_lines(value)


class TextInput(BaseModel):
    """A request all of whose texts have plain lines, and none of which holds zero characters."""

    _clean_text = field_validator("*", mode="before")(clean_text)

"""What all text of a request has to be before anything else is asked of it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, field_validator


def no_zero_characters(value: Any) -> Any:
    """Return a value as it is. Raises ValueError for text with zero characters: PostgreSQL's has no room for them."""
    texts = value if isinstance(value, list) else [value]
    if any(isinstance(text, str) and "\0" in text for text in texts):
        raise ValueError("must not hold zero characters")
    return value


class TextInput(BaseModel):
    """A request none of whose texts holds zero characters."""

    _no_zero_characters = field_validator("*", mode="before")(no_zero_characters)

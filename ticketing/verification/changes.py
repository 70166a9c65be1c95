"""What a request may say about a verification step (wire contract, section 4)."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator

from ticketing.input_text import clean_text
from ticketing.ticket_input import Optional, Prose

URL_MAX_LENGTH = 2_000


def _is_web_address(value: str | None) -> str | None:
    """Screens show it as a link: anything but a web address could run there."""
    if value is None:
        return None
    address = urlsplit(value)
    if address.scheme not in {"http", "https"} or not address.netloc:
        raise ValueError("must be a web address, like https://storage.example.com/photo.jpg")
    return value


PhotoUrl = Annotated[
    Annotated[str, StringConstraints(strip_whitespace=True, max_length=URL_MAX_LENGTH)] | None,
    AfterValidator(_is_web_address),
    Optional,
]


class StepChanges(BaseModel):
    """What is to change of a step: only the keys that are given; null clears notes and photo address.

    `completed_by` is you, or whom an admin acts for; it counts only together with `is_complete: true`.
    """

    model_config = ConfigDict(extra="ignore")

    is_complete: bool | None = None
    completed_by: UUID | None = Field(default=None, description="You; an admin may name somebody else")
    photo_url: PhotoUrl = None
    photo_verified: bool | None = Field(default=None, description="QA has looked at the photo and found it good")
    notes: Annotated[Prose | None, Optional] = None

    _clean_text = field_validator("photo_url", "notes", mode="before")(clean_text)

    def given(self) -> dict[str, Any]:
        """Return the fields to change with their new values. For a flag, null means the same as leaving it out."""
        flags = {"is_complete": self.is_complete, "photo_verified": self.photo_verified}
        texts = {name: getattr(self, name) for name in ("photo_url", "notes") if name in self.model_fields_set}
        return {name: value for name, value in flags.items() if value is not None} | texts

"""What a request may say about a note (wire contract, section 9)."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, field_validator
from pydantic import model_validator as validates_whole

from ticketing.input_text import TextInput
from ticketing.instants import Instant
from ticketing.ticket_input import DESCRIPTION_MAX_LENGTH, Optional
from ticketing.vocabulary import NoteType, NoteVisibility

MOST_ATTACHMENTS = 20

Content = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=DESCRIPTION_MAX_LENGTH)]
Attachment = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Author = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]


class NoteInput(TextInput):
    """Keys that are not known are dropped."""

    model_config = ConfigDict(extra="ignore")


def _not_the_systems(value: NoteType) -> NoteType:
    if value == NoteType.SYSTEM:
        raise ValueError("only the system writes notes of type system")
    return value


class NewNote(NoteInput):
    """A note to be written. A `public` one may be told to the client; a `private` one never leaves the house."""

    content: Content
    visibility: NoteVisibility = NoteVisibility.PRIVATE
    note_type: NoteType = Field(default=NoteType.INTERNAL, description="`internal` or `client`")
    is_resolution: bool = False
    attachments: list[Attachment] | None = Field(default=None, max_length=MOST_ATTACHMENTS)
    created_by: Annotated[Author | None, Optional] = Field(
        default=None, description="You; an admin may name somebody else"
    )

    @field_validator("note_type")
    @classmethod
    def _written_by_people(cls, value: NoteType) -> NoteType:
        return _not_the_systems(value)


def _without_defaults(schema: dict[str, Any]) -> None:
    """A key that is not given changes nothing: a documented default would have generated clients send one."""
    for field in schema["properties"].values():
        field.pop("default", None)


class NoteChanges(NoteInput):
    """What is to change of a note: only the keys that are given. `updated_at` is the version that the caller saw."""

    # The defaults are never used: only given keys count.
    model_config = ConfigDict(json_schema_extra=_without_defaults)

    content: Content = ""
    visibility: NoteVisibility = NoteVisibility.PRIVATE
    is_resolution: bool = False
    updated_at: Annotated[Instant | None, BeforeValidator(lambda value: value or None)] = None

    @validates_whole(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set - {"updated_at"}:
            raise ValueError("Name at least one of content, visibility and is_resolution")
        return self

    def given(self) -> dict[str, Any]:
        """Return the fields to change with their new values."""
        return self.model_dump(mode="json", include=self.model_fields_set - {"updated_at"})

"""What a request may say about teams and their members (wire contract, section 17.3)."""

from __future__ import annotations

import re
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from ticketing.input_text import TextInput
from ticketing.instants import Instant
from ticketing.phones import Phone
from ticketing.ticket_input import Optional

DEFAULT_TYPE = "internal"
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def _address(value: str) -> str:
    if not _EMAIL.fullmatch(value):
        raise ValueError("must be an e-mail address")
    return value


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]
Reference = Annotated[Words | None, Optional]
Email = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), AfterValidator(_address)]


class _TeamInput(TextInput):
    model_config = ConfigDict(extra="ignore")


class NewTeam(_TeamInput):
    """A team to be made."""

    name: Name
    description: Annotated[Words | None, Optional] = None
    team_type: Word = Field(default=DEFAULT_TYPE, description="Any word: internal, contractor, field, support ...")
    lead_user_id: Reference = None
    contractor_id: Reference = None


def _without_defaults(schema: dict[str, Any]) -> None:
    """A key that is not given changes nothing: a documented default would have generated clients send one."""
    for field in schema["properties"].values():
        field.pop("default", None)


class TeamChanges(_TeamInput):
    """What is to change of a team: only the keys that are given. `updated_at` is the version that the caller saw."""

    # The defaults are never used: only given keys count.
    model_config = ConfigDict(json_schema_extra=_without_defaults)

    name: Name = ""
    description: Annotated[Words | None, Optional] = None
    team_type: Word = DEFAULT_TYPE
    lead_user_id: Reference = None
    contractor_id: Reference = None
    is_active: bool = True
    updated_at: Annotated[Instant | None, BeforeValidator(lambda value: value or None)] = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set - {"updated_at"}:
            raise ValueError("Name at least one field to change")
        return self

    def given(self) -> dict[str, Any]:
        """Return the fields to change with their new values, references still as text."""
        return self.model_dump(include=self.model_fields_set - {"updated_at"})


class NewMember(_TeamInput):
    """Somebody to join a team; `user_id` where the person signs in here."""

    first_name: Name
    last_name: Name
    user_id: Reference = None
    contractor_id: Reference = None
    email: Annotated[Email | None, Optional] = None
    phone: Annotated[Phone | None, Optional] = None
    role: Annotated[Word | None, Optional] = None
    skill_level: Annotated[Word | None, Optional] = None
    is_team_lead: bool = False

"""What a request may say about a handover (wire contract, section 8)."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ticketing.errors import InvalidInput
from ticketing.handover.rules import OWNERS
from ticketing.ticket_input import Optional
from ticketing.vocabulary import HandoverType, Owner


def _unless_missing(values: Any) -> Any:
    """Name what is missing in the contract's words."""
    missing = [name for name in ("handover_type", "handover_by") if isinstance(values, dict) and not values.get(name)]
    if missing:
        problems = {name: f"{name} is required" for name in missing}
        raise InvalidInput("; ".join(problems.values()), details=problems)
    return values


class NewHandover(BaseModel):
    """A handover to be made. Who gives and who takes follows from its type; naming them otherwise is a mistake."""

    model_config = ConfigDict(extra="ignore")

    handover_type: HandoverType
    handover_by: UUID = Field(description="You; an admin may name somebody else")
    from_owner_type: Annotated[Owner | None, Optional] = None
    from_owner_id: Annotated[UUID | None, Optional] = None
    to_owner_type: Annotated[Owner | None, Optional] = None
    to_owner_id: Annotated[UUID | None, Optional] = None

    @model_validator(mode="before")
    @classmethod
    def _names_what_is_required(cls, values: Any) -> Any:
        return _unless_missing(values)

    @field_validator("handover_by", mode="before")
    @classmethod
    def _says_who(cls, value: Any) -> Any:
        try:
            return UUID(str(value))
        except ValueError as error:
            raise ValueError("Invalid handover_by ID format") from error

    def require_owners(self) -> None:
        """Raise InvalidInput where the request names other owners than its type has."""
        giver, taker = OWNERS[self.handover_type]
        given = {"from_owner_type": (self.from_owner_type, giver), "to_owner_type": (self.to_owner_type, taker)}
        problems = {
            field: f"a {self.handover_type.value} handover has {due.value} here"
            for field, (said, due) in given.items()
            if said is not None and said != due
        }
        if problems:
            raise InvalidInput("; ".join(f"{name}: {text}" for name, text in problems.items()), details=problems)

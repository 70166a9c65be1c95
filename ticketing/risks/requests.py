"""What a request may say about a risk acceptance (wire contract, section 6)."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints

from ticketing.days import whole_day_end
from ticketing.input_text import TextInput
from ticketing.instants import Instant
from ticketing.ticket_input import DESCRIPTION_MAX_LENGTH, Optional
from ticketing.vocabulary import RiskType

Deadline = Annotated[Instant | None, BeforeValidator(whole_day_end), Optional]
Prose = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=DESCRIPTION_MAX_LENGTH)]
StepNumber = Annotated[int, Field(ge=1, le=12)]


class _RiskInput(TextInput):
    model_config = ConfigDict(extra="ignore")


class NewRisk(_RiskInput):
    """A risk to be accepted."""

    risk_type: RiskType
    risk_description: Prose
    accepted_by: UUID = Field(description="You; an admin may name somebody else")
    conditions: Annotated[Prose | None, Optional] = None
    outstanding_steps: list[StepNumber] | None = Field(
        default=None,
        max_length=12,
        description="Steps that may stand open. Not given: all that are open now; an empty list: none",
    )
    covers_handover: bool = Field(default=False, description="Whether a handover may go ahead with this risk")
    risk_expiry_date: Deadline = Field(default=None, description="A time with a zone, or a day (counts to its end)")
    requires_followup: bool = True
    followup_date: Deadline = Field(default=None, description="A time with a zone, or a day (counts to its end)")


class RiskResolution(_RiskInput):
    """How a risk was resolved, and by whom."""

    resolved_by: UUID = Field(description="You; an admin may name somebody else")
    resolution_notes: Prose

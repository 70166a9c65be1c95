"""What a request may say about escalations and thresholds (wire contract, section 11)."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, field_validator

from ticketing.input_text import TextInput
from ticketing.instants import Instant
from ticketing.repeat_faults.rules import LONGEST_WINDOW_DAYS, MOST_FAULTS
from ticketing.ticket_input import DESCRIPTION_MAX_LENGTH, TEXT_MAX_LENGTH
from ticketing.vocabulary import EscalationStatus, EscalationType

Prose = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=DESCRIPTION_MAX_LENGTH)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=TEXT_MAX_LENGTH)]
Faults = Annotated[int, Field(ge=1, le=MOST_FAULTS)]
WindowDays = Annotated[int, Field(ge=1, le=LONGEST_WINDOW_DAYS)]


class Resolution(TextInput):
    """How an escalation was resolved, and by whom."""

    model_config = ConfigDict(extra="ignore")

    resolved_by: Name = Field(description="You; an admin may name somebody else")
    resolution_notes: Prose
    status: EscalationStatus = Field(description="`resolved`, or `no_action` where nothing needs to be done")

    @field_validator("status")
    @classmethod
    def _resolves(cls, status: EscalationStatus) -> EscalationStatus:
        if status not in (EscalationStatus.RESOLVED, EscalationStatus.NO_ACTION):
            raise ValueError("must be resolved or no_action")
        return status


class Investigation(TextInput):
    """That somebody looks into an escalation, and what it asks for if that has become clear."""

    model_config = ConfigDict(extra="ignore")

    escalation_type: EscalationType | None = None


class ThresholdsChange(TextInput):
    """How many faults in how many days are too many, whole; `updated_at` is the version that the caller saw."""

    model_config = ConfigDict(extra="forbid")

    window_days: WindowDays
    pole_threshold: Faults
    pon_threshold: Faults
    zone_threshold: Faults
    dr_threshold: Faults
    reason: Name | None = None
    updated_at: Instant | None = None


class ThresholdsView(BaseModel):
    """Thresholds on the wire; `project_id` null: the default of every project without its own."""

    project_id: UUID | None
    project_code: str | None
    project_name: str | None
    window_days: int
    pole_threshold: int
    pon_threshold: int
    zone_threshold: int
    dr_threshold: int
    updated_at: AwareDatetime
    updated_by: UUID | None

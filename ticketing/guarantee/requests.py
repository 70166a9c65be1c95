"""What requests may say about guarantees: shapes, lengths and words."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from ticketing.guarantee.rules import BILLABLE, FIELDS, FIRST_DAY, LONGEST_DAYS
from ticketing.input_text import clean_text
from ticketing.instants import Instant
from ticketing.ticket_input import TEXT_MAX_LENGTH, DrNumber
from ticketing.vocabulary import BillingClassification, GuaranteeStatus

MOST_INSTALLATIONS = 1_000

Day = Annotated[date, Field(ge=FIRST_DAY)]
Days = Annotated[int, Field(ge=0, le=LONGEST_DAYS)]
Why = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=TEXT_MAX_LENGTH)]


class GuaranteeChanges(BaseModel):
    """What is to change of a ticket's guarantee: only the keys that are given.

    Any of the four classified fields is a person's decision: it needs a reason, and holds until `automatic` gives the
    ticket back to the rules.
    """

    model_config = ConfigDict(extra="forbid")

    installation_date: Day | None = Field(default=None, description="A local day; null: the drop's counts again")
    guarantee_status: GuaranteeStatus | None = None
    guarantee_expires_at: Instant | None = None
    billing_classification: BillingClassification | None = None
    is_billable: bool | None = Field(default=None, description="Follows the billing classification if not given")
    automatic: bool = Field(default=False, description="True gives the ticket back to the rules")
    reason: Why | None = Field(default=None, description="Needed wherever a person decides otherwise than the rules")
    updated_at: Instant | None = Field(default=None, description="The version of the ticket that you saw")

    _clean_text = field_validator("reason")(clean_text)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        decided = self.decided()
        if not (decided or self.automatic or "installation_date" in self.model_fields_set):
            raise ValueError("Name at least one field to change")
        if decided and self.automatic:
            raise ValueError("either a decision of your own or `automatic`, not both")
        if decided and self.reason is None:
            raise ValueError("a decision of your own needs a reason")
        if decided.keys() & {"guarantee_status", "billing_classification", "is_billable"} != {
            field for field, value in decided.items() if value is not None and field != "guarantee_expires_at"
        }:
            raise ValueError("guarantee_status, billing_classification and is_billable cannot be empty")
        return self

    def decided(self) -> dict[str, Any]:
        """Return the classified fields that a person sets, with plain words."""
        given = {field: getattr(self, field) for field in FIELDS if field in self.model_fields_set}
        if self.billing_classification is not None and "is_billable" not in given:
            given["is_billable"] = self.billing_classification in BILLABLE
        return {field: getattr(value, "value", value) for field, value in given.items()}


class PeriodsChange(BaseModel):
    """A project's guarantee periods, whole; `updated_at` is the version that the caller saw."""

    model_config = ConfigDict(extra="forbid")

    installation_days: Days
    material_days: Days
    contractor_liable_during_guarantee: bool = True
    auto_classify_out_of_guarantee: bool = True
    reason: Why | None = None
    updated_at: Instant | None = None


class Installation(BaseModel):
    """The day on which a drop was installed; null takes it back."""

    model_config = ConfigDict(extra="forbid")

    dr_number: DrNumber
    installed_on: Day | None


class Installations(BaseModel):
    """Drops with the days on which they were installed, each drop once."""

    model_config = ConfigDict(extra="forbid")

    installations: list[Installation] = Field(min_length=1, max_length=MOST_INSTALLATIONS)

    @model_validator(mode="after")
    def _each_drop_once(self) -> Self:
        numbers = [one.dr_number for one in self.installations]
        twice = sorted({number for number in numbers if numbers.count(number) > 1})[:10]
        if twice:
            raise ValueError(f"a drop can be installed once only; named twice: {', '.join(twice)}")
        return self


class PeriodsView(BaseModel):
    """Guarantee periods on the wire; `project_id` null: the default of every project without its own."""

    project_id: UUID | None
    project_code: str | None
    project_name: str | None
    installation_days: int
    material_days: int
    contractor_liable_during_guarantee: bool
    auto_classify_out_of_guarantee: bool
    updated_at: AwareDatetime
    updated_by: UUID | None

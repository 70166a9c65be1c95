"""What a request may say about a ticket: shapes, lengths and words (wire contract, section 3.2)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from ticketing.input_text import TextInput
from ticketing.instants import Instant
from ticketing.vocabulary import (
    DR_NUMBER_PATTERN,
    EXTERNAL_ID_MAX_LENGTH,
    ONT_RX_READABLE_DBM,
    PLACE_MAX_LENGTH,
    TITLE_MAX_LENGTH,
    BillingClassification,
    FaultCause,
    GuaranteeStatus,
    Priority,
    Source,
    Status,
    TicketType,
)

DESCRIPTION_MAX_LENGTH = 20_000
TEXT_MAX_LENGTH = 500
NAME_MAX_LENGTH = 100


def _blank_is_none(value: Any) -> Any:
    """Forms send empty fields as empty text: that means nothing."""
    return None if isinstance(value, str) and not value.strip() else value


def _upper(value: Any) -> Any:
    return value.strip().upper() if isinstance(value, str) else value


def _to_hundredths(value: Decimal | None) -> Decimal | None:
    return None if value is None else round(value, 2)


Optional = BeforeValidator(_blank_is_none)
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=TITLE_MAX_LENGTH)]
Place = Annotated[str, StringConstraints(strip_whitespace=True, max_length=PLACE_MAX_LENGTH)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=NAME_MAX_LENGTH)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=TEXT_MAX_LENGTH)]
Prose = Annotated[str, StringConstraints(max_length=DESCRIPTION_MAX_LENGTH)]
DrNumber = Annotated[str, StringConstraints(pattern=DR_NUMBER_PATTERN), BeforeValidator(_upper)]
RxLevel = Annotated[Decimal, Field(ge=ONT_RX_READABLE_DBM[0], le=ONT_RX_READABLE_DBM[1])]


class Position(BaseModel):
    """A place on the globe, in degrees (WGS 84)."""

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)


class _TicketInput(TextInput):
    """Keys that are not known are dropped; numbers where text is due are taken as text: screens send `"zone_id": 3`."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)


class NewTicket(_TicketInput):
    """A ticket to be made. `status` is no field of it: where a ticket begins is ours to say."""

    source: Source
    title: Title
    ticket_type: TicketType
    priority: Priority = Priority.NORMAL
    description: Annotated[Prose | None, Optional] = None
    external_id: Annotated[
        Annotated[str, StringConstraints(strip_whitespace=True, max_length=EXTERNAL_ID_MAX_LENGTH)] | None, Optional
    ] = None
    client_name: Annotated[Text | None, Optional] = None
    client_contact: Annotated[Text | None, Optional] = None
    client_email: Annotated[Text | None, Optional] = None
    dr_number: Annotated[DrNumber | None, Optional] = None
    project_id: Annotated[Text | None, Optional] = Field(default=None, description="A project's id or code")
    zone_id: Annotated[Place | None, Optional] = None
    pole_number: Annotated[Place | None, Optional] = None
    pon_number: Annotated[Place | None, Optional] = None
    address: Annotated[Text | None, Optional] = None
    gps_coordinates: Position | None = None
    assigned_to: Annotated[Text | None, Optional] = None
    assigned_contractor_id: Annotated[Text | None, Optional] = None
    assigned_team_id: Annotated[Text | None, Optional] = None
    assigned_team: Annotated[Name | None, Optional] = None
    created_by: Annotated[Text | None, Optional] = Field(
        default=None, description="You; an admin may name somebody else"
    )

    @field_validator("priority", mode="before")
    @classmethod
    def _no_priority_is_normal(cls, value: Any) -> Any:
        return Priority.NORMAL if _blank_is_none(value) is None else value


def _without_defaults(schema: dict[str, Any]) -> None:
    """A key that is not given changes nothing: a documented default would have generated clients send one."""
    for field in schema["properties"].values():
        field.pop("default", None)


class TicketChanges(_TicketInput):
    """What is to change of a ticket: only the keys that are given; null clears where a field may be empty.

    `reason` explains a move (a rejection needs one), `updated_at` is the version that the caller saw, `closed_by` is
    who closes; these three alone change nothing.
    """

    # The defaults of the fields that may not be null are never used: only given keys count.
    model_config = ConfigDict(json_schema_extra=_without_defaults)

    title: Title = ""
    description: Annotated[Prose | None, Optional] = None
    status: Status = Status.OPEN
    priority: Priority = Priority.NORMAL
    assigned_to: Annotated[Text | None, Optional] = None
    assigned_contractor_id: Annotated[Text | None, Optional] = None
    assigned_team_id: Annotated[Text | None, Optional] = None
    assigned_team: Annotated[Name | None, Optional] = None
    dr_number: Annotated[DrNumber | None, Optional] = None
    project_id: Annotated[Text | None, Optional] = Field(default=None, description="A project's id or code")
    zone_id: Annotated[Place | None, Optional] = None
    pole_number: Annotated[Place | None, Optional] = None
    pon_number: Annotated[Place | None, Optional] = None
    address: Annotated[Text | None, Optional] = None
    gps_coordinates: Position | None = None
    ont_serial: Annotated[Name | None, Optional] = None
    ont_model: Annotated[Name | None, Optional] = None
    ont_rx_level: Annotated[RxLevel | None, AfterValidator(_to_hundredths), Optional] = None
    guarantee_status: Annotated[GuaranteeStatus | None, Optional] = None
    guarantee_expires_at: Annotated[Instant | None, Optional] = None
    is_billable: bool | None = None
    billing_classification: Annotated[BillingClassification | None, Optional] = None
    fault_cause: Annotated[FaultCause | None, Optional] = None
    fault_cause_details: Annotated[Prose | None, Optional] = None
    qa_ready: bool = False
    sla_due_at: Annotated[Instant | None, Optional] = None
    sla_first_response_at: Annotated[Instant | None, Optional] = None
    sla_breached: bool = False
    reason: Annotated[Text | None, Optional] = None
    updated_at: Instant | None = None
    closed_by: Annotated[Text | None, Optional] = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set - {"reason", "updated_at", "closed_by"}:
            raise ValueError("Name at least one field to change")
        return self

    def given(self) -> dict[str, Any]:
        """Return the fields to change with their new values, references still as text, without status and company."""
        aside = {"status", "gps_coordinates", "reason", "updated_at", "closed_by"}
        values: dict[str, Any] = {name: _plain(getattr(self, name)) for name in self.model_fields_set - aside}
        return values | (position_columns(self.gps_coordinates) if "gps_coordinates" in self.model_fields_set else {})

    @property
    def requested_status(self) -> str | None:
        """The status asked for, or None."""
        return self.status.value if "status" in self.model_fields_set else None


def position_columns(position: Position | None) -> dict[str, Decimal | None]:
    """Return a position as the columns that keep it, to a millionth of a degree (a tenth of a metre)."""
    if position is None:
        return {"latitude": None, "longitude": None}
    return {
        "latitude": round(Decimal(str(position.latitude)), 6),
        "longitude": round(Decimal(str(position.longitude)), 6),
    }


def _plain(value: Any) -> Any:
    return value.value if hasattr(value, "value") and not isinstance(value, datetime) else value

"""What may be asked of the sync: shapes and words (wire contract, section 13)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints

from ticketing.days import whole_day_end, whole_day_start
from ticketing.errors import InvalidInput
from ticketing.input_text import TextInput
from ticketing.instants import Instant
from ticketing.ticket_input import Optional
from ticketing.vocabulary import SyncDirection

MOST_TICKETS = 100


class SyncRequest(TextInput):
    """What to sync: everything both ways, unless a direction, tickets or a time are named.

    The CRM can be asked for neither: a time chooses among the cases that we know, by their last change there.
    `force_resync` reads every case as a whole, also those of which the list says nothing new.
    """

    model_config = ConfigDict(extra="ignore")

    sync_direction: str | None = Field(default=None, description="`inbound` or `outbound`; both if not given")
    start_date: Annotated[Instant | None, BeforeValidator(whole_day_start), Optional] = Field(
        default=None, description="A time with a zone, or a local day"
    )
    end_date: Annotated[Instant | None, BeforeValidator(whole_day_end), Optional] = Field(
        default=None, description="A time with a zone, or a local day, which counts whole"
    )
    ticket_ids: list[UUID] | None = Field(default=None, min_length=1, max_length=MOST_TICKETS)
    force_resync: bool = False

    def directions(self) -> tuple[SyncDirection, ...]:
        """Return which ways to sync. Raises InvalidInput for an unknown direction."""
        if self.sync_direction is None:
            return tuple(SyncDirection)
        known = [word.value for word in SyncDirection]
        if self.sync_direction not in known:
            problem = f"must be one of {', '.join(known)}"
            raise InvalidInput(
                f"Invalid sync_direction: {problem}", details={"sync_direction": problem, "valid_values": known}
            )
        return (SyncDirection(self.sync_direction),)

    def period(self) -> tuple[datetime | None, datetime | None] | None:
        """Return from when to when; None where no time is named. Raises InvalidInput for a start after the end."""
        if self.start_date is not None and self.end_date is not None and self.start_date > self.end_date:
            problem = "start_date must not be after end_date"
            raise InvalidInput(f"Invalid date range: {problem}", details={"start_date": problem})
        return (self.start_date, self.end_date) if self.start_date or self.end_date else None


class ConflictChoice(TextInput):
    """Which side is right; `note` says why, for those who will ask."""

    model_config = ConfigDict(extra="ignore")

    choice: Literal["ours", "theirs"] = Field(
        description="`ours` stays and is told to QContact; `theirs` is taken over"
    )
    note: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)] | None = None

"""What a request may say about an item of the queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from ticketing.inbound_messages.rules import says_something
from ticketing.input_text import TextInput
from ticketing.ticket_input import DESCRIPTION_MAX_LENGTH, DrNumber, NewTicket, Optional, Prose, Text, Title
from ticketing.vocabulary import TITLE_MAX_LENGTH, Priority, Source, TicketType

Why = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class TriageInput(TextInput):
    """Keys that are not known are dropped."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)


class AttachTo(TriageInput):
    """The ticket that a message belongs to."""

    ticket_id: UUID
    reason: Annotated[Why | None, Optional] = None


class Dismissal(TriageInput):
    """That a message belongs nowhere, and why."""

    reason: Why


class TicketFromMessage(TriageInput):
    """A ticket to be made of a message; what is not given is taken from the message."""

    title: Annotated[Title | None, Optional] = Field(default=None, description="If left out: how the message begins")
    ticket_type: TicketType = TicketType.MAINTENANCE
    source: Source = Source.AD_HOC
    priority: Priority = Priority.NORMAL
    description: Annotated[Prose | None, Optional] = Field(default=None, description="If left out: the message")
    dr_number: Annotated[DrNumber | None, Optional] = Field(
        default=None, description="If left out: the drop that the message is about, if it is about one"
    )
    project_id: Annotated[Text | None, Optional] = Field(default=None, description="A project's id or code")
    address: Annotated[Text | None, Optional] = None
    client_name: Annotated[Text | None, Optional] = Field(default=None, description="If left out: the sender's name")
    client_contact: Annotated[Text | None, Optional] = Field(
        default=None, description="If left out: the sender's telephone"
    )
    assigned_to: Annotated[Text | None, Optional] = None
    assigned_contractor_id: Annotated[Text | None, Optional] = None
    assigned_team_id: Annotated[Text | None, Optional] = None

    def of(self, message: Mapping[str, Any]) -> NewTicket:
        """Return the ticket to be made."""
        named = message["drop_numbers"]
        drop = self.dr_number or message["dr_number"] or (named[0] if len(named) == 1 else None)
        given = self.model_dump() | {
            "dr_number": drop,
            "title": self.title or _title(message["body"], drop),
            "description": self.description or message["body"][:DESCRIPTION_MAX_LENGTH],
            "client_name": self.client_name or message["sender_name"],
            "client_contact": self.client_contact or message["sender_phone"],
        }
        return NewTicket.model_validate(given)


def _title(body: str, drop: str | None) -> str:
    first = next((line for line in body.splitlines() if says_something(line)), "")
    return " ".join(first.split())[:TITLE_MAX_LENGTH] or f"WhatsApp message{f' about {drop}' if drop else ''}"

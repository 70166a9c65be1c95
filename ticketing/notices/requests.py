"""What a request may ask to be sent, and how it becomes a notice (wire contract, section 16)."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints

from sql.database import Connection, queries
from ticketing.errors import ConditionNotMet, DomainError, InvalidInput
from ticketing.events import UnitOfWork
from ticketing.input_text import TextInput
from ticketing.notices import contacts
from ticketing.notices.recipients import Recipient, choose
from ticketing.notices.rules import Limits
from ticketing.notices.templates import LONGEST_TEXT, filled_in, render, template_named
from ticketing.notices.writing import Draft, Written, templated, write
from ticketing.people import Actor
from ticketing.phones import Phone
from ticketing.ticket_locks import lock_ticket
from ticketing.ticket_views import get_ticket
from ticketing.vocabulary import RecipientType

LONGEST_PHONE = 20
ASKED_FOR = "asked_for"

_Unset = BeforeValidator(lambda value: None if value == "" else value)
_Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=LONGEST_TEXT)]
_ContractPhone = Annotated[Phone, StringConstraints(max_length=LONGEST_PHONE)]


class NoticesNotSetUp(DomainError):
    """There is no gateway to WhatsApp; says which settings to set."""

    code: ClassVar[str] = "SERVICE_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__(
            "No gateway to WhatsApp is set up: set FIBREFLOW_WAHA_URL and FIBREFLOW_WAHA_API_KEY",
            details={"service": "waha"},
        )


class NewNotice(TextInput):
    """A notice to be sent: by template with its variables, or with a text of its own; one of the two."""

    model_config = ConfigDict(extra="ignore")

    recipient_type: RecipientType
    recipient_phone: _ContractPhone
    recipient_name: Annotated[Annotated[str, StringConstraints(max_length=200)] | None, _Unset] = None
    ticket_id: Annotated[UUID | None, _Unset] = None
    template_id: Annotated[str | None, _Unset] = None
    variables: dict[str, Any] | None = None
    message_content: Annotated[_Text | None, _Unset] = None


class NoticePreview(TextInput):
    """A notice to be looked at. With a ticket, what the ticket knows fills in variables that are not given."""

    model_config = ConfigDict(extra="ignore")

    template_id: str = Field(min_length=1)
    variables: dict[str, Any] = Field(default_factory=dict)
    ticket_id: Annotated[UUID | None, _Unset] = None


def ask(work: UnitOfWork, new: NewNotice, limits: Limits) -> Written:
    """Write the notice that a request asks for.

    Raises InvalidInput, TemplateError, NotFound for a ticket that the actor may not see, and ConditionNotMet for a
    telephone whose owner asked not to be written to.
    """
    draft = draft_of(new)
    if new.ticket_id is not None:
        lock_ticket(work, new.ticket_id)
    known = contacts.find_contact(work.connection, new.recipient_phone)
    if known is not None and known["opted_out_at"] is not None:
        reason = known["opted_out_reason"]
        raise ConditionNotMet("The recipient asked not to be written to", details={"reason": reason})
    return write(work, draft, limits)


def draft_of(new: NewNotice) -> Draft:
    """Return the draft of a request. Raises InvalidInput naming what is missing, and TemplateError."""
    recipient = Recipient(type=new.recipient_type, phone=new.recipient_phone, name=new.recipient_name)
    if (new.template_id is None) == (not new.message_content):
        problem = "give either template_id with its variables, or message_content"
        raise InvalidInput(f"message: {problem}", details={"message": problem})
    if new.template_id is not None:
        if new.variables is None:
            problem = "the template needs its variables"
            raise InvalidInput(f"variables: {problem}", details={"variables": problem})
        template = template_named(new.template_id)
        return templated(template, new.variables, recipient, ticket_id=new.ticket_id, cause=ASKED_FOR)
    text = new.message_content or ""
    subject = f"text:{hashlib.sha256(text.encode()).hexdigest()}"
    return Draft(recipient=recipient, text=text, subject=subject, ticket_id=new.ticket_id, cause=ASKED_FOR)


def preview(connection: Connection, actor: Actor, wanted: NoticePreview) -> dict[str, Any]:
    """Return what a notice would say, and to whom it would go where a ticket is named; nothing is written.

    Raises TemplateError naming the variables that are missing, and NotFound for a ticket that the actor may not see.
    """
    template = template_named(wanted.template_id)
    known: dict[str, Any] = {}
    recipient = None
    if wanted.ticket_id is not None:
        get_ticket(connection, actor, wanted.ticket_id)
        facts = queries("notices").read_ticket_to_tell_of(connection, ticket_id=wanted.ticket_id)
        recipient = choose(facts)
        known = {"ticket_uid": facts["ticket_uid"], "dr_number": facts["dr_number"]}
        known["assignee_name"] = recipient.name if recipient else None
    variables = {name: value for name, value in known.items() if value} | wanted.variables
    return {
        "template_id": template,
        "message_content": render(template, variables),
        "variables": filled_in(template, variables),
        "recipient_type": recipient.type if recipient else None,
        "recipient_name": recipient.name if recipient else None,
    }

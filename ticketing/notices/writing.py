"""Writing notices down. The row comes first; whoever calls enqueues the job that sends it in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from pydantic_core import to_json

from sql.database import queries
from ticketing.errors import NotFound
from ticketing.events import TicketEvent, UnitOfWork
from ticketing.notices.occasions import Occasion, is_stale, variables_of
from ticketing.notices.recipients import STAND_INS, Recipient, became_recipient, choose, person, stand_ins
from ticketing.notices.rules import DAY, SAID_ONCE_FOR, Limits, dedupe_key, earliest_start
from ticketing.notices.templates import filled_in, render
from ticketing.vocabulary import NotificationTemplate

OPTED_OUT = "OPTED_OUT"
OPTED_OUT_MESSAGE = "this person asked not to be written to"


@dataclass(frozen=True, kw_only=True)
class NoticeNotPossible(TicketEvent):
    """There was something to tell and nobody to tell it to; `details` names the template and why."""

    name: ClassVar[str] = "notice_not_possible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A notice to be written. `text` is what it says; `subject` tells it from others in the five-minute rule."""

    recipient: Recipient
    text: str
    subject: str
    ticket_id: UUID | None = None
    template: NotificationTemplate | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    cause: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What came of writing a notice.

    `notice_id` is the new row, or, with `repeated`, the one that said the same less than five minutes ago. `not_before`
    is when it may go out; None where nothing is to be sent: said already, or to somebody who does not want it.
    `skipped` says why there is no notice at all.
    """

    notice_id: UUID | None = None
    not_before: datetime | None = None
    repeated: bool = False
    skipped: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as a job's result keeps it."""
        notice_id = str(self.notice_id) if self.notice_id else None
        not_before = self.not_before.isoformat() if self.not_before else None
        told = {"notice_id": notice_id, "not_before": not_before, "repeated": self.repeated, "skipped": self.skipped}
        return {key: value for key, value in told.items() if value}


def templated(
    template: NotificationTemplate,
    variables: Mapping[str, Any],
    recipient: Recipient,
    ticket_id: UUID | None,
    cause: str,
) -> Draft:
    """Return the draft of a notice by template. Raises TemplateError for missing variables: nothing is written then."""
    return Draft(
        recipient=recipient,
        text=render(template, variables),
        subject=template.value,
        ticket_id=ticket_id,
        template=template,
        variables=filled_in(template, variables),
        cause=cause,
    )


def tell(work: UnitOfWork, ticket_id: UUID, occasion: Occasion, limits: Limits) -> list[Written]:
    """Write the notices that an occasion asks for, to whoever is to be told now: one each, or why there is none.

    Where nobody can be told, the ticket's timeline says so. Raises NotFound for no such ticket.
    """
    if queries("notices").keep_ticket(work.connection, ticket_id=ticket_id) is None:
        raise NotFound(f"Ticket {ticket_id} not found", details={"ticket_id": str(ticket_id)})
    facts = queries("notices").read_ticket_to_tell_of(work.connection, ticket_id=ticket_id)
    if is_stale(occasion, facts):
        return [Written(skipped=f"the ticket is {facts['status']}")]
    recipients = _recipients(work, occasion, facts)
    if not recipients:
        return [_nobody(work, ticket_id, occasion, facts)]
    if occasion.changed and not became_recipient(recipients[0], occasion.changed):
        return [Written(skipped="who is told of this ticket did not change")]
    return [write(work, _draft(occasion, facts, recipient, ticket_id), limits) for recipient in recipients]


def write(work: UnitOfWork, draft: Draft, limits: Limits) -> Written:
    """Write a notice down with the first start that quiet hours and the contact's caps leave it.

    Notices to one person go out in the order in which they were written. To somebody who opted out it is written as
    failed: the figures count what was asked for. Call it with the ticket, if there is one, locked or kept.
    """
    contact = queries("notices").lock_contact(work.connection, phone=draft.recipient.phone, now=work.now)
    refused = contact["opted_out_at"] is not None
    not_before = work.now if refused else next_slot(work, draft.recipient.phone, limits)
    key = dedupe_key(draft.subject, draft.recipient.phone, draft.ticket_id)
    notice_id: UUID | None = _insert(work, draft, key, not_before, refused=refused)
    if notice_id is None:
        earlier = queries("notices").find_same_notice(
            work.connection, dedupe_key=key, now=work.now, dedupe_until=work.now + SAID_ONCE_FOR
        )
        return Written(notice_id=earlier, repeated=True)
    return Written(notice_id=notice_id, not_before=None if refused else not_before)


def next_slot(work: UnitOfWork, phone: str, limits: Limits, *, notice_id: UUID | None = None) -> datetime:
    """Return when one more notice may go out to a locked contact; `notice_id` is one that gives up its own turn."""
    rows = queries("notices").list_slots_of_contact(
        work.connection,
        phone=phone,
        since=work.now - DAY,
        except_id=notice_id,
        most=max(limits.per_contact_per_day, limits.per_contact_per_hour),
    )
    slots = [row["not_before"] for row in rows]
    # In turn: whoever is told twice must not hear the later news first. So the newest starts are all that matter.
    return earliest_start(max([work.now, *slots]), slots, (), limits)


def _insert(work: UnitOfWork, draft: Draft, key: str, not_before: datetime, *, refused: bool) -> UUID | None:
    notice_id: UUID | None = queries("notices").insert_notice(
        work.connection,
        ticket_id=draft.ticket_id,
        recipient_type=draft.recipient.type.value,
        recipient_phone=draft.recipient.phone,
        recipient_name=draft.recipient.name,
        recipient_user_id=draft.recipient.user_id,
        message_template=draft.template.value if draft.template else None,
        template_variables=to_json(dict(draft.variables)).decode(),
        message_content=draft.text,
        dedupe_key=key,
        dedupe_until=work.now + SAID_ONCE_FOR,
        not_before=not_before,
        cause=draft.cause,
        error_code=OPTED_OUT if refused else None,
        error_message=OPTED_OUT_MESSAGE if refused else None,
        created_by=work.actor.user_id,
        now=work.now,
    )
    return notice_id


def _draft(occasion: Occasion, facts: Mapping[str, Any], recipient: Recipient, ticket_id: UUID) -> Draft:
    variables = variables_of(occasion, facts, recipient)
    return templated(occasion.template, variables, recipient, ticket_id=ticket_id, cause=occasion.cause)


def _recipients(work: UnitOfWork, occasion: Occasion, facts: Mapping[str, Any]) -> list[Recipient]:
    """Return whom the event names, else whom the ticket does, else those who stand in for them."""
    told = None
    if occasion.tell is not None:
        told = person(queries("notices").read_person_to_tell(work.connection, user_id=occasion.tell))
    told = told or choose(facts)
    roles = () if told else STAND_INS.get(occasion.cause, ())
    if not roles:
        return [told] if told else []
    return stand_ins(roles, queries("notices").list_people_of_roles(work.connection, roles=list(roles)))


def _nobody(work: UnitOfWork, ticket_id: UUID, occasion: Occasion, facts: Mapping[str, Any]) -> Written:
    assigned = any(facts[field] for field in ("assigned_to", "assigned_contractor_id", "assigned_team_id"))
    if not assigned and occasion.template is NotificationTemplate.TICKET_ASSIGNED:
        return Written(skipped="nobody is assigned")
    reason = "whoever is assigned has no telephone that can be rung" if assigned else "nobody is assigned"
    details = {"template": occasion.template.value, "cause": occasion.cause, "reason": reason}
    work.record(NoticeNotPossible(ticket_id=ticket_id, details=details))
    return Written(skipped=reason)

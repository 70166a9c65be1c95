"""Which events are told to somebody, by which template, in which words: pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from runtime.clock import BUSINESS_ZONE
from ticketing.events import Event, TicketEvent
from ticketing.handover.events import HandoverCompleted
from ticketing.notices.recipients import PRECEDENCE, Recipient
from ticketing.repeat_faults.events import EscalationCreated
from ticketing.risks.events import RiskExpired, RiskExpiring
from ticketing.sla.events import SlaBreached, SlaWarned
from ticketing.ticket_events import TicketAssigned, TicketCreated, TicketStatusChanged
from ticketing.vocabulary import NotificationTemplate

TOLD_OF: tuple[type[Event], ...] = (
    *(TicketAssigned, TicketStatusChanged, SlaWarned, SlaBreached, RiskExpiring, RiskExpired),
    *(EscalationCreated, HandoverCompleted),
)
"""The events that somebody may be told of."""

TOLD_OF_IMPORTS = (TicketCreated.name, TicketAssigned.name, TicketStatusChanged.name)
"""The events of a ticket that an import makes, and that somebody may be told of."""

FINAL_STATUSES = frozenset({"closed", "cancelled"})

_BY_STATUS = {
    "qa_rejected": NotificationTemplate.QA_REJECTED,
    "qa_approved": NotificationTemplate.QA_APPROVED,
    "closed": NotificationTemplate.TICKET_CLOSED,
}
_OWNERS = {"build": "the build team", "qa": "QA", "maintenance": "maintenance"}
_NO_REASON = "see the ticket"
_NO_DROP = "no DR number"


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Something to tell of a ticket.

    `changed` are the assignment's fields that changed, if that is what is told; `said` the variables that the event
    itself knows; `tell` a user who is told in place of whoever works on the ticket.
    """

    template: NotificationTemplate
    cause: str
    changed: tuple[str, ...] = ()
    said: Mapping[str, str] = field(default_factory=dict)
    tell: UUID | None = None


def occasion_of(event: Event) -> Occasion | None:
    """Return what an event gives reason to tell; None for nothing, and for what an import did.

    An import may change a hundred thousand tickets: what it did is told by one job, not by one for each event.
    """
    if not isinstance(event, TicketEvent) or "report_uid" in event.details:
        return None
    return occasion_of_change(event.name, event.after, event.details)


def occasion_of_change(name: str, after: Mapping[str, Any], details: Mapping[str, Any]) -> Occasion | None:
    """Return what an event, as the timeline keeps it, gives reason to tell; None for nothing."""
    find = _FINDERS.get(name)
    return find(name, after, details) if find else None


def variables_of(occasion: Occasion, facts: Mapping[str, Any], recipient: Recipient) -> dict[str, str]:
    """Return the variables of a notice: what the event said, with what the ticket (`facts`) says now."""
    return {
        "assignee_name": recipient.name or "there",
        "ticket_uid": facts["ticket_uid"],
        "dr_number": facts["dr_number"] or _NO_DROP,
        **occasion.said,
    }


def is_stale(occasion: Occasion, facts: Mapping[str, Any]) -> bool:
    """Whether nobody needs to be told any more: work is not handed out on a ticket that has ended."""
    to_be_done = {NotificationTemplate.TICKET_ASSIGNED, NotificationTemplate.SLA_WARNING}
    return occasion.template in to_be_done and facts["status"] in FINAL_STATUSES


def _assigned(name: str, after: Mapping[str, Any], _details: Mapping[str, Any]) -> Occasion | None:
    changed = tuple(field for field in PRECEDENCE if field in after)
    return Occasion(template=NotificationTemplate.TICKET_ASSIGNED, cause=name, changed=changed) if changed else None


def _moved(name: str, after: Mapping[str, Any], details: Mapping[str, Any]) -> Occasion | None:
    template = _BY_STATUS.get(str(after.get("status")))
    if template is None:
        return None
    rejected = template is NotificationTemplate.QA_REJECTED
    said = {"rejection_reason": str(details.get("reason") or _NO_REASON)} if rejected else {}
    return Occasion(template=template, cause=name, said=said)


def _sla(name: str, _after: Mapping[str, Any], details: Mapping[str, Any]) -> Occasion | None:
    overdue = " (overdue)" if name == SlaBreached.name else ""
    due = f"{_local(details['sla_due_time'])}{overdue}"
    return Occasion(template=NotificationTemplate.SLA_WARNING, cause=name, said={"sla_due_time": due})


def _risk(name: str, _after: Mapping[str, Any], details: Mapping[str, Any]) -> Occasion | None:
    said = {
        "expiry_date": _local(details["risk_expiry_date"]),
        "risk_description": str(details["risk_description"]),
    }
    # Whoever works on the ticket can still act on a warning; of the end, whoever accepted the risk has to know.
    by = details.get("accepted_by") if name == RiskExpired.name else None
    return Occasion(
        template=NotificationTemplate.RISK_EXPIRING, cause=name, said=said, tell=UUID(str(by)) if by else None
    )


def _escalated(name: str, _after: Mapping[str, Any], details: Mapping[str, Any]) -> Occasion | None:
    said = {key: str(details[key]) for key in ("fault_count", "scope_type", "scope_value")}
    return Occasion(template=NotificationTemplate.ESCALATION_CREATED, cause=name, said=said)


def _handed_over(name: str, _after: Mapping[str, Any], details: Mapping[str, Any]) -> Occasion | None:
    owner = str(details["to_owner_type"])
    said = {"new_owner": _OWNERS.get(owner, owner)}
    return Occasion(template=NotificationTemplate.HANDOVER_COMPLETE, cause=name, said=said)


def _local(moment: Any) -> str:
    """The moment as people at work read it."""
    at = moment if isinstance(moment, datetime) else datetime.fromisoformat(str(moment))
    return f"{at.astimezone(BUSINESS_ZONE):%Y-%m-%d %H:%M}"


_Finder = Callable[[str, Mapping[str, Any], Mapping[str, Any]], Occasion | None]
_FINDERS: Mapping[str, _Finder] = MappingProxyType(
    {
        TicketCreated.name: _assigned,
        TicketAssigned.name: _assigned,
        TicketStatusChanged.name: _moved,
        SlaWarned.name: _sla,
        SlaBreached.name: _sla,
        RiskExpiring.name: _risk,
        RiskExpired.name: _risk,
        EscalationCreated.name: _escalated,
        HandoverCompleted.name: _handed_over,
    }
)

"""Whose telephone a notice about a ticket goes to: pure (domain page, "WhatsApp notices")."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from ticketing.phones import to_e164
from ticketing.repeat_faults.events import EscalationCreated
from ticketing.risks.events import RiskExpired
from ticketing.ticket_changes import ASSIGNEE_FIELDS
from ticketing.vocabulary import RecipientType

PRECEDENCE = ASSIGNEE_FIELDS
"""The fields of a ticket in the order in which they are asked for somebody to tell: user, contractor, team."""

STAND_INS: Final = MappingProxyType({EscalationCreated.name: ("manager", "qa"), RiskExpired.name: ("qa", "manager")})
"""What must not be lost for want of somebody who works on the ticket, and whose matter it then is, in turn."""

MOST_STAND_INS: Final = 3
"""So many are told in place of one: enough that somebody reads it, few enough for the session's caps."""

_KINDS = {
    "assigned_to": ("user", RecipientType.TECHNICIAN),
    "assigned_contractor_id": ("contractor", RecipientType.CONTRACTOR),
    "assigned_team_id": ("member", RecipientType.TEAM),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Somebody to tell. `field` is the ticket's field that names them; None for one who was named otherwise."""

    type: RecipientType
    phone: str
    name: str | None = None
    user_id: UUID | None = None
    field: str | None = None


def choose(facts: Mapping[str, Any]) -> Recipient | None:
    """Return whom a notice goes to: the assigned user, else the contractor, else the team's first active member.

    Each counts only with a telephone that can be rung. `facts` has `<who>_name`, `<who>_phone` and `<who>_user_id` for
    user, contractor and member; None where there is nobody.
    """
    for field in PRECEDENCE:
        who, kind = _KINDS[field]
        phone = _usable(facts[f"{who}_phone"])
        if phone is not None:
            return Recipient(
                type=kind, phone=phone, name=facts[f"{who}_name"], user_id=facts[f"{who}_user_id"], field=field
            )
    return None


def became_recipient(recipient: Recipient, changed: Collection[str]) -> bool:
    """Whether a change of these fields made that person the one to tell.

    It did if the field that names the person changed, or one that is asked before it: whoever that named is gone, or
    cannot be rung.
    """
    if recipient.field is None:
        return True
    return not set(changed).isdisjoint(PRECEDENCE[: PRECEDENCE.index(recipient.field) + 1])


def person(facts: Mapping[str, Any] | None) -> Recipient | None:
    """Return a person of the house as somebody to tell; None without a telephone. `facts`: id, name and phone."""
    phone = _usable(facts["phone"]) if facts else None
    if facts is None or phone is None:
        return None
    return Recipient(type=RecipientType.TEAM, phone=phone, name=facts["name"], user_id=facts["id"])


def stand_ins(roles: Iterable[str], people: Iterable[Mapping[str, Any]]) -> list[Recipient]:
    """Return who is told where a ticket names nobody: the first people of the first role that has any with a telephone.

    `people` have id, name, phone and roles. The answer is in the order of their telephones, in which everybody takes
    them.
    """
    known = list(people)
    for role in roles:
        found = [told for facts in known if role in facts["roles"] and (told := person(facts)) is not None]
        if found:
            return sorted(found[:MOST_STAND_INS], key=lambda recipient: recipient.phone)
    return []


def _usable(phone: str | None) -> str | None:
    """A number was kept before it could be looked up here, or another system gave it: such a one may be nobody's."""
    try:
        return to_e164(phone) if phone else None
    except ValueError:
        return None

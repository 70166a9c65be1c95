"""Who sees which tickets and who may change what of them (domain page, "Roles"), as pure rules.

A person with several roles may do what any of them allows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from ticketing.errors import Forbidden
from ticketing.people import Actor, Role

MAY_CREATE: tuple[Role, ...] = ("admin", "manager")
MAY_DELETE: tuple[Role, ...] = ("admin", "manager")
MAY_CHANGE: tuple[Role, ...] = ("admin", "manager", "qa", "technician", "contractor")
SEES_EVERY_TICKET: tuple[Role, ...] = ("admin", "manager", "operator", "qa", "viewer")
WORKS_ON_SITE: tuple[Role, ...] = ("technician", "contractor")

# What somebody who stands at the drop finds out, and the QA lead puts right. A position changes as its two halves.
SITE_FIELDS = frozenset(
    {
        "dr_number",
        "pole_number",
        "pon_number",
        "zone_id",
        "address",
        "gps_coordinates",
        "latitude",
        "longitude",
        "ont_serial",
        "ont_model",
        "ont_rx_level",
        "fault_cause",
        "fault_cause_details",
    }
)
QA_FIELDS = SITE_FIELDS | {"qa_ready"}

# A ticket is the technician's until QA has taken it up, and again after a rejection.
SITE_STATUSES = frozenset({"open", "assigned", "in_progress", "pending_qa", "qa_rejected"})
SITE_TARGETS = frozenset({"open", "assigned", "in_progress", "pending_qa"})
QA_STATUSES = frozenset(
    {"pending_qa", "qa_in_progress", "qa_rejected", "qa_approved", "pending_handover", "handed_to_maintenance"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """Which tickets somebody sees: every one, or those of a person, of a company and of some teams."""

    everything: bool = False
    user_id: UUID | None = None
    contractor_id: UUID | None = None
    team_ids: tuple[UUID, ...] = ()

    def parameters(self) -> dict[str, object]:
        """Return the parameters by which the queries of tickets limit what is seen."""
        return {
            "see_all": self.everything,
            "see_user": self.user_id,
            "see_contractor": self.contractor_id,
            "see_teams": list(self.team_ids),
        }


def sees_every_ticket(actor: Actor) -> bool:
    """Whether no ticket is hidden from the actor."""
    return actor.has_role(*SEES_EVERY_TICKET)


def sight_of(actor: Actor, team_ids: Iterable[UUID]) -> Sight:
    """Return what the actor sees; `team_ids` are the teams of the person or the company. No role sees nothing."""
    if sees_every_ticket(actor):
        return Sight(everything=True)
    if not actor.has_role(*WORKS_ON_SITE):
        return Sight()
    return Sight(
        user_id=actor.user_id,
        contractor_id=actor.contractor_id if actor.has_role("contractor") else None,
        team_ids=tuple(team_ids),
    )


def require_may_change(actor: Actor, status: str, fields: Iterable[str], requested: str | None) -> None:
    """Raise Forbidden unless one of the actor's roles allows the change of a ticket in `status`.

    `fields` are the fields whose values change, without the status; `requested` is the status asked for, if it differs.
    """
    if actor.has_role("manager"):
        return
    if not actor.has_role(*MAY_CHANGE):
        raise Forbidden("Your role reads tickets and does not change them")
    denied = {field for field in fields if not may_set(actor, status, field)}
    if denied:
        names = sorted(denied)
        raise Forbidden(
            f"Your role may not change {', '.join(names)} of a ticket that is {status}", details={"fields": names}
        )
    if requested is not None and not may_move(actor, status, requested):
        raise Forbidden(f"Your role may not move a ticket from {status} to {requested}", details={"fields": ["status"]})


def may_set(actor: Actor, status: str, field: str) -> bool:
    """Whether one of the actor's roles changes this field of a ticket in `status`."""
    if actor.has_role("manager"):
        return True
    if not actor.has_role(*MAY_CHANGE):
        return False
    if actor.has_role("qa"):
        return field in QA_FIELDS
    return field in SITE_FIELDS and status in SITE_STATUSES


def may_move(actor: Actor, current: str, requested: str) -> bool:
    """Whether one of the actor's roles moves tickets from `current` to `requested`, if the machine has that move."""
    qa = actor.has_role("qa") and current in QA_STATUSES and requested != "cancelled"
    on_site = actor.has_role(*WORKS_ON_SITE) and current in SITE_STATUSES and requested in SITE_TARGETS
    return actor.has_role("manager") or qa or on_site

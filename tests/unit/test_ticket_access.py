"""Who sees and changes what of a ticket, by role."""

from __future__ import annotations

from uuid import uuid4

import pytest

from ticketing.errors import Forbidden
from ticketing.people import ROLES, Actor, Role
from ticketing.status import moves_from
from ticketing.ticket_access import SEES_EVERY_TICKET, SITE_TARGETS, require_may_change, sight_of
from ticketing.vocabulary import Status


def somebody(*roles: Role) -> Actor:
    return Actor(kind="user", name="Somebody", user_id=uuid4(), contractor_id=uuid4(), roles=frozenset(roles))


@pytest.mark.parametrize("role", SEES_EVERY_TICKET)
def test_the_office_sees_every_ticket(role: Role) -> None:
    assert sight_of(somebody(role), []).everything


def test_a_technician_sees_the_own_and_the_teams_tickets() -> None:
    actor, team = somebody("technician"), uuid4()
    sight = sight_of(actor, [team])
    assert sight.parameters() == {
        "see_all": False,
        "see_user": actor.user_id,
        "see_contractor": None,
        "see_teams": [team],
    }


def test_a_contractor_sees_the_companys_tickets() -> None:
    actor = somebody("contractor")
    assert sight_of(actor, []).contractor_id == actor.contractor_id


def test_nobody_without_a_role_sees_anything() -> None:
    assert sight_of(somebody(), [uuid4()]).parameters() == {
        "see_all": False,
        "see_user": None,
        "see_contractor": None,
        "see_teams": [],
    }


@pytest.mark.parametrize("role", ["admin", "manager"])
@pytest.mark.parametrize("status", list(Status))
def test_admin_and_manager_may_change_anything(role: Role, status: str) -> None:
    require_may_change(somebody(role), status, ["sla_due_at", "is_billable"], "cancelled")


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_readers_change_nothing(role: Role) -> None:
    with pytest.raises(Forbidden):
        require_may_change(somebody(role), "open", ["address"], None)


@pytest.mark.parametrize("role", ["technician", "contractor"])
@pytest.mark.parametrize("current", list(Status))
def test_on_site_a_ticket_moves_up_to_pending_qa_and_no_further(role: Role, current: str) -> None:
    for requested in moves_from(current):
        allowed = requested in SITE_TARGETS and current != "qa_in_progress"
        if allowed:
            require_may_change(somebody(role), current, [], requested)
        else:
            with pytest.raises(Forbidden):
                require_may_change(somebody(role), current, [], requested)


def test_what_is_found_on_site_may_be_written_until_qa_takes_over() -> None:
    technician = somebody("technician")
    require_may_change(technician, "in_progress", ["ont_serial", "ont_rx_level"], None)
    with pytest.raises(Forbidden) as caught:
        require_may_change(technician, "qa_approved", ["ont_serial"], None)
    assert caught.value.details == {"fields": ["ont_serial"]}


def test_a_technician_may_not_assign_or_reprioritise() -> None:
    with pytest.raises(Forbidden) as caught:
        require_may_change(somebody("technician"), "in_progress", ["priority", "assigned_to", "ont_serial"], None)
    assert caught.value.details == {"fields": ["assigned_to", "priority"]}


def test_qa_approves_and_rejects_but_does_not_cancel_or_dispatch() -> None:
    qa = somebody("qa")
    require_may_change(qa, "qa_in_progress", ["fault_cause"], "qa_rejected")
    require_may_change(qa, "qa_approved", [], "closed")
    for current, requested in [("pending_qa", "cancelled"), ("open", "assigned")]:
        with pytest.raises(Forbidden):
            require_may_change(qa, current, [], requested)


def test_roles_add_up() -> None:
    both = somebody("technician", "qa")
    require_may_change(both, "in_progress", ["qa_ready"], "pending_qa")
    require_may_change(both, "pending_qa", [], "qa_in_progress")


def test_every_role_is_accounted_for() -> None:
    assert set(ROLES) == {*SEES_EVERY_TICKET, "technician", "contractor"}

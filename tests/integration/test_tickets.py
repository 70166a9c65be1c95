"""The ticket services on a real database: what they write, what they refuse, and who wins a race."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from jobs.platform import Platform
from sql.database import Connection
from tests.clocks import FixedClock
from tests.factories import Row, make_contractor, make_drop, make_project, make_team, make_team_member, make_ticket
from tests.factories.tickets import NOON, complete_steps, make_actor, make_readiness_check, make_risk
from tests.races import race, wait_until_somebody_waits
from ticketing import ticket_views, tickets
from ticketing.errors import (
    AlreadyExists,
    ConditionNotMet,
    Forbidden,
    InvalidInput,
    InvalidStatusTransition,
    NotFound,
    StaleWrite,
)
from ticketing.paging import PageRequest
from ticketing.people import SYSTEM, Actor
from ticketing.ticket_changes import version
from ticketing.ticket_input import NewTicket, TicketChanges
from ticketing.ticket_views import TicketView

WAIT = 20


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def manager(connection: Connection) -> Actor:
    return make_actor(connection, "manager")


def create(platform: Platform, actor: Actor, **fields: Any) -> dict[str, Any]:
    new = {"source": "ad_hoc", "ticket_type": "maintenance", "title": "No light"} | fields
    with platform.begin(actor) as work:
        return tickets.create(work, NewTicket.model_validate(new))


def update(platform: Platform, actor: Actor, ticket_id: UUID, **fields: Any) -> dict[str, Any]:
    with platform.begin(actor) as work:
        return tickets.update(work, ticket_id, TicketChanges.model_validate(fields))


def events(connection: Connection, ticket_id: UUID) -> list[dict[str, Any]]:
    rows, _ = ticket_views.list_events(connection, SYSTEM, ticket_id, PageRequest(size=100))
    return rows[::-1]


def missing(error: ConditionNotMet) -> list[str]:
    assert isinstance(error.details, dict)
    return [item["condition"] for item in error.details["missing"]]


class TestCreating:
    def test_a_ticket_comes_with_its_steps_and_its_event(
        self, platform: Platform, connection: Connection, manager: Actor
    ) -> None:
        ticket = create(platform, manager, title="  No light  ", description="Since Monday")
        steps = connection.execute(
            "select count(*) as n from verification_steps where ticket_id = %s", (ticket["id"],)
        ).fetchone()
        (event,) = events(connection, ticket["id"])
        assert steps == {"n": 12}
        assert (ticket["title"], ticket["status"], ticket["priority"]) == ("No light", "open", "normal")
        assert ticket["ticket_uid"].startswith("FF1")
        assert ticket["created_by"] == manager.user_id
        assert ticket["created_at"] == NOON
        assert (event["event_type"], event["actor_id"], event["occurred_at"]) == (
            "ticket_created",
            manager.user_id,
            NOON,
        )
        assert event["after"] == {
            "ticket_uid": ticket["ticket_uid"],
            "source": "ad_hoc",
            "ticket_type": "maintenance",
            "priority": "normal",
            "title": "No light",
            "description": "Since Monday",
            "status": "open",
        }

    def test_a_ticket_is_exactly_what_the_contract_shows(
        self, platform: Platform, connection: Connection, manager: Actor
    ) -> None:
        position = {"latitude": -26.123456, "longitude": 27.5}
        user = make_actor(connection, "technician")
        ticket = create(platform, manager, gps_coordinates=position, assigned_to=str(user.user_id))
        assert set(ticket) == set(TicketView.model_fields)
        view = TicketView.model_validate(ticket)
        assert view.assigned_user is not None
        assert (view.assigned_user.id, view.assigned_user.name) == (user.user_id, user.name)
        assert ticket["gps_coordinates"] == position

    def test_the_register_fills_what_is_left_out_and_what_differs_is_told(
        self, platform: Platform, connection: Connection, manager: Actor
    ) -> None:
        drop = make_drop(connection, pole_number="LAW.P.A002", pon_number=7, zone_number=3, address="1 Main Rd")
        ticket = create(platform, manager, dr_number=drop["dr_number"].lower(), pole_number="LAW.P.Z999")
        assert ticket["dr_number"] == drop["dr_number"]
        assert ticket["project_id"] == drop["project_id"]
        assert (ticket["pole_number"], ticket["pon_number"], ticket["zone_id"]) == ("LAW.P.Z999", "7", "3")
        assert ticket["address"] == "1 Main Rd"
        assert events(connection, ticket["id"])[0]["details"] == {
            "differs_from_register": {"pole_number": {"given": "LAW.P.Z999", "register": "LAW.P.A002"}}
        }

    def test_a_ticket_given_to_somebody_begins_as_assigned(
        self, platform: Platform, connection: Connection, manager: Actor
    ) -> None:
        team = make_team(connection)
        ticket = create(platform, manager, assigned_team_id=str(team["id"]))
        assert (ticket["status"], ticket["assigned_team_id"]) == ("assigned", team["id"])
        assert [event["event_type"] for event in events(connection, ticket["id"])] == [
            "ticket_created",
            "ticket_assigned",
        ]

    def test_references_must_exist_and_every_wrong_one_is_named(
        self, platform: Platform, connection: Connection, manager: Actor
    ) -> None:
        inactive = make_actor(connection, "technician", is_active=False)
        with pytest.raises(InvalidInput) as caught:
            create(platform, manager, assigned_to=str(inactive.user_id), assigned_team_id="user123", project_id="nope")
        assert caught.value.details == {
            "assigned_to": "no active user has this id",
            "assigned_team_id": "no active team has this id",
            "project_id": "no project has this id or code",
        }

    def test_a_project_is_found_by_id_or_by_code(
        self, platform: Platform, connection: Connection, manager: Actor
    ) -> None:
        project = make_project(connection, code="LAW")
        for name in (str(project["id"]), "law"):
            assert create(platform, manager, project_id=name)["project_id"] == project["id"]

    def test_a_sources_own_reference_has_one_ticket(self, platform: Platform, manager: Actor) -> None:
        first = create(platform, manager, source="qcontact", external_id="FT490441")
        with pytest.raises(AlreadyExists) as caught:
            create(platform, manager, source="qcontact", external_id="FT490441")
        assert caught.value.details == {"ticket_id": str(first["id"]), "ticket_uid": first["ticket_uid"]}
        assert create(platform, manager, source="weekly_report", external_id="FT490441")["id"] != first["id"]

    def test_only_an_admin_creates_for_somebody_else_and_it_is_recorded(
        self, platform: Platform, connection: Connection, manager: Actor
    ) -> None:
        admin = make_actor(connection, "admin")
        assert create(platform, manager, created_by=str(manager.user_id))["created_by"] == manager.user_id
        with pytest.raises(Forbidden):
            create(platform, manager, created_by=str(admin.user_id))
        ticket = create(platform, admin, created_by=str(manager.user_id))
        assert ticket["created_by"] == manager.user_id
        (event,) = events(connection, ticket["id"])
        assert event["actor_id"] == admin.user_id
        assert event["details"] == {"on_behalf_of": str(manager.user_id)}
        with pytest.raises(InvalidInput) as caught:
            create(platform, admin, created_by="user123")
        assert caught.value.details == {"created_by": "no active user has this id"}

    @pytest.mark.parametrize("role", ["operator", "qa", "technician", "viewer"])
    def test_others_create_nothing(self, platform: Platform, connection: Connection, role: Any) -> None:
        with pytest.raises(Forbidden):
            create(platform, make_actor(connection, role))


class TestChanging:
    def test_only_what_changed_is_written_down(
        self, platform: Platform, connection: Connection, manager: Actor, clock: FixedClock
    ) -> None:
        ticket = create(platform, manager, address="1 Main Rd")
        clock.advance(timedelta(minutes=5))
        changed = update(platform, manager, ticket["id"], address="2 Main Rd", priority="normal", ont_rx_level=-18.256)
        assert changed["ont_rx_level"] == -18.26
        assert changed["updated_at"] == clock.now()
        event = events(connection, ticket["id"])[-1]
        assert event["event_type"] == "ticket_updated"
        assert event["before"] == {"address": "1 Main Rd", "ont_rx_level": None}
        assert event["after"] == {"address": "2 Main Rd", "ont_rx_level": -18.26}

    def test_a_request_that_changes_nothing_writes_nothing(
        self, platform: Platform, connection: Connection, manager: Actor, clock: FixedClock
    ) -> None:
        ticket = create(platform, manager)
        clock.advance(timedelta(minutes=5))
        assert update(platform, manager, ticket["id"], status="open", title="No light") == ticket
        assert len(events(connection, ticket["id"])) == 1

    def test_every_field_of_the_contract_comes_back_as_it_was_given(
        self, platform: Platform, connection: Connection, manager: Actor
    ) -> None:
        ticket = create(platform, manager)
        user, team = make_actor(connection, "technician"), make_team(connection)
        fields = {
            "title": "Slow line",
            "description": "Drops at night",
            "priority": "urgent",
            "assigned_to": user.user_id,
            "assigned_contractor_id": make_contractor(connection)["id"],
            "assigned_team": "Team A",
            "assigned_team_id": team["id"],
            "dr_number": "DR1737348",
            "project_id": make_project(connection)["id"],
            "zone_id": "zone-456",
            "pole_number": "LAW.P.A002",
            "pon_number": "12",
            "address": "1 Main Rd",
            "gps_coordinates": {"latitude": -26.2, "longitude": 28.0},
            "ont_serial": "ALCL123",
            "ont_rx_level": -18.25,
            "ont_model": "G-140W",
            "guarantee_status": "under_guarantee",
            "guarantee_expires_at": NOON,
            "is_billable": True,
            "billing_classification": "warranty_claim",
            "fault_cause": "vandalism",
            "fault_cause_details": "Cut on purpose",
            "sla_due_at": NOON,
            "sla_first_response_at": NOON,
            "sla_breached": True,
        }
        sent = {name: str(value) if isinstance(value, UUID) else value for name, value in fields.items()}
        changed = update(platform, manager, ticket["id"], **sent)
        assert {name: changed[name] for name in fields} == fields
        cleared = update(platform, manager, ticket["id"], assigned_to=None, gps_coordinates=None, pole_number=" ")
        names = ("assigned_to", "assigned_user", "gps_coordinates", "pole_number")
        assert [cleared[name] for name in names] == [None] * 4
        assert cleared["assigned_team_id"] == team["id"]

    def test_assignment_and_move_go_together(self, platform: Platform, connection: Connection, manager: Actor) -> None:
        technician = make_actor(connection, "technician")
        ticket = create(platform, manager)
        changed = update(platform, manager, ticket["id"], assigned_to=str(technician.user_id), status="assigned")
        assert (changed["status"], changed["assigned_to"]) == ("assigned", technician.user_id)
        assert [event["event_type"] for event in events(connection, ticket["id"])][1:] == [
            "ticket_assigned",
            "ticket_status_changed",
        ]

    def test_a_refused_move_takes_the_assignment_with_it(
        self, platform: Platform, connection: Connection, manager: Actor
    ) -> None:
        technician = make_actor(connection, "technician")
        ticket = make_ticket(connection, status="pending_qa")
        with pytest.raises(InvalidStatusTransition) as caught:
            update(platform, manager, ticket["id"], assigned_to=str(technician.user_id), status="assigned")
        assert caught.value.details == {
            "current": "pending_qa",
            "requested": "assigned",
            "allowed": ["qa_in_progress", "in_progress", "cancelled"],
        }
        assert ticket_views.read_ticket(connection, ticket["id"])["assigned_to"] is None
        assert events(connection, ticket["id"]) == []

    @pytest.mark.parametrize("kind", ["assigned_to", "assigned_contractor_id", "assigned_team_id"])
    def test_an_open_ticket_that_is_given_to_somebody_becomes_assigned(
        self, platform: Platform, connection: Connection, manager: Actor, kind: str
    ) -> None:
        somebody = {
            "assigned_to": make_actor(connection, "technician").user_id,
            "assigned_contractor_id": make_contractor(connection)["id"],
            "assigned_team_id": make_team(connection)["id"],
        }[kind]
        ticket = create(platform, manager)
        assert update(platform, manager, ticket["id"], **{kind: str(somebody)})["status"] == "assigned"

    def test_reassigning_moves_nothing(self, platform: Platform, connection: Connection, manager: Actor) -> None:
        ticket = make_ticket(connection, status="in_progress")
        technician = make_actor(connection, "technician")
        assert update(platform, manager, ticket["id"], assigned_to=str(technician.user_id))["status"] == "in_progress"

    def test_every_write_gets_a_version_of_its_own_even_in_one_millisecond(
        self, platform: Platform, manager: Actor
    ) -> None:
        ticket = create(platform, manager)
        versions = {version(ticket["updated_at"])}
        versions |= {version(update(platform, manager, ticket["id"], address=f"{n}")["updated_at"]) for n in range(5)}
        assert len(versions) == 6

    def test_a_stale_write_is_told_what_changed(self, platform: Platform, manager: Actor, clock: FixedClock) -> None:
        ticket = create(platform, manager)
        clock.advance(timedelta(seconds=1))
        changed = update(platform, manager, ticket["id"], address="2 Main Rd", updated_at=version(ticket["updated_at"]))
        with pytest.raises(StaleWrite) as caught:
            update(platform, manager, ticket["id"], priority="high", updated_at=ticket["updated_at"].isoformat())
        assert caught.value.details == {
            "expected": [version(ticket["updated_at"])],
            "updated_at": version(changed["updated_at"]),
            "changed": {"address": {"was": None, "value": "2 Main Rd", "by": manager.name, "at": version(clock.now())}},
        }


class TestMoving:
    def test_a_rejection_is_reasoned_and_counted(
        self, platform: Platform, connection: Connection, manager: Actor
    ) -> None:
        ticket = make_ticket(connection, status="qa_in_progress")
        with pytest.raises(ConditionNotMet) as caught:
            update(platform, manager, ticket["id"], status="qa_rejected")
        assert missing(caught.value) == ["reason"]
        rejected = update(platform, manager, ticket["id"], status="qa_rejected", reason="Photo 4 is blurred")
        assert rejected["rectification_count"] == 1
        event = events(connection, ticket["id"])[-1]
        assert event["after"] == {"status": "qa_rejected", "rectification_count": 1}
        assert event["details"] == {"reason": "Photo 4 is blurred"}

    def test_approval_needs_twelve_steps_or_an_accepted_risk(
        self, platform: Platform, connection: Connection, manager: Actor
    ) -> None:
        ticket = make_ticket(connection, status="qa_in_progress")
        complete_steps(connection, ticket["id"], 12)
        make_risk(connection, ticket["id"], outstanding_steps=[11])
        with pytest.raises(ConditionNotMet, match="11/12 steps are complete: finish 12") as caught:
            update(platform, manager, ticket["id"], status="qa_approved")
        assert missing(caught.value) == ["verification_complete"]
        make_risk(connection, ticket["id"], outstanding_steps=[12])
        assert update(platform, manager, ticket["id"], status="qa_approved")["status"] == "qa_approved"

    def test_approval_of_a_complete_ticket(self, platform: Platform, connection: Connection, manager: Actor) -> None:
        ticket = make_ticket(connection, status="qa_in_progress")
        complete_steps(connection, ticket["id"])
        assert update(platform, manager, ticket["id"], status="qa_approved")["status"] == "qa_approved"

    def test_qa_starts_on_a_passed_check_that_nothing_has_overtaken(
        self, platform: Platform, connection: Connection, manager: Actor, clock: FixedClock
    ) -> None:
        ticket = make_ticket(connection, status="pending_qa", created_at=NOON)

        def start(**fields: Any) -> list[str]:
            with pytest.raises(ConditionNotMet) as caught:
                update(platform, manager, ticket["id"], status="qa_in_progress", **fields)
            return missing(caught.value)

        assert start() == ["qa_readiness"]
        make_readiness_check(connection, ticket["id"], checked_at=clock.now())
        assert start(ont_serial="ALCL1") == ["qa_readiness"]
        clock.advance(timedelta(minutes=1))
        assert update(platform, manager, ticket["id"], ont_serial="ALCL2")["qa_ready"] is False
        assert events(connection, ticket["id"])[-1]["event_type"] == "qa_readiness_withdrawn"
        assert start() == ["qa_readiness"]
        clock.advance(timedelta(minutes=1))
        make_readiness_check(connection, ticket["id"], checked_at=clock.now())
        assert update(platform, manager, ticket["id"], status="qa_in_progress")["status"] == "qa_in_progress"

    def test_only_the_check_makes_a_ticket_ready(
        self, platform: Platform, connection: Connection, manager: Actor, clock: FixedClock
    ) -> None:
        ticket = make_ticket(connection, status="pending_qa", created_at=NOON)
        with pytest.raises(ConditionNotMet) as caught:
            update(platform, manager, ticket["id"], qa_ready=True, title="Not saved either")
        assert missing(caught.value) == ["qa_readiness"]
        make_readiness_check(connection, ticket["id"], checked_at=clock.now())
        assert update(platform, manager, ticket["id"], qa_ready=True)["qa_ready"] is True
        assert update(platform, manager, ticket["id"], qa_ready=False)["qa_ready"] is False
        assert events(connection, ticket["id"])[-1]["after"] == {"qa_ready": False}

    def test_a_failed_check_after_a_passed_one_keeps_qa_shut(
        self, platform: Platform, connection: Connection, manager: Actor
    ) -> None:
        ticket = make_ticket(connection, status="pending_qa", created_at=NOON)
        make_readiness_check(connection, ticket["id"], checked_at=NOON)
        make_readiness_check(connection, ticket["id"], checked_at=NOON + timedelta(hours=1), passed=False)
        with pytest.raises(ConditionNotMet):
            update(platform, manager, ticket["id"], status="qa_in_progress")

    def test_no_put_moves_a_ticket_to_maintenance(
        self, platform: Platform, connection: Connection, manager: Actor
    ) -> None:
        ticket = make_ticket(connection, status="pending_handover")
        with pytest.raises(ConditionNotMet) as caught:
            update(platform, manager, ticket["id"], status="handed_to_maintenance")
        assert missing(caught.value) == ["handover"]

    def test_closing_needs_a_cause_and_no_active_risk_and_is_signed(
        self, platform: Platform, connection: Connection, manager: Actor
    ) -> None:
        ticket = make_ticket(connection, status="qa_approved", created_at=NOON)
        risk = make_risk(connection, ticket["id"])
        with pytest.raises(ConditionNotMet) as caught:
            update(platform, manager, ticket["id"], status="closed")
        assert missing(caught.value) == ["fault_cause", "no_active_risks"]
        connection.execute("update qa_risk_acceptances set status = 'escalated' where id = %s", (risk["id"],))
        closed = update(platform, manager, ticket["id"], status="closed", fault_cause="workmanship")
        assert (closed["closed_at"], closed["closed_by"]) == (NOON, manager.user_id)

    def test_what_is_closed_may_be_corrected_but_keeps_a_cause(
        self, platform: Platform, connection: Connection, manager: Actor
    ) -> None:
        ticket = make_ticket(connection, status="closed", created_at=NOON, sla_breached=True, sla_breached_at=NOON)
        corrected = update(platform, manager, ticket["id"], fault_cause="vandalism", sla_breached=False)
        assert (corrected["fault_cause"], corrected["sla_breached"]) == ("vandalism", False)
        assert corrected["closed_at"] == ticket["closed_at"]
        with pytest.raises(InvalidInput) as caught:
            update(platform, manager, ticket["id"], fault_cause=None)
        assert isinstance(caught.value.details, dict)
        assert list(caught.value.details) == ["fault_cause"]

    def test_an_admin_closes_for_somebody_and_a_manager_does_not(
        self, platform: Platform, connection: Connection, manager: Actor
    ) -> None:
        admin = make_actor(connection, "admin")
        ticket = make_ticket(connection, status="qa_approved", created_at=NOON, fault_cause="unknown")
        with pytest.raises(Forbidden):
            update(platform, manager, ticket["id"], status="closed", closed_by=str(admin.user_id))
        closed = update(platform, admin, ticket["id"], status="closed", closed_by=str(manager.user_id))
        assert closed["closed_by"] == manager.user_id
        assert events(connection, ticket["id"])[-1]["details"] == {"on_behalf_of": str(manager.user_id)}

    def test_deleting_is_cancelling_and_obeys_the_machine(
        self, platform: Platform, connection: Connection, manager: Actor
    ) -> None:
        ticket = create(platform, manager)
        with platform.begin(manager) as work:
            assert tickets.cancel(work, ticket["id"])["status"] == "cancelled"
        with platform.begin(manager) as work:
            assert tickets.cancel(work, ticket["id"])["status"] == "cancelled"
        assert [event["after"] for event in events(connection, ticket["id"])][1:] == [{"status": "cancelled"}]
        closed = make_ticket(connection, status="closed", created_at=NOON)
        with pytest.raises(InvalidStatusTransition), platform.begin(manager) as work:
            tickets.cancel(work, closed["id"])


class TestSeeing:
    @pytest.fixture
    def company(self, connection: Connection) -> Row:
        return make_contractor(connection)

    def test_a_technician_sees_and_changes_only_the_own_and_the_teams_tickets(
        self, platform: Platform, connection: Connection
    ) -> None:
        technician = make_actor(connection, "technician")
        team = make_team(connection)
        make_team_member(connection, team_id=team["id"], user_id=technician.user_id)
        mine = make_ticket(connection, assigned_to=technician.user_id, status="assigned")
        ours = make_ticket(connection, assigned_team_id=team["id"], status="assigned")
        other = make_ticket(connection, status="assigned")
        page = ticket_views.list_tickets(connection, technician, ticket_views.TicketFilter(), PageRequest())
        assert {row["id"] for row in page.rows} == {mine["id"], ours["id"]}
        assert page.total == 2
        for visible in (mine, ours):
            assert update(platform, technician, visible["id"], status="in_progress")["status"] == "in_progress"
        for look in (
            lambda: ticket_views.get_ticket(connection, technician, other["id"]),
            lambda: update(platform, technician, other["id"], status="in_progress"),
            lambda: ticket_views.list_events(connection, technician, other["id"], PageRequest()),
        ):
            with pytest.raises(NotFound):
                look()

    def test_a_contractor_sees_the_companys_tickets_and_its_teams(self, connection: Connection, company: Row) -> None:
        contractor = make_actor(connection, "contractor", contractor_id=company["id"])
        team = make_team(connection, contractor_id=company["id"])
        seen = {
            make_ticket(connection, assigned_contractor_id=company["id"])["id"],
            make_ticket(connection, assigned_team_id=team["id"])["id"],
        }
        hidden = make_ticket(connection, assigned_contractor_id=make_contractor(connection)["id"])
        page = ticket_views.list_tickets(connection, contractor, ticket_views.TicketFilter(), PageRequest())
        assert {row["id"] for row in page.rows} == seen
        with pytest.raises(NotFound):
            ticket_views.get_ticket(connection, contractor, hidden["id"])

    def test_a_technician_cannot_take_a_ticket_past_pending_qa(
        self, platform: Platform, connection: Connection
    ) -> None:
        technician = make_actor(connection, "technician")
        ticket = make_ticket(connection, assigned_to=technician.user_id, status="pending_qa")
        make_readiness_check(connection, ticket["id"])
        with pytest.raises(Forbidden):
            update(platform, technician, ticket["id"], status="qa_in_progress")


class TestRacing:
    """Two callers at once: one wins, the other is told what is wrong with a clear 409."""

    def test_of_approval_and_rejection_one_wins(
        self, platform: Platform, connection: Connection, manager: Actor
    ) -> None:
        for _ in range(5):
            ticket = make_ticket(connection, status="qa_in_progress", created_at=NOON)
            complete_steps(connection, ticket["id"])
            won, lost = race(
                [
                    partial(update, platform, manager, ticket["id"], status="qa_approved"),
                    partial(update, platform, manager, ticket["id"], status="qa_rejected", reason="Blurred"),
                ],
            )
            assert len(won) == 1
            assert [type(error) for error in lost] == [InvalidStatusTransition]
            moves = [event for event in events(connection, ticket["id"]) if "status" in event["after"]]
            assert [move["after"]["status"] for move in moves] == [won[0]["status"]]

    def test_of_two_who_read_the_same_version_one_wins(
        self, platform: Platform, connection: Connection, manager: Actor
    ) -> None:
        ticket = create(platform, manager)
        seen = version(ticket["updated_at"])
        won, lost = race(
            [
                partial(update, platform, manager, ticket["id"], address=f"{n} Main Rd", updated_at=seen)
                for n in range(4)
            ],
        )
        assert len(won) == 1
        assert [type(error) for error in lost] == [StaleWrite] * 3
        assert ticket_views.read_ticket(connection, ticket["id"])["address"] == won[0]["address"]

    def test_a_risk_accepted_meanwhile_stops_a_closing(
        self, platform: Platform, connection: Connection, manager: Actor
    ) -> None:
        ticket = make_ticket(connection, status="qa_approved", created_at=NOON, fault_cause="unknown")
        with ThreadPoolExecutor(1) as pool:
            with platform.database.transaction() as other:
                make_risk(other, ticket["id"])
                closing = pool.submit(update, platform, manager, ticket["id"], status="closed")
                wait_until_somebody_waits(platform)
            with pytest.raises(ConditionNotMet) as caught:
                closing.result(WAIT)
        assert missing(caught.value) == ["no_active_risks"]

    def test_of_two_creations_for_one_reference_one_wins(
        self, platform: Platform, connection: Connection, manager: Actor
    ) -> None:
        won, lost = race([lambda: create(platform, manager, source="qcontact", external_id="FT1")] * 2)
        assert len(won) == 1
        assert [type(error) for error in lost] == [AlreadyExists]
        row = connection.execute("select count(*) as n from verification_steps").fetchone()
        assert row == {"n": 12}

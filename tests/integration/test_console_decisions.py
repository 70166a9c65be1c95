"""What QA and managers decide in the console: risks, guarantee and who pays, handing over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.console import open_console, send
from tests.factories import Row, make_ticket
from tests.factories.access import make_api_key
from tests.factories.handover import make_finished_ticket
from tests.factories.tickets import complete_steps, make_actor, make_risk
from ticketing import ticket_views
from ticketing.guarantee import service as guarantee
from ticketing.people import SYSTEM, Actor, Role

if TYPE_CHECKING:
    from jobs.platform import Platform
    from sql.database import Connection


@pytest.fixture
def lead(connection: Connection) -> Actor:
    return make_actor(connection, "manager", "qa")


@pytest.fixture
def console(app: Flask, platform: Platform, lead: Actor) -> FlaskClient:
    return open_console(app, make_api_key(platform, "manager", "qa", user_id=lead.user_id))


def text_of(answer: TestResponse) -> str:
    return answer.get_data(as_text=True)


def press(console: FlaskClient, ticket: Row, action: str, **fields: Any) -> TestResponse:
    """Send a form about a ticket and follow where it leads."""
    answer = send(console, f"/console/tickets/{ticket['id']}/{action}", console.get("/console/menu"), **fields)
    return console.get(answer.headers["Location"]) if answer.status_code == 303 else answer


class TestRisks:
    def test_a_risk_is_accepted_for_the_steps_that_are_ticked_and_resolved(
        self, console: FlaskClient, connection: Connection, lead: Actor
    ) -> None:
        ticket = make_ticket(connection, status="qa_in_progress")
        complete_steps(connection, ticket["id"], 10, 11)
        form = text_of(console.get(f"/console/tickets/{ticket['id']}/risks/new"))
        assert form.count('name="outstanding_steps"') == 2
        fields = {"risk_type": "minor_defect", "risk_description": "A label is missing", "outstanding_steps": ["10"]}
        page = text_of(press(console, ticket, "risks", risk_expiry_date="2035-01-01", **fields))
        assert "The risk has been accepted" in page
        assert "Steps 10 may stand open" in page
        [risk] = connection.execute("select * from qa_risk_acceptances").fetchall()
        assert (risk["outstanding_steps"], risk["accepted_by"]) == ([10], lead.user_id)
        assert (risk["requires_followup"], risk["covers_handover"]) == (False, False), "what is not ticked is not so"
        refused = press(console, ticket, f"risks/{risk['id']}/resolve")
        assert refused.status_code == 422
        resolved = press(console, ticket, f"risks/{risk['id']}/resolve", resolution_notes="Labelled")
        assert "Labelled" in text_of(resolved)
        assert press(console, ticket, f"risks/{risk['id']}/resolve", resolution_notes="Again").status_code == 409

    def test_a_form_that_is_refused_keeps_what_was_ticked_and_typed(
        self, console: FlaskClient, connection: Connection
    ) -> None:
        ticket = make_ticket(connection, status="qa_in_progress")
        complete_steps(connection, ticket["id"], 10, 11)
        fields = {"risk_type": "other", "risk_description": "Wet trench", "risk_expiry_date": "2020-01-01"}
        refused = press(console, ticket, "risks", outstanding_steps=["11"], covers_handover="true", **fields)
        page = text_of(refused)
        assert (refused.status_code, "must lie in the future" in page, "Wet trench" in page) == (422, True, True)
        assert 'value="11" checked' in page
        assert 'value="10" checked' not in page
        assert 'name="covers_handover" value="true" checked' in page

    def test_from_the_board_it_leads_back_to_the_board(self, console: FlaskClient, connection: Connection) -> None:
        ticket = make_ticket(connection, status="qa_in_progress")
        fields = {"risk_type": "other", "risk_description": "Wet trench", "from": "board"}
        assert "QA board" in text_of(press(console, ticket, "risks", **fields))

    def test_a_program_accepts_and_resolves_nothing(
        self, app: Flask, platform: Platform, connection: Connection
    ) -> None:
        program = open_console(app, make_api_key(platform, "qa"))
        ticket = make_ticket(connection, status="qa_in_progress")
        risk = make_risk(connection, ticket["id"])
        assert "Only a person accepts a risk" in text_of(program.get(f"/console/tickets/{ticket['id']}/risks/new"))
        assert press(program, ticket, "risks", risk_type="other", risk_description="x").status_code == 403
        assert press(program, ticket, f"risks/{risk['id']}/resolve", resolution_notes="x").status_code == 403


class TestGuarantee:
    def test_a_manager_decides_otherwise_than_the_rules_and_gives_the_ticket_back(
        self, console: FlaskClient, connection: Connection, lead: Actor
    ) -> None:
        ticket = make_ticket(connection)
        fields = {"billing_classification": "client_damage", "covered_until": "2035-03-03"}
        refused = press(console, ticket, "guarantee/decide", **fields)
        assert (refused.status_code, "needs a reason" in text_of(refused)) == (422, True)
        press(console, ticket, "guarantee/decide", reason="The dog ate it", **fields)
        shown = guarantee.show(connection, SYSTEM, ticket["id"])
        assert (shown["billing_classification"], shown["is_billable"]) == ("client_damage", True)
        assert shown["guarantee_expires_at"].isoformat() == "2035-03-03T22:00:00+00:00", "the end of the local day"
        assert shown["override"]["by"] == lead.user_id
        page = text_of(press(console, ticket, "guarantee/automatic"))
        assert "The rules decide on the guarantee again" in page
        assert guarantee.show(connection, SYSTEM, ticket["id"])["override"] is None

    def test_the_day_of_the_installation_is_noted_and_taken_back(
        self, console: FlaskClient, connection: Connection
    ) -> None:
        ticket = make_ticket(connection)
        press(console, ticket, "guarantee/installed", installation_date="2026-01-05")
        shown = guarantee.show(connection, SYSTEM, ticket["id"])
        assert shown["installation_date"].isoformat() == "2026-01-05"
        assert press(console, ticket, "guarantee/installed", installation_date="2199-01-05").status_code == 422
        press(console, ticket, "guarantee/installed", installation_date="")
        assert guarantee.show(connection, SYSTEM, ticket["id"])["installation_date"] is None

    def test_what_is_no_day_is_refused(self, console: FlaskClient, connection: Connection) -> None:
        ticket = make_ticket(connection)
        for until in ("soon", "2026-02-30", "9999-12-31"):
            refused = press(console, ticket, "guarantee/decide", covered_until=until, reason="x")
            assert (refused.status_code, "must be a day" in text_of(refused)) == (422, True)

    def test_a_decision_on_a_ticket_that_changed_since_is_refused(
        self, console: FlaskClient, connection: Connection
    ) -> None:
        old = {"updated_at": "2020-01-01T00:00:00.000Z", "billing_classification": "client_damage", "reason": "x"}
        assert press(console, make_ticket(connection), "guarantee/decide", **old).status_code == 409


class TestHandover:
    def test_a_finished_ticket_is_handed_over_and_its_snapshot_kept(
        self, console: FlaskClient, platform: Platform, connection: Connection, lead: Actor
    ) -> None:
        ticket = make_finished_ticket(platform, connection)
        wizard = text_of(console.get(f"/console/tickets/{ticket['id']}/handover"))
        assert "Nothing stands in the way" in wizard
        page = text_of(press(console, ticket, "handover/qa_to_maintenance"))
        assert "Handed over: number 1 in the chain" in page
        assert ticket_views.read_ticket(connection, ticket["id"])["status"] == "handed_to_maintenance"
        [snapshot] = connection.execute("select * from handover_snapshots").fetchall()
        assert snapshot["handover_by"] == lead.user_id
        assert f"/console/handovers/{snapshot['id']}/pdf" in page
        pdf = console.get(f"/console/handovers/{snapshot['id']}/pdf")
        assert pdf.data.startswith(b"%PDF")
        again = press(console, ticket, "handover/qa_to_maintenance")
        assert (again.status_code, "made already" in text_of(again)) == (409, True)

    def test_the_wizard_tells_what_stands_in_the_way(self, console: FlaskClient, connection: Connection) -> None:
        ticket = make_ticket(connection, status="in_progress")
        wizard = text_of(console.get(f"/console/tickets/{ticket['id']}/handover"))
        assert "The ticket has no accepted evidence photo" in wizard
        assert "Hand over to QA" not in wizard
        refused = press(console, ticket, "handover/build_to_qa")
        assert (refused.status_code, "no accepted evidence photo" in text_of(refused)) == (422, True)
        elsewhere = text_of(console.get(f"/console/tickets/{ticket['id']}/handover/maintenance_complete"))
        assert "This handover does not start where the ticket is now" in elsewhere

    def test_what_does_not_exist_is_not_found(self, console: FlaskClient, connection: Connection) -> None:
        ticket = make_ticket(connection, status="in_progress")
        assert console.get(f"/console/tickets/{ticket['id']}/handover/to_the_moon").status_code == 404
        assert console.get(f"/console/tickets/{uuid4()}/handover").status_code == 404
        assert console.get(f"/console/handovers/{uuid4()}/pdf").status_code == 404

    def test_who_does_not_hand_over_sees_the_gates_only(
        self, app: Flask, platform: Platform, connection: Connection
    ) -> None:
        ticket = make_finished_ticket(platform, connection)
        told: dict[Role, str] = {"viewer": "QA or a manager hands tickets over", "qa": "Only a person hands a ticket"}
        for role, said in told.items():
            program = open_console(app, make_api_key(platform, role))
            assert said in text_of(program.get(f"/console/tickets/{ticket['id']}/handover"))

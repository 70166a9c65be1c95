"""One ticket in the console: what its page shows, what is done there, and what happens when somebody was quicker."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.console import open_console, send, text_of
from tests.factories import make_contractor, make_drop, make_project, make_team, make_user
from tests.factories.access import client_as, make_api_key
from tests.factories.notices import GATEWAY
from tests.factories.sla import create
from ticketing import tickets
from ticketing.people import SYSTEM
from ticketing.ticket_input import TicketChanges
from ticketing.ticket_views import read_ticket

if TYPE_CHECKING:
    from jobs.platform import Platform

LIST = "/console/tickets"
AN_ID = "0198c5a2-7e1b-7c3d-9f00-0123456789ab"
Ticket = dict[str, Any]


@pytest.fixture
def manager(app: Flask, platform: Platform) -> FlaskClient:
    return open_console(app, make_api_key(platform, "manager", name="Anna at the office"))


def page_of(ticket: Ticket) -> str:
    return f"{LIST}/{ticket['id']}"


def now_of(platform: Platform, ticket: Ticket) -> Ticket:
    with platform.read() as connection:
        return read_ticket(connection, ticket["id"])


def change(platform: Platform, ticket: Ticket, **fields: Any) -> Ticket:
    with platform.begin(SYSTEM) as work:
        return tickets.update(work, ticket["id"], TicketChanges.model_validate(fields))


def act(
    browser: FlaskClient, ticket: Ticket, action: str, page: TestResponse | None = None, /, **fields: Any
) -> TestResponse:
    """Send a form of the ticket's page, with the version that the page shows."""
    page = page or browser.get(page_of(ticket))
    seen = re.search(r'name="updated_at" value="([^"]+)"', page.get_data(as_text=True))
    return send(
        browser, f"{page_of(ticket)}/{action}", page, **({"updated_at": seen.group(1)} if seen else {}), **fields
    )


def done(answer: TestResponse) -> None:
    assert answer.status_code == 303, answer.get_data(as_text=True)


class TestLooking:
    def test_everything_is_on_one_page(self, manager: FlaskClient, platform: Platform) -> None:
        with platform.read() as connection:
            project = make_project(connection, name="Lawley")
            make_drop(connection, dr_number="DR1737348", project_id=project["id"], address="12 Main Road")
            company, team = make_contractor(connection, name="Velocity"), make_team(connection, name="Field team")
        ticket = create(
            platform,
            title="No light <at> the mast",
            dr_number="DR1737348",
            description="Since\nSunday",
            gps_coordinates={"latitude": -26.371, "longitude": 27.812},
            assigned_contractor_id=str(company["id"]),
            assigned_team_id=str(team["id"]),
        )
        change(platform, ticket, status="in_progress", fault_cause="vandalism", ont_serial="ALCL1")
        text = text_of(manager, page_of(ticket))
        for said in (
            "No light &lt;at&gt; the mast",
            "Lawley",
            "DR1737348",
            "12 Main Road",
            "LAW.P.A002",
            "Velocity, Field team",
            "Vandalism",
            "ALCL1",
            "https://www.openstreetmap.org/?mlat=-26.371&amp;mlon=27.812",
            "geo:-26.371,27.812",
            "Hand in for QA",
            "of working time",
            "Ticket created",
            "Assigned → In progress",
            "No notes yet",
            "Checklist",
        ):
            assert said in text, said
        kinds = {"event": "Ticket created", "sync": "Nothing of this kind", "job": "Look for repeat faults"}
        for kind, said in kinds.items():
            assert said in text_of(manager, f"{page_of(ticket)}?kind={kind}"), kind

    def test_what_happened_and_notes_go_on(
        self, manager: FlaskClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("admin_api.console.ticket.ACTIVITIES", 2)
        monkeypatch.setattr("admin_api.console.ticket.NOTES", 1)
        ticket = create(platform)
        for number in range(3):
            act(manager, ticket, "notes", content=f"Note number {number}")
        text = text_of(manager, f"{page_of(ticket)}?kind=note")
        assert "Note number 0" not in text
        onward = re.findall(r'href="([^"]+)">Older', text)
        assert len(onward) == 2
        for address in onward:
            part, _, _ = address.replace("&amp;", "&").partition("#")
            assert "kind=note" in part
            assert text_of(manager, part) != text

    def test_who_works_on_site_sees_theirs_alone_and_no_inside_work(self, app: Flask, platform: Platform) -> None:
        with platform.read() as connection:
            company = make_contractor(connection)
        browser = open_console(app, make_api_key(platform, "contractor", contractor_id=company["id"]))
        mine, other = create(platform, assigned_contractor_id=str(company["id"])), create(platform)
        text = text_of(browser, page_of(mine))
        assert "Start work" in text
        assert company["name"] in text
        for hidden in ("Background work", "Cancel ticket", ">Assign<", "Pause the clock", "/priority"):
            assert hidden not in text
        assert "not found" in text_of(browser, page_of(other), 404)
        assert "not found" in text_of(browser, f"{page_of(other)}/edit", 404)
        answer = send(browser, f"{page_of(other)}/move/cancelled", browser.get(LIST + "/" + str(mine["id"])))
        assert answer.status_code == 404

    @pytest.mark.parametrize("far", [datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)])
    def test_a_date_at_the_end_of_the_calendar_is_shown(
        self, manager: FlaskClient, app: Flask, platform: Platform, far: datetime
    ) -> None:
        ticket = create(platform)
        fields = {"guarantee_expires_at", "sla_due_at", "sla_first_response_at"}
        kept = TicketChanges.model_construct(
            fields, guarantee_expires_at=far, sla_due_at=far, sla_first_response_at=far
        )
        with platform.begin(SYSTEM) as work:
            tickets.update(work, ticket["id"], kept)
        for address in (page_of(ticket), f"{page_of(ticket)}/edit", LIST):
            text_of(manager, address)
        for kind in ("csv", "xlsx"):
            export = client_as(app, platform, "manager").get(f"/api/ticketing/exports/tickets.{kind}")
            assert (export.status_code, bool(export.data)) == (200, True), kind

    def test_nothing_is_at_an_id_of_nothing(self, manager: FlaskClient) -> None:
        text_of(manager, f"{LIST}/{AN_ID}", 404)
        text_of(manager, f"{LIST}/nonsense", 422)

    def test_a_viewer_is_offered_nothing_to_send(self, app: Flask, platform: Platform) -> None:
        ticket = create(platform)
        text = text_of(open_console(app, make_api_key(platform, "viewer")), page_of(ticket))
        assert set(re.findall(r'method="post" action="([^"]+)"', text)) == {"/console/theme", "/console/sign-out"}


class TestDoing:
    def test_it_is_given_to_somebody_moved_and_taken_back(self, manager: FlaskClient, platform: Platform) -> None:
        with platform.read() as connection:
            user = make_user(connection, name="Thandi Example")
        ticket = create(platform)
        done(
            act(manager, ticket, "assign", assigned_to=str(user["id"]), assigned_contractor_id="", assigned_team_id="")
        )
        assert (now_of(platform, ticket)["assigned_to"], now_of(platform, ticket)["status"]) == (user["id"], "assigned")
        assert "Thandi Example" in text_of(manager, page_of(ticket))
        done(act(manager, ticket, "assign", assigned_to="", assigned_contractor_id="", assigned_team_id=""))
        assert now_of(platform, ticket)["assigned_to"] is None
        answer = act(manager, ticket, "move/in_progress")
        done(answer)
        assert "now in progress" in text_of(manager, answer.location)
        done(act(manager, ticket, "move/cancelled", reason="Twice the same"))
        assert "Twice the same" in text_of(manager, page_of(ticket))
        assert now_of(platform, ticket)["status"] == "cancelled"

    def test_priority_and_fault_cause_are_set(self, manager: FlaskClient, platform: Platform) -> None:
        ticket = create(platform)
        done(act(manager, ticket, "priority", priority="urgent"))
        done(act(manager, ticket, "fault-cause", fault_cause="vandalism", fault_cause_details="Cut by a spade"))
        changed = now_of(platform, ticket)
        assert (changed["priority"], changed["fault_cause"]) == ("urgent", "vandalism")
        text = text_of(manager, page_of(ticket))
        assert "Cut by a spade" in text
        answer = act(manager, ticket, "fault-cause", fault_cause="")
        assert answer.status_code == 422
        assert "fault_cause" in answer.get_data(as_text=True)

    def test_the_clock_is_paused_and_runs_again(self, manager: FlaskClient, platform: Platform) -> None:
        ticket = create(platform)
        assert act(manager, ticket, "sla/pause", reason=" ").status_code == 422
        done(act(manager, ticket, "sla/pause", reason="The municipality digs"))
        text = text_of(manager, page_of(ticket))
        assert "The municipality digs" in text
        assert "Paused, " in text
        again = act(manager, ticket, "sla/pause", reason="Once more")
        assert again.status_code == 409
        done(act(manager, ticket, "sla/resume"))
        assert "Pause the clock" in text_of(manager, page_of(ticket))

    def test_a_move_that_lacks_something_says_what(self, manager: FlaskClient, platform: Platform) -> None:
        ticket = create(platform)
        for status in ("assigned", "in_progress", "pending_qa"):
            change(platform, ticket, status=status)
        answer = act(manager, ticket, "move/qa_in_progress")
        text = answer.get_data(as_text=True)
        assert answer.status_code == 409
        assert "What is still missing" in text
        assert "Run the readiness check" in text
        assert act(manager, ticket, "move/closed").status_code == 409
        assert act(manager, ticket, "move/nowhere").status_code == 422

    def test_whoever_was_slower_is_told_what_changed_and_loses_nothing(
        self, manager: FlaskClient, app: Flask, platform: Platform
    ) -> None:
        other, ticket = open_console(app, make_api_key(platform, "manager", name="Ben")), create(platform)
        seen_by_both = other.get(page_of(ticket))
        done(act(manager, ticket, "priority", priority="urgent"))
        answer = act(other, ticket, "fault-cause", seen_by_both, fault_cause="vandalism", fault_cause_details="A spade")
        text = answer.get_data(as_text=True)
        assert answer.status_code == 409
        assert "Priority: normal → <strong>urgent</strong>, by Anna at the office" in text
        assert "A spade</textarea>" in text
        assert '<option value="vandalism" selected>' in text
        assert now_of(platform, ticket)["fault_cause"] is None
        done(act(other, ticket, "fault-cause", answer, fault_cause="vandalism", fault_cause_details="A spade"))
        assert now_of(platform, ticket)["fault_cause"] == "vandalism"

    def test_somebody_is_written_to_about_it(
        self, manager: FlaskClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(platform, "settings", platform.settings.model_copy(update=GATEWAY))
        ticket = create(platform, source="qcontact", external_id="1001", client_name="J Nkosi")
        text = text_of(manager, page_of(ticket))
        assert "Case 1001" in text
        assert f"/console/qcontact/tickets/{ticket['id']}/resync" in text
        to = {"recipient_type": "client", "recipient_name": "J Nkosi", "recipient_phone": "082 555 0101"}
        refused = act(manager, ticket, "messages", **to | {"recipient_phone": "12"}, message_content="We come today")
        assert refused.status_code == 422
        assert "We come today</textarea>" in refused.get_data(as_text=True)
        done(act(manager, ticket, "messages", **to, message_content="We come today"))
        text = text_of(manager, f"{page_of(ticket)}?kind=message")
        assert "We come today" in text
        assert "0825550101" not in text
        again = act(manager, ticket, "messages", **to, message_content="We come today")
        assert "less than five minutes ago" in text_of(manager, again.location)

    def test_too_many_names_are_narrowed(self, manager: FlaskClient, platform: Platform) -> None:
        ticket = create(platform)
        with platform.read() as connection:
            connection.execute("insert into users (name) select 'Person ' || n from generate_series(1000, 1101) as n")
        text = text_of(manager, page_of(ticket))
        assert "more names than the lists show" in text
        assert "Person 1101" not in text
        assert "Person 1101" in text_of(manager, f"{page_of(ticket)}?find=1101")


class TestNotes:
    def test_a_note_is_written_changed_and_removed(self, app: Flask, platform: Platform) -> None:
        with platform.read() as connection:
            user = make_user(connection, roles=["qa"], name="Thandi Example")
        browser = open_console(app, make_api_key(platform, "qa", user_id=user["id"]))
        ticket = create(platform)
        done(act(browser, ticket, "notes", content="The dog bites <b>", visibility="public"))
        text = text_of(browser, page_of(ticket))
        assert "The dog bites &lt;b&gt;" in text
        assert "the client too" in text
        page = browser.get(page_of(ticket))
        [address] = set(re.findall(r'action="([^"]+/notes/[^"/]+)"', page.get_data(as_text=True)))
        seen = re.findall(r'name="updated_at" value="([^"]+)"', page.get_data(as_text=True))[-1]
        done(send(browser, address, page, content="The dog is nice", visibility="private", updated_at=seen))
        assert "The dog is nice" in text_of(browser, page_of(ticket))
        stale = send(browser, address, page, content="The dog is gone", updated_at=seen)
        assert stale.status_code == 409
        assert "The dog is gone</textarea>" in stale.get_data(as_text=True)
        done(send(browser, f"{address}/remove", page))
        assert "No notes yet" in text_of(browser, page_of(ticket))
        assert send(browser, f"{address}/remove", page).status_code == 404

    def test_an_empty_note_is_none_and_others_notes_are_not_ones_own(
        self, manager: FlaskClient, app: Flask, platform: Platform
    ) -> None:
        ticket = create(platform)
        empty = act(manager, ticket, "notes", content="  ")
        assert empty.status_code == 422
        done(act(manager, ticket, "notes", content="Ours"))
        text = text_of(open_console(app, make_api_key(platform, "qa")), page_of(ticket))
        assert "Ours" in text
        assert "/remove" not in text


class TestForms:
    def test_facts_are_edited_and_emptied(self, manager: FlaskClient, platform: Platform) -> None:
        with platform.read() as connection:
            project = make_project(connection)
        ticket = create(platform, pole_number="P1", address="12 Main Road", project_id=str(project["id"]))
        page = manager.get(f"{page_of(ticket)}/edit")
        assert "12 Main Road" in page.get_data(as_text=True)
        fields = {"title": "Fibre cut", "pole_number": "", "address": "12 Main Road", "ont_rx_level": "-19.5"}
        fields |= {"project_id": str(project["id"]), "latitude": "-26.371", "longitude": "27.812", "description": ""}
        done(act(manager, ticket, "edit", page, **fields))
        changed = now_of(platform, ticket)
        assert (changed["title"], changed["pole_number"], changed["address"]) == ("Fibre cut", None, "12 Main Road")
        assert (changed["ont_rx_level"], changed["project_id"]) == (-19.5, project["id"])
        assert changed["gps_coordinates"] == {"latitude": -26.371, "longitude": 27.812}
        page = manager.get(f"{page_of(ticket)}/edit")
        done(act(manager, ticket, "edit", page, **fields | {"latitude": "", "longitude": ""}))
        assert now_of(platform, ticket)["gps_coordinates"] is None

    def test_what_cannot_be_is_kept_in_the_form_with_why(self, manager: FlaskClient, platform: Platform) -> None:
        ticket = create(platform)
        fields = {"title": "Fibre cut", "address": "13 Other Road", "latitude": "", "longitude": ""}
        page = manager.get(f"{page_of(ticket)}/edit")
        for wrong in ({"title": ""}, {"dr_number": "17"}, {"latitude": "91", "longitude": "0"}, {"latitude": "1"}):
            answer = act(manager, ticket, "edit", page, **fields | wrong)
            text = answer.get_data(as_text=True)
            assert answer.status_code == 422, wrong
            assert "13 Other Road" in text
            assert 'role="alert"' in text
        assert now_of(platform, ticket)["address"] is None

    def test_a_stale_edit_is_told_on_the_form(self, manager: FlaskClient, platform: Platform) -> None:
        ticket = create(platform)
        page = manager.get(f"{page_of(ticket)}/edit")
        change(platform, ticket, address="12 Main Road")
        answer = act(manager, ticket, "edit", page, title="Fibre cut", address="", pole_number="P1")
        text = answer.get_data(as_text=True)
        assert answer.status_code == 409
        assert "Address: nothing → <strong>12 Main Road</strong>" in text
        for kept in ("Fibre cut", "12 Main Road", "P1"):
            assert f'value="{kept}"' in text
        done(act(manager, ticket, "edit", answer, title="Fibre cut", address="12 Main Road", pole_number="P1"))

    def test_sent_once_more_it_keeps_a_line_that_somebody_added(self, manager: FlaskClient, platform: Platform) -> None:
        ticket = create(platform, description="Line 1\nLine 2")
        page = manager.get(f"{page_of(ticket)}/edit")
        change(platform, ticket, description="Line 1\nLine 2\nGate code 1234")
        fields = {"title": "Fibre cut", "description": "Line 1\r\nLine 2"}
        answer = act(manager, ticket, "edit", page, **fields)
        assert answer.status_code == 409
        assert "Line 1\nLine 2\nGate code 1234</textarea>" in answer.get_data(as_text=True)
        done(act(manager, ticket, "edit", answer, **fields | {"description": "Line 1\r\nLine 2\r\nGate code 1234"}))
        kept = now_of(platform, ticket)
        assert (kept["title"], kept["description"]) == ("Fibre cut", "Line 1\nLine 2\nGate code 1234")

    @pytest.mark.parametrize("description", ["Line 1\nLine 2", "\nLine 2"])
    def test_saving_it_untouched_changes_nothing(
        self, manager: FlaskClient, platform: Platform, description: str
    ) -> None:
        ticket = create(platform, description=description)
        page = manager.get(f"{page_of(ticket)}/edit")
        # A browser drops the line end with which a text area begins.
        shown = re.search(r"<textarea[^>]*>\n?(.*?)</textarea>", page.get_data(as_text=True), re.DOTALL)
        assert shown
        sent = shown.group(1).replace("\n", "\r\n")
        done(act(manager, ticket, "edit", page, title=ticket["title"], description=sent))
        assert now_of(platform, ticket) == ticket

    def test_on_site_one_edits_what_one_sees_there_until_qa_has_it(self, app: Flask, platform: Platform) -> None:
        with platform.read() as connection:
            company = make_contractor(connection)
        browser = open_console(app, make_api_key(platform, "contractor", contractor_id=company["id"]))
        ticket = create(platform, assigned_contractor_id=str(company["id"]))
        page = browser.get(f"{page_of(ticket)}/edit")
        assert 'name="title"' not in page.get_data(as_text=True)
        done(act(browser, ticket, "edit", page, ont_serial="ALCL1", latitude="-26", longitude="27"))
        changed = now_of(platform, ticket)
        assert (changed["ont_serial"], changed["gps_coordinates"]) == ("ALCL1", {"latitude": -26.0, "longitude": 27.0})
        with platform.read() as connection:
            connection.execute("update tickets set status = 'in_progress' where id = %s", [ticket["id"]])
            connection.execute("update tickets set status = 'pending_qa' where id = %s", [ticket["id"]])
            connection.execute("update tickets set status = 'qa_in_progress' where id = %s", [ticket["id"]])
        assert "nothing here for you to change" in text_of(browser, f"{page_of(ticket)}/edit")
        assert act(browser, ticket, "edit", page, ont_serial="ALCL2").status_code in (403, 409)

    def test_a_new_ticket_is_made_with_what_the_register_knows(self, manager: FlaskClient, platform: Platform) -> None:
        with platform.read() as connection:
            drop = make_drop(connection, dr_number="DR1737348", address="12 Main Road")
        page = manager.get(f"{LIST}/new?dr_number=DR1737348")
        assert 'value="DR1737348"' in page.get_data(as_text=True)
        fields = {"title": "No light", "ticket_type": "incident", "source": "ad_hoc", "priority": "high"}
        answer = send(manager, f"{LIST}/new", page, **fields, dr_number="dr1737348", latitude="", assigned_to="")
        done(answer)
        text = text_of(manager, answer.location)
        assert "has been made" in text
        assert drop["address"] in text

    def test_a_new_ticket_without_a_title_is_none(self, manager: FlaskClient) -> None:
        page = manager.get(f"{LIST}/new")
        answer = send(manager, f"{LIST}/new", page, title=" ", source="ad_hoc", client_name="J Nkosi", ticket_type="x")
        text = answer.get_data(as_text=True)
        assert answer.status_code == 422
        assert "J Nkosi" in text
        assert "invalid-feedback" in text

"""Verification on a real database and over HTTP: steps, who completed them and when, progress, and races."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from admin_api.api import verification as verification_api
from admin_api.app import create_app
from runtime.errors import FibreflowError
from tests.factories import Row, make_ticket
from tests.factories.access import client_as
from tests.factories.readiness import ONT, make_photo, make_photos
from tests.factories.tickets import make_actor
from tests.races import at_once
from ticketing import ticket_views, verification
from ticketing.errors import ConditionNotMet, Forbidden, NotFound, StaleWrite
from ticketing.paging import PageRequest
from ticketing.people import SYSTEM, Actor
from ticketing.verification import StepChanges
from ticketing.verification_steps import STEPS

if TYPE_CHECKING:
    from jobs.platform import Platform
    from sql.database import Connection

WAIT = 20


@pytest.fixture
def technician(connection: Connection) -> Actor:
    return make_actor(connection, "technician")


@pytest.fixture
def ticket(connection: Connection, technician: Actor) -> Row:
    """A ticket in work that has every photo and reading that the steps need."""
    ticket = make_ticket(connection, status="in_progress", assigned_to=technician.user_id, **ONT)
    make_photos(connection, ticket["id"])
    return ticket


def change(platform: Platform, actor: Actor, ticket_id: UUID, number: int, **fields: Any) -> dict[str, Any]:
    with platform.begin(actor) as work:
        return verification.change_step(work, ticket_id, number, StepChanges.model_validate(fields))


def events(connection: Connection, ticket_id: UUID) -> list[dict[str, Any]]:
    rows, _ = ticket_views.list_events(connection, SYSTEM, ticket_id, PageRequest(size=100))
    return rows[::-1]


class TestSteps:
    def test_a_step_is_completed_and_opened_again_with_who_and_when(
        self, platform: Platform, connection: Connection, technician: Actor, ticket: Row
    ) -> None:
        done = change(platform, technician, ticket["id"], 3, is_complete=True)
        assert (done["is_complete"], done["completed_by"]) == (True, technician.user_id)
        assert done["completed_by_name"] == technician.name
        assert done["completed_at"] is not None
        assert change(platform, technician, ticket["id"], 3, is_complete=True) == done
        opened = change(platform, technician, ticket["id"], 3, is_complete=False)
        assert (opened["is_complete"], opened["completed_at"], opened["completed_by"]) == (False, None, None)
        completed, reopened = events(connection, ticket["id"])
        assert [completed["event_type"], reopened["event_type"]] == [
            "verification_step_completed",
            "verification_step_reopened",
        ]
        assert completed["details"] == {"step_number": 3, "step_name": "Fiber Installation", "progress": "1/12"}
        assert completed["after"]["is_complete"] is True
        assert reopened["before"]["completed_by"] == str(technician.user_id)
        assert reopened["details"]["progress"] == "0/12"

    def test_all_twelve_lead_to_the_end(
        self, platform: Platform, connection: Connection, technician: Actor, ticket: Row
    ) -> None:
        for step in STEPS:
            change(platform, technician, ticket["id"], step.number, is_complete=True, notes="-19 dBm, EXFO")
        progress = verification.get_progress(connection, technician, ticket["id"])
        assert (progress["progress"], progress["all_steps_complete"]) == ("12/12", True)

    def test_what_is_missing_is_named_and_then_mended(
        self, platform: Platform, connection: Connection, technician: Actor
    ) -> None:
        ticket = make_ticket(connection, status="in_progress", assigned_to=technician.user_id)
        with pytest.raises(ConditionNotMet) as caught:
            change(platform, technician, ticket["id"], 7, is_complete=True)
        assert isinstance(caught.value.details, dict)
        conditions = [item["condition"] for item in caught.value.details["missing"]]
        assert conditions == ["photo", "ont_serial", "ont_rx_level"]
        make_photo(connection, ticket["id"], 7, inspection_status="rejected")
        connection.execute("update tickets set ont_serial = 'A1', ont_rx_level = -20 where id = %s", [ticket["id"]])
        listed = verification.list_steps(connection, technician, ticket["id"])[6]
        assert [item["condition"] for item in listed["missing"]] == ["photo"]
        make_photo(connection, ticket["id"], 7, inspection_status="pending", inspected_at=None)
        assert change(platform, technician, ticket["id"], 7, is_complete=True)["photos_count"] == 1

    def test_notes_and_the_photos_verification_are_told_apart(
        self, platform: Platform, connection: Connection, technician: Actor, ticket: Row
    ) -> None:
        qa = make_actor(connection, "qa")
        change(platform, technician, ticket["id"], 2, notes="Cable from lot 7", photo_url="https://a.example/2.jpg")
        assert change(platform, qa, ticket["id"], 2, photo_verified=True)["photo_verified"] is True
        renewed = change(platform, technician, ticket["id"], 2, photo_url="https://a.example/3.jpg")
        assert (renewed["photo_verified"], renewed["notes"]) == (False, "Cable from lot 7")
        assert {event["event_type"] for event in events(connection, ticket["id"])} == {"verification_step_updated"}

    def test_nothing_to_change_writes_nothing(
        self, platform: Platform, connection: Connection, technician: Actor, ticket: Row
    ) -> None:
        change(platform, technician, ticket["id"], 1)
        assert events(connection, ticket["id"]) == []

    def test_an_admin_completes_for_somebody_and_nobody_else_does(
        self, platform: Platform, connection: Connection, technician: Actor, ticket: Row
    ) -> None:
        admin, other = make_actor(connection, "admin"), make_actor(connection, "technician")
        with pytest.raises(Forbidden, match="completed_by must be you"):
            change(platform, technician, ticket["id"], 1, is_complete=True, completed_by=str(other.user_id))
        done = change(platform, admin, ticket["id"], 1, is_complete=True, completed_by=str(technician.user_id))
        assert done["completed_by"] == technician.user_id
        assert events(connection, ticket["id"])[-1]["details"]["on_behalf_of"] == str(technician.user_id)

    def test_whose_ticket_it_is_not_does_not_see_its_steps(
        self, platform: Platform, connection: Connection, ticket: Row
    ) -> None:
        stranger = make_actor(connection, "technician")
        with pytest.raises(NotFound):
            verification.list_steps(connection, stranger, ticket["id"])
        with pytest.raises(NotFound):
            change(platform, stranger, ticket["id"], 1, is_complete=True)

    def test_a_ticket_without_the_step_has_none(self, platform: Platform, ticket: Row) -> None:
        with pytest.raises(NotFound, match="no step 13"):
            change(platform, SYSTEM, ticket["id"], 13)


class TestRacing:
    def test_of_two_who_complete_a_step_one_wins(self, platform: Platform, connection: Connection, ticket: Row) -> None:
        people = [make_actor(connection, "qa"), make_actor(connection, "manager")]
        ends = at_once([partial(change, platform, person, ticket["id"], 9, is_complete=True) for person in people])
        (won,) = [end for end in ends if isinstance(end, dict)]
        (lost,) = [end for end in ends if isinstance(end, FibreflowError)]
        assert isinstance(lost, StaleWrite)
        assert isinstance(lost.details, dict)
        assert lost.details["completed_by"] == str(won["completed_by"])
        assert len(events(connection, ticket["id"])) == 1

    def test_steps_that_are_completed_at_once_are_all_counted(
        self, platform: Platform, connection: Connection, technician: Actor, ticket: Row
    ) -> None:
        numbers = [1, 2, 3, 4]
        at_once([partial(change, platform, technician, ticket["id"], n, is_complete=True) for n in numbers])
        told = {event["details"]["progress"] for event in events(connection, ticket["id"])}
        assert told == {"1/12", "2/12", "3/12", "4/12"}


class TestOverHttp:
    @pytest.fixture
    def app(self, platform: Platform) -> Flask:
        return create_app(platform=platform, blueprints=[verification_api.api])

    @pytest.fixture
    def client(self, app: Flask, platform: Platform) -> FlaskClient:
        return client_as(app, platform, "manager")

    @pytest.fixture
    def url(self, ticket: Row) -> str:
        return f"/api/ticketing/tickets/{ticket['id']}/verification"

    def test_the_steps_are_listed_in_the_contracts_shape(self, client: FlaskClient, url: str) -> None:
        body = client.get(url).get_json()
        assert [step["step_number"] for step in body["data"]] == list(range(1, 13))
        assert (body["meta"]["count"], body["message"]) == (12, "0/12 verification steps are complete")
        assert set(body["data"][0]) == set(verification_api.StepView.model_fields)
        for step in body["data"]:
            verification_api.StepView.model_validate(step)
        assert [step["step_number"] for step in body["data"] if not step["photo_required"]] == [9]

    def test_a_step_is_completed_and_the_ticket_reported(self, client: FlaskClient, url: str) -> None:
        before = client.post(f"{url}/complete").get_json()
        assert (before["meta"]["completion_status"], before["data"]["completed_steps"]) == ("in_progress", 0)
        assert "Verification progress" in before["message"]
        for number in range(1, 13):
            body = {"is_complete": True, "notes": "-19 dBm, EXFO"}
            assert client.put(f"{url}/{number}", json=body).status_code == 200
        after = client.post(f"{url}/complete").get_json()
        assert after["meta"]["completion_status"] == "complete"
        assert "All verification steps completed" in after["message"]
        assert (after["data"]["progress_percentage"], after["data"]["all_steps_complete"]) == (100, True)
        assert len(after["data"]["steps"]) == 12

    def test_nothing_is_changed_by_an_empty_object(self, client: FlaskClient, url: str) -> None:
        assert client.put(f"{url}/4", json={}).get_json()["data"]["is_complete"] is False

    @pytest.mark.parametrize(
        ("step", "body", "status", "words"),
        [
            ("5abc", "{}", 422, "step number"),
            ("0", "{}", 422, "1 and 12"),
            ("13", "{}", 422, "1 and 12"),
            ("4", "{", 422, "Invalid JSON"),
            ("4", '{"completed_by": "user-1"}', 422, "completed_by"),
        ],
    )
    def test_what_is_no_step_is_refused(
        self, client: FlaskClient, url: str, step: str, body: str, status: int, words: str
    ) -> None:
        answer = client.put(f"{url}/{step}", data=body)
        assert answer.status_code == status
        assert words in answer.get_json()["error"]["message"]

    def test_the_number_that_was_given_is_echoed(self, client: FlaskClient, url: str) -> None:
        assert client.put(f"{url}/13", json={}).get_json()["error"]["details"] == {"provided": 13}

    def test_the_steps_exist_already(self, client: FlaskClient, url: str) -> None:
        answer = client.post(url)
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (409, "ALREADY_EXISTS")

    def test_a_step_that_lacks_something_is_a_conflict(self, client: FlaskClient, url: str) -> None:
        answer = client.put(f"{url}/8", json={"is_complete": True})
        error = answer.get_json()["error"]
        assert (answer.status_code, error["code"]) == (409, "CONDITION_NOT_MET")
        assert [item["condition"] for item in error["details"]["missing"]] == ["notes"]

    @pytest.mark.parametrize(("method", "path"), [("get", ""), ("post", ""), ("put", "/1"), ("post", "/complete")])
    def test_unknown_tickets_and_odd_ids(self, client: FlaskClient, method: str, path: str) -> None:
        send = getattr(client, method)
        unknown = send(f"/api/ticketing/tickets/{uuid4()}/verification{path}", json={})
        assert (unknown.status_code, unknown.get_json()["error"]["code"]) == (404, "NOT_FOUND")
        odd = send(f"/api/ticketing/tickets/7/verification{path}", json={})
        assert odd.status_code == 422
        assert "Invalid ticket ID" in odd.get_json()["error"]["message"]

    def test_who_reads_may_look_and_not_tick(self, app: Flask, platform: Platform, url: str) -> None:
        viewer = client_as(app, platform, "viewer")
        assert viewer.get(url).status_code == 200
        assert viewer.put(f"{url}/1", json={}).status_code == 403

"""Evidence over HTTP: the list that QA works through, a ticket's photos, overruling, inspecting again."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg.types.json import Jsonb

from admin_api.api import evidence
from admin_api.app import create_app
from tests.answers import error_of
from tests.factories import Row, make_project, make_ticket
from tests.factories.access import client_as
from tests.factories.attachments import make_site_ticket
from tests.factories.evidence import encoded, photo_row, scene, stored_photo
from tests.factories.readiness import make_photo
from tests.factories.tickets import make_actor
from tests.running import job_row, run_jobs
from ticketing.evidence.views import EvidenceView
from ticketing.people import Actor

if TYPE_CHECKING:
    from jobs.platform import Platform
    from sql.database import Connection

API = "/api/ticketing"


@pytest.fixture
def app(platform: Platform) -> Flask:
    return create_app(platform=platform, blueprints=[evidence.api])


@pytest.fixture
def person(connection: Connection) -> Actor:
    return make_actor(connection, "qa")


@pytest.fixture
def qa(app: Flask, platform: Platform, person: Actor) -> FlaskClient:
    return client_as(app, platform, "qa", user_id=person.user_id)


def suspect(connection: Connection, ticket: Row, hour: int, **columns: Any) -> Row:
    """A photo that inspection has doubts about."""
    other = {"ticket_id": str(uuid4()), "ticket_uid": "FF100001", "attachment_id": str(uuid4()), "step_number": 3}
    reason = {"code": "similar_photo", "level": "doubts", "message": "Nearly the photo of FF100001"}
    row: Row = {
        "inspection_status": "suspect",
        "inspection_reasons": Jsonb([reason | {"repeats": other | {"distance": 4}, "count": 1}]),
        "uploaded_at": f"2026-11-20T{hour:02}:00:00Z",
    }
    return make_photo(connection, ticket["id"], 1, **row | columns)


def ids(answer: Any) -> list[UUID]:
    assert answer.status_code == 200, answer.get_json()
    return [UUID(row["id"]) for row in answer.get_json()["data"]]


def test_a_photo_that_two_tickets_show_is_told_from_upload_to_qas_word(
    platform: Platform, connection: Connection, person: Actor
) -> None:
    app = create_app(platform=platform)
    technician = make_actor(connection, "technician")
    site = client_as(app, platform, "technician", user_id=technician.user_id)
    office = client_as(app, platform, "qa", user_id=person.user_id)
    tickets = [make_site_ticket(connection, technician) for _ in range(2)]
    photo = encoded(scene(50))
    for ticket in tickets:
        form = {"file": (io.BytesIO(photo), "pole.jpg"), "uploaded_by": str(technician.user_id), "is_evidence": "true"}
        sent = site.post(f"{API}/tickets/{ticket['id']}/attachments", data=form)
        assert sent.status_code == 201, sent.get_json()
        run_jobs(platform)
    (first,) = office.get(f"{API}/tickets/{tickets[0]['id']}/evidence").get_json()["data"]
    (found,) = office.get(f"{API}/evidence").get_json()["data"]
    assert first["inspection_status"] == "accepted"
    assert (found["ticket_uid"], found["inspection_status"]) == (tickets[1]["ticket_uid"], "rejected")
    assert found["inspection_reasons"][0]["repeats"]["attachment_id"] == first["id"]
    said = office.post(f"{API}/attachments/{found['id']}/overrule", json={"note": "One pole serves both"})
    assert said.get_json()["data"]["inspection_status"] == "accepted"
    assert office.get(f"{API}/evidence").get_json()["data"] == []


class TestLists:
    def test_what_waits_for_qa_stands_newest_first_and_goes_on_by_cursor(
        self, qa: FlaskClient, connection: Connection
    ) -> None:
        ticket = make_ticket(connection)
        photos = [suspect(connection, ticket, hour) for hour in range(3)]
        make_photo(connection, ticket["id"], 2)
        first = qa.get(f"{API}/evidence?pageSize=2")
        assert ids(first) == [photos[2]["id"], photos[1]["id"]]
        row = first.get_json()["data"][0]
        assert set(row) == set(EvidenceView.model_fields)
        assert row["inspection_reasons"][0]["repeats"]["ticket_uid"] == "FF100001"
        cursor = first.get_json()["meta"]["next_cursor"]
        rest = qa.get(f"{API}/evidence?pageSize=2&cursor={cursor}")
        assert ids(rest) == [photos[0]["id"]]
        assert rest.get_json()["meta"]["next_cursor"] is None

    def test_filters(self, qa: FlaskClient, connection: Connection, person: Actor) -> None:
        project = make_project(connection, code="LAW")
        ticket, other = make_ticket(connection, project_id=project["id"]), make_ticket(connection)
        own = suspect(connection, ticket, 1)
        dark = suspect(
            connection,
            other,
            2,
            inspection_status="rejected",
            inspection_reasons=Jsonb([{"code": "too_dark", "level": "rejects", "message": "Dark"}]),
        )
        said = suspect(
            connection,
            other,
            3,
            overruled_by=person.user_id,
            overruled_at="2026-11-21T00:00:00Z",
            overrule_note="Fine",
        )
        good = make_photo(connection, other["id"], 5, uploaded_at="2026-11-20T04:00:00Z")
        assert ids(qa.get(f"{API}/evidence")) == [dark["id"], own["id"]]
        assert ids(qa.get(f"{API}/evidence?status=rejected")) == [dark["id"]]
        assert ids(qa.get(f"{API}/evidence?status=accepted,suspect")) == [good["id"], own["id"]]
        assert ids(qa.get(f"{API}/evidence?status=all&overruled=")) == [
            photo["id"] for photo in (good, said, dark, own)
        ]
        assert ids(qa.get(f"{API}/evidence?overruled=true")) == [said["id"]]
        assert ids(qa.get(f"{API}/evidence?code=too_dark")) == [dark["id"]]
        assert ids(qa.get(f"{API}/evidence?project_id=law")) == [own["id"]]
        assert ids(qa.get(f"{API}/evidence?project_id=nowhere")) == []
        assert ids(qa.get(f"{API}/tickets/{other['id']}/evidence")) == [good["id"], said["id"], dark["id"]]

    @pytest.mark.parametrize("query", ["status=ugly", "code=ugly", "overruled=perhaps", "cursor=nothing"])
    def test_a_query_that_makes_no_sense_is_refused(self, qa: FlaskClient, query: str) -> None:
        error_of(qa.get(f"{API}/evidence?{query}"), 422, "VALIDATION_ERROR")

    def test_who_works_on_site_sees_their_own(self, app: Flask, platform: Platform, connection: Connection) -> None:
        technician = make_actor(connection, "technician")
        own = suspect(connection, make_ticket(connection, assigned_to=technician.user_id), 1)
        other = suspect(connection, make_ticket(connection), 2)
        client = client_as(app, platform, "technician", user_id=technician.user_id)
        assert ids(client.get(f"{API}/evidence")) == [own["id"]]
        error_of(client.get(f"{API}/tickets/{other['ticket_id']}/evidence"), 404, "NOT_FOUND")
        error_of(client.post(f"{API}/attachments/{own['id']}/overrule", json={"note": "x"}), 403, "FORBIDDEN")


class TestOverruling:
    def test_qa_says_whether_a_photo_counts(self, qa: FlaskClient, connection: Connection, person: Actor) -> None:
        photo = suspect(connection, make_ticket(connection), 1)
        url = f"{API}/attachments/{photo['id']}/overrule"
        error = error_of(qa.post(url, json={}), 422, "VALIDATION_ERROR")
        assert set(error["details"]) == {"note"}
        answer = qa.post(url, json={"note": "Two poles alike"})
        body = answer.get_json()
        assert answer.status_code == 200, body
        assert set(body["data"]) == set(EvidenceView.model_fields)
        assert (body["data"]["inspection_status"], body["data"]["overruled_by"]) == ("accepted", str(person.user_id))
        assert body["message"] == "The photo is accepted"
        stale = error_of(qa.post(url, json={"note": "No", "status": "rejected"}), 409, "STALE_WRITE")
        seen = stale["details"]["overruled_at"]
        changed = qa.post(url, json={"note": "No", "status": "rejected", "overruled_at": seen})
        assert changed.get_json()["data"]["inspection_status"] == "rejected"
        assert photo_row(connection, photo["id"])["overrule_note"] == "No"

    def test_what_is_no_photo_is_not_found(self, qa: FlaskClient, connection: Connection) -> None:
        ticket = make_ticket(connection)
        paper = make_photo(connection, ticket["id"], 1, file_type="pdf", mime_type="application/pdf")
        for wrong in (uuid4(), paper["id"]):
            error_of(qa.post(f"{API}/attachments/{wrong}/overrule", json={"note": "x"}), 404, "NOT_FOUND")
            error_of(qa.post(f"{API}/attachments/{wrong}/inspection"), 404, "NOT_FOUND")
        error_of(qa.post(f"{API}/attachments/FF1/overrule", json={"note": "x"}), 422, "VALIDATION_ERROR")

    def test_of_a_ticket_that_is_over_nothing_is_overruled(self, qa: FlaskClient, connection: Connection) -> None:
        photo = suspect(connection, make_ticket(connection, status="cancelled"), 1)
        error = error_of(
            qa.post(f"{API}/attachments/{photo['id']}/overrule", json={"note": "x"}), 409, "CONDITION_NOT_MET"
        )
        assert error["details"] == {"status": "cancelled"}


class TestInspectingAgain:
    def test_one_photo(self, qa: FlaskClient, platform: Platform, connection: Connection) -> None:
        photo = stored_photo(platform, connection, make_ticket(connection)["id"], encoded(scene(1)))
        answer = qa.post(f"{API}/attachments/{photo['id']}/inspection")
        assert answer.status_code == 202
        run_jobs(platform)
        assert job_row(platform, answer.get_json()["data"]["job_id"])["state"] == "completed"
        assert photo_row(connection, photo["id"])["inspection_status"] == "accepted"

    def test_many_photos(self, qa: FlaskClient, platform: Platform, connection: Connection) -> None:
        ticket = make_ticket(connection)["id"]
        past = {"uploaded_at": "2026-01-01T00:00:00Z"}
        photo = stored_photo(platform, connection, ticket, encoded(scene(1)), **past)
        given = {"statuses": ["pending"], "ticket_ids": [str(ticket)], "uploaded_before": "2026-06-01T00:00:00+02:00"}
        answer = qa.post(f"{API}/evidence/inspections", json=given)
        assert answer.status_code == 202, answer.get_json()
        run_jobs(platform)
        assert job_row(platform, answer.get_json()["data"]["job_id"])["result"] == {"photos": 1}
        assert photo_row(connection, photo["id"])["inspection_status"] == "accepted"

    @pytest.mark.parametrize(
        "wrong", [{"statuses": []}, {"statuses": ["ugly"]}, {"uploaded_from": "2026-01-01T00:00:00"}, {"all": True}]
    )
    def test_a_selection_that_makes_no_sense_is_refused(self, qa: FlaskClient, wrong: dict[str, Any]) -> None:
        error_of(qa.post(f"{API}/evidence/inspections", json=wrong), 422, "VALIDATION_ERROR")

"""Notes over HTTP on a real database: shapes of the contract, who may what, what stays, who wins a race, and plans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from admin_api.api import notes as routes
from admin_api.app import create_app
from sql.database import queries
from tests.answers import error_of
from tests.factories import Row, insert, make, make_contractor, make_ticket, make_user
from tests.factories.access import client_as
from tests.races import race_of_requests
from ticketing import ticket_views
from ticketing.notes.views import NoteView
from ticketing.paging import PageRequest
from ticketing.people import SYSTEM

if TYPE_CHECKING:
    from jobs.platform import Platform

API = "/api/ticketing"
WAIT = 20


@pytest.fixture
def app(platform: Platform) -> Flask:
    return create_app(platform=platform, blueprints=[routes.api])


@pytest.fixture
def user(platform: Platform) -> Row:
    return make(platform, make_user, roles=["manager"])


@pytest.fixture
def client(app: Flask, platform: Platform, user: Row) -> FlaskClient:
    return client_as(app, platform, "manager", user_id=user["id"])


@pytest.fixture
def url(platform: Platform) -> str:
    return f"{API}/tickets/{make(platform, make_ticket)['id']}/notes"


def write(client: FlaskClient, url: str, **body: Any) -> dict[str, Any]:
    answer = client.post(url, json={"content": "Called the client"} | body)
    assert answer.status_code == 200, answer.json
    data: dict[str, Any] = answer.get_json()["data"]
    return data


def events(platform: Platform, url: str) -> list[dict[str, Any]]:
    ticket_id = UUID(url.split("/")[-2])
    with platform.read() as connection:
        return ticket_views.list_events(connection, SYSTEM, ticket_id, PageRequest())[0][::-1]


class TestWriting:
    def test_a_note_is_written_in_the_contracts_shape(
        self, client: FlaskClient, platform: Platform, url: str, user: Row
    ) -> None:
        data = write(client, url, content="  Called  ", visibility="public", attachments=["a.jpg"], is_resolution=True)
        assert set(data) == set(NoteView.model_fields)
        assert (data["content"], data["visibility"], data["note_type"]) == ("Called", "public", "internal")
        assert (data["created_by"], data["author_name"], data["author_email"]) == (
            str(user["id"]),
            user["name"],
            user["email"],
        )
        assert data["created_at"] == data["updated_at"]
        (event,) = events(platform, url)
        assert (event["event_type"], event["actor_id"]) == ("note_added", user["id"])
        assert event["details"] == {
            "note_id": data["id"],
            "note_type": "internal",
            "visibility": "public",
            "is_resolution": True,
        }

    def test_a_programs_note_bears_its_name(self, app: Flask, platform: Platform, url: str) -> None:
        data = write(client_as(app, platform, "manager", name="Night script"), url)
        assert (data["created_by"], data["author_name"], data["author_email"]) == (None, "Night script", None)

    def test_what_is_wrong_is_400_and_a_wrong_id_422(self, client: FlaskClient, url: str) -> None:
        for body in (
            {},
            {"content": " "},
            {"content": "x", "visibility": "secret"},
            {"content": "x", "note_type": "y"},
        ):
            error_of(client.post(url, json=body), 400, "VALIDATION_ERROR")
        error_of(client.post(f"{API}/tickets/7/notes", json={"content": "x"}), 422, "VALIDATION_ERROR")
        error_of(client.get(f"{url}/7"), 422, "VALIDATION_ERROR")
        error_of(client.post(f"{API}/tickets/{uuid4()}/notes", json={"content": "x"}), 404, "NOT_FOUND")

    def test_who_wrote_it_is_who_is_signed_in(
        self, app: Flask, platform: Platform, client: FlaskClient, url: str
    ) -> None:
        other = make(platform, make_user)
        error_of(client.post(url, json={"content": "x", "created_by": str(other["id"])}), 403, "FORBIDDEN")
        admin = client_as(app, platform, "admin")
        assert write(admin, url, created_by=str(other["id"]))["author_name"] == other["name"]
        assert events(platform, url)[-1]["details"]["on_behalf_of"] == str(other["id"])

    def test_twice_with_one_key_is_written_once(self, client: FlaskClient, url: str) -> None:
        both = [client.post(url, json={"content": "x"}, headers={"Idempotency-Key": "once"}) for _ in range(2)]
        assert both[0].data == both[1].data
        assert client.get(url).get_json()["data"]["summary"]["total"] == 1

    def test_one_writes_only_where_one_sees(self, app: Flask, platform: Platform, url: str) -> None:
        company = make(platform, make_contractor)["id"]
        contractor = client_as(app, platform, "contractor", contractor_id=company)
        error_of(contractor.post(url, json={"content": "x"}), 404, "NOT_FOUND")
        error_of(contractor.get(url), 404, "NOT_FOUND")
        own = make(platform, make_ticket, assigned_contractor_id=company)["id"]
        write(contractor, f"{API}/tickets/{own}/notes")


class TestListing:
    def test_newest_first_filtered_and_counted(self, client: FlaskClient, url: str) -> None:
        made = [write(client, url, visibility=kind)["id"] for kind in ("private", "public", "private")]
        for query, expected in {
            "": made[::-1],
            "?visibility=public": [made[1]],
            "?visibility=private": [made[2], made[0]],
            "?visibility=other": made[::-1],
        }.items():
            data = client.get(url + query).get_json()["data"]
            assert [note["id"] for note in data["notes"]] == expected
            assert data["summary"] == {"total": 3, "private": 2, "public": 1}

    def test_cursors_walk_all_while_notes_arrive(self, client: FlaskClient, url: str) -> None:
        made = [write(client, url)["id"] for _ in range(5)]
        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            body = client.get(f"{url}?limit=2&cursor={cursor}").get_json()
            seen += [note["id"] for note in body["data"]["notes"]]
            cursor = body["meta"]["next_cursor"]
            write(client, url)
        assert seen == made[::-1]
        error_of(client.get(f"{url}?cursor=x"), 400, "VALIDATION_ERROR")

    def test_the_plan_of_a_page_uses_the_index(self, platform: Platform) -> None:
        with platform.read() as connection:
            ticket = make_ticket(connection)["id"]
            others = [make_ticket(connection)["id"] for _ in range(20)]
            connection.execute(
                "insert into ticket_notes (ticket_id, content, created_at)"
                " select (%s::uuid[])[n %% 21 + 1], 'note', now() - n * interval '1 minute'"
                " from generate_series(1, 21000) as n",
                [[ticket, *others]],
            )
            connection.execute("analyze ticket_notes")
            values = {"ticket_id": ticket, "note_id": None, "visibility": "private", "row_limit": 101}
            values |= {"after_at": "2026-11-20T10:00:00Z", "after_id": uuid4()}
            for query, parameters in (("list_notes", values), ("count_notes", {"ticket_id": ticket})):
                row = connection.execute(
                    "explain (format text) " + getattr(queries("notes"), query).sql, parameters, prepare=False
                ).fetchall()
                assert "ticket_notes_ticket_id_idx" in str(row)
                assert "Seq Scan on ticket_notes" not in str(row)


class TestChanging:
    def test_a_change_keeps_what_it_said(self, client: FlaskClient, platform: Platform, url: str) -> None:
        note = write(client, url)
        answer = client.patch(f"{url}/{note['id']}", json={"content": "Visited", "visibility": "public"})
        data = answer.get_json()["data"]
        assert (answer.status_code, data["content"], data["visibility"]) == (200, "Visited", "public")
        assert data["updated_at"] > note["updated_at"]
        event = events(platform, url)[-1]
        assert (event["event_type"], event["before"], event["after"]) == (
            "note_changed",
            {"content": "Called the client", "visibility": "private"},
            {"content": "Visited", "visibility": "public"},
        )

    def test_the_same_again_changes_nothing(self, client: FlaskClient, platform: Platform, url: str) -> None:
        note = write(client, url)
        answer = client.patch(f"{url}/{note['id']}", json={"content": note["content"]})
        assert answer.get_json()["data"] == note
        assert len(events(platform, url)) == 1

    def test_what_is_wrong_is_400_or_404(self, client: FlaskClient, platform: Platform, url: str) -> None:
        note = write(client, url)
        for body in ({}, {"content": " "}, {"visibility": "secret"}, {"updated_at": note["updated_at"]}):
            error_of(client.patch(f"{url}/{note['id']}", json=body), 400, "VALIDATION_ERROR")
        error_of(client.patch(f"{url}/{uuid4()}", json={"content": "x"}), 404, "NOT_FOUND")
        other = f"{API}/tickets/{make(platform, make_ticket)['id']}/notes/{note['id']}"
        error_of(client.patch(other, json={"content": "x"}), 404, "NOT_FOUND")
        error_of(client.get(other), 404, "NOT_FOUND")

    def test_only_the_author_and_managers_may(
        self, app: Flask, platform: Platform, client: FlaskClient, url: str
    ) -> None:
        lead = make(platform, make_user, roles=["qa"])
        qa, other = (
            client_as(app, platform, "qa", user_id=user["id"])
            for user in (lead, make(platform, make_user, roles=["qa"]))
        )
        address = f"{url}/{write(qa, url)['id']}"
        for action in (other.patch, other.delete):
            error_of(action(address, json={"content": "x"}), 403, "FORBIDDEN")
        assert qa.patch(address, json={"content": "mine"}).status_code == 200
        assert client.patch(address, json={"content": "put right"}).status_code == 200
        assert qa.delete(address).status_code == 200

    def test_notes_of_the_system_stay(self, client: FlaskClient, platform: Platform, url: str) -> None:
        ticket_id = url.split("/")[-2]
        made = make(platform, insert, "ticket_notes", ticket_id=ticket_id, content="Escalated", note_type="system")
        error_of(client.patch(f"{url}/{made['id']}", json={"content": "x"}), 403, "FORBIDDEN")
        error_of(client.delete(f"{url}/{made['id']}"), 403, "FORBIDDEN")

    def test_a_removed_note_is_gone_and_the_audit_knows(
        self, client: FlaskClient, platform: Platform, url: str
    ) -> None:
        note = write(client, url)
        answer = client.delete(f"{url}/{note['id']}")
        assert answer.get_json()["data"] == {"id": note["id"], "deleted": True}
        error_of(client.get(f"{url}/{note['id']}"), 404, "NOT_FOUND")
        error_of(client.delete(f"{url}/{note['id']}"), 404, "NOT_FOUND")
        assert client.get(url).get_json()["data"] == {
            "notes": [],
            "summary": {"total": 0, "private": 0, "public": 0},
        }
        event = events(platform, url)[-1]
        assert (event["event_type"], event["before"]["content"]) == ("note_removed", note["content"])


def test_of_two_who_change_what_they_read_one_is_told_that_it_changed(
    app: Flask, platform: Platform, client: FlaskClient, url: str
) -> None:
    note = write(client, url)
    others = [client_as(app, platform, "manager") for _ in range(2)]
    read = client.get(f"{url}/{note['id']}")

    def change(one: FlaskClient, text: str) -> Any:
        return one.patch(f"{url}/{note['id']}", json={"content": text}, headers={"If-Match": read.headers["ETag"]})

    assert race_of_requests(lambda: change(others[0], "first"), lambda: change(others[1], "second")) == [200, 409]
    stale = error_of(change(client, "third"), 409, "STALE_WRITE")
    assert stale["details"]["content"] in {"first", "second"}
    error_of(
        client.patch(f"{url}/{note['id']}", json={"content": "x", "updated_at": note["updated_at"]}), 409, "STALE_WRITE"
    )
    assert [event["event_type"] for event in events(platform, url)] == ["note_added", "note_changed"]


def test_of_two_who_remove_one_does(app: Flask, platform: Platform, client: FlaskClient, url: str) -> None:
    address = f"{url}/{write(client, url)['id']}"
    others = [client_as(app, platform, "manager") for _ in range(2)]
    assert race_of_requests(lambda: others[0].delete(address), lambda: others[1].delete(address)) == [200, 404]
    assert len(events(platform, url)) == 2

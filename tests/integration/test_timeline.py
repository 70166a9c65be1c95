"""The timeline of a ticket over HTTP: every source in one order, filters, who sees what, adding by hand, and plans."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg.types.json import Jsonb

from admin_api.api import timeline as routes
from admin_api.app import create_app
from sql.database import queries
from tests.factories import Row, insert, make, make_contractor, make_team, make_ticket, make_user
from tests.factories.access import client_as
from tests.factories.tickets import NOON, make_many_tickets
from ticketing import tickets
from ticketing.people import SYSTEM
from ticketing.ticket_input import TicketChanges
from ticketing.timeline.views import ActivityView

if TYPE_CHECKING:
    from jobs.platform import Platform

API = "/api/ticketing"


@pytest.fixture
def app(platform: Platform) -> Flask:
    return create_app(platform=platform, blueprints=[routes.api])


@pytest.fixture
def client(app: Flask, platform: Platform) -> FlaskClient:
    return client_as(app, platform, "manager", name="Console")


def url_of(ticket: Row) -> str:
    return f"{API}/tickets/{ticket['id']}/activities"


def read(client: FlaskClient, ticket: Row, query: str = "") -> dict[str, Any]:
    answer = client.get(f"{url_of(ticket)}{query}")
    assert answer.status_code == 200, answer.json
    data: dict[str, Any] = answer.get_json()["data"]
    return data


def minutes(number: int) -> Any:
    return NOON + timedelta(minutes=number)


@pytest.fixture
def busy(platform: Platform) -> Row:
    """A ticket to which one thing of each sort happened, a minute apart, in the order of KINDS."""
    author = make(platform, make_user)
    ticket = make(platform, make_ticket, source="qcontact", created_at=NOON)
    of_ticket = {"ticket_id": ticket["id"]}
    event = {"actor_kind": "user", "actor_id": author["id"], "actor_name": author["name"]}
    happened: list[tuple[str, Row]] = [
        (
            "ticket_events",
            {"event_type": "ticket_created", "after": {"title": "Dark"}, "occurred_at": minutes(1)} | event,
        ),
        (
            "ticket_events",
            {
                "event_type": "ticket_status_changed",
                "before": {"status": "open"},
                "after": {"status": "assigned"},
                "occurred_at": minutes(2),
                "job_id": uuid4(),
            }
            | event,
        ),
        ("ticket_events", {"event_type": "ticket_updated", "after": {"title": "x"}, "occurred_at": minutes(3)} | event),
        ("ticket_events", {"event_type": "note_added", "occurred_at": minutes(4)} | event),
        ("ticket_notes", {"content": "Called", "created_by": author["id"], "created_at": minutes(4)}),
        (
            "whatsapp_notifications",
            {
                "recipient_type": "technician",
                "recipient_phone": "+27821234567",
                "message_template": "ticket_assigned",
                "message_content": "Yours",
                "created_at": minutes(5),
            },
        ),
        (
            "qcontact_sync_log",
            {
                "sync_direction": "inbound",
                "sync_type": "create",
                "status": "success",
                "synced_at": minutes(6),
                "request_payload": Jsonb({"secret": 1}),
            },
        ),
    ]
    for table, columns in happened:
        make(platform, insert, table, **of_ticket, **columns)
    job = make(
        platform,
        insert,
        "jobs",
        kind="check_readiness",
        queue="tickets",
        state="available",
        max_attempts=3,
        actor_kind="user",
        actor_name="Thabo",
        created_at=minutes(7),
    )
    make(platform, insert, "job_subjects", subject_type="ticket", subject_id=str(ticket["id"]), job_id=job["id"])
    return ticket


KINDS = ["event", "event", "event", "note", "message", "sync", "job"]


class TestReading:
    def test_everything_in_one_order_newest_first(self, client: FlaskClient, busy: Row) -> None:
        data = read(client, busy)
        activities = data["activities"]
        assert [one["kind"] for one in activities] == KINDS[::-1]
        assert [one["type"] for one in activities][::-1] == [
            *("system", "status_change", "update", "note", "message", "system", "system")
        ]
        for one in activities:
            assert set(one) == set(ActivityView.model_fields)
            ActivityView.model_validate(one)
        assert data["summary"] == {"notes": 1, "updates": 2, "messages": 1, "system": 3, "total": 7}
        assert data["has_qcontact"] is True
        assert "27821234567" not in str(data)
        assert "secret" not in str(data)

    def test_what_each_tells(self, client: FlaskClient, busy: Row) -> None:
        job, sync, message, note, _, moved, _ = read(client, busy)["activities"]
        assert (job["label"], job["created_by"]) == ("Job: Check readiness", {"name": "Thabo", "email": None})
        assert job["job_url"] == f"{API}/jobs/{job['id']}"
        assert (sync["source"], sync["label"]) == ("qcontact", "Create from QContact")
        assert message["description"] == "To technician, pending: Yours"
        assert (note["description"], note["is_private"], note["is_pinned"]) == ("Called", True, False)
        assert note["created_by"]["email"]
        assert moved["field_changes"] == [{"field": "status", "old_value": "open", "new_value": "assigned"}]
        assert moved["job_url"].endswith(moved["job_id"])

    @pytest.mark.parametrize(
        ("query", "kinds"),
        [
            ("type=note", ["note"]),
            ("type=status_change", ["event"]),
            ("type=system", ["job", "sync", "event"]),
            ("type=all", KINDS[::-1]),
            ("source=qcontact", ["sync"]),
            ("source=local&type=system", ["job", "event"]),
            ("source=fibreflow&kind=event", ["event"] * 3),
            ("source=all", KINDS[::-1]),
            ("kind=message", ["message"]),
            ("kind=job", ["job"]),
        ],
    )
    def test_filters(self, client: FlaskClient, busy: Row, query: str, kinds: list[str]) -> None:
        data = read(client, busy, f"?{query}")
        assert [one["kind"] for one in data["activities"]] == kinds
        assert data["summary"]["total"] == 7

    def test_cursors_walk_it_whole_although_times_are_alike(self, client: FlaskClient, platform: Platform) -> None:
        ticket = make(platform, make_ticket)
        for number in range(9):
            columns = {"ticket_id": ticket["id"], "created_at": minutes(number // 3)}
            make(platform, insert, "ticket_notes", content=f"note {number}", **columns)
            make(
                platform,
                insert,
                "ticket_events",
                ticket_id=ticket["id"],
                event_type="photo_inspected",
                actor_kind="system",
                actor_name="system",
                occurred_at=minutes(number // 3),
            )
        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            body = client.get(f"{url_of(ticket)}?limit=4&cursor={cursor}").get_json()
            seen += [one["id"] for one in body["data"]["activities"]]
            cursor = body["meta"]["next_cursor"]
            make(platform, insert, "ticket_notes", content="later", ticket_id=ticket["id"], created_at=minutes(60))
        assert len(seen) == len(set(seen)) == 18
        assert client.get(f"{url_of(ticket)}?cursor=x").status_code == 422

    def test_people_companies_and_teams_are_called_by_name(self, client: FlaskClient, platform: Platform) -> None:
        ticket, team, user = make(platform, make_ticket), make(platform, make_team), make(platform, make_user)
        changes = {"assigned_team_id": str(team["id"]), "assigned_to": str(user["id"])}
        with platform.begin(SYSTEM) as work:
            tickets.update(work, ticket["id"], TicketChanges.model_validate(changes))
        assigned = read(client, ticket, "?type=assignment")["activities"][0]
        assert {change["field"]: change["new_value"] for change in assigned["field_changes"]} == {
            "assigned_team_id": team["name"],
            "assigned_to": user["name"],
        }

    def test_who_works_on_site_sees_neither_jobs_nor_syncs(self, app: Flask, platform: Platform, busy: Row) -> None:
        company = make(platform, make_contractor)["id"]
        contractor = client_as(app, platform, "contractor", contractor_id=company)
        assert contractor.get(url_of(busy)).status_code == 404
        with platform.read() as connection:
            connection.execute("update tickets set assigned_contractor_id = %s", [company])
        data = read(contractor, busy)
        assert {one["kind"] for one in data["activities"]} == {"event", "note", "message"}
        assert {one["job_url"] for one in data["activities"]} == {None}
        assert data["summary"] == {"notes": 1, "updates": 2, "messages": 1, "system": 1, "total": 5}

    def test_an_ordinary_ticket_has_no_crm(self, client: FlaskClient, platform: Platform) -> None:
        data = read(client, make(platform, make_ticket))
        assert data == {
            "activities": [],
            "summary": dict.fromkeys(("notes", "updates", "messages", "system", "total"), 0),
            "has_qcontact": False,
        }


class TestAdding:
    def test_a_note_is_added_and_answered_without_an_envelope(self, client: FlaskClient, platform: Platform) -> None:
        ticket = make(platform, make_ticket)
        answer = client.post(url_of(ticket), json={"description": " Called ", "is_private": False})
        body = answer.get_json()
        assert (answer.status_code, set(body)) == (200, set(ActivityView.model_fields))
        assert (body["type"], body["description"], body["is_private"]) == ("note", "Called", False)
        assert body["created_by"] == {"name": "Console", "email": None}
        assert read(client, ticket)["activities"] == [body]
        assert client.post(url_of(ticket), json={"description": "x"}).get_json()["is_private"] is True

    def test_a_key_makes_it_once(self, client: FlaskClient, platform: Platform) -> None:
        ticket = make(platform, make_ticket)
        both = [
            client.post(url_of(ticket), json={"description": "x"}, headers={"Idempotency-Key": "k"}) for _ in range(2)
        ]
        assert both[0].data == both[1].data
        assert read(client, ticket)["summary"]["notes"] == 1

    def test_failures_are_plain_text(self, app: Flask, platform: Platform, client: FlaskClient) -> None:
        ticket = make(platform, make_ticket)
        for body in ({}, {"description": " "}, {"description": "x", "type": "status_change"}):
            answer = client.post(url_of(ticket), json=body)
            assert (answer.status_code, set(answer.get_json())) == (400, {"error"})
            assert isinstance(answer.get_json()["error"], str)
        unknown = client.post(f"{API}/tickets/{uuid4()}/activities", json={"description": "x"})
        assert (unknown.status_code, set(unknown.get_json())) == (404, {"error"})
        wrong = client.post(f"{API}/tickets/7/activities", json={"description": "x"})
        assert (wrong.status_code, set(wrong.get_json())) == (422, {"error"})
        viewer = client_as(app, platform, "viewer").post(url_of(ticket), json={"description": "x"})
        assert (viewer.status_code, viewer.get_json()["error"]["code"]) == (403, "FORBIDDEN")

    def test_the_author_is_who_is_signed_in(self, app: Flask, platform: Platform, client: FlaskClient) -> None:
        ticket, user = make(platform, make_ticket), make(platform, make_user, roles=["manager"])
        mine = client_as(app, platform, "manager", user_id=user["id"])

        def added(who: FlaskClient, author: Any) -> Any:
            return who.post(url_of(ticket), json={"description": "x", "created_by": author})

        for same in (
            {"name": "System"},
            {"name": user["name"].upper()},
            {"name": "T. Example", "email": user["email"]},
            {},
            None,
        ):
            assert added(mine, same).get_json()["created_by"] == {"name": user["name"], "email": user["email"]}
        assert added(mine, {"name": "Somebody Else"}).status_code == 403
        assert added(client, {"name": "Console"}).get_json()["created_by"]["name"] == "Console"
        admin = client_as(app, platform, "admin")
        assert added(admin, {"name": "Lerato"}).get_json()["created_by"]["name"] == "Lerato"


FILLINGS = {
    "ticket_events (ticket_id, event_type, actor_kind, actor_name, after)": (
        "'ticket_updated', 'system', 'system', jsonb_build_object('title', n)"
    ),
    "ticket_notes (ticket_id, content)": "'Called'",
    "whatsapp_notifications (ticket_id, recipient_type, recipient_phone, message_content)": (
        "'team', '+27821234567', 'Yours'"
    ),
    "qcontact_sync_log (ticket_id, sync_direction, sync_type, status)": "'inbound', 'create', 'success'",
}
JOBS = """
with made as (
    insert into jobs (kind, queue, state, max_attempts, actor_kind, actor_name)
    select 'x', 'tickets', 'available', 1, 'system', 's' from generate_series(1, 20000) returning id
)
insert into job_subjects select 'ticket', (%s::uuid[])[row_number() over () %% 1000 + 1]::text, id from made
"""


def test_plans_read_only_the_tickets_own_rows(platform: Platform) -> None:
    platform.declare()
    with platform.read() as connection:
        make_many_tickets(connection, 1_000)
        ids = [row["id"] for row in connection.execute("select id from tickets")]
        for columns, values in FILLINGS.items():
            chosen = "select (%s::uuid[])[n %% 1000 + 1]"
            connection.execute(f"insert into {columns} {chosen}, {values} from generate_series(1, 20000) as n", [ids])
        connection.execute(JOBS, [ids])
        connection.execute("analyze")
        narrow = dict.fromkeys(("kind", "type", "source", "activity_id"))
        start: dict[str, Any] = {"after_at": None, "after_id": None}
        for place in (start, {"after_at": NOON, "after_id": UUID(int=1)}, start | {"type": "note"}):
            parameters = narrow | {"ticket_id": ids[0], "inside": True, "row_limit": 51} | place
            plan = explained(connection, queries("timeline").list_activities, parameters)
            assert not [table for table in WATCHED if f"Seq Scan on {table}" in plan], plan
        plan = explained(connection, queries("timeline").count_activities, {"ticket_id": ids[0], "inside": True})
        assert not [table for table in WATCHED if f"Seq Scan on {table}" in plan], plan


WATCHED = ("ticket_events", "ticket_notes", "whatsapp_notifications", "qcontact_sync_log", "job_subjects", "jobs")


def explained(connection: Any, query: Any, parameters: dict[str, Any]) -> str:
    rows = connection.execute("explain " + query.sql, parameters, prepare=False).fetchall()
    return "\n".join(row["QUERY PLAN"] for row in rows)

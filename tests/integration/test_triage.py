"""The queue over HTTP: what it shows, what a person decides, that each item is decided once, and its plans."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from admin_api.api import triage as routes
from admin_api.app import create_app
from integrations.storage import Storage
from sql.database import Connection, queries
from tests.answers import error_of
from tests.factories import Row, insert, make_ticket, make_user
from tests.factories.access import client_as
from tests.factories.attachments import draw
from tests.factories.tickets import NOON
from tests.inbound import DROP, PHONE, messages, queue, write
from tests.races import race_of_requests
from tests.running import run_jobs
from ticketing.inbound_messages import media
from ticketing.inbound_messages.words import TriageReason, TriageStatus
from ticketing.triage.views import TriageItemView

if TYPE_CHECKING:
    from jobs.platform import Platform

URL = "/api/ticketing/triage"
MANY = 20_000


@pytest.fixture
def app(platform: Platform) -> Flask:
    return create_app(platform=platform, blueprints=[routes.api])


@pytest.fixture
def user(connection: Connection) -> Row:
    return make_user(connection, roles=["manager"])


@pytest.fixture
def client(app: Flask, platform: Platform, user: Row) -> FlaskClient:
    return client_as(app, platform, "manager", user_id=user["id"], name=user["name"])


def waiting(platform: Platform, text: str = "Where is my technician?") -> str:
    """A message that waits in the queue; returns the item's id."""
    write(platform, text)
    with platform.read() as connection:
        return str(queue(connection)[-1]["id"])


def with_photo(platform: Platform, connection: Connection) -> tuple[str, bytes]:
    """A message with a kept photo that waits in the queue; returns the item's id and the photo."""
    item, data = waiting(platform), draw()
    (message,) = messages(connection)
    Storage.from_settings(platform.settings).put(media.key_of(message["id"]), data)
    connection.execute(
        "update inbound_messages set media_status = 'stored', media_key = %s", [media.key_of(message["id"])]
    )
    return item, data


class TestListing:
    def test_an_item_shows_the_message_and_where_it_may_belong(
        self, client: FlaskClient, platform: Platform, connection: Connection
    ) -> None:
        older, newer = (make_ticket(connection, dr_number=DROP) for _ in range(2))
        item = waiting(platform, f"{DROP} no light")
        body = client.get(URL).get_json()
        (shown,) = body["data"]
        assert set(shown) == set(TriageItemView.model_fields)
        assert (shown["id"], shown["reason"], shown["status"]) == (item, "several_open_tickets", "open")
        assert (shown["sender_phone"], shown["sender_name"], shown["dr_number"]) == (PHONE, "Thandi", DROP)
        assert {one["ticket_id"] for one in shown["candidates"]} == {str(older["id"]), str(newer["id"])}
        assert body["meta"]["open"] == 1
        assert client.get(f"{URL}/{item}").get_json()["data"] == shown

    def test_what_waits_longest_comes_first_and_cursors_walk_on(
        self, client: FlaskClient, platform: Platform, connection: Connection
    ) -> None:
        made = [waiting(platform, f"question {n}") for n in range(5)]
        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            body = client.get(f"{URL}?limit=2&cursor={cursor}").get_json()
            seen += [row["id"] for row in body["data"]]
            cursor = body["meta"]["next_cursor"]
        assert seen == made
        error_of(client.get(f"{URL}?cursor=x"), 422, "VALIDATION_ERROR")

    def test_filters(self, client: FlaskClient, platform: Platform) -> None:
        client.post(f"{URL}/{waiting(platform, 'spam')}/dismiss", json={"reason": "Spam"})
        waiting(platform)
        waiting(platform, "DR9999999")
        for query, found in {
            "": 2,
            "?status=": 2,
            "?status=all": 3,
            "?status=dismissed": 1,
            "?reason=no_open_ticket": 1,
            "?status=all&reason=no_drop_number": 2,
        }.items():
            assert len(client.get(URL + query).get_json()["data"]) == found, query
        error_of(client.get(f"{URL}?status=lost"), 422, "VALIDATION_ERROR")

    def test_the_file_of_a_waiting_message_can_be_looked_at(
        self, client: FlaskClient, platform: Platform, connection: Connection
    ) -> None:
        item, data = with_photo(platform, connection)
        answer = client.get(f"{URL}/{item}/media")
        assert (answer.status_code, answer.data, answer.mimetype) == (200, data, "image/jpeg")
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        error_of(client.get(f"{URL}/{waiting(platform)}/media"), 404, "NOT_FOUND")


class TestDeciding:
    def test_a_message_is_attached_with_its_file(
        self, client: FlaskClient, platform: Platform, connection: Connection, user: Row
    ) -> None:
        ticket = make_ticket(connection)
        item, data = with_photo(platform, connection)
        answer = client.post(f"{URL}/{item}/attach", json={"ticket_id": str(ticket["id"]), "reason": "Asked her"})
        shown = answer.get_json()["data"]
        assert (answer.status_code, shown["status"], shown["ticket_uid"]) == (200, "attached", ticket["ticket_uid"])
        assert (shown["decided_by_name"], shown["decision_reason"]) == (user["name"], "Asked her")
        run_jobs(platform)
        (file,) = connection.execute("select * from ticket_attachments").fetchall()
        assert Storage.from_settings(platform.settings).get(file["storage_key"]) == data
        (note,) = connection.execute("select * from ticket_notes").fetchall()
        assert (note["ticket_id"], note["attachments"]) == (ticket["id"], [str(file["id"])])
        assert note["author_name"] == "Thandi (WhatsApp)"
        (audit,) = connection.execute("select action, target_id, reason from operator_audit").fetchall()
        assert audit == {"action": "triage_attached", "target_id": item, "reason": "Asked her"}

    def test_a_message_becomes_a_ticket(self, client: FlaskClient, platform: Platform, connection: Connection) -> None:
        item = waiting(platform, "DR9999999 no light since Monday\nplease call")
        answer = client.post(f"{URL}/{item}/new-ticket", json={"priority": "high"})
        shown = answer.get_json()["data"]
        assert (answer.status_code, shown["status"]) == (201, "ticket_created")
        (ticket,) = connection.execute("select * from tickets").fetchall()
        assert (str(ticket["id"]), ticket["priority"], ticket["source"]) == (shown["ticket_id"], "high", "ad_hoc")
        assert (ticket["title"], ticket["dr_number"]) == ("DR9999999 no light since Monday", "DR9999999")
        assert (ticket["client_contact"], ticket["client_name"]) == (PHONE, "Thandi")
        assert messages(connection)[0]["ticket_id"] == ticket["id"]

    def test_a_message_is_dismissed_with_a_reason(
        self, client: FlaskClient, platform: Platform, connection: Connection
    ) -> None:
        item = waiting(platform)
        error_of(client.post(f"{URL}/{item}/dismiss", json={"reason": " "}), 422, "VALIDATION_ERROR")
        shown = client.post(f"{URL}/{item}/dismiss", json={"reason": "Spam"}).get_json()["data"]
        assert (shown["status"], shown["decision_reason"], shown["ticket_id"]) == ("dismissed", "Spam", None)
        assert messages(connection)[0]["outcome"] == "dismissed"

    def test_what_was_decided_stays_decided(
        self, client: FlaskClient, platform: Platform, connection: Connection, user: Row
    ) -> None:
        item, ticket = waiting(platform), make_ticket(connection)
        client.post(f"{URL}/{item}/dismiss", json={"reason": "Spam"})
        for way, body in (
            ("attach", {"ticket_id": str(ticket["id"])}),
            ("new-ticket", {}),
            ("dismiss", {"reason": "Again"}),
        ):
            error = error_of(client.post(f"{URL}/{item}/{way}", json=body), 409, "CONFLICT")
            assert (error["details"]["status"], error["details"]["decided_by"]) == ("dismissed", user["name"])
        assert connection.execute("select count(*) from tickets").fetchone() == {"count": 1}

    def test_what_is_wrong_is_named(self, client: FlaskClient, platform: Platform, connection: Connection) -> None:
        item = waiting(platform)
        error_of(client.post(f"{URL}/{item}/attach", json={}), 422, "VALIDATION_ERROR")
        error_of(client.post(f"{URL}/{item}/attach", json={"ticket_id": str(uuid4())}), 404, "NOT_FOUND")
        error_of(client.post(f"{URL}/{uuid4()}/dismiss", json={"reason": "x"}), 404, "NOT_FOUND")
        error_of(client.post(f"{URL}/7/dismiss", json={"reason": "x"}), 422, "VALIDATION_ERROR")
        error_of(client.get(f"{URL}/{uuid4()}"), 404, "NOT_FOUND")
        assert queue(connection)[0]["status"] == "open"

    def test_a_ticket_that_is_over_takes_words_and_no_files(
        self, client: FlaskClient, platform: Platform, connection: Connection
    ) -> None:
        over = {"ticket_id": str(make_ticket(connection, status="closed")["id"])}
        item, _ = with_photo(platform, connection)
        error_of(client.post(f"{URL}/{item}/attach", json=over), 409, "CONDITION_NOT_MET")
        assert client.post(f"{URL}/{waiting(platform)}/attach", json=over).status_code == 200

    def test_who_only_looks_decides_nothing(self, app: Flask, platform: Platform) -> None:
        item = waiting(platform)
        operator = client_as(app, platform, "operator")
        assert operator.get(f"{URL}/{item}").status_code == 200
        error_of(operator.post(f"{URL}/{item}/dismiss", json={"reason": "x"}), 403, "FORBIDDEN")
        error_of(client_as(app, platform, "technician").get(URL), 403, "FORBIDDEN")


@pytest.mark.parametrize("other", ["attach", "new-ticket", "dismiss"])
def test_of_two_who_decide_at_once_one_does(app: Flask, platform: Platform, connection: Connection, other: str) -> None:
    item, ticket = waiting(platform), make_ticket(connection)
    bodies = {"attach": {"ticket_id": str(ticket["id"])}, "new-ticket": {}, "dismiss": {"reason": "Spam"}}
    people = [client_as(app, platform, "manager") for _ in range(2)]
    statuses = race_of_requests(
        lambda: people[0].post(f"{URL}/{item}/attach", json=bodies["attach"]),
        lambda: people[1].post(f"{URL}/{item}/{other}", json=bodies[other]),
    )
    assert statuses[0] in (200, 201)
    assert statuses[1] == 409
    written = connection.execute(
        "select (select count(*) from ticket_notes) as notes, (select count(*) from tickets) as tickets"
    ).fetchone()
    assert written is not None
    (decided,) = queue(connection)
    made = decided["status"] == "ticket_created"
    assert written == {"notes": 0 if decided["status"] == "dismissed" else 1, "tickets": 2 if made else 1}


@pytest.fixture(scope="module")
def many(module_connection: Connection) -> Connection:
    """A database with many items, one in a hundred of them open; the tests below only read."""
    module_connection.execute(
        "with m as (insert into inbound_messages (session, message_id, stanza_id, chat_id, sender_id, body,"
        " sent_at, received_at, outcome)"
        " select 's', 'm' || n, 'm' || n, 'c', 'c' || n %% 500, 'x', %s, %s, 'triage'"
        " from generate_series(1, %s::integer) as n returning id)"
        " insert into triage_items (message_id, reason, created_at, status, decided_at, decided_by_name)"
        " select id, 'no_drop_number', %s::timestamptz + (row_number() over ()) * interval '1 minute',"
        " case when row_number() over () %% 100 = 0 then 'open' else 'dismissed' end,"
        " case when row_number() over () %% 100 <> 0 then now() end,"
        " case when row_number() over () %% 100 <> 0 then 'Lerato' end from m",
        [NOON, NOON, MANY, NOON],
    )
    module_connection.execute("analyze triage_items; analyze inbound_messages")
    return module_connection


def scans(plan: dict[str, Any]) -> Iterator[str]:
    if plan.get("Relation Name") in ("triage_items", "inbound_messages"):
        yield plan["Node Type"]
    for part in plan.get("Plans", []):
        yield from scans(part)


class TestPlans:
    @pytest.mark.parametrize("status", [TriageStatus.OPEN, TriageStatus.DISMISSED, None])
    @pytest.mark.parametrize("reason", [TriageReason.NO_DROP_NUMBER, None])
    @pytest.mark.parametrize("deep", [False, True], ids=["first page", "keyset page"])
    def test_a_list_uses_an_index(
        self, many: Connection, status: TriageStatus | None, reason: TriageReason | None, deep: bool
    ) -> None:
        parameters = {
            "item_id": None,
            "status": status,
            "reason": reason,
            "after_at": NOON + timedelta(minutes=MANY // 2) if deep else None,
            "after_id": uuid4() if deep else None,
            "row_limit": 51,
        }
        query = queries("triage").list_triage_items
        (row,) = many.execute("explain (format json) " + query.sql, parameters, prepare=False).fetchall()
        found = list(scans(row["QUERY PLAN"][0]["Plan"]))
        assert len(found) == 2
        assert "Seq Scan" not in found

    def test_what_a_sender_wrote_is_found_by_an_index(self, many: Connection) -> None:
        parameters = {"sender_id": "c7", "since": NOON - timedelta(minutes=5), "until": NOON}
        query = queries("inbound_messages").find_context
        (row,) = many.execute("explain (format json) " + query.sql, parameters, prepare=False).fetchall()
        assert "Seq Scan" not in list(scans(row["QUERY PLAN"][0]["Plan"]))


def test_the_database_refuses_a_decision_that_is_none(connection: Connection, platform: Platform) -> None:
    import psycopg

    waiting(platform)
    with pytest.raises(psycopg.errors.CheckViolation):
        connection.execute("update triage_items set status = 'attached', decided_at = now(), decided_by_name = 'x'")
    with pytest.raises(psycopg.errors.UniqueViolation):
        insert(
            connection,
            "triage_items",
            message_id=messages(connection)[0]["id"],
            reason="no_drop_number",
            created_at=NOON,
        )

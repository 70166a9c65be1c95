"""Notices over HTTP: the shapes and codes of the wire contract, who sees what of them, races, figures and plans."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from admin_api.api import notifications
from admin_api.app import create_app
from runtime.settings import Settings
from sql.database import Connection, queries
from tests.answers import data_of, error_of
from tests.clocks import FixedClock
from tests.factories import Row, make, make_contractor, make_ticket, make_user
from tests.factories.access import client_as
from tests.factories.notices import GATEWAY, a_phone, make_notice, make_told_ticket
from tests.races import race_of_requests
from ticketing.notices.contacts import ContactView
from ticketing.notices.views import NoticeFilter, NoticeState, NoticeView

if TYPE_CHECKING:
    from jobs.platform import Platform

API = "/api/ticketing/notifications"
MORNING = datetime(2026, 11, 23, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
PHONE = "+27821234567"
ASKED = {"recipient_type": "technician", "recipient_phone": "082 123 4567"}
UID = {"ticket_uid": "FF100001"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update=GATEWAY)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(MORNING)


@pytest.fixture
def app(platform: Platform) -> Flask:
    return create_app(platform=platform, blueprints=[notifications.api])


@pytest.fixture
def client(app: Flask, platform: Platform) -> FlaskClient:
    return client_as(app, platform, "operator", name="Night desk")


class TestAsking:
    def ask(self, client: FlaskClient, **body: Any) -> Any:
        return client.post(f"{API}/whatsapp", json=ASKED | body)

    def test_by_template_in_the_contracts_shape(self, client: FlaskClient, platform: Platform) -> None:
        ticket = make(platform, make_ticket)
        answer = self.ask(
            client,
            ticket_id=str(ticket["id"]),
            recipient_name="Sipho",
            template_id="qa_approved",
            variables=UID | {"more": 1},
        )
        data = data_of(answer, 201)
        assert set(data) == set(NoticeView.model_fields)
        assert (data["recipient_phone"], data["recipient_name"], data["status"]) == (PHONE, "Sipho", "pending")
        assert (data["message_content"], data["message_template"]) == (
            "QA approved the work on ticket FF100001.",
            "qa_approved",
        )
        assert (data["waha_message_id"], data["sent_at"], data["ticket_id"]) == (None, None, str(ticket["id"]))
        with platform.read() as connection:
            (job,) = connection.execute("select state, arguments from jobs").fetchall()
        assert job == {"state": "available", "arguments": {"notice_id": data["id"]}}

    def test_the_same_again_is_the_earlier_one(self, client: FlaskClient, clock: FixedClock) -> None:
        first = data_of(self.ask(client, message_content="Please call the office"), 201)
        assert first["message_template"] is None
        assert data_of(self.ask(client, message_content=" Please call the office "), 200)["id"] == first["id"]
        data_of(self.ask(client, message_content="Please call the client"), 201)
        clock.advance(timedelta(minutes=5))
        data_of(self.ask(client, message_content="Please call the office"), 201)

    @pytest.mark.parametrize(
        ("body", "code", "field"),
        [
            ({"recipient_type": "dog"}, "VALIDATION_ERROR", "recipient_type"),
            ({"recipient_phone": "12"}, "VALIDATION_ERROR", "recipient_phone"),
            ({"recipient_phone": "+27 82 123 4567 " + " " * 20}, "VALIDATION_ERROR", "recipient_phone"),
            ({}, "VALIDATION_ERROR", "message"),
            ({"message_content": "x" * 4_001}, "VALIDATION_ERROR", "message_content"),
            ({"template_id": "qa_approved"}, "VALIDATION_ERROR", "variables"),
            ({"template_id": "hello", "variables": {}}, "TEMPLATE_ERROR", "template_id"),
            ({"template_id": "qa_rejected", "variables": UID}, "TEMPLATE_ERROR", "variables"),
        ],
    )
    def test_what_is_wrong_is_named_and_nothing_is_written(
        self, client: FlaskClient, platform: Platform, body: dict[str, Any], code: str, field: str
    ) -> None:
        assert field in error_of(self.ask(client, **body), 422, code)["details"]
        assert data_of(client.get(f"{API}/status"))["total"] == 0

    def test_a_ticket_that_is_not_there_is_404(self, client: FlaskClient) -> None:
        error_of(self.ask(client, message_content="x", ticket_id=str(uuid4())), 404, "NOT_FOUND")

    def test_without_a_gateway_it_is_503(
        self, client: FlaskClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(platform, "settings", platform.settings.model_copy(update={"waha_url": None}))
        error_of(self.ask(client, message_content="x"), 503, "SERVICE_UNAVAILABLE")

    def test_twice_at_once_is_one_notice(self, app: Flask, platform: Platform) -> None:
        clients = [client_as(app, platform, "operator") for _ in range(2)]
        sends = [lambda one=one: self.ask(one, message_content="x") for one in clients]
        assert race_of_requests(*sends) == [200, 201]


class TestPreviewing:
    def test_a_ticket_fills_in_what_it_knows(self, client: FlaskClient, platform: Platform) -> None:
        user = make(platform, make_user, phone=a_phone())
        ticket = make(platform, make_told_ticket, assigned_to=user["id"], dr_number="DR1737348")
        body = {"template_id": "ticket_assigned", "ticket_id": str(ticket["id"])}
        data = data_of(client.post(f"{API}/preview", json=body))
        assert data["message_content"] == (
            f"Hello {user['name']}, ticket {ticket['ticket_uid']} (DR1737348) is now yours."
        )
        assert (data["recipient_type"], data["recipient_name"]) == ("technician", user["name"])
        assert data_of(client.get(f"{API}/status"))["total"] == 0

    def test_what_is_missing_is_named(self, client: FlaskClient) -> None:
        body = {"template_id": "ticket_assigned", "variables": UID}
        details = error_of(client.post(f"{API}/preview", json=body), 422, "TEMPLATE_ERROR")["details"]
        assert set(details["variables"]) == {"assignee_name", "dr_number"}

    def test_the_templates_are_listed_with_what_they_need(self, client: FlaskClient) -> None:
        listed = {row["template_id"]: row["variables"] for row in data_of(client.get(f"{API}/templates"))}
        assert len(listed) == 8
        assert listed["sla_warning"] == ["ticket_uid", "sla_due_time"]


class TestStatus:
    def test_one_notice_in_the_contracts_shape(self, client: FlaskClient, platform: Platform) -> None:
        failed, sent = make(platform, make_notice, status="failed"), make(platform, make_notice, status="sent")
        data = data_of(client.get(f"{API}/status", query_string={"notification_id": failed["id"]}))
        assert set(data) == set(NoticeState.model_fields)
        assert (data["notification_id"], data["status"], data["retry_count"], data["can_retry"]) == (
            *(str(failed["id"]), "failed", 0),
            True,
        )
        data = data_of(client.get(f"{API}/status", query_string={"notification_id": sent["id"]}))
        assert (data["sent_at"], data["can_retry"]) == ("2026-11-20T10:00:00.000Z", False)
        error_of(client.get(f"{API}/status?notification_id={uuid4()}"), 404, "NOT_FOUND")
        error_of(client.get(f"{API}/status?notification_id=7"), 422, "VALIDATION_ERROR")

    def test_the_list_is_filtered_and_counted(self, client: FlaskClient, platform: Platform) -> None:
        ticket = make(platform, make_ticket)["id"]
        for status in ("pending", "sent", "delivered", "read", "failed"):
            make(platform, make_notice, status=status, created_at="2026-11-20T10:00:00Z")
        make(platform, make_notice, ticket_id=ticket, recipient_type="client", created_at="2026-11-20T11:00:00Z")
        everything = data_of(client.get(f"{API}/status"))
        assert (everything["total"], everything["delivery_rate"]) == (6, 33.33)
        assert everything["by_status"] == {"pending": 2, "sent": 1, "delivered": 1, "read": 1, "failed": 1}
        for query, total in {
            f"ticket_id={ticket}": 1,
            "status=pending": 2,
            "recipient_type=client": 1,
            "failed_only=true": 1,
            "failed_only=true&status=sent": 0,
            "sent_after=2026-11-20T09:00:00Z": 3,
            "sent_after=2026-11-20T10:00:00Z&sent_before=2026-11-20T10:00:00Z": 0,
            "held=true": 0,
        }.items():
            found = data_of(client.get(f"{API}/status?{query}"))
            assert (found["total"], len(found["notifications"])) == (total, total), query
        for query in ("status=lost", "recipient_type=dog", "sent_after=yesterday"):
            error_of(client.get(f"{API}/status?{query}"), 422, "VALIDATION_ERROR")

    def test_cursors_walk_all(self, client: FlaskClient, platform: Platform) -> None:
        made = [make(platform, make_notice)["id"] for _ in range(5)]
        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            body = client.get(f"{API}/status", query_string={"limit": 2, "cursor": cursor}).get_json()
            seen += [row["id"] for row in body["data"]["notifications"]]
            assert body["data"]["total"] == 5
            cursor = body["meta"]["next_cursor"]
        assert seen == [str(one) for one in reversed(made)]
        error_of(client.get(f"{API}/status?cursor=x"), 422, "VALIDATION_ERROR")

    def test_telephones_are_for_those_who_ring_and_notices_for_those_who_see_the_ticket(
        self, app: Flask, platform: Platform
    ) -> None:
        company = make(platform, make_contractor)["id"]
        own = make(platform, make_ticket, assigned_contractor_id=company)["id"]
        ids = {"waha_message_id": f"true_{PHONE[1:]}@c.us_3EB0A1", "waha_stanza_id": "3EB0A1"}
        mine = make(platform, make_notice, ticket_id=own, **ids)["id"]
        other = make(platform, make_notice, ticket_id=make(platform, make_ticket)["id"])["id"]
        make(platform, make_notice)
        contractor = client_as(app, platform, "contractor", contractor_id=company)
        (row,) = data_of(contractor.get(f"{API}/status"))["notifications"]
        assert (row["id"], row["recipient_phone"], row["waha_message_id"]) == (str(mine), "+27******567", "3EB0A1")
        error_of(contractor.get(f"{API}/status?notification_id={other}"), 404, "NOT_FOUND")
        for role, phone in (("qa", "+27******567"), ("viewer", "+27******567"), ("manager", PHONE)):
            rows = data_of(client_as(app, platform, role).get(f"{API}/status"))["notifications"]  # type: ignore[arg-type]
            assert {row["recipient_phone"] for row in rows} == {phone}
            shown = {row["waha_message_id"] for row in rows}
            assert shown == {None, ids["waha_message_id"] if role == "manager" else ids["waha_stanza_id"]}
            assert len(rows) == 3


class TestOperating:
    def act(self, client: FlaskClient, notice: Row, action: str, **body: Any) -> Any:
        return client.post(f"{API}/{notice['id']}/{action}", json={"reason": "Wrong person"} | body)

    def test_hold_and_release_leave_an_audit(self, client: FlaskClient, platform: Platform) -> None:
        notice = make(platform, make_notice)
        held = data_of(self.act(client, notice, "hold"))
        assert (held["held_by_name"], held["hold_reason"], held["status"]) == (
            "Night desk",
            "Wrong person",
            "pending",
        )
        assert data_of(client.get(f"{API}/status?held=true"))["total"] == 1
        assert "Night desk" in error_of(self.act(client, notice, "hold"), 409, "CONDITION_NOT_MET")["message"]
        assert data_of(self.act(client, notice, "release"))["held_at"] is None
        error_of(self.act(client, notice, "release"), 409, "CONDITION_NOT_MET")
        with platform.read() as connection:
            rows = connection.execute("select * from operator_audit order by id").fetchall()
            (job,) = connection.execute("select kind from jobs").fetchall()
        assert [(row["action"], row["target_type"], row["target_id"], row["reason"]) for row in rows] == [
            ("notice_hold", "notice", str(notice["id"]), "Wrong person"),
            ("notice_release", "notice", str(notice["id"]), "Wrong person"),
        ]
        assert job["kind"] == "send_notice"

    def test_a_failed_one_is_sent_again(self, client: FlaskClient, platform: Platform) -> None:
        notice = make(platform, make_notice, status="failed")
        assert data_of(self.act(client, notice, "resend"))["status"] == "pending"
        data = data_of(client.get(f"{API}/status?notification_id={notice['id']}"))
        assert (data["retry_count"], data["can_retry"], data["error_message"]) == (1, False, None)
        error_of(self.act(client, notice, "resend"), 409, "CONDITION_NOT_MET")

    def test_it_takes_a_reason_an_id_and_a_notice(self, client: FlaskClient) -> None:
        for action in ("hold", "release", "resend"):
            error_of(self.act(client, {"id": uuid4()}, action), 404, "NOT_FOUND")
            error_of(self.act(client, {"id": "7"}, action), 422, "VALIDATION_ERROR")
            error_of(self.act(client, {"id": uuid4()}, action, reason=" "), 422, "VALIDATION_ERROR")

    def test_of_two_at_once_one_is_told_that_it_is_late(self, app: Flask, platform: Platform) -> None:
        notice = make(platform, make_notice, status="failed")
        clients = [client_as(app, platform, "operator") for _ in range(2)]
        sends = [lambda one=one: self.act(one, notice, "resend") for one in clients]
        assert race_of_requests(*sends) == [200, 409]


class TestContacts:
    def test_an_opt_out_ends_what_waits_and_an_opt_in_undoes_it(self, client: FlaskClient, platform: Platform) -> None:
        notice = make(platform, make_notice)
        body = {"phone": "082 123 4567", "reason": "Asked on the telephone"}
        contact = data_of(client.post(f"{API}/contacts/opt-out", json=body))
        assert set(contact) == set(ContactView.model_fields)
        assert (contact["phone"], contact["opted_out_reason"]) == (PHONE, "Asked on the telephone")
        data = data_of(client.get(f"{API}/status?notification_id={notice['id']}"))
        assert data["status"] == "failed"
        asking = client.post(f"{API}/whatsapp", json=ASKED | {"message_content": "x"})
        error_of(asking, 409, "CONDITION_NOT_MET")
        for _ in range(2):
            assert data_of(client.post(f"{API}/contacts/opt-in", json=body))["opted_out_at"] is None
        with platform.read() as connection:
            rows = connection.execute("select action, target_id, details from operator_audit order by id").fetchall()
        assert rows == [
            {"action": "contact_opt_out", "target_id": PHONE, "details": {"ended": 1}},
            {"action": "contact_opt_in", "target_id": PHONE, "details": {}},
        ]

    def test_contacts_are_listed_in_parts(self, client: FlaskClient, clock: FixedClock) -> None:
        phones = [a_phone() for _ in range(3)]
        for phone in phones:
            clock.advance(timedelta(minutes=1))
            data_of(client.post(f"{API}/contacts/opt-out", json={"phone": phone, "reason": "x"}))
        first = client.get(f"{API}/contacts?limit=2&opted_out=true").get_json()
        rest = client.get(f"{API}/contacts", query_string={"cursor": first["meta"]["next_cursor"]}).get_json()
        assert [row["phone"] for row in first["data"] + rest["data"]] == phones[::-1]
        assert rest["meta"]["next_cursor"] is None
        assert data_of(client.get(f"{API}/contacts?opted_out=false")) == []
        for bad in ("x", "WzEsMl0"):
            error_of(client.get(f"{API}/contacts?cursor={bad}"), 422, "VALIDATION_ERROR")


class TestCompliance:
    def test_the_figures_are_of_the_period_and_by_template(self, client: FlaskClient, platform: Platform) -> None:
        at = "2026-11-20T10:00:00Z"
        make(platform, make_notice, created_at=at, held_at=MORNING, held_by_name="x", hold_reason="x")
        for status in ("sent", "delivered", "read", "failed"):
            make(platform, make_notice, status=status, message_template="qa_approved", created_at=at)
        make(platform, make_notice, status="failed", error_code="OPTED_OUT", error_message="no", created_at=at)
        make(platform, make_notice, status="read", created_at="2026-10-01T10:00:00Z")
        data = data_of(client.get(f"{API}/compliance"))
        names = ("asked", "pending", "held", "sent", "delivered", "read", "failed", "opted_out")
        assert [data[name] for name in names] == [6, 1, 1, 3, 2, 1, 2, 1]
        assert (data["sent_rate"], data["delivery_rate"], data["read_rate"]) == (60.0, 40.0, 20.0)
        assert [(row["template"], row["asked"]) for row in data["by_template"]] == [("qa_approved", 4), (None, 2)]
        older = data_of(client.get(f"{API}/compliance?from=2026-09-30T00:00:00Z&until=2026-11-01T00:00:00Z"))
        assert (older["asked"], older["sent_rate"]) == (1, 100.0)
        bad = client.get(f"{API}/compliance?from=2026-11-02T00:00:00Z&until=2026-11-01T00:00:00Z")
        assert "from" in error_of(bad, 422, "VALIDATION_ERROR")["details"]
        far = client.get(f"{API}/compliance?until=0001-01-01T00:00:00Z")
        assert "until" in error_of(far, 422, "VALIDATION_ERROR")["details"]


class TestPlans:
    """On a large table, a page of a list and a contact's turns are read through an index."""

    def fill(self, connection: Connection) -> str:
        connection.execute(
            """
            insert into whatsapp_notifications (
                recipient_type, recipient_phone, message_content, created_at, not_before, status, sent_at
            )
            select 'technician', '+2782' || lpad((n % 500)::text, 7, '0'), 'x', at, at, 'sent', at
            from generate_series(1, 20000) as n
            cross join lateral (select '2026-01-01'::timestamptz + n * interval '1 minute') as made (at)
            """
        )
        connection.execute(
            "insert into whatsapp_contacts (phone, updated_at) select '+2782' || lpad(n::text, 7, '0'),"
            " '2026-01-01'::timestamptz + n * interval '1 minute' from generate_series(1, 20000) as n"
        )
        connection.execute("analyze whatsapp_notifications, whatsapp_contacts")
        return "+27820000007"

    def test_lists_and_turns_use_an_index(self, platform: Platform) -> None:
        place = {"after_at": MORNING, "after_id": uuid4(), "row_limit": 51}
        sight: dict[str, Any] = {"see_all": True, "see_user": None, "see_contractor": None, "see_teams": []}
        sent = NoticeFilter(sent_after=MORNING, sent_before=MORNING + HOUR)
        since = {"since": MORNING - timedelta(days=90), "except_id": None, "most": 20}
        with platform.read() as connection:
            phone = self.fill(connection)
            asked = [
                ("list_notices", NoticeFilter().parameters() | sight | place | {"notice_id": None}),
                ("list_notices", sent.parameters() | sight | place | {"notice_id": None, "after_at": None}),
                ("count_notices", NoticeFilter().parameters() | sight | {"most": 1_000}),
                ("list_slots_of_contact", since | {"phone": phone}),
                ("find_same_notice", {"dedupe_key": "x", "now": MORNING, "dedupe_until": MORNING + HOUR}),
                ("list_contacts", {"phone": None, "opted_out": None, "after_phone": phone, **place}),
            ]
            for name, values in asked:
                statement = getattr(queries("notices"), name).sql
                plan = connection.execute("explain " + statement, values, prepare=False).fetchall()
                assert "Index" in str(plan), (name, plan)
                assert "Seq Scan on whatsapp" not in str(plan), (name, plan)

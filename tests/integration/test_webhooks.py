"""Webhooks over HTTP on a real database: whom they believe, what they keep, and that nothing is kept twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr

from admin_api.api import webhooks as routes
from admin_api.app import create_app
from jobs import ledger
from jobs.kinds.forget_webhooks import forget_webhooks
from jobs.kinds.reread_qcontact_case import RereadQContactCase, reread_qcontact_case
from runtime.clock import SystemClock
from runtime.identifiers import uuid7
from runtime.settings import Settings
from tests.clocks import FixedClock
from tests.factories import insert, make_ticket
from tests.factories.notices_sending import make_notice, notice_row
from tests.races import race_of_requests
from tests.running import run_jobs
from tests.unit.test_webhooks import ACK, ACK_SIGNATURE, CASE_SIGNATURE, CASE_UPDATED, changed
from tests.waha import hook_to, quick_sandbox, receiving
from ticketing.notices import delivery, sessions
from ticketing.people import SYSTEM
from ticketing.webhooks import receipts
from ticketing.webhooks.signatures import sign

if TYPE_CHECKING:
    from jobs.platform import Platform
    from sql.database import Connection

QCONTACT = "/api/ticketing/webhooks/qcontact"
WAHA = "/api/ticketing/webhooks/waha"
SAID = datetime(2026, 7, 21, 8, 15, 30, tzinfo=UTC)
ACKED = datetime(2026, 7, 24, 12, 2, 12, 417000, tzinfo=UTC)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    secrets = {"qcontact_webhook_secret": "test-qc-secret", "waha_webhook_secret": "test-hook-key"}
    return settings.model_copy(update={name: SecretStr(value) for name, value in secrets.items()})


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(SAID + timedelta(seconds=2))


@pytest.fixture
def app(platform: Platform) -> Flask:
    return create_app(platform=platform, blueprints=[routes.api])


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def tell(client: FlaskClient, body: bytes, signature: str | None = CASE_SIGNATURE) -> Any:
    headers = {"X-QContact-Signature": signature} if signature is not None else {}
    return client.post(QCONTACT, data=body, headers=headers, content_type="application/json")


def tell_waha(client: FlaskClient, body: bytes, signature: str | None = None, algorithm: str = "sha512") -> Any:
    signature = sign(body, "test-hook-key", "sha512") if signature is None else signature
    headers = {"X-Webhook-Hmac": signature, "X-Webhook-Hmac-Algorithm": algorithm}
    return client.post(WAHA, data=body, headers=headers, content_type="application/json")


def kept(connection: Connection) -> list[dict[str, Any]]:
    return connection.execute("select * from webhook_receipts order by id").fetchall()


def jobs(connection: Connection, kind: str = "process_webhook") -> list[dict[str, Any]]:
    return connection.execute("select * from jobs where kind = %s order by id", [kind]).fetchall()


def refused(answer: Any, status: int, words: str) -> None:
    body = answer.get_json()
    assert (answer.status_code, body["success"]) == (status, False), body
    assert isinstance(body["error"], str)
    assert words in body["error"]


class TestQContact:
    def test_the_contracts_own_event_is_kept_and_acknowledged(
        self, client: FlaskClient, connection: Connection
    ) -> None:
        answer = tell(client, CASE_UPDATED)
        body = answer.get_json()
        assert (answer.status_code, body["success"]) == (200, True)
        assert body["data"] | {"error": ""} == {
            "event": "ticket.updated",
            "ticket_id": "21934500001",
            "processed": False,
            "fibreflow_ticket_id": None,
            "error": "",
            "received_at": "2026-07-21T08:15:32.000Z",
        }
        assert body["data"]["error"]
        (row,) = kept(connection)
        assert (row["source"], row["event"], row["subject"]) == ("qcontact", "ticket.updated", "21934500001")
        assert (bytes(row["body"]), row["said_at"], row["repeats"]) == (CASE_UPDATED, SAID, 0)
        (job,) = jobs(connection)
        assert job["arguments"] == {"receipt_id": str(row["id"])}

    def test_who_does_not_know_the_secret_is_refused(self, client: FlaskClient, connection: Connection) -> None:
        refused(tell(client, CASE_UPDATED, None), 401, "Missing webhook signature")
        refused(tell(client, CASE_UPDATED, ""), 401, "Missing webhook signature")
        wrong = [CASE_SIGNATURE[:-1] + "0", CASE_SIGNATURE.upper(), "sha256=" + CASE_SIGNATURE, "x", "é"]
        for signature in wrong:
            refused(tell(client, CASE_UPDATED, signature), 401, "Invalid webhook signature")
        refused(tell(client, CASE_UPDATED + b" "), 401, "Invalid webhook signature")
        refused(tell(client, b"no json"), 401, "Invalid webhook signature")
        assert kept(connection) == []

    def test_signed_nonsense_is_400(self, client: FlaskClient, connection: Connection) -> None:
        for body, words in ((b"no json", "Invalid JSON"), (b"[]", "Invalid JSON"), (b"", "Invalid JSON")):
            refused(tell(client, body, sign(body, "test-qc-secret", "sha256")), 400, words)
        nameless = changed(CASE_UPDATED, ticket_id=...)
        refused(tell(client, nameless, sign(nameless, "test-qc-secret", "sha256")), 400, "ticket_id")
        assert kept(connection) == []

    def test_the_same_again_is_acknowledged_and_kept_once(
        self, client: FlaskClient, connection: Connection, clock: FixedClock
    ) -> None:
        first = tell(client, CASE_UPDATED).get_json()["data"]
        clock.advance(timedelta(hours=1))
        again = tell(client, CASE_UPDATED)
        assert (again.status_code, again.get_json()["data"]["received_at"]) == (200, first["received_at"])
        (row,) = kept(connection)
        assert (row["repeats"], row["last_received_at"]) == (1, clock.now())
        assert len(jobs(connection)) == 1

    def test_what_was_recorded_and_is_played_later_is_refused(
        self, client: FlaskClient, connection: Connection, clock: FixedClock
    ) -> None:
        clock.advance(timedelta(minutes=6))
        refused(tell(client, CASE_UPDATED), 400, "timestamp")
        assert kept(connection) == []

    def test_many_at_once_are_one(self, app: Flask, connection: Connection) -> None:
        senders: list[Callable[[], Any]] = [lambda: tell(app.test_client(), CASE_UPDATED) for _ in range(6)]
        assert race_of_requests(*senders) == [200] * 6
        assert [row["repeats"] for row in kept(connection)] == [5]
        assert len(jobs(connection)) == 1

    def test_what_cannot_be_kept_is_not_acknowledged(self, client: FlaskClient, connection: Connection) -> None:
        connection.execute("alter table webhook_receipts rename to elsewhere")
        answer = tell(client, CASE_UPDATED)
        assert answer.status_code >= 500
        assert isinstance(answer.get_json()["error"], str)
        connection.execute("alter table elsewhere rename to webhook_receipts")
        assert tell(client, CASE_UPDATED).status_code == 200
        assert len(jobs(connection)) == 1

    def test_nor_what_cannot_be_given_to_a_job(self, client: FlaskClient, connection: Connection) -> None:
        connection.execute("alter table jobs rename to elsewhere")
        assert tell(client, CASE_UPDATED).status_code >= 500
        connection.execute("alter table elsewhere rename to jobs")
        assert kept(connection) == []

    def test_an_event_that_was_dealt_with_names_its_ticket(
        self, client: FlaskClient, platform: Platform, connection: Connection
    ) -> None:
        tell(client, CASE_UPDATED)
        ticket = make_ticket(connection, source="qcontact", external_id="FT900123")
        insert(connection, "qcontact_cases", case_id="21934500001", ticket_id=ticket["id"])
        with platform.begin(SYSTEM) as work:
            receipts.settle(work, kept(connection)[0]["id"], "applied")
        data = tell(client, CASE_UPDATED).get_json()["data"]
        assert (data["processed"], data["fibreflow_ticket_id"], data["error"]) == (True, str(ticket["id"]), None)


class TestWaha:
    @pytest.fixture
    def clock(self) -> FixedClock:
        return FixedClock(ACKED + timedelta(hours=20))

    def test_the_contracts_own_event_is_kept_for_as_long_as_waha_repeats_it(
        self, client: FlaskClient, connection: Connection
    ) -> None:
        answer = tell_waha(client, ACK, ACK_SIGNATURE)
        assert (answer.status_code, answer.get_json()["data"]) == (
            200,
            {
                "event": "message.ack",
                "session": "fibre-noc",
                "processed": False,
                "repeated": False,
                "received_at": "2026-07-25T08:02:12.417Z",
            },
        )
        (row,) = kept(connection)
        assert (row["event_key"], bytes(row["body"])) == ("evt_01k9zq4m7x2t8v5c3b6n1r0dae", ACK)
        # A repeat is told by its id, though an engine may write it otherwise.
        again = tell_waha(client, changed(ACK, engine="NOWEB"))
        assert again.get_json()["data"]["repeated"] is True
        assert len(jobs(connection)) == 1

    def test_only_sha512_over_the_very_bytes(self, client: FlaskClient, connection: Connection) -> None:
        refused(client.post(WAHA, data=ACK), 401, "Missing webhook signature")
        refused(tell_waha(client, ACK, sign(ACK, "test-hook-key", "sha256")), 401, "Invalid webhook signature")
        for algorithm in ("sha256", "none", ""):
            refused(tell_waha(client, ACK, ACK_SIGNATURE, algorithm), 401, "Invalid webhook signature")
        refused(tell_waha(client, json.dumps(json.loads(ACK)).encode(), ACK_SIGNATURE), 401, "Invalid")
        assert kept(connection) == []

    def test_a_body_is_read_up_to_a_megabyte(self, client: FlaskClient, connection: Connection) -> None:
        fits = ACK[:-1] + b" " * (routes.MOST_BYTES - len(ACK)) + b"}"
        refused(tell_waha(client, fits + b" "), 413, "")
        assert tell_waha(client, fits).status_code == 200
        assert len(kept(connection)) == 1

    def test_too_old_is_refused(self, client: FlaskClient, clock: FixedClock) -> None:
        clock.advance(timedelta(hours=5))
        refused(tell_waha(client, ACK), 400, "timestamp")

    def test_other_events_are_kept_and_ignored(
        self, client: FlaskClient, platform: Platform, connection: Connection
    ) -> None:
        tell_waha(client, changed(ACK, event="presence.update"))
        assert run_jobs(platform)[0]["result"] == {"outcome": "ignored"}
        assert kept(connection)[0]["outcome"] == "ignored"


class TestWithoutSecrets:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"qcontact_webhook_secret": None, "waha_webhook_secret": None})

    def test_nobody_is_let_in_and_told_to_come_again(self, client: FlaskClient, connection: Connection) -> None:
        refused(tell(client, CASE_UPDATED, sign(CASE_UPDATED, "", "sha256")), 503, "not set up")
        refused(tell_waha(client, ACK, sign(ACK, "", "sha512")), 503, "not set up")
        assert kept(connection) == []


class TestHints:
    """What a job makes of an event of QContact."""

    def log(self, connection: Connection) -> list[dict[str, Any]]:
        return connection.execute("select * from qcontact_sync_log order by id").fetchall()

    @pytest.mark.parametrize(
        ("event", "sync_type"),
        [
            ("ticket.created", "create"),
            ("ticket.assigned", "assignment"),
            ("ticket.updated", "status_update"),
            ("ticket.closed", "status_update"),
        ],
    )
    def test_the_case_is_read_again_and_the_log_says_why(
        self, client: FlaskClient, platform: Platform, connection: Connection, event: str, sync_type: str
    ) -> None:
        body = changed(CASE_UPDATED, event=event)
        tell(client, body, sign(body, "test-qc-secret", "sha256"))
        ran = run_jobs(platform)
        assert [job["kind"] for job in ran] == ["process_webhook", "reread_qcontact_case"]
        assert ran[1]["arguments"] == {"case_id": "21934500001"}
        row = self.log(connection)[0]
        assert (row["sync_direction"], row["sync_type"], row["status"]) == ("inbound", sync_type, "success")
        assert (row["qcontact_ticket_id"], row["ticket_id"]) == ("21934500001", None)
        assert kept(connection)[0]["outcome"] == "applied"
        # Nothing that the event said of the case was believed.
        assert connection.execute("select 1 from tickets").fetchall() == []

    def test_a_reading_that_runs_may_have_read_too_early_so_the_hint_waits_for_its_end(
        self, client: FlaskClient, platform: Platform, connection: Connection
    ) -> None:
        with platform.begin(SYSTEM) as work:
            running = work.enqueue(reread_qcontact_case, RereadQContactCase(case_id="21934500001"))
        ledger.claim(platform.database, [running.id], uuid7(), {}, durable=True)
        tell(client, CASE_UPDATED)
        (job,) = run_jobs(platform)
        assert (job["kind"], job["state"], job["snoozes"], job["attempt"]) == ("process_webhook", "scheduled", 1, 0)
        assert kept(connection)[0]["processed_at"] is None
        assert self.log(connection) == []

    def test_a_reading_that_waits_is_enough(
        self, client: FlaskClient, platform: Platform, connection: Connection
    ) -> None:
        with platform.begin(SYSTEM) as work:
            later = platform.clock.now() + timedelta(hours=1)
            work.enqueue(reread_qcontact_case, RereadQContactCase(case_id="21934500001"), at=later)
        tell(client, CASE_UPDATED)
        run_jobs(platform)
        assert len(jobs(connection, "reread_qcontact_case")) == 1
        assert kept(connection)[0]["outcome"] == "applied"


class TestNews:
    """What a job makes of an event of WAHA."""

    @pytest.fixture
    def clock(self) -> FixedClock:
        return FixedClock(ACKED + timedelta(seconds=1))

    def test_a_confirmation_moves_its_notice(
        self, client: FlaskClient, platform: Platform, connection: Connection
    ) -> None:
        notice = make_notice(connection)
        with platform.begin(SYSTEM) as work:
            delivery.claim(
                work,
                notice["id"],
                session="fibre-noc",
                chat_id="27600000002@c.us",
                planned="3EB0A1B2C3D4E5F60718",
                again=False,
            )
            delivery.note_sent(
                work,
                notice["id"],
                session="fibre-noc",
                raw_id="true_27600000002@c.us_3EB0A1B2C3D4E5F60718",
                stanza="3EB0A1B2C3D4E5F60718",
                level=0,
            )
        tell_waha(client, ACK)
        assert run_jobs(platform)[0]["result"] == {"outcome": "applied"}
        assert notice_row(connection, notice["id"])["status"] == "delivered"

    def test_our_own_message_tells_how_far_it_is(
        self, client: FlaskClient, platform: Platform, connection: Connection
    ) -> None:
        tell_waha(client, changed(ACK, event="message.any"))
        assert run_jobs(platform)[0]["result"] == {"outcome": "applied"}
        assert connection.execute("select 1 from inbound_messages").fetchall() == []

    def test_the_state_of_a_session_is_noted(
        self, client: FlaskClient, platform: Platform, connection: Connection
    ) -> None:
        tell_waha(client, changed(ACK, event="session.status", payload={"name": "fibre-noc", "status": "FAILED"}))
        lock = {"reachoutTimelock": {"isActive": True, "timeEnforcementEnds": 1784980000}}
        payload = {"name": "fibre-noc", "status": "FAILED", "statuses": [], "data": lock}
        tell_waha(client, changed(ACK, id="evt_2", event="session.status", payload=payload))
        assert [job["result"]["outcome"] for job in run_jobs(platform)] == ["applied", "applied"]
        (session,) = sessions.list_sessions(connection, "fibre-noc")
        assert session["status"] == "FAILED"
        assert session["new_contacts_held_until"] == datetime.fromtimestamp(1784980000, UTC)

    @pytest.mark.parametrize(
        ("event", "payload"),
        [("session.status", {}), ("session.status", None), ("message", {}), ("message", None), ("message", [])],
    )
    def test_signed_news_that_tells_nothing_is_noted_as_unusable(
        self, client: FlaskClient, platform: Platform, connection: Connection, event: str, payload: Any
    ) -> None:
        tell_waha(client, changed(ACK, event=event, payload=payload))
        (job,) = run_jobs(platform)
        assert (job["state"], job["result"]["outcome"]) == ("completed", "unusable")
        (row,) = kept(connection)
        assert (row["outcome"], bool(row["error"])) == ("unusable", True)

    def test_events_are_forgotten_a_month_after_they_were_dealt_with(
        self, client: FlaskClient, platform: Platform, connection: Connection, clock: FixedClock
    ) -> None:
        tell_waha(client, changed(ACK, event="presence.update"))
        run_jobs(platform)
        tell_waha(client, changed(ACK, id="evt_2"))
        connection.execute("update jobs set state = 'scheduled', scheduled_at = 'infinity' where state = 'available'")
        clock.advance(receipts.KEPT_FOR + timedelta(hours=1))
        with platform.begin(SYSTEM) as work:
            work.enqueue(forget_webhooks)
        assert run_jobs(platform)[0]["result"] == {"events": 1, "files": 0}
        assert [row["event"] for row in kept(connection)] == ["message.ack"]


class TestTheGatewayItself:
    @pytest.fixture
    def clock(self) -> SystemClock:
        return SystemClock()

    def test_what_a_gateway_sends_is_believed_as_it_comes(self, client: FlaskClient, connection: Connection) -> None:
        with receiving() as receiver, quick_sandbox(hook=hook_to(receiver)).serving() as sandbox:
            sandbox.inbound("27600000002@c.us", "DR1737348 no light")
            assert sandbox.settle()
            sent = receiver.named("message") + receiver.named("message.any")
        assert len(sent) == 2
        for event in sent:
            answer = client.post(WAHA, data=event.raw, headers=event.headers)
            assert answer.status_code == 200, answer.json
        assert [row["event"] for row in kept(connection)] == ["message", "message.any"]

"""What goes on around the sandbox of QContact: agents, failures, webhooks, and what its journal tells of a client."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from integrations.qcontact.sandbox import (
    EMAIL,
    PASSWORD,
    QUEUE,
    Case,
    NewCase,
    QContactControl,
    QContactSandbox,
    findings,
)
from integrations.qcontact.sandbox.webhooks import signature, ticket_body
from integrations.sandboxes.control import PLAIN
from tests.clocks import FixedClock
from tests.processes import PATIENCE, ROOT

CASES = "/api/v2/entities/Case"
SECRET = "test-qc-secret"


@pytest.fixture
def case(qcontact_sandbox: QContactSandbox) -> Case:
    return qcontact_sandbox.add_case(NewCase("FT900123", reference="FT900123", description="No light"))


@pytest.fixture
def client(qcontact_sandbox: QContactSandbox) -> Iterator[httpx.Client]:
    tokens = qcontact_sandbox.issue_tokens()
    with httpx.Client(base_url=qcontact_sandbox.url, headers=tokens.headers, timeout=PATIENCE, verify=PLAIN) as client:
        yield client


@pytest.fixture
def control(qcontact_sandbox: QContactSandbox) -> Iterator[QContactControl]:
    with QContactControl(qcontact_sandbox.url) as control:
        yield control


def patch(client: httpx.Client, case: Case, **fields: Any) -> httpx.Response:
    return client.patch(f"{CASES}/{case.id}", json={"fields": fields})


def sign_in(client: httpx.Client) -> httpx.Response:
    return client.post("/api/v2/auth/sign_in", json={"email": EMAIL, "password": PASSWORD})


class TestFaults:
    def test_a_write_takes_effect_although_its_answer_is_lost(
        self, qcontact_sandbox: QContactSandbox, client: httpx.Client, case: Case
    ) -> None:
        for fault in ("cut_after", "cut_midway"):
            qcontact_sandbox.faults.next(fault, method="PATCH")
            with pytest.raises(httpx.RemoteProtocolError):
                patch(client, case, description=f"{case.fields['description']} {fault}")
        assert case.fields["description"] == "No light cut_after cut_midway"
        cut = qcontact_sandbox.journal.matching(method="PATCH")
        assert [(entry.status, entry.fault, entry.handled) for entry in cut] == [
            (None, "cut_after", True),
            (None, "cut_midway", True),
        ]

    @pytest.mark.parametrize(
        ("fault", "status", "changed"),
        [
            ("server_error", 500, False),
            ("server_error_after", 500, True),
            ("bad_gateway_html", 502, False),
            ("unavailable_html", 503, False),
            ("too_many_requests", 429, False),
            ("too_many_requests_bare", 429, False),
            ("unauthorised", 401, False),
            ("forbidden", 403, False),
            ("unprocessable", 422, False),
            ("not_found", 404, False),
        ],
    )
    def test_failures_say_what_they_say_and_do_nothing(
        self,
        qcontact_sandbox: QContactSandbox,
        client: httpx.Client,
        case: Case,
        fault: str,
        status: int,
        changed: bool,
    ) -> None:
        qcontact_sandbox.faults.next(fault)
        assert patch(client, case, status="Solved").status_code == status
        assert (case.fields["status"] == "Solved") == changed

    def test_slow_answers_come_in_the_end(
        self, qcontact_sandbox: QContactSandbox, client: httpx.Client, case: Case
    ) -> None:
        assert qcontact_sandbox.faults.slow_seconds > 30
        qcontact_sandbox.faults.slow_seconds = 0.3
        qcontact_sandbox.faults.next("slow")
        answer = patch(client, case, status="Solved")
        assert (answer.status_code, answer.elapsed >= timedelta(seconds=0.3)) == (200, True)


class TestAgents:
    def test_they_change_what_they_like(self, control: QContactControl, client: httpx.Client) -> None:
        case_id = control.create_case("FT900500", reference="FT900500", drop="DR1900001", contact="Thandi Example")
        control.edit(case_id, {"status": "Closed", "category": "Other"}, append="!")
        found = client.get(f"{CASES}/{case_id}").json()["fields"]
        assert (found["status"], found["category"], found["description"]) == ("Closed", "Other", "!")
        control.remove(case_id)
        assert client.get(f"{CASES}/{case_id}").status_code == 404

    def test_between_a_get_and_its_patch(self, control: QContactControl, client: httpx.Client, case: Case) -> None:
        control.edit(str(case.id), append=" (agent)", when={"moment": "before"})
        assert control.state()["planned"] == 1
        read = client.get(f"{CASES}/{case.id}").json()["fields"]["description"]
        patch(client, case, description=f"{read} ours")
        assert case.fields["description"] == "No light ours"
        assert [event.author for event in case.events] == ["Lerato Example", "NOC Bot"]
        assert len(findings(control.journal()).lost_edits) == 1

    def test_a_case_is_reassigned_away_amid_a_walk(self, control: QContactControl, client: httpx.Client) -> None:
        made = control.create_cases(20)
        wanted = [
            {"operator": "all", "conditions": [{"name": "assigned_to", "value": str(QUEUE), "operator": "equals"}]}
        ]
        control.reassign(made[0], "Somebody Else", when={"moment": "after", "method": "GET", "path": CASES})

        def page(number: int) -> dict[str, Any]:
            query: dict[str, str | int] = {"page": number, "items": 10, "filters": json.dumps(wanted)}
            found: dict[str, Any] = client.get(CASES, params=query).json()
            return found

        assert [page(1)["pagination"]["count"], page(2)["pagination"]["count"]] == [20, 19]
        assert client.get(f"{CASES}/{made[0]}").json()["relationships"]["assigned_to"]["label"] == "Somebody Else"

    def test_a_moment_may_be_a_later_one(self, control: QContactControl, client: httpx.Client, case: Case) -> None:
        path = f"{CASES}/{case.id}"
        control.edit(
            str(case.id), {"status": "Closed"}, when={"moment": "after", "method": "GET", "path": path, "skip": 1}
        )
        assert [client.get(path).json()["fields"]["status"] for _ in range(3)] == ["Assigned", "Assigned", "Closed"]

    def test_what_makes_no_sense_is_refused(self, control: QContactControl, case: Case) -> None:
        nonsense: list[tuple[str, dict[str, Any]]] = [
            (str(case.id), {"fields": {"colour": "blue"}}),
            (str(case.id), {"when": {"moment": "now"}}),
            (str(case.id), {"when": {"moment": "before", "day": 1}}),
            ("5", {"fields": {}}),
        ]
        for case_id, more in nonsense:
            with pytest.raises(ValueError, match="the sandbox says 400"):
                control.edit(case_id, **more)
        with pytest.raises(ValueError, match="no new case"):
            control.create_case("FT1", colour="blue")
        with pytest.raises(ValueError, match="count"):
            control.create_cases(0)


def test_control_shows_what_the_tenant_holds(control: QContactControl, client: httpx.Client) -> None:
    (case_id,) = control.create_cases(1, drops=["DR1900001"])
    sipho = control.user("Sipho Example")
    assert control.user("Sipho Example") == sipho
    control.reassign(case_id, "Sipho Example")
    short = control.cases()[case_id]
    assert (short["assigned_to"], short["assignee"]) == (sipho, "Sipho Example")
    whole = control.case(case_id)
    assert whole["case"]["relationships"]["c__dr_number"]["label"] == "DR1900001"
    assert whole["events"][0]["changes"] == {"assigned_to": [QUEUE, sipho]}
    client.headers.update(control.issue_tokens().headers)
    assert client.get("/api/v2/me").status_code == 200
    control.expire_tokens()
    assert client.get("/api/v2/me").status_code == 401
    assert (control.state()["queue"], control.state()["cases"]) == (str(QUEUE), 1)


class Receiver(ThreadingHTTPServer):
    """Takes webhooks; `statuses` are answered in turn, then 200, and nothing while `answers` is cleared."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receiving)
        self.taken: list[tuple[bytes, str]] = []
        self.statuses: list[int] = []
        self.answers = threading.Event()
        self.answers.set()


class _Receiving(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((body, self.headers["X-QContact-Signature"]))
        self.server.answers.wait(PATIENCE)
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class TestWebhooks:
    """They are assumed, not known: nothing is sent before the assumption is switched on."""

    @pytest.fixture
    def url(self, receiver: Receiver) -> str:
        return f"http://127.0.0.1:{receiver.server_port}/hook"

    @pytest.fixture
    def assumed(self, control: QContactControl, url: str, case: Case) -> QContactControl:
        """The assumption switched on once there is a case, so that its making is not told."""
        control.switches(assume_webhooks=True, webhook_url=url)
        return control

    def test_nothing_is_sent_unless_assumed(
        self, control: QContactControl, url: str, receiver: Receiver, case: Case
    ) -> None:
        control.switches(webhook_url=url)
        control.edit(str(case.id), {"status": "Closed"})
        assert (control.deliveries(), receiver.taken) == ([], [])
        with pytest.raises(ValueError, match="assume_webhooks"):
            control.send_webhook(str(case.id))
        with pytest.raises(ValueError, match="this machine"):
            control.switches(webhook_url="https://example.test/hook")

    def test_each_change_is_told_signed(
        self, assumed: QContactControl, receiver: Receiver, client: httpx.Client
    ) -> None:
        case_id = assumed.create_case("FT900123", reference="FT900123")
        assumed.reassign(case_id, "Sipho Example")
        client.patch(f"{CASES}/{case_id}", json={"fields": {"status": "InProgress"}})
        assumed.edit(case_id, {"status": "Closed"})
        tries = assumed.deliveries()
        events = [json.loads(body) for body, _signature in receiver.taken]
        assert [one["event"] for one in events] == [
            "ticket.created",
            "ticket.assigned",
            "ticket.updated",
            "ticket.closed",
        ]
        assert {one["ticket_id"] for one in events} == {case_id}
        assert [signature(SECRET, body) for body, _signed in receiver.taken] == [signed for _, signed in receiver.taken]
        assert [(one["event"], one["status"]) for one in tries] == [(one["event"], 200) for one in events]

    def test_twice_wrongly_signed_late_and_no_json(
        self, assumed: QContactControl, receiver: Receiver, case: Case
    ) -> None:
        began = datetime.now(UTC)
        assumed.send_webhook(str(case.id), copies=2)
        assumed.send_webhook(str(case.id), wrong_signature=True)
        assumed.send_webhook(str(case.id), age=600)
        assumed.send_webhook(raw="no json")
        assumed.deliveries()
        (first, signed), (copy, _), (other, forged), (late, _), (raw, raw_signed) = receiver.taken
        assert first == copy
        assert signed == signature(SECRET, first)
        assert forged != signature(SECRET, other)
        made = datetime.fromisoformat(json.loads(late)["timestamp"]) + timedelta(seconds=600)
        # Its time is told in milliseconds.
        assert began - timedelta(milliseconds=1) < made <= datetime.now(UTC)
        assert (raw, raw_signed) == (b"no json", signature(SECRET, b"no json"))

    def test_switches_do_so_to_every_one(self, assumed: QContactControl, receiver: Receiver, case: Case) -> None:
        assumed.switches(webhook_duplicates=1, webhook_wrong_signature=True, webhook_age=3_600)
        assumed.edit(str(case.id), {"status": "Open"})
        assumed.deliveries()
        (body, signed), copy = receiver.taken
        assert copy == (body, signed)
        assert signed != signature(SECRET, body)
        age = datetime.now(UTC) - datetime.fromisoformat(json.loads(body)["timestamp"])
        assert age > timedelta(seconds=3_500)

    def test_in_another_order(self, assumed: QContactControl, receiver: Receiver, case: Case) -> None:
        assumed.switches(webhook_reorder=True)
        # Until all four are made nothing is through: however slowly they come, some wait for each other.
        receiver.answers.clear()
        for number in range(4):
            assumed.edit(str(case.id), {"description": str(number)})
        receiver.answers.set()
        assumed.deliveries()
        told = [json.loads(body)["data"]["description"] for body, _signed in receiver.taken]
        assert sorted(told) == ["0", "1", "2", "3"]
        assert told != sorted(told)

    def test_again_after_a_refusal_if_so_switched(
        self, assumed: QContactControl, receiver: Receiver, case: Case
    ) -> None:
        receiver.statuses = [500, 503]
        assumed.edit(str(case.id), {"status": "Open"})
        assert [one["status"] for one in assumed.deliveries()] == [500]
        assumed.switches(webhook_attempts=3)
        assumed.edit(str(case.id), {"status": "Assigned"})
        assert [(one["attempt"], one["status"]) for one in assumed.deliveries()[1:]] == [(1, 503), (2, 200)]

    def test_nobody_listening_is_noted(self, assumed: QContactControl, case: Case) -> None:
        assumed.switches(webhook_url="http://127.0.0.1:9/hook")
        assumed.edit(str(case.id), {"status": "Open"})
        (tried,) = assumed.deliveries()
        assert (tried["status"], "ConnectError" in tried["error"]) == (None, True)

    def test_the_bytes_and_the_signature_are_those_of_the_known_vector(self) -> None:
        clock = FixedClock(datetime(2026, 7, 20, 6, tzinfo=UTC))
        sandbox = QContactSandbox(clock=clock)
        case = sandbox.add_case(
            NewCase(
                "FT900123",
                reference="FT900123",
                description="No internet since Monday",
                contact="Thandi Example",
                telephone="+27600000002",
                drop="DR9900123",
            )
        )
        case.updated_at = datetime(2026, 7, 21, 8, 15, 29, tzinfo=UTC)
        body = ticket_body("ticket.updated", case, sandbox.records, datetime(2026, 7, 21, 8, 15, 30, tzinfo=UTC))
        assert len(body) == 398
        assert signature(SECRET, body) == "ec07439b0fd8f377b844e87d9a40801633d11c79ff4481d5b9896bd1ce6abc3f"


class TestFindings:
    """What a client must never do shows in the journal, and nothing else does."""

    def test_a_careful_client_leaves_nothing(
        self, qcontact_sandbox: QContactSandbox, client: httpx.Client, case: Case, control: QContactControl
    ) -> None:
        sign_in(client)
        patch(client, case, status="InProgress")
        patch(client, case, description="No light\n[FF:1] on site")
        patch(client, case, description="No light\n[FF:1] on site\n[FF:2] done")
        qcontact_sandbox.edit(case.id, {"status": "Closed"})
        assert patch(client, case, status="Solved").status_code == 422
        assert findings(control.journal()).all() == []

    def test_a_careless_one_is_found_out(
        self, qcontact_sandbox: QContactSandbox, client: httpx.Client, case: Case
    ) -> None:
        qcontact_sandbox.switches.notes_allowed = True
        client.patch(f"{CASES}/{case.id}", json={"status": "Solved"})
        patch(client, case, description="No light [FF:1] a [FF:1] a")
        patch(client, case, description="mine")
        note = {"entity_type": "Case", "entity_id": case.id, "subtitle": "[FF:3] x", "public_note": True}
        for _ in range(2):
            client.post("/api/v2/entities/Note", json=note)
        sign_in(client)
        sign_in(client)
        client.get("/api/v2/me", headers={"Authorization": "Bearer x"})
        qcontact_sandbox.edit(case.id, {"status": "Closed"})
        client.get(f"{CASES}/{case.id}")
        patch(client, case, status="Solved")
        found = findings(qcontact_sandbox.journal.entries())
        assert {name: len(entries) for name, entries in found._asdict().items()} == {
            "unwrapped_writes": 1,
            "writes_after_closed": 1,
            "double_appends": 1,
            "lost_edits": 1,
            "double_notes": 1,
            "hasty_sign_ins": 1,
            "bearer_calls": 1,
        }
        assert len(found.all()) == 7

    def test_an_append_repeated_after_a_lost_answer_is_found(
        self, qcontact_sandbox: QContactSandbox, client: httpx.Client, case: Case
    ) -> None:
        qcontact_sandbox.faults.next("cut_after", method="PATCH")
        with pytest.raises(httpx.RemoteProtocolError):
            patch(client, case, description="No light [FF:1]")
        patch(client, case, description="No light [FF:1] [FF:1]")
        assert len(findings(qcontact_sandbox.journal.entries()).double_appends) == 1

    def test_sign_ins_half_a_minute_apart_are_fair(self) -> None:
        clock = FixedClock()
        with (
            QContactSandbox(clock=clock).serving() as sandbox,
            httpx.Client(base_url=sandbox.url, timeout=PATIENCE, verify=PLAIN) as client,
        ):
            sign_in(client)
            clock.advance(timedelta(seconds=30))
            sign_in(client)
            assert findings(sandbox.journal.entries()).hasty_sign_ins == []
            clock.advance(timedelta(seconds=29))
            sign_in(client)
            assert len(findings(sandbox.journal.entries()).hasty_sign_ins) == 1

    def test_secrets_are_not_in_the_journal(
        self, qcontact_sandbox: QContactSandbox, client: httpx.Client, control: QContactControl
    ) -> None:
        sign_in(client)
        client.get("/api/v2/me")
        written = json.dumps([entry.as_json() for entry in control.journal()])
        assert PASSWORD not in written
        assert client.headers["access-token"] not in written
        assert client.headers["client"] not in written


def test_hundreds_of_requests_a_second_from_many_threads(qcontact_sandbox: QContactSandbox) -> None:
    made = qcontact_sandbox.add_cases(1_000)
    headers = qcontact_sandbox.issue_tokens().headers
    limits = httpx.Limits(max_connections=10, max_keepalive_connections=10)
    url, began, worked = qcontact_sandbox.url, time.monotonic(), time.process_time()
    with (
        httpx.Client(base_url=url, headers=headers, timeout=PATIENCE, limits=limits, verify=PLAIN) as client,
        ThreadPoolExecutor(10) as pool,
    ):
        read = list(pool.map(lambda case: client.get(f"{CASES}/{case.id}").status_code, made[:300]))
        written = list(pool.map(lambda case: patch(client, case, status="Solved").status_code, made[:300]))
    took, worked = time.monotonic() - began, time.process_time() - worked
    assert set(read + written) == {200}
    assert [entry.number for entry in qcontact_sandbox.journal.entries()] == list(range(1, 601))
    # Far below what it does (the client is the slower side). On a busy machine it takes longer, and no more work.
    assert 600 / worked > 100
    assert 600 / took > 20


def test_it_runs_as_a_process_and_stops_when_told() -> None:
    command = [sys.executable, "-m", "integrations.qcontact.sandbox", "--port", "0", "--cases", "3"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            with QContactControl(process.stdout.readline().strip()) as control:
                assert len(control.cases()) == 3
        finally:
            process.terminate()
        assert process.wait(PATIENCE) == 0

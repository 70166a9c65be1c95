"""The wire contract of `/api/ticketing`, as the existing front end uses it: every route once at least, by its shapes.

Each section of `tests.wire_calls` is a story of calls in order on one database; a call names what earlier ones made.
The client's key is an administrator's: the front end says in the body who acts, and such a key may act for people.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr

from runtime.settings import Settings
from tests.factories import insert, make_contractor, make_drop, make_project, make_team, make_ticket, make_user
from tests.factories.access import client_as
from tests.factories.attachments import PDF
from tests.factories.handover import make_finished_ticket
from tests.factories.notices import GATEWAY, make_notice
from tests.factories.readiness import ONT, PLACES, make_photos
from tests.running import jobs_running, run_jobs
from tests.wire import Call, filled, general, mismatches, part
from tests.wire_calls import CRON_SECRET, ROUTES, SECTIONS, SYNC
from tests.wire_shapes import SHAPES

if TYPE_CHECKING:
    from integrations.qcontact.sandbox import QContactSandbox
    from jobs.platform import Platform
    from sql.database import Connection

API = "/api/ticketing"
HOOK_SECRET = "a-hook-secret"
ENVELOPE = {"data", "meta", "error", "pagination", "counts"}


class Front:
    """The front end: asks, compares, and keeps the ids of what it made."""

    def __init__(self, client: FlaskClient, platform: Platform, known: dict[str, Any]) -> None:
        self.client, self.platform, self.known = client, platform, known

    def walk(self, calls: tuple[Call, ...]) -> list[str]:
        """Make the calls in order; return a line for each thing that is not as the contract says."""
        return [f"{n} {call.route} {line}" for n, call in enumerate(calls) for line in self.ask(call)]

    def ask(self, call: Call) -> list[str]:
        if call.route == "JOBS":
            run_jobs(self.platform)
            return []
        answer = self.send(call)
        body = answer.get_json(silent=True)
        if answer.status_code != call.status or answer.mimetype != "application/json":
            return [f"answered {answer.status_code} {answer.mimetype} instead of {call.status}: {answer.text[:300]}"]
        if call.keep:
            name, _, field = call.keep.partition("=")
            self.known[name] = body["data"][field or "id"]
        return wrongs(call, body, self.known)

    def send(self, call: Call) -> Any:
        method, path = filled(call.route, self.known).split(" ", 1)
        more: dict[str, Any] = {"headers": filled(dict(call.headers), self.known)}
        if call.raw is not None:
            more |= {"data": call.raw, "content_type": "application/json"}
        elif call.form:
            more["data"] = {name: given(value, self.known) for name, value in call.form.items()}
        elif call.body is not None:
            more["json"] = filled(call.body, self.known)
        return self.client.open(API + path, method=method, query_string=filled(call.query, self.known) or None, **more)


def given(value: Any, known: dict[str, Any]) -> Any:
    return (io.BytesIO(value[1]), value[0]) if isinstance(value, tuple) else filled(value, known)


def wrongs(call: Call, body: Any, known: dict[str, Any]) -> list[str]:
    """Return what of an answer is not as the contract says, the envelope included."""
    bare = [mismatches(body, shape[1:], SHAPES, "body") for shape in call.beside.split("; ") if shape.startswith("=")]
    wrong = [line for lines in bare for line in lines]
    if not call.beside.startswith("="):
        wrong += envelope(call, body)
    for place, expected in filled(dict(call.equal), known).items():
        found = part(body, place if place.split(".")[0] in ENVELOPE else f"data.{place}")
        wrong += [] if found == expected else [f"{place} is {found!r} instead of {expected!r}"]
    return wrong


def envelope(call: Call, body: Any) -> list[str]:
    failed = call.status >= 400
    message = body["error"]["message"] if failed else body.get("message", "")
    wrong = mismatches(body, "success:bool meta:obj", SHAPES, "body")
    wrong += mismatches(body["meta"], SHAPES.get(call.meta, call.meta) + " timestamp:ts", SHAPES, "meta")
    wrong += [] if body["success"] is not failed else ["success says otherwise than the status"]
    wrong += [] if call.says.lower() in message.lower() else [f"says {message!r} instead of {call.says!r}"]
    wrong += [f"code {body['error']['code']}"] if call.code and body["error"]["code"] != call.code else []
    wrong += mismatches(body["data"], call.shape, SHAPES) if call.shape else []
    for place, _, shape in (word.partition("=") for word in call.beside.split("; ") if word):
        wrong += mismatches(part(body, place), shape, SHAPES, place)
    return wrong


@pytest.fixture
def settings(settings: Settings, qcontact_sandbox: QContactSandbox) -> Settings:
    secrets = {"cron_secret": SecretStr(CRON_SECRET), "qcontact_webhook_secret": SecretStr(HOOK_SECRET)}
    return Settings.model_validate(settings.model_dump() | qcontact_sandbox.settings_values | GATEWAY | secrets)


@pytest.fixture
def known(platform: Platform, connection: Connection) -> dict[str, Any]:
    """What is there before the front end comes."""
    project = make_project(connection)
    project_id = project["id"]
    drop = make_drop(connection, dr_number="DR1737348", project_id=project_id, pon_number=7, zone_number=3)
    people = {name: make_user(connection, roles=[role])["id"] for name, role in (("qa", "qa"), ("tech", "technician"))}
    tickets = {
        "ticket": make_ticket(connection, project_id=project_id, fault_cause="workmanship"),
        "started": make_ticket(connection, status="in_progress"),
        "ready": make_ticket(connection, status="pending_qa", project_id=project_id, **PLACES | ONT),
        "finished": make_finished_ticket(platform, connection, project_id=project_id),
    }
    make_photos(connection, tickets["ready"]["id"])
    made = {name: str(row["id"]) for name, row in tickets.items()} | {name: str(user) for name, user in people.items()}
    return made | more_of(connection) | {
        "project": str(project_id), "code": project["code"], "dr": drop["dr_number"], "unregistered": "DR7654321",
        "unknown": "0198c5a2-7e1b-7c3d-9f00-0123456789ab", "nonsense": "not-an-id",
        "one": 1, "nine": 9, "thirteen": 13, "nonstep": "5abc", "step": step_of(connection, made["ticket"]),
        "failed_notice": str(make_notice(connection, status="failed")["id"]),
    }  # fmt: skip


def more_of(connection: Connection) -> dict[str, str]:
    pole = {"scope_type": "pole", "scope_value": "LAW.P.A009", "fault_count": 3, "fault_threshold": 3}
    return {
        "team": str(make_team(connection)["id"]),
        "contractor": str(make_contractor(connection)["id"]),
        "escalation": str(insert(connection, "repeat_fault_escalations", **pole)["id"]),
    }


def step_of(connection: Connection, ticket_id: str) -> str:
    row = connection.execute(
        "select id from verification_steps where ticket_id = %s and step_number = 1", [ticket_id]
    ).fetchone()
    assert row is not None
    return str(row["id"])


@pytest.fixture
def front(app: Flask, platform: Platform, known: dict[str, Any]) -> Front:
    return Front(client_as(app, platform, "admin"), platform, known)


@pytest.mark.parametrize("section", SECTIONS)
def test_answers_are_as_the_contract_says(front: Front, section: str) -> None:
    wrong = front.walk(SECTIONS[section])
    assert not wrong, "\n".join(wrong)


@pytest.fixture
def worker(platform: Platform) -> Iterator[None]:
    """Runs jobs while a request waits for them."""
    with jobs_running(platform):
        yield


@pytest.mark.usefixtures("worker")
def test_syncs_are_as_the_contract_says(front: Front) -> None:
    wrong = front.walk(SYNC)
    assert not wrong, "\n".join(wrong)


def event(at: str, **fields: Any) -> dict[str, Any]:
    """An event of the CRM, in the contract's own words."""
    data = {
        "id": "21934500001", "title": "No light", "description": "Red light", "status": "Assigned", "priority": "high",
        "created_at": at, "updated_at": at, "customer_name": "Thandi Example", "customer_phone": "0821234567",
        "customer_email": "thandi@example.test", "address": "12 Example Street", "assigned_to": "desk",
        "category": "maintenance", "subcategory": None, "custom_fields": {"dr_number": "DR1737348"},
    }  # fmt: skip
    return {"event": "ticket.created", "ticket_id": "21934500001", "timestamp": at, "data": data} | fields


def signed(front: Front, body: bytes, secret: str = HOOK_SECRET) -> Call:
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return Call(
        route="POST /webhooks/qcontact", raw=body, headers={"X-QContact-Signature": signature}, shape="Received"
    )


def test_events_of_the_crm_are_answered_as_the_contract_says(front: Front) -> None:
    at = front.platform.clock.now().isoformat().replace("+00:00", "Z")
    wrong = []
    for name in ("ticket.created", "ticket.updated", "ticket.closed", "ticket.assigned"):
        wrong += front.ask(signed(front, json.dumps(event(at, event=name)).encode()))
    assert wrong == []
    for status, says, call in (
        (401, "Missing webhook signature", Call("POST /webhooks/qcontact", raw=b"{}")),
        (401, "Invalid webhook signature", signed(front, b"{}", "another secret")),
        (400, "Invalid JSON", signed(front, b"{no json")),
    ):
        answer = front.send(call)
        assert (answer.status_code, answer.get_json()["success"]) == (status, False)
        assert says in answer.get_json()["error"]


def test_every_route_of_the_contract_is_asked_and_served(app: Flask) -> None:
    listed = {general(" ".join(route.split())) for route in ROUTES.split(",")}
    served = {
        general(f"{method} {rule.rule.removeprefix(API)}")
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
    }
    asked = {general(call.route) for calls in (*SECTIONS.values(), SYNC) for call in calls}
    assert listed - served == set()
    # Events have a test of their own.
    assert listed - asked == {"POST /webhooks/qcontact"}


@pytest.mark.parametrize(
    ("place", "call"),
    [
        (
            "admin_api.api.attachments.attachment_files.keep",
            Call(
                "POST /tickets/{ticket}/attachments", 500, "UPLOAD_ERROR", says="Failed to upload attachment",
                form={"file": ("a.pdf", PDF), "uploaded_by": "{tech}"},
            ),
        ),
        (
            "admin_api.api.attachments.views.list_attachments",
            Call("GET /tickets/{ticket}/attachments", 500, "LIST_ERROR", says="Failed to list attachments"),
        ),
        (
            "admin_api.api.drops.drops.lookup",
            Call("GET /dr-lookup/{dr}", 500, "DATABASE_ERROR", says="Failed to lookup DR number"),
        ),
    ],
)  # fmt: skip
def test_failures_of_ours_are_worded_as_the_contract_says(
    front: Front, monkeypatch: pytest.MonkeyPatch, place: str, call: Call
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("disk of 10.0.0.7")

    monkeypatch.setattr(place, fail)
    assert front.ask(call) == []
    assert "10.0.0.7" not in front.send(call).text

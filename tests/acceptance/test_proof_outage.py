"""QContact or WAHA is down for a day: its jobs wait and burn no attempt, all else goes on, and at last all arrives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.ports import free_port
from integrations.qcontact.mapping import to_case
from integrations.qcontact.sandbox import QContactControl, findings
from integrations.qcontact.wire import read_case
from integrations.sandboxes import SandboxControl
from integrations.waha.sandbox import WahaControl
from jobs.kinds.send_notice import SendNotice, send_notice
from jobs.kinds.sync_qcontact import sync_qcontact
from runtime.settings import Settings
from tests.acceptance.outside_world import LONG, hours_pass, paced, qcontact, qcontact_at, waha, waha_at
from tests.acceptance.system import NOBODY_DIES, System, system
from tests.factories.access import make_api_key
from tests.factories.notices_sending import make_notice
from tests.factories.tickets import make_actor
from tests.stand_in import enqueue, enqueue_many
from ticketing import tickets
from ticketing.people import SYSTEM
from ticketing.qcontact_sync.cases import Reading
from ticketing.qcontact_sync.inbound import apply_all
from ticketing.ticket_input import TicketChanges

pytestmark = pytest.mark.acceptance

MANY = 30
BOTH_KINDS = {"FIBREFLOW_JOB_MODULES": "jobs.kinds,tests.job_kinds"}
KINDS_OF = {"qcontact": ["push_to_qcontact", "sync_qcontact"], "waha": ["send_notice"]}
TRIES_OF_A_DAY = 12


@dataclass(frozen=True)
class Day:
    """A system with both services beside it."""

    it: System
    qcontact: QContactControl
    waha: WahaControl
    api: httpx.Client

    def service(self, name: str) -> SandboxControl:
        """Return a service's control by its name."""
        return self.qcontact if name == "qcontact" else self.waha

    def part(self, name: str) -> str:
        """Return how readiness calls the part."""
        answer = self.api.get("/readyz")
        assert answer.status_code == 200, "requests are served all the time"
        found: str = answer.json()["data"]["parts"][name]["state"]
        return found

    def waiting(self, name: str) -> list[dict[str, Any]]:
        """Return the unfinished jobs that need a service."""
        return self.it.ask(
            "select kind, state, attempt, snoozes from jobs where kind = any(%s)"
            " and state not in ('completed', 'discarded', 'cancelled') and schedule_name is null",
            KINDS_OF[name],
        )


@contextmanager
def running(settings: Settings, logs: Path) -> Iterator[Day]:
    """Everything as it runs in an installation, its services outside included."""
    ports = [free_port() for _ in range(3)]
    values = {**qcontact_at(ports[0]), **waha_at(ports[1]), **NOBODY_DIES}
    with (
        system(paced(settings, **values), logs, worker_threads=4) as it,
        qcontact(it.processes, ports[0]) as crm,
        waha(it.processes, ports[1]) as gateway,
        httpx.Client(base_url=f"http://127.0.0.1:{ports[2]}", timeout=30) as client,
    ):
        it.processes.api(ports[2], **BOTH_KINDS)
        it.processes.scheduler(**BOTH_KINDS)
        it.processes.workers(1, **BOTH_KINDS)
        client.headers["Authorization"] = f"Bearer {make_api_key(it.platform, 'manager')}"
        it.platform.outside.qcontact.me()
        day = Day(it, crm, gateway, client)
        it.wait(lambda: answers(client), "the API answers", LONG)
        it.wait_for_workers(1)
        yield day


def answers(client: httpx.Client) -> bool:
    """Whether the API answers."""
    try:
        return client.get("/healthz").is_success
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("down", ["qcontact", "waha"])
def test_a_day_without_one_of_them(settings: Settings, logs: Path, down: str) -> None:
    other = "waha" if down == "qcontact" else "qcontact"
    with running(settings, logs) as day:
        known = read_in(day)
        day.service(down).faults(rate=1.0, names=["unavailable_html", "cut_before"])
        cases, notices = let_things_happen(day, known)
        day.it.wait(lambda: day.part(down) == "degraded", "readiness tells of it", LONG)
        day.it.wait(lambda: not day.waiting(other), "what needs the other is done", LONG)
        goes_on(day, other)
        a_day_passes(day, down)
        assert_all_wait(day, down)

        day.service(down).stop_faults()
        day.it.wait(lambda: all_is_done(day), "all is delivered", LONG)
        assert day.part(down) == day.part(other) == "ok"
        assert_all_arrived(day, known, cases, notices)


def read_in(day: Day) -> dict[str, Any]:
    """Let there be cases and tickets of them; returns the tickets by case."""
    ids = [day.qcontact.create_case(f"Link Light FT{900_000 + number}", status="Assigned") for number in range(MANY)]
    with day.it.platform.begin(SYSTEM) as work:
        wires = [read_case(day.qcontact.case(case_id)["case"]) for case_id in ids]
        apply_all(work, [Reading(to_case(wire), work.now) for wire in wires if wire is not None])
    return {row["case_id"]: row["ticket_id"] for row in day.it.ask("select case_id, ticket_id from qcontact_cases")}


def let_things_happen(day: Day, known: dict[str, Any]) -> tuple[list[str], set[tuple[str, str]]]:
    """Tickets move, new cases are made, notices are written; returns the new cases, and what is to arrive where."""
    platform = day.it.platform
    with platform.read() as connection:
        person = make_actor(connection, "admin", "manager")
    for ticket_id in known.values():
        with platform.begin(person) as work:
            tickets.update(work, ticket_id, TicketChanges.model_validate({"status": "in_progress"}))
    cases = [day.qcontact.create_case(f"No light FT{910_000 + number}", status="Assigned") for number in range(MANY)]
    enqueue(platform, sync_qcontact)
    with platform.database.transaction() as connection:
        rows = [make_notice(connection) for _ in range(MANY)]
    enqueue_many(platform, send_notice, [SendNotice(notice_id=row["id"]) for row in rows])
    return cases, {(f"{row['recipient_phone'].removeprefix('+')}@c.us", row["message_content"]) for row in rows}


def goes_on(day: Day, other: str) -> None:
    """What needs neither goes on, and the other is in use."""
    ids = day.it.enqueue(20, milliseconds=1)
    day.it.wait(lambda: day.it.effects() == len(ids), "other work is done", LONG)
    assert day.part(other) == "ok"
    answer = day.api.get("/api/ticketing/tickets", params={"pageSize": 5})
    assert answer.status_code == 200
    assert len(answer.json()["data"]) > 0


def a_day_passes(day: Day, down: str) -> None:
    """A day goes by, in which the service is tried again and again, and whatever waits comes and is put off."""
    for _ in range(TRIES_OF_A_DAY):
        before = len(day.service(down).journal())
        hours_pass(day.it, timedelta(hours=2))
        day.it.wait(lambda before=before: len(day.service(down).journal()) > before, "it is tried again", LONG)


def assert_all_wait(day: Day, down: str) -> None:
    """Nothing was given up, and only what failed before the breaker opened has used an attempt."""
    jobs = day.waiting(down)
    assert len(jobs) >= MANY
    assert sum(job["snoozes"] for job in jobs) > MANY, "they were put off"
    burnt = [job for job in jobs if job["state"] != "running" and job["attempt"]]
    assert sum(job["attempt"] for job in burnt) <= day.it.platform.settings.breaker_failures, burnt
    assert day.it.number("select count(*) from jobs where state = 'discarded' and schedule_name is null") == 0
    row = day.it.ask("select state, waits from integration_states where integration = %s", down)[0]
    assert row["state"] != "closed"
    assert row["waits"] >= TRIES_OF_A_DAY / 2


def all_is_done(day: Day) -> bool:
    """Whether nothing is left to do; time passes while something is."""
    if day.waiting("qcontact") or day.waiting("waha"):
        hours_pass(day.it, timedelta(minutes=2))
        return False
    return True


def assert_all_arrived(day: Day, known: dict[str, Any], cases: list[str], notices: set[tuple[str, str]]) -> None:
    """Both sides have all that they were to have, once."""
    there = day.qcontact.cases()
    assert {there[case_id]["status"] for case_id in known} == {"InProgress"}
    linked = day.it.ask("select case_id from qcontact_cases where ticket_id is not null")
    assert {row["case_id"] for row in linked} == {*known, *cases}
    assert day.it.number("select count(*) from tickets") == 2 * MANY
    assert findings(day.qcontact.journal()).all() == []
    found = day.waha.received()
    assert {(one["chat_id"], one["body"]) for one in found["received"]} == notices
    assert found["doubled"] == []

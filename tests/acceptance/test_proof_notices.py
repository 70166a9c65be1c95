"""A thousand notices go out while calls fail, messages get lost and workers are killed: each arrives exactly once."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.ports import free_port
from integrations.waha.sandbox import WahaControl
from jobs.kinds.reconcile_notices import reconcile_notices
from jobs.kinds.send_notice import SendNotice, send_notice
from jobs.kinds.watch_waha_session import watch_waha_session
from jobs.kinds.write_notice import enqueue_sending
from runtime.settings import Settings
from tests.acceptance.outside_world import (
    FAULTS,
    KINDS,
    LONG,
    THREADS,
    faults_met,
    hours_pass,
    kill_amid,
    paced,
    waha,
    waha_at,
)
from tests.acceptance.system import System, system
from tests.factories.notices_sending import make_notice
from tests.stand_in import enqueue, enqueue_many, job_row
from ticketing.notices import holds
from ticketing.notices.compliance import compliance
from ticketing.notices.rules import Limits
from ticketing.people import SYSTEM

pytestmark = pytest.mark.acceptance

NOTICES = 1_000
KILLED_AT = (150, 550)
SECRET = "test-hook-key"
# A 429 silences everybody for a quarter of an hour, so it is asked for once and not by chance.
NAMES = (
    "server_error",
    "server_error_after",
    "bad_gateway_html",
    "unavailable_html",
    "cut_before",
    "cut_midway",
    "cut_after",
)
FATES = 0.05
# What becomes of messages by chance. The gateway starting anew stops everybody for a while, so that is asked for.
FATE_NAMES = ("empty", "early_acks", "unacknowledged", "vanished", "error_after")
MINUTE = timedelta(seconds=65)

LEFT = "select count(*) from whatsapp_notifications where sends > 0"
UNSENT = "select count(*) from whatsapp_notifications where status = 'pending' and sends = 0"
PENDING = "select count(*) from whatsapp_notifications where status = 'pending'"
FAILED = "select id from whatsapp_notifications where status = 'failed'"
UNREAD_EVENTS = "select count(*) from webhook_receipts where processed_at is null"


def test_a_thousand_notices_arrive_exactly_once(settings: Settings, logs: Path) -> None:
    port, api = free_port(), free_port()
    values = waha_at(port) | {"waha_webhook_secret": SECRET}
    with system(paced(settings, **values), logs, **THREADS) as it, waha(it.processes, port) as there:
        expected = write_notices(it)
        workers = begin(it, there, api)
        assert kill_amid(it, workers, lambda: it.number(LEFT), KILLED_AT[:1]) > 0
        there.next_fate("restart_before")
        there.next_fate("restart_after")
        assert kill_amid(it, workers, lambda: it.number(LEFT), KILLED_AT[1:]) > 0
        it.wait(lambda: passes(it) and it.number(UNSENT) == 0, "each was tried", LONG)
        it.wait(lambda: passes(it) and it.number(PENDING) < NOTICES // 20, "most are proven", LONG)
        calls = there.journal()
        assert faults_met(calls) > len(calls) / 8, "every fifth call fails"

        there.stop_faults()
        there.fates(stop=True)
        finish(it, there)
        assert_each_arrived_once(there, expected)
        assert_all_is_told(it)


def write_notices(it: System) -> set[tuple[str, str]]:
    """Write notices, each to a telephone of its own; returns the chats and texts that are to arrive."""
    with it.platform.database.transaction() as connection:
        rows = [make_notice(connection) for _ in range(NOTICES)]
    enqueue_many(it.platform, send_notice, [SendNotice(notice_id=row["id"]) for row in rows])
    return {(f"{row['recipient_phone'].removeprefix('+')}@c.us", row["message_content"]) for row in rows}


def begin(it: System, there: WahaControl, api: int) -> subprocess.Popen[bytes]:
    """Let everything run, the gateway tell its events, and calls and messages go wrong; returns the workers."""
    there.switches(
        ack_delivered_after=0.1,
        ack_read_after=0.2,
        ack_read_share=0.1,
        ack_repeated_share=0.02,
        hook_duplicated_share=0.02,
        ready_wait=0.5,
    )
    there.hook(
        f"http://127.0.0.1:{api}/api/ticketing/webhooks/waha",
        SECRET,
        events=["message.ack", "session.status"],
        retries={"delaySeconds": 1, "attempts": 60},
    )
    it.processes.api(api)
    it.ask("update jobs set state = 'scheduled', scheduled_at = now() + interval '1 hour' returning id")
    it.processes.scheduler(**KINDS)
    workers = it.processes.workers(2, **KINDS)
    watched = enqueue(it.platform, watch_waha_session)
    it.wait(lambda: job_row(it.platform, watched)["state"] == "completed", "the session is known")
    there.faults(rate=FAULTS, names=NAMES)
    there.fates(rate=FATES, names=FATE_NAMES)
    it.ask("update jobs set scheduled_at = now() where kind = 'send_notice' returning id")
    return workers


def passes(it: System) -> bool:
    """Let a minute pass, and see to what is due by then."""
    hours_pass(it, MINUTE)
    job_id = enqueue(it.platform, reconcile_notices)
    it.wait(lambda: job_row(it.platform, job_id)["state"] == "completed", "what is due has its jobs", LONG)
    it.wait(lambda: is_quiet(it), "what was due was done", LONG)
    return True


def is_quiet(it: System) -> bool:
    """Whether no notice has a job that could run now."""
    due = "state in ('available', 'running') or (state in ('scheduled', 'retryable') and scheduled_at <= now())"
    return it.number(f"select count(*) from jobs where kind = 'send_notice' and ({due})") == 0


def finish(it: System, there: WahaControl) -> None:
    """Wait until nothing is on its way; have a person send again what was handed to one."""

    def is_done() -> bool:
        passes(it)
        if it.number(PENDING):
            return False
        failed = [row["id"] for row in it.ask(FAILED)]
        for notice_id in failed:
            with it.platform.begin(SYSTEM) as work:
                enqueue_sending(work, holds.resend(work, notice_id, Limits.from_settings(it.platform.settings)))
        return not failed

    it.wait(is_done, "every notice is proven", LONG)
    assert there.settle()
    it.wait(lambda: it.number(UNREAD_EVENTS) == 0, "every event is dealt with")
    lost = "select count(*) from job_attempts a join jobs j on j.id = a.job_id where a.outcome = 'lost'"
    assert it.number(f"{lost} and j.kind = 'send_notice'") > 0, "some were killed amid their work"


def assert_each_arrived_once(there: WahaControl, expected: set[tuple[str, str]]) -> None:
    """On the telephones is each notice, once."""
    found = there.received()
    assert {(one["chat_id"], one["body"]) for one in found["received"]} == expected
    assert found["doubled"] == []


def assert_all_is_told(it: System) -> None:
    """The figures say so."""
    with it.platform.read() as connection:
        figures: dict[str, Any] = compliance(connection, datetime(2019, 1, 1, tzinfo=UTC), it.platform.clock.now())
    counts = {name: figures[name] for name in ("asked", "sent", "delivered", "failed", "pending")}
    assert counts == {"asked": NOTICES, "sent": NOTICES, "delivered": NOTICES, "failed": 0, "pending": 0}
    assert (figures["sent_rate"], figures["delivery_rate"]) == (100.0, 100.0)

"""A furnished console: an installation in which everything that the console shows has something to show.

Its data come from the services themselves: the sample workbooks are imported, one ticket lives its whole life, cases
come in from QContact's sandbox, notices go out through WAHA's, and a few jobs fail.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta

from flask import Flask
from werkzeug.serving import make_server

from admin_api.app import create_app
from cli import sample_photos, samples
from cli.api_client import ApiClient
from cli.demo.imports import import_drops, import_weekly
from cli.demo.life import live
from cli.demo.qcontact import sync_cases
from cli.demo.repeat_faults import three_faults
from cli.demo.sandboxes import Outside, outside
from cli.ports import free_port
from cli.seed import Wanted, write_history
from cli.system import environment_of
from integrations.waha.sandbox.chats import Media
from jobs import operations, schedules
from jobs.kinds import import_drops as import_drops_job
from jobs.kinds import watch_waha_session
from jobs.platform import Platform
from jobs.queues import QUEUES
from runtime.identifiers import uuid7
from runtime.settings import Settings, load_settings
from scheduler.lease import Lease
from tests.processes import wait_until
from tests.running import jobs_running
from tests.stand_in import StandIn
from ticketing import api_keys, directory, sample_data
from ticketing.api_keys import ApiKey
from ticketing.name_paging import NamePageRequest
from ticketing.people import SYSTEM

PATIENCE = 240.0
STRANGER, LOST = "27600002001", "Good day, our fibre is down since the storm and nobody answers the phone"


@dataclass(frozen=True, slots=True)
class Stage:
    """A furnished installation: its platform and app, where it is served, and the sandboxes beside it."""

    platform: Platform
    app: Flask
    address: str
    outside: Outside

    def admin(self) -> tuple[ApiKey, str]:
        """Return a key of a person who may everything, and its plain text."""
        with self.platform.begin(SYSTEM) as work:
            [person, *_] = directory.list_users(work.connection, NamePageRequest(), role="admin").rows
            return api_keys.create(work, person["name"], ("admin",), user_id=person["id"])

    def worth_seeing(self) -> list[str]:
        """Return the addresses of tickets that have much to show, one of each status, and of what no link leads to."""
        with self.platform.read() as connection:
            tickets = connection.execute(_TICKETS.encode(), [list(_STATUSES)]).fetchall()
            bulk = connection.execute("select id from bulk_actions").fetchall()
        return [f"/console/tickets/{row['id']}" for row in tickets] + [f"/console/tickets/bulk/{bulk[0]['id']}"]


_STATUSES = ("in_progress", "qa_in_progress", "closed")
_TICKETS = """
select distinct on (t.status) t.id from tickets as t left join ticket_attachments as a on a.ticket_id = t.id
where t.status = any(%s) group by t.id order by t.status, count(a.id) desc, t.id
"""


@contextmanager
def furnished(settings: Settings, tickets: int = 40, photos: int = 24) -> Iterator[Stage]:
    """Lend a furnished installation on an empty migrated database; a worker runs beside it."""
    port = free_port()
    with ExitStack() as stack:
        sandboxes = stack.enter_context(outside(f"http://127.0.0.1:{port}"))
        whole = load_settings({**environment_of(settings), **sandboxes.environment()}, api_rate_limit="100000/minute")
        platform = stack.enter_context(closing(Platform.connect(whole)))
        platform.declare()
        app = create_app(platform=platform)
        address = stack.enter_context(serving(app, port))
        stack.enter_context(jobs_running(platform))
        stage = Stage(platform, app, address, sandboxes)
        _furnish(stage, tickets, photos)
        yield stage


@contextmanager
def serving(app: Flask, port: int = 0) -> Iterator[str]:
    """Serve an app on loopback and lend its address."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _furnish(stage: Stage, tickets: int, photos: int) -> None:
    platform = stage.platform
    began_at = platform.clock.now()
    with platform.begin(SYSTEM) as work:
        sample_data.add(work)
        schedules.declare(work.connection, platform.registry, work.now)
    write_history(platform, SYSTEM, Wanted(tickets, photos))
    _appoint(platform)
    with ApiClient(stage.address, stage.admin()[1]) as api:
        import_drops(api, samples.DROPS)
        report_id, _ = import_weekly(api, samples.WEEKLY_REPORT)
        live(api, report_id)
        three_faults(api)
        sync_cases(api, stage.outside.qcontact, since=began_at)
        api.post("/exports", {"report": "tickets"})
        api.post("/bulk-actions", {"action": "priority", "priority": "high", "filter": {"status": "assigned"}})
    photo = sample_photos.draw(7, "no light", platform.clock.now())
    stage.outside.waha.inbound(STRANGER, LOST, media=Media(mimetype="image/jpeg", data=photo))
    assert stage.outside.waha.settle(PATIENCE), "what was written has come in"
    _fail(platform)
    _rest(platform)


def _appoint(platform: Platform) -> None:
    """Have a leader and a worker that are alive for an hour: what runs beside the test gives no signs of life."""
    Lease(platform.database, uuid7(), "field-office-1:2", timedelta(hours=1).total_seconds()).renew()
    StandIn(platform, list(QUEUES))
    with platform.begin(SYSTEM) as work:
        work.connection.execute("update workers set host = 'field-office-1', heartbeat_at = now() + interval '1 hour'")
        work.enqueue(watch_waha_session.watch_waha_session)


def _fail(platform: Platform) -> None:
    """Leave jobs that could not do what they were to do: registers whose files are gone. One of them is given up."""
    registers = [
        import_drops_job.ImportDrops(storage_key=f"gone/{n}", filename="HLD_Home.xlsx", sha256="0") for n in "ab"
    ]
    with platform.begin(SYSTEM) as work:
        jobs = work.enqueue_many(import_drops_job.import_drops, registers)
    _rest(platform)
    with platform.begin(SYSTEM) as work:
        operations.act_on_job(work, jobs[0].id, "discard", "The file was deleted by mistake")
        operations.pause_schedule(
            work, "sweep_guarantees", work.now + timedelta(days=2), "Terms are being renegotiated"
        )
        operations.limit_queue(work, platform.registry, "imports", 2, "Leave room for the workers")


def _rest(platform: Platform) -> None:
    """Wait until nothing is left to do now."""

    def idle() -> bool:
        with platform.read() as connection:
            row = connection.execute(
                "select count(*) as n from jobs where state in ('available', 'running')"
            ).fetchone()
        return row is not None and row["n"] == 0

    wait_until(idle, "nothing is left to do", PATIENCE)

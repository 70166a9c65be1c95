"""Syncing from the CRM by jobs, against its stand-in: every case, once, whatever happens there meanwhile."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from integrations.qcontact.client import QContactClient
from integrations.qcontact.sandbox.samples import NewCase
from jobs.kinds.reread_qcontact_case import RereadQContactCase, reread_qcontact_case
from jobs.kinds.sync_qcontact import sync_qcontact
from jobs.kinds.sync_qcontact_recent import sync_qcontact_recent
from jobs.platform import Platform
from jobs.registry import Kind
from runtime.clock import Clock
from runtime.settings import Settings
from sql.database import Connection
from tests.clocks import FixedClock
from tests.running import run_jobs
from ticketing.people import SYSTEM

if TYPE_CHECKING:
    from integrations.qcontact.sandbox import QContactSandbox
    from integrations.qcontact.sandbox.records import Case

NOW = datetime.fromisoformat("2026-11-23T06:00:00+00:00")
DETAILS = "/api/v2/entities/Case/"
WAIT = 60


@pytest.fixture
def clock() -> Clock:
    return FixedClock(NOW)


@pytest.fixture
def settings(settings: Settings, qcontact_sandbox: QContactSandbox) -> Settings:
    values = {**qcontact_sandbox.settings_values, "breaker_failures": 100}
    return Settings.model_validate(settings.model_dump() | values)


@pytest.fixture
def sync(platform: Platform) -> Callable[..., dict[str, Any]]:
    """Run a sync as its job; returns the job's row."""

    def run(kind: Kind[Any] = sync_qcontact, arguments: Any = None) -> dict[str, Any]:
        clock = platform.clock
        assert isinstance(clock, FixedClock)
        clock.advance(timedelta(minutes=5))
        with platform.begin(SYSTEM) as work:
            job = work.enqueue(kind, arguments)
        [row] = [row for row in run_jobs(platform) if row["id"] == job.id]
        return row

    return run


def add(sandbox: QContactSandbox, how_many: int, **fields: Any) -> list[Case]:
    given = {"label": "Link Light", "description": "No light", "status": "Assigned", "drop": None} | fields
    return [sandbox.add_case(NewCase(**given | {"label": f"Link Light FT{900_000 + n}"})) for n in range(how_many)]


def read_in_full(sandbox: QContactSandbox) -> Counter[str]:
    """How often each case was read as a whole."""
    entries = sandbox.journal.matching(method="GET", path_prefix=DETAILS)
    return Counter(entry.path.removeprefix(DETAILS) for entry in entries)


def test_every_page_and_every_case_becomes_a_ticket_once(
    sync: Callable[..., dict[str, Any]], qcontact_sandbox: QContactSandbox, connection: Connection
) -> None:
    add(qcontact_sandbox, 120)
    qcontact_sandbox.switches.moving_rows = 3
    row = sync()
    assert row["state"] == "completed"
    counts = {name: row["result"][name] for name in ("processed", "created", "failed", "success_rate")}
    assert counts == {"processed": 120, "created": 120, "failed": 0, "success_rate": 1.0}
    assert sync()["result"]["unchanged"] == 120
    assert connection.execute("select count(*) from tickets where source = 'qcontact'").fetchone() == {"count": 120}
    assert connection.execute("select count(*) from qcontact_sync_log").fetchone() == {"count": 240}


def test_a_recent_sync_reads_only_what_has_news(
    sync: Callable[..., dict[str, Any]], qcontact_sandbox: QContactSandbox, connection: Connection
) -> None:
    cases = add(qcontact_sandbox, 8)
    sync()
    before = read_in_full(qcontact_sandbox)
    qcontact_sandbox.change_case(cases[3], {"status": "InProgress"}, author="Sipho Example")
    result = sync(sync_qcontact_recent)["result"]
    assert (result["updated"], result["unchanged"]) == (1, 7)
    assert read_in_full(qcontact_sandbox) - before == {str(cases[3].id): 1}
    moved = connection.execute("select count(*) from tickets where status = 'in_progress'").fetchone()
    assert moved == {"count": 1}


def test_rows_without_a_status_are_read_again_after_a_while(
    sync: Callable[..., dict[str, Any]], qcontact_sandbox: QContactSandbox, platform: Platform
) -> None:
    qcontact_sandbox.switches.row_status = "never"
    [case] = add(qcontact_sandbox, 1)
    sync()
    qcontact_sandbox.change_case(case, {"status": "InProgress"}, author="Sipho Example")
    assert isinstance(platform.clock, FixedClock)
    platform.clock.advance(timedelta(minutes=31))
    assert sync(sync_qcontact_recent)["result"]["updated"] == 1


def test_what_was_over_before_is_not_read_again_and_again(
    sync: Callable[..., dict[str, Any]], qcontact_sandbox: QContactSandbox, connection: Connection
) -> None:
    add(qcontact_sandbox, 4, status="Closed")
    assert sync()["result"]["skipped"] == 4
    assert read_in_full(qcontact_sandbox) == {}
    assert sync(sync_qcontact_recent)["result"]["unchanged"] == 4
    assert connection.execute("select count(*) from tickets").fetchone() == {"count": 0}


def test_a_case_that_left_the_list_is_looked_up_and_not_closed(
    sync: Callable[..., dict[str, Any]], qcontact_sandbox: QContactSandbox, connection: Connection
) -> None:
    case, other = add(qcontact_sandbox, 2)
    sync()
    qcontact_sandbox.change_case(case, {"assigned_to": 21_900_000_011, "status": "InProgress"}, author="An agent")
    before = read_in_full(qcontact_sandbox)
    sync(sync_qcontact_recent)
    assert read_in_full(qcontact_sandbox) - before == {str(case.id): 1}
    rows = connection.execute(
        "select k.case_id, k.missing_since is not null as gone, t.status from qcontact_cases k join tickets t on"
        " t.id = k.ticket_id order by k.case_id"
    ).fetchall()
    assert [(row["gone"], row["status"]) for row in rows] == [(True, "in_progress"), (False, "assigned")]
    before = read_in_full(qcontact_sandbox)
    sync(sync_qcontact_recent)
    assert read_in_full(qcontact_sandbox) - before == {}, "once gone it is looked up nightly, not every five minutes"
    assert str(other.id) in read_in_full(qcontact_sandbox)


def test_one_bad_case_stops_no_other(
    sync: Callable[..., dict[str, Any]], qcontact_sandbox: QContactSandbox, connection: Connection
) -> None:
    bad = add(qcontact_sandbox, 5)[2]
    qcontact_sandbox.faults.next("not_found", path=f"{DETAILS}{bad.id}", times=1)
    row = sync()
    assert (row["state"], row["result"]["created"], row["result"]["failed"]) == ("completed", 4, 1)
    [failed] = connection.execute("select * from qcontact_sync_log where status = 'failed'").fetchall()
    assert (failed["qcontact_ticket_id"], failed["error_code"]) == (str(bad.id), "OUTSIDE_NOT_THERE")
    assert sync(sync_qcontact_recent)["result"]["created"] == 1


def test_hiccups_of_the_service_are_no_failures(
    sync: Callable[..., dict[str, Any]], qcontact_sandbox: QContactSandbox
) -> None:
    cases = add(qcontact_sandbox, 6)
    for case, fault in zip(cases, ("server_error", "bad_gateway_html", "cut_before", "cut_after"), strict=False):
        qcontact_sandbox.faults.next(fault, path=f"{DETAILS}{case.id}", times=1)
    assert sync()["result"]["created"] == 6


def test_a_service_that_is_down_puts_the_sync_off_and_it_goes_on_later(
    sync: Callable[..., dict[str, Any]], qcontact_sandbox: QContactSandbox, connection: Connection
) -> None:
    [case] = add(qcontact_sandbox, 1)
    qcontact_sandbox.faults.next("too_many_requests", path=f"{DETAILS}{case.id}", times=1)
    row = sync()
    assert (row["state"], row["attempt"]) == ("scheduled", 0)
    assert sync(reread_qcontact_case, RereadQContactCase(case_id=str(case.id)))["result"]["outcome"] == "created"
    assert connection.execute("select count(*) from tickets").fetchone() == {"count": 1}


def test_a_sync_that_stopped_goes_on_where_it_was(
    sync: Callable[..., dict[str, Any]], qcontact_sandbox: QContactSandbox, platform: Platform, connection: Connection
) -> None:
    last = add(qcontact_sandbox, 90)[0]
    qcontact_sandbox.switches.latency = 0.05
    qcontact_sandbox.faults.next("too_many_requests", path=f"{DETAILS}{last.id}", times=1)
    stopped = sync()
    assert stopped["state"] == "scheduled"
    settled = stopped["saved"]["settled"]
    assert 0 < len(settled) < 90
    assert isinstance(platform.clock, FixedClock)
    platform.clock.advance(timedelta(minutes=10))
    connection.execute("update jobs set state = 'available' where id = %s", [stopped["id"]])
    [row] = [row for row in run_jobs(platform) if row["id"] == stopped["id"]]
    assert (row["state"], row["result"]["processed"], row["result"]["created"]) == ("completed", 90, 90)
    read = read_in_full(qcontact_sandbox)
    assert [read[case_id] for case_id in settled] == [1] * len(settled), "what was settled is not read again"
    assert connection.execute("select count(*) from tickets").fetchone() == {"count": 90}


def test_what_was_read_when_the_service_says_stop_is_kept(
    sync: Callable[..., dict[str, Any]],
    qcontact_sandbox: QContactSandbox,
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However often it says so: each try gets further."""
    first = add(qcontact_sandbox, 6)[0]
    all_under_way, read = threading.Barrier(6, timeout=WAIT), QContactClient.get_case

    def read_together(client: QContactClient, case_id: str) -> Any:
        all_under_way.wait()
        return read(client, case_id)

    monkeypatch.setattr(QContactClient, "get_case", read_together)
    qcontact_sandbox.faults.next("too_many_requests", path=f"{DETAILS}{first.id}", times=1)
    stopped = sync()
    assert stopped["state"] == "scheduled"
    assert len(stopped["saved"]["settled"]) == 5, "those that were under way"
    assert connection.execute("select count(*) from tickets").fetchone() == {"count": 5}


def test_one_case_is_read_again_on_a_hint(
    sync: Callable[..., dict[str, Any]], qcontact_sandbox: QContactSandbox, connection: Connection
) -> None:
    [case] = add(qcontact_sandbox, 1)
    again = RereadQContactCase(case_id=str(case.id))
    assert sync(reread_qcontact_case, again)["result"]["outcome"] == "created"
    assert sync(reread_qcontact_case, again)["result"]["outcome"] == "unchanged"
    assert sync(reread_qcontact_case, RereadQContactCase(case_id="1"))["result"]["synced"] is False
    assert connection.execute("select count(*) from tickets").fetchone() == {"count": 1}


def test_a_case_that_is_gone_is_a_failure_of_its_run(
    sync: Callable[..., dict[str, Any]], connection: Connection
) -> None:
    row = sync(reread_qcontact_case, RereadQContactCase(case_id="1"))
    [run] = connection.execute("select * from qcontact_sync_runs").fetchall()
    assert (run["job_id"], run["finished_at"] is not None) == (row["id"], True)
    assert (run["processed"], run["failed"]) == (1, 1)
    [failed] = connection.execute("select run_id, error_code from qcontact_sync_log").fetchall()
    assert failed == {"run_id": run["id"], "error_code": "OUTSIDE_NOT_THERE"}


class TestOvertaken:
    """From a reading that began too soon after a write nothing is taken, and what it read is read again."""

    @pytest.fixture
    def case(
        self,
        sync: Callable[..., dict[str, Any]],
        qcontact_sandbox: QContactSandbox,
        connection: Connection,
        platform: Platform,
    ) -> Case:
        """A case that we moved two seconds before the next sync, and an agent moved on since."""
        [case] = add(qcontact_sandbox, 1)
        sync()
        connection.execute("update tickets set status = 'in_progress'")
        connection.execute(
            "update qcontact_cases set pushed_status = 'InProgress', pushed_at = %(at)s, their_status = 'InProgress',"
            " agreed_status = 'in_progress', agreed_at = %(at)s",
            {"at": platform.clock.now() + timedelta(minutes=5, seconds=-2)},
        )
        qcontact_sandbox.change_case(case, {"status": "InReview"}, author="Sipho Example")
        return case

    @pytest.mark.usefixtures("case")
    @pytest.mark.parametrize("kind", [sync_qcontact, sync_qcontact_recent])
    def test_the_next_sync_reads_it_again(
        self, sync: Callable[..., dict[str, Any]], connection: Connection, kind: Kind[Any]
    ) -> None:
        first = sync(kind)["result"]
        assert (first["processed"], first["unchanged"], self.status(connection)) == (1, 1, "in_progress")
        assert sync(sync_qcontact_recent)["result"]["updated"] == 1
        assert self.status(connection) == "pending_qa"

    def test_one_that_left_the_list_is_looked_up_again(
        self,
        sync: Callable[..., dict[str, Any]],
        case: Case,
        qcontact_sandbox: QContactSandbox,
        connection: Connection,
    ) -> None:
        qcontact_sandbox.change_case(case, {"assigned_to": 21_900_000_011}, author="Sipho Example")
        for _ in range(2):
            sync(sync_qcontact_recent)
        assert self.status(connection) == "pending_qa"
        assert connection.execute("select missing_since is not null as gone from qcontact_cases").fetchall() == [
            {"gone": True}
        ]

    def test_a_hint_is_followed_a_moment_later(
        self, sync: Callable[..., dict[str, Any]], case: Case, platform: Platform, connection: Connection
    ) -> None:
        put_off = sync(reread_qcontact_case, RereadQContactCase(case_id=str(case.id)))
        assert (put_off["state"], put_off["attempt"]) == ("scheduled", 0)
        assert put_off["scheduled_at"] == platform.clock.now() + timedelta(seconds=6)
        assert isinstance(platform.clock, FixedClock)
        platform.clock.advance(timedelta(seconds=6))
        connection.execute("update jobs set state = 'available' where id = %s", [put_off["id"]])
        [row] = [row for row in run_jobs(platform) if row["id"] == put_off["id"]]
        assert (row["result"]["outcome"], self.status(connection)) == ("updated", "pending_qa")
        [run] = connection.execute("select * from qcontact_sync_runs where scope = 'one'").fetchall()
        assert (run["processed"], run["updated"], run["finished_at"] is not None) == (1, 1, True)

    def status(self, connection: Connection) -> str:
        """Return the ticket's status."""
        [row] = connection.execute("select status from tickets").fetchall()
        return str(row["status"])


class TestWithoutASetup:
    @pytest.fixture(params=[("qcontact_url", "FIBREFLOW_QCONTACT_URL"), ("qcontact_queue", "FIBREFLOW_QCONTACT_QUEUE")])
    def missing(self, request: pytest.FixtureRequest) -> tuple[str, str]:
        name, variable = request.param
        return name, variable

    @pytest.fixture
    def settings(self, settings: Settings, missing: tuple[str, str]) -> Settings:
        return Settings.model_validate(settings.model_dump() | {missing[0]: None})

    def test_nothing_is_read_and_the_job_says_why(
        self, sync: Callable[..., dict[str, Any]], missing: tuple[str, str], connection: Connection
    ) -> None:
        for kind in (sync_qcontact, sync_qcontact_recent):
            row = sync(kind)
            assert (row["state"], row["result"]["synced"]) == ("completed", False)
            assert missing[1] in row["result"]["reason"]
        assert connection.execute("select 1 from qcontact_sync_runs").fetchall() == [], "no list was read"

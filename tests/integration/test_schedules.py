"""Schedules: declared by kinds, fired once under the lease, whoever leads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from jobs import schedules
from jobs.platform import Platform
from jobs.registry import NoArgs, Registry, job
from runtime.identifiers import uuid7
from runtime.settings import Settings
from scheduler.lease import Lease
from scheduler.process import SchedulerProcess
from scheduler.ticks import Ticks
from tests.clocks import FixedClock
from tests.job_kinds import effect
from tests.processes import wait_until
from tests.stand_in import enqueue, fetch, job_row, platform_for_tests

HOURLY = "0 * * * *"


@pytest.fixture
def clock(frozen_clock: FixedClock) -> FixedClock:
    return frozen_clock


@pytest.fixture
def registry() -> Registry:
    """Kinds of this test only: a schedule of a shared kind would fire in everybody's tests."""
    return Registry()


@pytest.fixture
def platform(settings: Settings, clock: FixedClock, registry: Registry) -> Iterator[Platform]:
    with platform_for_tests(settings, clock) as platform:
        platform.registry = registry
        yield platform


def scheduled(registry: Registry, name: str = "hourly", cron: str | None = HOURLY, missed: Any = "run_once") -> Any:
    def body(args: NoArgs, job: Any) -> None:
        return None

    return job(name, queue="maintenance", arguments=NoArgs, cron=cron, missed=missed, registry=registry)(body)


def lease_of(platform: Platform, seconds: float = 60) -> Lease:
    return Lease(platform.database, uuid7(), "here:1", seconds)


@pytest.fixture
def ticks(platform: Platform) -> Ticks:
    """The ticks of the leader."""
    lease = lease_of(platform)
    assert lease.renew()
    return Ticks(platform, lease)


def schedule_row(platform: Platform, name: str = "hourly") -> dict[str, Any]:
    [row] = fetch(platform, "select * from schedules where name = %s", name)
    return row


def runs(platform: Platform) -> list[datetime]:
    rows = fetch(platform, "select fire_at from jobs where schedule_name is not null order by fire_at")
    return [row["fire_at"] for row in rows]


def pause(platform: Platform, until: datetime) -> None:
    fetch(platform, "update schedules set paused_until = %s, pause_reason = 'audit' returning name", until)


def test_a_kind_with_a_cron_line_has_a_schedule(platform: Platform, registry: Registry, ticks: Ticks) -> None:
    scheduled(registry)
    scheduled(registry, "plain", cron=None)
    ticks.declare()
    assert [row["name"] for row in fetch(platform, "select name from schedules")] == ["hourly"]
    row = schedule_row(platform)
    assert (row["kind"], row["cron"], row["missed"], row["declared"]) == ("hourly", HOURLY, "run_once", True)
    assert row["next_fire_at"] == datetime(2025, 3, 3, 8, tzinfo=UTC)


def test_declaring_again_changes_nothing_but_what_changed(
    platform: Platform, registry: Registry, ticks: Ticks, clock: FixedClock
) -> None:
    scheduled(registry)
    ticks.declare()
    pause(platform, clock.now() + timedelta(days=9))
    clock.advance(timedelta(hours=3))
    ticks.declare()
    row = schedule_row(platform)
    assert row["next_fire_at"] == datetime(2025, 3, 3, 8, tzinfo=UTC), "an overdue tick is not forgotten by a restart"

    scheduled(registry, cron="30 6 * * *", missed="skip")
    ticks.declare()
    row = schedule_row(platform)
    assert (row["cron"], row["missed"], row["pause_reason"]) == ("30 6 * * *", "skip", "audit")
    assert row["next_fire_at"] == datetime(2025, 3, 4, 4, 30, tzinfo=UTC)


def test_a_schedule_that_no_kind_declares_any_more_does_not_fire(
    platform: Platform, registry: Registry, ticks: Ticks, clock: FixedClock
) -> None:
    scheduled(registry)
    ticks.declare()
    with platform.database.transaction() as connection:
        schedules.declare(connection, Registry(), clock.now())
    clock.advance(timedelta(hours=2))
    assert ticks.run() == 0
    assert schedule_row(platform)["declared"] is False
    ticks.declare()
    assert schedule_row(platform)["next_fire_at"] == clock.now() + timedelta(hours=1), "it begins anew"


def test_a_tick_becomes_a_job_and_the_schedule_moves_on(
    platform: Platform, registry: Registry, ticks: Ticks, clock: FixedClock
) -> None:
    scheduled(registry)
    ticks.declare()
    assert ticks.run() == 0
    eight = clock.advance(timedelta(hours=1))
    clock.advance(timedelta(seconds=2))
    assert ticks.run() == 1
    assert ticks.run() == 0
    [job_id] = platform.wire.hear("maintenance", 10, 1)
    row = job_row(platform, job_id)
    assert (row["kind"], row["schedule_name"], row["fire_at"], row["tags"]) == (
        "hourly",
        "hourly",
        eight,
        ["scheduled"],
    )
    assert (row["actor_kind"], row["actor_name"]) == ("schedule", "scheduler")
    schedule = schedule_row(platform)
    assert (schedule["last_fire_at"], schedule["last_job_id"]) == (eight, job_id)
    assert (schedule["next_fire_at"], schedule["missed_count"]) == (eight + timedelta(hours=1), 0)


@pytest.mark.parametrize(("missed", "wanted"), [("run_once", 1), ("skip", 0)])
def test_what_was_missed_runs_once_or_not_at_all(
    platform: Platform, registry: Registry, ticks: Ticks, clock: FixedClock, missed: str, wanted: int
) -> None:
    scheduled(registry, missed=missed)
    ticks.declare()
    clock.advance(timedelta(hours=5, minutes=30))
    assert ticks.run() == wanted
    assert runs(platform) == [clock.now() - timedelta(minutes=30)][:wanted]
    row = schedule_row(platform)
    assert row["missed_count"] == 5 - wanted
    assert row["next_fire_at"] == clock.now() + timedelta(minutes=30)


def test_a_paused_schedule_drops_its_ticks_and_goes_on_afterwards(
    platform: Platform, registry: Registry, ticks: Ticks, clock: FixedClock
) -> None:
    scheduled(registry)
    ticks.declare()
    pause(platform, clock.now() + timedelta(hours=3, minutes=30))
    for _ in range(4):
        clock.advance(timedelta(hours=1))
        ticks.run()
    assert runs(platform) == [clock.now()]
    assert schedule_row(platform)["missed_count"] == 0


@pytest.mark.parametrize("until", ["10000-01-01 00:00+00", "infinity", "-infinity"])
def test_no_row_holds_a_pause_that_nobody_could_read(
    platform: Platform, registry: Registry, ticks: Ticks, until: str
) -> None:
    scheduled(registry)
    ticks.declare()
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        fetch(platform, "update schedules set paused_until = %s, pause_reason = 'for ever' returning name", until)
    assert caught.value.diag.constraint_name == "schedules_paused_until_range"


def test_one_schedule_that_cannot_fire_holds_back_no_other(
    platform: Platform, registry: Registry, ticks: Ticks, clock: FixedClock
) -> None:
    """Another version of the program declared a kind that this one does not know, and is about to take over."""
    scheduled(registry)
    ticks.declare()
    fetch(
        platform,
        "insert into schedules (name, kind, cron, missed, next_fire_at)"
        " values ('newer', 'of_the_next_version', '* * * * *', 'skip', %s) returning name",
        clock.now(),
    )
    clock.advance(timedelta(hours=1))
    assert ticks.run() == 1
    assert schedule_row(platform, "newer")["next_fire_at"] == clock.now() - timedelta(hours=1), "left as it is"


def test_a_tick_is_not_fired_twice_even_if_the_schedule_was_set_back(
    platform: Platform, registry: Registry, ticks: Ticks, clock: FixedClock
) -> None:
    scheduled(registry)
    ticks.declare()
    eight = clock.advance(timedelta(hours=1))
    assert ticks.run() == 1
    fetch(platform, "update schedules set next_fire_at = %s returning name", eight)
    assert ticks.run() == 0
    assert runs(platform) == [eight]


def test_nobody_fires_without_the_lease(
    platform: Platform, registry: Registry, ticks: Ticks, clock: FixedClock
) -> None:
    scheduled(registry)
    ticks.declare()
    clock.advance(timedelta(hours=1))
    follower = lease_of(platform)
    assert not follower.renew()
    assert Ticks(platform, follower).run() == 0
    assert Ticks(platform, lease_of(platform)).run() == 0, "one that never asked"
    assert runs(platform) == []


def expire(platform: Platform) -> None:
    fetch(platform, "update leases set expires_at = now() - interval '1 second' returning name")


def test_a_lease_is_held_by_one_and_taken_over_with_another_token(platform: Platform) -> None:
    first, second = lease_of(platform), lease_of(platform)
    assert first.renew()
    assert not second.renew()
    token = first.token
    assert first.renew()
    assert first.token == token, "renewing changes nothing"
    expire(platform)
    assert second.renew()
    assert second.token != token
    with platform.database.transaction() as connection:
        assert second.holds(connection)
        assert not first.holds(connection)
    assert not first.renew()
    assert first.token is None


def test_a_leader_that_was_away_does_not_hold_with_its_old_token(platform: Platform) -> None:
    lease = lease_of(platform)
    lease.renew()
    token = lease.token
    expire(platform)
    with platform.database.transaction() as connection:
        assert not lease.holds(connection)
    lease.renew()
    assert lease.token != token, "somebody else may have led in between"


def test_a_released_lease_is_free_at_once(platform: Platform) -> None:
    first, second = lease_of(platform), lease_of(platform)
    first.renew()
    second.release()
    assert not second.renew(), "only the holder gives it back"
    first.release()
    assert second.renew()


def test_a_scheduler_that_stops_amid_a_tick_does_not_keep_the_lease_from_the_next(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, registry: Registry
) -> None:
    monkeypatch.setattr("scheduler.ticks.IDLE_LIMIT", 0.2)
    lease = lease_of(platform)
    lease.renew()
    stopped, go_on = threading.Event(), threading.Event()

    def stop_here(*_: object) -> bool:
        stopped.set()
        go_on.wait(30)
        return True

    monkeypatch.setattr(Ticks, "_can_fire", stop_here)
    scheduled(registry)
    ticks = Ticks(platform, lease)
    ticks.declare()
    fetch(platform, "update schedules set next_fire_at = %s returning name", platform.clock.now())
    failures: list[BaseException] = []

    def run() -> None:
        try:
            ticks.run()
        except Exception as error:  # noqa: BLE001 - handed to the test's own thread
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    stopped.wait(30)
    expire(platform)
    successor = lease_of(platform)
    assert successor.renew()
    go_on.set()
    thread.join(30)
    assert len(failures) == 1, "what the stopped one had begun is undone"
    assert runs(platform) == []


def test_a_second_scheduler_waits_and_takes_over_when_the_first_leaves(settings: Settings) -> None:
    quick = settings.model_copy(update={"scheduler_lease": 2.0, "worker_heartbeat": 0.2})
    with platform_for_tests(quick) as platform:
        # The first one's lease does not run out by itself while both are looked at; the second one asks often.
        first = SchedulerProcess(quick.model_copy(update={"scheduler_lease": 600.0}))
        second = SchedulerProcess(quick)
        first.start()
        second.start()
        assert (first._leading, second._leading) == (True, False)
        first.shut_down()
        wait_until(lambda: second._leading, "the second one leads")
        alive = "select id from workers where role = 'scheduler' and stopped_at is null"
        assert [row["id"] for row in fetch(platform, alive)] == [second.id]
        second.shut_down()
        assert fetch(platform, alive) == []


def test_a_scheduler_promotes_relays_and_fires(settings: Settings) -> None:
    quick = settings.model_copy(update={"scheduler_relay_interval": 0.1, "scheduler_rescue_interval": 0.1})
    with platform_for_tests(quick) as platform:
        process = SchedulerProcess(quick)
        process.start()
        job_id = enqueue(platform, effect, at=platform.clock.now() + timedelta(milliseconds=300))
        wait_until(lambda: job_row(platform, job_id)["state"] == "available", "it is promoted")
        wait_until(lambda: platform.wire.hear("tickets", 1, 0.05) == [job_id], "it is announced")
        process.stop()
        process.shut_down()

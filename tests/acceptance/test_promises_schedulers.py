"""What is promised about two schedulers, one of them killed, frozen or asked to leave: no tick lost, none doubled."""

from __future__ import annotations

import os
import signal
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import psutil
import pytest

from runtime.settings import Settings
from tests.acceptance.system import QUICK, System, system

pytestmark = pytest.mark.acceptance

# Once a year: each schedule below has one tick within the test.
YEARLY = "0 0 1 1 *"


def plan(it: System, ticks: int, seconds: float) -> dict[str, datetime]:
    """Write schedules down whose next ticks are spread over the coming seconds; return when each is due."""
    start = it.ask("select clock_timestamp() + interval '1 second' as now")[0]["now"]
    due = {f"tick_{number:03d}": start + timedelta(seconds=seconds * number / ticks) for number in range(ticks)}
    with it.platform.database.transaction() as connection, connection.cursor() as cursor:
        cursor.executemany(
            "insert into schedules (name, kind, cron, missed, next_fire_at)"
            " values (%s, 'test_tick', %s, 'run_once', %s)",
            [(name, YEARLY, at) for name, at in due.items()],
        )
    return due


def leader(it: System, processes: list[subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """Wait for a living leader among these processes and return it."""
    found: list[subprocess.Popen[bytes]] = []

    def look() -> bool:
        rows = it.ask("select holder_name from leases where expires_at > clock_timestamp()")
        holders = {row["holder_name"].rpartition(":")[2] for row in rows}
        found.extend(process for process in processes if str(process.pid) in holders)
        return bool(found)

    # Looked for once: between two looks a lease may run out.
    it.wait(look, "one of the schedulers leads")
    return found[0]


def fired(it: System) -> int:
    return it.number("select count(*) from jobs where schedule_name is not null")


def assert_each_tick_ran_once(it: System, due: dict[str, datetime]) -> None:
    it.wait(lambda: fired(it) >= len(due), "every tick has become a job")
    it.wait(lambda: set(it.states()) == {"completed"}, "the ticks' jobs have run")
    rows = it.ask("select schedule_name, fire_at from jobs where schedule_name is not null")
    assert sorted((row["schedule_name"], row["fire_at"]) for row in rows) == sorted(due.items())
    assert it.effects() == len(due)
    assert it.number("select sum(missed_count) from schedules where name like 'tick_%%'") == 0


def up(it: System, how_many: int) -> list[subprocess.Popen[bytes]]:
    """Start schedulers and wait until all of them are there: starting one retires schedules that no kind declares."""
    there = it.processes.log().count("scheduler_started")
    schedulers = [it.processes.scheduler() for _ in range(how_many)]
    it.wait(lambda: it.processes.log().count("scheduler_started") >= there + how_many, "the schedulers are up")
    return schedulers


def test_a_killed_leader_loses_no_tick_and_doubles_none(settings: Settings, logs: Path) -> None:
    with system(settings, logs, **QUICK) as it:
        schedulers = up(it, 2)
        it.processes.workers(1)
        first = leader(it, schedulers)
        due = plan(it, ticks=40, seconds=6)
        it.wait(lambda: fired(it) >= 10, "the leader fires")
        it.processes.kill(first)
        second = leader(it, [process for process in schedulers if process is not first])
        assert_each_tick_ran_once(it, due)
        assert second.poll() is None


def test_a_frozen_leader_that_wakes_up_later_doubles_no_tick(settings: Settings, logs: Path) -> None:
    with system(settings, logs, **QUICK) as it:
        schedulers = up(it, 2)
        it.processes.workers(1)
        first = leader(it, schedulers)
        due = plan(it, ticks=40, seconds=6)
        it.wait(lambda: fired(it) >= 10, "the leader fires")
        os.kill(first.pid, signal.SIGSTOP)
        it.wait(lambda: leader(it, schedulers) is not first, "another one leads")
        it.wait(lambda: fired(it) >= 25, "the other one fires")
        psutil.Process(first.pid).resume()
        assert_each_tick_ran_once(it, due)
        assert [process.poll() for process in schedulers] == [None, None]
        assert it.number("select token from leases") >= 2


def test_a_leader_that_leaves_hands_over_at_once(settings: Settings, logs: Path) -> None:
    with system(settings, logs, **QUICK | {"scheduler_lease": 30.0}) as it:
        schedulers = up(it, 2)
        it.processes.workers(1)
        first = leader(it, schedulers)
        due = plan(it, ticks=20, seconds=4)
        it.wait(lambda: fired(it) >= 5, "the leader fires")
        it.processes.end(first)
        assert first.returncode == 0
        leader(it, [process for process in schedulers if process is not first])
        assert_each_tick_ran_once(it, due)


def test_a_restart_of_both_catches_up_on_what_came_due_meanwhile(settings: Settings, logs: Path) -> None:
    with system(settings, logs, **QUICK) as it:
        schedulers = up(it, 2)
        for process in schedulers:
            it.processes.kill(process)
        it.processes.workers(1)
        due = plan(it, ticks=10, seconds=1)
        up(it, 2)
        it.ask("update schedules set declared = true returning name")
        assert_each_tick_ran_once(it, due)


def test_a_worker_rescued_by_the_next_leader(settings: Settings, logs: Path) -> None:
    """The leader and the workers die together, as when a machine is lost; the other scheduler rescues the jobs."""
    with system(settings, logs, **QUICK) as it:
        schedulers = up(it, 2)
        first = leader(it, schedulers)
        ids = it.enqueue(150)
        workers = it.processes.workers(2)
        it.wait_for_effects(20)
        it.processes.kill(workers)
        it.processes.kill(first)
        it.processes.workers(1)
        it.wait_for_completion(150)
        it.assert_each_effect_exactly_once(ids)

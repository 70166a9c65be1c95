"""What is promised about single jobs on real workers: cancelling, progress, time limits, limits over all workers."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest

from jobs import operations
from runtime.settings import Settings
from tests.acceptance.system import NOBODY_DIES, QUICK, System, system
from tests.job_kinds import Effect, Scene, Steps, endless, limited, rated, scene, steps
from tests.stand_in import attempts_of, effects_of, enqueue, enqueue_many, fetch, job_row
from ticketing.people import SYSTEM

pytestmark = pytest.mark.acceptance


def cancel(it: System, job_id: UUID) -> str:
    with it.platform.begin(SYSTEM) as work:
        return operations.act_on_job(work, job_id, "cancel", "the test says so")


def test_a_running_job_is_cancelled_at_its_next_checkpoint(settings: Settings, logs: Path, tmp_path: Path) -> None:
    with system(settings, logs, **QUICK) as it:
        it.processes.workers(1)
        job_id = enqueue(it.platform, steps, Steps(steps=3, gate=str(tmp_path / "never")))
        it.wait(lambda: effects_of(it.platform, job_id), "its first step is done")
        assert cancel(it, job_id) == "running", "cancellation is requested"
        assert job_row(it.platform, job_id)["cancel_requested_at"] is not None
        it.wait(lambda: job_row(it.platform, job_id)["state"] == "cancelled", "it stops at its checkpoint")
        assert [row["note"] for row in effects_of(it.platform, job_id)] == ["step 0"]
        assert [one["outcome"] for one in attempts_of(it.platform, job_id)] == ["cancelled"]


def test_progress_and_log_lines_can_be_read_while_a_job_runs(settings: Settings, logs: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with system(settings, logs, **QUICK) as it:
        it.processes.workers(1)
        job_id = enqueue(it.platform, steps, Steps(steps=2, gate=str(gate)))
        it.wait(lambda: job_row(it.platform, job_id)["progress_done"] == 1, "its progress is seen")
        row = job_row(it.platform, job_id)
        assert (row["state"], row["progress_total"], row["progress_phase"]) == ("running", 2, "stepping")
        assert row["started_at"] is not None
        lines = "select message, fields from job_log_lines where job_id = %s"
        it.wait(lambda: fetch(it.platform, lines, job_id), "its log is seen")
        gate.touch()
        it.wait_for_completion(1)
        row = job_row(it.platform, job_id)
        assert (row["progress_done"], row["result"]) == (2, {"steps": 2})


def test_a_body_past_its_time_limit_is_interrupted_and_the_worker_goes_on(settings: Settings, logs: Path) -> None:
    with system(settings, logs, **QUICK | NOBODY_DIES | {"worker_threads": 1}) as it:
        it.processes.workers(1)
        it.processes.scheduler()
        job_id = enqueue(it.platform, endless)
        it.wait(lambda: job_row(it.platform, job_id)["state"] == "discarded", "it is given up after two attempts")
        row = job_row(it.platform, job_id)
        assert (row["error_class"], row["error_message"]) == ("JobTimedOut", "ran longer than 0.5 s")
        assert [one["outcome"] for one in attempts_of(it.platform, job_id)] == ["failed", "discarded"]
        assert it.effects() == 0
        ids = it.enqueue(5)
        it.wait(lambda: it.effects() == 5, "the only thread is free again")
        it.assert_each_effect_exactly_once(ids)
        assert it.number("select count(*) from workers where role = 'worker'") == 1


def test_a_job_for_later_starts_when_its_time_has_come(settings: Settings, logs: Path) -> None:
    with system(settings, logs, **QUICK) as it:
        it.processes.workers(1)
        it.processes.scheduler()
        job_id = enqueue(it.platform, scene, Scene(plot="done"), at=it.platform.clock.now() + timedelta(seconds=1))
        it.wait_for_completion(1)
        row = job_row(it.platform, job_id)
        assert row["started_at"] >= row["scheduled_at"]


def test_a_kinds_concurrency_limit_holds_over_all_workers(settings: Settings, logs: Path) -> None:
    with system(settings, logs, **QUICK | NOBODY_DIES) as it:
        ids = enqueue_many(it.platform, limited, [Effect(milliseconds=50)] * 30)
        it.processes.scheduler()
        it.processes.workers(2)
        it.wait_for_completion(30)
        it.assert_each_effect_exactly_once(ids)
        assert most_at_once(it) <= 2


def most_at_once(it: System) -> int:
    """The most jobs whose claims overlapped: held from the claim to the end that the worker wrote down."""
    times = it.ask(
        "select claimed_at as at, 1 as change from job_attempts union all select at, -1 from effects order by 1, 2"
    )
    running = most = 0
    for row in times:
        running += row["change"]
        most = max(most, running)
    return most


def test_a_kinds_rate_holds_over_all_workers(settings: Settings, logs: Path) -> None:
    with system(settings, logs, **QUICK | NOBODY_DIES) as it:
        ids = enqueue_many(it.platform, rated, [Effect()] * 6)
        it.processes.scheduler()
        it.processes.workers(2)
        it.wait_for_completion(6)
        it.assert_each_effect_exactly_once(ids)
        first, *put_off = it.ask("select claimed_at, scheduled_at, started_at, snoozes from jobs order by scheduled_at")
        assert [row["snoozes"] for row in (first, *put_off)] == [0, 1, 1, 1, 1, 1]
        slots = [first["claimed_at"], *(row["scheduled_at"] for row in put_off)]
        assert min(later - sooner for sooner, later in pairwise(slots)) >= timedelta(seconds=1)
        assert all(row["started_at"] >= row["scheduled_at"] for row in put_off), "nobody starts before its turn"
        assert it.number("select max(attempt) from jobs") == 1, "waiting for a start burns no attempt"

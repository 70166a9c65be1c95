"""Workers that fall silent lose their jobs to others; workers that could not be heard are not judged."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from jobs.platform import Platform
from runtime.settings import Settings
from scheduler.process import SchedulerProcess
from scheduler.rescuer import Rescuer
from tests.job_kinds import Effect, Scene, broken_text, effect, scene
from tests.stand_in import (
    StandIn,
    attempts_of,
    enqueue,
    enqueue_many,
    fetch,
    job_row,
    platform_for_tests,
)

QUICK = {"worker_lost_after": 1.01}


class Stopwatch:
    """By what the rescuer measures how long something takes: nothing does, unless the test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture(autouse=True)
def stopwatch(monkeypatch: pytest.MonkeyPatch) -> Stopwatch:
    stopwatch = Stopwatch()
    monkeypatch.setattr("scheduler.rescuer.time", stopwatch)
    return stopwatch


@pytest.fixture
def platform(settings: Settings) -> Iterator[Platform]:
    with platform_for_tests(settings.model_copy(update=QUICK)) as platform:
        yield platform


@pytest.fixture
def worker(platform: Platform) -> Iterator[StandIn]:
    worker = StandIn(platform)
    yield worker
    worker.leave()


def rescue(platform: Platform) -> int:
    return Rescuer(platform).run()


def test_the_jobs_of_a_silent_worker_are_put_back_and_told(platform: Platform, worker: StandIn) -> None:
    ids = enqueue_many(platform, effect, [Effect()] * 3)
    worker.claim(ids)
    platform.wire.hear("tickets", 10, 1)
    worker.fall_silent()
    assert rescue(platform) == 3
    for job_id in ids:
        row = job_row(platform, job_id)
        assert (row["state"], row["attempt"], row["worker_id"]) == ("available", 1, None)
        assert (row["error_class"], row["finished_at"]) == ("WorkerLost", None)
        [attempt] = attempts_of(platform, job_id)
        assert (attempt["outcome"], attempt["worker_id"], attempt["reason"]) == ("lost", worker.id, "worker lost")
    assert set(platform.wire.hear("tickets", 10, 1)) == set(ids)
    [row] = fetch(platform, "select lost_at from workers where id = %s", worker.id)
    assert row["lost_at"] is not None


def test_a_worker_that_is_heard_keeps_its_jobs(platform: Platform, worker: StandIn) -> None:
    worker.claim([enqueue(platform, effect)])
    # Heard of later than this test can last.
    fetch(platform, "update workers set heartbeat_at = now() + interval '1 hour' where id = %s returning id", worker.id)
    assert rescue(platform) == 0
    worker.fall_silent(timedelta(hours=2))
    assert rescue(platform) == 1


def test_a_job_that_takes_its_workers_down_is_given_up_after_its_last_attempt(platform: Platform) -> None:
    job_id = enqueue(platform, scene, Scene(plot="done"))
    for _ in range(3):
        victim = StandIn(platform)
        victim.claim([job_id])
        victim.fall_silent()
        rescue(platform)
    row = job_row(platform, job_id)
    assert (row["state"], row["attempt"], row["finished_at"] is not None) == ("discarded", 3, True)
    assert row["prune_after"] is not None
    assert [one["outcome"] for one in attempts_of(platform, job_id)] == ["lost"] * 3


def test_a_requested_cancellation_is_kept_in_a_rescue(platform: Platform, worker: StandIn) -> None:
    job_id = enqueue(platform, effect)
    worker.claim([job_id])
    fetch(platform, "update jobs set cancel_requested_at = now() where id = %s returning id", job_id)
    worker.fall_silent()
    assert rescue(platform) == 1
    assert job_row(platform, job_id)["state"] == "cancelled"
    assert platform.wire.hear("tickets", 10, 0.05) in ([], [job_id])


@pytest.mark.parametrize("end", ["update workers set stopped_at = now()", "delete from workers"])
def test_jobs_of_a_worker_that_is_no_more_are_put_back_at_once(platform: Platform, worker: StandIn, end: str) -> None:
    worker.claim([enqueue(platform, effect)])
    fetch(platform, f"{end} where id = %s returning id", worker.id)
    assert rescue(platform) == 1


def test_a_job_that_is_having_children_is_rescued_all_the_same(platform: Platform, worker: StandIn) -> None:
    """A foreign key to the parent shares its row for as long as the child's transaction is open."""
    job_id = enqueue(platform, effect)
    worker.claim([job_id])
    worker.fall_silent()
    child = "update jobs set parent_id = %s where id = %s"
    other = enqueue(platform, effect)
    with platform.database.transaction() as connection:
        connection.execute(child, [job_id, other])
        assert rescue(platform) == 1


def test_a_row_that_somebody_holds_right_now_is_left_for_the_next_round(platform: Platform, worker: StandIn) -> None:
    job_id = enqueue(platform, effect)
    worker.claim([job_id])
    worker.fall_silent()
    with platform.database.transaction() as connection:
        connection.execute("select 1 from jobs where id = %s for no key update", [job_id])
        assert rescue(platform) == 0
    assert rescue(platform) == 1


def test_the_rescuer_is_patient_after_an_outage(platform: Platform, worker: StandIn, stopwatch: Stopwatch) -> None:
    worker.claim([enqueue(platform, effect)])
    worker.fall_silent()
    rescuer = Rescuer(platform)
    rescuer.be_patient()
    stopwatch.seconds += 1
    assert rescuer.run() == 0
    stopwatch.seconds += 1
    assert rescuer.run() == 1


@pytest.mark.parametrize(
    ("error", "patient"),
    [
        (psycopg.errors.AdminShutdown(), True),
        (psycopg.errors.DeadlockDetected(), False),
        (RuntimeError("a bug"), False),
    ],
)
def test_a_scheduler_whose_round_met_an_outage_is_patient(settings: Settings, error: Exception, patient: bool) -> None:
    process = SchedulerProcess(settings.model_copy(update=QUICK))
    with platform_for_tests(settings.model_copy(update=QUICK)) as platform:
        worker = StandIn(platform)
        worker.claim([enqueue(platform, effect)])
        worker.fall_silent()

        def fail() -> None:
            raise error

        process._guarded("relay", fail)
        assert process._rescuer.run() == (0 if patient else 1)
    process._platform.close()


def test_a_server_that_has_just_started_has_heard_nobody_yet(
    settings: Settings, platform: Platform, worker: StandIn
) -> None:
    """Whatever the rows say: no worker could give a sign of life while there was no server."""
    worker.claim([enqueue(platform, effect)])
    worker.fall_silent(timedelta(days=1000))
    longer_than_it_runs = {"worker_lost_after": timedelta(days=100).total_seconds()}
    with platform_for_tests(settings.model_copy(update=longer_than_it_runs)) as patient:
        assert rescue(patient) == 0
    assert rescue(platform) == 1


def test_a_failed_job_is_not_rescued(platform: Platform, worker: StandIn) -> None:
    worker.run_job(enqueue(platform, broken_text, broken_text.arguments(text="x")))
    worker.fall_silent(timedelta(days=1))
    assert rescue(platform) == 0

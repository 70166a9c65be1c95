"""What is promised about workers that are killed, stopped, frozen or asked to leave: real processes, real signals."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from cli.server_process import gone
from runtime.settings import MEGABYTE, Settings
from tests.acceptance.system import NOBODY_DIES, QUICK, System, system
from tests.job_kinds import Hunger, Last, Stall, hungry, last, stall
from tests.processes import children_of
from tests.stand_in import attempts_of, effects_of, enqueue, enqueue_many, job_row

pytestmark = pytest.mark.acceptance


def test_jobs_of_killed_workers_complete_within_15_seconds_each_effect_exactly_once(
    settings: Settings, logs: Path
) -> None:
    """At the default settings: kill -9 of all workers amid 200 jobs of 50 ms, half of which effect by a last write."""
    with system(settings, logs) as it:
        by_last_write = [Last(milliseconds=50)] * 10
        ids = [job for _ in range(10) for job in (*it.enqueue(10), *enqueue_many(it.platform, last, by_last_write))]
        it.processes.scheduler()
        workers = it.processes.workers(2)
        it.wait_for_effects(40)
        it.processes.kill(workers)
        assert it.effects() < 200, "the workers were killed amid their work"
        restarted = time.monotonic()
        it.processes.workers(2)
        it.wait_for_completion(200)
        assert time.monotonic() - restarted < 15
        it.assert_each_effect_exactly_once(ids)
        assert it.number("select count(*) from job_attempts where outcome = 'lost'") > 0


def test_a_killed_worker_process_is_replaced_and_its_jobs_are_rescued(settings: Settings, logs: Path) -> None:
    with system(settings, logs, **QUICK) as it:
        ids = it.enqueue(150)
        it.processes.scheduler()
        workers = it.processes.workers(2)
        it.wait_for_effects(20)
        victim = children_of(workers)[0]
        victim.send_signal(signal.SIGKILL)
        it.wait_for_completion(150)
        it.assert_each_effect_exactly_once(ids)
        it.wait(lambda: len(children_of(workers)) == 2, "the killed process is replaced")
        assert victim.pid not in {child.pid for child in children_of(workers)}


def test_workers_whose_supervisor_was_killed_end_by_themselves(settings: Settings, logs: Path) -> None:
    with system(settings, logs, **QUICK) as it:
        workers = it.processes.workers(2)
        it.wait_for_workers(2)
        orphans = children_of(workers)
        workers.kill()
        workers.wait(10)
        it.wait(lambda: all(gone(orphan) for orphan in orphans), "the orphans have ended")
        assert it.number("select count(*) from workers where stopped_at is null") == 0, "they said goodbye"


def test_sigterm_of_everything_under_load_loses_nothing_and_burns_no_attempt(settings: Settings, logs: Path) -> None:
    with system(settings, logs, **QUICK | NOBODY_DIES | {"worker_grace": 40.0}) as it:
        everything = [it.processes.scheduler(), it.processes.workers(2)]
        it.wait_for_scheduler()
        it.wait_for_workers(2)
        ids = it.enqueue(400, milliseconds=150)
        it.wait_for_effects(40)
        for process in everything:
            process.send_signal(signal.SIGTERM)
        told = time.monotonic()
        codes = [process.wait(120) for process in everything]
        assert time.monotonic() - told < it.platform.settings.worker_grace
        assert codes == [0, 0], it.processes.log()
        states = it.states()
        assert set(states) == {"available", "completed"}
        assert states["completed"] == it.effects()
        assert it.number("select count(*) from jobs where state = 'available' and attempt > 0") == 0

        it.processes.scheduler()
        it.processes.workers(2)
        it.wait_for_completion(400)
        it.assert_each_effect_exactly_once(ids)
        assert it.number("select max(attempt) from jobs") == 1


def test_a_job_that_outlasts_the_grace_period_is_handed_back(settings: Settings, logs: Path, tmp_path: Path) -> None:
    with system(settings, logs, **QUICK | {"worker_grace": 1.0}) as it:
        job_id = enqueue(
            it.platform, stall, Stall(reached=str(tmp_path / "reached"), gate=str(tmp_path / "never")), priority=0
        )
        workers = it.processes.workers(1)
        it.wait((tmp_path / "reached").exists, "the job has written its effect")
        it.processes.end(workers)
        row = job_row(it.platform, job_id)
        assert (row["state"], row["attempt"]) == ("available", 0)
        assert attempts_of(it.platform, job_id)[0]["outcome"] == "handed_back"
        assert it.effects() == 0


def test_a_stalled_workers_late_completion_is_refused_and_its_writes_are_rolled_back(
    settings: Settings, logs: Path, tmp_path: Path
) -> None:
    """SIGSTOP for longer than a worker may be silent, then SIGCONT: the job was done by somebody else meanwhile."""
    reached, gate = tmp_path / "reached", tmp_path / "gate"
    with system(settings, logs, **QUICK) as it:
        job_id = enqueue(it.platform, stall, Stall(reached=str(reached), gate=str(gate)))
        it.processes.scheduler()
        stalled = it.processes.workers(1)
        it.wait(reached.exists, "the job has written its effect, uncommitted")
        [process] = children_of(stalled)
        process.suspend()
        it.processes.workers(1)
        it.wait(lambda: job_row(it.platform, job_id)["state"] == "completed", "the job is done by the other worker")
        gate.touch()
        process.resume()
        it.wait(lambda: "attempt_superseded" in it.processes.log(), "the late completion is refused")

        [only] = effects_of(it.platform, job_id)
        assert (only["attempt"], only["pid"] != process.pid) == (2, True)
        assert [one["outcome"] for one in attempts_of(it.platform, job_id)] == ["lost", "done"]
        later = it.enqueue(50)
        it.wait_for_completion(51)
        it.assert_each_effect_exactly_once([job_id, *later])
        assert process.is_running(), "the worker that was stalled goes on working"


def test_a_worker_over_its_memory_limit_is_replaced_without_losing_a_job(settings: Settings, logs: Path) -> None:
    limits = {"worker_threads": 1, "worker_memory_limit": 220 * MEGABYTE}
    with system(settings, logs, **QUICK | NOBODY_DIES | limits) as it:
        it.processes.scheduler()
        workers = it.processes.workers(1)
        it.wait_for_workers(1)
        ids = enqueue_many(it.platform, hungry, [Hunger(megabytes=60)] * 8)
        it.wait_for_completion(8)
        it.assert_each_effect_exactly_once(ids)
        it.wait(lambda: it.number("select count(*) from workers where stopped_at is not null") > 0, "one was replaced")
        assert it.number("select count(*) from job_attempts where outcome = 'lost'") == 0
        assert workers.poll() is None


def test_workers_leave_when_they_cannot_work_with_the_schema(
    empty_database_url: str, settings: Settings, logs: Path
) -> None:
    with system(settings, logs) as it:
        wrong = {"FIBREFLOW_DATABASE_URL": empty_database_url}
        processes = [it.processes.workers(2, **wrong), it.processes.scheduler(**wrong)]
        assert [process.wait(120) for process in processes] == [2, 2]
        assert it.processes.log().count("fibreflow migrate") >= 2


def test_a_quiet_worker_takes_no_jobs_until_it_is_woken(settings: Settings, logs: Path) -> None:
    with system(settings, logs, **QUICK) as it:
        it.processes.workers(1)
        it.processes.scheduler()
        it.wait_for_workers(1)
        it.ask("update workers set quiet = true returning id")
        it.wait(lambda: "worker_quiet" in it.processes.log(), "the worker has heard")
        ids = it.enqueue(5)
        beats(it, 3)
        assert it.states() == {"available": 5}
        it.ask("update workers set quiet = false returning id")
        it.wait_for_completion(5)
        it.assert_each_effect_exactly_once(ids)


def beats(it: System, how_many: int) -> None:
    """Wait until every worker has given so many signs of life."""
    seen = set()

    def look() -> bool:
        seen.add(it.ask("select max(heartbeat_at) as at from workers where role = 'worker'")[0]["at"])
        return len(seen) > how_many

    it.wait(look, f"{how_many} heartbeats")

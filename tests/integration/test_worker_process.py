"""A whole worker process's machinery in this process: heartbeat, consumers, threads, settlements, stops."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import structlog

from jobs import ledger
from jobs.ledger import Progress
from jobs.platform import Platform
from runtime.settings import Settings
from scheduler.relay import Relay
from tests.job_kinds import (
    LET_GO,
    Effect,
    Scene,
    Stall,
    Statement,
    Steps,
    deaf,
    effect,
    endless,
    endless_statement,
    limited,
    scene,
    stall,
    steps,
)
from tests.processes import wait_until
from tests.stand_in import (
    StandIn,
    attempts_of,
    effects_of,
    enqueue,
    enqueue_many,
    fetch,
    job_row,
    platform_for_tests,
)
from workers import supervisor
from workers.heartbeat import Heartbeat
from workers.process import EXIT_REPLACE_ME, WorkerProcess

QUICK: dict[str, Any] = {
    "worker_heartbeat": 0.1,
    "worker_threads": 4,
    "worker_grace": 30.0,
    "job_modules": ("tests.job_kinds",),
}


@pytest.fixture
def quick(settings: Settings) -> Settings:
    return settings.model_copy(update=QUICK)


@pytest.fixture
def platform(quick: Settings) -> Iterator[Platform]:
    with platform_for_tests(quick) as platform:
        yield platform


@contextmanager
def working(settings: Settings) -> Iterator[WorkerProcess]:
    """A worker that works in threads of this process."""
    worker = WorkerProcess(settings)
    worker.start()
    try:
        yield worker
    finally:
        worker.shut_down()
        worker._platform.close()


class Beating:
    """A heartbeat that beats when it is told to."""

    def __init__(self, worker: StandIn) -> None:
        self.quiet: list[bool] = []
        self.exhausted: list[str] = []
        self._worker = worker
        self._heart = Heartbeat(
            worker.platform,
            worker.board,
            worker.settler,
            worker.id,
            on_quiet=self.quiet.append,
            on_exhausted=self.exhausted.append,
        )

    def beat(self) -> None:
        """Give one sign of life and see what comes of it written."""
        attempts = self._worker.board.attempts()
        self._heart._watch_limits(attempts)
        self._heart._beat(attempts)
        self._worker.settle()


@pytest.fixture
def worker(platform: Platform) -> Iterator[StandIn]:
    worker = StandIn(platform)
    yield worker
    worker.leave()


@pytest.fixture
def heart(worker: StandIn) -> Beating:
    return Beating(worker)


def wait_for_states(platform: Platform, **wanted: int) -> None:
    def states() -> dict[str, int]:
        return {row["state"]: row["n"] for row in fetch(platform, "select state, count(*) as n from jobs group by 1")}

    wait_until(lambda: states() == wanted, f"jobs are {wanted}, not {states()}")


def test_jobs_run_and_take_effect_once(quick: Settings, platform: Platform) -> None:
    ids = enqueue_many(platform, effect, [Effect(note=str(number)) for number in range(100)])
    with working(quick):
        wait_for_states(platform, completed=100)
        wait_until(lambda: fetch(platform, "select 1 from workers where memory_bytes > 0"), "it gave a sign of life")
    assert sorted(row["job_id"] for row in effects_of(platform)) == sorted(ids)
    [row] = fetch(platform, "select * from workers")
    assert row["stopped_at"] is not None
    assert row["memory_bytes"] > 0
    assert (row["running"], row["threads"], len(row["queues"])) == (0, 4, 5)


def test_a_worker_takes_only_the_queues_it_is_told_to(quick: Settings, platform: Platform) -> None:
    other = enqueue(platform, steps, Steps())
    mine = enqueue(platform, effect)
    with working(quick.model_copy(update={"worker_queues": ("tickets",)})):
        wait_until(lambda: job_row(platform, mine)["state"] == "completed", "its own queue is worked off")
        assert job_row(platform, other)["state"] == "available"


def test_a_queue_that_does_not_exist_is_refused(quick: Settings) -> None:
    with pytest.raises(ValueError, match="FIBREFLOW_WORKER_QUEUES: no such queue: tickets2"):
        WorkerProcess(quick.model_copy(update={"worker_queues": ("tickets", "tickets2")}))


def test_a_job_whose_kind_moved_to_another_queue_still_runs(quick: Settings, platform: Platform) -> None:
    job_id = enqueue(platform, effect)
    fetch(platform, "update jobs set queue = 'imports' where id = %s returning id", job_id)
    platform.wire.tell([ledger.News(job_id, "imports", 5)])
    with working(quick.model_copy(update={"worker_queues": ("imports",)})):
        wait_for_states(platform, completed=1)


def test_limits_of_kinds_do_not_starve_anybody(quick: Settings, platform: Platform) -> None:
    enqueue_many(platform, limited, [Effect(milliseconds=5)] * 20)
    enqueue_many(platform, effect, [Effect()] * 20)
    with working(quick):
        wait_for_states(platform, completed=40)


def test_a_stop_lets_running_jobs_finish_and_hands_back_the_others(
    quick: Settings, platform: Platform, tmp_path: Path
) -> None:
    gate, reached = tmp_path / "gate", tmp_path / "reached"
    with working(quick.model_copy(update={"worker_threads": 1})) as worker:
        running = enqueue(platform, stall, Stall(reached=str(reached), gate=str(gate)))
        wait_until(reached.exists, "the first job runs")
        waiting = enqueue_many(platform, effect, [Effect()] * 5)
        wait_until(lambda: len(worker._board.attempts()) == 6, "the others are claimed")
        stopping = threading.Thread(target=worker.shut_down)
        stopping.start()
        wait_until(lambda: not any(thread.running for thread in worker._worker.workers), "it starts nothing more")
        gate.touch()
        stopping.join(60)
        assert not stopping.is_alive()
        assert job_row(platform, running)["state"] == "completed"
        rows = [job_row(platform, job_id) for job_id in waiting]
        assert {(row["state"], row["attempt"]) for row in rows} == {("available", 0)}
        assert {one["outcome"] for job_id in waiting for one in attempts_of(platform, job_id)} == {"handed_back"}
        worker._platform.database.release_thread()


def test_a_heartbeat_takes_progress_and_log_lines_along(worker: StandIn, heart: Beating, platform: Platform) -> None:
    claim = worker.claim_one(enqueue(platform, effect))
    attempt = worker.board.start(claim)
    assert attempt is not None
    attempt.started_at = platform.clock.now()
    attempt.report(Progress.of(3, 10, "read\x00ing"))
    attempt.log(platform.clock.now(), "a line", {"n": 1})
    heart.beat()
    row = job_row(platform, claim.id)
    assert (row["progress_done"], row["progress_total"]) == (3, 10)
    assert (row["progress_phase"], row["started_at"]) == ("read\N{REPLACEMENT CHARACTER}ing", attempt.started_at)
    seen = row["progress_at"]
    assert len(fetch(platform, "select 1 from job_log_lines")) == 1
    heart.beat()
    assert job_row(platform, claim.id)["progress_at"] == seen, "no news, no write"
    assert fetch(platform, "select running from workers where id = %s", worker.id) == [{"running": 1}]


def test_a_heartbeat_does_not_wait_for_a_row_that_is_held(worker: StandIn, heart: Beating, platform: Platform) -> None:
    claim = worker.claim_one(enqueue(platform, effect))
    attempt = worker.board.attempts()[0]
    attempt.report(Progress.of(1, None, None))
    with platform.database.transaction() as connection:
        connection.execute("select 1 from jobs where id = %s for update", [claim.id])
        beat = threading.Thread(target=heart.beat)
        beat.start()
        beat.join(20)
        assert not beat.is_alive()
    assert heart.quiet


def test_progress_of_a_beat_that_failed_is_told_by_the_next(
    worker: StandIn, heart: Beating, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = worker.claim_one(enqueue(platform, effect))
    worker.board.attempts()[0].report(Progress.of(7, None, None))

    def outage(*_: object) -> None:
        raise psycopg.OperationalError("gone")

    with monkeypatch.context() as away:
        away.setattr(Heartbeat, "_tell", outage)
        with pytest.raises(psycopg.OperationalError):
            heart.beat()
    heart.beat()
    assert job_row(platform, claim.id)["progress_done"] == 7


def test_a_heartbeat_survives_whatever_goes_wrong(
    worker: StandIn, platform: Platform, monkeypatch: pytest.MonkeyPatch, quick: Settings
) -> None:
    beats = threading.Semaphore(0)

    def fail(*_: object) -> None:
        beats.release()
        raise RuntimeError("a bug")

    monkeypatch.setattr("workers.heartbeat.log", structlog.testing.CapturingLogger())
    monkeypatch.setattr(Heartbeat, "_beat", fail)
    heart = Heartbeat(
        platform, worker.board, worker.settler, worker.id, on_quiet=lambda _: None, on_exhausted=lambda _: None
    )
    heart.start()
    assert beats.acquire(timeout=20)
    assert beats.acquire(timeout=20), "it beat again"
    heart.stop()
    heart.join(20)


def test_a_heartbeat_hears_cancellations_and_losses(worker: StandIn, heart: Beating, platform: Platform) -> None:
    cancelled, lost, kept = worker.claim(enqueue_many(platform, effect, [Effect()] * 3))
    fetch(platform, "update jobs set cancel_requested_at = now() where id = %s returning id", cancelled.id)
    fetch(platform, "update jobs set fence = fence + 1 where id = %s returning id", lost.id)
    heart.beat()
    attempts = {attempt.claim.id: attempt for attempt in worker.board.attempts()}
    assert {job_id: (one.cancel_requested, one.superseded) for job_id, one in attempts.items()} == {
        cancelled.id: (True, False),
        lost.id: (False, True),
        kept.id: (False, False),
    }


def test_what_the_ledger_thinks_we_hold_and_nobody_knows_is_handed_back(
    worker: StandIn, heart: Beating, platform: Platform
) -> None:
    """The answer to a claim was lost on its way: the rows are ours, and nobody here would ever run them."""
    job_id = enqueue(platform, effect)
    known = worker.claim_one(enqueue(platform, effect))
    ledger.claim(platform.database, [job_id], worker.id, {})
    heart.beat()
    assert job_row(platform, job_id)["state"] == "running", "it may be on its way to the board"
    heart.beat()
    row = job_row(platform, job_id)
    assert (row["state"], row["attempt"]) == ("available", 0)
    assert attempts_of(platform, job_id)[0]["outcome"] == "handed_back"
    assert job_row(platform, known.id)["state"] == "running"


def test_a_worker_that_the_ledger_does_not_know_wants_to_be_replaced(
    worker: StandIn, heart: Beating, platform: Platform
) -> None:
    fetch(platform, "delete from workers where id = %s returning id", worker.id)
    heart.beat()
    assert heart.exhausted == ["the ledger does not know this worker any more"]


def test_a_worker_over_its_memory_limit_wants_to_be_replaced(quick: Settings, platform: Platform) -> None:
    with working(quick.model_copy(update={"worker_memory_limit": 1})) as worker:
        wait_until(worker._stop.is_set, "it wants to stop")
        assert worker._exit_code == EXIT_REPLACE_ME


def test_a_body_that_does_not_end_is_interrupted(quick: Settings, platform: Platform) -> None:
    with working(quick):
        job_id = enqueue(platform, endless)
        wait_until(lambda: attempts_of(platform, job_id), "its first attempt has ended")
    [attempt] = attempts_of(platform, job_id)
    assert (attempt["error_class"], attempt["error_message"]) == ("JobTimedOut", "ran longer than 0.5 s")
    assert "in endless" in attempt["error_trace"]
    assert effects_of(platform) == []


@pytest.mark.parametrize("in_step", [True, False])
def test_a_statement_that_does_not_end_is_interrupted(quick: Settings, platform: Platform, in_step: bool) -> None:
    with working(quick) as worker:
        job_id = enqueue(platform, endless_statement, Statement(in_step=in_step))
        wait_until(lambda: job_row(platform, job_id)["state"] == "discarded", "its only attempt has ended")
        assert not worker._stop.is_set(), "the thread came back: nothing has to be replaced"
    assert job_row(platform, job_id)["error_message"] == "ran longer than 0.5 s"


@pytest.fixture
def let_go() -> Iterator[None]:
    """Lets the threads of deaf jobs go after the test."""
    LET_GO.clear()
    yield
    LET_GO.set()


@pytest.mark.usefixtures("let_go")
def test_a_body_that_cannot_be_interrupted_fails_with_its_process(quick: Settings, platform: Platform) -> None:
    job_id, ends = enqueue(platform, deaf), []
    for _ in range(2):
        wait_until(lambda: Relay(platform).run() or job_row(platform, job_id)["state"] == "available", "it is due")
        with working(quick.model_copy(update={"worker_grace": 0.2})) as worker:
            wait_until(worker._stop.is_set, "it wants to be replaced")
        assert worker._exit_code == EXIT_REPLACE_ME
        row = job_row(platform, job_id)
        ends.append((row["state"], row["attempt"], row["error_class"], row["error_message"]))
    assert ends == [
        ("retryable", 1, "JobTimedOut", "ran longer than 0.3 s"),
        ("discarded", 2, "JobTimedOut", "ran longer than 0.3 s"),
    ]
    assert [(one["outcome"], one["started_at"] is None) for one in attempts_of(platform, job_id)] == [
        ("failed", False),
        ("discarded", False),
    ]


def test_a_quiet_worker_rests_and_wakes(quick: Settings, platform: Platform) -> None:
    with working(quick) as worker:
        fetch(platform, "update workers set quiet = true returning id")
        wait_until(worker._resting.is_set, "it rests")
        fetch(platform, "update workers set quiet = false returning id")
        wait_until(lambda: not worker._resting.is_set(), "it is awake")
        enqueue(platform, effect)
        wait_for_states(platform, completed=1)


def test_an_outage_while_settling_is_waited_for(
    worker: StandIn, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = enqueue(platform, scene, Scene(plot="done"))
    settle_many, outages = ledger.settle_many, [psycopg.OperationalError("gone"), psycopg.InterfaceError("closed")]

    def settle(*arguments: Any) -> Any:
        if outages:
            raise outages.pop()
        return settle_many(*arguments)

    monkeypatch.setattr(ledger, "settle_many", settle)
    assert worker.run_job(job_id)["state"] == "completed"
    assert outages == []


def test_an_outage_in_a_body_burns_no_attempt(
    worker: StandIn, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def outage(*_: object) -> None:
        raise psycopg.errors.AdminShutdown("terminating connection")

    with monkeypatch.context() as away:
        away.setattr(ledger, "settle_and_commit", outage)
        row = worker.run_job(enqueue(platform, effect))
    assert (row["state"], row["attempt"]) == ("retryable", 0)
    assert row["scheduled_at"] < platform.clock.now() + timedelta(minutes=1)
    assert effects_of(platform) == []


class Child:
    """A stand-in for a process that a supervisor runs."""

    def __init__(self, code: int | None) -> None:
        self.code, self.pid, self.terminated = code, 1, False

    def poll(self) -> int | None:
        return self.code

    def terminate(self) -> None:
        self.terminated, self.code = True, 0 if self.code is None else self.code

    def wait(self, timeout: float) -> int:
        assert self.code is not None
        return self.code


def test_a_supervisor_gives_up_when_a_child_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    children = [Child(None), Child(2)]
    monkeypatch.setattr(subprocess, "Popen", lambda _: children.pop())
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    healthy = children[0]
    assert supervisor.Supervisor(2, grace=1).run() == 2
    assert healthy.terminated

"""Claims, settlements and fences: every move checks where it starts, and an attempt that lost its job moves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from jobs import ledger
from jobs.context import JobContext
from jobs.ledger import LogLine, Progress
from jobs.outcomes import Superseded
from jobs.platform import Platform
from runtime.settings import Settings
from scheduler.pruner import Pruner
from tests.clocks import FixedClock
from tests.job_kinds import Broken, Effect, Last, Scene, broken_text, effect, last, scene
from tests.stand_in import (
    StandIn,
    attempts_of,
    effects_of,
    enqueue,
    enqueue_many,
    fetch,
    job_row,
    platform_for_tests,
    settlement,
)


@pytest.fixture
def clock(frozen_clock: FixedClock) -> FixedClock:
    return frozen_clock


@pytest.fixture
def platform(settings: Settings, clock: FixedClock) -> Iterator[Platform]:
    with platform_for_tests(settings, clock) as platform:
        yield platform


@pytest.fixture
def worker(platform: Platform) -> Iterator[StandIn]:
    worker = StandIn(platform)
    yield worker
    worker.leave()


def promote(platform: Platform) -> list[Any]:
    with platform.read() as connection:
        return [news.id for news in ledger.promote_due(connection, platform.clock.now(), 100)]


def request_cancel(platform: Platform, job_id: Any) -> None:
    fetch(platform, "update jobs set cancel_requested_at = now() where id = %s returning id", job_id)


def test_a_job_is_claimed_once(platform: Platform, worker: StandIn) -> None:
    job_id = enqueue(platform, effect)
    claim = worker.claim_one(job_id)
    assert (claim.attempt, claim.fence, claim.worker_id, claim.kind) == (1, 1, worker.id, "test_effect")
    assert worker.claim([job_id]) == []
    assert StandIn(platform).claim([job_id]) == []
    row = job_row(platform, job_id)
    assert (row["state"], row["worker_id"], row["attempt"]) == ("running", worker.id, 1)


def test_a_claim_leaves_out_what_another_holds_and_takes_the_rest(platform: Platform, worker: StandIn) -> None:
    ids = enqueue_many(platform, effect, [Effect()] * 4)
    with platform.database.transaction() as connection:
        connection.execute("select 1 from jobs where id = %s for update", [ids[1]])
        assert [claim.id for claim in worker.claim(ids)] == [ids[0], ids[2], ids[3]]


def test_claims_come_in_the_order_in_which_they_were_announced(platform: Platform, worker: StandIn) -> None:
    ids = enqueue_many(platform, effect, [Effect()] * 50)
    announced = ids[::-7] + ids[:3]
    wanted = list(dict.fromkeys(announced))
    assert [claim.id for claim in worker.claim(announced)] == wanted


@pytest.mark.parametrize("state", ["scheduled", "completed", "discarded", "cancelled", "retryable"])
def test_only_available_jobs_are_claimed(platform: Platform, worker: StandIn, state: str) -> None:
    job_id = enqueue(platform, effect)
    finished = datetime.now(UTC) if state in ledger.FINISHED else None
    fetch(platform, "update jobs set state = %s, finished_at = %s where id = %s returning id", state, finished, job_id)
    assert worker.claim([job_id]) == []


def test_a_completed_job_keeps_its_result_its_attempt_and_its_time(
    platform: Platform, worker: StandIn, clock: FixedClock
) -> None:
    job_id = enqueue(platform, scene, Scene(plot="done", effect=True))
    clock.advance(timedelta(seconds=7))
    row = worker.run_job(job_id)
    assert (row["state"], row["result"], row["worker_id"], row["attempt"]) == ("completed", {"answer": 42}, None, 1)
    assert (row["finished_at"], row["prune_after"]) == (clock.now(), clock.now() + timedelta(days=30))
    [attempt] = attempts_of(platform, job_id)
    assert (attempt["outcome"], attempt["worker_id"], attempt["attempt"], attempt["fence"]) == ("done", worker.id, 1, 1)
    assert (attempt["started_at"], attempt["finished_at"]) == (clock.now(), clock.now())
    assert len(effects_of(platform, job_id)) == 1


@pytest.mark.parametrize("effect_too", [True, False])
def test_a_snooze_puts_off_and_burns_no_attempt(platform: Platform, worker: StandIn, effect_too: bool) -> None:
    until = platform.clock.now() + timedelta(hours=2)
    job_id = enqueue(platform, scene, Scene(plot="snooze", until=until, effect=effect_too))
    row = worker.run_job(job_id)
    assert (row["state"], row["scheduled_at"], row["attempt"], row["snoozes"]) == ("scheduled", until, 0, 1)
    [attempt] = attempts_of(platform, job_id)
    assert (attempt["outcome"], attempt["reason"], attempt["attempt"]) == ("snoozed", "not yet", 1)
    assert len(effects_of(platform, job_id)) == int(effect_too), "what the job wrote commits with its outcome"


def test_a_job_that_cancels_itself_is_not_tried_again(platform: Platform, worker: StandIn) -> None:
    job_id = enqueue(platform, scene, Scene(plot="cancel"))
    row = worker.run_job(job_id)
    assert row["state"] == "cancelled"
    assert row["finished_at"] is not None
    assert attempts_of(platform, job_id)[0]["reason"] == "nothing left to do"


def test_a_failure_is_retried_with_backoff_and_discarded_after_the_last_attempt(
    platform: Platform, worker: StandIn, clock: FixedClock
) -> None:
    job_id = enqueue(platform, scene, Scene(plot="fail", effect=True))
    for attempt, wait in ((1, 10), (2, 20)):
        row = worker.run_job(job_id)
        assert (row["state"], row["attempt"]) == ("retryable", attempt)
        assert row["scheduled_at"] == clock.now() + timedelta(seconds=wait)
        clock.advance(timedelta(seconds=wait - 1))
        assert promote(platform) == []
        clock.advance(timedelta(seconds=1))
        assert promote(platform) == [job_id]
    row = worker.run_job(job_id)
    assert (row["state"], row["attempt"], row["finished_at"]) == ("discarded", 3, clock.now())
    assert row["error_class"] == "RuntimeError"
    assert row["error_message"] == "attempt 3 failed for ***", "phone numbers are masked"
    kept = attempts_of(platform, job_id)
    assert [one["outcome"] for one in kept] == ["failed", "failed", "discarded"]
    assert "in scene" in kept[0]["error_trace"]
    assert effects_of(platform, job_id) == [], "a failed attempt leaves nothing"


def test_a_discard_is_not_tried_again(platform: Platform, worker: StandIn) -> None:
    row = worker.run_job(enqueue(platform, scene, Scene(plot="discard")))
    assert (row["state"], row["error_class"], row["error_message"]) == (
        "discarded",
        "Discard",
        "this can never work",
    )


def test_arguments_that_do_not_fit_any_more_are_discarded(platform: Platform, worker: StandIn) -> None:
    job_id = enqueue(platform, scene, Scene(plot="done"))
    fetch(platform, """update jobs set arguments = '{"act": 1}' where id = %s returning id""", job_id)
    row = worker.run_job(job_id)
    assert row["state"] == "discarded"
    assert row["error_message"].startswith("The arguments do not fit the job kind 'test_scene' any more")


@pytest.mark.parametrize(
    ("plot", "error", "message"),
    [
        ("exit", "SystemExit", "the body wants to leave"),
        ("nonsense", "TypeError", "the body returned dict, not done(), snooze(), cancel() or None"),
        ("unspeakable", "Unspeakable", "Unspeakable, whose message cannot be shown"),
    ],
)
@pytest.mark.parametrize("effect_too", [True, False])
def test_whatever_a_body_does_its_attempt_is_settled(
    platform: Platform, worker: StandIn, plot: Any, error: str, message: str, effect_too: bool
) -> None:
    row = worker.run_job(enqueue(platform, scene, Scene(plot=plot, effect=effect_too)))
    assert (row["state"], row["error_class"], row["error_message"]) == ("retryable", error, message)
    assert effects_of(platform) == []


@pytest.mark.parametrize("plot", ["zero", "surrogate"])
@pytest.mark.parametrize("effect_too", [True, False])
def test_what_cannot_be_stored_is_replaced_and_not_refused(
    platform: Platform, worker: StandIn, plot: Any, effect_too: bool
) -> None:
    job_id = enqueue(platform, scene, Scene(plot=plot, effect=effect_too))
    row = worker.run_job(job_id)
    mark = "\N{REPLACEMENT CHARACTER}" if plot == "zero" else "?"
    assert (row["state"], row["result"]) == ("completed", {"text": f"a{mark}b", "deep": [{mark: None}]})
    assert (row["progress_done"], row["progress_phase"]) == (1, f"phase {mark}")
    [line] = fetch(platform, "select message, fields from job_log_lines where job_id = %s", job_id)
    assert line == {"message": f"line {mark}", "fields": {"field": mark}}


def test_an_error_that_cannot_be_stored_is_kept_as_far_as_it_can(platform: Platform, worker: StandIn) -> None:
    row = worker.run_job(enqueue(platform, broken_text, Broken(text="x")))
    assert (row["state"], row["error_message"]) == ("discarded", "zero \N{REPLACEMENT CHARACTER}, lone ?")


def test_a_settlement_that_postgresql_refuses_harms_no_other(platform: Platform, worker: StandIn) -> None:
    good, bad, fine = worker.claim(enqueue_many(platform, effect, [Effect()] * 3))
    worker.settler.put(settlement(good))
    worker.settler.put(settlement(bad, result="this is no JSON"))
    worker.settler.put(settlement(fine))
    worker.settle()
    rows = [job_row(platform, claim.id) for claim in (good, bad, fine)]
    assert [row["state"] for row in rows] == ["completed", "discarded", "completed"]
    assert rows[1]["error_class"] == "UnstorableOutcome"
    assert worker.settler.is_alive()


def test_an_attempt_is_settled_once_however_often_it_is_asked_for(platform: Platform, worker: StandIn) -> None:
    claim = worker.claim_one(enqueue(platform, effect))
    worker.settler.put(settlement(claim))
    worker.settler.put(settlement(claim, "available", "handed_back", burned=False))
    worker.settle()
    assert job_row(platform, claim.id)["state"] == "completed"
    assert len(attempts_of(platform, claim.id)) == 1


def test_a_requested_cancellation_wins_over_another_try(platform: Platform, worker: StandIn) -> None:
    for effect_too in (True, False):
        for plot in ("fail", "snooze"):
            job_id = enqueue(platform, scene, Scene(plot=plot, effect=effect_too))
            claim = worker.claim_one(job_id)
            request_cancel(platform, job_id)
            worker.run(claim)
            row = job_row(platform, job_id)
            assert (row["state"], row["finished_at"] is not None) == ("cancelled", True), (plot, effect_too)
            assert attempts_of(platform, job_id)[0]["outcome"] == "cancelled"


def test_a_job_that_completes_in_spite_of_its_cancellation_is_complete(platform: Platform, worker: StandIn) -> None:
    job_id = enqueue(platform, scene, Scene(plot="done", effect=True))
    claim = worker.claim_one(job_id)
    request_cancel(platform, job_id)
    worker.run(claim)
    assert job_row(platform, job_id)["state"] == "completed"
    assert len(effects_of(platform, job_id)) == 1


def lose(platform: Platform, worker: StandIn) -> None:
    """Have the worker's jobs put back because it gave no sign of life."""
    worker.fall_silent()
    with platform.database.transaction() as connection:
        ledger.rescue(connection, timedelta(milliseconds=1), platform.clock.now())


def test_the_completion_of_a_superseded_attempt_is_refused_and_its_writes_rolled_back(
    platform: Platform, worker: StandIn
) -> None:
    job_id = enqueue(platform, effect, Effect(note="late"))
    claim = worker.claim_one(job_id)
    [attempt] = worker.board.attempts()
    context = JobContext(platform, attempt)
    context.work.connection.execute("insert into effects (job_id, attempt, pid) values (%s, 1, 0)", [job_id])
    lose(platform, worker)
    with pytest.raises(Superseded):
        context.complete(settlement(claim))
    context.release()
    assert effects_of(platform, job_id) == []

    other = StandIn(platform)
    assert other.run_job(job_id)["state"] == "completed"
    other.leave()
    [only] = effects_of(platform, job_id)
    assert only["attempt"] == 2
    assert [one["outcome"] for one in attempts_of(platform, job_id)] == ["lost", "done"]


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("progress", [None, 7])
def test_a_last_write_takes_effect_with_the_completion(
    platform: Platform, worker: StandIn, opened: bool, progress: int | None
) -> None:
    note = "it's 100 % \\ done; drop table jobs -- %(note)s"
    row = worker.run_job(enqueue(platform, last, Last(note=note, opened=opened, progress=progress)))
    assert (row["state"], row["result"], row["progress_done"]) == ("completed", {"note": note}, progress)
    notes = [effect["note"] for effect in effects_of(platform, row["id"])]
    assert notes == (["first", note] if opened else [note])


@pytest.mark.parametrize("opened", [False, True])
def test_a_last_write_that_fails_fails_the_attempt_and_undoes_the_rest(
    platform: Platform, worker: StandIn, opened: bool
) -> None:
    row = worker.run_job(enqueue(platform, last, Last(opened=opened, statement="select 1 / (%(attempt)s - 1)")))
    assert (row["state"], row["error_class"], row["attempt"]) == ("retryable", "DivisionByZero", 1)
    assert effects_of(platform, row["id"]) == []
    # The connection is as good as new.
    assert worker.run_job(enqueue(platform, last))["state"] == "completed"


def test_a_last_write_of_a_superseded_attempt_is_rolled_back(platform: Platform, worker: StandIn) -> None:
    job_id = enqueue(platform, last)
    claim = worker.claim_one(job_id)
    lose(platform, worker)
    worker.run(claim)
    assert effects_of(platform, job_id) == []
    assert job_row(platform, job_id)["state"] == "available"


@pytest.mark.parametrize("opened", [False, True])
def test_a_last_write_that_takes_too_long_fails_the_attempt(
    platform: Platform, worker: StandIn, monkeypatch: pytest.MonkeyPatch, opened: bool
) -> None:
    monkeypatch.setattr("jobs.attempt.Attempt.time_left", lambda *_: -2 * platform.settings.worker_heartbeat + 0.2)
    monkeypatch.setattr("jobs.last_writes.LIMIT", timedelta(milliseconds=200))
    row = worker.run_job(enqueue(platform, last, Last(opened=opened, statement="select pg_sleep(20)")))
    assert (row["state"], row["error_class"]) == ("retryable", "QueryCanceled")


def test_last_writes_of_many_are_one_transaction_in_which_nobody_suffers_for_another(
    platform: Platform, worker: StandIn
) -> None:
    ids = enqueue_many(platform, last, [Last(note="a"), Last(statement="select 1 / 0"), Last(note="b"), Last(note="c")])
    claims = worker.claim(ids)
    for claim in claims:
        worker.runner.run(claim)
    # One of them is lost before it is written.
    fetch(platform, "update jobs set fence = fence + 1 where id = %s returning id", ids[2])
    worker.settle()
    states = [job_row(platform, job_id)["state"] for job_id in ids]
    assert states == ["completed", "retryable", "running", "completed"]
    assert [len(effects_of(platform, job_id)) for job_id in ids] == [1, 0, 0, 1]


def test_last_writes_of_many_share_one_transaction(
    platform: Platform, worker: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.last_writes.LIMIT_AMONG_OTHERS", timedelta(seconds=60))
    statement = "insert into effects (job_id, attempt, note, pid) values (%(job)s, 1, pg_current_xact_id()::text, 0)"
    ids = enqueue_many(platform, last, [Last(statement=statement) for _ in range(5)])
    for claim in worker.claim(ids):
        worker.runner.run(claim)
    worker.settle()
    assert len({effects_of(platform, job_id)[0]["note"] for job_id in ids}) == 1


def test_a_superseded_attempt_cannot_settle_while_its_successor_runs(platform: Platform, worker: StandIn) -> None:
    job_id = enqueue(platform, effect)
    claim = worker.claim_one(job_id)
    lose(platform, worker)
    successor = StandIn(platform).claim_one(job_id)
    assert successor.fence == claim.fence + 1
    worker.settler.put(settlement(claim))
    worker.settle()
    row = job_row(platform, job_id)
    assert (row["state"], row["worker_id"]) == ("running", successor.worker_id)


def test_the_same_fence_of_another_worker_is_not_ours(platform: Platform, worker: StandIn) -> None:
    """An asynchronous commit of a claim may be lost in a crash, and then two workers hold the same number."""
    job_id = enqueue(platform, effect)
    lost = worker.claim_one(job_id)
    fetch(
        platform,
        "update jobs set state = 'available', worker_id = null, fence = 0, attempt = 0 where id = %s returning id",
        job_id,
    )
    held = StandIn(platform).claim_one(job_id)
    assert held.fence == lost.fence
    worker.settler.put(settlement(lost))
    worker.settle()
    assert job_row(platform, job_id)["state"] == "running"


def test_settling_many_answers_with_those_still_held(platform: Platform, worker: StandIn) -> None:
    claims = worker.claim(enqueue_many(platform, effect, [Effect()] * 4))
    fetch(platform, "update jobs set fence = fence + 1 where id = %s returning id", claims[2].id)
    with platform.database.transaction() as connection:
        settled = ledger.settle_many(connection, worker.id, [settlement(claim) for claim in claims])
    assert {row["id"] for row in settled} == {claims[0].id, claims[1].id, claims[3].id}


def test_a_step_of_a_superseded_attempt_leaves_nothing(platform: Platform, worker: StandIn) -> None:
    job_id = enqueue(platform, effect)
    worker.claim_one(job_id)
    [attempt] = worker.board.attempts()
    context = JobContext(platform, attempt)

    def step() -> None:
        with context.step() as work:
            work.connection.execute("insert into effects (job_id, attempt, pid) values (%s, 1, 0)", [job_id])
            work.enqueue(effect)
            lose(platform, worker)

    with pytest.raises(Superseded):
        step()
    assert effects_of(platform, job_id) == []
    assert len(fetch(platform, "select id from jobs")) == 1


def test_a_step_keeps_neither_the_heartbeat_nor_the_rescuer_waiting(platform: Platform, worker: StandIn) -> None:
    job_id = enqueue(platform, effect)
    worker.claim_one(job_id)
    [attempt] = worker.board.attempts()
    with JobContext(platform, attempt).step(), platform.database.transaction() as connection:
        connection.execute("set local lock_timeout = '2s'")
        connection.execute("select 1 from jobs where id = %s for update", [job_id])


def test_what_a_stalled_attempt_has_locked_is_free_again_after_a_while(
    platform: Platform, worker: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Long enough to come from the first statement to the second.
    monkeypatch.setattr("jobs.context.IDLE_LIMIT", timedelta(seconds=2))
    job_id = enqueue(platform, effect)
    claim = worker.claim_one(job_id)
    context = JobContext(platform, worker.board.attempts()[0])
    context.work.connection.execute("update queues set created_at = created_at where name = 'tickets'")
    with platform.database.transaction() as connection:
        connection.execute("set local lock_timeout = '60s'")
        connection.execute("update queues set created_at = created_at where name = 'tickets'")
    with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
        context.complete(settlement(claim))
    context.release()
    assert job_row(platform, job_id)["state"] == "running"


def test_units_of_work_of_a_job_do_not_nest(platform: Platform, worker: StandIn) -> None:
    worker.claim_one(enqueue(platform, effect))
    [attempt] = worker.board.attempts()
    context = JobContext(platform, attempt)
    with context.step():
        with pytest.raises(RuntimeError, match="inside a step"):
            _ = context.work
        with pytest.raises(RuntimeError, match="inside another one"), context.step():
            pass
    _ = context.work
    with pytest.raises(RuntimeError, match="once the final unit of work has been opened"), context.step():
        pass
    context.release()


def test_log_lines_are_kept_once(platform: Platform, worker: StandIn) -> None:
    claim = worker.claim_one(enqueue(platform, effect))
    line = LogLine(claim.id, claim.fence, 1, platform.clock.now(), "first", {"path": platform.settings.data_dir})
    with platform.database.transaction() as connection:
        ledger.keep_log_lines(connection, [line, LogLine(claim.id, claim.fence, 2, line.logged_at, "second")])
        ledger.keep_log_lines(connection, [line])
    rows = fetch(platform, "select line, message from job_log_lines order by line")
    assert rows == [{"line": 1, "message": "first"}, {"line": 2, "message": "second"}]


def test_progress_of_another_attempt_is_not_kept(platform: Platform, worker: StandIn) -> None:
    claim = worker.claim_one(enqueue(platform, effect))
    with platform.database.transaction() as connection:
        ledger.keep_progress(connection, [(claim, Progress(3, 10, "reading"))])
    lose(platform, worker)
    successor = StandIn(platform).claim_one(claim.id)
    assert job_row(platform, claim.id)["progress_done"] is None, "a new attempt begins at nothing"
    with platform.database.transaction() as connection:
        ledger.keep_progress(connection, [(claim, Progress(9, 10, "late")), (successor, Progress(1, 10, "reading"))])
    assert job_row(platform, claim.id)["progress_done"] == 1


def test_jobs_past_their_retention_are_deleted_with_all_that_belongs_to_them(
    platform: Platform, worker: StandIn, clock: FixedClock
) -> None:
    parent = enqueue(platform, scene, Scene(plot="zero"), subjects=(("ticket", "1"),))
    worker.run_job(parent)
    kept = enqueue(platform, effect)
    fetch(platform, "update jobs set parent_id = %s where id = %s returning id", parent, kept)
    clock.advance(timedelta(days=29, hours=23))
    assert Pruner(platform).run() == 0
    clock.advance(timedelta(hours=2))
    assert Pruner(platform).run() == 1
    assert [row["id"] for row in fetch(platform, "select id from jobs")] == [kept]
    assert job_row(platform, kept)["parent_id"] is None
    for table in ("job_attempts", "job_log_lines", "job_subjects"):
        assert fetch(platform, f"select 1 from {table}") == [], table


def test_unfinished_jobs_are_never_pruned(platform: Platform, clock: FixedClock) -> None:
    enqueue(platform, effect)
    clock.advance(timedelta(days=4000))
    assert Pruner(platform).run() == 0

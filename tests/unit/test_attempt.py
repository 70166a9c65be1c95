"""One attempt as its worker sees it: its checkpoint, its progress, its capped log, and the end of its time."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.attempt import MAX_LOG_LINE_LENGTH, MAX_LOG_LINES, Attempt
from jobs.ledger import LARGEST, Claim, Progress
from jobs.outcomes import JobCancelled, JobTimedOut, Superseded
from workers.board import Board
from workers.interrupts import interrupt_overdue, interruptible

NOW = datetime(2025, 3, 3, 7, tzinfo=UTC)


def claim(**fields: Any) -> Claim:
    """A claim that nobody made."""
    usual: dict[str, Any] = {
        "id": uuid4(),
        "kind": "test_effect",
        "queue": "tickets",
        "priority": 5,
        "arguments": {},
        "attempt": 1,
        "max_attempts": 3,
        "fence": 1,
        "worker_id": uuid4(),
        "scheduled_at": NOW,
        "claimed_at": NOW,
        "rate_slot_at": None,
        "request_id": None,
        "tags": (),
    }
    return Claim(**(usual | fields))


@pytest.fixture
def attempt() -> Attempt:
    return Attempt(claim())


def test_a_checkpoint_lets_pass_what_may_go_on(attempt: Attempt) -> None:
    attempt.checkpoint()


def test_a_checkpoint_stops_what_was_cancelled(attempt: Attempt) -> None:
    attempt.cancel_requested = True
    with pytest.raises(JobCancelled):
        attempt.checkpoint()


def test_a_lost_job_is_superseded_whether_cancelled_or_not(attempt: Attempt) -> None:
    attempt.cancel_requested = attempt.superseded = True
    with pytest.raises(Superseded):
        attempt.checkpoint()


@pytest.mark.parametrize("stop", [JobCancelled, Superseded, JobTimedOut])
def test_bodies_do_not_catch_a_stop_with_except_exception(stop: type[BaseException]) -> None:
    assert not issubclass(stop, Exception)


def test_the_newest_progress_is_taken_once(attempt: Attempt) -> None:
    attempt.report(Progress.of(1, 10, "reading"))
    attempt.report(Progress.of(2, 10, "reading"))
    assert attempt.take_progress() == Progress(2, 10, "reading")
    assert attempt.take_progress() is None


def test_progress_that_could_not_be_written_is_kept_unless_there_is_newer(attempt: Attempt) -> None:
    attempt.put_back(Progress(1, None, None))
    assert attempt.take_progress() == Progress(1, None, None)
    attempt.report(Progress(2, None, None))
    attempt.put_back(Progress(1, None, None))
    assert attempt.take_progress() == Progress(2, None, None)


@pytest.mark.parametrize(("done", "total"), [(-1, None), (0, -1), (LARGEST + 1, None), (0, LARGEST + 1)])
def test_progress_that_the_ledger_cannot_keep_is_refused(done: int, total: int | None) -> None:
    with pytest.raises(ValueError, match="progress is counted from 0"):
        Progress.of(done, total, None)


@given(st.integers(0, LARGEST), st.none() | st.integers(0, LARGEST), st.none() | st.text())
def test_other_progress_is_kept_as_it_is(done: int, total: int | None, phase: str | None) -> None:
    kept = Progress.of(done, total, phase)
    assert (kept.done, kept.total) == (done, total)
    assert kept.phase is None or "\x00" not in kept.phase


def test_lines_are_numbered_taken_once_and_cut(attempt: Attempt) -> None:
    attempt.log(NOW, "x" * (MAX_LOG_LINE_LENGTH + 1), {"a": 1})
    attempt.log(NOW, "second", {})
    lines = attempt.take_lines()
    assert [(line.line, len(line.message)) for line in lines] == [(1, MAX_LOG_LINE_LENGTH), (2, 6)]
    assert lines[0].fields == {"a": 1}
    assert attempt.take_lines() == []
    attempt.log(NOW, "third", {})
    assert [line.line for line in attempt.take_lines()] == [3]


def test_beyond_the_cap_one_line_says_so(attempt: Attempt) -> None:
    for number in range(MAX_LOG_LINES + 50):
        attempt.log(NOW, str(number), {"number": number})
    lines = attempt.take_lines()
    assert len(lines) == MAX_LOG_LINES
    assert (lines[-1].message, lines[-1].fields) == (f"log capped at {MAX_LOG_LINES} lines", {})
    assert lines[-2].message == str(MAX_LOG_LINES - 2)


def test_a_claim_starts_only_while_it_is_on_the_board() -> None:
    board, one, other = Board(), claim(), claim()
    board.put_up([one, other])
    assert board.running() == 0
    started = board.start(one)
    assert started is not None
    assert (started.thread, board.running()) == (threading.get_ident(), 1)
    assert board.take_down(other) is not None
    assert board.take_down(other) is None
    assert board.start(other) is None
    assert board.holds(one)
    assert [attempt.claim for attempt in board.attempts()] == [one]


def test_a_claim_that_was_lost_before_it_started_does_not_start() -> None:
    board, one = Board(), claim()
    board.put_up([one])
    board.attempts()[0].superseded = True
    assert board.start(one) is None
    assert not board.holds(one)


def watch(attempt: Attempt) -> threading.Thread:
    """Interrupt the attempt as the heartbeat would, as soon as its time is over."""

    def look() -> None:
        give_up = time.monotonic() + 20
        while not interrupt_overdue(attempt) and time.monotonic() < give_up:
            time.sleep(0.005)

    thread = threading.Thread(target=look)
    thread.start()
    return thread


def test_a_body_is_interrupted_once_its_time_is_over(attempt: Attempt) -> None:
    attempt.thread = threading.get_ident()
    watcher = watch(attempt)

    def run_for_ever() -> None:
        with interruptible(attempt, 0.05):
            while True:
                time.sleep(0.001)

    with pytest.raises(JobTimedOut):
        run_for_ever()
    watcher.join()
    assert attempt.timed_out
    assert attempt.deadline is None


def test_a_body_within_its_time_is_left_alone(attempt: Attempt) -> None:
    attempt.thread = threading.get_ident()
    with interruptible(attempt, 60):
        assert interrupt_overdue(attempt) is False
    assert attempt.deadline is None
    assert interrupt_overdue(attempt) is False


def test_an_interrupt_that_comes_too_late_hits_nothing_else(attempt: Attempt) -> None:
    """Asked for at the last moment, it is taken back before it can strike whatever the thread does next."""
    attempt.thread = threading.get_ident()
    for _ in range(200):
        attempt.timed_out = False
        try:
            with interruptible(attempt, 0):
                interrupt_overdue(attempt)
        except JobTimedOut:
            pass
        assert sum(range(100)) == 4950

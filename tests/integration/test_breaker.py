"""The circuit breaker: one for all processes, one caller that tries again, and no attempt burnt by waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from psycopg.errors import CheckViolation

from integrations.outside import NotSetUp, NotThere, OutsideError, Refused, ServerFailed, TooManyRequests
from jobs.context import JobContext
from jobs.outcomes import Outcome, PutOff, done
from jobs.outside import Breaker, calling
from jobs.platform import Platform
from jobs.registry import NoArgs, job
from runtime.settings import Settings
from sql.database import Connection
from tests.clocks import FixedClock
from tests.races import at_once
from tests.stand_in import StandIn, attempts_of, enqueue, fetch, platform_for_tests

Script = list[Callable[[], None]]
SCRIPT: Script = []


@job("test_call_outside", queue="tickets", max_attempts=3)
def call_outside(_args: NoArgs, context: JobContext) -> Outcome:
    """Call a service whose answers are scripted."""
    with calling(context, "qcontact"):
        if SCRIPT:
            SCRIPT.pop(0)()
    return done({})


@job("test_call_from_threads", queue="tickets", max_attempts=3)
def call_from_threads(_args: NoArgs, context: JobContext) -> Outcome:
    """Call a service from several threads that share one breaker."""
    with calling(context, "qcontact") as breaker, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: _call(breaker), range(8)))
    return done({})


def _call(breaker: Breaker) -> None:
    with breaker.call():
        fail()


def fail(error: OutsideError | None = None) -> None:
    raise error or ServerFailed("qcontact", "it answered 500", status=500)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def calls(settings: Settings, clock: FixedClock) -> Iterator[Platform]:
    changed = settings.model_copy(
        update={"breaker_failures": 3, "breaker_wait": 10.0, "breaker_longest_wait": 35.0, "job_modules": ()}
    )
    SCRIPT.clear()
    with platform_for_tests(changed, clock) as platform:
        yield platform


@pytest.fixture
def worker(calls: Platform) -> Iterator[StandIn]:
    worker = StandIn(calls)
    yield worker
    worker.leave()


def state(platform: Platform) -> dict[str, Any]:
    [row] = fetch(platform, "select * from integration_states where integration = 'qcontact'")
    return row


def failing(platform: Platform, error: OutsideError | None = None) -> BaseException:
    """Call once, unsuccessfully, as a process of its own would; return what the caller is told."""
    try:
        with Breaker(platform, "qcontact").call():
            fail(error)
    except (OutsideError, PutOff) as told:
        return told
    raise AssertionError("the call went well")


def open_it(platform: Platform) -> None:
    for _ in range(3):
        failing(platform)


def test_failures_of_several_processes_open_it(calls: Platform, settings: Settings, clock: FixedClock) -> None:
    with platform_for_tests(calls.settings, clock) as other:
        told = [failing(platform) for platform in (calls, other, calls)]
        assert [type(one) for one in told] == [ServerFailed, ServerFailed, PutOff]
        with pytest.raises(PutOff, match="qcontact is left alone after OUTSIDE_SERVER_FAILED") as put_off:
            Breaker(other, "qcontact").check()
    assert put_off.value.until > clock.now() + timedelta(seconds=10)
    row = state(calls)
    assert (row["state"], row["failures"], row["waits"]) == ("open", 3, 1)
    assert row["retry_at"] == clock.now() + timedelta(seconds=10)


def test_a_success_begins_the_count_anew(calls: Platform) -> None:
    failing(calls)
    failing(calls)
    with Breaker(calls, "qcontact").call():
        pass
    failing(calls)
    assert state(calls)["state"] == "closed"
    assert state(calls)["failures"] == 1


def test_a_call_that_was_under_way_meanwhile_ends_the_row_when_it_succeeds(calls: Platform) -> None:
    """Of calls at once, a few fail and most succeed: that is no outage, in whichever order they began."""
    slow = [Breaker(calls, "qcontact") for _ in range(3)]
    for one in slow:
        one.check()
    for one in slow:
        failing(calls)
        failing(calls)
        one.succeeded()
    assert (state(calls)["state"], state(calls)["failures"]) == ("closed", 0)


def test_a_success_of_a_call_from_before_does_not_close_it(calls: Platform) -> None:
    slow = Breaker(calls, "qcontact")
    slow.check()
    open_it(calls)
    slow.succeeded()
    assert state(calls)["state"] == "open"
    assert not entered(slow), "it looked, and knows now"


def test_jobs_come_back_soon_where_the_wait_is_short(settings: Settings, clock: FixedClock) -> None:
    quick = settings.model_copy(update={"breaker_failures": 1, "breaker_wait": 0.15})
    with platform_for_tests(quick, clock) as platform:
        told = [failing(platform) for _ in range(20)]
    assert all(isinstance(one, PutOff) for one in told)
    waits = [(one.until - clock.now()).total_seconds() for one in told if isinstance(one, PutOff)]
    assert all(0.155 <= wait <= 0.2 for wait in waits)


def test_what_is_no_outage_shows_that_the_service_answers(calls: Platform) -> None:
    failing(calls)
    assert isinstance(failing(calls, NotThere("qcontact", "no such case", status=404)), NotThere)
    assert state(calls)["failures"] == 0


def test_one_of_many_tries_again_and_closes_it(calls: Platform, clock: FixedClock) -> None:
    open_it(calls)
    clock.advance(timedelta(seconds=11))
    breakers = [Breaker(calls, "qcontact") for _ in range(6)]
    ends = at_once([partial(entered, one) for one in breakers])
    assert sorted(ends) == [False] * 5 + [True]
    assert state(calls)["state"] == "half_open"
    breakers[ends.index(False)].succeeded()
    assert state(calls)["state"] == "half_open"
    breakers[ends.index(True)].succeeded()
    row = state(calls)
    assert (row["state"], row["failures"], row["waits"], row["retry_at"]) == ("closed", 0, 0, None)
    assert all(entered(Breaker(calls, "qcontact")) for _ in range(3))


def entered(breaker: Breaker) -> bool:
    try:
        breaker.check()
    except PutOff:
        return False
    return True


def test_waits_are_doubled_up_to_the_longest(calls: Platform, clock: FixedClock) -> None:
    open_it(calls)
    waits = []
    for _ in range(4):
        waits.append((state(calls)["retry_at"] - clock.now()).total_seconds())
        clock.advance(timedelta(seconds=waits[-1]))
        assert isinstance(failing(calls), PutOff)
    assert waits == [10, 20, 35, 35]


def test_another_tries_when_the_one_that_did_is_gone(calls: Platform, clock: FixedClock) -> None:
    open_it(calls)
    clock.advance(timedelta(seconds=11))
    lost = Breaker(calls, "qcontact")
    lost.check()
    assert not entered(Breaker(calls, "qcontact"))
    clock.advance(timedelta(seconds=121))
    with Breaker(calls, "qcontact").call():
        pass
    assert state(calls)["state"] == "closed"


def test_who_never_came_to_call_lets_another_try_at_once(calls: Platform, clock: FixedClock) -> None:
    open_it(calls)
    clock.advance(timedelta(seconds=11))
    with pytest.raises(ZeroDivisionError), Breaker(calls, "qcontact").call():
        raise ZeroDivisionError
    assert entered(Breaker(calls, "qcontact"))


def test_a_service_that_asks_to_be_left_alone_is(calls: Platform, clock: FixedClock) -> None:
    told = failing(calls, TooManyRequests("qcontact", "slow down", status=429, retry_after=7))
    assert isinstance(told, PutOff)
    assert state(calls)["retry_at"] == clock.now() + timedelta(seconds=7)
    assert not entered(Breaker(calls, "qcontact"))
    clock.advance(timedelta(seconds=8))
    assert entered(Breaker(calls, "qcontact"))


def test_a_job_that_is_put_off_burns_no_attempt(calls: Platform, worker: StandIn, clock: FixedClock) -> None:
    open_it(calls)
    job_id = enqueue(calls, call_outside)
    row = worker.run_job(job_id)
    assert (row["state"], row["attempt"], row["snoozes"]) == ("scheduled", 0, 1)
    assert row["scheduled_at"] > clock.now() + timedelta(seconds=10)
    [attempt] = attempts_of(calls, job_id)
    assert attempt["outcome"] == "snoozed"
    assert attempt["reason"] == "qcontact is left alone after OUTSIDE_SERVER_FAILED"


def test_the_failure_that_opens_it_puts_the_job_off(calls: Platform, worker: StandIn) -> None:
    failing(calls)
    SCRIPT.extend([fail, fail])
    burnt = worker.run_job(enqueue(calls, call_outside))
    assert (burnt["state"], burnt["attempt"]) == ("retryable", 1)
    spared = worker.run_job(enqueue(calls, call_outside))
    assert (spared["state"], spared["attempt"]) == ("scheduled", 0)


def test_a_put_off_leaves_threads(calls: Platform, worker: StandIn) -> None:
    open_then = worker.run_job(enqueue(calls, call_from_threads))
    assert open_then["state"] in ("scheduled", "retryable")
    assert state(calls)["state"] == "open"
    row = worker.run_job(enqueue(calls, call_from_threads))
    assert (row["state"], row["attempt"]) == ("scheduled", 0)


def test_nobody_is_called_inside_a_unit_of_work(calls: Platform) -> None:
    class Busy:
        in_transaction = True

    with pytest.raises(RuntimeError, match="unit of work"), calling(Busy(), "qcontact"):  # type: ignore[arg-type]
        raise AssertionError("entered")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("state = 'ajar', retry_at = now()", "state_known"),
        ("failures = -1", "counts"),
        ("state = 'open'", "open_whole"),
        ("retry_at = now()", "open_whole"),
        ("state = 'half_open', retry_at = now()", "probe_whole"),
        ("last_error_code = 'X'", "error_whole"),
        ("held_at = now()", "hold_whole"),
        ("held_at = now(), held_by = 'thandi', hold_reason = ' '", "hold_whole"),
        ("integration = 'fax'", "integration_known"),
    ],
)
def test_the_database_refuses_half_a_standing(scratch: Connection, change: str, rule: str) -> None:
    with pytest.raises(CheckViolation) as refused, scratch.transaction():
        scratch.execute(f"update integration_states set {change} where integration = 'waha'".encode())
    assert refused.value.diag.constraint_name == f"integration_states_{rule}"


def test_what_is_not_set_up_tells_nothing_of_the_service(calls: Platform, clock: FixedClock) -> None:
    open_it(calls)
    clock.advance(timedelta(seconds=11))
    with pytest.raises(NotSetUp), Breaker(calls, "qcontact").call():
        fail(NotSetUp("qcontact", "no queue"))
    assert state(calls)["state"] == "open"
    assert entered(Breaker(calls, "qcontact"))


def test_a_block_with_calls_of_its_own_counts_nothing_itself(calls: Platform) -> None:
    class Job:
        in_transaction = False
        platform = calls

    with calling(Job(), "qcontact") as breaker:  # type: ignore[arg-type]
        for _ in range(2):
            with pytest.raises(ServerFailed), breaker.call():
                fail()
    assert state(calls)["failures"] == 2
    with pytest.raises(PutOff), calling(Job(), "qcontact") as breaker, breaker.call():  # type: ignore[arg-type]
        fail()
    assert (state(calls)["failures"], state(calls)["state"]) == (3, "open")


def test_another_failure_than_an_outage_may_ask_for_a_pause(calls: Platform, clock: FixedClock) -> None:
    told = failing(calls, Refused("qcontact", "not before noon", retry_after=60))
    assert isinstance(told, PutOff)
    assert told.until > clock.now() + timedelta(seconds=60)
    assert told.reason == "not before noon"
    assert entered(Breaker(calls, "qcontact"))


def test_put_off_needs_a_moment_with_a_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        PutOff(datetime(2025, 3, 3), "soon")  # noqa: DTZ001 - a naive one is the point

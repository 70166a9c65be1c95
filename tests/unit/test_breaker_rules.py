"""When a service outside is left alone: the rules, by examples and for any course of events."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.outside import OutsideError, ServerFailed, TooManyRequests
from jobs.outside.breaker import (
    LONGEST_MESSAGE,
    LONGEST_REQUESTED,
    Limits,
    Standing,
    after_failure,
    after_giving_up,
    after_success,
)

NOW = datetime(2025, 3, 3, 7, tzinfo=UTC)
ME, OTHER = UUID(int=1), UUID(int=2)
LIMITS = Limits(failures=3, wait=10, longest_wait=60)
FAILED = ServerFailed("qcontact", "it answered 500", status=500)
OPEN = Standing(state="open", failures=3, waits=1, opened_at=NOW, retry_at=NOW + timedelta(seconds=10))
TRYING = replace(OPEN, state="half_open", probe=ME)


def seconds_open(standing: Standing | None) -> float:
    assert standing is not None
    assert standing.retry_at is not None
    return (standing.retry_at - NOW).total_seconds()


def failed(was: Standing, error: OutsideError = FAILED, caller: UUID = ME) -> Standing | None:
    return after_failure(was, error, caller, NOW, LIMITS)


@pytest.mark.parametrize(("before", "state"), [(0, "closed"), (1, "closed"), (2, "open"), (7, "open")])
def test_it_opens_after_so_many_failures_in_a_row(before: int, state: str) -> None:
    stands = failed(Standing(failures=before))
    assert stands is not None
    assert (stands.state, stands.failures) == (state, before + 1)
    assert (stands.last_error_code, stands.last_failure_at) == ("OUTSIDE_SERVER_FAILED", NOW)


@pytest.mark.parametrize(("waits", "seconds"), [(0, 10), (1, 20), (2, 40), (3, 60), (4, 60), (5_000, 60)])
def test_the_wait_is_doubled_up_to_the_longest(waits: int, seconds: float) -> None:
    stands = failed(replace(TRYING, waits=waits))
    assert stands is not None
    assert (stands.state, stands.waits, stands.probe) == ("open", waits + 1, None)
    assert seconds_open(stands) == seconds


@pytest.mark.parametrize(
    ("was", "asked", "seconds", "waits"),
    [
        (Standing(), 7, 7, 0),
        (Standing(), 86_400, LONGEST_REQUESTED, 0),
        (Standing(failures=2), 7, 10, 1),
        (TRYING, 30, 30, 2),
    ],
)
def test_it_opens_for_as_long_as_the_service_asks(was: Standing, asked: float, seconds: float, waits: int) -> None:
    stands = failed(was, TooManyRequests("qcontact", "slow down", status=429, retry_after=asked))
    assert seconds_open(stands) == seconds
    assert stands is not None
    assert stands.waits == waits


def test_a_success_closes_it_and_begins_anew() -> None:
    stands = after_success(replace(TRYING, waits=4), ME, NOW)
    assert stands == Standing(last_success_at=NOW)


@pytest.mark.parametrize("was", [OPEN, TRYING])
def test_calls_begun_before_it_opened_tell_nothing(was: Standing) -> None:
    assert after_success(was, OTHER, NOW) is None
    assert failed(was, caller=OTHER) is None
    assert after_giving_up(was, OTHER, NOW) is None


@pytest.mark.parametrize(
    ("was", "writes"),
    [
        (Standing(), True),
        (Standing(last_success_at=NOW - timedelta(seconds=59)), False),
        (Standing(last_success_at=NOW - timedelta(seconds=60)), True),
        (Standing(last_success_at=NOW, failures=1), True),
    ],
)
def test_a_success_is_written_only_if_that_tells_something(was: Standing, writes: bool) -> None:
    assert (after_success(was, ME, NOW) is not None) is writes


def test_who_gives_up_lets_another_try_at_once() -> None:
    stands = after_giving_up(TRYING, ME, NOW)
    assert stands is not None
    assert (stands.state, stands.retry_at, stands.probe) == ("open", NOW, None)


def test_messages_are_cut() -> None:
    stands = failed(Standing(), ServerFailed("waha", "x" * 10_000))
    assert stands is not None
    assert len(stands.last_error_message or "") == LONGEST_MESSAGE


@given(st.lists(st.sampled_from(["success", "failure", "asked", "try", "give up", "stale"]), max_size=60))
def test_whatever_happens_the_row_stays_whole(events: list[str]) -> None:
    stands, now = Standing(), NOW
    for event in events:
        now += timedelta(seconds=5)
        if event == "try" and stands.retry_at is not None and stands.retry_at <= now:
            stands = replace(stands, state="half_open", probe=ME, retry_at=now + timedelta(seconds=120))
        moved = {
            "success": after_success(stands, ME, now),
            "failure": after_failure(stands, FAILED, ME, now, LIMITS),
            "asked": after_failure(stands, TooManyRequests("waha", "", retry_after=3), ME, now, LIMITS),
            "give up": after_giving_up(stands, ME, now),
            "stale": after_success(stands, OTHER, now) if stands.state != "closed" else None,
        }.get(event)
        stands = moved or stands
        assert (stands.state == "closed") == (stands.retry_at is None) == (stands.opened_at is None)
        assert (stands.state == "half_open") == (stands.probe is not None)
        assert stands.state != "closed" or stands.failures < LIMITS.failures
        assert stands.retry_at is None or stands.retry_at <= now + timedelta(seconds=120)


@given(st.integers(0, 10_000))
def test_waits_never_shrink_nor_pass_the_longest(waits: int) -> None:
    assert LIMITS.wait <= LIMITS.waiting(waits) <= LIMITS.waiting(waits + 1) <= LIMITS.longest_wait

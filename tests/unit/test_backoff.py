"""How long a job waits between attempts: ever longer, never beyond the cap, never all at the same moment."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.registry import Backoff

shares = st.floats(0, 1)
seconds = st.floats(0.001, 1e5)


@pytest.mark.parametrize(("attempt", "wanted"), [(1, 5), (2, 10), (3, 20), (4, 40), (10, 2560), (11, 3600), (99, 3600)])
def test_the_default_doubles_from_five_seconds_to_an_hour(attempt: int, wanted: int) -> None:
    assert Backoff().delay(attempt, spread=0) == timedelta(seconds=wanted)


@given(seconds, seconds, shares, st.integers(-5, 5_000))
def test_a_delay_stays_within_its_jitter_of_the_plain_one(base: float, cap: float, jitter: float, attempt: int) -> None:
    backoff = Backoff(base=base, cap=cap, jitter=jitter)
    plain = backoff.delay(attempt, spread=0).total_seconds()
    lowest, highest = plain * (1 - jitter), plain * (1 + jitter)
    assert lowest - 1e-5 <= backoff.delay(attempt).total_seconds() <= highest + 1e-5
    assert plain <= cap + 1e-5


@given(seconds, st.integers(1, 500))
def test_a_later_attempt_waits_no_shorter(base: float, attempt: int) -> None:
    backoff = Backoff(base=base)
    assert backoff.delay(attempt, spread=0) <= backoff.delay(attempt + 1, spread=0)


@given(st.floats(-1, 1))
def test_the_spread_moves_a_delay_by_at_most_the_jitter(spread: float) -> None:
    delay = Backoff(base=100, cap=100, jitter=0.2).delay(1, spread=spread)
    assert delay == pytest.approx(timedelta(seconds=100 * (1 + 0.2 * spread)), abs=timedelta(microseconds=2))

"""Identifiers that sort by when they were made."""

from __future__ import annotations

import time
from datetime import datetime

import time_machine
from hypothesis import given
from hypothesis import strategies as st

from runtime.identifiers import uuid7, uuid7s


def test_it_is_a_version_7_of_the_rfc_variant() -> None:
    made = uuid7()
    assert (made.version, made.variant) == (7, "specified in RFC 4122")


def test_it_tells_when_it_was_made() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid7()
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000


@given(st.lists(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), min_size=2, max_size=8, unique=True))  # noqa: DTZ001
def test_later_ones_sort_later(moments: list[datetime]) -> None:
    made = []
    for moment in sorted(moments):
        with time_machine.travel(moment, tick=False):
            made.append(uuid7())
    assert [one.hex for one in made] == sorted(one.hex for one in made)


def test_many_at_once_are_all_different() -> None:
    assert len({uuid7() for _ in range(20_000)}) == 20_000


def test_many_made_together_rise_strictly_and_tell_when_they_were_made() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid7s(5_000)
    assert made == sorted(set(made))
    assert {(one.version, one.variant) for one in made} == {(7, "specified in RFC 4122")}
    assert before <= made[0].int >> 80 <= made[-1].int >> 80 <= time.time_ns() // 1_000_000 + 2


def test_none_at_all_are_no_trouble() -> None:
    assert uuid7s(0) == []

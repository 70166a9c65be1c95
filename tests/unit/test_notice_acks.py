"""How far a message got: the same whatever the order and number of its confirmations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.notices.acks import Ack, Known, joined, known_by, moved
from ticketing.vocabulary import NotificationStatus as Status

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
ORDER = [Status.FAILED, Status.PENDING, Status.SENT, Status.DELIVERED, Status.READ]


def ack(level: int, seconds: int = 0, reason: str | None = None) -> Ack:
    return Ack(session="s", stanza="A", level=level, at=NOW + timedelta(seconds=seconds), reason=reason)


ACKS = st.builds(ack, st.integers(-1, 4), st.integers(0, 9), st.sampled_from([None, "blocked", "spam"]))


def known(acks: list[Ack]) -> Known:
    return reduce(joined, map(known_by, acks), Known())


@pytest.mark.parametrize(
    ("levels", "status"),
    [
        ([], Status.PENDING),
        ([0], Status.PENDING),
        ([1], Status.SENT),
        ([3, 1, 2], Status.READ),
        ([4], Status.READ),
        ([2, 1], Status.DELIVERED),
        ([-1], Status.FAILED),
        ([1, -1], Status.FAILED),
        ([-1, 1], Status.FAILED),
        ([2, -1], Status.DELIVERED),
        ([-1, 2], Status.DELIVERED),
    ],
)
def test_the_most_counts_and_a_refusal_only_before_delivery(levels: list[int], status: Status) -> None:
    assert known([ack(level) for level in levels]).status is status


@given(st.lists(ACKS, max_size=6).flatmap(lambda acks: st.tuples(st.just(acks), st.permutations(acks + acks))))
def test_order_and_repetition_change_nothing(both: tuple[list[Ack], list[Ack]]) -> None:
    acks, shuffled = both
    assert known(shuffled) == known(acks)


@given(st.lists(ACKS, max_size=6), ACKS)
def test_a_notice_never_goes_back(acks: list[Ack], further: Ack) -> None:
    before = moved(Status.PENDING, [known(acks)])
    after = moved(before, [known([*acks, further])])
    if before in (Status.DELIVERED, Status.READ):
        assert ORDER.index(after) >= ORDER.index(before)
    if before is Status.SENT:
        assert after is not Status.PENDING


@given(st.sampled_from(ORDER), st.lists(st.lists(ACKS, max_size=3), max_size=3))
def test_of_several_messages_the_one_that_got_furthest_counts(status: Status, messages: list[list[Ack]]) -> None:
    after = moved(status, [known(acks) for acks in messages])
    best = max((known(acks).status for acks in messages), key=ORDER.index, default=Status.PENDING)
    if best in (Status.SENT, Status.DELIVERED, Status.READ):
        assert after is max(status, best, key=ORDER.index)
    elif best is Status.FAILED and status in (Status.PENDING, Status.SENT):
        assert after is Status.FAILED
    else:
        assert after is status


@pytest.mark.parametrize("level", [-2, 5])
def test_there_are_no_other_levels(level: int) -> None:
    with pytest.raises(ValueError, match="from -1 to 4"):
        ack(level)


def test_a_confirmation_names_a_message() -> None:
    with pytest.raises(ValueError, match="names a session"):
        Ack(session="s", stanza="", level=1, at=NOW)

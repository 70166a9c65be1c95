"""Misspelt words: how near two words are, and which is meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.spelling import MOST_MEANT, distance, meant_by, slips_allowed

WORDS = st.text("abcdef", max_size=8)


@pytest.mark.parametrize(
    ("one", "other", "slips"),
    [
        ("fibre", "fibre", 0),
        ("fibr", "fibre", 1),
        ("brek", "break", 1),
        ("fbire", "fibre", 1),
        ("", "abc", 3),
        ("conectr", "connector", 2),
        ("kitten", "sitting", 3),
        ("ca", "abc", 3),
    ],
)
def test_slips_are_counted(one: str, other: str, slips: int) -> None:
    assert distance(one, other) == distance(other, one) == slips


@given(WORDS, WORDS)
def test_a_distance_is_none_only_of_a_word_from_itself(one: str, other: str) -> None:
    assert (distance(one, other) == 0) == (one == other)
    assert abs(len(one) - len(other)) <= distance(one, other) <= max(len(one), len(other))


@given(WORDS, WORDS, WORDS)
def test_a_detour_is_no_shorter_by_much(one: str, other: str, third: str) -> None:
    """A swap counts once, so the detour over a third word may save one slip a swap, and never more than half."""
    assert distance(one, other) <= 2 * (distance(one, third) + distance(third, other))


@pytest.mark.parametrize(("length", "slips"), [(3, 1), (5, 1), (6, 2), (11, 2), (12, 3), (40, 3)])
def test_long_words_may_have_more_slips(length: int, slips: int) -> None:
    assert slips_allowed("x" * length) == slips


@pytest.mark.parametrize(
    ("word", "candidates", "meant"),
    [
        ("brek", {"break": 0.38, "broken": 0.33, "brake": 0.2}, ["break"]),
        ("fbire", {"fibre": 0.2, "fire": 0.3}, ["fire", "fibre"]),
        # None is near by letters: those that share the most trigrams.
        ("instalation", {"installations": 0.6, "install": 0.1}, ["installations"]),
        ("maintenence", {"maintenanceteam": 0.5, "maintain": 0.45, "tenement": 0.1}, ["maintenanceteam", "maintain"]),
        ("zzzz", {"fibre": 0.05}, []),
        ("zzzz", {}, []),
    ],
)
def test_the_nearest_words_are_meant(word: str, candidates: dict[str, float], meant: list[str]) -> None:
    assert meant_by(word, candidates) == meant


@given(WORDS, st.dictionaries(WORDS, st.floats(0, 1), max_size=20))
def test_few_words_are_meant_and_only_candidates(word: str, candidates: dict[str, float]) -> None:
    meant = meant_by(word, candidates)
    assert len(meant) <= MOST_MEANT
    assert set(meant) <= set(candidates)

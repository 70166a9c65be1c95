"""Telephone numbers: what is read, what is refused, what is shown of one: pure."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.phones import masked, to_e164

E164 = re.compile(r"\+[1-9][0-9]{6,14}")


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("082 123 4567", "+27821234567"),
        ("(011) 123-4567", "+27111234567"),
        ("+27 82 123 4567", "+27821234567"),
        ("27821234567", "+27821234567"),
        ("0027821234567", "+27821234567"),
        ("(00) 27 82 123 4567", "+27821234567"),
        (" 060/000.0002 ", "+27600000002"),
        ("+44.20.7946.0958", "+442079460958"),
        ("+1 650 253 0000", "+16502530000"),
    ],
)
def test_numbers_are_kept_in_e164(said: str, number: str) -> None:
    assert to_e164(said) == number
    assert to_e164(number) == number


@pytest.mark.parametrize(
    "said",
    [
        *("", " ", "+", "12", "0821234", "+0821234567", "+1234567890123456", "082 CALL ME", "٠٨٢١٢٣٤٥٦٧"),
        *("082 123 456", "082 123 45678", "+27 2 123 4567", "+999 123 456 789", "0" * 31),
        *("+27 82 123 4567 ext 5", "+27821234567,+27821234568", "0800 123 456", "0860 123 456", "tel:0821234567"),
    ],
)
def test_what_is_no_number_of_somebody_is_refused(said: str) -> None:
    with pytest.raises(ValueError, match="telephone number"):
        to_e164(said)


@given(st.from_regex(r"0(6[0-9]|7[2-46]|8[234])[0-9]{7}", fullmatch=True))
def test_every_local_mobile_number_is_south_african(number: str) -> None:
    assert to_e164(number) == "+27" + number[1:]


@given(st.text(alphabet="+0123456789 ()-./x", max_size=31))
def test_whatever_is_said_becomes_a_number_that_stays_itself_or_is_refused(said: str) -> None:
    try:
        number = to_e164(said)
    except ValueError:
        return
    assert E164.fullmatch(number)
    assert to_e164(number) == number


def test_a_masked_number_shows_six_characters_and_its_length() -> None:
    assert masked("+27821234567") == "+27******567"

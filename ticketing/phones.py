"""Telephone numbers: kept in E.164, South African unless they say otherwise, refused if no network could ring them."""

from __future__ import annotations

import re
from typing import Annotated

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType
from pydantic import AfterValidator, StringConstraints

HOME_REGION = "ZA"
LONGEST_INPUT = 30

_PROBLEM = "must be a telephone number, such as 082 123 4567 or +27 82 123 4567"
_SHOWN = 3
# The library still knows shorter numbers of old; one that merely lost a digit must not pass for such a number.
_HOME_DIGITS = {27: 9}
# What people write between digits; anything else, such as an extension or a word, is no number to send to.
_WRITTEN = re.compile(r"\+?[\d\s().\-/]+", re.ASCII)
_INTERNATIONAL = re.compile(r"^[\s(]*00(?=[1-9])", re.ASCII)
# Fixed lines are taken too: many a business has WhatsApp on one.
_NOBODYS = {PhoneNumberType.TOLL_FREE, PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.UAN}


def to_e164(text: str) -> str:
    """Return a telephone number in E.164 (`+27821234567`); one without a country is South African.

    Raises ValueError for what is no number, for a number that no network has given out (wrong length or prefix), and
    for one at which nobody in particular is reached: toll-free, premium, shared cost, company-wide.
    """
    stripped = text.strip()
    if len(stripped) > LONGEST_INPUT or not _WRITTEN.fullmatch(stripped):
        raise ValueError(_PROBLEM)
    try:
        number = phonenumbers.parse(_INTERNATIONAL.sub("+", stripped), HOME_REGION)
    except phonenumbers.NumberParseException as error:
        raise ValueError(_PROBLEM) from error
    if not _can_be_rung(number):
        raise ValueError(_PROBLEM)
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _can_be_rung(number: phonenumbers.PhoneNumber) -> bool:
    digits = len(phonenumbers.national_significant_number(number))
    whole = digits == _HOME_DIGITS.get(number.country_code or 0, digits)
    return whole and phonenumbers.is_valid_number(number) and phonenumbers.number_type(number) not in _NOBODYS


def masked(phone: str) -> str:
    """Return an E.164 number of which only the first and the last three characters can be read."""
    return phone[:_SHOWN] + "*" * (len(phone) - 2 * _SHOWN) + phone[-_SHOWN:]


Phone = Annotated[str, StringConstraints(max_length=LONGEST_INPUT), AfterValidator(to_e164)]
"""A telephone number of a request, kept in E.164."""

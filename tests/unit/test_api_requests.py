"""Reading requests and writing answers, without an app around."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from admin_api import problems
from admin_api.requests import Moment, parse_uuid, parsed
from admin_api.responses import to_json
from runtime.errors import FibreflowError
from ticketing.errors import InvalidInput

FLOORS = ("admin_api", "jobs", "integrations", "ticketing", "sql", "runtime")


class Colour(Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    y: Decimal


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2026, 11, 22, 10, 0, tzinfo=timezone(timedelta(hours=2))), "2026-11-22T08:00:00.000Z"),
        (datetime(2026, 11, 22, 10, 0, 0, 123_999, tzinfo=UTC), "2026-11-22T10:00:00.123Z"),
        (date(2026, 11, 22), "2026-11-22"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (Decimal("3.00"), 3),
        (Decimal("-27.5"), -27.5),
        (timedelta(minutes=1.5), 90.0),
        ({"b", "a"}, ["a", "b"]),
        (Colour.RED, "red"),
        (Point(1, Decimal(2)), {"x": 1, "y": Decimal(2)}),
    ],
)
def test_values_take_the_contracts_form(value: Any, expected: Any) -> None:
    assert to_json(value) == expected


@pytest.mark.parametrize("value", [datetime(2026, 1, 1), object(), b"bytes"])  # noqa: DTZ001 - a naive time is the point
def test_values_without_a_form_are_a_mistake_that_is_told(value: Any) -> None:
    with pytest.raises(TypeError):
        to_json(value)


@given(st.uuids())
def test_any_uuid_is_read_in_any_case(value: UUID) -> None:
    assert parse_uuid(str(value)) == parse_uuid(str(value).upper()) == value


@pytest.mark.parametrize(
    "value", ["", "x", "0198c5a27e1b7c3d9f000123456789ab", "{0198c5a2-7e1b-7c3d-9f00-0123456789ab}"]
)
def test_other_spellings_of_a_uuid_are_refused_in_the_callers_words(value: str) -> None:
    with pytest.raises(InvalidInput, match="Invalid ticket ID"):
        parse_uuid(value, "Invalid ticket ID")


@given(st.text())
def test_no_text_makes_the_reading_of_ids_fall_over(value: str) -> None:
    with pytest.raises(InvalidInput, match="Invalid ID"):
        parse_uuid(value)


class When(BaseModel):
    at: Moment


def test_a_plus_that_a_query_string_turned_into_a_space_is_put_back() -> None:
    assert parsed(When, {"at": "2026-11-22T10:00:00 02:00"}).at == datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
    with pytest.raises(InvalidInput, match="timezone"):
        parsed(When, {"at": "2026-11-22T10:00:00"})


class Inner(BaseModel):
    name: str


class Outer(BaseModel):
    steps: list[Inner]


def test_the_place_of_a_mistake_is_its_path() -> None:
    with pytest.raises(InvalidInput) as refusal:
        parsed(Outer, {"steps": [{"name": "a"}, {}]})
    assert refusal.value.details == {"steps.1.name": "Field required"}
    assert refusal.value.message == "steps.1.name: Field required"


def test_every_error_that_the_api_may_meet_has_a_status() -> None:
    """An error class without one would be answered as an unforeseen 500."""
    inner = {"SETTINGS_ERROR", "INTERNAL_ERROR"}
    reachable = {error for error in every_error(FibreflowError) if error.__module__.partition(".")[0] in FLOORS}
    missing = {error.code for error in reachable} - problems.STATUS.keys() - inner
    assert not missing


def every_error(parent: type[FibreflowError]) -> set[type[FibreflowError]]:
    import admin_api.app  # noqa: F401 - imports every module whose errors can reach a route

    return {child for direct in parent.__subclasses__() for child in {direct, *every_error(direct)}}

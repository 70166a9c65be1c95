"""Outcomes are values; what they carry is made fit for storage."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg_pool import PoolTimeout
from pydantic_core import PydanticSerializationError

from jobs.outcomes import Cancel, Done, Snooze, cancel, done, snooze
from jobs.storable import storable, storable_json
from sql.errors import is_outage

TOMORROW = datetime(2025, 3, 4, tzinfo=timezone(timedelta(hours=2)))


def test_outcomes_are_values() -> None:
    assert done() == Done({})
    assert done({"created": 3}) == Done({"created": 3})
    assert snooze(TOMORROW, "closed") == Snooze(TOMORROW, "closed")
    assert cancel("gone") == Cancel("gone")


@given(st.text(st.characters(exclude_categories=[])))
def test_text_that_was_made_storable_is(text: str) -> None:
    kept = storable(text)
    assert "\x00" not in kept
    assert kept.encode().decode() == kept
    assert len(kept) == len(text)


@given(st.text())
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert storable(text) == text.replace("\x00", "\N{REPLACEMENT CHARACTER}")


texts = st.text(st.characters(exclude_categories=[]))
leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts
trees = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=20)


@given(st.dictionaries(texts, trees))
def test_json_that_was_made_storable_is(tree: dict[str, Any]) -> None:
    text = storable_json(tree)
    json.loads(text, parse_constant=pytest.fail)
    assert "\\u0000" not in text.replace("\\\\", "")
    text.encode()


def test_json_keeps_what_it_can_say() -> None:
    value = {
        "id": UUID(int=1),
        "at": datetime(2025, 3, 3, 7, tzinfo=UTC),
        "day": date(2025, 3, 3),
        "rx": Decimal("-19.50"),
        "set": {1},
        "back\\u0000slash": "\\u0000",
    }
    assert json.loads(storable_json(value)) == {
        "id": str(UUID(int=1)),
        "at": "2025-03-03T07:00:00Z",
        "day": "2025-03-03",
        "rx": "-19.50",
        "set": [1],
        "back\\u0000slash": "\\u0000",
    }


def test_what_has_no_json_form_is_refused_unless_there_is_a_fallback() -> None:
    with pytest.raises(PydanticSerializationError):
        storable_json({"thing": object})
    assert json.loads(storable_json({"thing": object, "\ud800": 1}, fallback=lambda _: "a thing")) == {
        "thing": "a thing",
        "?": 1,
    }


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (psycopg.OperationalError("connection lost"), True),
        (psycopg.InterfaceError("the connection is closed"), True),
        (PoolTimeout("no connection"), True),
        (psycopg.errors.AdminShutdown(), True),
        (psycopg.errors.CrashShutdown(), True),
        (psycopg.errors.CannotConnectNow(), True),
        (psycopg.errors.ConnectionFailure(), True),
        (psycopg.errors.TooManyConnections(), True),
        (psycopg.errors.DiskFull(), True),
        (psycopg.errors.QueryCanceled(), False),
        (psycopg.errors.DeadlockDetected(), False),
        (psycopg.errors.UniqueViolation(), False),
        (psycopg.errors.NumericValueOutOfRange(), False),
        (RuntimeError("something else"), False),
    ],
)
def test_an_outage_is_nobodys_mistake(error: Exception, wanted: bool) -> None:
    assert is_outage(error) is wanted

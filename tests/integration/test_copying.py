"""Rows written for COPY beforehand: PostgreSQL reads back what they said."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sql.copying import copy_fields
from sql.database import Connection

TYPES = ("text", "integer", "numeric", "boolean", "uuid", "timestamptz", "bytea", "jsonb")
TABLE = "create temp table copied (" + ", ".join(f"of_{name} {name}" for name in TYPES) + ")"

# PostgreSQL keeps no zero character, and UTF-8 no half of a pair.
texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
rows = st.tuples(
    *(texts, st.integers(-(2**31), 2**31 - 1), st.floats(-60, 10), st.booleans(), st.uuids()),
    *(st.datetimes(datetime(1990, 1, 1), datetime(2080, 1, 1), timezones=st.just(UTC)), st.binary()),  # noqa: DTZ001
    st.just('{"a": "tab\\t and \\\\ and \\n"}'),
)


def copied(connection: Connection, *written: tuple[object, ...]) -> list[dict[str, Any]]:
    connection.execute("drop table if exists copied")
    connection.execute(TABLE)
    with connection.cursor() as cursor, cursor.copy("copy copied from stdin") as copy:
        copy.write("".join(f"{copy_fields(row)}\n" for row in written))
    return connection.execute("select * from copied").fetchall()


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=rows)
def test_every_value_comes_back(scratch: Connection, row: tuple[Any, ...]) -> None:
    (found,) = copied(scratch, row)
    *plain, document = found.values()
    plain[2] = float(found["of_numeric"])
    assert (*plain,) == row[:-1]
    assert document == {"a": "tab\t and \\ and \n"}


def test_nothing_comes_back_as_nothing(scratch: Connection) -> None:
    nothing, empty = copied(scratch, (None,) * len(TYPES), ("", 0, 0.5, False, UUID(int=0), None, b"", None))
    assert set(nothing.values()) == {None}
    assert (empty["of_text"], empty["of_numeric"], empty["of_bytea"]) == ("", Decimal("0.5"), b"")


@pytest.mark.parametrize("text", ["\\.", "\\N", "a\tb\nc\r\\d", "  ", "\u2028\x0b"])
def test_what_means_something_to_copy_is_only_text(scratch: Connection, text: str) -> None:
    (found, _) = copied(scratch, (text, *(None,) * 7), (None,) * len(TYPES))
    assert found["of_text"] == text


def test_what_it_does_not_know_it_does_not_guess() -> None:
    with pytest.raises(KeyError):
        copy_fields([object()])

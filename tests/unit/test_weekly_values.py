"""What people type into cells, and what it means."""
# ruff: noqa: DTZ001 - cells of a sheet have no zone

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.weekly_reports import values, words
from ticketing.weekly_reports.values import CellError

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (None, None),
        ("", None),
        ("   ", None),
        ("  No light ", "No light"),
        ("\u00a0No light\u00a0", "No light"),
        ("two\nlines", "two\nlines"),
        ("bell\x07 and nul\x00", "bell and nul"),
        (211, "211"),
        (211.0, "211"),
        (2.5, "2.5"),
        (True, "yes"),
        (datetime(2026, 11, 16), "2026-11-16 00:00:00"),
    ],
)
def test_text(cell: values.Cell, said: str | None) -> None:
    assert values.text(cell) == said


@pytest.mark.parametrize("cell", ["-", "N/A", "none", "TBC", "#N/A"])
def test_placeholders_say_nothing(cell: str) -> None:
    assert values.word(cell) is None
    assert values.ft_reference(cell) is None
    assert values.drop_number(cell) is None
    assert values.moment(cell, not_after=NOW) is None


@pytest.mark.parametrize(
    ("cell", "reference"),
    [("FT490441", "FT490441"), (" ft 490441 ", "FT490441"), ("FT-490441", "FT490441"), (490441, "FT490441")],
)
def test_ft_references(cell: values.Cell, reference: str) -> None:
    assert values.ft_reference(cell) == reference


@pytest.mark.parametrize("cell", ["FTX", "FF100001", "FT49 and FT50", "FT", 4.5, datetime(2026, 1, 1)])
def test_no_ft_references(cell: values.Cell) -> None:
    with pytest.raises(CellError, match="no FT reference") as caught:
        values.ft_reference(cell)
    assert caught.value.error_type == "invalid_format"


@pytest.mark.parametrize(
    ("cell", "drop"), [("DR1737348", "DR1737348"), ("dr 1737348", "DR1737348"), (1737348, "DR1737348")]
)
def test_drop_numbers(cell: values.Cell, drop: str) -> None:
    assert values.drop_number(cell) == drop


@pytest.mark.parametrize("cell", ["DR12345", "DR123456789", "LAW.P.A002", "DR17373X8"])
def test_no_drop_numbers(cell: str) -> None:
    with pytest.raises(CellError, match="6 to 8 digits"):
        values.drop_number(cell)


@pytest.mark.parametrize(
    "cell",
    [
        "2026-11-16",
        "16/11/2026",
        "16-11-2026",
        "16.11.26",
        "16 Nov 2026",
        "16-Nov-26",
        date(2026, 11, 16),
        datetime(2026, 11, 16),
        46342,
        46342.0,
        "2026-11-15T22:00:00Z",
        "2026-11-16 00:00",
        "16/11/2026 00:00",
    ],
)
def test_every_way_to_write_a_day_means_its_start_in_johannesburg(cell: values.Cell) -> None:
    assert values.moment(cell, not_after=NOW) == datetime(2026, 11, 15, 22, tzinfo=UTC)


def test_a_time_of_day_is_kept() -> None:
    expected = datetime(2026, 11, 16, 6, 30, tzinfo=UTC)
    assert values.moment("16/11/2026 08:30", not_after=NOW) == expected
    assert values.moment(46342 + 8.5 / 24, not_after=NOW) == expected
    assert values.moment(datetime(2026, 11, 16, 8, 30), not_after=NOW) == expected


@pytest.mark.parametrize(
    "cell", ["next week", "31/02/2026", "11/16/2026", True, 7, float("nan"), time(8), timedelta(hours=1)]
)
def test_what_is_no_date_is_refused(cell: values.Cell) -> None:
    with pytest.raises(CellError, match="is no date") as caught:
        values.moment(cell, not_after=NOW)
    assert caught.value.error_type == "invalid_format"


@pytest.mark.parametrize(
    "cell",
    [
        *("2026-12-16", "16/11/1926", "1999-12-31"),
        # The ends of the calendar have no time in some zone; the first is what .NET writes for no date.
        *("0001-01-01T00:00:00", "01/01/0001", "1 Jan 0001", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-05:00"),
        *(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59), date.min),
    ],
)
def test_a_date_that_cannot_be_is_refused(cell: values.Cell) -> None:
    with pytest.raises(CellError, match="check day and month") as caught:
        values.moment(cell, not_after=NOW)
    assert caught.value.error_type == "validation_failed"


@pytest.mark.parametrize(
    ("cell", "level"), [(-21.5, -21.5), ("-21.5 dBm", -21.5), ("-21,456", -21.46), ("\u221219", -19.0), (0, 0.0)]
)
def test_received_power(cell: values.Cell, level: float) -> None:
    assert values.received_power(cell) == level


@pytest.mark.parametrize(
    ("cell", "kind"), [("strong", "invalid_format"), (-215, "validation_failed"), ("nan", "validation_failed")]
)
def test_no_received_power(cell: values.Cell, kind: str) -> None:
    with pytest.raises(CellError) as caught:
        values.received_power(cell)
    assert caught.value.error_type == kind


@pytest.mark.parametrize(
    ("cell", "meant"),
    [("In Progress", "in_progress"), ("in-progress", "in_progress"), ("WIP", "in_progress"), ("NEW", "open")],
)
def test_words_mean_the_vocabulary(cell: str, meant: str) -> None:
    assert values.one_of(cell, words.STATUSES) == meant


def test_an_unknown_word_names_what_is_allowed() -> None:
    with pytest.raises(CellError, match='"P9" is not known; expected one of low, normal, high, urgent, critical'):
        values.one_of("P9", words.PRIORITIES)


def test_too_long_a_text_is_refused_with_its_length() -> None:
    with pytest.raises(CellError, match="51 characters long; at most 50"):
        values.limited("x" * 51, 50)


CELLS = st.one_of(
    st.none(),
    st.text(max_size=40),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.datetimes(),
    st.dates(),
    st.times(),
    st.timedeltas(),
)


@given(CELLS)
def test_no_cell_whatever_breaks_a_reader(cell: values.Cell) -> None:
    for reader in (values.text, values.ft_reference, values.drop_number, values.received_power):
        with suppress(CellError):
            reader(cell)
    with suppress(CellError):
        values.moment(cell, not_after=NOW)

"""The drop register, row by row: what its columns mean, what is refused, what is kept."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories.drops import DROP, HEADERS, register_sheet
from ticketing.drops import Register, RegisterRow, UnreadableRegister, read_register
from ticketing.drops.register import DR_NUMBER, HIGHEST_NUMBER


def read(**columns: Any) -> Register:
    return read_register(register_sheet(columns))


def drop(**columns: Any) -> RegisterRow:
    register = read(**columns)
    assert register.rejected == []
    return register.rows[0]


def test_a_row_of_the_real_register() -> None:
    row = drop()
    assert (row.row, row.dr_number, row.project_code) == (2, "DR1737348", "LAW")
    assert (row.pole_number, row.pon_number, row.zone_number) == ("LAW.P.A002", 1, 1)
    assert (row.ont_label, row.municipality) == ("LAW.ONT.DR1737348", "City of Johannesburg")
    assert (row.cable_type, row.cable_length) == ("SM/G657A2", "40m")
    assert (row.address, row.latitude, row.longitude, row.status, row.is_spare) == (None, None, None, None, False)
    assert json.loads(row.source) == DROP


@pytest.mark.parametrize(
    ("columns", "attribute", "expected"),
    [
        ({"label": " dr 1737348 "}, "dr_number", "DR1737348"),
        ({"stackref": "law"}, "project_code", "LAW"),
        ({"stackref": None}, "project_code", None),
        ({"stackref": "  "}, "project_code", None),
        ({"pon_no": 194.0}, "pon_number", 194),
        ({"pon_no": "194"}, "pon_number", 194),
        ({"pon_no": None}, "pon_number", None),
        ({"zone_no": " "}, "zone_number", None),
        ({"address": "12  Vilakazi\nStreet"}, "address", "12 Vilakazi Street"),
        ({"address": 12}, "address", "12"),
        ({"comments": "Spare"}, "is_spare", True),
        ({"comments": "spare - keep"}, "is_spare", True),
        ({"comments": "sparely built"}, "is_spare", False),
        ({"endfeat": None}, "is_spare", False),
        ({"lat": "-26,3812345", "lon": 27.8123456789}, "latitude", Decimal("-26.381234")),
        ({"lat": -26.38, "lon": 27.8123456789}, "longitude", Decimal("27.812346")),
    ],
)
def test_what_a_cell_means(columns: dict[str, Any], attribute: str, expected: object) -> None:
    assert getattr(drop(**columns), attribute) == expected


@pytest.mark.parametrize(
    ("columns", "column", "reason"),
    [
        ({"label": None}, "label", "has no label"),
        ({"label": "DR12345"}, "label", "not a DR number"),
        ({"label": "DR123456789"}, "label", "not a DR number"),
        ({"label": "DR\N{ARABIC-INDIC DIGIT ONE}23456"}, "label", "not a DR number"),
        ({"label": 1737348}, "label", "not a DR number"),
        ({"pon_no": 0}, "pon_no", "not a whole number"),
        ({"pon_no": -3}, "pon_no", "not a whole number"),
        ({"pon_no": 1.5}, "pon_no", "not a whole number"),
        ({"pon_no": "one"}, "pon_no", "not a whole number"),
        ({"pon_no": True}, "pon_no", "not a whole number"),
        ({"zone_no": 1e9}, "zone_no", "not a whole number"),
        ({"zone_no": "NaN"}, "zone_no", "not a whole number"),
        ({"lat": 91, "lon": 27}, "lat", "degrees from -90 to 90"),
        ({"lat": 26, "lon": "east"}, "lon", "degrees from -180 to 180"),
        ({"lat": "1E9999999", "lon": 27}, "lat", "degrees from -90 to 90"),
        ({"lat": 26, "lon": "-1E9999999"}, "lon", "degrees from -180 to 180"),
        ({"lat": -26.2}, "lon", "both lat and lon"),
        ({"lon": 27.8}, "lat", "both lat and lon"),
        ({"stackref": "L@W"}, "stackref", "not a project code"),
    ],
)
def test_what_is_rejected_and_why(columns: dict[str, Any], column: str, reason: str) -> None:
    register = read(**columns)
    assert register.rows == []
    assert [(finding.row, finding.column) for finding in register.rejected] == [(2, column)]
    assert reason in register.rejected[0].reason


def test_a_number_is_not_written_out_to_see_that_it_is_too_large() -> None:
    began = time.process_time()
    assert read(pon_no="4857E300000", zone_no="4857E300000").rows == []
    assert time.process_time() - began < 1


def test_every_mistake_of_a_row_is_named() -> None:
    register = read(label="x", pon_no="y", zone_no="z")
    assert {finding.column for finding in register.rejected} == {"label", "pon_no", "zone_no"}


def test_a_bad_row_stops_nothing_and_blank_rows_do_not_count() -> None:
    rows = register_sheet({}, {"label": "?"}, {"label": "DR1737349"})
    rows.insert(2, [None] * len(HEADERS))
    register = read_register(rows)
    assert register.total == 3
    assert [row.row for row in register.rows] == [2, 5]
    assert [finding.row for finding in register.rejected] == [4]


def test_of_two_rows_with_one_label_the_first_counts_and_their_differences_are_named() -> None:
    register = read_register(
        register_sheet(
            {"label": "DR1753202", "pon_no": 110}, {}, {"label": "dr1753202", "pon_no": 137, "strtfeat": "LAW.P.C698"}
        )
    )
    assert [row.pon_number for row in register.rows] == [110, 1]
    (duplicate,) = register.duplicates
    assert (duplicate.row, duplicate.label, duplicate.first_row) == (4, "DR1753202", 2)
    assert set(duplicate.differs) == {"label", "pon_no", "strtfeat"}


def test_an_equal_duplicate_differs_in_nothing() -> None:
    assert read_register(register_sheet({}, {})).duplicates[0].differs == ()


def test_spares_are_counted_once_each() -> None:
    spare = {"endfeat": None, "comments": "Spare"}
    register = read_register(register_sheet({}, {"label": "DR1737375"} | spare, {"label": "DR1737375"} | spare))
    assert (register.spares, len(register.duplicates)) == (1, 1)


def test_headers_may_stand_lower_and_be_written_otherwise() -> None:
    rows: list[list[Any]] = [["Drops of Lawley"], [], [" Label ", "STRTFEAT", "pon_no"], ["DR1737348", "LAW.P.A002", 3]]
    (row,) = read_register(rows).rows
    assert (row.row, row.pon_number, row.zone_number) == (4, 3, None)


@pytest.mark.parametrize("rows", [[], [["FT Ref", "Title"], ["FT1", "x"]], [[None]] * 30 + register_sheet({})])
def test_a_sheet_without_the_headers_is_no_register(rows: list[list[Any]]) -> None:
    with pytest.raises(UnreadableRegister, match="label and strtfeat"):
        read_register(rows)


def test_the_hash_follows_every_column() -> None:
    same = drop()
    assert drop(pon_no=1.0).hash == same.hash
    assert drop(datecrtd="2025-04-15").hash != same.hash
    assert drop(comments="Spare").hash != same.hash
    assert len(same.hash) == 16


CELL = st.one_of(
    st.none(), st.text(max_size=12), st.integers(), st.floats(), st.booleans(), st.dates(), st.datetimes(), st.times()
)


@given(st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(HEADERS, CELL)), max_size=5))
def test_no_cell_can_break_the_reading_and_every_row_is_accounted_for(drops: list[dict[str, Any]]) -> None:
    register = read_register([list(HEADERS), *([row.get(header) for header in HEADERS] for row in drops)])
    rejected = {finding.row for finding in register.rejected}
    assert register.total == len(register.rows) + len(rejected) + len(register.duplicates)
    for row in register.rows:
        assert DR_NUMBER.fullmatch(row.dr_number)
        assert all(1 <= number <= HIGHEST_NUMBER for number in (row.pon_number, row.zone_number) if number is not None)
        assert "\\u0000" not in row.source


@given(st.dictionaries(st.sampled_from(HEADERS[1:]), CELL))
def test_whatever_else_is_in_a_good_row_stays_with_it(columns: dict[str, Any]) -> None:
    row = {
        **columns,
        "label": "DR1737348",
        "pon_no": None,
        "zone_no": None,
        "lat": None,
        "lon": None,
        "stackref": "LAW",
    }
    register = read_register([list(HEADERS), [row.get(header) for header in HEADERS]])
    assert len(register.rows) == 1
    assert set(json.loads(register.rows[0].source)) == {name for name, cell in row.items() if cell is not None}

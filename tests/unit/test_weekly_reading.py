"""From rows and look-ups to what is staged: names, drops, contradictions, duplicates."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from ticketing.errors import InvalidInput
from ticketing.vocabulary import FaultCause, Priority, Status, TicketType
from ticketing.weekly_reports import words
from ticketing.weekly_reports.headers import REJECTED_COLUMNS, read_headers
from ticketing.weekly_reports.quick_look import look
from ticketing.weekly_reports.reading import SheetReader, describe, kept_headers
from ticketing.weekly_reports.references import Drop, Named, References, resolve
from ticketing.weekly_reports.rows import RowReader
from ticketing.weekly_reports.service import week_of
from ticketing.weekly_reports.values import Cell

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ONE, TWO = UUID(int=1), UUID(int=2)
DROP = Drop(ONE, "Lawley", pole_number="LAW.P.A002", pon_number="12", zone="3", address="1 Main Rd")


def resolved(references: References, drops: dict[str, Drop], **cells: Any) -> tuple[dict[str, Any], list[str]]:
    columns = read_headers(["FT Ref", "Title", *(name.replace("_", " ") for name in cells)], 1)
    row = RowReader(columns, not_after=NOW).read(2, ["FT1", "x", *cells.values()])
    assert row is not None
    return resolve(row, columns, references, drops), [problem.message for problem in row.warnings]


def test_names_are_found_without_case_and_spare_spaces() -> None:
    named = Named.of([("Thabo  Mokoena", ONE), (None, TWO), ("", TWO)])
    assert named.find(" thabo mokoena ") == ONE
    assert named.find("Thabo") is None


def test_a_name_that_two_share_names_nobody() -> None:
    named = Named.of([("Thabo", ONE), ("thabo", TWO), ("Sipho", ONE), ("SIPHO", ONE)])
    assert named.find("Thabo") is None
    assert named.is_shared("Thabo")
    assert named.find("Sipho") == ONE


def test_a_shared_name_is_told_from_an_unknown_one() -> None:
    references = References(users=Named.of([("Thabo", ONE), ("Thabo", TWO)]))
    assert "more than one" in resolved(references, {}, Assigned_To="Thabo")[1][0]
    offer, (warning,) = resolved(references, {}, Assigned_To="Sipho")
    assert "no active user" in warning
    assert (offer["assigned_text"], "assigned_to" in offer) == ("Sipho", False)


def test_the_register_fills_the_gaps() -> None:
    offer, warnings = resolved(References(), {"DR1737348": DROP}, DR="DR1737348", Zone=None)
    assert warnings == []
    assert (offer["project_id"], offer["pole_number"], offer["zone"]) == (ONE, "LAW.P.A002", "3")
    assert (offer["pon_number"], offer["address"]) == ("12", "1 Main Rd")


def test_another_spelling_of_the_same_place_is_no_contradiction() -> None:
    cells = {"Zone": "Zone 03", "PON": 12.0, "Pole": "law.p.a002", "Address": "elsewhere"}
    assert resolved(References(), {"DR1737348": DROP}, DR="DR1737348", **cells)[1] == []


def test_a_contradiction_is_named_and_the_sheet_kept() -> None:
    references = References(projects=Named.of([("MOH", TWO)]))
    offer, warnings = resolved(references, {"DR1737348": DROP}, DR="DR1737348", Zone=4, Area="moh")
    assert (offer["zone"], offer["project_id"]) == ("4", TWO)
    assert warnings == [
        'the sheet says "4", the SOW register "3"',
        'the sheet says "moh", the SOW register "Lawley"',
    ]


def test_a_drop_that_no_register_knows_is_worth_a_warning_only_if_there_is_a_register() -> None:
    assert resolved(References(), {}, DR="DR1737348")[1] == []
    assert "not in the SOW register" in resolved(References(has_register=True), {}, DR="DR1737348")[1][0]


def test_a_spare_is_worth_a_warning() -> None:
    assert "spare" in resolved(References(), {"DR1737348": Drop(ONE, "L", is_spare=True)}, DR="DR1737348")[1][0]


def test_a_designation_of_the_register_that_no_ticket_can_hold_is_left_out() -> None:
    offer, _ = resolved(References(), {"DR1737348": Drop(ONE, "L", pole_number="P" * 51)}, DR="DR1737348")
    assert "pole_number" not in offer


def test_a_duplicate_names_the_first_row_and_whether_it_says_the_same() -> None:
    columns = read_headers(["FT Ref", "Title"], 1)
    reader = SheetReader(columns, References(), NOW)
    rows: list[list[Cell]] = [["FT1", "x"], ["FT1", "x"], ["FT1", "y"], ["FT2", None], ["FT2", "z"]]
    read = reader.read(enumerate(rows, 2))
    assert [row.verdict for row in read] == ["ok", "duplicate", "duplicate", "rejected", "ok"]
    messages = [row.duplicate.message for row in read if row.duplicate]
    assert messages == [
        "is the same work as row 2 and says the same",
        "is the same work as row 2 but says something else; only the first counts",
    ]


def test_cells_are_kept_by_header_but_for_our_own_columns() -> None:
    columns = read_headers(["FT Ref", "Title", None, "Note", "Note", *REJECTED_COLUMNS], 1)
    assert [name for _, name in kept_headers(columns)] == ["FT Ref", "Title", "Column 3", "Note", "Note (again)"]
    (row,) = SheetReader(columns, References(), NOW).read([(2, ["FT1", "x", 1, "a", None, 7, "Title", "why"])])
    assert row.cells == '{"FT Ref":"FT1","Title":"x","Column 3":1,"Note":"a"}'
    assert describe(columns)["fields"] == {"ft_ref": "FT Ref", "title": "Title"}


def test_a_quick_look_counts_and_shows() -> None:
    columns = read_headers(["FT Ref", "Title", "Date"], 1)
    rows: list[list[Cell]] = [["FT1", "x", datetime(2026, 11, 16)], [None, None, None], ["FT2", None, None]]  # noqa: DTZ001
    looked = look(columns, enumerate(rows, 2), NOW)
    assert (looked["total_rows"], looked["skipped_rows"], looked["valid_rows"], looked["invalid_rows"]) == (2, 1, 1, 1)
    assert looked["sample_rows"][0]["Date"] == "2026-11-16 00:00:00"
    assert looked["validation_errors"][0]["row_number"] == 4
    assert look(columns, [], NOW)["can_proceed"] is False


@pytest.mark.parametrize(
    ("table", "vocabulary"),
    [
        (words.TICKET_TYPES, TicketType),
        (words.PRIORITIES, Priority),
        (words.STATUSES, Status),
        (words.FAULT_CAUSES, FaultCause),
    ],
)
def test_the_sheets_words_lead_to_all_of_the_vocabulary_and_nothing_else(
    table: dict[str, str], vocabulary: Any
) -> None:
    values = {value.value for value in vocabulary}
    assert set(table.values()) == values
    assert all(table[words.simplify(value)] == value for value in values)
    assert all(words.simplify(word) == word for word in table)


# The week of a report


def test_the_week_follows_from_the_day_in_johannesburg() -> None:
    sunday_night = datetime(2026, 11, 22, 22, 30, tzinfo=UTC)
    week = week_of(sunday_night)
    assert (week.year, week.number, week.day) == (2026, 48, date(2026, 11, 23))


def test_a_given_week_begins_on_its_monday() -> None:
    week = week_of(NOW, year=2025, number=3)
    assert (week.year, week.number, week.day) == (2025, 3, date(2025, 1, 13))


def test_the_iso_year_is_the_weeks_not_the_days() -> None:
    week = week_of(NOW, day=date(2027, 1, 1))
    assert (week.year, week.number) == (2026, 53)


def test_a_year_alone_has_the_present_week_or_its_last() -> None:
    in_week_53 = datetime(2026, 12, 30, 10, tzinfo=UTC)
    week = week_of(in_week_53, year=2025)
    assert (week.year, week.number, week.day) == (2025, 52, date(2025, 12, 22))
    week = week_of(in_week_53, year=2020)
    assert (week.year, week.number, week.day) == (2020, 53, date(2020, 12, 28))


def test_a_year_beside_a_day_of_week_53_has_its_last_week() -> None:
    week = week_of(NOW, day=date(2026, 12, 30), year=2025)
    assert (week.year, week.number, week.day) == (2025, 52, date(2026, 12, 30))


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"number": 0}, "week_number"),
        ({"year": 2101}, "year"),
        ({"year": 2025, "number": 53}, "week_number"),
        ({"day": date(2025, 12, 31), "year": 2025, "number": 53}, "week_number"),
        ({"day": date(2025, 11, 16), "number": 53}, "week_number"),
        ({"day": date(206, 11, 16)}, "report_date"),
        ({"day": date(206, 11, 16), "year": 2026, "number": 47}, "report_date"),
        # It lies in the last week of 1999.
        ({"day": date(2000, 1, 1)}, "report_date"),
        ({"day": date(2101, 1, 3)}, "report_date"),
    ],
)
def test_weeks_that_cannot_be(said: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        week_of(NOW, **said)
    assert isinstance(caught.value.details, dict)
    assert field in caught.value.details

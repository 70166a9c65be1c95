"""Which sheet of a workbook is the report, and which column is which."""

from __future__ import annotations

import pytest

from ticketing.weekly_reports.headers import (
    ALIASES,
    REJECTED_COLUMNS,
    best_sheet,
    field_of,
    find_headers,
    read_headers,
    score,
)

TICKETS = ["FT Ref", "Title", "DR Number", "Status"]


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("FT Ref", "ft_ref"),
        ("FTRef", "ft_ref"),
        ("ft_ref", "ft_ref"),
        ("  ft   REF ", "ft_ref"),
        ("Reference", "ft_ref"),
        ("Ticket ID", "ticket_id"),
        ("Issue", "issue"),
        ("Fault Description", "fault_description"),
        ("Ticket Type", "ticket_type"),
        ("TYPE", "ticket_type"),
        ("Area", "area"),
        ("DR", "dr_number"),
        ("dr number", "dr_number"),
        ("Pole Number", "pole_number"),
        ("PON", "pon_number"),
        ("Assigned To", "assigned_to"),
        ("Contractor Name", "contractor"),
        ("Fault Cause", "fault_cause"),
        ("Date", "reported_at"),
        ("Created Date", "reported_at"),
        ("Date Logged", "reported_at"),
        ("ONT RX", "ont_rx_level"),
        ("ONT Serial", "ont_serial"),
        ("Sub-contractor mood", None),
        ("", None),
    ],
)
def test_a_header_is_known_in_any_case_and_spacing(header: str, field: str | None) -> None:
    assert field_of(header) == field


def test_no_spelling_names_two_fields() -> None:
    spellings = [alias for aliases in ALIASES.values() for alias in aliases]
    assert len(spellings) == len(set(spellings))


def test_headers_are_found_below_a_title_and_a_note() -> None:
    columns = find_headers(
        [["Weekly maintenance report"], [None, None], TICKETS, ["FT1", "No light", "DR1737348", "Open"]]
    )
    assert columns is not None
    assert columns.row_number == 3
    assert columns.positions["dr_number"] == (2,)


def test_of_two_columns_with_one_meaning_both_places_are_kept() -> None:
    assert read_headers(["Reference", "Title", "FT Ref"], 1).positions["ft_ref"] == (0, 2)


def test_columns_that_our_rejects_workbook_adds_are_recognised_as_ours() -> None:
    columns = read_headers([*TICKETS, *REJECTED_COLUMNS], 1)
    assert columns.ours == {4, 5, 6}
    assert "ft_ref" in columns.positions


def test_what_the_headers_lack_is_said_in_words() -> None:
    columns = read_headers(["Title", "Status"], 1)
    assert not columns.usable
    assert columns.missing() == ["an FT Ref or DR Number column"]


def test_a_sheet_without_any_known_header_has_no_headers() -> None:
    assert find_headers([["a", "b"], [1, 2]]) is None


def test_the_sheet_with_most_known_headers_wins() -> None:
    few = score("Sheet1", read_headers(["Title", "DR"], 1))
    many = score("Sheet2", read_headers(TICKETS, 1))
    assert best_sheet([few, many]) is many


@pytest.mark.parametrize("name", ["Pivot", "weekly SUMMARY", "Dashboard 2026"])
def test_a_pivot_or_summary_never_wins(name: str) -> None:
    summary = score(name, read_headers([*TICKETS, "Priority", "Zone", "Pole", "PON"], 1))
    plain = score("Sheet1", read_headers(["Issue", "DR"], 1))
    assert best_sheet([summary, plain]) is plain
    assert best_sheet([summary]) is None


def test_between_equals_the_name_decides_then_the_order() -> None:
    first, second = score("Blad1", read_headers(TICKETS, 1)), score("Blad2", read_headers(TICKETS, 1))
    named = score("MNT tickets", read_headers(TICKETS, 1))
    assert best_sheet([first, second, named]) is named
    assert best_sheet([first, second]) is first


def test_a_well_named_sheet_without_the_needed_columns_does_not_win() -> None:
    named = score("Tickets", read_headers(["Title", "Status", "Priority", "Zone", "Pole"], 1))
    plain = score("Sheet1", read_headers(["Issue", "DR"], 1))
    assert best_sheet([named, plain]) is plain

"""Rows of the sheet: what they say, who they are about, and what keeps them out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ticketing.weekly_reports.headers import read_headers
from ticketing.weekly_reports.rows import RowReader, SheetRow

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def read(**cells: Any) -> SheetRow | None:
    """Read a row under headers spelt as the keywords, with underscores for spaces."""
    columns = read_headers([name.replace("_", " ") for name in cells], 1)
    return RowReader(columns, not_after=NOW).read(2, list(cells.values()))


def row(**cells: Any) -> SheetRow:
    """Read a row that is not empty."""
    found = read(**cells)
    assert found is not None
    return found


def errors(found: SheetRow) -> list[tuple[str, str | None]]:
    """Return the kinds and columns of the errors that reject a row."""
    return [(problem.error_type, problem.column) for problem in found.problems if problem.severity == "error"]


def test_a_full_row_is_read_in_the_vocabularys_words() -> None:
    found = row(
        FT_Ref="ft490441", Title="No light", Type="Fault", Area="LAW", Zone=3.0, Priority="Medium", Status="New",
        DR="dr1737348", Pole="LAW.P.A002", PON=12.0, Address="1 Main Rd", Assigned_To="Thabo M", Contractor="Velo",
        Fault_Cause="3rd party", Date="16/11/2026", ONT_Serial="ALCL1", ONT_RX="-21.5",
    )  # fmt: skip
    assert found.problems == []
    assert found.external_id == "FT490441"
    assert found.said == {
        "title": "No light", "ticket_type": "maintenance", "priority": "normal", "status": "open", "area": "LAW",
        "zone": "3", "dr_number": "DR1737348", "pole_number": "LAW.P.A002", "pon_number": "12", "address": "1 Main Rd",
        "assigned_to": "Thabo M", "contractor": "Velo", "fault_cause": "third_party",
        "reported_at": datetime(2026, 11, 15, 22, tzinfo=UTC), "ont_serial": "ALCL1", "ont_rx_level": -21.5,
    }  # fmt: skip


def test_an_empty_row_is_no_row() -> None:
    assert read(FT_Ref=None, Title="  ", DR="-") is None


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"FT Ref": "FT1", "Title": None}, [("missing_required_field", "Title")]),
        ({"Title": "No light", "FT Ref": None}, [("missing_required_field", "FT Ref")]),
        ({"Title": "No light", "DR": "house 4"}, [("invalid_format", "DR")]),
        (
            {"FT Ref": "FT1", "Title": "x", "Priority": "P9", "Date": "soon"},
            [("invalid_format", "Priority"), ("invalid_format", "Date")],
        ),
        ({"FT Ref": "FT1", "Title": "x", "ONT RX": -300}, [("validation_failed", "ONT RX")]),
        ({"FT Ref": "FT1", "Title": "x", "Type": "picnic"}, [("invalid_format", "Type")]),
    ],
)
def test_everything_that_rejects_a_row_is_named_with_its_column(
    cells: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    found = row(**cells)
    assert found.rejected
    assert errors(found) == expected
    assert found.external_id is None


def test_an_unknown_status_is_a_warning_and_says_nothing() -> None:
    found = row(FT_Ref="FT1", Title="x", Status="parked")
    assert not found.rejected
    assert "status" not in found.said
    assert [(problem.severity, problem.column) for problem in found.problems] == [("warning", "Status")]


def test_an_unknown_fault_cause_is_kept_as_its_details() -> None:
    found = row(FT_Ref="FT1", Title="x", Fault_Cause="mole rats")
    assert not found.rejected
    assert found.said["fault_cause_details"] == "mole rats"
    assert "fault_cause" not in found.said


def test_title_issue_and_descriptions_are_all_kept() -> None:
    found = row(
        FT_Ref="FT1", Title="No light", Issue="LOS red", Description="since Monday", Fault_Description="since Monday"
    )
    assert found.said["title"] == "No light"
    assert found.said["description"] == "LOS red\n\nsince Monday"


def test_an_issue_stands_in_for_the_title() -> None:
    found = row(FT_Ref="FT1", Issue="LOS red")
    assert found.said == {"title": "LOS red"}


def test_too_long_a_title_is_shortened_and_kept_whole_in_the_description() -> None:
    found = row(FT_Ref="FT1", Title="x" * 300)
    assert len(found.said["title"]) == 255
    assert found.said["description"] == "x" * 300


def test_without_a_reference_drop_day_and_issue_are_the_identity() -> None:
    base = row(DR="DR1737348", Issue="No light", Date="16/11/2026")
    same = row(DR="dr1737348", Issue="  no   LIGHT ", Date=datetime(2026, 11, 16), Zone=4)  # noqa: DTZ001
    assert base.external_id == same.external_id
    assert base.external_id is not None
    assert base.external_id.startswith("DR1737348:2026-11-16:")


@pytest.mark.parametrize(
    "other", [{"Issue": "Slow speed", "Date": "16/11/2026"}, {"Issue": "No light", "Date": "17/11/2026"}]
)
def test_two_faults_on_one_drop_are_two_tickets(other: dict[str, Any]) -> None:
    first = row(DR="DR1737348", Issue="No light", Date="16/11/2026")
    assert row(DR="DR1737348", **other).external_id != first.external_id


def test_a_reference_under_ticket_id_serves_where_there_is_no_other() -> None:
    assert row(Ticket_ID="FT77", Title="x", DR="DR1737348").external_id == "FT77"
    assert row(Ticket_ID="FT77", FT_Ref="FT78", Title="x").external_id == "FT78"
    assert (row(Ticket_ID="FF100001", Title="x", DR="DR1737348").external_id or "").startswith("DR1737348:")


def test_the_second_column_of_one_meaning_is_read_where_the_first_is_empty() -> None:
    columns = read_headers(["FT Ref", "Title", "Reference"], 1)
    found = RowReader(columns, not_after=NOW).read(2, [None, "x", "FT5"])
    assert found is not None
    assert found.external_id == "FT5"


def test_the_hash_follows_meaning_not_typing() -> None:
    typed = row(FT_Ref="FT1", Title="No light", Status="New", Date="16/11/2026", Zone=3.0)
    retyped = row(Zone="3", FT_Ref="ft 1", Title=" No light", Status="open", Date="2026-11-16")
    changed = row(FT_Ref="FT1", Title="No light", Status="Closed", Date="16/11/2026", Zone=3.0)
    assert typed.row_hash == retyped.row_hash
    assert typed.row_hash != changed.row_hash


def test_unknown_columns_do_not_change_the_hash() -> None:
    assert row(FT_Ref="FT1", Title="x", Mood="good").row_hash == row(FT_Ref="FT1", Title="x", Mood="bad").row_hash


def test_a_short_row_is_read_as_far_as_it_goes() -> None:
    columns = read_headers(["FT Ref", "Title", "Status"], 1)
    found = RowReader(columns, not_after=NOW).read(2, ["FT1", "x"])
    assert found is not None
    assert not found.rejected

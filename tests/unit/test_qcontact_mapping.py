"""What a case on the wire says in our words; nothing is guessed, what is unknown is told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.qcontact.mapping import EARLIEST, split_category, to_case
from integrations.qcontact.wire import read_case
from tests.factories.qcontact import wire_case
from ticketing.qcontact_sync.cases import Case


def case_of(**given: Any) -> Case:
    return to_case(wire_case(**given))


def test_a_whole_case_is_read() -> None:
    case = to_case(wire_case(top={"id": 21934500001, "label": "Connection Issue FT900123"}))
    assert (case.case_id, case.ft_reference, case.title) == ("21934500001", "FT900123", "FT900123")
    assert (case.status, case.their_status, case.ticket_type) == ("assigned", "Assigned", "maintenance")
    assert (case.client_name, case.client_contact) == ("Thandi Example", "+27600000002")
    assert (case.dr_number, case.ont_serial, case.their_assigned_to) == ("DR9900123", "EXMP00000001", "21900000077")
    assert case.created_at == datetime(2026, 11, 20, 6, tzinfo=UTC)
    assert case.unknown == ()


@pytest.mark.parametrize(
    ("label", "reference", "title"),
    [
        ("Connection Issue FT900123", "FT900123", "FT900123"),
        (" FT900124", "FT900124", "FT900124"),
        ("FT1 and FT2", "FT1", "FT1"),
        ("  No reference  ", None, "No reference"),
        ("ft900123", None, "ft900123"),
        (None, None, "Case 7"),
    ],
)
def test_the_reference_is_the_first_in_the_label(label: str | None, reference: str | None, title: str) -> None:
    case = case_of(top={"id": 7, "label": label})
    assert (case.ft_reference, case.title) == (reference, title)


def test_without_one_in_the_label_the_reference_field_has_it() -> None:
    assert case_of(top={"label": "No light"}, reference="FT900777").title == "FT900777"


@pytest.mark.parametrize(
    ("drop", "fields", "number", "unknown"),
    [
        ("DR9900123", {}, "DR9900123", False),
        ("dr9900123 (spare)", {}, "DR9900123", False),
        (None, {"c__dr_location": "Stand 12, DR1737348"}, "DR1737348", False),
        (None, {"c__dr_location": "Stand 12"}, None, False),
        (None, {"dr_number": "DR1737349", "c__dr_location": "DR1737348"}, "DR1737349", False),
        ("DR12", {}, None, True),
        ("DR123456789", {}, None, True),
        (None, {}, None, False),
    ],
)
def test_the_drop_is_the_one_that_is_named(
    drop: str | None, fields: dict[str, Any], number: str | None, unknown: bool
) -> None:
    case = case_of(dr_number=drop, top=None) if not fields else to_case(_with(drop, fields))
    assert case.dr_number == number
    assert ("dr_number" in dict(case.unknown)) is unknown


def _with(drop: str | None, fields: dict[str, Any]) -> Any:
    related = {"c__dr_number": {"label": drop}} if drop else {}
    return read_case({"id": 7, "label": "FT1", "fields": fields, "relationships": related})


@pytest.mark.parametrize(
    ("category", "kind"),
    [
        ("Connectivity::Link Light", "maintenance"),
        ("Connectivity|To be determined", "maintenance"),
        ("Maintenance::ONTMove", "ont_swap"),
        ("Maintenance::PropertyDamage", "maintenance"),
        ("NewInstallation", "new_installation"),
        ("INSTALLATION", "new_installation"),
        ("ont_swap", "ont_swap"),
        ("modification", "modification"),
        ("Incident", "incident"),
        ("SmartTV", "maintenance"),
        (None, "maintenance"),
        ("Sales::Lead", None),
    ],
)
def test_the_category_tells_the_type_and_an_unknown_one_is_told(category: str | None, kind: str | None) -> None:
    case = case_of(category=category)
    assert case.ticket_type == kind
    assert dict(case.unknown) == ({} if kind else {"category": category})


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Connectivity::ONT/Gizzu", ("Connectivity", "ONT/Gizzu")),
        ("A::B::C", ("A", "B::C")),
        ("General|Maintenance", ("General", "Maintenance")),
        ("A|B::C", ("A|B", "C")),
        ("Other", ("Other", None)),
        (" :: ", (None, None)),
        (None, (None, None)),
    ],
)
def test_categories_are_parted_at_the_first_separator(text: str | None, parts: tuple[str | None, str | None]) -> None:
    assert split_category(text) == parts


def test_what_is_unknown_or_too_long_is_told_and_not_guessed() -> None:
    case = case_of(status="Parked", c__serial_number="S" * 101, telephone="0" * 600, top={"label": "x" * 400})
    assert (case.status, case.their_status, case.ont_serial) == (None, "Parked", None)
    assert dict(case.unknown) == {"status": "Parked", "c__serial_number": "S" * 101}
    assert (len(case.title), len(case.client_contact or "")) == (255, 500)


def test_our_own_lines_are_no_part_of_the_description() -> None:
    ours = "[2026-11-21 08:15:29] Sipho: On site [FF:0198c5a2-7e1b-7c3d-9f00-0123456789ab]"
    assert case_of(description=f"No light\n{ours}").description == "No light"
    assert case_of(description=ours, top={"label": "No light FT1"}).description == "No light FT1"


def test_a_clock_that_was_never_set_tells_no_time() -> None:
    assert case_of(top={"created_at": "1970-01-01T00:00:00Z"}).created_at is None
    assert case_of(top={"created_at": EARLIEST.isoformat()}).created_at == EARLIEST


@given(
    st.dictionaries(
        st.sampled_from(["status", "category", "description", "c__serial_number", "c__dr_location"]), st.text()
    ),
    st.text(),
)
def test_whatever_comes_is_read(fields: dict[str, str], label: str) -> None:
    case = to_case(wire_case(dr_number=None, top={"label": label}, **fields))
    assert 1 <= len(case.title) <= 255
    assert "\0" not in repr(case.told())
    assert case.details_hash() == case.details_hash()

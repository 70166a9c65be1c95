"""The eight readiness checks as rules: what passes, what fails and why, and where platforms disagree."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.settings import load_settings
from ticketing.readiness.rules import CHECKS, REGISTER, TICKET, Facts, Policy, differences, evaluate, facts_of
from ticketing.verification_steps import PHOTO_STEPS

PLACES = {"dr_number": "DR1737348", "pole_number": "LAW.P.A002", "pon_number": "7", "zone": "3"}
FULL = Facts(
    photo_steps=frozenset(PHOTO_STEPS),
    ont_serial="ALCLF0000001",
    ont_rx_level=Decimal("-19.20"),
    platforms={TICKET: PLACES, REGISTER: PLACES},
    **PLACES,
)
DIFFERENT = {TICKET: PLACES, REGISTER: PLACES | {"pole_number": "LAW.P.A003"}}

# One fact that is not as it should be, and the check that it fails.
BROKEN: dict[str, dict[str, Any]] = {
    "photos_exist": {"photo_steps": frozenset(PHOTO_STEPS) - {3}},
    "dr_populated": {"dr_number": None},
    "pole_populated": {"pole_number": "  "},
    "pon_populated": {"pon_number": ""},
    "zone_populated": {"zone": None},
    "ont_serial_recorded": {"ont_serial": " "},
    "ont_rx_recorded": {"ont_rx_level": None},
    "platforms_aligned": {"platforms": DIFFERENT},
}


def broken(*names: str) -> Facts:
    changes: dict[str, Any] = {}
    for name in names:
        changes |= BROKEN[name]
    return replace(FULL, **changes)


def test_a_ticket_with_everything_passes() -> None:
    verdict = evaluate(FULL, Policy())
    assert (verdict.passed, verdict.failed, verdict.reasons) == (True, (), [])
    columns = verdict.columns()
    assert (columns["photos_count"], columns["photos_required_count"]) == (11, 11)
    assert all(columns[name] for name in CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_each_check_fails_by_itself(name: str) -> None:
    verdict = evaluate(broken(name), Policy(platforms_block=True))
    assert [check.check_name for check in verdict.failed] == [name]
    assert verdict.passed is False
    assert [check for check in CHECKS if not verdict.columns()[check]] == [name]


def test_the_reasons_say_what_to_mend() -> None:
    facts = replace(FULL, photo_steps=frozenset({1, 9}), ont_rx_level=Decimal("-28.50"), dr_number=None)
    failed = {check.check_name: check for check in evaluate(facts, Policy()).failed}
    photos = failed["photos_exist"]
    assert photos.reason.startswith("1 of 11 photo steps have an accepted evidence photo; missing for 2, 3, 4")
    assert (photos.expected, photos.actual) == (11, 1)
    assert failed["dr_populated"].reason == "The DR number is missing"
    rx = failed["ont_rx_recorded"]
    assert rx.reason == "The ONT RX level of -28.50 dBm is not within -27.0 to -8.0 dBm"
    assert (rx.expected, rx.actual) == ("-27.0 to -8.0 dBm", -28.5)


@pytest.mark.parametrize(
    ("level", "passes"),
    [("-27.00", True), ("-8.00", True), ("-27.01", False), ("-7.99", False), ("0", False), ("-19.2", True)],
)
def test_the_window_of_received_power_includes_its_ends(level: str, passes: bool) -> None:
    assert evaluate(replace(FULL, ont_rx_level=Decimal(level)), Policy()).passed is passes


def test_the_window_and_the_weight_of_platforms_are_settings() -> None:
    settings = load_settings({}, ont_rx_min_dbm=-25.1, ont_rx_max_dbm=-10.1, qa_platforms_must_align=True)
    policy = Policy.from_settings(settings)
    assert evaluate(replace(FULL, ont_rx_level=Decimal("-25.10")), policy).passed
    assert not evaluate(replace(FULL, ont_rx_level=Decimal(-26)), policy).passed
    assert not evaluate(replace(FULL, platforms=DIFFERENT), policy).passed


class TestPlatforms:
    def test_disagreement_warns_and_names_the_values(self) -> None:
        verdict = evaluate(broken("platforms_aligned"), Policy())
        (warning,) = verdict.failed
        assert (verdict.passed, verdict.reasons, warning.blocking) == (True, [], False)
        assert warning.reason == "The platforms disagree on pole: ticket LAW.P.A002, SOW register LAW.P.A003"
        assert verdict.columns()["platforms_aligned"] is False

    @pytest.mark.parametrize(
        ("name", "ours", "theirs"),
        [
            ("dr_number", "DR1737348", " dr1737348 "),
            ("pole_number", "LAW.P.A002", "law.p.a002"),
            ("pon_number", "7", 7),
            ("pon_number", "PON 07", "7"),
            ("zone", "Zone-3", 3),
            ("zone", "3", None),
            ("zone", "", "4"),
        ],
    )
    def test_ways_of_writing_are_no_disagreement(self, name: str, ours: Any, theirs: Any) -> None:
        assert differences({TICKET: {name: ours}, REGISTER: {name: theirs}}) == {}

    @pytest.mark.parametrize(
        ("name", "ours", "theirs"),
        [("pon_number", "7", 70), ("zone", "3", "3A"), ("pole_number", "LAW.P.A002", "LAW.P.A02"), ("zone", "N", "S")],
    )
    def test_other_values_are(self, name: str, ours: Any, theirs: Any) -> None:
        found = differences({TICKET: {name: ours}, REGISTER: {name: theirs}})
        assert found == {name: {TICKET: str(ours), REGISTER: str(theirs)}}

    @given(
        st.dictionaries(
            st.sampled_from([TICKET, REGISTER, "QContact"]),
            st.fixed_dictionaries(dict.fromkeys(PLACES, st.none() | st.text(max_size=4))),
        )
    )
    def test_they_are_found_whoever_is_asked_first(self, platforms: dict[str, dict[str, str | None]]) -> None:
        backwards = dict(reversed(platforms.items()))
        assert differences(platforms) == differences(backwards)
        assert all(len(set(said.values())) > 1 for said in differences(platforms).values())


class TestRows:
    ROW: dict[str, Any] = {
        **PLACES,
        **{f"register_{name}": None for name in PLACES},
        "source": "weekly_report",
        "sheet_fields": {"zone": "4", "title": "No light"},
        "ont_serial": None,
        "ont_rx_level": None,
        "photo_steps": [1, 2],
    }

    def test_the_sheet_is_a_platform_for_what_came_from_it(self) -> None:
        facts = facts_of(self.ROW)
        assert facts.photo_steps == {1, 2}
        assert differences(facts.platforms) == {"zone": {TICKET: "3", "weekly report": "4"}}

    def test_a_ticket_of_our_own_has_no_sheet(self) -> None:
        assert differences(facts_of(self.ROW | {"source": "ad_hoc"}).platforms) == {}

    def test_the_register_is_one_where_it_knows_the_drop(self) -> None:
        facts = facts_of(self.ROW | {"sheet_fields": None, "register_pon_number": 8})
        assert differences(facts.platforms) == {"pon_number": {TICKET: "7", REGISTER: "8"}}


@given(st.sets(st.sampled_from(CHECKS)), st.booleans())
def test_it_passes_just_when_nothing_that_blocks_is_broken(names: set[str], platforms_block: bool) -> None:
    verdict = evaluate(broken(*names), Policy(platforms_block=platforms_block))
    blocking = names if platforms_block else names - {"platforms_aligned"}
    assert verdict.passed is not bool(blocking)
    assert len(verdict.reasons) == len(blocking)
    assert [check.check_name for check in verdict.failed] == [name for name in CHECKS if name in names]


@given(st.sets(st.integers(1, 12)))
def test_photos_are_counted_by_step(steps: set[int]) -> None:
    verdict = evaluate(replace(FULL, photo_steps=frozenset(steps)), Policy())
    assert verdict.photos_count == len(steps - {9})
    assert verdict.passed == (verdict.photos_count == 11)

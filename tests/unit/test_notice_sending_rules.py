"""What is done next with a notice on its way, what a look means, and what is done about a session."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.notices import session_rules
from ticketing.notices.sending_rules import (
    INTERRUPTED,
    MOST_LOOKS,
    GiveUp,
    Leave,
    Look,
    LookAgain,
    Proven,
    Resend,
    Seen,
    Send,
    Surroundings,
    Wait,
    find_in_chat,
    finding_of,
    next_of,
)
from ticketing.notices.session_rules import Alarm, Blocked, Keep, Restart, Traffic, blocked, is_steady, remedy_of

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SURE = Surroundings(session_is_steady=True, store_is_proven=True)


def notice(**more: Any) -> dict[str, Any]:
    return {
        "status": "pending",
        "sending": "unsent",
        "opted_out_at": None,
        "held_at": None,
        "hold_reason": None,
        "not_before": NOW - MINUTE,
        "next_look_at": None,
        "planned_stanza_id": "A",
        "sends": 1,
        "sends_allowed": 2,
        "error_code": None,
        "looks": 3,
        "sending_at": NOW - 2 * MINUTE,
        "message_content": "Hello\nthere",
    } | more


class TestNext:
    @pytest.mark.parametrize(
        ("more", "kind"),
        [
            ({}, Send),
            ({"not_before": NOW + MINUTE}, Wait),
            ({"held_at": NOW, "hold_reason": "wrong"}, Leave),
            ({"opted_out_at": NOW}, GiveUp),
            ({"status": "sent"}, Leave),
            ({"status": "failed"}, Leave),
            ({"sending": "sending"}, Look),
            ({"sending": "unknown", "next_look_at": NOW}, Look),
            ({"sending": "unknown", "next_look_at": NOW + MINUTE}, Wait),
            ({"sending": "accepted", "next_look_at": NOW + MINUTE}, Leave),
            ({"sending": "accepted", "next_look_at": NOW}, Look),
            ({"sending": "unknown", "opted_out_at": NOW}, Look),
        ],
    )
    def test_each_standing_has_one_next_step(self, more: dict[str, Any], kind: type) -> None:
        assert isinstance(next_of(notice(**more), NOW), kind)

    @given(
        st.sampled_from(["pending", "sent", "delivered", "read", "failed"]),
        st.sampled_from(["sending", "unknown", "accepted"]),
        st.booleans(),
    )
    def test_what_may_have_left_is_never_simply_sent(self, status: str, sending: str, held: bool) -> None:
        held_at = NOW if held else None
        assert not isinstance(next_of(notice(status=status, sending=sending, held_at=held_at), NOW), Send)


class TestFindings:
    @pytest.mark.parametrize(
        ("ack", "stanza", "more", "kind"),
        [
            (1, "A", {}, Proven),
            (3, "A", {}, Proven),
            (-1, "A", {}, Proven),
            # There and unconfirmed: again only by the id that it was given beforehand.
            (0, "A", {}, Resend),
            (0, "B", {}, LookAgain),
            (0, "B", {"planned_stanza_id": None}, LookAgain),
            (None, "A", {}, LookAgain),
            (0, "B", {"looks": MOST_LOOKS - 1}, GiveUp),
        ],
    )
    def test_what_is_there(self, ack: int | None, stanza: str, more: dict[str, Any], kind: type) -> None:
        seen = Seen(f"true_1@c.us_{stanza}", stanza, ack)
        assert isinstance(finding_of(notice(sending="unknown", **more), seen, SURE, NOW), kind)

    @pytest.mark.parametrize(
        ("more", "surroundings", "kind"),
        [
            ({}, SURE, Resend),
            ({"looks": 0}, SURE, LookAgain),
            ({"sending_at": NOW - timedelta(seconds=59)}, SURE, LookAgain),
            ({}, Surroundings(session_is_steady=False, store_is_proven=True), LookAgain),
            ({}, Surroundings(session_is_steady=True, store_is_proven=False), LookAgain),
            ({"held_at": NOW}, SURE, LookAgain),
            ({"opted_out_at": NOW}, SURE, LookAgain),
            ({"sends": 2}, SURE, LookAgain),
            ({"sends": 2, "looks": MOST_LOOKS - 1}, SURE, GiveUp),
            ({"sends": 2, "error_code": INTERRUPTED}, SURE, Resend),
            ({"sends": 2, "error_code": INTERRUPTED, "planned_stanza_id": None}, SURE, LookAgain),
            ({"sends": 2, "error_code": INTERRUPTED, "looks": 0}, SURE, LookAgain),
            ({"sends": 3, "error_code": INTERRUPTED, "looks": MOST_LOOKS - 1}, SURE, GiveUp),
            ({"looks": MOST_LOOKS - 1}, Surroundings(session_is_steady=True, store_is_proven=False), GiveUp),
        ],
    )
    def test_what_is_not_there(self, more: dict[str, Any], surroundings: Surroundings, kind: type) -> None:
        assert isinstance(finding_of(notice(sending="unknown", **more), None, surroundings, NOW), kind)

    def test_looks_while_the_session_is_away_are_not_counted(self) -> None:
        away = Surroundings(session_is_steady=False, store_is_proven=True)
        found = finding_of(notice(sending="unknown", looks=MOST_LOOKS + 9), None, away, NOW)
        assert isinstance(found, LookAgain)
        assert not found.counts

    @given(
        st.none() | st.builds(Seen, st.just("x"), st.sampled_from(["A", "B"]), st.none() | st.integers(-1, 4)),
        st.booleans(),
        st.booleans(),
        st.integers(0, 3),
        st.integers(0, 9),
        st.integers(0, 300),
        st.sampled_from(["TIMEOUT", INTERRUPTED]),
        st.sampled_from(["A", None]),
    )
    def test_a_resend_is_only_for_what_surely_cannot_double(
        self,
        seen: Seen | None,
        steady: bool,
        proven: bool,
        sends: int,
        looks: int,
        seconds: int,
        error: str,
        planned: str | None,
    ) -> None:
        row = notice(sending="unknown", sends=sends, looks=looks, sending_at=NOW - timedelta(seconds=seconds))
        row |= {"error_code": error, "planned_stanza_id": planned}
        if isinstance(finding_of(row, seen, Surroundings(steady, proven), NOW), Resend):
            assert steady
            assert proven
            assert sends < 3
            assert sends < 2 or (error == INTERRUPTED and planned == "A")
            assert looks >= 1
            assert seconds >= 60
            assert seen is None or (seen.stanza == "A" and seen.ack == 0)


class TestFinding:
    def test_an_own_id_counts_before_words(self) -> None:
        own = Seen("x", "A", 1, "other words", 9)
        alike = Seen("y", "B", 1, "Hello\nthere", 1)
        assert find_in_chat([alike, own], notice(), set(), {"A"}) is own

    def test_words_count_with_any_line_ends_and_the_earliest_first(self) -> None:
        late, early = Seen("x", "C", 1, "Hello\r\nthere", 9), Seen("y", "B", 1, "Hello\nthere ", 1)
        assert find_in_chat([late, early], notice(), set(), {"A"}) is early

    def test_what_belongs_to_another_notice_is_not_this_one_s(self) -> None:
        assert find_in_chat([Seen("y", "B", 1, "Hello\nthere", 1)], notice(), {"B"}, {"A"}) is None

    def test_other_words_are_no_match(self) -> None:
        assert find_in_chat([Seen("y", "B", 1, "Hello there", 1)], notice(), set(), set()) is None


def session(**more: Any) -> dict[str, Any]:
    return {
        "status": "WORKING",
        "status_at": NOW - 60 * MINUTE,
        "working_since": NOW - 60 * MINUTE,
        "restarted_at": None,
        "restart_wanted": None,
        "restart_wanted_at": None,
        "new_contacts_held_until": None,
        "new_contacts_reason": None,
        "paused_until": None,
        "pause_reason": None,
        "alarm": None,
    } | more


QUIET = Traffic(0, None)
DEAD = Traffic(3, NOW - 20 * MINUTE)


class TestSessions:
    @pytest.mark.parametrize(
        ("more", "traffic", "kind"),
        [
            ({}, QUIET, Keep),
            ({}, DEAD, Restart),
            ({}, Traffic(3, NOW - MINUTE), Keep),
            ({"new_contacts_held_until": NOW + MINUTE}, DEAD, Keep),
            ({"restart_wanted": "400", "restart_wanted_at": NOW - MINUTE}, QUIET, Restart),
            ({"restart_wanted": "400", "restart_wanted_at": NOW}, Traffic(0, NOW - MINUTE), Restart),
            ({"restart_wanted": "400", "restart_wanted_at": NOW - MINUTE}, Traffic(0, NOW), Keep),
            ({"status": "SCAN_QR_CODE"}, QUIET, Alarm),
            ({"status": "PASSKEY_REQUIRED"}, QUIET, Alarm),
            ({"status": "FAILED"}, QUIET, Restart),
            ({"status": "STOPPED"}, QUIET, Restart),
            ({"status": "STARTING", "status_at": NOW - MINUTE}, QUIET, Keep),
            ({"status": "STARTING"}, QUIET, Restart),
            ({"status": "SOMETHING_NEW"}, QUIET, Restart),
            # A restart that was just asked for gets its time; after it, a person is called, not a second restart.
            ({"status": "FAILED", "restarted_at": NOW - MINUTE}, QUIET, Keep),
            ({"status": "FAILED", "restarted_at": NOW - 6 * MINUTE}, QUIET, Alarm),
            ({"restarted_at": NOW - 15 * MINUTE, "working_since": NOW - 14 * MINUTE}, DEAD, Alarm),
            # After half an hour of work a new trouble is one of its own.
            ({"restarted_at": NOW - 90 * MINUTE}, DEAD, Restart),
        ],
    )
    def test_one_restart_then_a_person(self, more: dict[str, Any], traffic: Traffic, kind: type) -> None:
        assert isinstance(remedy_of(session(**more), traffic, NOW), kind)

    @pytest.mark.parametrize(
        ("more", "new", "until"),
        [
            ({}, True, None),
            ({"status": None}, True, None),
            ({"status": "STARTING"}, False, NOW + session_rules.ASK_AGAIN),
            ({"alarm": "dead"}, False, NOW + session_rules.ASK_AGAIN),
            ({"paused_until": NOW + MINUTE, "pause_reason": "429"}, False, NOW + MINUTE),
            ({"paused_until": NOW, "pause_reason": "429"}, False, None),
            ({"new_contacts_held_until": NOW + MINUTE, "new_contacts_reason": "463"}, True, NOW + MINUTE),
            ({"new_contacts_held_until": NOW + MINUTE, "new_contacts_reason": "463"}, False, None),
        ],
    )
    def test_what_keeps_a_notice_back(self, more: dict[str, Any], new: bool, until: datetime | None) -> None:
        found = blocked(session(**more), is_new_contact=new, now=NOW)
        assert (found.until if isinstance(found, Blocked) else None) == until

    def test_a_session_is_steady_after_a_while(self) -> None:
        assert is_steady(session(), NOW, MINUTE)
        assert not is_steady(session(working_since=NOW), NOW, MINUTE)
        assert not is_steady(session(status="STARTING"), NOW, MINUTE)

"""What a message says: drops, wishes, context, places; and how the engines' shapes are read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.waha.events import Confirmed, SessionTold, confirmed_of, received_of, session_told
from ticketing.inbound_messages import rules
from ticketing.inbound_messages.messages import Media
from ticketing.inbound_messages.rules import Ask, Attach
from ticketing.inbound_messages.words import TriageReason

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "drops"),
    [
        ("", []),
        ("DR1737348", ["DR1737348"]),
        ("No light at dr1737348, please", ["DR1737348"]),
        ("DR 1737348", ["DR1737348"]),
        ("Dr: 173734", ["DR173734"]),
        ("dr-17373480", ["DR17373480"]),
        ("DR1737348 and DR1737349 and dr 1737348", ["DR1737348", "DR1737349"]),
        ("DR12345", []),
        ("DR123456789", []),
        ("ADR1737348", []),
        ("Dr Mokoena 0823456789", []),
        ("1737348", []),
        ("DR\n1737348", []),
        ("DR\u0661\u0662\u0663\u0664\u0665\u0666\u0667", []),
    ],
)
def test_drops_are_found_however_people_write_them(text: str, drops: list[str]) -> None:
    assert rules.drop_numbers(text) == drops


@given(st.text(max_size=300))
def test_whatever_is_found_is_a_drop_once(text: str) -> None:
    found = rules.drop_numbers(text)
    assert len(set(found)) == len(found)
    assert all(rules.drop_numbers(drop) == [drop] for drop in found)


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("STOP", "stop"),
        (" stop. ", "stop"),
        ("Unsubscribe!", "stop"),
        ("Opt-out", "stop"),
        ("START", "start"),
        ("opt in", "start"),
        ("stop by at 10", None),
        ("Don't stop", None),
        ("\U0001f6d1 STOP \U0001f6d1", "stop"),
        ("STOP 10", None),
        ("Start 08:00", None),
        ("1. Start", None),
        ("stop \u00e0 midi", None),
        ("\u0421TOP", None),
        ("", None),
        ("stop " * 10, None),
        ("yes", None),
    ],
)
def test_only_a_whole_message_is_a_wish(text: str, wish: str | None) -> None:
    assert rules.opt_word(text) == wish


@pytest.mark.parametrize(
    ("named", "context", "drop"),
    [
        (["DR1737348"], None, "DR1737348"),
        (["DR1737348"], "DR1737349", "DR1737348"),
        ([], "DR1737349", "DR1737349"),
        ([], None, Ask(TriageReason.NO_DROP_NUMBER)),
        (["DR1737348", "DR1737349"], "DR1737348", Ask(TriageReason.SEVERAL_DROP_NUMBERS)),
    ],
)
def test_the_drop_of_a_message(named: list[str], context: str | None, drop: Any) -> None:
    assert rules.drop_of(named, context) == drop


def test_one_open_ticket_takes_the_message_and_any_other_number_asks() -> None:
    one, other = uuid4(), uuid4()
    assert rules.place_for("DR1737348", [one]) == Attach(one, "DR1737348")
    assert rules.place_for("DR1737348", []) == Ask(TriageReason.NO_OPEN_TICKET, "DR1737348")
    assert rules.place_for("DR1737348", [one, other]) == Ask(TriageReason.SEVERAL_OPEN_TICKETS, "DR1737348")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", False),
        (" \n\u00a0", False),
        ("\u200b\u180e\u2063", False),
        ("ok", True),
        ("\U0001f44d", True),
        (" . ", True),
    ],
)
def test_what_cannot_be_seen_says_nothing(text: str, says: bool) -> None:
    assert rules.says_something(text) is says


@given(st.text(max_size=100))
def test_every_text_becomes_storable(text: str) -> None:
    stored = rules.storable(text + "\0\ud800")
    assert "\0" not in stored
    assert stored.encode()[:1] == text.replace("\0", "").encode("utf-8", "ignore")[:1]


def payload(**fields: Any) -> dict[str, Any]:
    """The contract's sample of a message."""
    whole = {
        "id": "false_184700000000001@lid_3A9F00112233445566AA",
        "timestamp": 1784894600,
        "from": "184700000000001@lid",
        "fromMe": False,
        "source": "app",
        "to": None,
        "participant": None,
        "body": "Yes, 10:00 is fine",
        "hasMedia": False,
        "media": None,
        "ack": 2,
        "ackName": "DEVICE",
        "vCards": [],
        "location": None,
        "replyTo": None,
        "_data": {},
    }
    return whole | fields


def test_the_contracts_message_from_a_hidden_sender() -> None:
    received = received_of("fibre-noc", payload(), NOW)
    assert received is not None
    assert (received.stanza_id, received.chat_id, received.sender_id) == (
        "3A9F00112233445566AA",
        "184700000000001@lid",
        "184700000000001@lid",
    )
    assert (received.sender_phone, received.is_group, received.media) == (None, False, None)
    assert (received.body, received.sent_at) == ("Yes, 10:00 is fine", datetime(2026, 7, 24, 12, 3, 20, tzinfo=UTC))


@pytest.mark.parametrize("address", ["27600000002@c.us", "27600000002@s.whatsapp.net", "27600000002:4@s.whatsapp.net"])
def test_an_open_sender_has_a_telephone(address: str) -> None:
    received = received_of("s", payload(**{"from": address}), NOW)
    assert received is not None
    assert (received.sender_phone, received.sender_id) == ("+27600000002", "27600000002@c.us")


def test_in_a_group_the_participant_writes() -> None:
    fields = {
        "from": "120363000000000001@g.us",
        "participant": "27600000002@c.us",
        "_data": {"notifyName": " Thandi  M "},
    }
    received = received_of("s", payload(**fields), NOW)
    assert received is not None
    assert (received.is_group, received.sender_phone, received.sender_name) == (True, "+27600000002", "Thandi M")


@pytest.mark.parametrize(
    "fields",
    [
        {"fromMe": True},
        {"id": "true_27600000002@c.us_3EB0A1B2C3D4E5F60718"},
        {"from": "status@broadcast"},
        {"from": "1203@newsletter"},
        {"from": None},
        {"from": "120363000000000001@g.us"},
    ],
)
def test_what_is_not_written_to_us_is_left(fields: dict[str, Any]) -> None:
    assert received_of("s", payload(**fields), NOW) is None


@pytest.mark.parametrize("broken", [None, [], "x", {}, {"id": 7}, {"id": "x" * 201}, {"id": "x\0"}, {"id": "a b"}])
def test_what_has_no_id_is_no_message(broken: Any) -> None:
    with pytest.raises(ValueError, match="no id"):
        received_of("s", broken, NOW)


def test_files_are_told_of_with_and_without_an_address() -> None:
    media = {"url": "http://waha:3000/api/files/s/a.jpeg", "mimetype": "image/jpeg", "filename": None}
    received = received_of("s", payload(hasMedia=True, media=media), NOW)
    assert received is not None
    assert received.media == Media(url=media["url"], mime_type="image/jpeg")
    hidden = received_of("s", payload(hasMedia=True, media=None), NOW)
    assert hidden is not None
    assert hidden.media == Media()


@pytest.mark.parametrize(("timestamp", "expected"), [(None, NOW), (1e30, NOW), (2**60, NOW), (4_000_000_000, NOW)])
def test_a_time_that_cannot_be_is_the_time_of_telling(timestamp: Any, expected: datetime) -> None:
    received = received_of("s", payload(timestamp=timestamp), NOW)
    assert received is not None
    assert received.sent_at == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Confirmed("3EB0", 2, None, None)),
        ({"ack": -1, "error": {"code": 470, "reason": "blocked"}}, Confirmed("3EB0", -1, None, "blocked")),
        ({"participant": "27600000003@c.us"}, Confirmed("3EB0", 2, "27600000003@c.us", None)),
        ({"ack": None}, None),
        ({"ack": 9}, None),
        ({"id": "false_27600000002@c.us_3EB0", "fromMe": False}, None),
    ],
)
def test_confirmations_are_read(fields: dict[str, Any], expected: Confirmed | None) -> None:
    ack = {"id": "true_184700000000001@lid_3EB0", "from": "27600000002@c.us", "fromMe": True, "ack": 2}
    assert confirmed_of(ack | fields) == expected


def test_a_confirmation_of_nothing_is_none() -> None:
    assert confirmed_of(None) is None
    assert confirmed_of({"id": "true_x_\0", "fromMe": True, "ack": 2}) is None


def test_what_is_told_of_a_session() -> None:
    lock = {"reachoutTimelock": {"isActive": True, "timeEnforcementEnds": 1784980000}}
    told = session_told({"name": "fibre-noc", "status": "WORKING", "statuses": [], "data": lock})
    assert told.status == "WORKING"
    assert [one.until for one in told.restrictions or ()] == [datetime.fromtimestamp(1784980000, UTC)]
    assert session_told({"status": "FAILED", "data": None}) == SessionTold("FAILED", None)
    over = {"reachoutTimelock": {"isActive": False}}
    assert session_told({"status": "WORKING", "data": over}) == SessionTold("WORKING", ())
    answers: tuple[Any, ...] = (None, [], {}, {"status": 7}, {"data": {}})
    for nothing in answers:
        with pytest.raises(ValueError, match="nothing of the session"):
            session_told(nothing)

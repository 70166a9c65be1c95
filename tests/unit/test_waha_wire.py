"""What WAHA says, in the shapes of all its engines; what its refusals mean for the message."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations import outside
from integrations.outside import OutsideError
from integrations.waha import errors, wire
from integrations.waha.errors import error_of

STANZA = "3EB0A1B2C3D4E5F60718"
CHAT = "27600000002@c.us"
FULL = f"true_{CHAT}_{STANZA}"
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)

GOWS = {"id": FULL, "_data": None}
NOWEB = {
    "key": {"remoteJid": "27600000002@s.whatsapp.net", "fromMe": True, "id": STANZA},
    "message": {"extendedTextMessage": {"text": "Hello"}},
    "messageTimestamp": "1784894530",
    "status": "PENDING",
}
WEBJS_ID = {"fromMe": True, "remote": CHAT, "id": STANZA, "_serialized": FULL}
WEBJS = {"_data": {"id": WEBJS_ID, "ack": 0}, "id": WEBJS_ID, "ack": 0, "body": "Hello"}


class TestIds:
    @pytest.mark.parametrize(
        ("reply", "raw"),
        [
            (GOWS, FULL),
            (NOWEB, STANZA),
            (WEBJS, FULL),
            ({"id": None, "_data": {"id": WEBJS_ID}}, FULL),
            ({"id": {"id": STANZA, "$1": FULL}}, STANZA),
            ({"id": {"id": STANZA}, "key": {"id": "FROMKEY"}}, "FROMKEY"),
            ({"id": " ", "key": {"id": STANZA}}, STANZA),
        ],
    )
    def test_every_engine_is_understood(self, reply: Any, raw: str) -> None:
        sent = wire.sent_of(reply)
        assert sent.raw_id == raw
        assert sent.stanza == wire.stanza_of(raw)

    @pytest.mark.parametrize("reply", [None, "", [], {}, {"id": 7}, {"id": {}}, {"key": None}, {"_data": "x"}, 3, True])
    def test_an_answer_without_an_id_is_one_without_an_id(self, reply: Any) -> None:
        assert wire.sent_of(reply) == wire.Sent(None, None)

    @pytest.mark.parametrize(
        ("raw", "stanza"),
        [
            (FULL, STANZA),
            (STANZA, STANZA),
            (f"false_184700000000001@lid_{STANZA}", STANZA),
            (f"true_120363000000000001@g.us_{STANZA}_27600000002@c.us", STANZA),
            ("odd_id_with_parts", "odd_id_with_parts"),
            ("true_only", "true_only"),
        ],
    )
    def test_the_bare_id_is_the_third_part(self, raw: str, stanza: str) -> None:
        assert wire.stanza_of(raw) == stanza

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["id", "_data", "key", "_serialized", "ack", "me", "x"]), inner)
            ),
        )
    )
    def test_nothing_that_an_engine_says_breaks_the_reading(self, reply: Any) -> None:
        sent = wire.sent_of(reply)
        assert (sent.raw_id is None) == (sent.stanza is None)
        assert sent.ack is None or -1 <= sent.ack <= 4
        wire.session_of(reply)
        wire.message_of(reply)
        wire.contact_of(reply)
        wire.restrictions_of(reply)


class TestContacts:
    @pytest.mark.parametrize(
        ("reply", "exists", "chat_id"),
        [
            ({"numberExists": True, "chatId": CHAT}, True, CHAT),
            ({"numberExists": True, "chatId": "1847@lid", "pn": CHAT}, True, CHAT),
            ({"numberExists": True, "chatId": "1847@lid", "pn": None}, True, "1847@lid"),
            ({"numberExists": True, "chatId": "27600000002@s.whatsapp.net"}, True, CHAT),
            ({"numberExists": False}, False, None),
            ({"numberExists": False, "chatId": None}, False, None),
            ([], False, None),
        ],
    )
    def test_the_form_with_the_telephone_is_preferred(self, reply: Any, exists: bool, chat_id: str | None) -> None:
        assert wire.contact_of(reply) == wire.Contact(exists, chat_id)

    @pytest.mark.parametrize(
        ("chat_id", "phone"),
        [(CHAT, "+27600000002"), ("27600000002:14@s.whatsapp.net", "+27600000002"), ("1847@lid", None), (None, None)],
    )
    def test_a_telephone_is_read_only_where_there_is_one(self, chat_id: str | None, phone: str | None) -> None:
        assert wire.phone_of(chat_id) == phone


class TestRestrictions:
    def test_nothing_said_is_not_the_same_as_nothing_held(self) -> None:
        assert wire.restrictions_of({"id": CHAT}) is None
        assert wire.restrictions_of({"reachoutTimelock": None}) is None
        assert wire.restrictions_of({"reachoutTimelock": {"isActive": False}}) == ()

    def test_the_end_is_unix_seconds(self) -> None:
        lock = {"isActive": True, "timeEnforcementEnds": 1784980000}
        [found] = wire.restrictions_of({"reachoutTimelock": lock}) or ()
        assert found.until == datetime.fromtimestamp(1784980000, UTC)

    @pytest.mark.parametrize(("used", "held"), [(10, True), (9, False)])
    def test_a_quota_holds_when_it_is_gone(self, used: int, held: bool) -> None:
        capping = {"cappingStatus": "X", "totalQuota": 10, "usedQuota": used, "cycleEnd": 1784980000}
        assert bool(wire.restrictions_of({"messageCapping": capping})) == held


def refusal(status: int, body: Any, **headers: str) -> OutsideError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return error_of(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw, now=NOW)


def engine_says(message: str) -> dict[str, Any]:
    return {"statusCode": 500, "exception": {"message": message, "name": "Error", "code": 2}, "request": {}}


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "body", "kind", "may_have_left"),
        [
            (401, {"message": "Unauthorized", "statusCode": 401}, outside.NotSignedIn, False),
            (403, {"message": "Forbidden"}, outside.NotAllowed, False),
            (404, {"message": "x", "error": "Not Found", "statusCode": 404}, outside.NotThere, False),
            (400, {"message": ["chatId must be a string"]}, outside.Refused, False),
            (422, {"message": "x", "error": "Unprocessable Entity"}, outside.Refused, False),
            (429, {"message": "slow down"}, outside.TooManyRequests, False),
            (500, engine_says("2 UNKNOWN: server returned error 463"), errors.Timelocked, False),
            (500, {"error": "2 UNKNOWN: server returned error 475"}, errors.Capped, False),
            (500, engine_says("server returned error 400"), errors.SessionBroken, True),
            (500, engine_says("server returned error 429"), outside.TooManyRequests, False),
            (500, engine_says("No LID for user"), errors.UnknownChat, False),
            (500, engine_says("Evaluation failed"), outside.ServerFailed, True),
            (502, b"<html>Bad Gateway</html>", outside.ServerFailed, True),
            (302, b"", outside.ServerFailed, True),
        ],
    )
    def test_each_answer_says_whether_a_message_may_have_left(
        self, status: int, body: Any, kind: type[OutsideError], may_have_left: bool
    ) -> None:
        error = refusal(status, body)
        assert type(error) is kind
        assert error.may_have_happened is may_have_left
        assert error.status == status

    def test_a_session_that_is_not_ready_says_what_it_is(self) -> None:
        body = {"error": "Session status is not as expected.", "session": "x", "status": "STARTING", "expected": ["W"]}
        error = refusal(422, body)
        assert isinstance(error, errors.SessionNotWorking)
        assert (error.session_status, error.may_have_happened, error.is_outage) == ("STARTING", False, False)

    def test_of_a_proxys_page_only_the_words_are_told(self) -> None:
        page = (
            b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><hr><center>nginx</center></body></html>"
        )
        assert str(refusal(502, page)) == "WAHA answered 502: 502 Bad Gateway nginx"

    @pytest.mark.parametrize(
        ("header", "seconds"), [("30", 30), ("Mon, 23 Nov 2026 08:01:00 GMT", 60), ("soon", None), ("", None)]
    )
    def test_the_wait_that_is_asked_for_is_read(self, header: str, seconds: float | None) -> None:
        assert refusal(429, {}, retry_after=header).retry_after == seconds

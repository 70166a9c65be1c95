"""Signatures and descriptions of events: the contracts' own vectors, and everything that is none."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.errors import InvalidInput
from ticketing.webhooks.deliveries import Delivery, read_qcontact, read_waha
from ticketing.webhooks.signatures import is_signed, sign

CASE_UPDATED = (
    b'{"event":"ticket.updated","ticket_id":"21934500001","timestamp":"2026-07-21T08:15:30.000Z","data":{"id":"21934500001",'
    b'"title":"FT900123","description":"No internet since Monday","status":"assigned","priority":"normal",'
    b'"created_at":"2026-07-20T06:00:00Z","updated_at":"2026-07-21T08:15:29Z","customer_name":"Thandi Example",'
    b'"customer_phone":"+27600000002","custom_fields":{"dr_number":"DR9900123"}}}'
)
CASE_SIGNATURE = "ec07439b0fd8f377b844e87d9a40801633d11c79ff4481d5b9896bd1ce6abc3f"
ACK = (
    b'{"id":"evt_01k9zq4m7x2t8v5c3b6n1r0dae","timestamp":1784894532417,"event":"message.ack","session":"fibre-noc",'
    b'"me":{"id":"27600000001@c.us","pushName":"Example NOC"},'
    b'"payload":{"id":"true_27600000002@c.us_3EB0A1B2C3D4E5F60718",'
    b'"from":"27600000002@c.us","to":null,"participant":null,"fromMe":true,"ack":2,"ackName":"DEVICE"},"engine":"GOWS",'
    b'"environment":{"version":"2026.9.2","engine":"GOWS","tier":"CORE","browser":null,"platform":"linux/x64",'
    b'"worker":{"id":"w1"}}}'
)
ACK_SIGNATURE = (
    "b5aabf90f3ad5170c8f63d756632f8b01da72292a463f0bed9e5b4c15cb5afebd9cf041ab469920fee4d8ea37eb677b6b65fed6071fbce5954fc1e"
    "5117f0a0be"
)
DOCS_BODY = b'{"event":"message","session":"default","engine":"WEBJS"}'
DOCS_SIGNATURE = (
    "208f8a55dde9e05519e898b10b89bf0d0b3b0fdf11fdbf09b6b90476301b98d8097c462b2b17a6ce93b6b47a136cf2e78a33a63f6752c2c1631777"
    "076153fa89"
)
NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)


def changed(body: bytes, **fields: Any) -> bytes:
    envelope = json.loads(body) | fields
    return json.dumps({name: value for name, value in envelope.items() if value is not ...}).encode()


def test_the_vectors_are_whole() -> None:
    assert (len(CASE_UPDATED), len(ACK)) == (398, 465)


@pytest.mark.parametrize(
    ("body", "secret", "algorithm", "signature"),
    [
        (CASE_UPDATED, "test-qc-secret", "sha256", CASE_SIGNATURE),
        (ACK, "test-hook-key", "sha512", ACK_SIGNATURE),
        (DOCS_BODY, "my-secret-key", "sha512", DOCS_SIGNATURE),
    ],
)
def test_the_contracts_vectors_fit(body: bytes, secret: str, algorithm: Any, signature: str) -> None:
    assert sign(body, secret, algorithm) == signature
    assert is_signed(body, signature, secret, algorithm)
    assert not is_signed(body + b"\n", signature, secret, algorithm)
    assert not is_signed(body, signature, secret + "x", algorithm)
    assert not is_signed(body, f"{algorithm}={signature}", secret, algorithm)
    assert not is_signed(body, signature.upper(), secret, algorithm)


@given(st.binary(max_size=200), st.text(max_size=80))
def test_what_somebody_makes_up_is_no_signature(body: bytes, given_text: str) -> None:
    assert not is_signed(body, given_text, "secret", "sha256")
    assert not is_signed(body, given_text, "secret", "sha512")


def test_a_case_that_changed() -> None:
    assert read_qcontact(CASE_UPDATED) == Delivery(
        source="qcontact",
        event="ticket.updated",
        subject="21934500001",
        key=hashlib.sha256(CASE_UPDATED).hexdigest(),
        said_at=datetime(2026, 7, 21, 8, 15, 30, tzinfo=UTC),
    )
    assert read_qcontact(changed(CASE_UPDATED, ticket_id=21934500001)).subject == "21934500001"


def test_an_acknowledgement() -> None:
    assert read_waha(ACK) == Delivery(
        source="waha",
        event="message.ack",
        subject="fibre-noc",
        key="evt_01k9zq4m7x2t8v5c3b6n1r0dae",
        said_at=datetime(2026, 7, 24, 12, 2, 12, 417000, tzinfo=UTC),
    )


def test_without_an_id_the_body_stands_for_the_event_and_the_message_has_the_time() -> None:
    body = changed(ACK, id=..., timestamp=..., payload={"timestamp": 1784894532})
    delivery = read_waha(body)
    assert delivery.key == hashlib.sha256(body).hexdigest()
    assert delivery.said_at == datetime(2026, 7, 24, 12, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize("body", [b"", b"nothing", b"[]", b"7", b"\xff\xfe", b'"x"', b"[" * 100_000, b"null"])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    for read in (read_qcontact, read_waha):
        with pytest.raises(InvalidInput, match="Invalid JSON"):
            read(body)


@pytest.mark.parametrize(
    "fields",
    [
        {"event": ...},
        {"event": 7},
        {"event": "a b"},
        {"event": "x" * 101},
        {"event": "x\0"},
        {"ticket_id": ...},
        {"ticket_id": "FT900123"},
        {"ticket_id": True},
        {"ticket_id": "1" * 20},
        {"timestamp": ...},
        {"timestamp": "yesterday"},
        {"timestamp": 1784894532417},
    ],
)
def test_a_case_with_something_missing_is_refused_by_name(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_qcontact(changed(CASE_UPDATED, **fields))
    assert set(caught.value.details or {}) == set(fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"event": None},
        {"session": ...},
        {"session": "../x"},
        {"timestamp": ..., "payload": {}},
        {"timestamp": 1e300},
        {"timestamp": True, "payload": None},
    ],
)
def test_news_with_something_missing_is_refused_by_name(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_waha(changed(ACK, **fields))
    assert set(caught.value.details or {}) == set(fields) - {"payload"}


@pytest.mark.parametrize(
    ("source", "age", "fresh"),
    [
        ("qcontact", timedelta(0), True),
        ("qcontact", timedelta(minutes=5), True),
        ("qcontact", timedelta(minutes=5, seconds=1), False),
        ("qcontact", timedelta(minutes=-5), True),
        ("qcontact", timedelta(minutes=-5, seconds=-1), False),
        ("waha", timedelta(hours=22), True),
        ("waha", timedelta(hours=24, seconds=1), False),
        ("waha", timedelta(minutes=-6), False),
    ],
)
def test_only_what_was_said_lately_is_believed(source: Any, age: timedelta, fresh: bool) -> None:
    delivery = Delivery(source=source, event="x", subject="x", key="x", said_at=NOW - age)
    assert delivery.is_fresh(NOW) is fresh

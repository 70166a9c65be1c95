"""Webhooks of QContact and WAHA: the signature first, then the JSON, then kept, and only then acknowledged.

Whoever is not answered with 2xx sends again, so nothing is acknowledged that is not in the database. Then a job works.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from flask import Response, request
from pydantic import BaseModel, Field, SecretStr

from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import platform, request_id
from admin_api.problems import answers, text_failures
from admin_api.responses import Success, success
from admin_api.sign_in import Unauthorized
from jobs.kinds import process_webhook
from runtime.errors import FibreflowError
from ticketing.people import Actor
from ticketing.webhooks import deliveries, receipts
from ticketing.webhooks.deliveries import Delivery
from ticketing.webhooks.receipts import Receipt
from ticketing.webhooks.signatures import Algorithm, is_signed

api = blueprint("webhooks")

MOST_BYTES: Final = 1024 * 1024

_WAITS = "Stored: it will be dealt with in a moment"
_INVALID = {"VALIDATION_ERROR": 400}


class NotListening(FibreflowError):
    """No secret is set, so nobody's signature can be checked: the sender is told to come again."""

    code = "SERVICE_UNAVAILABLE"


class QContactReceipt(BaseModel):
    """What became of an event of QContact so far."""

    event: str
    ticket_id: str = Field(description="The case's number at QContact")
    processed: bool = Field(description="False: it is stored, and the case will be read again in a moment")
    fibreflow_ticket_id: UUID | None
    error: str | None
    received_at: datetime


class QContactAnswer(Success):
    """The event is stored."""

    data: QContactReceipt


class WahaReceipt(BaseModel):
    """What became of an event of WAHA so far."""

    event: str
    session: str
    processed: bool
    repeated: bool = Field(description="Whether the same event came before")
    received_at: datetime


class WahaAnswer(Success):
    """The event is stored."""

    data: WahaReceipt


class TextFailure(BaseModel):
    """An event that was not taken."""

    success: bool = False
    error: str = Field(description="For people: what is wrong")


_FAILS: Any = {400: TextFailure, 401: TextFailure, 413: TextFailure, 503: TextFailure}


@api.post("/webhooks/qcontact", responses={200: QContactAnswer, **_FAILS})
@requires.anyone()
@answers(**_INVALID)
@text_failures
def qcontact() -> Response:
    """Take an event of QContact, signed in `X-QContact-Signature` (HMAC-SHA256 over the body, lower-case hex).

    It is a hint only: what it says of the case is not believed, the case is read again.
    """
    secret = _secret(platform().settings.qcontact_webhook_secret)
    body = _signed_body(secret, "X-QContact-Signature", "sha256")
    delivery, receipt = _keep(body, deliveries.read_qcontact, "QContact")
    with platform().read() as connection:
        ticket_id = receipts.find_ticket_of_case(connection, delivery.subject)
    processed = receipt.processed_at is not None
    data = {
        "event": delivery.event,
        "ticket_id": delivery.subject,
        "processed": processed,
        "fibreflow_ticket_id": ticket_id,
        "error": receipt.error if processed else _WAITS,
        "received_at": receipt.received_at,
    }
    return success(data, "Webhook received" if receipt.is_new else "Webhook received before")


@api.post("/webhooks/waha", responses={200: WahaAnswer, **_FAILS})
@requires.anyone()
@answers(**_INVALID)
@text_failures
def waha() -> Response:
    """Take an event of WAHA, signed in `X-Webhook-Hmac` (HMAC-SHA512 over the body, lower-case hex)."""
    secret = _secret(platform().settings.waha_webhook_secret)
    algorithm = request.headers.get("X-Webhook-Hmac-Algorithm", "sha512")
    if algorithm.lower() != "sha512":
        raise Unauthorized("Invalid webhook signature: the algorithm must be sha512")
    body = _signed_body(secret, "X-Webhook-Hmac", "sha512")
    delivery, receipt = _keep(body, deliveries.read_waha, "WAHA")
    data = {
        "event": delivery.event,
        "session": delivery.subject,
        "processed": receipt.processed_at is not None,
        "repeated": not receipt.is_new,
        "received_at": receipt.received_at,
    }
    return success(data, "Webhook received" if receipt.is_new else "Webhook received before")


def _secret(secret: SecretStr | None) -> str:
    if secret is None or not secret.get_secret_value():
        raise NotListening("Webhooks of this kind are not set up here")
    return secret.get_secret_value()


def _signed_body(secret: str, header: str, algorithm: Algorithm) -> bytes:
    """Return the body of the request in hand. Raises Unauthorized unless it is signed; too large a one is 413."""
    given = request.headers.get(header)
    if not given:
        raise Unauthorized("Missing webhook signature")
    request.max_content_length = MOST_BYTES
    body = request.get_data(cache=False)
    if not is_signed(body, given, secret, algorithm):
        raise Unauthorized("Invalid webhook signature")
    return body


def _keep(body: bytes, read: Callable[[bytes], Delivery], sender: str) -> tuple[Delivery, Receipt]:
    """Keep an event, and its job if it is new, in one transaction. Raises InvalidInput and TooOld."""
    delivery = read(body)
    actor = Actor(kind="system", name=f"{sender} webhook", roles=frozenset({"admin"}))
    with platform().begin(actor, request_id=request_id()) as work:
        receipt = receipts.receive(work, delivery, body)
        if receipt.is_new:
            process_webhook.submit(work, receipt.id)
    return delivery, receipt

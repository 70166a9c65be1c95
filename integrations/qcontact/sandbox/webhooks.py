"""Webhooks of QContact as they are assumed to be: nobody has seen one, so they are sent only behind their switch.

Each is signed over its exact bytes. Switches and single orders make them come twice, in another order, with a wrong
signature or late, which is what a receiver must stand up to.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import queue
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from integrations.qcontact.sandbox.records import Case, Records
from integrations.qcontact.sandbox.rendering import timestamp
from integrations.qcontact.sandbox.switches import QContactSwitches
from integrations.sandboxes.control import PLAIN

SIGNATURE_HEADER = "X-QContact-Signature"
EVENTS = ("ticket.created", "ticket.updated", "ticket.closed", "ticket.assigned")
# How long to gather deliveries that are to go out in another order.
GATHER = 0.05
TIMEOUT = 10.0


def signature(secret: str, body: bytes) -> str:
    """Return the value of the signature's header: HMAC-SHA256 of the exact bytes, in lower-case hex."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def ticket_body(event: str, case: Case, records: Records, at: datetime) -> bytes:
    """Return the body of an event about a case, without any space between its parts."""
    fields = case.fields
    status = "".join(fields["status"].split()).lower()
    values = {
        "id": str(case.id),
        "title": fields["reference"] or case.label.strip(),
        "description": fields["description"],
        "status": status,
        "priority": "normal",
        "created_at": _whole_second(case.created_at),
        "updated_at": _whole_second(case.updated_at),
        "customer_name": records.contacts.name_of(fields["contact"]),
        "customer_phone": fields["telephone"],
        "custom_fields": {"dr_number": records.drops.name_of(fields["c__dr_number"])},
    }
    data = {name: value for name, value in values.items() if value is not None}
    envelope = {"event": event, "ticket_id": str(case.id), "timestamp": timestamp(at), "data": data}
    return json.dumps(envelope, separators=(",", ":"), ensure_ascii=False).encode()


def _whole_second(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Order:
    """A webhook to be sent. `age` (seconds) was in its timestamp already; `raw` bodies are no event at all."""

    event: str
    ticket_id: str
    body: bytes
    wrong_signature: bool = False
    copies: int = 1


@dataclass(frozen=True, slots=True)
class Delivery:
    """One try to deliver a webhook; `status` is None when no answer came, and `error` tells why."""

    event: str
    ticket_id: str
    body: str
    signature: str
    attempt: int
    status: int | None
    error: str | None
    at: datetime

    def as_json(self) -> dict[str, Any]:
        """Return the delivery as the control shows it."""
        return {**asdict(self), "at": self.at.isoformat()}


class WebhookSender:
    """Sends what is put into it from a thread of its own, one after another, so that no route ever waits for it."""

    def __init__(self, switches: Callable[[], QContactSwitches], now: Callable[[], datetime]) -> None:
        self._switches = switches
        self._now = now
        self._orders: queue.Queue[Order | None] = queue.Queue()
        self._thread: threading.Thread | None = None
        self.deliveries: list[Delivery] = []

    def start(self) -> None:
        """Begin to send."""
        self._thread = threading.Thread(target=self._send_all, name="qcontact-sandbox-webhooks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End when what is being sent is through."""
        self._orders.put(None)
        if self._thread:
            self._thread.join(TIMEOUT)

    @property
    def pending(self) -> int:
        """How many are not through yet."""
        return self._orders.unfinished_tasks

    def put(self, order: Order) -> None:
        """Send a webhook soon, if the assumption is switched on and there is somewhere to send it to."""
        switches = self._switches()
        if switches.assume_webhooks and switches.webhook_url:
            self._orders.put(order)

    def about(self, event: str, case: Case, records: Records, *, age: float = 0.0, **more: Any) -> None:
        """Send an event about a case as it is now; its timestamp is `age` seconds old, beside the switched age."""
        at = self._now() - timedelta(seconds=age + self._switches().webhook_age)
        self.put(Order(event, str(case.id), ticket_body(event, case, records, at), **more))

    def _send_all(self) -> None:
        with ExitStack() as stack:
            client: httpx.Client | None = None
            while (batch := self._next_batch()) is not None:
                # Made when there is something to send: most sandboxes never assume a webhook.
                client = client or stack.enter_context(httpx.Client(timeout=TIMEOUT, trust_env=False, verify=PLAIN))
                for order in batch:
                    try:
                        self._send(client, order)
                    finally:
                        self._orders.task_done()

    def _next_batch(self) -> list[Order] | None:
        first = self._orders.get()
        if first is None:
            self._orders.task_done()
            return None
        batch = [first]
        if self._switches().webhook_reorder:
            threading.Event().wait(GATHER)
            batch += self._waiting()
        return list(reversed(batch))

    def _waiting(self) -> list[Order]:
        found: list[Order] = []
        while not self._orders.empty():
            order = self._orders.get()
            if order is None:
                # The end is for the next look; it is counted a second time.
                self._orders.put(None)
                self._orders.task_done()
                break
            found.append(order)
        return found

    def _send(self, client: httpx.Client, order: Order) -> None:
        switches = self._switches()
        for _copy in range(order.copies + switches.webhook_duplicates):
            for attempt in range(1, switches.webhook_attempts + 1):
                delivery = self._try(client, order, attempt, switches)
                self.deliveries.append(delivery)
                if delivery.status is not None and delivery.status < 300:
                    break

    def _try(self, client: httpx.Client, order: Order, attempt: int, switches: QContactSwitches) -> Delivery:
        wrong = order.wrong_signature or switches.webhook_wrong_signature
        signed = signature("another secret" if wrong else switches.webhook_secret, order.body)
        headers = {SIGNATURE_HEADER: signed, "Content-Type": "application/json"}
        status, error = None, None
        try:
            status = client.post(switches.webhook_url or "", content=order.body, headers=headers).status_code
        except httpx.HTTPError as failure:
            error = f"{type(failure).__name__}: {failure}"
        text = order.body.decode("utf-8", errors="replace")
        return Delivery(order.event, order.ticket_id, text, signed, attempt, status, error, self._now())

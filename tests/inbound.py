"""People who write to us over WhatsApp, in tests: what they write is kept as an event, and its jobs are run."""

from __future__ import annotations

import itertools
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from jobs.kinds import process_webhook
from tests.running import run_jobs
from ticketing.people import SYSTEM
from ticketing.webhooks import receipts
from ticketing.webhooks.deliveries import read_waha

if TYPE_CHECKING:
    from jobs.platform import Platform
    from sql.database import Connection

SENDER = "27600000002@c.us"
PHONE = "+27600000002"
DROP = "DR1737348"

_numbers = itertools.count(1)


def message_body(text: str, at: datetime, **fields: Any) -> bytes:
    """An event about a message, as the gateway words it; `fields` change the payload."""
    payload = {
        "id": f"false_{fields.get('from', SENDER)}_3A{next(_numbers):018X}",
        "timestamp": int(at.timestamp()),
        "from": SENDER,
        "fromMe": False,
        "participant": None,
        "body": text,
        "hasMedia": "media" in fields,
        "media": None,
        "ack": 2,
        "_data": {"notifyName": "Thandi"},
    }
    envelope = {
        "id": f"evt_{uuid4().hex[:26]}",
        "timestamp": int(at.timestamp() * 1000),
        "event": "message",
        "session": "default",
        "payload": payload | fields,
    }
    return json.dumps(envelope).encode()


def keep(platform: Platform, body: bytes) -> None:
    """Keep an event, with its job, as the API does."""
    with platform.begin(SYSTEM) as work:
        process_webhook.submit(work, receipts.receive(work, read_waha(body), body).id)


def write(platform: Platform, text: str, *, ago: timedelta = timedelta(0), **fields: Any) -> list[dict[str, Any]]:
    """Let somebody have written a message some time ago; return the jobs that ran."""
    keep(platform, message_body(text, platform.clock.now() - ago, **fields))
    return run_jobs(platform)


def messages(connection: Connection) -> list[dict[str, Any]]:
    """The messages that are kept, in the order in which they came."""
    return connection.execute("select * from inbound_messages order by id").fetchall()


def queue(connection: Connection) -> list[dict[str, Any]]:
    """The items of the queue, in the order in which they came."""
    return connection.execute("select * from triage_items order by id").fetchall()

"""Cases of the CRM for tests, as they come over the wire and in our words, and its sandbox made as new."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

from integrations.qcontact.mapping import to_case
from integrations.qcontact.sandbox import QContactSandbox
from integrations.qcontact.wire import WireCase, read_case
from ticketing.qcontact_sync.cases import Case

QUEUE = 21900000077
CREATED_AT = "2026-11-20T06:00:00.000Z"
UPDATED_AT = datetime(2026, 11, 21, 8, 15, 29, tzinfo=UTC)

_numbers = itertools.count(1)


def wire_case(*, dr_number: str | None = "DR9900123", top: dict[str, Any] | None = None, **fields: Any) -> WireCase:
    """A whole case as the CRM sends it; keywords are its fields, `top` what stands beside them."""
    number = next(_numbers)
    body = {
        "id": 21934500000 + number,
        "label": f"Connection Issue FT{900000 + number}",
        "created_at": CREATED_AT,
        "updated_at": "2026-11-21T08:15:29.000Z",
    } | (top or {})
    body["fields"] = {
        "status": "Assigned",
        "category": "Connectivity::Link Light",
        "description": "No internet since Monday, red light on ONT",
        "assigned_to": QUEUE,
        "telephone": "+27600000002",
        "email": "thandi@example.test",
        "address": "12 Example Street, Example Ext 3",
        "c__serial_number": "EXMP00000001",
    } | fields
    drop = {"id": 21933300012, "label": dr_number} if dr_number else None
    body["relationships"] = {"contact": {"id": 1, "label": "Thandi Example"}, "c__dr_number": drop}
    case = read_case(body)
    assert case is not None
    return case


def make_case(**given: Any) -> Case:
    """A case in our words; keywords as for `wire_case`."""
    return to_case(wire_case(**given))


def renew(sandbox: QContactSandbox) -> None:
    """Make a sandbox as good as new, but for the cases that it holds."""
    sandbox.faults.stop()
    sandbox.switches = sandbox.switches_type()
    sandbox.accounts.sign_ins = 0
    sandbox.expire_tokens()
    sandbox.journal.clear()

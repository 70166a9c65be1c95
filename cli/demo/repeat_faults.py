"""The end of the demo: three faults on one pole raise one escalation with its infrastructure ticket."""

from __future__ import annotations

import time
from typing import Any

from cli.api_client import ApiClient
from cli.console import out, table
from cli.demo.following import FINISH_WITHIN, LOOK_EVERY, DemoFailed, heading

POLE = "DEMO.P.0001"
FAULTS = ("No light at the house", "Cable hangs from the pole", "Slow since the storm")


def three_faults(api: ApiClient) -> None:
    """Report three faults on one pole (once, however often the demo runs) and show what became of them."""
    heading(f"6. Three faults on pole {POLE}")
    if _escalation(api) is None:
        for title in FAULTS:
            ticket = api.post(
                "/tickets",
                {"source": "ad_hoc", "title": title, "ticket_type": "maintenance", "pole_number": POLE},
            )
            out.print(f"reported {ticket['ticket_uid']}: {title}")
    else:
        out.print("they were reported before")
    _show(api, _awaited(api))


def _escalation(api: ApiClient) -> dict[str, Any] | None:
    found = [one for one in api.get("/escalations", {"scope_type": "pole"}) if one["scope_value"] == POLE]
    return found[0] if found else None


def _awaited(api: ApiClient) -> dict[str, Any]:
    deadline = time.monotonic() + FINISH_WITHIN
    while time.monotonic() < deadline:
        if (found := _escalation(api)) is not None and found["fault_count"] >= len(FAULTS):
            return found
        time.sleep(LOOK_EVERY)
    raise DemoFailed(f"three faults on {POLE} raised no escalation within {FINISH_WITHIN:.0f} s")


def _show(api: ApiClient, found: dict[str, Any]) -> None:
    escalation = api.get(f"/escalations/{found['id']}")
    infrastructure = api.get(f"/tickets/{escalation['escalation_ticket_id']}")
    out.print(
        f"one escalation, {escalation['status']}: {escalation['fault_count']} faults, threshold "
        f"{escalation['fault_threshold']}; its infrastructure ticket is {infrastructure['ticket_uid']} "
        f"({infrastructure['priority']}, {infrastructure['source']}): {infrastructure['title']}"
    )
    table(
        ("fault", "title", "status"),
        ((one["ticket_uid"], one["title"], one["status"]) for one in escalation["tickets"]),
    )

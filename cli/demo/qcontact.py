"""The demo's cases: they come in from QContact, and the work on one of them is told there."""

from __future__ import annotations

import time
from datetime import datetime
from textwrap import shorten
from typing import Any

from cli.api_client import ApiClient
from cli.console import out, table
from cli.demo.following import FINISH_WITHIN, LOOK_EVERY, DemoFailed, heading
from integrations.qcontact.sandbox import QContactSandbox
from ticketing.vocabulary import Status

NOTE = "The technician is on site; the drop cable has come off its clamp"
WIDEST = 60


def sync_cases(api: ApiClient, qcontact: QContactSandbox, since: datetime) -> str | None:
    """Bring the cases in, work on one, and show what QContact then says of it; return its ticket's id.

    `since` is when the demo began: the scheduled sync may have come by meanwhile, and what it made is new too.
    """
    heading("7. Cases from QContact")
    done = api.post("/sync/qcontact?wait=25", {"sync_direction": "inbound", "force_resync": True})
    if not done["is_finished"]:
        raise DemoFailed("the sync with QContact did not end within 25 s")
    counts = done["sync_result"]["inbound_stats"]
    out.print(
        f"read {counts['total_processed']} cases: {_made_since(api, since)} new, {counts['updated']} changed, "
        f"{counts['failed']} failed, success {100 * done['summary']['success_rate']:g} %"
    )
    rows = [(ticket, case) for case in _cases(qcontact) if (ticket := _ticket_of(api, case)) is not None]
    table(
        ("case", "status there", "ticket", "status here", "about"),
        (
            (
                str(case["id"]),
                case["status"],
                ticket["ticket_uid"],
                ticket["status"],
                shorten(ticket["description"] or ticket["title"], WIDEST, placeholder=" …"),
            )
            for ticket, case in rows
        ),
    )
    workable = [(ticket, case) for ticket, case in rows if ticket["status"] in (Status.OPEN, Status.ASSIGNED)]
    if not workable:
        out.print("none of them waits for work")
        return None
    ticket, case = workable[0]
    _work_on(api, ticket)
    _await_told(api)
    _show_case(qcontact, str(case["id"]), ticket["ticket_uid"])
    return str(ticket["id"])


def _made_since(api: ApiClient, since: datetime) -> int:
    runs = api.get("/sync/qcontact/runs")
    return sum(run["created"] for run in runs if datetime.fromisoformat(run["started_at"]) >= since)


def _cases(qcontact: QContactSandbox) -> list[dict[str, Any]]:
    with qcontact.lock:
        return [
            {"id": case.id, "label": case.label, "status": case.fields["status"]}
            for case in qcontact.records.cases.values()
        ]


def _ticket_of(api: ApiClient, case: dict[str, Any]) -> dict[str, Any] | None:
    found = api.get("/sync/qcontact/log", {"qcontact_ticket_id": str(case["id"]), "pageSize": "1"})["logs"]
    if not found or found[0]["ticket_id"] is None:
        return None
    ticket: dict[str, Any] = api.get(f"/tickets/{found[0]['ticket_id']}")
    return ticket


def _work_on(api: ApiClient, ticket: dict[str, Any]) -> None:
    path = f"/tickets/{ticket['id']}"
    technician = api.get("/users", {"role": "technician"})[0]
    api.put(path, {"assigned_to": technician["id"]})
    api.put(path, {"status": Status.IN_PROGRESS.value})
    api.post(f"{path}/notes", {"note_type": "client", "visibility": "public", "content": NOTE})
    out.print(f"{ticket['ticket_uid']}: assigned to {technician['name']}, in progress, a note for the client")


def _await_told(api: ApiClient) -> None:
    deadline = time.monotonic() + FINISH_WITHIN
    while time.monotonic() < deadline:
        if api.get("/sync/qcontact/status")["pending_outbound"] == 0:
            return
        time.sleep(LOOK_EVERY)
    raise DemoFailed(f"QContact was not told within {FINISH_WITHIN:.0f} s")


def _show_case(qcontact: QContactSandbox, case_id: str, ticket_uid: str) -> None:
    with qcontact.lock:
        fields = dict(qcontact.case(case_id).fields)
    out.print(f"what QContact says of case {case_id} ({ticket_uid}) now:")
    description = str(fields["description"] or "").replace("\n", " / ")
    table(("status", "description"), [(fields["status"], description)])

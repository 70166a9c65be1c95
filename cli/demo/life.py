"""The middle of the demo: one ticket's whole life, from an assignee to a sealed handover and its end."""

from __future__ import annotations

import time
import zlib
from datetime import datetime, timedelta
from textwrap import shorten
from typing import Any

from cli import sample_photos
from cli.api_client import ApiClient
from cli.console import out, table
from cli.demo.following import FINISH_WITHIN, LOOK_EVERY, DemoFailed, duration, follow, heading
from runtime.clock import BUSINESS_ZONE, SystemClock
from ticketing.verification_steps import STEPS
from ticketing.vocabulary import HandoverType, Status

ONT_SERIAL, RX_LEVEL = "ALCLB0C0FFEE", -18.5
NEEDED = ("dr_number", "pole_number", "pon_number", "zone_id", "project_id")
NOTES = f"{RX_LEVEL} dBm at the ONT, measured with a power meter"
# The fifth step is the first to need the ONT.
FIRST_VISIT = range(1, 5)
SECOND_VISIT = range(5, len(STEPS) + 1)
ROWS = "200"
WIDEST = 90


def live(api: ApiClient, report_id: str) -> str | None:
    """Take the first ticket of a report that can be through its life; on later runs show the one that has been.

    Returns its id; None where no ticket can.
    """
    heading("5. One ticket's whole life")
    ticket = _candidate(api, report_id)
    if ticket is None:
        out.print("no open ticket of the workbook has a DR, pole, PON and zone: nothing to show")
        return None
    out.print(f"{ticket['ticket_uid']}, {ticket['dr_number']}: {ticket['title']}")
    if ticket["status"] == Status.OPEN:
        Life(api, ticket).whole()
    else:
        out.print("it had lived before")
    _timeline(api, ticket["id"])
    return str(ticket["id"])


def _candidate(api: ApiClient, report_id: str) -> dict[str, Any] | None:
    for row in api.get(f"/import/weekly/{report_id}/rows", {"limit": ROWS}):
        if row["ticket_id"] is None:
            continue
        ticket: dict[str, Any] = api.get(f"/tickets/{row['ticket_id']}")
        if ticket["status"] == Status.OPEN and all(ticket[field] for field in NEEDED):
            return ticket
        if ticket["status"] == Status.CLOSED and _handovers(api, ticket["id"]):
            return ticket
    return None


def _handovers(api: ApiClient, ticket_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(f"/tickets/{ticket_id}/handover-history")["handovers"]
    return found


class Life:
    """The life of one ticket, told as it happens."""

    def __init__(self, api: ApiClient, ticket: dict[str, Any]) -> None:
        self._api = api
        self._ticket = ticket
        self._path = f"/tickets/{ticket['id']}"
        self._photos = 0
        self._technician = ""

    def whole(self) -> None:
        """Live it."""
        self._assign()
        self._move(Status.IN_PROGRESS)
        self._complete_steps(FIRST_VISIT)
        self._await_inspections()
        self._check()
        self._change(ont_serial=ONT_SERIAL, ont_rx_level=RX_LEVEL)
        self._complete_steps(SECOND_VISIT)
        self._await_inspections()
        self._to_qa()
        self._move(Status.QA_REJECTED, reason="The splice tray of step 4 is not closed")
        self._move(Status.IN_PROGRESS)
        self._photograph(4)
        self._await_inspections()
        self._to_qa()
        self._move(Status.QA_APPROVED)
        self._move(Status.PENDING_HANDOVER)
        self._hand_over()
        self._change(
            fault_cause="workmanship", fault_cause_details="The connector of the drop cable had not been cleaned"
        )
        self._move(Status.CLOSED)

    def _assign(self) -> None:
        person = self._first("/users", {"role": "technician"})
        company = self._first("/contractors", {})
        self._change(assigned_to=person["id"], assigned_contractor_id=company["id"])
        self._technician = person["id"]
        out.print(f"assigned to {person['name']} and {company['name']}: {self._ticket['status']}")

    def _first(self, path: str, params: dict[str, str]) -> dict[str, Any]:
        found: list[dict[str, Any]] = self._api.get(path, params)
        if not found:
            raise DemoFailed(f"{path} lists nobody; run `fibreflow seed`")
        return found[0]

    def _change(self, **fields: Any) -> None:
        self._ticket = self._api.put(self._path, fields)

    def _move(self, status: Status, **fields: Any) -> None:
        self._change(status=status.value, **fields)
        out.print(f"{self._ticket['status']}{': ' + fields['reason'] if 'reason' in fields else ''}")

    def _complete_steps(self, numbers: range) -> None:
        for step in (step for step in STEPS if step.number in numbers):
            if step.photo_required:
                self._photograph(step.number)
            notes = {"notes": NOTES} if step.needs_notes else {}
            self._api.put(f"{self._path}/verification/{step.number}", {"is_complete": True, **notes})
        progress = self._api.post(f"{self._path}/verification/complete")
        out.print(f"verification steps: {progress['progress']}, {self._photos} photos")

    def _photograph(self, step: int) -> None:
        self._photos += 1
        taken_at = SystemClock().now().astimezone(BUSINESS_ZONE) - timedelta(minutes=2 * (len(STEPS) - step))
        caption = f"{self._ticket['dr_number']} step {step}"
        seed = zlib.crc32(f"{self._ticket['id']} {self._photos}".encode())
        photo = sample_photos.draw(seed, caption, taken_at)
        about = {"step_number": str(step), "uploaded_by": self._technician}
        self._api.attach(f"{self._path}/attachments", f"step-{step}.jpg", photo, about)

    def _await_inspections(self) -> None:
        deadline = time.monotonic() + FINISH_WITHIN
        while time.monotonic() < deadline:
            photos = self._api.get(f"{self._path}/attachments", {"is_evidence": "true"})["attachments"]
            verdicts = [photo["inspection_status"] for photo in photos]
            if "pending" not in verdicts:
                counts = ", ".join(f"{verdicts.count(one)} {one}" for one in sorted(set(verdicts)))
                out.print(f"photos inspected: {counts}")
                return
            time.sleep(LOOK_EVERY)
        raise DemoFailed(f"the photos were not inspected within {FINISH_WITHIN:.0f} s")

    def _check(self) -> None:
        check = self._api.post(f"{self._path}/qa-readiness-check")
        if check["passed"]:
            out.print("readiness check: passed")
            return
        out.print("readiness check: not ready")
        table(("check", "why"), ((one["check_name"], one["reason"]) for one in check["failed_checks"]))

    def _to_qa(self) -> None:
        self._move(Status.PENDING_QA)
        self._check()
        self._move(Status.QA_IN_PROGRESS)

    def _hand_over(self) -> None:
        manager = self._first("/users", {"role": "manager"})
        gates = self._api.get(f"{self._path}/handover/validate", {"type": HandoverType.QA_TO_MAINTENANCE})
        out.print(f"handover gates: {len(gates['gates_passed'])} passed, {len(gates['gates_failed'])} failed")
        snapshot = self._api.post(
            f"{self._path}/handover",
            {"handover_type": HandoverType.QA_TO_MAINTENANCE, "handover_by": manager["id"]},
        )
        out.print(f"handed over: snapshot {snapshot['chain_number']}, SHA-256 {snapshot['snapshot_sha256']}")
        job = follow(self._api, self._api.post("/handovers/verify")["job_id"])
        out.print(f"the chain of handovers is proven in {duration(job)}: {job['result']}")


def _timeline(api: ApiClient, ticket_id: str) -> None:
    out.print("its timeline:")
    found = api.get(f"/tickets/{ticket_id}/activities", {"limit": ROWS})
    table(("when", "who", "what", ""), (_line(activity) for activity in reversed(found["activities"])))


def _line(activity: dict[str, Any]) -> tuple[str, ...]:
    who = (activity["created_by"] or {}).get("name", "")
    what = (activity["description"] or "").replace("\n", " ")
    return _clock(activity["created_at"]), who, activity["label"], shorten(what, WIDEST, placeholder=" …")


def _clock(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone(BUSINESS_ZONE).strftime("%H:%M:%S")

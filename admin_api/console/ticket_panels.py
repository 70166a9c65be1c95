"""What the ticket's page shows of the work itself: steps with their photos, readiness, risks, guarantee, handovers.

Reads only; what is done with it is in `ticket_work`, `ticket_photos`, `ticket_decisions` and `ticket_handover`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from admin_api.context import actor, now
from sql.database import Connection
from ticketing import readiness, verification
from ticketing.attachments import views as attachments
from ticketing.attachments.views import AttachmentFilter
from ticketing.evidence.views import EvidenceFilter, list_evidence
from ticketing.guarantee import service as guarantee
from ticketing.handover import views as handover
from ticketing.handover.rules import PENDING
from ticketing.paging import MAX_ROWS, PageRequest
from ticketing.readiness.rules import CHECKS
from ticketing.risks.views import RiskFilter, RiskListRequest, list_risks
from ticketing.seen_tickets import SeenTicket
from ticketing.ticket_changes import version
from ticketing.verification.rules import may_change_steps
from ticketing.vocabulary import TERMINAL_STATUSES, BillingClassification, GuaranteeStatus, InspectionStatus, Status

FILES = 20
CHECK_WORDS = {
    "photos_exist": "A photo for each step that needs one",
    "dr_populated": "DR number",
    "pole_populated": "Pole number",
    "pon_populated": "PON number",
    "zone_populated": "Zone",
    "ont_serial_recorded": "ONT serial",
    "ont_rx_recorded": "ONT RX level within its window",
    "platforms_aligned": "All platforms say the same",
}


def panels_of(connection: Connection, ticket: SeenTicket) -> dict[str, Any]:
    """Return what the templates `console/ticket_<panel>.html` need, by their names."""
    return {
        "checklist": _checklist(connection, ticket),
        "files": attachments.list_attachments(
            connection, actor(), ticket, AttachmentFilter(is_evidence=False), PageRequest(size=FILES)
        ),
        "readiness": _readiness(connection, ticket),
        "risks": _risks(connection, ticket.id),
        "guarantee": _guarantee(connection, ticket),
        "handovers": _handovers(connection, ticket),
        "is_over": ticket.row["status"] in TERMINAL_STATUSES,
        "is_person": actor().user_id is not None,
    }


def checks_of(check: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return the eight checks as a run of them found each: its words, and what failed (None: nothing); none: no run."""
    if check is None:
        return []
    failed = {one["check_name"]: one for one in check["failed_checks"]}
    return [{"name": name, "said": CHECK_WORDS[name], "failed": failed.get(name)} for name in CHECKS]


def _checklist(connection: Connection, ticket: SeenTicket) -> dict[str, Any]:
    progress = verification.get_progress(connection, actor(), ticket)
    rows, more = list_evidence(connection, actor(), EvidenceFilter(ticket_id=ticket.id), PageRequest(size=MAX_ROWS))
    photos = [_photo(row) for row in rows]
    steps = [
        {**step, "photos": [one for one in photos if one["step_number"] == step["step_number"]]}
        for step in progress["steps"]
    ]
    return {
        **progress,
        "steps": steps,
        "loose": [one for one in photos if one["step_number"] is None],
        "is_cut": more is not None,
        "said": said_of(photos),
        "may_work": may_change_steps(actor(), ticket.row["status"]),
        "seen": version(ticket.row["updated_at"]),
    }


def said_of(photos: Sequence[Mapping[str, Any]]) -> str:
    """Return in a sentence what inspection has come to, for those who are told of changes and do not look."""
    if not photos:
        return "No photos yet."
    counts = Counter(photo["inspection_status"] for photo in photos)
    told = {
        InspectionStatus.PENDING: "being inspected",
        InspectionStatus.ACCEPTED: "accepted",
        InspectionStatus.SUSPECT: "doubtful",
        InspectionStatus.REJECTED: "rejected",
    }
    parts = [f"{counts[status]} {said}" for status, said in told.items() if counts[status]]
    total = f"{len(photos)} photo" + ("" if len(photos) == 1 else "s")
    return f"{total}: {', '.join(parts)}."


def _photo(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "overruled_version": version(row["overruled_at"]) if row["overruled_at"] else ""}


def _readiness(connection: Connection, ticket: SeenTicket) -> dict[str, Any]:
    status = readiness.get_status(connection, actor(), ticket)
    return {**status, "checks": checks_of(status["last_check"])}


def _risks(connection: Connection, ticket_id: UUID) -> dict[str, Any]:
    found = list_risks(connection, actor(), RiskFilter(ticket_id=ticket_id), RiskListRequest(limit=MAX_ROWS), now())
    return {"rows": found.rows, "active": found.counts["active"], "is_cut": found.next_cursor is not None}


def _guarantee(connection: Connection, ticket: SeenTicket) -> dict[str, Any]:
    shown = guarantee.show(connection, actor(), ticket)
    return {
        **shown,
        "seen": version(shown["updated_at"]),
        "statuses": [status.value for status in GuaranteeStatus],
        "classifications": [who.value for who in BillingClassification],
    }


def _handovers(connection: Connection, ticket: SeenTicket) -> dict[str, Any]:
    history, more = handover.get_history(connection, actor(), ticket)
    pending = PENDING.get(Status(ticket.row["status"]))
    return {**history, "is_cut": more is not None, "pending": pending.value if pending else None}

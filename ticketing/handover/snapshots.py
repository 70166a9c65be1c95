"""What a handover puts on record, pure: the ticket, its steps, files with checksums, decisions; and the hash of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ticketing.handover.canonical import moment, plain, sha256_of
from ticketing.vocabulary import InspectionStatus, Status

FORMAT = 1
"""The form of what is hashed; another form would be another number, and older snapshots stay provable."""

# Columns that the hash covers besides the JSON ones: all that a snapshot has, except the hash itself.
_HASHED = (
    "id",
    "chain_number",
    "ticket_id",
    "handover_type",
    "snapshot_data",
    "evidence_links",
    "decisions",
    "guarantee_status",
    "from_owner_type",
    "from_owner_id",
    "to_owner_type",
    "to_owner_id",
    "handover_at",
    "handover_by",
    "previous_sha256",
    "created_at",
)

_TICKET_ASIDE = frozenset({"id", "assigned_user", "highlight", "rank"})


def document_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the hash of a snapshot covers: its row without the hash, as plain JSON, with the form's number."""
    return {"format": FORMAT} | {name: plain(row[name]) for name in _HASHED}


def hash_of(row: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a snapshot's canonical JSON, which holds the hash of the snapshot before it."""
    return sha256_of(document_of(row))


def snapshot_data(
    ticket: Mapping[str, Any],
    steps: Iterable[Mapping[str, Any]],
    ownership: Mapping[str, Any],
    now: datetime,
    **told: Any,
) -> dict[str, Any]:
    """Return the whole ticket as it is at the moment of the handover, before its moves, with its steps.

    `ticket` is in the shape of TicketView, `steps` are rows of `list_verification_steps`; `told` is put in besides.
    """
    shown = [_step(step) for step in steps]
    data: dict[str, Any] = plain(
        {
            **{name: value for name, value in ticket.items() if name not in _TICKET_ASIDE},
            "owner": ownership["owner"],
            "installation_date": ownership["installation_date"],
            "project_code": ownership["project_code"],
            "project_name": ownership["project_name"],
            "verification_steps": shown,
            "verification_steps_completed": sum(step["is_complete"] for step in shown),
            "verification_steps_total": len(shown),
            "snapshot_timestamp": moment(now),
            **told,
        }
    )
    return data


def evidence_links(files: Iterable[Mapping[str, Any]], actual: Mapping[str, str | None]) -> list[dict[str, Any]]:
    """Return the files of a ticket as a snapshot lists them; `actual` are the checksums that were read, by key.

    `url` is the address of the file's description in the API: a link to the bytes themselves would expire.
    """
    return [
        {
            "type": "photo" if file["file_type"] == "photo" else "document",
            "attachment_id": str(file["id"]),
            "step_number": file["step_number"],
            "url": f"/api/ticketing/attachments/{file['id']}",
            "filename": file["filename"],
            "mime_type": file["mime_type"],
            "file_size": file["file_size"],
            "sha256": file["file_sha256"],
            "checksum_verified": actual.get(file["storage_key"]) == file["file_sha256"],
            "storage_key": file["storage_key"],
            "is_evidence": file["is_evidence"],
            "inspection_status": file["inspection_status"],
            "inspection_reasons": plain(file["inspection_reasons"]),
            "captured_at": plain(file["captured_at"]),
            "uploaded_at": plain(file["uploaded_at"]),
            "uploaded_by": plain(file["uploaded_by"]),
        }
        for file in files
    ]


def decisions(
    verdicts: Iterable[Mapping[str, Any]],
    risks: Sequence[Mapping[str, Any]],
    escalations: Iterable[Mapping[str, Any]],
    files: Iterable[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Return who decided what about a ticket and when, oldest first: approvals, rejections, risks, escalations.

    A photo that a person judged otherwise than its inspection is an approval or a rejection of that photo.
    """
    made = [_verdict(row) for row in verdicts]
    made += [_risk(row) for row in risks]
    made += [_risk_escalation(row) for row in risks if row["escalated_at"] is not None]
    made += [_escalation(row) for row in escalations]
    made += [_overrule(row) for row in files if row["overruled_at"] is not None]
    return sorted(made, key=lambda one: str(one["decision_at"]))


def _step(row: Mapping[str, Any]) -> dict[str, Any]:
    names = (
        "step_number",
        "step_name",
        "is_complete",
        "completed_at",
        "completed_by",
        "completed_by_name",
        "photo_required",
        "photo_url",
        "photo_verified",
        "photos_count",
        "notes",
    )
    return {name: row[name] for name in names}


def _decision(kind: str, by: Any, at: datetime, notes: str | None, **metadata: Any) -> dict[str, Any]:
    return {
        "decision_type": kind,
        "decision_by": plain(by),
        "decision_at": moment(at),
        "notes": notes,
        "metadata": plain(metadata),
    }


def _verdict(row: Mapping[str, Any]) -> dict[str, Any]:
    kind = "approval" if row["status"] == Status.QA_APPROVED else "rejection"
    by = row["actor_id"] or row["actor_name"]
    return _decision(
        kind, by, row["occurred_at"], row["reason"], about="qa", event_id=row["id"], decided_by_name=row["actor_name"]
    )


def _risk(row: Mapping[str, Any]) -> dict[str, Any]:
    kept = (
        "risk_type",
        "status",
        "conditions",
        "outstanding_steps",
        "covers_handover",
        "risk_expiry_date",
        "resolved_at",
        "resolved_by",
        "resolution_notes",
    )
    return _decision(
        "risk_acceptance",
        row["accepted_by"],
        row["accepted_at"],
        row["risk_description"],
        risk_id=row["id"],
        decided_by_name=row["accepted_by_name"],
        **{name: row[name] for name in kept},
    )


def _risk_escalation(row: Mapping[str, Any]) -> dict[str, Any]:
    return _decision(
        "escalation",
        "system",
        row["escalated_at"],
        row["risk_description"],
        about="risk_acceptance",
        risk_id=row["id"],
        risk_type=row["risk_type"],
        status=row["status"],
    )


def _escalation(row: Mapping[str, Any]) -> dict[str, Any]:
    kept = (
        "scope_type",
        "scope_value",
        "escalation_type",
        "status",
        "fault_count",
        "fault_threshold",
        "resolved_at",
        "resolved_by",
    )
    return _decision(
        "escalation",
        "system",
        row["created_at"],
        row["resolution_notes"],
        about="repeat_fault",
        escalation_id=row["id"],
        **{name: row[name] for name in kept},
    )


def _overrule(row: Mapping[str, Any]) -> dict[str, Any]:
    kind = "approval" if row["inspection_status"] == InspectionStatus.ACCEPTED else "rejection"
    return _decision(
        kind,
        row["overruled_by"],
        row["overruled_at"],
        row["overrule_note"],
        about="evidence_photo",
        attachment_id=row["id"],
        filename=row["filename"],
        step_number=row["step_number"],
        decided_by_name=row["overruled_by_name"],
    )

"""For each table, the columns of a row that the schema accepts; the tests of the rules change one of them at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from sql.database import Connection
from tests.factories import Row, insert, make_project, make_team, make_ticket, make_user, make_weekly_report, unique

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
BEFORE = NOW - timedelta(days=1)
AFTER = NOW + timedelta(days=1)
SHA = "0123456789abcdef" * 4


def refusal(connection: Connection, action: Callable[[], object]) -> psycopg.DatabaseError:
    """Do what the database must refuse, and return how it refused; the transaction goes on as if nothing happened."""
    with pytest.raises(psycopg.DatabaseError) as caught, connection.transaction():
        action()
    return caught.value


def _team_member(connection: Connection) -> Row:
    return {"team_id": make_team(connection)["id"], "first_name": "Thandi", "last_name": "Example"}


def _drop(connection: Connection) -> Row:
    return {"dr_number": unique("DR"), "project_id": make_project(connection)["id"]}


def _api_key(_: Connection) -> Row:
    return {
        "prefix": unique("ff_"),
        "key_sha256": SHA,
        "name": "Front end",
        "roles": ["viewer"],
        "created_by": "admin",
        "created_at": NOW,
    }


def _step(connection: Connection) -> Row:
    ticket = connection.execute(
        "insert into tickets (source, ticket_type, title) values ('ad_hoc', 'maintenance', 'No light') returning id"
    ).fetchone()
    assert ticket is not None
    return {"ticket_id": ticket["id"], "step_number": 1}


def _of_ticket(**columns: Any) -> Callable[[Connection], Row]:
    return lambda connection: {"ticket_id": make_ticket(connection)["id"]} | columns


def _risk(connection: Connection) -> Row:
    return {
        "ticket_id": make_ticket(connection)["id"],
        "risk_type": "minor_defect",
        "risk_description": "Cable clip missing",
        "accepted_by": make_user(connection)["id"],
        "accepted_at": NOW,
    }


def _snapshot(connection: Connection) -> Row:
    return {
        "ticket_id": make_ticket(connection)["id"],
        "chain_number": 1,
        "handover_type": "qa_to_maintenance",
        "snapshot_data": Jsonb({}),
        "handover_by": make_user(connection)["id"],
        "snapshot_sha256": SHA,
    }


def _escalation_ticket(connection: Connection) -> Row:
    escalation = connection.execute(
        "insert into repeat_fault_escalations (scope_type, scope_value, fault_count, fault_threshold)"
        " values ('dr', 'DR1234567', 2, 2) returning id"
    ).fetchone()
    assert escalation is not None
    return {"ticket_id": make_ticket(connection)["id"], "escalation_id": escalation["id"]}


def _report(_: Connection) -> Row:
    return {
        "year": 2026,
        "week_number": 47,
        "sequence": 1,
        "report_date": "2026-11-20",
        "original_filename": "week.xlsx",
        "storage_key": "weekly/week.xlsx",
        "file_sha256": SHA,
        "file_size": 1024,
        "total_rows": 10,
    }


def _report_row(connection: Connection) -> Row:
    return {"report_id": make_weekly_report(connection)["id"], "row_number": 2, "cells": Jsonb({}), "verdict": "ok"}


_BULK_ACTION: Row = {"action": "priority", "changes": Jsonb({}), "asked_by": Jsonb({}), "total": 1}

_RECEIPT: Row = {
    "source": "waha",
    "event": "message",
    "subject": "default",
    "body": b"{}",
    "said_at": NOW,
    "received_at": NOW,
    "last_received_at": NOW,
}
_MESSAGE: Row = {
    "session": "default",
    "message_id": "false_27600000002@c.us_3A",
    "chat_id": "27600000002@c.us",
    "sender_id": "27600000002@c.us",
    "body": "DR1737348",
    "sent_at": NOW,
    "received_at": NOW,
}


def _pushed_note(connection: Connection) -> Row:
    ticket_id = make_ticket(connection)["id"]
    note = insert(connection, "ticket_notes", ticket_id=ticket_id, content="On site")
    return {"note_id": note["id"], "ticket_id": ticket_id, "case_id": "21934500001", "begun_at": NOW}


ACCEPTED: dict[str, Callable[[Connection], Row]] = {
    "contractors": lambda _: {"name": unique("Contractor ")},
    "users": lambda _: {"name": "Thandi Example"},
    "teams": lambda _: {"name": unique("Team ")},
    "team_members": _team_member,
    "projects": lambda _: {"code": unique("P"), "name": unique("Project ")},
    "drops": _drop,
    "api_keys": _api_key,
    "idempotency_keys": lambda _: {"actor_key": "user:1", "key": unique("k"), "request_fingerprint": SHA},
    "tickets": lambda _: {"source": "weekly_report", "ticket_type": "maintenance", "title": "No light"},
    "verification_step_types": lambda _: {
        "step_number": 0,
        "step_name": "Another",
        "step_description": "Another step",
        "photo_required": False,
    },
    "verification_steps": _step,
    "ticket_events": _of_ticket(event_type="ticket_created", actor_kind="system", actor_name="system"),
    "ticket_notes": _of_ticket(content="Called the client"),
    "ticket_attachments": _of_ticket(
        filename="ont.jpg",
        file_type="photo",
        mime_type="image/jpeg",
        file_size=2048,
        file_sha256=SHA,
        storage_key="tickets/ont.jpg",
    ),
    "attachment_uploads": _of_ticket(
        filename="ont.jpg",
        file_size=2048,
        storage_key="uploads/1",
        requested_at="2026-11-20T09:00:00Z",
        expires_at="2026-11-20T09:15:00Z",
    ),
    "qa_readiness_checks": _of_ticket(
        passed=True,
        photos_exist=True,
        photos_count=11,
        photos_required_count=11,
        dr_populated=True,
        pole_populated=True,
        pon_populated=True,
        zone_populated=True,
        ont_serial_recorded=True,
        ont_rx_recorded=True,
        platforms_aligned=False,
    ),
    "qa_risk_acceptances": _risk,
    "bulk_actions": lambda _: _BULK_ACTION,
    "bulk_action_tickets": lambda connection: {
        "bulk_action_id": insert(connection, "bulk_actions", **_BULK_ACTION)["id"],
        "ticket_id": "0198c5a2-7e1b-7c3d-9f00-0123456789ab",
    },
    "ticket_statuses": lambda _: {"code": unique("waiting_"), "name": "Waiting"},
    "guarantee_overrides": lambda connection: {
        "ticket_id": make_ticket(connection)["id"],
        "reason": "Agreed with the client",
        "overridden_by_name": "Zanele",
        "overridden_at": NOW,
    },
    "exports": lambda _connection: {
        "report": "tickets",
        "file_format": "xlsx",
        "actor_kind": "user",
        "actor_name": "Zanele",
        "actor_roles": ["manager"],
        "created_at": NOW,
    },
    "guarantee_periods": lambda connection: {"project_id": make_project(connection)["id"]},
    "sla_settings": lambda connection: {
        "project_id": make_project(connection)["id"],
        "priority": "high",
        "first_response_minutes": 60,
        "resolve_minutes": 240,
    },
    "sla_pauses": lambda connection: {
        "ticket_id": make_ticket(connection)["id"],
        "paused_at": NOW,
        "reason": "Waits for the client",
    },
    "repeat_fault_settings": lambda connection: {"project_id": make_project(connection)["id"]},
    "handover_snapshots": _snapshot,
    "repeat_fault_escalations": lambda _: {
        "scope_type": "pole",
        "scope_value": "LAW.P.A002",
        "fault_count": 3,
        "fault_threshold": 3,
        "created_at": NOW,
    },
    "escalation_tickets": _escalation_ticket,
    "weekly_reports": _report,
    "weekly_report_rows": _report_row,
    "qcontact_sync_log": lambda _: {"sync_direction": "inbound", "sync_type": "create", "status": "success"},
    "qcontact_cases": lambda _: {"case_id": "21934500001"},
    "qcontact_pushed_notes": _pushed_note,
    "whatsapp_notifications": lambda _: {
        "recipient_type": "technician",
        "recipient_phone": "+27821234567",
        "message_content": "Ticket FF100001 is yours",
    },
    "whatsapp_contacts": lambda _: {"phone": "+27821234567"},
    "whatsapp_stanzas": lambda _: {"session": "default", "stanza_id": unique("3EB0")},
    "waha_sessions": lambda _: {"session": unique("session-")},
    "webhook_receipts": lambda _: _RECEIPT | {"event_key": unique("evt_")},
    "inbound_messages": lambda _: _MESSAGE | {"stanza_id": unique("3A")},
    "triage_items": lambda connection: {
        "message_id": insert(connection, "inbound_messages", **_MESSAGE, stanza_id=unique("3A"))["id"],
        "reason": "no_drop_number",
        "created_at": NOW,
    },
}
"""By table. All but `verification_step_types`, which is full with its twelve, can be inserted as they are."""

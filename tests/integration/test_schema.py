"""The shape of the schema: its words are the code's words, its machines hold, its history stays as it was."""

from __future__ import annotations

import itertools
import re
from enum import StrEnum
from typing import Any, get_args

from sql.database import Connection
from tests.integration.schema_rows import ACCEPTED
from ticketing import vocabulary as words
from ticketing.defaults import (
    INSTALLATION_GUARANTEE_DAYS,
    MATERIAL_GUARANTEE_DAYS,
    REPEAT_FAULT_THRESHOLDS,
    REPEAT_FAULT_WINDOW_DAYS,
    SLA_TARGETS,
)
from ticketing.inbound_messages import words as inbound
from ticketing.people import ROLES
from ticketing.verification_steps import STEPS
from ticketing.vocabulary import NOTIFICATION_TRANSITIONS, TRANSITIONS, NotificationStatus, Status
from ticketing.webhooks.deliveries import Source
from ticketing.webhooks.receipts import Outcome

VOCABULARIES: dict[str, type[StrEnum]] = {
    "tickets_source_known": words.Source,
    "tickets_ticket_type_known": words.TicketType,
    "tickets_priority_known": words.Priority,
    "tickets_status_known": words.Status,
    "tickets_owner_known": words.Owner,
    "tickets_fault_cause_known": words.FaultCause,
    "tickets_guarantee_status_known": words.GuaranteeStatus,
    "tickets_billing_classification_known": words.BillingClassification,
    "ticket_notes_note_type_known": words.NoteType,
    "ticket_notes_visibility_known": words.NoteVisibility,
    "ticket_attachments_file_type_known": words.AttachmentFileType,
    "ticket_attachments_inspection_status_known": words.InspectionStatus,
    "qa_risk_acceptances_risk_type_known": words.RiskType,
    "qa_risk_acceptances_status_known": words.RiskStatus,
    "sla_settings_priority_known": words.Priority,
    "handover_snapshots_handover_type_known": words.HandoverType,
    "handover_snapshots_from_owner_type_known": words.Owner,
    "handover_snapshots_to_owner_type_known": words.Owner,
    "handover_snapshots_guarantee_status_known": words.GuaranteeStatus,
    "exports_file_format_known": words.ExportFormat,
    "repeat_fault_escalations_scope_type_known": words.EscalationScope,
    "repeat_fault_escalations_escalation_type_known": words.EscalationType,
    "repeat_fault_escalations_status_known": words.EscalationStatus,
    "weekly_reports_status_known": words.ImportStatus,
    "weekly_reports_phase_known": words.ImportPhase,
    "weekly_report_rows_verdict_known": words.RowVerdict,
    "weekly_report_rows_outcome_known": words.RowOutcome,
    "qcontact_sync_log_sync_direction_known": words.SyncDirection,
    "qcontact_sync_log_sync_type_known": words.SyncType,
    "qcontact_sync_log_status_known": words.SyncStatus,
    "whatsapp_notifications_recipient_type_known": words.RecipientType,
    "whatsapp_notifications_message_template_known": words.NotificationTemplate,
    "whatsapp_notifications_status_known": words.NotificationStatus,
    "inbound_messages_outcome_known": inbound.MessageOutcome,
    "inbound_messages_media_status_known": inbound.MediaStatus,
    "triage_items_reason_known": inbound.TriageReason,
    "triage_items_status_known": inbound.TriageStatus,
    "bulk_actions_action_known": words.BulkAction,
    "bulk_action_tickets_outcome_known": words.BulkOutcome,
}
OTHER_VOCABULARIES: dict[str, set[str]] = {
    "users_roles_known": set(ROLES),
    "api_keys_roles_known": set(ROLES),
    "qcontact_cases_agreed_status_known": {str(status) for status in Status},
    "qcontact_pushed_notes_how_known": {"note", "description"},
    "whatsapp_notifications_sending_known": {"unsent", "sending", "unknown", "accepted"},
    # A number, so no words are found in it.
    "whatsapp_stanzas_level_known": set(),
    "webhook_receipts_source_known": set(get_args(Source)),
    "webhook_receipts_outcome_known": set(get_args(Outcome)),
    "ticket_events_actor_kind_known": {"user", "api_key", "job", "schedule", "system"},
}


def rows(connection: Connection, query: str, *values: Any) -> list[dict[str, Any]]:
    """Run a query of the test itself."""
    return connection.execute(query, values).fetchall()


def test_checks_and_code_spell_every_vocabulary_alike(scratch: Connection) -> None:
    found = {
        row["conname"]: set(re.findall(r"'(\w+)'", row["definition"]))
        for row in rows(
            scratch,
            "select conname, pg_get_constraintdef(oid) as definition from pg_constraint"
            " where conname like '%%\\_known' and conrelid = any(%s::regclass[])",
            list(ACCEPTED),
        )
    }
    assert found == {name: {str(word) for word in kind} for name, kind in VOCABULARIES.items()} | OTHER_VOCABULARIES


def test_the_status_graph_of_the_database_is_the_codes(scratch: Connection) -> None:
    pairs = list(itertools.product(Status, repeat=2))
    allowed = {
        (row["a"], row["b"])
        for row in rows(
            scratch,
            "select a, b from unnest(%s::text[], %s::text[]) as pair (a, b) where ticket_status_allows(a, b)",
            [str(a) for a, _ in pairs],
            [str(b) for _, b in pairs],
        )
    }
    assert allowed == {(str(a), str(b)) for a, moves in TRANSITIONS.items() for b in moves}


def test_the_notification_graph_of_the_database_is_the_codes(scratch: Connection) -> None:
    pairs = [(str(a), str(b)) for a, b in itertools.product(NotificationStatus, repeat=2)]
    allowed = {
        pair
        for pair in pairs
        if rows(scratch, "select notification_status_allows(%s, %s) as allowed", *pair)[0]["allowed"]
    }
    assert allowed == {(str(a), str(b)) for a, moves in NOTIFICATION_TRANSITIONS.items() for b in moves}


def test_the_step_types_are_the_codes_steps(scratch: Connection) -> None:
    found = rows(scratch, "select * from verification_step_types order by step_number")
    assert found == [
        {
            "step_number": step.number,
            "step_name": step.name,
            "step_description": step.description,
            "photo_required": step.photo_required,
            "needs_ont_serial": step.needs_ont_serial,
            "needs_ont_rx": step.needs_ont_rx,
            "needs_notes": step.needs_notes,
        }
        for step in STEPS
    ]


def test_the_settings_start_with_the_codes_defaults(scratch: Connection) -> None:
    sla = rows(scratch, "select * from sla_settings where project_id is null")
    (guarantee,) = rows(scratch, "select * from guarantee_periods where project_id is null")
    (repeat,) = rows(scratch, "select * from repeat_fault_settings where project_id is null")
    assert {
        row["priority"]: (row["first_response_minutes"], row["resolve_minutes"], row["round_the_clock"]) for row in sla
    } == {
        str(priority): (target.first_response_minutes, target.resolve_minutes, target.round_the_clock)
        for priority, target in SLA_TARGETS.items()
    }
    assert (guarantee["installation_days"], guarantee["material_days"]) == (
        INSTALLATION_GUARANTEE_DAYS,
        MATERIAL_GUARANTEE_DAYS,
    )
    assert repeat["window_days"] == REPEAT_FAULT_WINDOW_DAYS
    assert {scope: repeat[f"{scope}_threshold"] for scope in REPEAT_FAULT_THRESHOLDS} == dict(REPEAT_FAULT_THRESHOLDS)


def test_every_time_has_its_zone_and_every_key_of_ours_sorts_by_time(scratch: Connection) -> None:
    naive = rows(
        scratch,
        "select table_name, column_name from information_schema.columns"
        " where table_schema = 'public' and data_type in ('timestamp without time zone', 'json')",
    )
    defaults = rows(
        scratch,
        "select distinct column_default from information_schema.columns where table_name = any(%s)"
        " and column_name = 'id' and is_generated = 'NEVER'",
        list(ACCEPTED),
    )
    assert naive == []
    assert defaults == [{"column_default": "uuidv7()"}]


def test_every_foreign_key_can_be_followed_backwards_by_an_index(scratch: Connection) -> None:
    unindexed = rows(
        scratch,
        """
        select conrelid::regclass::text as tbl, attname, confrelid::regclass::text as parent
        from pg_constraint join pg_attribute on attrelid = conrelid and attnum = conkey[1]
        where contype = 'f' and conrelid = any(%s::regclass[]) and not exists (
            select from pg_index
            where indrelid = conrelid and (indkey::smallint[])[0:cardinality(conkey) - 1] @> conkey
        )
        """,
        list(ACCEPTED),
    )
    # Who did something is shown with the thing, never searched for; people are deactivated, not deleted.
    who_did_it = {"actor_id", "recipient_user_id"}
    assert [
        row
        for row in unindexed
        if row["parent"] != "users" or not (row["attname"].endswith("_by") or row["attname"] in who_did_it)
    ] == []

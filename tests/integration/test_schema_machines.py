"""What the database makes of changes: the status machines hold, history stays as it was, one of a kind stays one."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import errors
from psycopg.types.json import Jsonb

from sql.database import Connection
from tests.factories import insert, make_drop, make_ticket, make_user
from tests.integration.schema_rows import ACCEPTED, NOW, refusal
from ticketing.vocabulary import TRANSITIONS, Status

NEVER_DELETED = [
    "tickets",
    "verification_steps",
    "ticket_events",
    "ticket_notes",
    "ticket_attachments",
    "qa_readiness_checks",
    "qa_risk_acceptances",
    "handover_snapshots",
    "repeat_fault_escalations",
]
NEVER_UPDATED = ["ticket_events", "qa_readiness_checks", "handover_snapshots"]
CHANGES = [(f"delete from {table}", table) for table in NEVER_DELETED]
CHANGES += [(f"truncate {table} cascade", table) for table in NEVER_DELETED]
CHANGES += [(f"update {table} set ticket_id = ticket_id", table) for table in NEVER_UPDATED]


def accepted(connection: Connection, table: str, **columns: Any) -> dict[str, Any]:
    """Insert the table's example row with other columns."""
    return insert(connection, table, **ACCEPTED[table](connection) | columns)


def move(connection: Connection, ticket_id: Any, status: str) -> None:
    """Set a ticket's status with all that the CHECKs ask for."""
    connection.execute(
        "update tickets set status = %s, fault_cause = 'unknown',"
        " closed_at = case when %s = 'closed' then now() end where id = %s",
        (status, status, ticket_id),
    )


@pytest.mark.parametrize("wanted", Status)
@pytest.mark.parametrize("status", Status)
def test_direct_sql_obeys_the_status_machine(scratch: Connection, status: Status, wanted: Status) -> None:
    ticket = make_ticket(scratch, status=status)
    if wanted in (status, *TRANSITIONS[status]):
        move(scratch, ticket["id"], wanted)
        return
    error = refusal(scratch, lambda: move(scratch, ticket["id"], wanted))
    assert (error.sqlstate, error.diag.constraint_name) == ("TK001", "tickets_status_machine")


def test_a_ticket_with_an_active_risk_cannot_be_closed_until_it_is_resolved(scratch: Connection) -> None:
    ticket = make_ticket(scratch, status="handed_to_maintenance")
    accepted(scratch, "qa_risk_acceptances", ticket_id=ticket["id"])
    error = refusal(scratch, lambda: move(scratch, ticket["id"], "closed"))
    assert (error.sqlstate, error.diag.constraint_name) == ("TK003", "tickets_closed_without_active_risk")
    scratch.execute(
        "update qa_risk_acceptances set status = 'resolved', resolved_at = accepted_at, resolved_by = accepted_by,"
        " resolution_notes = 'Clip fitted'"
    )
    move(scratch, ticket["id"], "closed")


@pytest.mark.parametrize(("change", "table"), CHANGES)
def test_history_cannot_be_changed_even_by_the_tables_owner(scratch: Connection, change: str, table: str) -> None:
    accepted(scratch, table)
    error = refusal(scratch, lambda: scratch.execute(change))
    assert error.sqlstate == "TK002"
    assert scratch.execute(f"select 1 from {table}").fetchone()


@pytest.mark.parametrize("change", ["update handover_snapshots set decisions = '[]'", "delete from handover_snapshots"])
def test_a_session_that_skips_triggers_cannot_change_a_snapshot_either(scratch: Connection, change: str) -> None:
    accepted(scratch, "handover_snapshots")
    scratch.execute("set local session_replication_role = replica")
    assert "a handover snapshot never changes" in str(refusal(scratch, lambda: scratch.execute(change)))


def test_snapshots_form_one_chain_without_forks(scratch: Connection) -> None:
    first = accepted(scratch, "handover_snapshots")["snapshot_sha256"]
    accepted(scratch, "handover_snapshots", chain_number=2, previous_sha256=first, snapshot_sha256="b" * 64)
    fork = {"chain_number": 3, "previous_sha256": first, "snapshot_sha256": "c" * 64}
    error = refusal(scratch, lambda: accepted(scratch, "handover_snapshots", **fork))
    assert isinstance(error, errors.UniqueViolation)
    assert error.diag.constraint_name == "handover_snapshots_previous_sha256_key"


@pytest.mark.parametrize(
    "change", ["id = gen_random_uuid()", "ticket_uid = 'FF999999'", "created_at = created_at - interval '1 day'"]
)
def test_the_identity_of_a_ticket_never_changes(scratch: Connection, change: str) -> None:
    accepted(scratch, "tickets")
    assert refusal(scratch, lambda: scratch.execute(f"update tickets set {change}")).sqlstate == "TK002"


def test_ticket_numbers_come_from_the_sequence_in_order(scratch: Connection) -> None:
    numbers = [int(make_ticket(scratch)["ticket_uid"].removeprefix("FF")) for _ in range(3)]
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]
    start = scratch.execute("select start_value from pg_sequences where sequencename = 'ticket_uid_numbers'").fetchone()
    assert start == {"start_value": 100001}


def test_tickets_without_a_reference_do_not_collide_nor_do_sources(scratch: Connection) -> None:
    for source, reference in [("ad_hoc", None), ("ad_hoc", None), ("qcontact", "FT1"), ("weekly_report", "FT1")]:
        make_ticket(scratch, source=source, external_id=reference)


def test_two_faults_on_one_drop_are_two_tickets(scratch: Connection) -> None:
    drop = make_drop(scratch)
    for reference in ("FT1", "FT2"):
        make_ticket(scratch, source="weekly_report", external_id=reference, dr_number=drop["dr_number"])


def test_one_escalation_is_open_per_scope_and_a_new_one_after_it_is_resolved(scratch: Connection) -> None:
    accepted(scratch, "repeat_fault_escalations")
    error = refusal(scratch, lambda: accepted(scratch, "repeat_fault_escalations", status="investigating"))
    assert error.diag.constraint_name == "repeat_fault_escalations_one_open"
    accepted(scratch, "repeat_fault_escalations", scope_value="LAW.P.A003")
    scratch.execute(
        "update repeat_fault_escalations set status = 'resolved', resolved_at = created_at,"
        " resolution_notes = 'Pole replaced'"
    )
    accepted(scratch, "repeat_fault_escalations")


def test_a_step_is_known_by_an_id_that_belongs_to_its_ticket(scratch: Connection) -> None:
    tickets = {make_ticket(scratch)["id"] for _ in range(2)}
    found = scratch.execute("select id, ticket_id, step_number from verification_steps").fetchall()
    assert {row["ticket_id"] for row in found} == tickets
    assert len({row["id"] for row in found}) == 24
    assert all(row["id"].bytes[-1] == row["step_number"] for row in found)
    assert all(row["id"].bytes[:-1] == row["ticket_id"].bytes[:-1] for row in found)


def test_a_step_stays_with_its_ticket(scratch: Connection) -> None:
    make_ticket(scratch)
    change = "update verification_steps set step_number = 1 where step_number = 2"
    assert refusal(scratch, lambda: scratch.execute(change)).sqlstate == "TK002"


def test_evidence_points_at_a_step_of_its_own_ticket(scratch: Connection) -> None:
    row = ACCEPTED["ticket_attachments"](scratch)
    insert(scratch, "ticket_attachments", **row | {"step_number": 5})
    other = row | {"step_number": 13, "storage_key": "other"}
    error = refusal(scratch, lambda: insert(scratch, "ticket_attachments", **other))
    assert isinstance(error, errors.ForeignKeyViolation)


def test_an_acknowledgement_never_takes_a_notice_back(scratch: Connection) -> None:
    accepted(scratch, "whatsapp_notifications", status="read", sent_at=NOW, read_at=NOW)
    late = "update whatsapp_notifications set status = 'delivered', delivered_at = now()"
    error = refusal(scratch, lambda: scratch.execute(late))
    assert error.diag.constraint_name == "whatsapp_notifications_never_back"


def test_a_report_is_named_after_its_week(scratch: Connection) -> None:
    assert accepted(scratch, "weekly_reports", week_number=7)["report_uid"] == "WR2026-W07-001"


def test_the_outcome_of_a_row_of_the_sheet_is_unknown_until_it_is_done(scratch: Connection) -> None:
    row = accepted(scratch, "weekly_report_rows", cells=Jsonb({"FT Ref": "FT490441", "Remark": "kept"}))
    assert (row["outcome"], row["ticket_id"], row["cells"]["Remark"]) == (None, None, "kept")


@pytest.mark.parametrize("table", ["guarantee_periods", "repeat_fault_settings"])
def test_settings_have_one_default_row(scratch: Connection, table: str) -> None:
    assert isinstance(refusal(scratch, lambda: insert(scratch, table, project_id=None)), errors.UniqueViolation)


def test_an_api_key_of_a_contractor_names_the_company(scratch: Connection) -> None:
    company = make_user(scratch, roles=["contractor"])["contractor_id"]
    assert accepted(scratch, "api_keys", roles=["contractor"], contractor_id=company)["contractor_id"] == company

"""What the database itself refuses, by whomever it is asked: each rule is shown by a row that breaks only that one."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from psycopg import errors

from sql.database import Connection
from tests.factories import insert, make_contractor
from tests.integration.schema_examples import CHECKS, CHECKS_WITH_A_PERSON, TAKEN
from tests.integration.schema_rows import ACCEPTED, NOW, refusal


@pytest.mark.parametrize("table", sorted(ACCEPTED.keys() - {"verification_step_types"}))
def test_the_row_that_the_examples_start_from_is_accepted(scratch: Connection, table: str) -> None:
    assert insert(scratch, table, **ACCEPTED[table](scratch))


@pytest.mark.parametrize(("table", "columns", "rule"), CHECKS)
def test_a_row_that_breaks_a_rule_is_refused(
    scratch: Connection, table: str, columns: dict[str, Any], rule: str
) -> None:
    with pytest.raises(errors.CheckViolation) as caught:
        insert(scratch, table, **ACCEPTED[table](scratch) | columns)
    assert caught.value.diag.constraint_name == f"{table}_{rule}"


@pytest.mark.parametrize(("table", "column", "columns", "rule"), CHECKS_WITH_A_PERSON)
def test_a_row_that_breaks_a_rule_about_a_person_is_refused(
    scratch: Connection, table: str, column: str, columns: dict[str, Any], rule: str
) -> None:
    person = insert(scratch, "users", name="Thandi Example")["id"]
    with pytest.raises(errors.CheckViolation) as caught:
        insert(scratch, table, **ACCEPTED[table](scratch) | columns | {column: person})
    assert caught.value.diag.constraint_name == f"{table}_{rule}"


@pytest.mark.parametrize(("table", "columns", "constraint"), TAKEN)
def test_what_must_be_unique_cannot_be_there_twice(
    scratch: Connection, table: str, columns: dict[str, Any], constraint: str
) -> None:
    insert(scratch, table, **ACCEPTED[table](scratch) | columns)
    other = ACCEPTED[table](scratch) | _another(table) | columns
    with pytest.raises((errors.UniqueViolation, errors.ExclusionViolation)) as caught:
        insert(scratch, table, **other)
    assert caught.value.diag.constraint_name == constraint


def _another(table: str) -> dict[str, Any]:
    """What else must differ between two rows for only the rule in question to be broken."""
    return {
        "api_keys": {"key_sha256": "f" * 64},
        "handover_snapshots": {"snapshot_sha256": "f" * 64},
    }.get(table, {})


@pytest.mark.parametrize("table", ["contractors", "teams", "projects"])
def test_names_differ_by_more_than_case(scratch: Connection, table: str) -> None:
    row = ACCEPTED[table](scratch)
    insert(scratch, table, **row)
    with pytest.raises(errors.UniqueViolation):
        insert(scratch, table, **row | {"name": row["name"].upper()})


def test_a_contractor_with_a_company_is_accepted(scratch: Connection) -> None:
    company = make_contractor(scratch)["id"]
    assert (
        insert(scratch, "users", name="Sipho", roles=["contractor"], contractor_id=company)["contractor_id"] == company
    )


def test_every_check_constraint_has_an_example(scratch: Connection) -> None:
    shown = {f"{table}_{rule}" for table, _, rule in CHECKS}
    shown |= {f"{table}_{rule}" for table, _, _, rule in CHECKS_WITH_A_PERSON}
    # Generated from year, week and sequence, so it cannot be wrong unless those are; the CHECK is a second lock.
    shown.add("weekly_reports_report_uid_format")
    rows = scratch.execute(
        "select conname from pg_constraint where contype = 'c' and conrelid = any(%s::regclass[])", [list(ACCEPTED)]
    )
    assert {row["conname"] for row in rows} == shown


def test_every_foreign_key_refuses_what_does_not_exist(scratch: Connection) -> None:
    rows = scratch.execute(
        """
        select conrelid::regclass::text as tbl, conname, attname, atttypid::regtype::text as type
        from pg_constraint
        join pg_attribute on attrelid = conrelid and attnum = conkey[cardinality(conkey)]
        where contype = 'f' and conrelid = any(%s::regclass[])
        """,
        [list(ACCEPTED)],
    ).fetchall()
    assert len(rows) > 50
    nowhere: dict[str, Any] = {"uuid": uuid4(), "text": "f" * 64, "smallint": 0}
    needs: dict[str, dict[str, Any]] = {
        "previous_sha256": {"chain_number": 2},
        "closed_by": {"status": "closed", "closed_at": NOW, "fault_cause": "unknown"},
        "completed_by": {"is_complete": True, "completed_at": NOW},
        "deleted_by": {"deleted_at": NOW},
        "overruled_by": {"overruled_at": NOW, "overrule_note": "Sharp enough"},
        "qa_passed_check_id": {"qa_ready": True},
        "triage_items.ticket_id": {"status": "attached", "decided_at": NOW, "decided_by_name": "Thandi"},
    }
    for row in rows:
        needed = needs.get(f"{row['tbl']}.{row['attname']}") or needs.get(row["attname"], {})
        columns = ACCEPTED[row["tbl"]](scratch) | needed | {row["attname"]: nowhere[row["type"]]}
        error = refusal(scratch, partial(insert, scratch, row["tbl"], **columns))
        assert isinstance(error, errors.ForeignKeyViolation)
        assert error.diag.constraint_name == row["conname"]
        scratch.rollback()

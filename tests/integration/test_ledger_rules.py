"""What the database itself refuses to have in the ledger, whatever a program asks of it."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import errors, sql

from sql.database import Database

JOB = {"kind": "some_kind", "queue": "tickets", "state": "available", "max_attempts": 3, "actor_kind": "system"}
REFUSED: list[tuple[str, Any, str]] = [
    ("kind", "No such name", "job_kind_name_check"),
    ("state", "asleep", "job_state_check"),
    ("priority", 10, "job_priority_check"),
    ("priority", -1, "job_priority_check"),
    ("arguments", "[]", "job_arguments_check"),
    ("attempt", -1, "whole_number_check"),
    ("fence", -1, "whole_number_check"),
    ("snoozes", -1, "whole_number_check"),
    ("max_attempts", 0, "positive_number_check"),
    ("progress_done", -1, "large_whole_number_check"),
    ("progress_total", -1, "large_whole_number_check"),
    ("actor_kind", "ghost", "actor_kind_check"),
    ("state", "running", "jobs_running_has_a_worker"),
    ("state", "completed", "jobs_finished_has_a_time"),
    ("fire_at", "2026-01-01T00:00:00Z", "jobs_tick_is_whole"),
]


@pytest.mark.parametrize(("column", "value", "rule"), REFUSED)
def test_a_job_that_breaks_a_rule_is_refused(database: Database, column: str, value: Any, rule: str) -> None:
    with database.transaction() as connection:
        connection.execute("insert into queues (name) values ('tickets') on conflict do nothing")
        row = connection.execute(
            "insert into jobs (kind, queue, state, max_attempts, actor_kind, actor_name)"
            " values (%(kind)s, %(queue)s, %(state)s, %(max_attempts)s, %(actor_kind)s, 'system') returning id",
            JOB,
        ).fetchone()
    change = sql.SQL("update jobs set {} = %s where id = %s").format(sql.Identifier(column))
    with pytest.raises(errors.CheckViolation) as caught, database.transaction() as connection:
        connection.execute(change, (value, row and row["id"]))
    assert caught.value.diag.constraint_name == rule

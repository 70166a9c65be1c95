"""Builders of rows for tests: what all concepts lean on. Each concept has a module of its own.

Each `make_<thing>(connection, **columns)` inserts one row in plain SQL, fills what the caller left out with values that
the schema accepts, and returns the row as the database has it.
"""

from __future__ import annotations

import hashlib
import itertools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from sql.database import Connection

if TYPE_CHECKING:
    from jobs.platform import Platform

Row = dict[str, Any]

_numbers = itertools.count(1)


def unique(prefix: str) -> str:
    """Return a text that no other call of this process returned, for columns that must be unique."""
    return f"{prefix}{next(_numbers):06d}"


def insert(connection: Connection, table: str, **columns: Any) -> Row:
    """Insert one row and return it whole. Dicts become jsonb; a jsonb list must be given as `Jsonb([...])`."""
    values = [Jsonb(value) if isinstance(value, dict) else value for value in columns.values()]
    statement = sql.SQL("insert into {} ({}) values ({}) returning *").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join([sql.Placeholder()] * len(values)),
    )
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(statement, values).fetchone()
    assert row is not None
    return row


def make(platform: Platform, factory: Any, *arguments: Any, **columns: Any) -> Row:
    """Make a row by one of the factories, on a connection of the platform's."""
    with platform.read() as connection:
        row: Row = factory(connection, *arguments, **columns)
        return row


def make_project(connection: Connection, **columns: Any) -> Row:
    """A project with a code of its own."""
    code = columns.pop("code", None) or unique("P")
    return insert(connection, "projects", **{"code": code, "name": f"Project {code}"} | columns)


def make_contractor(connection: Connection, **columns: Any) -> Row:
    """A contractor's company."""
    return insert(connection, "contractors", **{"name": unique("Contractor ")} | columns)


def make_user(connection: Connection, **columns: Any) -> Row:
    """A person; a technician unless `roles` says otherwise, with the company that a contractor needs."""
    name = unique("Person ")
    row: Row = {"name": name, "email": f"{name.replace(' ', '.').lower()}@example.test", "roles": ["technician"]}
    row |= columns
    if "contractor" in row["roles"] and "contractor_id" not in row:
        row["contractor_id"] = make_contractor(connection)["id"]
    return insert(connection, "users", **row)


def make_team(connection: Connection, **columns: Any) -> Row:
    """A team without members."""
    return insert(connection, "teams", **{"name": unique("Team ")} | columns)


def make_team_member(connection: Connection, **columns: Any) -> Row:
    """A member of a team; of a new one unless `team_id` is given."""
    if "team_id" not in columns:
        columns["team_id"] = make_team(connection)["id"]
    return insert(connection, "team_members", **{"first_name": "Thandi", "last_name": unique("Example ")} | columns)


def make_drop(connection: Connection, **columns: Any) -> Row:
    """A drop of the SOW register; in a new project unless `project_id` is given."""
    if "project_id" not in columns:
        columns["project_id"] = make_project(connection)["id"]
    row = {"dr_number": unique("DR"), "pole_number": "LAW.P.A002", "pon_number": 1, "zone_number": 1}
    return insert(connection, "drops", **row | columns)


def make_ticket(connection: Connection, **columns: Any) -> Row:
    """A ticket with its 12 steps; a closed one gets the closing time and the cause that the schema asks for."""
    row: Row = {"source": "ad_hoc", "ticket_type": "maintenance", "title": unique("No light ")} | columns
    if "created_at" in row:
        row = {"updated_at": row["created_at"], "reported_at": row["created_at"]} | row
    if row.get("status") == "closed":
        row = {"closed_at": datetime.now(UTC), "fault_cause": "unknown"} | row
    ticket = insert(connection, "tickets", **row)
    connection.execute(
        "insert into verification_steps (ticket_id, step_number, created_at)"
        " select %s, step_number, %s from verification_step_types",
        (ticket["id"], ticket["created_at"]),
    )
    return ticket


def make_weekly_report(connection: Connection, **columns: Any) -> Row:
    """A weekly report that was uploaded and nothing more; of the next free sequence of week 47 of 2026."""
    number = next(_numbers)
    row = {
        "year": 2026,
        "week_number": 47,
        "sequence": number % 999 + 1,
        "report_date": "2026-11-20",
        "original_filename": f"week-{number}.xlsx",
        "storage_key": f"weekly/{number}.xlsx",
        "file_sha256": hashlib.sha256(str(number).encode()).hexdigest(),
        "file_size": 1024,
    }
    return insert(connection, "weekly_reports", **row | columns)

"""The sweep reads what is due and nothing else, and compliance the tickets of its period."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sql.database import Connection, queries
from tests.factories.tickets import make_many_tickets
from tests.plans import nodes
from ticketing.ticket_views import EVERYTHING

MANY = 20_000
# What make_many_tickets makes is reported a minute apart, from here on.
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def many(module_connection: Connection) -> Connection:
    """A database of many tickets with clocks, a minute's worth of them due; the tests below only read."""
    make_many_tickets(module_connection, MANY)
    module_connection.execute(
        "update tickets set sla_target_minutes = 2880, sla_due_at = reported_at + interval '5 days',"
        " sla_next_check_at = case when status <> 'closed' then reported_at + interval '4 days' end"
    )
    module_connection.execute(
        "update tickets set sla_target_minutes = null, sla_due_at = null where ticket_uid like '%77'"
    )
    module_connection.execute("vacuum analyze tickets")
    return module_connection


def scans(connection: Connection, statement: str, **parameters: Any) -> set[str]:
    """By which kinds of scan, or which indexes, a statement reads tickets."""
    row = connection.execute("explain (format json) " + statement, parameters, prepare=False).fetchone()
    assert row is not None
    return {
        node.get("Index Name", node["Node Type"])
        for node in nodes(row["QUERY PLAN"][0]["Plan"])
        if node.get("Relation Name") == "tickets" or "Bitmap Index" in node["Node Type"]
    }


def test_the_sweep_reads_only_what_is_due(many: Connection) -> None:
    due = scans(many, queries("sla").take_due.sql, now=BEGIN + timedelta(days=4, minutes=5), most=500)
    assert due == {"tickets_sla_next_check_at_idx"}


def test_clocks_of_a_list_are_looked_up_by_their_tickets(many: Connection) -> None:
    rows = many.execute("select id from tickets limit 100").fetchall()
    values = {"ticket_ids": [row["id"] for row in rows], **EVERYTHING.parameters()}
    assert "Seq Scan" not in scans(many, queries("sla").list_clocks.sql, **values)


def test_unstarted_clocks_are_found_by_an_index_of_their_own(many: Connection) -> None:
    assert scans(many, queries("sla").list_unstarted.sql, most=500) == {"tickets_sla_unstarted_idx"}


@pytest.mark.parametrize("group_by", ["priority", "project", "contractor", "period"])
@pytest.mark.parametrize("narrowed", [False, True], ids=["all", "of a project"])
def test_compliance_reads_the_tickets_of_its_period(many: Connection, group_by: str, narrowed: bool) -> None:
    project = many.execute("select id from projects limit 1").fetchone()
    assert project is not None
    values = {
        "group_by": group_by,
        "period": "week" if group_by == "period" else None,
        "zone": "Africa/Johannesburg",
        "project": project["id"] if narrowed else None,
        "contractor": None,
        "priority": None,
        "reported_from": BEGIN + timedelta(days=1),
        "whole_from": BEGIN + timedelta(days=1, hours=22),
        "whole_before": BEGIN + timedelta(days=2, hours=22),
        "reported_before": BEGIN + timedelta(days=3),
        "now": BEGIN + timedelta(days=4),
        "most": 1001,
    }
    found = scans(many, queries("sla").count_compliance.sql, **values)
    assert "Seq Scan" not in found
    assert "tickets_sla_reported_at_idx" in found

"""Which tickets have something to tell the CRM: found among few, and the same as among all."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from sql.database import Connection, queries
from tests.factories import insert, make_user
from tests.plans import nodes
from ticketing.qcontact_sync import pushes
from ticketing.qcontact_sync.statuses import agreeing

SITUATIONS = 3_000
FIRST = UUID(int=0)

# Each ticket is a situation of its own, drawn from all that a ticket, its case, conflicts and notes can be.
TICKETS = """
insert into tickets (source, external_id, ticket_type, status, title, reported_at, closed_at, fault_cause, assigned_to)
select
    'qcontact', 'FT' || n, 'maintenance', drawn.status, 'Link Light', now(),
    case when drawn.status = 'closed' then now() end, 'unknown', case when random() < 0.2 then %(person)s::uuid end
from generate_series(1, %(how_many)s) as n
cross join lateral (
    select (array['open', 'assigned', 'in_progress', 'qa_rejected', 'handed_to_maintenance', 'closed', 'closed',
        'closed', 'cancelled', 'cancelled'])[1 + n %% 10] as status
) as drawn
"""
CASES = """
insert into qcontact_cases (
    case_id, ticket_id, their_status, agreed_status, agreed_at, pushed_at, sending, pushed_assigned_to, read_at,
    push_blocked_reason, push_blocked_at
)
select
    (21934500000 + row_number() over ())::text, t.id,
    (array['New', 'Assigned', 'In Progress', 'Solved', 'Solved', 'Closed', 'Unsolved - No Response', 'Parked',
        null])[1 + floor(random() * 9)],
    case when random() < 0.4 then t.status else (array['open', 'assigned', 'in_progress', 'handed_to_maintenance',
        'closed', 'cancelled', null])[1 + floor(random() * 7)] end,
    now() - random() * interval '2 hours', case when random() < 0.5 then now() - random() * interval '2 hours' end,
    case when random() < 0.2 then '{InProgress}'::text[] else '{}' end,
    case when random() < 0.2 then '21900000101' end, now() - random() * interval '2 hours',
    case when blocked.at is not null then 'the case does not exist there any more' end, blocked.at
from tickets as t
cross join lateral (
    select case when t.id is not null and random() < 0.2 then now() - interval '1 hour' end as at
) as blocked
where random() < 0.95
"""
CONFLICTS = """
insert into qcontact_conflicts (ticket_id, case_id, field, ours, theirs, reason, status, resolved_at)
select
    c.ticket_id, c.case_id, case when random() < 0.8 then 'status' else 'address' end, '"ours"', '"theirs"',
    'both moved', drawn.status, case when drawn.status <> 'open' then now() - random() * interval '2 hours' end
from qcontact_cases as c
cross join lateral (
    select (array['open', 'ours', 'theirs', 'obsolete'])[1 + floor(random() * 4)] as status where c.case_id <> ''
) as drawn
where random() < 0.2
"""
# An end on which both agreed is the ticket's own, unless a person decided for ours.
DECIDED = """
insert into qcontact_conflicts (ticket_id, case_id, field, ours, theirs, reason, status, resolved_at)
select c.ticket_id, c.case_id, 'status', '"ours"', '"theirs"', 'both moved', 'ours', c.agreed_at
from qcontact_cases as c
inner join tickets as t on c.ticket_id = t.id
where c.agreed_status in ('closed', 'cancelled') and c.agreed_status <> t.status
"""
NOTES = """
insert into ticket_notes (ticket_id, content, note_type, visibility, author_name, deleted_at)
select
    t.id, 'On site', 'internal', case when random() < 0.7 then 'public' else 'private' end, 'Thandi',
    case when random() < 0.2 then now() end
from tickets as t
cross join generate_series(1, 2)
where random() < 0.15
"""
TOLD = """
insert into qcontact_pushed_notes (note_id, ticket_id, case_id, how, begun_at, pushed_at)
select n.id, n.ticket_id, '1', case when told.at is not null then 'note' end, now(), told.at
from ticket_notes as n
cross join lateral (select case when n.id is not null and random() < 0.7 then now() end as at) as told
where random() < 0.8
"""
AMONG_ALL = """
select o.ticket_id, o.status, o.owes_note, o.sending, o.owes_assignment
from qcontact_outbound as o
where
    o.blocked_reason is null
    and (o.owes_note or o.owes_assignment or (o.may_owe_status and not o.says = any(%(agreeing)s::text[])))
order by o.ticket_id
"""


def make_up(connection: Connection, seed: float) -> None:
    """Fill the database with situations; the same for the same seed."""
    person = make_user(connection)["id"]
    insert(connection, "qcontact_assignees", user_id=person, qcontact_id="21900000101", set_by_name="Thandi")
    connection.execute("select setseed(%s)", [seed])
    connection.execute(TICKETS, {"person": person, "how_many": SITUATIONS})
    for statement in (CASES, CONFLICTS, DECIDED, NOTES, TOLD):
        connection.execute(statement)


@pytest.mark.parametrize("seed", [0.1, 0.2, 0.3])
def test_what_is_found_among_few_is_what_is_found_among_all(connection: Connection, seed: float) -> None:
    make_up(connection, seed)
    among_all = connection.execute(AMONG_ALL, {"agreeing": agreeing()}).fetchall()
    wanted = [row["ticket_id"] for row in among_all]
    assert pushes.list_due(connection, FIRST, SITUATIONS) == wanted
    assert pushes.count_due(connection) == len(wanted)
    assert set(pushes.find_due(connection, wanted)) == set(wanted)
    half = len(wanted) // 2
    assert pushes.list_due(connection, wanted[half], 5) == wanted[half + 1 : half + 6]
    assert SITUATIONS / 10 < len(wanted) < SITUATIONS * 0.9, "some owe something and some do not"
    over = [row for row in among_all if row["status"] in ("closed", "cancelled")]
    noted = [row for row in over if row["owes_note"]]
    moved = [row for row in over if not (row["owes_note"] or row["sending"])]
    unsure = [row for row in over if row["sending"] and not row["owes_note"]]
    assert min(len(noted), len(moved), len(unsure)) > 10, "those that are over owe something for each of the reasons"


def test_cases_that_are_over_are_not_looked_at(connection: Connection) -> None:
    make_many_that_are_over(connection)
    for query in (queries("qcontact_push").count_due, queries("qcontact_push").list_due):
        parameters = {"agreeing": agreeing(), "after": FIRST, "row_limit": 500}
        explained = connection.execute(
            "explain (analyze, format json) " + query.sql, parameters, prepare=False
        ).fetchone()
        assert explained is not None
        scans = scans_of(explained["QUERY PLAN"][0]["Plan"], "qcontact_cases", "tickets")
        assert scans, "cases are looked at"
        assert all("Index" in scan["Node Type"] for scan in scans), scans
        read = sum(
            (scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0)) * scan["Actual Loops"] for scan in scans
        )
        assert read <= 4 * 20, "few for each of those that are not over"
    assert pushes.count_due(connection) == 20


def make_many_that_are_over(connection: Connection) -> None:
    """Fill the database with cases nearly all of which ended on both sides; twenty tickets were moved here."""
    connection.execute(
        "insert into tickets (source, external_id, ticket_type, status, title, reported_at, closed_at, fault_cause)"
        " select 'qcontact', 'FT' || n, 'maintenance', over.status, 'Link Light', now(),"
        " case when over.status = 'closed' then now() end, 'unknown' from generate_series(1, 10000) as n"
        " cross join lateral (select case when n % 500 = 0 then 'in_progress' else 'closed' end as status) as over"
    )
    connection.execute(
        "insert into qcontact_cases (case_id, ticket_id, their_status, agreed_status, agreed_at, read_at)"
        " select (21934500000 + row_number() over ())::text, id,"
        " case when status = 'closed' then 'Solved' else 'Assigned' end,"
        " case when status = 'closed' then 'closed' else 'assigned' end, now(), now() from tickets"
    )
    connection.execute("analyze tickets, qcontact_cases, ticket_notes, qcontact_conflicts, qcontact_pushed_notes")


def scans_of(plan: dict[str, Any], *tables: str) -> list[dict[str, Any]]:
    """Return the nodes of a plan that read one of these tables."""
    return [node for node in nodes(plan) if node.get("Relation Name") in tables]

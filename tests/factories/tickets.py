"""Builders for tickets: actors, what QA asks for, and tickets by the ten thousand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from sql.database import Connection
from tests.factories import Row, insert, make_user
from ticketing.people import Actor, Role

NOON = datetime(2026, 11, 20, 10, tzinfo=UTC)


def make_actor(connection: Connection, *roles: Role, **columns: Any) -> Actor:
    """Make a person with these roles and return who acts when that person does something."""
    user = make_user(connection, roles=list(roles), **columns)
    return actor_of(user)


def actor_of(user: Row) -> Actor:
    """Return who acts when this person does something."""
    return Actor(
        kind="user",
        name=user["name"],
        user_id=user["id"],
        contractor_id=user["contractor_id"],
        roles=frozenset(user["roles"]),
    )


def make_readiness_check(connection: Connection, ticket_id: UUID, **columns: Any) -> Row:
    """A readiness check of a ticket that passed, unless `passed` says otherwise."""
    names = ("photos_exist", "dr_populated", "pole_populated", "pon_populated", "zone_populated")
    row: Row = dict.fromkeys((*names, "ont_serial_recorded", "ont_rx_recorded", "platforms_aligned", "passed"), True)
    row |= {"ticket_id": ticket_id, "photos_count": 11, "photos_required_count": 11, "failed_checks": Jsonb([])}
    return insert(connection, "qa_readiness_checks", **row | columns)


def make_risk(connection: Connection, ticket_id: UUID, **columns: Any) -> Row:
    """An active risk acceptance; names no outstanding steps unless `outstanding_steps` does."""
    row: Row = {"ticket_id": ticket_id, "risk_type": "minor_defect", "risk_description": "Label missing"}
    if "accepted_by" not in columns:
        row["accepted_by"] = make_user(connection, roles=["qa"])["id"]
    return insert(connection, "qa_risk_acceptances", **row | columns)


def complete_steps(connection: Connection, ticket_id: UUID, *but: int) -> None:
    """Tick the 12 steps of a ticket, all but some."""
    connection.execute(
        "update verification_steps set is_complete = true, completed_at = now()"
        " where ticket_id = %s and not step_number = any(%s)",
        (ticket_id, list(but)),
    )


def make_many_tickets(connection: Connection, count: int) -> None:
    """Make tickets by one statement, a minute apart, spread over people, projects, drops and the whole vocabulary.

    The person, team and project made first own one ticket in 500, 250 and 20; one in 100 is breached or ready for QA.
    """
    connection.execute(
        """
        with people as (
            insert into users (name) select 'Bulk person ' || n from generate_series(1, 50) as n returning id
        ), teams as (
            insert into teams (name) select 'Bulk team ' || n from generate_series(1, 25) as n returning id
        ), projects as (
            insert into projects (code, name)
            select 'BULK' || n, 'Bulk project ' || n from generate_series(1, 20) as n returning id
        ), lists as (
            select (select array_agg(id) from people) as people,
                (select array_agg(id) from teams) as teams,
                (select array_agg(id) from projects) as projects
        )
        insert into tickets (
            source, ticket_type, priority, status, title, description, dr_number, project_id, assigned_to,
            assigned_team_id, qa_ready, sla_breached, fault_cause, closed_at, created_at, updated_at, reported_at
        )
        select
            (array['weekly_report', 'qcontact', 'ad_hoc', 'construction'])[n %% 4 + 1],
            (array['maintenance', 'new_installation', 'modification', 'ont_swap', 'incident'])[n %% 5 + 1],
            (array['low', 'normal', 'normal', 'high', 'urgent', 'critical'])[n %% 6 + 1],
            case when n %% 10 = 0 then 'open' when n %% 100 = 1 then 'qa_rejected' when n %% 4 = 1 then 'assigned'
                when n %% 4 = 2 then 'in_progress' else 'closed' end,
            'No light at house ' || n,
            'Reported by the client, fault ' || n,
            'DR' || (1000000 + n %% 30000),
            lists.projects[n %% 20 + 1],
            case when n %% 10 = 0 then lists.people[n / 10 %% 50 + 1] end,
            case when n %% 10 = 5 then lists.teams[n / 10 %% 25 + 1] end,
            n %% 100 = 7,
            n %% 100 = 9,
            'unknown',
            case when n %% 10 <> 0 and n %% 100 <> 1 and n %% 4 not in (1, 2) then now() end,
            '2026-01-01'::timestamptz + n * interval '1 minute',
            now(),
            '2026-01-01'::timestamptz + n * interval '1 minute'
        from generate_series(1, %s::integer) as n
        cross join lists
        """,
        (count,),
    )
    connection.execute("analyze tickets")

"""Puts made-up tickets into the database, a block in one unit of work, by COPY: every trigger has its say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from cli.seed.life import Life, Target
from cli.seed.network import PROJECTS, Home
from cli.seed.photos import Photo
from cli.seed.rows import Made, Person, Row, World, external_id
from sql.database import Connection, queries
from ticketing import sample_data
from ticketing.events import UnitOfWork
from ticketing.guarantee.classification import periods_of
from ticketing.readiness.rules import Policy
from ticketing.sla.calendar import moment_of
from ticketing.verification.service import StepCompleted
from ticketing.vocabulary import Source

PHOTOS_AT = "https://photos.example.com"
"""Where the photos of the tickets are said to be that have none drawn: nobody is there (RFC 2606)."""

_OFFICERS = {"operator": "operator", "qa": "qa", "manager": "manager"}


def make_world(work: UnitOfWork, policy: Policy) -> World:
    """Add the sample people and projects that are missing; return what made-up tickets refer to, no homes yet."""
    sample_data.add(work)
    named = queries("sample_history")
    codes, names, regions = zip(*((one.code, one.name, one.region) for one in PROJECTS), strict=True)
    named.add_sample_projects(
        work.connection, codes=list(codes), names=list(names), regions=list(regions), now=work.now
    )
    projects = list(named.list_sample_projects(work.connection, codes=[code.lower() for code in codes]))
    people = list(named.list_sample_crew(work.connection, emails=[one.email for one in sample_data.PEOPLE]))
    return World(
        now=work.now,
        projects={row["code"].upper(): row["id"] for row in projects},
        targets={(row["code"].upper(), row["priority"]): _target(row) for row in projects},
        periods={row["code"].upper(): periods_of(row) for row in projects},
        officers={name: _with_role(people, role)[0] for name, role in _OFFICERS.items()},
        technicians=_with_role(people, "technician"),
        contractors=_with_role(people, "contractor"),
        policy=policy,
        installed={},
    )


def add_homes(work: UnitOfWork, world: World, homes: Sequence[Home]) -> Mapping[str, date]:
    """Add the homes of an area that are missing; return when each was installed, by the number of its drop."""
    named = queries("sample_history")
    numbers = [home.dr_number for home in homes]
    named.add_sample_homes(
        work.connection,
        dr_numbers=numbers,
        project_ids=[world.projects[home.project] for home in homes],
        poles=[home.pole for home in homes],
        pons=[home.pon for home in homes],
        zones=[home.zone for home in homes],
        addresses=[home.address for home in homes],
        latitudes=[home.latitude for home in homes],
        longitudes=[home.longitude for home in homes],
        installed_ons=[home.installed_on for home in homes],
        lengths=[home.length for home in homes],
        now=work.now,
    )
    rows = named.list_sample_installations(work.connection, dr_numbers=numbers)
    return {row["dr_number"]: row["installed_on"] for row in rows}


def lock(connection: Connection) -> None:
    """Wait for whoever else writes a history, to the end of this transaction."""
    queries("sample_history").lock_sample_history(connection)


def missing(connection: Connection, some: Sequence[Life], random_seed: int) -> list[Life]:
    """Return those tickets of a history that are not in the database yet."""
    rows = queries("sample_history").find_sample_tickets(
        connection,
        sources=[source.value for source in Source],
        external_ids=[external_id(life, random_seed) for life in some],
    )
    known = {row["external_id"] for row in rows}
    return [life for life in some if external_id(life, random_seed) not in known]


def write(work: UnitOfWork, tickets: Sequence[Made], photos: Sequence[Photo]) -> None:
    """Write tickets with their steps, photos, checks, risks and timelines.

    Photos come before the checks that saw them: a photo that comes later takes a check's word back.
    """
    statements = queries("sample_history")
    connection = work.connection
    _copy(connection, statements.copy_sample_tickets, (made.ticket() for made in tickets))
    _insert_steps(connection, tickets)
    _copy(connection, statements.copy_sample_photos, (photo.row() for photo in photos))
    checks = [check for made in tickets for check in made.checks()]
    risks = [risk for made in tickets for risk in made.risks()]
    _copy(connection, statements.copy_sample_checks, (row for row, _ in checks))
    _copy(connection, statements.copy_sample_risks, (row for row, _ in risks))
    events = [event for made in tickets for event in made.events()]
    events += [event for photo in photos for event in photo.events()]
    events += [event for _, event in checks]
    events += [event for _, told in risks for event in told]
    _copy(connection, statements.copy_sample_events, events)


def _insert_steps(connection: Connection, tickets: Sequence[Made]) -> None:
    works = [(made.life, made.life.work if made.life.steps_done else None) for made in tickets]
    queries("sample_history").insert_sample_steps(
        connection,
        ticket_ids=[made.id for made in tickets],
        made_ats=[moment_of(life.reported_at) for life, _ in works],
        done=[life.steps_done for life, _ in works],
        began_ats=[moment_of(work[0]) if work else None for _, work in works],
        ended_ats=[moment_of(work[1]) if work else None for _, work in works],
        last_ats=[None if life.last_step_at is None else moment_of(life.last_step_at) for life, _ in works],
        hands=[made.hand.id for made in tickets],
        hand_names=[made.hand.name for made in tickets],
        event_type=StepCompleted.name,
        readings=[str(life.rx) for life, _ in works],
        addresses=[None if made.life.photographed else f"{PHOTOS_AT}/{made.external_id}/step-" for made in tickets],
    )


def _copy(connection: Connection, statement: Any, rows: Iterable[Row]) -> None:
    with connection.cursor() as cursor, cursor.copy(statement.sql) as copy:
        for row in rows:
            copy.write_row(row)


def _target(row: Mapping[str, Any]) -> Target:
    return Target(row["first_response_minutes"], row["resolve_minutes"], row["round_the_clock"])


def _with_role(people: Iterable[Mapping[str, Any]], role: str) -> list[Person]:
    return [
        Person(row["id"], row["name"], row["contractor_id"], row["team_id"]) for row in people if role in row["roles"]
    ]

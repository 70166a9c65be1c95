"""The timeline as the API shows it. Reads only; a page takes a fixed number of statements.

Whoever may see a ticket sees its events, notes and messages. Jobs and syncs are the house's own business: those who
work on site do not see them. Telephone numbers are shown to nobody here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel

from sql.database import Connection, queries
from ticketing.directory import names_of
from ticketing.errors import NotFound
from ticketing.paging import PageRequest, fetch_planned, page_of, place_of
from ticketing.people import Actor, Role
from ticketing.seen_tickets import SeenTicket, see
from ticketing.ticket_access import sees_every_ticket
from ticketing.timeline.wording import ICONS, description_of, field_changes_of, ids_in, label_of
from ticketing.vocabulary import ActivitySource, ActivityType

Kind = Literal["event", "note", "message", "job", "sync"]

# Who may follow a link to a job.
FOLLOWS_JOBS: tuple[Role, ...] = ("operator", "manager", "viewer")


class FieldChange(BaseModel):
    """A field that changed; people, companies, teams and projects by their names. A new field has no `old_value`."""

    field: str
    old_value: Any = None
    new_value: Any


class Author(BaseModel):
    """Who did something."""

    name: str
    email: str | None = None


class ActivityView(BaseModel):
    """Something that happened to a ticket, on the wire; `kind` says where it is kept, `label` what it was."""

    id: UUID
    type: ActivityType
    description: str | None
    field_changes: list[FieldChange] | None
    created_by: Author | None
    created_at: datetime
    source: ActivitySource
    is_private: bool
    is_pinned: bool
    kind: Kind
    label: str
    icon: str
    job_id: UUID | None
    job_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityFilter:
    """Which activities a timeline shows; None filters nothing."""

    kind: Kind | None = None
    type: ActivityType | None = None
    source: ActivitySource | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A part of a timeline, newest first. `summary` counts all of it, whatever the filter.

    `rows` are the activities as they are kept, for whoever words them in a way of their own.
    """

    activities: list[dict[str, Any]]
    rows: Sequence[Mapping[str, Any]]
    summary: dict[str, int]
    has_qcontact: bool
    next_cursor: str | None


def read_timeline(
    connection: Connection, actor: Actor, ticket: UUID | SeenTicket, wanted: ActivityFilter, request: PageRequest
) -> Timeline:
    """Return a part of a ticket's timeline, in the shape of ActivityView, newest first.

    Raises NotFound for a ticket that the actor may not see, InvalidInput for a cursor that is none.
    """
    place = request.place()
    ticket_id = see(connection, actor, ticket).id
    rows = _rows(
        connection,
        actor,
        ticket_id,
        kind=wanted.kind,
        type=wanted.type,
        source=wanted.source,
        **place,
    )
    page = page_of(rows, request, counted=0, time_column="at")
    counts = queries("timeline").count_activities(connection, ticket_id=ticket_id, inside=_inside(actor))
    has_qcontact = counts.pop("has_qcontact")
    shown = _shown(connection, actor, page.rows)
    return Timeline(
        activities=shown, rows=page.rows, summary=counts, has_qcontact=has_qcontact, next_cursor=page.next_cursor
    )


def read_activity(connection: Connection, actor: Actor, ticket_id: UUID, activity_id: UUID) -> dict[str, Any]:
    """Return one activity of a ticket in the shape of ActivityView. Raises NotFound."""
    rows = _rows(connection, actor, ticket_id, activity_id=activity_id)
    if not rows:
        raise NotFound(f"Activity {activity_id} not found", details={"activity_id": str(activity_id)})
    return _shown(connection, actor, rows)[0]


def _rows(connection: Connection, actor: Actor, ticket_id: UUID, **narrowing: Any) -> list[dict[str, Any]]:
    unset = dict.fromkeys(("kind", "type", "source", "activity_id")) | place_of(None, 1)
    return fetch_planned(
        connection,
        queries("timeline").list_activities,
        **unset | narrowing,
        ticket_id=ticket_id,
        inside=_inside(actor),
    )


def _inside(actor: Actor) -> bool:
    return sees_every_ticket(actor)


def _shown(connection: Connection, actor: Actor, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    wanted = {found for row in rows for found in ids_in(row)}
    names = {str(found): name for found, name in names_of(connection, wanted).items()}
    return [_activity(row, names, follows_jobs=actor.has_role(*FOLLOWS_JOBS)) for row in rows]


def _activity(row: Mapping[str, Any], names: Mapping[str, str], *, follows_jobs: bool) -> dict[str, Any]:
    author = {"name": row["actor_name"], "email": row["actor_email"]} if row["actor_name"] else None
    job_id = row["job_id"] if follows_jobs else None
    return {
        **{name: row[name] for name in ("id", "type", "source", "is_private", "is_pinned", "kind")},
        "description": description_of(row, names),
        "field_changes": field_changes_of(row, names),
        "created_by": author,
        "created_at": row["at"],
        "label": label_of(row),
        "icon": ICONS[row["type"]],
        "job_id": job_id,
        "job_url": f"/api/ticketing/jobs/{job_id}" if job_id else None,
    }

"""Exports that a job writes: asked for, found again by whoever asked, finished, forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from pydantic_core import to_json

from runtime.identifiers import uuid7
from sql.database import Connection, queries
from ticketing.errors import NotFound
from ticketing.events import UnitOfWork
from ticketing.exports.reports import Report
from ticketing.paging import fetch_planned
from ticketing.people import Actor
from ticketing.vocabulary import ExportFormat

KEPT_FOR = timedelta(days=7)
FORGOTTEN_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file that is whole and in the store; `size` is bytes."""

    storage_key: str
    sha256: str
    size: int
    rows: int


def plain_filter(wanted: Any) -> dict[str, Any]:
    """Return a filter (a dataclass) as JSON-ready values, without what does not filter."""
    given = {name: value for name, value in asdict(wanted).items() if value is not None}
    plain: dict[str, Any] = TypeAdapter(dict[str, Any]).validate_json(to_json(given))
    return plain


def read_filter(report: Report, plain: Mapping[str, Any]) -> Any:
    """Return the filter that `plain_filter` kept."""
    return TypeAdapter(report.filter_type).validate_python(dict(plain))


def request(work: UnitOfWork, report: Report, file_format: ExportFormat, wanted: Any) -> UUID:
    """Note an export that a job is to write; returns its id. Raises Forbidden where the actor may not read it."""
    report.require_reader(work.actor)
    export_id = uuid7()
    queries("exports").insert_export(
        work.connection,
        id=export_id,
        report=report.name,
        file_format=file_format.value,
        filters=to_json(plain_filter(wanted)).decode(),
        actor_kind=work.actor.kind,
        actor_name=work.actor.name,
        actor_user_id=work.actor.user_id,
        actor_contractor_id=work.actor.contractor_id,
        actor_roles=sorted(work.actor.roles),
        now=work.now,
    )
    return export_id


def note_job(work: UnitOfWork, export_id: UUID, job_id: UUID) -> None:
    """Note which job writes an export."""
    queries("exports").set_export_job(work.connection, export_id=export_id, job_id=job_id)


def find(connection: Connection, export_id: UUID) -> dict[str, Any]:
    """Return an export as the database has it, for its job and its download. Raises NotFound."""
    row: dict[str, Any] | None = queries("exports").find_export(connection, export_id=export_id)
    if row is None:
        raise no_such_export(export_id)
    return row


def requester(export: Mapping[str, Any]) -> Actor:
    """Return who asked for an export, with the roles that they had then."""
    return Actor(
        kind=export["actor_kind"],
        name=export["actor_name"],
        user_id=export["actor_user_id"],
        contractor_id=export["actor_contractor_id"],
        roles=frozenset(export["actor_roles"]),
    )


def show(connection: Connection, actor: Actor, export_id: UUID) -> dict[str, Any]:
    """Return an export of the actor, or for an admin of anybody. Raises NotFound."""
    rows = _list(connection, actor, export_id=export_id, before_id=None, limit=1)
    if not rows:
        raise no_such_export(export_id)
    return rows[0]


def list_own(connection: Connection, actor: Actor, *, before_id: UUID | None, limit: int) -> list[dict[str, Any]]:
    """Return the actor's exports, for an admin everybody's, newest first."""
    return _list(connection, actor, export_id=None, before_id=before_id, limit=limit)


def finish(work: UnitOfWork, export_id: UUID, file: WrittenFile) -> None:
    """Note that an export's file is whole."""
    queries("exports").finish_export(
        work.connection,
        export_id=export_id,
        storage_key=file.storage_key,
        file_sha256=file.sha256,
        file_size=file.size,
        row_count=file.rows,
        now=work.now,
        expires_at=work.now + KEPT_FOR,
    )


def list_expired(connection: Connection, now: datetime) -> list[dict[str, Any]]:
    """Return some exports whose file need not be kept any longer, with its key."""
    return list(queries("exports").list_expired(connection, now=now, most=FORGOTTEN_AT_ONCE))


def forget(work: UnitOfWork, export_ids: list[UUID]) -> None:
    """Forget exports whose files are gone."""
    queries("exports").forget_exports(work.connection, export_ids=export_ids)


def no_such_export(export_id: UUID) -> NotFound:
    """Return the error for an export that does not exist, or not for the one who asks."""
    return NotFound(f"Export {export_id} not found", details={"export_id": str(export_id)})


def _list(
    connection: Connection, actor: Actor, *, export_id: UUID | None, before_id: UUID | None, limit: int
) -> list[dict[str, Any]]:
    return fetch_planned(
        connection,
        queries("exports").list_exports,
        export_id=export_id,
        see_all=actor.has_role("admin"),
        actor_name=actor.name,
        actor_user_id=actor.user_id,
        before_id=before_id,
        row_limit=limit,
    )

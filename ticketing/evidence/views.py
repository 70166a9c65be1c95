"""Evidence photos as the API shows them: the list that QA works through, one ticket's photos, what to inspect again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from sql.database import Connection, queries
from ticketing.evidence.rules import Finding
from ticketing.paging import PageRequest, Position, fetch_planned, page_of, place_of
from ticketing.people import Actor, find_project
from ticketing.ticket_access import Sight
from ticketing.ticket_views import EVERYTHING, load_sight
from ticketing.vocabulary import InspectionStatus

_NOTHING = UUID(int=0)


class RepeatView(BaseModel):
    """The photo that a photo repeats; `distance` is the number of 64 bits in which their hashes differ."""

    ticket_id: UUID
    ticket_uid: str
    attachment_id: UUID
    step_number: int | None
    distance: int


class FindingView(BaseModel):
    """Something that inspection found of a photo."""

    code: Finding
    level: Literal["rejects", "doubts", "warns"]
    message: str
    repeats: RepeatView | None = None


class EvidenceView(BaseModel):
    """An evidence photo with what inspection found and what QA said of it."""

    id: UUID
    ticket_id: UUID
    ticket_uid: str
    step_number: int | None
    filename: str
    width: int | None
    height: int | None
    captured_at: datetime | None
    uploaded_at: datetime
    uploaded_by: UUID | None
    inspection_status: InspectionStatus
    inspection_reasons: list[FindingView] = Field(description="The gravest first")
    inspected_at: datetime | None
    overruled_by: UUID | None
    overruled_by_name: str | None
    overruled_at: datetime | None
    overrule_note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFilter:
    """Which photos a list shows; None filters nothing. `project_id` is an id or a code."""

    statuses: tuple[InspectionStatus, ...] | None = None
    code: Finding | None = None
    overruled: bool | None = None
    ticket_id: UUID | None = None
    project_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which photos are to be inspected again; None filters nothing. The times are those of the upload."""

    statuses: tuple[InspectionStatus, ...] | None = None
    ticket_ids: tuple[UUID, ...] | None = None
    uploaded_from: datetime | None = None
    uploaded_before: datetime | None = None


def list_evidence(
    connection: Connection, actor: Actor, wanted: EvidenceFilter, request: PageRequest
) -> tuple[list[dict[str, Any]], str | None]:
    """Return a part of the evidence photos of tickets that the actor may see, newest first, and the cursor to go on.

    In the shape of EvidenceView. Raises InvalidInput for a cursor that is none.
    """
    parameters = parameters_of(connection, wanted, load_sight(connection, actor), request)
    rows = fetch_planned(connection, queries("evidence").list_evidence, **parameters)
    page = page_of(rows, request, counted=0, time_column="uploaded_at")
    return page.rows, page.next_cursor


def parameters_of(connection: Connection, wanted: EvidenceFilter, sight: Sight, request: PageRequest) -> dict[str, Any]:
    """Return the parameters of `list_evidence` for what is wanted."""
    project = (find_project(connection, wanted.project_id) or _NOTHING) if wanted.project_id else None
    return {
        "attachment_id": None,
        "ticket_id": wanted.ticket_id,
        "project": project,
        "statuses": None if wanted.statuses is None else [status.value for status in wanted.statuses],
        "code": wanted.code.value if wanted.code else None,
        "overruled": wanted.overruled,
        **sight.parameters(),
        **request.place(),
    }


def read_photo(connection: Connection, attachment_id: UUID) -> dict[str, Any]:
    """Return an evidence photo that exists, in the shape of EvidenceView."""
    parameters = parameters_of(connection, EvidenceFilter(), EVERYTHING, PageRequest(size=1))
    rows = fetch_planned(connection, queries("evidence").list_evidence, **parameters | {"attachment_id": attachment_id})
    return rows[0]


def select_photos(
    connection: Connection, wanted: Selection, after: Position | None, limit: int
) -> tuple[list[tuple[UUID, UUID]], Position | None]:
    """Return the next photos (id, ticket's id) that are to be inspected again, and where to go on (None: the end)."""
    rows = fetch_planned(
        connection,
        queries("evidence").list_photos_to_inspect,
        statuses=None if wanted.statuses is None else [status.value for status in wanted.statuses],
        ticket_ids=None if wanted.ticket_ids is None else list(wanted.ticket_ids),
        uploaded_from=wanted.uploaded_from,
        uploaded_before=wanted.uploaded_before,
        **place_of(after, limit),
    )
    last = rows[-1] if len(rows) == limit else None
    return [(row["id"], row["ticket_id"]) for row in rows], Position(last["uploaded_at"], last["id"]) if last else None

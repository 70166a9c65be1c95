"""Have many photos inspected again: after a rule or a setting changed, or for photos that came in without a job."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, Field

from jobs.context import JobContext
from jobs.kinds.inspect_photo import submit_many
from jobs.outcomes import Outcome, done
from jobs.registry import JobArgs, job
from jobs.work import Work
from ticketing.evidence import views
from ticketing.paging import Position
from ticketing.vocabulary import InspectionStatus

AT_ONCE = 500
TICKETS_MOST = 500


class ReinspectPhotos(JobArgs):
    """Which photos: None filters nothing. The times are those of the upload."""

    statuses: tuple[InspectionStatus, ...] | None = None
    ticket_ids: tuple[UUID, ...] | None = Field(default=None, max_length=TICKETS_MOST)
    uploaded_from: AwareDatetime | None = None
    uploaded_before: AwareDatetime | None = None

    def selection(self, now: datetime) -> views.Selection:
        """Return the selection; what is uploaded from now on has a job of its own."""
        return views.Selection(**self.model_dump() | {"uploaded_before": self.uploaded_before or now})


@job(
    "reinspect_photos",
    queue="maintenance",
    time_limit=1800,
    unique_by=("statuses", "ticket_ids", "uploaded_from", "uploaded_before"),
    retention=timedelta(days=30),
)
def reinspect_photos(args: ReinspectPhotos, context: JobContext) -> Outcome:
    """Enqueue an inspection of each photo, in steps from which a later attempt goes on; the result counts them.

    Photos of tickets that are over are left out.
    """
    state = {"photos": 0, "cursor": None, "ended": False, "before": context.now.isoformat()} | context.saved
    while not state["ended"]:
        with context.step() as work:
            state = _next_batch(work, args, state)
            context.save(work, state)
        context.progress(state["photos"])
    return done({"photos": state["photos"]})


def _next_batch(work: Work, args: ReinspectPhotos, state: dict[str, Any]) -> dict[str, Any]:
    after = Position.from_cursor(state["cursor"]) if state["cursor"] else None
    selection = args.selection(datetime.fromisoformat(state["before"]))
    photos, rest = views.select_photos(work.connection, selection, after, AT_ONCE)
    submit_many(work, photos)
    return {
        **state,
        "photos": state["photos"] + len(photos),
        "cursor": rest.cursor() if rest else None,
        "ended": rest is None,
    }

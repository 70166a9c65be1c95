"""QContact: how the sync does, its runs and its log, what differs and waits for a choice, and who is whom there."""

from __future__ import annotations

from typing import Annotated

from flask import Response, render_template
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from admin_api.api.jobs import OPERATORS, READERS
from admin_api.api.qcontact import DECIDES, SEES, STARTS, ConflictsQuery, LogQuery
from admin_api.api.qcontact_assignees import AssigneePath
from admin_api.auth import requires
from admin_api.console import services
from admin_api.console.choices import Choices, load_choices
from admin_api.console.forms import form_of, query_of
from admin_api.console.found_tickets import find_tickets, wanted_text
from admin_api.console.list_addresses import around, ways
from admin_api.console.pages import ConsolePages, back_to_list, done
from admin_api.context import now, platform, unit_of_work
from admin_api.keyset import KeysetQuery, keyset
from admin_api.requests import parse_uuid, parsed
from jobs.operations import audit
from jobs.procedures import qcontact_requests
from ticketing.paging import PageRequest
from ticketing.qcontact_sync import assignees, conflicts, figures, runs, views
from ticketing.qcontact_sync.assignees import RecordId, Whose
from ticketing.qcontact_sync.requests import ConflictChoice, SyncRequest
from ticketing.qcontact_sync.views import ConflictFilter
from ticketing.vocabulary import SyncDirection, SyncStatus, SyncType

pages = ConsolePages("qcontact")

LATEST = 5
STATUSES = ("open", "ours", "theirs", "obsolete", "all")


class AssigneeForm(BaseModel):
    """Who of ours is whom there; `who` is what of ours it is and its id, as `user:0198c5a2-...`."""

    model_config = ConfigDict(extra="ignore")

    who: Annotated[str, StringConstraints(pattern=rf"^({'|'.join(Whose)}):[0-9a-f-]{{36}}$")]
    qcontact_id: RecordId = Field(description="The record id of a user in QContact: digits only")


@pages.page("/qcontact")
@requires(*SEES)
def show() -> str:
    """Show how the sync does: how fresh, how well, what waits, its latest runs, and whether QContact is called."""
    with platform().read() as connection:
        return render_template(
            "console/qcontact.html",
            status=figures.read_status(connection, now()),
            service=services.service_of(connection, "qcontact"),
            runs=runs.list_runs(connection, None, LATEST),
            conflicts=views.list_conflicts(connection, ConflictFilter(), PageRequest(size=LATEST)).rows,
            found=find_tickets(connection),
            looked_for=wanted_text(),
        )


@pages.action("/qcontact/sync", again=show)
@requires(*STARTS)
def start_sync() -> Response:
    """Start a sync, unless one waits already."""
    with unit_of_work() as work:
        jobs = qcontact_requests.start(work, form_of(SyncRequest))
    said = "The sync has been queued: its run shows below once it begins"
    return done(said if jobs else "No case that is known here changed then: there is nothing to sync", ".show")


@pages.action("/qcontact/tickets/<ticket_id>/resync", again=show)
@requires(*STARTS)
def resync_ticket(ticket_id: str) -> Response:
    """Read the case of one ticket again."""
    wanted = parse_uuid(ticket_id, "Invalid ticket ID")
    with unit_of_work() as work:
        qcontact_requests.reread(work, wanted)
    return back_to_list("The ticket's case will be read again in a moment", ".show")


@pages.page("/qcontact/conflicts")
@requires(*SEES)
def list_conflicts() -> str:
    """List what differs between tickets and their cases, both sides beside each other, newest first."""
    query = query_of(ConflictsQuery)
    with platform().read() as connection:
        page = views.list_conflicts(connection, query.filter(), query.request())
    return render_template(
        "console/qcontact_conflicts.html",
        conflicts=page.rows,
        query=query,
        statuses=STATUSES,
        page=page,
        **around(".list_conflicts", page.next_cursor),
    )


@pages.action("/qcontact/conflicts/<conflict_id>/resolve", again=list_conflicts)
@requires(*DECIDES)
def resolve(conflict_id: str) -> Response:
    """Decide a conflict: ours stays and is told to QContact, theirs is taken over."""
    choice = form_of(ConflictChoice)
    with unit_of_work() as work:
        conflicts.resolve(work, parse_uuid(conflict_id, "Invalid conflict ID"), choice.choice, choice.note)
    said = (
        "Ours stays, and QContact will be told" if choice.choice == "ours" else "The ticket now says what QContact says"
    )
    return back_to_list(said, ".list_conflicts")


@pages.page("/qcontact/log")
@requires(*SEES)
def list_log() -> str:
    """List what was exchanged about cases, newest first."""
    query = query_of(LogQuery)
    with platform().read() as connection:
        page, counts = views.list_log(connection, query.filter(), query.request())
    return render_template(
        "console/qcontact_log.html",
        rows=page.rows,
        counts=counts,
        directions=list(SyncDirection),
        types=list(SyncType),
        outcomes=list(SyncStatus),
        **around(".list_log", page.next_cursor),
        page=page,
    )


@pages.page("/qcontact/runs")
@requires(*SEES)
def list_runs() -> str:
    """List the runs of the sync, newest first."""
    query = query_of(KeysetQuery)
    with platform().read() as connection:
        rows = runs.list_runs(connection, query.cursor, query.page_size + 1)
    shown, pagination = keyset(rows, query)
    return render_template("console/qcontact_runs.html", runs=shown, **ways(".list_runs", pagination["next_cursor"]))


@pages.page("/qcontact/assignees")
@requires(*READERS)
def list_assignees() -> str:
    """List who of ours has a record in QContact; assignments to others stay in the house."""
    query = query_of(KeysetQuery)
    with platform().read() as connection:
        rows = assignees.list_assignees(connection, query.cursor, query.page_size + 1)
        choices = load_choices(connection)
    shown, pagination = keyset(rows, query)
    return render_template(
        "console/qcontact_assignees.html",
        assignees=shown,
        who=_who(choices),
        choices=choices,
        **ways(".list_assignees", pagination["next_cursor"]),
    )


@pages.action("/qcontact/assignees", again=list_assignees)
@requires(*OPERATORS)
def set_assignee() -> Response:
    """Say which record in QContact stands for a user, contractor or team of ours."""
    form = form_of(AssigneeForm)
    kind, _, assignee_id = form.who.partition(":")
    with unit_of_work() as work:
        assignees.set_assignee(work, Whose(kind), assignee_id, form.qcontact_id)
        audit(work, "qcontact_assignee_set", (kind, assignee_id), details={"qcontact_id": form.qcontact_id})
    return back_to_list("Assignments to them are told to QContact from now on", ".list_assignees")


@pages.action("/qcontact/assignees/<whose>/<assignee_id>/forget", again=list_assignees)
@requires(*OPERATORS)
def forget_assignee(whose: str, assignee_id: str) -> Response:
    """Forget which record in QContact stands for somebody of ours."""
    path = parsed(AssigneePath, {"whose": whose, "assignee_id": assignee_id})
    wanted = parse_uuid(path.assignee_id, "Invalid assignee ID")
    with unit_of_work() as work:
        assignees.remove_assignee(work, path.whose, wanted)
        audit(work, "qcontact_assignee_remove", (path.whose, wanted))
    return back_to_list("Forgotten: no assignment to them is told to QContact any more", ".list_assignees")


def _who(choices: Choices) -> list[tuple[str, str]]:
    """Return everybody who can have a record there, as the choices of the form."""
    groups = ((Whose.USER, choices.people), (Whose.CONTRACTOR, choices.companies), (Whose.TEAM, choices.teams))
    said = {Whose.USER: "person", Whose.CONTRACTOR: "company", Whose.TEAM: "team"}
    return [(f"{whose}:{value}", f"{name} ({said[whose]})") for whose, group in groups for value, name in group]

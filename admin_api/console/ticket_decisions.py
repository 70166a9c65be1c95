"""What QA and managers decide on a ticket: risks that are accepted and resolved, guarantee and who pays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Response, render_template, request

from admin_api.api.guarantee import MAY_DECIDE
from admin_api.auth import requires
from admin_api.console.forms import form_of
from admin_api.console.pages import ConsolePages, done
from admin_api.console.ticket import show_ticket, ticket_id_of
from admin_api.context import actor, platform, unit_of_work
from admin_api.requests import parse_uuid, parsed
from ticketing import ticket_views, verification
from ticketing.days import day_of, end_of_day
from ticketing.errors import Forbidden, InvalidInput
from ticketing.guarantee import service as guarantee
from ticketing.guarantee.requests import GuaranteeChanges
from ticketing.guarantee.rules import FIELDS
from ticketing.risks import service as risks
from ticketing.risks.requests import NewRisk, RiskResolution
from ticketing.risks.service import MAY_ACCEPT
from ticketing.vocabulary import RiskType

pages = ConsolePages("ticket_decisions")

BOARD = "board"


@pages.page("/tickets/<ticket_id>/risks/new")
@requires(*MAY_ACCEPT)
def show_risk_form(ticket_id: str) -> str:
    """Ask what is accepted, on what conditions, and for how long."""
    wanted = ticket_id_of(ticket_id)
    with platform().read() as connection:
        ticket = ticket_views.get_ticket(connection, actor(), wanted)
        steps = verification.list_steps(connection, actor(), wanted)
    return render_template(
        "console/risk_new.html",
        ticket=ticket,
        open_steps=[step for step in steps if not step["is_complete"]],
        types=[kind.value for kind in RiskType],
        is_person=actor().user_id is not None,
        source=request.values.get("from", ""),
        ticked=request.form.getlist("outstanding_steps") if request.method == "POST" else None,
        flags=set(request.form) if request.method == "POST" else {"requires_followup"},
    )


@pages.action("/tickets/<ticket_id>/risks", again=show_risk_form)
@requires(*MAY_ACCEPT)
def accept_risk(ticket_id: str) -> Response:
    """Accept a risk: QA may approve although the steps that are ticked stand open."""
    wanted = ticket_id_of(ticket_id)
    new = form_of(
        NewRisk,
        accepted_by=person("accepts a risk"),
        outstanding_steps=request.form.getlist("outstanding_steps"),
        requires_followup="requires_followup" in request.form,
        covers_handover="covers_handover" in request.form,
    )
    with unit_of_work() as work:
        risks.accept(work, wanted, new)
    if request.form.get("from") == BOARD:
        return done("The risk has been accepted", "console_qa.show_board")
    return done("The risk has been accepted", "console_ticket.show_ticket", ticket_id=wanted, _anchor="risks")


@pages.action("/tickets/<ticket_id>/risks/<risk_id>/resolve", again=show_ticket)
@requires(*MAY_ACCEPT)
def resolve_risk(ticket_id: str, risk_id: str) -> Response:
    """Resolve a risk that was accepted, also one that ran out."""
    wanted = ticket_id_of(ticket_id)
    resolution = form_of(RiskResolution, resolved_by=person("resolves a risk"))
    with unit_of_work() as work:
        risks.resolve(work, parse_uuid(risk_id, "Invalid risk acceptance ID"), resolution)
    return done("The risk is resolved", "console_ticket.show_ticket", ticket_id=wanted, _anchor="risks")


@pages.action("/tickets/<ticket_id>/guarantee/installed", again=show_ticket)
@requires(*MAY_DECIDE)
def set_installed(ticket_id: str) -> Response:
    """Note the day of the installation; left empty, the day of the drop counts again."""
    day = request.form.get("installation_date") or None
    return _decide(ticket_id, lambda: {"installation_date": day}, "The day of the installation is noted")


@pages.action("/tickets/<ticket_id>/guarantee/decide", again=show_ticket)
@requires(*MAY_DECIDE)
def decide(ticket_id: str) -> Response:
    """Decide otherwise than the rules: guarantee, who pays, until when; with a reason."""
    return _decide(ticket_id, _decision, "Your decision counts until the ticket is given back to the rules")


@pages.action("/tickets/<ticket_id>/guarantee/automatic", again=show_ticket)
@requires(*MAY_DECIDE)
def give_back(ticket_id: str) -> Response:
    """Give a ticket's guarantee back to the rules."""
    return _decide(ticket_id, lambda: {"automatic": True}, "The rules decide on the guarantee again")


def person(does: str) -> UUID:
    """Return who is signed in, as a person. Raises Forbidden for a program: its key stands for nobody."""
    user_id = actor().user_id
    if user_id is None:
        raise Forbidden(f"Only a person {does}: sign in as one")
    return user_id


def _decision() -> dict[str, Any]:
    given: dict[str, Any] = {name: request.form[name] for name in FIELDS if request.form.get(name)}
    if until := request.form.get("covered_until"):
        given["guarantee_expires_at"] = _end_of(until)
    return given


def _end_of(text: str) -> datetime:
    problem = "must be a day, like 2026-11-22"
    try:
        day = day_of(text)
        if day is not None:
            return end_of_day(day)
    except ValueError as error:
        raise InvalidInput(f"covered_until: {problem}", details={"covered_until": problem}) from error
    raise InvalidInput(f"covered_until: {problem}", details={"covered_until": problem})


def _decide(ticket_id: str, given: Callable[[], dict[str, Any]], said: str) -> Response:
    wanted = ticket_id_of(ticket_id)
    besides = {name: request.form[name] for name in ("reason", "updated_at") if request.form.get(name)}
    changes = parsed(GuaranteeChanges, given() | besides)
    with unit_of_work() as work:
        guarantee.change(work, wanted, changes)
    return done(said, "console_ticket.show_ticket", ticket_id=wanted, _anchor="guarantee")

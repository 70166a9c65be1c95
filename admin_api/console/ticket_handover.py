"""Handing a ticket over: the gates with what stands in the way, the handover itself, and the snapshot to keep."""

from __future__ import annotations

from flask import Response, render_template

from admin_api.api.handover import archive, download_snapshot
from admin_api.auth import requires
from admin_api.console.pages import ConsolePages, done
from admin_api.console.ticket import ticket_id_of
from admin_api.console.ticket_decisions import person
from admin_api.context import actor, platform, unit_of_work
from admin_api.requests import parse_uuid
from ticketing import ticket_views
from ticketing.errors import NotFound
from ticketing.handover import service, views
from ticketing.handover.evidence import read_checksums
from ticketing.handover.requests import NewHandover
from ticketing.handover.rules import MAY_HAND_OVER, OWNERS, PENDING
from ticketing.vocabulary import HandoverType, Status

pages = ConsolePages("ticket_handover")


@pages.page("/tickets/<ticket_id>/handover")
@pages.page("/tickets/<ticket_id>/handover/<kind>")
@requires.signed_in()
def show_wizard(ticket_id: str, kind: str = "") -> str:
    """Try the gates of a handover and show what stands in the way; files are read again for it."""
    wanted = ticket_id_of(ticket_id)
    with platform().read() as connection:
        ticket = ticket_views.get_ticket(connection, actor(), wanted)
        chosen = _kind_of(kind) if kind else PENDING.get(Status(ticket["status"]), HandoverType.QA_TO_MAINTENANCE)
        actual = read_checksums(connection, actor(), wanted, archive())
        gates = views.try_gates(connection, actor(), wanted, chosen, actual)
    return render_template(
        "console/handover_wizard.html",
        ticket=ticket,
        kind=chosen.value,
        kinds=[one.value for one in HandoverType],
        owners=[owner.value for owner in OWNERS[chosen]],
        gates=gates,
        is_person=actor().user_id is not None,
    )


@pages.action("/tickets/<ticket_id>/handover/<kind>", again=show_wizard)
@requires(*MAY_HAND_OVER)
def hand_over(ticket_id: str, kind: str) -> Response:
    """Hand the ticket over: gates, snapshot, status and owner at once."""
    wanted, chosen = ticket_id_of(ticket_id), _kind_of(kind)
    new = NewHandover(handover_type=chosen, handover_by=person("hands a ticket over"))
    with platform().read() as connection:
        actual = read_checksums(connection, actor(), wanted, archive())
    with unit_of_work() as work:
        snapshot = service.hand_over(work, wanted, new, actual)
    said = f"Handed over: number {snapshot['chain_number']} in the chain of handovers"
    return done(said, "console_ticket.show_ticket", ticket_id=wanted, _anchor="handovers")


@pages.page("/handovers/<handover_id>/pdf")
@requires.signed_in()
def download_pdf(handover_id: str) -> Response:
    """Download the snapshot of a handover as a PDF."""
    wanted = parse_uuid(handover_id, "Invalid handover ID")
    with platform().read() as connection:
        return download_snapshot(views.get_snapshot(connection, actor(), wanted))


def _kind_of(text: str) -> HandoverType:
    if text not in [kind.value for kind in HandoverType]:
        raise NotFound(f"There is no handover of the kind {text}")
    return HandoverType(text)

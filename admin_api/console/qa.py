"""The QA board: tickets against checks, oldest first, with what is missing; and what QA does with each."""

from __future__ import annotations

from flask import Response, render_template, request

from admin_api.api.qa_board import BoardQuery, read_board
from admin_api.api.readiness import BulkBody, policy_in_force
from admin_api.auth import requires
from admin_api.console.forms import form_of, query_of
from admin_api.console.listing import Listing, project_options
from admin_api.console.pages import ConsolePages, back_to_list
from admin_api.console.ticket import changes_of, ticket_id_of
from admin_api.console.ticket_moves import moves_for
from admin_api.console.ticket_panels import CHECK_WORDS
from admin_api.console.wording import words
from admin_api.context import actor, platform, unit_of_work
from jobs.kinds.check_readiness import submit
from ticketing import readiness, tickets
from ticketing.errors import NotFound
from ticketing.readiness.board import ON_BOARD
from ticketing.readiness.service import MAY_CHECK
from ticketing.ticket_changes import version

pages = ConsolePages("qa")

LIST = Listing("console_qa.show_board", frozenset({"status", "is_ready", "project_id"}))
ROWS = "25"
# What fits over a column, where the words do not.
SHORT = {
    "photos_exist": "Photos",
    "dr_populated": "DR",
    "pole_populated": "Pole",
    "pon_populated": "PON",
    "zone_populated": "Zone",
    "ont_serial_recorded": "ONT",
    "ont_rx_recorded": "RX",
    "platforms_aligned": "Same",
}
# The moves that QA makes from here; all others are on the ticket's page.
MOVES = ("qa_in_progress", "qa_approved", "qa_rejected")


@pages.page("/qa")
@requires.signed_in()
def show_board() -> str:
    """Show the tickets that wait for QA, or are with QA, against the eight checks, oldest first."""
    query = query_of(BoardQuery)
    board = read_board(query.model_copy(update={"page_size": ROWS}))
    with platform().read() as connection:
        projects = project_options(connection)
    moves = {status.value: [one for one in moves_for(actor(), status) if one.status in MOVES] for status in ON_BOARD}
    return render_template(
        "console/qa.html",
        tickets=[{**row, "seen": version(row["updated_at"])} for row in board.page.rows],
        counts=board.counts,
        page=board.page,
        projects=projects,
        moves=moves,
        statuses=[status.value for status in ON_BOARD],
        short=SHORT,
        said=CHECK_WORDS,
        refused_id=(request.view_args or {}).get("ticket_id", ""),
        is_person=actor().user_id is not None,
        **LIST.around(board.page.next_cursor),
    )


@pages.action("/qa/<ticket_id>/recheck", again=show_board)
@requires(*MAY_CHECK)
def recheck(ticket_id: str) -> Response:
    """Run the readiness check on a ticket."""
    wanted = ticket_id_of(ticket_id)
    with unit_of_work() as work:
        check = readiness.check(work, wanted, policy_in_force(), checked_by=work.actor.user_id)
    said = "The ticket is ready for QA" if check["passed"] else "The ticket is not ready for QA yet"
    return back_to_list(said, ".show_board")


@pages.action("/qa/recheck", again=show_board)
@requires(*MAY_CHECK)
def recheck_many() -> Response:
    """Run the readiness check on the tickets that are ticked, in the background."""
    wanted = form_of(BulkBody).ticket_ids
    with unit_of_work() as work:
        submit(work, wanted, work.actor.user_id)
    number = f"{len(wanted)} ticket" + ("" if len(wanted) == 1 else "s")
    return back_to_list(f"{number} will be checked in a moment", ".show_board")


@pages.action("/qa/<ticket_id>/move/<status>", again=show_board)
@requires(*MAY_CHECK)
def move(ticket_id: str, status: str) -> Response:
    """Start QA on a ticket, approve it, or reject it with the reason."""
    if status not in MOVES:
        raise NotFound(f"QA does not move tickets to {status} from its board")
    wanted = ticket_id_of(ticket_id)
    with unit_of_work() as work:
        ticket = tickets.update(work, wanted, changes_of(status=status))
    return back_to_list(f"{ticket['ticket_uid']} is now {words(status)}", ".show_board")

"""QA readiness as the API shows it: where a ticket stands, and every run of the check. Reads only."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sql.database import Connection, queries
from ticketing.paging import PageRequest, page_of
from ticketing.people import Actor
from ticketing.seen_tickets import SeenTicket, see

READY = "Ticket is ready for QA"
MEND = "Fix failed checks before QA"
CHECK = "Run readiness check first"


def get_status(connection: Connection, actor: Actor, ticket: UUID | SeenTicket) -> dict[str, Any]:
    """Return where a ticket stands: the contract's status. Raises NotFound.

    A check that passed and was overtaken by a change leaves the ticket not ready, with nothing to mend: it is to be run
    again.
    """
    ticket_id = see(connection, actor, ticket).id
    rows = _checks(connection, ticket_id, PageRequest(size=1), extra=0)
    last = rows[0] if rows else None
    is_ready = bool(last and last.pop("stands"))
    return {
        "ticket_id": ticket_id,
        "is_ready": is_ready,
        "last_check": last,
        "last_check_at": last["checked_at"] if last else None,
        "failed_reasons": _reasons(last) if last else None,
        "next_action": _next_action(is_ready=is_ready, last=last),
    }


def list_checks(
    connection: Connection, actor: Actor, ticket_id: UUID, request: PageRequest
) -> tuple[list[dict[str, Any]], str | None]:
    """Return a part of the runs of the check on a ticket, newest first, and the cursor to go on with (None: the end).

    Raises NotFound, and InvalidInput for a cursor that is none.
    """
    see(connection, actor, ticket_id)
    page = page_of(_checks(connection, ticket_id, request, extra=1), request, counted=0, time_column="checked_at")
    return [{name: row[name] for name in row if name != "stands"} for row in page.rows], page.next_cursor


def _checks(connection: Connection, ticket_id: UUID, request: PageRequest, *, extra: int) -> list[dict[str, Any]]:
    after = request.after
    return list(
        queries("readiness").list_readiness_checks(
            connection,
            ticket_id=ticket_id,
            after_at=after.at if after else None,
            after_id=after.id if after else None,
            row_limit=request.size + extra,
        )
    )


def _reasons(check: dict[str, Any]) -> list[str]:
    return [failed["reason"] for failed in check["failed_checks"] if failed.get("blocking", True)]


def _next_action(*, is_ready: bool, last: dict[str, Any] | None) -> str:
    if is_ready:
        return READY
    return MEND if last is not None and not last["passed"] else CHECK

"""What forms of actions over many tickets offer, and what they say when they are sent."""

from __future__ import annotations

from typing import Any

from flask import request

from admin_api.context import actor
from admin_api.requests import parsed
from ticketing.bulk_actions.requests import NewBulkAction
from ticketing.bulk_actions.rules import MAY_ASK
from ticketing.ticket_changes import ASSIGNEE_FIELDS
from ticketing.vocabulary import BulkAction

NOBODY = "nobody"
"""What a select says for taking somebody off a ticket; left empty, it leaves the ticket as it is."""

_FIELDS = {BulkAction.ASSIGN: ASSIGNEE_FIELDS, BulkAction.PRIORITY: ("priority",), BulkAction.STATUS: ("status",)}


def offers() -> list[str]:
    """Return the actions over many tickets that whoever is signed in may ask for."""
    return [action.value for action, roles in MAY_ASK.items() if actor().has_role(*roles)]


def asked(**tickets: Any) -> NewBulkAction:
    """Return the submitted form as an action over `tickets` (`ticket_ids` or `filter`). Raises InvalidInput."""
    action = request.form.get("action", "")
    fields = next((names for known, names in _FIELDS.items() if known == action), ())
    sent = {name: request.form[name] for name in fields if request.form.get(name)}
    values = {name: None if value == NOBODY else value for name, value in sent.items()}
    reason = {"reason": request.form["reason"]} if request.form.get("reason") else {}
    return parsed(NewBulkAction, {"action": action, **tickets, **values, **reason})

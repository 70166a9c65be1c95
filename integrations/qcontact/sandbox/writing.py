"""What the service lets the partner change on a case, and how it says no."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.qcontact.sandbox.records import Case, Records
from integrations.qcontact.sandbox.switches import QContactSwitches

# Exactly so written: the label "In Progress" is refused, and nobody closes or gives up a case through the API.
ACCEPTED_STATUSES = frozenset(
    {"Open", "Assigned", "InProgress", "Escalated", "InReview", "Reviewed", "Pending Company Response", "Solved"}
)
# The options are the sandbox's own; that the fields take listed options only is the service's.
DROPDOWNS = {
    "c__update": frozenset({"Technician assigned", "Technician on site", "Awaiting parts", "Completed"}),
    "c__feedback": frozenset({"Customer satisfied", "Customer unavailable", "Follow-up needed"}),
}
TEXTS = frozenset({"description", "telephone", "email", "address", "c__dr_location", "c__availability"})
CLOSED_TEXT = "Case can't be changed because a Closed case can't be re-opened"


class Unacceptable(Exception):
    """The change is refused as a whole; `reason` is one word for the journal."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


def checked(records: Records, case: Case, fields: Mapping[str, Any], switches: QContactSwitches) -> dict[str, Any]:
    """Return the raw values that a PATCH sets; names that no case has are left out, as the service does.

    Raises Unacceptable for a closed case and for a value that its field does not take; then nothing is set.
    """
    if case.is_closed:
        raise Unacceptable("closed", CLOSED_TEXT)
    return {name: _value(records, name, value, switches) for name, value in fields.items() if name in case.fields}


def _value(records: Records, name: str, value: Any, switches: QContactSwitches) -> Any:
    if name == "status" and value not in ACCEPTED_STATUSES:
        raise Unacceptable("status", f"Status {value!r} is not included in the list")
    if name in DROPDOWNS and value is not None and value not in DROPDOWNS[name]:
        raise Unacceptable("dropdown", f"{name} is not included in the list")
    if name in TEXTS and not isinstance(value, str | None):
        raise Unacceptable("text", f"{name} must be a text")
    if name == "assigned_to":
        return _assignee(records, value, switches)
    return value


def _assignee(records: Records, value: Any, switches: QContactSwitches) -> int | None:
    if isinstance(value, str) and switches.assignee_names:
        value = records.users.known(value)
    elif value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or records.users.name_of(value) is None:
        raise Unacceptable("assigned_to", "Assigned to must exist")
    return value

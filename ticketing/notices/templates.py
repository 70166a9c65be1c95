"""The eight notices and what each must be told before anything of it is sent: pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ticketing.errors import DomainError
from ticketing.vocabulary import NotificationTemplate

LONGEST_VALUE = 500
LONGEST_TEXT = 4_000

_PLACE = re.compile(r"\{(\w+)\}")
_BLANKS = re.compile(r"\s+")
# Marks that reverse or hide text would let a value pass for the template's own words; a half character is none.
_UNSEEN = re.compile("[\x00-\x08\x0e-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


class TemplateError(DomainError):
    """A notice cannot be written: no such template, or a variable is missing. `details.variables` names them."""

    code = "TEMPLATE_ERROR"


@dataclass(frozen=True, slots=True)
class Template:
    """The words of a notice, with `{variables}`."""

    text: str

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables, each once, in the order of the text."""
        return tuple(dict.fromkeys(_PLACE.findall(self.text)))


_T = NotificationTemplate
TEMPLATES: Mapping[NotificationTemplate, Template] = MappingProxyType(
    {
        _T.TICKET_ASSIGNED: Template("Hello {assignee_name}, ticket {ticket_uid} ({dr_number}) is now yours."),
        _T.QA_REJECTED: Template("QA rejected the work on ticket {ticket_uid}: {rejection_reason}"),
        _T.QA_APPROVED: Template("QA approved the work on ticket {ticket_uid}."),
        _T.TICKET_CLOSED: Template("Ticket {ticket_uid} is closed."),
        _T.SLA_WARNING: Template("SLA of ticket {ticket_uid}: due {sla_due_time}."),
        _T.RISK_EXPIRING: Template(
            "Ticket {ticket_uid}: the accepted risk runs out on {expiry_date}: {risk_description}"
        ),
        _T.ESCALATION_CREATED: Template(
            "Repeat faults: {fault_count} on {scope_type} {scope_value}. Ticket {ticket_uid} looks into it."
        ),
        _T.HANDOVER_COMPLETE: Template("Ticket {ticket_uid} was handed over to {new_owner}."),
    }
)


def template_named(name: str) -> NotificationTemplate:
    """Return the template of that name. Raises TemplateError that lists the known names."""
    try:
        return NotificationTemplate(name)
    except ValueError:
        known = [template.value for template in TEMPLATES]
        message = f"No template is called {name!r}; known: {', '.join(known)}"
        raise TemplateError(message, details={"template_id": "unknown", "known": known}) from None


def filled_in(name: NotificationTemplate, variables: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables that the template uses, as they go into its text; others are dropped.

    A value becomes one line and is cut at LONGEST_VALUE characters. Raises TemplateError naming every variable that is
    missing or blank.
    """
    values = {wanted: _line(variables.get(wanted)) for wanted in TEMPLATES[name].variables}
    missing = [wanted for wanted, value in values.items() if not value]
    if missing:
        raise TemplateError(
            f"The template {name.value} needs: {', '.join(missing)}",
            details={"variables": dict.fromkeys(missing, "missing or blank")},
        )
    return values


def render(name: NotificationTemplate, variables: Mapping[str, Any]) -> str:
    """Return the text of a notice. Raises TemplateError as `filled_in` does. Braces inside values stay as they are."""
    values = filled_in(name, variables)
    return _PLACE.sub(lambda place: values[place.group(1)], TEMPLATES[name].text)


def _line(value: Any) -> str:
    text = "" if value is None else _BLANKS.sub(" ", _UNSEEN.sub("", str(value))).strip()
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"

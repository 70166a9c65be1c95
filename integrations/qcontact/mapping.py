"""What a case on the wire says in our words: pure (the CRM's wire contract, sections 4 and 9; our vocabulary wins).

Nothing is guessed: a status, a category or a drop number that no rule knows is left out and reported as unknown, with
the value as it came. What is too long for a ticket's field is cut where it is prose, and reported where it is a value.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from integrations.qcontact.wire import WireCase
from ticketing.qcontact_sync.cases import Case
from ticketing.qcontact_sync.outbound import without_notes
from ticketing.qcontact_sync.words import status_of, type_of
from ticketing.ticket_input import DESCRIPTION_MAX_LENGTH, NAME_MAX_LENGTH, TEXT_MAX_LENGTH
from ticketing.vocabulary import DR_NUMBER_PATTERN, EXTERNAL_ID_MAX_LENGTH, TITLE_MAX_LENGTH

LONGEST_UNKNOWN = 200
# Before fibre came to any home here: an older time is a clock that was never set.
EARLIEST = datetime(2010, 1, 1, tzinfo=UTC)

_FT = re.compile(r"FT\d+")
_DR = re.compile(r"DR\d+", re.IGNORECASE)
_DROP_FIELDS = ("dr_number", "c__drop_number", "drop_number", "c__dr_location", "c__dr_number")


def to_case(wire: WireCase) -> Case:
    """Return what a whole case says, in our words."""
    unknown: list[tuple[str, str]] = []
    reference = ft_reference(wire)
    category, subcategory = split_category(wire.text("category"))
    ticket_type = type_of(category, subcategory)
    if ticket_type is None:
        unknown.append(("category", _shown(wire.text("category"))))
    if wire.status is not None and status_of(wire.status) is None:
        unknown.append(("status", _shown(wire.status)))
    return Case(
        case_id=wire.id,
        title=(reference or wire.label or f"Case {wire.id}")[:TITLE_MAX_LENGTH].strip(),
        ft_reference=reference,
        status=status_of(wire.status),
        their_status=wire.status,
        their_assigned_to=wire.assigned_to,
        ticket_type=ticket_type,
        category=wire.text("category"),
        description=_description(wire),
        client_name=_cut(wire.label_of("contact")),
        client_contact=_cut(wire.text("telephone")),
        client_email=_cut(wire.text("email")),
        dr_number=_drop(wire, unknown),
        address=_cut(wire.text("address")),
        ont_serial=_within(wire, "c__serial_number", NAME_MAX_LENGTH, unknown),
        created_at=_moment(wire.created_at),
        updated_at=_moment(wire.updated_at),
        unknown=tuple(unknown),
    )


def ft_reference(wire: WireCase) -> str | None:
    """Return the client's own number of a case: the first in its label, else the one in its reference field."""
    for text in (wire.label, wire.text("reference")):
        found = _FT.search(text or "")
        if found and len(found[0]) <= EXTERNAL_ID_MAX_LENGTH:
            return found[0]
    return None


def split_category(text: str | None) -> tuple[str | None, str | None]:
    """Return category and subcategory: parted at the first `::`, else at the first `|`."""
    if text is None:
        return None, None
    separator = "::" if "::" in text else "|"
    category, _, subcategory = (part.strip() for part in text.partition(separator))
    return category or None, subcategory or None


def _drop(wire: WireCase, unknown: list[tuple[str, str]]) -> str | None:
    """Return the drop number: the name of the drop that the case refers to, else the first in the flat fields."""
    for text in (wire.label_of("c__dr_number"), *(wire.text(name) for name in _DROP_FIELDS)):
        found = _DR.search(text or "")
        if found is None:
            continue
        number = found[0].upper()
        if re.fullmatch(DR_NUMBER_PATTERN, number):
            return number
        unknown.append(("dr_number", _shown(text)))
        return None
    return None


def _description(wire: WireCase) -> str | None:
    """Return the description without what we appended to it ourselves; without one, the label."""
    text = without_notes(wire.text("description"))
    return (text or wire.label or "")[:DESCRIPTION_MAX_LENGTH].strip() or None


def _within(wire: WireCase, name: str, most: int, unknown: list[tuple[str, str]]) -> str | None:
    text = wire.text(name)
    if text is not None and len(text) > most:
        unknown.append((name, _shown(text)))
        return None
    return text


def _cut(text: str | None) -> str | None:
    return text[:TEXT_MAX_LENGTH].strip() if text else None


def _moment(moment: datetime | None) -> datetime | None:
    return moment if moment is not None and moment >= EARLIEST else None


def _shown(text: str | None) -> str:
    return (text or "")[:LONGEST_UNKNOWN]

"""Telling a case what its ticket has to say, and proving by reading that it arrived.

Every try begins by reading the case, so whatever an earlier try did without getting to know it is found, not repeated.
Notes go first and the assignment last: a case that ended is soon closed to writing, and one that was given away may be
out of the account's reach.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from integrations.outside import NotAllowed, OutsideError, Refused
from integrations.qcontact.client import QContactClient
from integrations.qcontact.wire import WireCase, WireEvent
from ticketing.qcontact_sync.outbound import Note, Outbound, absent, overwritten, same_text, with_notes
from ticketing.qcontact_sync.pushes import Arrived
from ticketing.qcontact_sync.statuses import agrees, is_closed_there, same_word

# How often a description is written anew because somebody else wrote it at the same moment.
MOST_REWRITES = 4
# How far back, in pages of the timeline, a note is looked for that may have been added.
MOST_PAGES = 5

Told = Callable[[Sequence[Note], str], None]


class ChangeIgnored(OutsideError):
    """The service answered with success and did not take the change."""

    code = "QCONTACT_CHANGE_IGNORED"


class DescriptionContested(OutsideError):
    """Somebody else kept writing the description at the same moments; another try may do better."""

    code = "QCONTACT_DESCRIPTION_CONTESTED"


@dataclass(frozen=True, slots=True)
class ClosedThere:
    """The case is Closed: nothing was written since that is known."""

    case: WireCase


@dataclass(frozen=True, slots=True)
class MovedThere:
    """An agent moved the case to a status that we have not heard of yet: nothing was written over it."""

    case: WireCase


class Calls:
    """The client's calls, each within the guard of whoever counts how they end."""

    def __init__(self, client: QContactClient, guard: Callable[[], AbstractContextManager[None]]) -> None:
        self._client = client
        self._guard = guard

    def get(self, case_id: str) -> WireCase:
        """Read a case."""
        with self._guard():
            return self._client.get_case(case_id)

    def events(self, case_id: str, page: int = 1) -> list[WireEvent]:
        """Read a page of its timeline."""
        with self._guard():
            return self._client.list_events(case_id, page)

    def update(self, case_id: str, **fields: Any) -> WireCase:
        """Change fields of it."""
        with self._guard():
            return self._client.update_case(case_id, fields)

    def add_note(self, case_id: str, note: Note) -> None:
        """Add a note to it."""
        with self._guard():
            self._client.add_note(case_id, note.text(), public=note.for_client)


def push(calls: Calls, outbound: Outbound, told: Told) -> Arrived | ClosedThere | MovedThere:
    """Tell a case everything that its ticket has to say, and read it back.

    `told` is called with notes, and how they were written, as soon as they are known to be there. Raises ChangeIgnored,
    DescriptionContested and every OutsideError of the client; a try that failed may have done a part.
    """
    case = calls.get(outbound.case_id)
    if is_closed_there(case.status):
        return ClosedThere(case)
    if outbound.status is not None and outbound.is_news(case.status):
        return MovedThere(case)
    try:
        _tell_notes(calls, outbound, case, told)
        replies = [calls.update(outbound.case_id, **fields) for fields in _changes(outbound, case)]
    except Refused:
        now = calls.get(outbound.case_id)
        if is_closed_there(now.status):
            return ClosedThere(now)
        raise
    overwrote = _overwritten_status(calls, outbound, replies)
    return _arrived(outbound, replies, calls.get(outbound.case_id) if replies else case, overwrote)


def _overwritten_status(calls: Calls, outbound: Outbound, replies: Sequence[WireCase]) -> str | None:
    """Return the status of an agent that ours replaced unread, between our reading and our writing; None for none.

    The service knows no versions, and a reading afterwards shows nothing but ours: its timeline tells what a write
    replaced. An account that may not read the timeline cannot know.
    """
    sent = outbound.status
    if sent is None or not (replies or any(same_word(sent, one) for one in outbound.sending)):
        return None
    try:
        events = calls.events(outbound.case_id)
    except NotAllowed:
        return None
    for event in events:
        for field, was, became in event.changes:
            if field.lower() == "status" and same_word(became, sent):
                return was if outbound.replaced_news(was) else None
    return None


def _changes(outbound: Outbound, case: WireCase) -> list[dict[str, Any]]:
    """Return the changes to write, one after the other: those values that the case does not have already."""
    changes: list[dict[str, Any]] = []
    if outbound.status is not None and not agrees(outbound.ours, case.status):
        changes.append({"status": outbound.status})
    if outbound.assign_to is not None and case.assigned_to != outbound.assign_to:
        # Record ids are numbers there; a name is refused.
        changes.append({"assigned_to": int(outbound.assign_to)})
    return changes


def _arrived(outbound: Outbound, replies: Sequence[WireCase], found: WireCase, overwrote: str | None) -> Arrived:
    """Return what took effect. Raises ChangeIgnored where no answer and no reading has it."""
    seen = [*replies, found]
    if outbound.status is not None and not any(agrees(outbound.ours, case.status) for case in seen):
        raise _ignored("status", outbound.status, found.status)
    if outbound.assign_to is not None and not any(case.assigned_to == outbound.assign_to for case in seen):
        raise _ignored("assigned_to", outbound.assign_to, found.assigned_to)
    unmoved = outbound.status is None or agrees(outbound.ours, found.status)
    return Arrived(
        status=outbound.status,
        # What an agent made of it since is left to be noticed as news.
        read_status=None if outbound.status is None else (found.status if unmoved else outbound.status),
        updated_at=found.updated_at if unmoved and outbound.status is not None else None,
        assigned=outbound.assigns,
        overwrote=overwrote,
    )


def _ignored(field: str, sent: str, found: str | None) -> ChangeIgnored:
    shown = "nothing" if found is None else f'"{found}"'
    return ChangeIgnored("qcontact", f'QContact answered with success, but {field} is {shown} and not "{sent}"')


def _tell_notes(calls: Calls, outbound: Outbound, case: WireCase, told: Told) -> None:
    """Tell each note that the case has neither in its description nor, if it was begun before, in its timeline."""
    left = _untold(calls, outbound, case, told)
    for place, note in enumerate(left):
        try:
            calls.add_note(outbound.case_id, note)
        except NotAllowed:
            # Only a clean refusal leads here: after any other failure the note may be there.
            _append(calls, outbound.case_id, left[place:])
            told(left[place:], "description")
            return
        told([note], "note")


def _untold(calls: Calls, outbound: Outbound, case: WireCase, told: Told) -> list[Note]:
    left = absent(outbound.notes, _description(case))
    told([note for note in outbound.notes if note not in left], "description")
    begun = [note for note in left if note.begun]
    there = _in_timeline(calls, outbound.case_id, begun) if begun else []
    told(there, "note")
    return [note for note in left if note not in there]


def _in_timeline(calls: Calls, case_id: str, notes: Sequence[Note]) -> list[Note]:
    """Return those notes that the case's timeline shows as notes."""
    missing = list(notes)
    for page in range(1, MOST_PAGES + 1):
        events = calls.events(case_id, page)
        for event in events:
            missing = absent(missing, event.text)
        if not events or not missing:
            break
    return [note for note in notes if note not in missing]


def _append(calls: Calls, case_id: str, notes: Sequence[Note]) -> None:
    """Add marked lines to the description without losing what an agent writes there at the same moment.

    The service knows no versions, so the timeline is asked what our write replaced; where that is not what we had read,
    the agent's text is put back with our lines. Raises DescriptionContested when that does not end.
    """
    base = _description(calls.get(case_id))
    for _ in range(MOST_REWRITES):
        sent = with_notes(base, notes)
        if absent(notes, base):
            calls.update(case_id, description=sent)
            lost = _replaced(calls.events(case_id), base, sent)
            if lost is not None:
                base = lost
                continue
        base = _description(calls.get(case_id))
        if not absent(notes, base):
            return
    raise DescriptionContested("qcontact", "QContact's description of the case did not keep our lines")


def _replaced(events: Sequence[WireEvent], base: str | None, sent: str) -> str | None:
    """Return the text of an agent that our write of `sent` replaced unread; None when it replaced what we had read."""
    for event in events:
        for field, was, became in event.changes:
            if field.lower() == "description" and same_text(became, sent):
                return overwritten(base, was)
    return None


def _description(case: WireCase) -> str | None:
    value = case.fields.get("description")
    return value if isinstance(value, str) else None

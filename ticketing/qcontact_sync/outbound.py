"""What a ticket tells its case, decided from both sides' newest state. Pure.

Told are: the status where the ticket was moved here (never what came from there, see `words.agree`), who works on it
where that person, company or team has a record there, and public notes, each once. A note that may not be written as a
note becomes a marked line of the description: the marker tells whether it arrived, whatever became of the answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from ticketing.qcontact_sync.statuses import agrees, in_their_words, same_word
from ticketing.vocabulary import NoteType

CLOSED_THERE = "the case is Closed there: nothing can be changed in it any more"
GONE_THERE = "the case does not exist there any more"

# Between what the agents wrote and what we add to it.
SEPARATOR = "\n"
_OUR_LINE = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] .*\[FF:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A public note that the case does not have for all we know; `begun` if telling it was begun before."""

    id: UUID
    content: str
    note_type: str
    created_at: datetime
    author: str | None = None
    begun: bool = False

    @property
    def marker(self) -> str:
        """What tells the note from every other text there."""
        return f"[FF:{self.id}]"

    @property
    def for_client(self) -> bool:
        """Whether it is meant for the client's own eyes, rather than for the agents."""
        return self.note_type == NoteType.CLIENT

    def text(self) -> str:
        """Return the note as it is written there: when, by whom, what, and its marker at the end."""
        written = f"{self.created_at:%Y-%m-%d %H:%M:%S}"
        by = f" {self.author}:" if self.author else ""
        # One line, whatever the note looks like: it has to be told from the lines of others.
        return f"[{written}]{by} {' '.join(self.content.split())} {self.marker}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound:
    """What a ticket has to tell its case; None and empty parts are nothing to tell.

    `status` is the text to write there. `assign_to` is a record id there, `unassign` gives the case back to our queue.
    `sending` are texts of statuses that earlier tries may have written without getting to know it, `sending_over` is
    what the case said before the first of them; `blocked` is why nothing may be told at present.
    """

    ticket_id: UUID
    case_id: str
    ours: str
    their_status: str | None
    sending: tuple[str, ...] = ()
    sending_over: str | None = None
    blocked: str | None = None
    status: str | None = None
    assign_to: str | None = None
    unassign: bool = False
    notes: tuple[Note, ...] = ()

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.status or self.assigns or self.notes)

    @property
    def assigns(self) -> bool:
        """Whether the case is to be given to somebody."""
        return self.assign_to is not None or self.unassign

    def is_news(self, found: str | None) -> bool:
        """Whether a status found there is one that neither we wrote nor knew: an agent moved the case meanwhile."""
        known = (self.their_status, self.status, *self.sending)
        return not any(same_word(found, one) for one in known) and not agrees(self.ours, found)

    def replaced_news(self, was: str | None) -> bool:
        """Whether a status that ours replaced there is an agent's, unread: not what the case said before our tries."""
        return was is not None and self.is_news(was) and not same_word(was, self.sending_over)

    def told(self) -> dict[str, Any]:
        """Return what the sync log keeps of it: ids of notes, never their text."""
        parts: Mapping[str, Any] = {
            "status": self.status,
            "assigned_to": self.assign_to,
            "notes": [str(note.id) for note in self.notes],
        }
        return {name: value for name, value in parts.items() if value} | ({"unassigned": True} if self.unassign else {})


def decide(row: Mapping[str, Any], notes: Sequence[Note], *, queue: str | None) -> Outbound:
    """Decide what to tell from a row of the view `qcontact_outbound` and the untold notes.

    `queue` is the record id of our queue there, to which a case goes back that nobody of ours works on any more.
    """
    free = row["blocked_reason"] is None
    # What was sent, and nobody saw arrive, may stand there or not: only looking there tells.
    says = None if row["sending"] else row["their_status"]
    owes_status = free and row["may_owe_status"] and not agrees(row["status"], says)
    assigns = free and row["owes_assignment"]
    wanted = row["wanted_assignee"]
    return Outbound(
        ticket_id=row["ticket_id"],
        case_id=row["case_id"],
        ours=row["status"],
        their_status=row["their_status"],
        sending=tuple(row["sending"]),
        sending_over=row["sending_over"],
        blocked=row["blocked_reason"],
        status=in_their_words(row["status"]) if owes_status else None,
        assign_to=(wanted or queue) if assigns else None,
        unassign=assigns and wanted is None,
        notes=tuple(notes) if free else (),
    )


def absent(notes: Sequence[Note], text: str | None) -> list[Note]:
    """Return the notes whose marker is not in a text."""
    return [note for note in notes if note.marker not in (text or "")]


def with_notes(description: str | None, notes: Sequence[Note]) -> str:
    """Return the description with a line for each of the notes that it does not have yet; the rest stays as it is."""
    lines = [note.text() for note in absent(notes, description)]
    before = (description or "").rstrip("\n")
    return SEPARATOR.join([*([before] if before else []), *lines])


def without_notes(description: str | None) -> str | None:
    """Return a description as the CRM's people wrote it, without the lines that we added; None if nothing is left."""
    lines = [line for line in (description or "").split("\n") if not _OUR_LINE.fullmatch(line.strip())]
    return "\n".join(lines).strip() or None


def same_text(one: str | None, other: str | None) -> bool:
    """Whether two texts are the same but for the space around them."""
    return (one or "").strip() == (other or "").strip()


def overwritten(base: str | None, was: str | None) -> str | None:
    """Return what an agent had made of the description between our reading (`base`) and our writing.

    `was` is what the case's timeline says that our write replaced; only to be believed where it shows our own text
    whole. None: nobody wrote between.
    """
    return None if same_text(base, was) else (was or "")

"""What a case of the CRM may do to a ticket: begin one, or change one without undoing the work done here.

Each value is compared three ways: what both sides agreed on last, what the ticket has, what the case says. A value that
was changed there only is taken over, one that was changed here only stays, and where both changed there is a conflict
for a person. A status follows the machine besides: a move that it forbids is a conflict too. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ticketing.input_text import plain_lines
from ticketing.qcontact_sync.cases import Case, Conflict
from ticketing.qcontact_sync.statuses import in_their_words, same_word
from ticketing.qcontact_sync.words import DEFAULT_TYPE, agree, status_of
from ticketing.status import Facts, refusal
from ticketing.vocabulary import TERMINAL_STATUSES, Status

# The ticket's columns that a case speaks about, besides the status.
OWNED = (
    *("title", "description", "ticket_type", "client_name", "client_contact", "client_email"),
    *("dr_number", "address", "ont_serial"),
)

# The moves that a new ticket takes to where its case stands already; each needs nothing but the one before.
BEGINNING = (Status.OPEN, Status.ASSIGNED, Status.IN_PROGRESS, Status.PENDING_QA)

# As far as the clocks of two machines may be apart.
CLOCKS_APART = timedelta(seconds=5)
# How long after a write of ours a reading is believed.
BELIEVED_AFTER = CLOCKS_APART + timedelta(seconds=1)

MOVED_HERE = "moved here and there since both sides agreed"
CHANGED_HERE = "changed here and there since both sides agreed"


@dataclass(frozen=True, slots=True)
class Base:
    """What both sides agreed on last: our status then, and the fields as the case gave them.

    `sent` are texts of statuses that a push may have written there since: found there, they are our own word.
    """

    status: str | None = None
    said: Mapping[str, Any] = field(default_factory=dict)
    sent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Begin:
    """How a new ticket begins: the statuses that it goes through, the last of which it has, and what differs."""

    path: tuple[Status, ...]
    conflicts: tuple[Conflict, ...] = ()

    @property
    def status(self) -> Status:
        """The status that the new ticket has."""
        return self.path[-1]


@dataclass(slots=True)
class Decision:
    """What a case does to its ticket: fields to write, the move, what differs, and the fields on which both agree.

    `agreed_status` is the ticket's status where both sides say the same after this, else None. `settled` are the fields
    of which no conflict may stay open.
    """

    updates: dict[str, Any] = field(default_factory=dict)
    status: Status | None = None
    agreed_status: str | None = None
    conflicts: list[Conflict] = field(default_factory=list)
    settled: set[str] = field(default_factory=set)


def said_by(case: Case) -> dict[str, Any]:
    """Return what a case offers the ticket, by ticket column, JSON-ready; nothing that it says nothing of."""
    values = {name: getattr(case, name) for name in OWNED}
    return {name: str(value) for name, value in values.items() if value is not None}


def is_over(case: Case) -> bool:
    """Whether the case is finished there; one without a ticket here then needs none any more."""
    return case.status in TERMINAL_STATUSES


def begin(case: Case) -> Begin:
    """Decide how the ticket of a new case begins.

    It takes every move that needs nothing else towards the status of the case; one that asks for more (a readiness
    check, an approval) is a conflict, and so is a status that is not known.
    """
    if case.status in BEGINNING:
        return Begin(BEGINNING[: BEGINNING.index(case.status) + 1])
    if case.status is None:
        conflicts = tuple(_unknown(case, Status.OPEN))
        return Begin((Status.OPEN,), conflicts)
    refused = refusal(Status.OPEN, case.status, Facts(ticket_type=case.ticket_type or DEFAULT_TYPE))
    reason = refused.message if refused else "a new ticket begins with the work, not with its end"
    return Begin((Status.OPEN,), (Conflict(field="status", ours=Status.OPEN, theirs=case.status, reason=reason),))


def merge(ticket: Mapping[str, Any], base: Base, case: Case, facts: Facts) -> Decision:
    """Decide what a case does to its ticket; `ticket` has the OWNED columns and `status`.

    What a case says nothing of clears nothing, and a ticket that is over is changed no more, but for its base.
    """
    decision = Decision()
    over = ticket["status"] in TERMINAL_STATUSES
    for name, theirs in said_by(case).items():
        _merge_field(decision, name, (ticket[name], base.said.get(name), theirs), over=over)
    _merge_status(decision, ticket["status"], base, case, facts)
    return decision


def base_status(agreed: tuple[str, datetime] | None, pushed: tuple[str, datetime] | None) -> str | None:
    """Return our status when both sides last said the same: by a reading, or by what we wrote there since.

    Both are (status, when): ours at the last agreement, theirs as it was written. None: they never agreed.
    """
    if pushed is not None and (agreed is None or pushed[1] > agreed[1]):
        written = status_of(pushed[0])
        if written is not None:
            return written.value
    return agreed[0] if agreed else None


def is_overtaken(read_at: datetime, pushed_at: datetime | None, newest_read_at: datetime | None) -> bool:
    """Whether a reading may be older than what was written there, or than a reading that was applied already."""
    if newest_read_at is not None and newest_read_at > read_at:
        return True
    return pushed_at is not None and pushed_at + CLOCKS_APART > read_at


def _merge_field(decision: Decision, name: str, values: tuple[Any, Any, Any], *, over: bool) -> None:
    # The CRM ends lines in its own way: that alone is no difference.
    ours, last, theirs = map(plain_lines, values)
    if theirs == ours:
        decision.settled.add(name)
    elif theirs == last or over:
        return
    elif ours in (last, None):
        decision.updates[name] = theirs
        decision.settled.add(name)
    else:
        decision.conflicts.append(Conflict(field=name, ours=ours, theirs=theirs, reason=CHANGED_HERE))


def _merge_status(decision: Decision, ours: str, base: Base, case: Case, facts: Facts) -> None:
    theirs = case.status
    if theirs is None:
        decision.conflicts += _unknown(case, ours)
    elif agree(ours, theirs):
        decision.agreed_status = ours
        decision.settled.add("status")
    elif _is_our_word(ours, base, case):
        decision.settled.add("status")
    elif _moved_here(ours, base.status):
        decision.conflicts.append(Conflict(field="status", ours=ours, theirs=theirs.value, reason=MOVED_HERE))
    else:
        _follow(decision, ours, theirs, facts)


def _is_our_word(ours: str, base: Base, case: Case) -> bool:
    """Whether the case stands where we put it or where both agreed, and only we moved on: the push will tell them."""
    if any(same_word(case.their_status, sent) for sent in base.sent):
        return True
    stands = case.status is not None and base.status is not None and agree(base.status, case.status)
    return stands and ours != base.status


def _moved_here(ours: str, base: str | None) -> bool:
    """Whether the ticket left the status on which both agreed; without one, whether anybody touched it yet."""
    if base is None:
        return ours != Status.OPEN
    return ours != base and in_their_words(ours) != in_their_words(base)


def _follow(decision: Decision, ours: str, theirs: Status, facts: Facts) -> None:
    refused = refusal(ours, theirs, facts)
    if refused is None:
        decision.status, decision.agreed_status = theirs, theirs.value
        decision.settled.add("status")
    else:
        decision.conflicts.append(Conflict(field="status", ours=ours, theirs=theirs.value, reason=refused.message))


def _unknown(case: Case, ours: str) -> list[Conflict]:
    """A status that nobody mapped yet is for a person to read; a case that tells no status at all is not."""
    if case.their_status is None:
        return []
    reason = f'"{case.their_status}" is no status that we know'
    return [Conflict(field="status", ours=ours, theirs=case.their_status, reason=reason)]

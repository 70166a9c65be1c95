"""What is to be done next with a notice on its way, and what to make of a look into its chat. Pure.

The one rule behind all of it: a message whose outcome is not known may have left. It is looked for before anything
else; only when it surely is not there it is sent once more, and when even that tells nothing, a person sees to it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ticketing.notices.acks import ERROR, PENDING, SERVER
from ticketing.vocabulary import NotificationStatus

# How long after a send without a known outcome, and after each look that proved nothing, the chat is read (again).
LOOKS_AFTER = tuple(timedelta(seconds=seconds) for seconds in (5, 60, 60, 120, 300, 600))
# How long the gateway has to confirm what it accepted, before anybody looks.
CONFIRMED_WITHIN = timedelta(seconds=60)
# So long ago the message must have been sent, and so long the session have worked, before "not there" means anything.
SETTLED_AFTER = timedelta(seconds=60)
LOOK_AGAIN = timedelta(seconds=30)
MOST_LOOKS = len(LOOKS_AFTER)
FEWEST_LOOKS = 2
# What was sent before is looked for from this much earlier: clocks differ.
CLOCKS_DIFFER = timedelta(seconds=60)
# A reserved start that was missed by more is given up: after a day of silence all of them would go out at once.
MISSED_AFTER = timedelta(seconds=60)

NOT_PROVEN = "NOT_PROVEN"
# What is said of a notice that was found in the midst of being sent.
INTERRUPTED = "INTERRUPTED"
OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"


@dataclass(frozen=True, slots=True)
class Leave:
    """There is nothing to do now; something else will ask again, if anything is left to do."""

    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Ask again at `until` (aware)."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It can never go out, or nobody but a person can tell whether it did."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Look:
    """Read the chat: the message may have left."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send it; nothing of it has left."""


Next = Leave | Wait | GiveUp | Look | Send


def next_of(notice: Mapping[str, Any], now: datetime) -> Next:
    """Return what is to be done with a notice (a row of `lock_sending`)."""
    if notice["status"] != NotificationStatus.PENDING:
        return Leave(f"the notice is {notice['status']}")
    if notice["sending"] != "unsent":
        return _next_of_sent(notice, now)
    if notice["opted_out_at"] is not None:
        return GiveUp("OPTED_OUT", "The recipient does not want to be written to")
    if notice["held_at"] is not None:
        return Leave(f"the notice is held: {notice['hold_reason']}")
    if notice["not_before"] > now:
        return Wait(notice["not_before"], "it is not to go out before")
    return Send()


def _next_of_sent(notice: Mapping[str, Any], now: datetime) -> Next:
    due = notice["next_look_at"]
    if due is None or due <= now:
        return Look()
    if notice["sending"] == "accepted":
        return Leave(f"accepted; its confirmation is awaited until {due:%H:%M:%S}")
    return Wait(due, "the chat is read again")


@dataclass(frozen=True, slots=True)
class Seen:
    """A message found in the chat. `raw_id` as the gateway gave it, `stanza` its bare part, `ack` how far it is."""

    raw_id: str
    stanza: str
    ack: int | None
    body: str | None = None
    timestamp: int | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a look's finding nothing is worth: whether the session has worked for a while, whether chats are kept."""

    session_is_steady: bool
    store_is_proven: bool


@dataclass(frozen=True, slots=True)
class Proven:
    """The message is there, and WhatsApp has it or has refused it."""

    seen: Seen
    level: int


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Nothing is proven yet: look again at `at`. `counts`: whether this look is one of those that are limited."""

    at: datetime
    counts: bool
    seen: Seen | None = None


@dataclass(frozen=True, slots=True)
class Resend:
    """It is not there: send it once more."""


Finding = Proven | LookAgain | Resend | GiveUp


def finding_of(notice: Mapping[str, Any], seen: Seen | None, surroundings: Surroundings, now: datetime) -> Finding:
    """Return what a look means. `notice` is a row of `lock_sending`; `seen` the message, if it was found.

    A message that is there but not confirmed may leave at any moment. It is sent again only by the very id that it was
    given beforehand, which WhatsApp takes for the same message; without one that is for a person to decide.
    """
    if seen is not None and seen.ack is not None and (seen.ack >= SERVER or seen.ack == ERROR):
        return Proven(seen, seen.ack)
    if not surroundings.session_is_steady:
        return LookAgain(now + LOOK_AGAIN, counts=False, seen=seen)
    looks = notice["looks"] + 1
    if _cannot_double(notice, seen) and _may_resend(notice, looks, surroundings, now):
        return Resend()
    if looks < MOST_LOOKS:
        return LookAgain(now + LOOKS_AFTER[looks], counts=True, seen=seen)
    return _hand_over(notice, seen, surroundings)


def _cannot_double(notice: Mapping[str, Any], seen: Seen | None) -> bool:
    return seen is None or (seen.ack == PENDING and seen.stanza == notice["planned_stanza_id"])


def has_send_left(notice: Mapping[str, Any]) -> bool:
    """Whether the message may be sent once more, should it not be there.

    A send counts from when it is noted. One that the end of its process cut off may never have been made, so it is made
    again, once, if the message has an id that it was given beforehand: should the first be on its way after all, both
    are one message. Without such an id that is for a person to decide.
    """
    was_cut_off = notice["error_code"] == INTERRUPTED and notice["planned_stanza_id"] is not None
    sends, allowed = int(notice["sends"]), int(notice["sends_allowed"])
    return sends < allowed + was_cut_off


def _may_resend(notice: Mapping[str, Any], looks: int, surroundings: Surroundings, now: datetime) -> bool:
    return (
        has_send_left(notice)
        and notice["held_at"] is None
        and notice["opted_out_at"] is None
        and surroundings.store_is_proven
        and looks >= FEWEST_LOOKS
        and now - notice["sending_at"] >= SETTLED_AFTER
    )


def _hand_over(notice: Mapping[str, Any], seen: Seen | None, surroundings: Surroundings) -> GiveUp:
    if seen is not None:
        return GiveUp(
            NOT_PROVEN, "The gateway has the message, but WhatsApp has not confirmed it; look at the telephone"
        )
    times = "once" if notice["sends"] == 1 else f"{notice['sends']} times"
    why = "" if surroundings.store_is_proven else ", and the gateway may not keep its chats"
    return GiveUp(
        OUTCOME_UNKNOWN, f"Sent {times}, not found in the chat{why}; look at the telephone before sending again"
    )


def find_in_chat(
    messages: Sequence[Seen], notice: Mapping[str, Any], claimed: Collection[str], known: Collection[str]
) -> Seen | None:
    """Return the notice's message out of its chat's: by an id of its own, else by its exact text.

    `claimed` are the stanzas of other notices: two notices may say the same. Of several the earliest is taken.
    """
    own = [message for message in messages if message.stanza in known]
    if own:
        return own[0]
    text = plain(notice["message_content"])
    alike = [
        message
        for message in messages
        if message.body is not None and plain(message.body) == text and message.stanza not in claimed
    ]
    return min(alike, key=lambda message: (message.timestamp or 0, message.stanza), default=None)


def plain(text: str) -> str:
    """Return a text with its line ends alike and without space around it, which a gateway may trim."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()

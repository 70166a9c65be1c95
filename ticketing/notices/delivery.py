"""Moving a notice on its way: written down before each call and after it, and as far as WhatsApp confirms it.

Each function is one short unit of work; whoever calls the gateway does so between them. What a killed process leaves is
a row that says `sending`, and that is read as "may have left". Locks are taken in one order: session, message, notice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sql.database import queries
from ticketing.errors import ConditionNotMet, NotFound
from ticketing.events import UnitOfWork
from ticketing.notices import sending_rules as rules
from ticketing.notices.acks import REFUSED, Ack, Known, first_of, known_by, moved
from ticketing.notices.sending_rules import (
    CONFIRMED_WITHIN,
    INTERRUPTED,
    LOOKS_AFTER,
    GiveUp,
    LookAgain,
    Next,
    Proven,
    Seen,
    Send,
)
from ticketing.vocabulary import NotificationStatus

__all__ = ["Ack", "apply_ack"]

Row = dict[str, Any]

INTERRUPTED_MESSAGE = "The process that sent it ended before it knew the outcome"


def begin_sending(work: UnitOfWork, notice_id: UUID) -> tuple[Row, Next]:
    """Take a notice in hand and return it with what is to be done with it. Raises NotFound.

    One that says `sending` was left so by somebody who was stopped: from here on its outcome is unknown. One that can
    never go out is failed here.
    """
    notice = _lock(work, notice_id)
    if notice["status"] == NotificationStatus.PENDING and notice["sending"] == "sending":
        _mark_unknown(work, notice_id, timedelta(), INTERRUPTED, INTERRUPTED_MESSAGE)
        notice = _lock(work, notice_id)
    following = rules.next_of(notice, work.now)
    if isinstance(following, GiveUp):
        give_up(work, notice_id, following)
    return notice, following


def claim(work: UnitOfWork, notice_id: UUID, *, session: str, chat_id: str, planned: str | None, again: bool) -> bool:
    """Write down that the message is being sent now, by which id if one was fetched; False if it may not be any more.

    `again`: it is the one resend of a message that was looked for and not found.
    """
    bound = planned is None or _bind(work, session, planned, notice_id)
    _settle(work, notice_id)
    notice = _lock(work, notice_id)
    is_so = _may_be_resent(notice) if again else isinstance(rules.next_of(notice, work.now), Send)
    if not (bound and is_so):
        return False
    queries("notice_sending").mark_sending(
        work.connection,
        notice_id=notice_id,
        session=session,
        chat_id=chat_id,
        planned_stanza_id=planned,
        now=work.now,
    )
    return True


def note_sent(
    work: UnitOfWork, notice_id: UUID, *, session: str, raw_id: str, stanza: str, level: int
) -> NotificationStatus:
    """Write down that the gateway took the message, and how far it says that it is; returns how far the notice is.

    The id may be another one than was asked for: then both are watched.
    """
    _bind(work, session, stanza, notice_id)
    _lock(work, notice_id)
    queries("notice_sending").mark_accepted(
        work.connection,
        notice_id=notice_id,
        message_id=raw_id,
        stanza_id=stanza,
        next_look_at=work.now + CONFIRMED_WITHIN,
        now=work.now,
    )
    if level != 0:
        _confirm(work, Ack(session=session, stanza=stanza, level=level, at=work.now))
    return _settle(work, notice_id)


def note_unknown(work: UnitOfWork, notice_id: UUID, code: str, message: str) -> None:
    """Write down that nobody knows whether the message left; the chat is to be read soon."""
    notice = _lock(work, notice_id)
    if notice["status"] == NotificationStatus.PENDING:
        _mark_unknown(work, notice_id, LOOKS_AFTER[0], code, message)


def note_not_sent(
    work: UnitOfWork, notice_id: UUID, code: str, message: str, *, wait: timedelta, forget_chat: bool = False
) -> None:
    """Take back a send that surely did not take place: it is tried again after `wait`, as if it had not been begun.

    With `forget_chat` the gateway is asked anew where to send to.
    """
    phone = queries("notice_sending").get_phone(work.connection, notice_id=notice_id)
    if forget_chat:
        queries("notice_sending").forget_contact_check(work.connection, phone=phone, now=work.now)
    notice = _lock(work, notice_id)
    if notice["status"] != NotificationStatus.PENDING or notice["sending"] != "sending":
        return
    queries("notice_sending").mark_not_sent(
        work.connection,
        notice_id=notice_id,
        next_look_at=work.now + max(wait, LOOKS_AFTER[0]),
        not_before=work.now + wait,
        error_code=code,
        error_message=message,
        now=work.now,
    )
    if forget_chat:
        queries("notice_sending").forget_chat(work.connection, notice_id=notice_id, now=work.now)


def give_up(work: UnitOfWork, notice_id: UUID, reason: GiveUp) -> None:
    """End a pending notice as failed, with the reason that a person is to read; a late confirmation still mends it."""
    notice = _lock(work, notice_id)
    if notice["status"] == NotificationStatus.PENDING:
        queries("notice_sending").mark_failed(
            work.connection, notice_id=notice_id, error_code=reason.code, error_message=reason.message, now=work.now
        )


def note_look(work: UnitOfWork, notice_id: UUID, session: str, finding: Proven | LookAgain | GiveUp) -> str:
    """Write down what a look into the chat showed, and return how far the notice is; what was found is bound to it."""
    seen = None if isinstance(finding, GiveUp) else finding.seen
    if seen is not None and not _bind(work, session, seen.stanza, notice_id):
        # Another notice took the message while this one looked: there is none of its own to be seen.
        seen, finding = None, LookAgain(work.now + LOOKS_AFTER[0], counts=True)
    notice = _lock(work, notice_id)
    if seen is not None:
        _accept(work, notice, seen, finding)
    if isinstance(finding, Proven):
        _confirm(work, Ack(session=session, stanza=finding.seen.stanza, level=finding.level, at=work.now))
    elif notice["status"] == NotificationStatus.PENDING:
        _write_look(work, notice, finding)
    return _settle(work, notice_id)


def apply_ack(work: UnitOfWork, ack: Ack) -> NotificationStatus | None:
    """Take a confirmation in, whenever and however often it comes; returns how far its notice is now.

    None: nobody knows (yet) whose message it is. It is kept, and counts as soon as the message's id becomes known.
    """
    notice_id = _confirm(work, ack)
    return None if notice_id is None else _settle(work, notice_id)


def put_off(work: UnitOfWork, notice_id: UUID, until: datetime) -> None:
    """Have a message that is to be sent once more looked for again at that moment, because it may not go out before.

    It was looked for and is not there, so from here on it does not wait for its confirmation.
    """
    notice = _lock(work, notice_id)
    if _may_be_resent(notice):
        _mark_unknown(work, notice_id, until - work.now, None, None)


def allow_resend(work: UnitOfWork, notice_id: UUID) -> None:
    """Let a failed notice go out once more, because a person says so; the caller enqueues its sending.

    What may have left is looked for first all the same; what WhatsApp refused has not. Raises NotFound, and
    ConditionNotMet for one that did not fail.
    """
    notice = _lock(work, notice_id)
    if notice["status"] != NotificationStatus.FAILED:
        raise ConditionNotMet(f"Only a notice that failed can be sent again; this one is {notice['status']}")
    messages = _messages(work, notice_id)
    refused = bool(messages) and all(message.status is NotificationStatus.FAILED for message in messages)
    if refused:
        queries("notice_sending").supersede_stanzas(work.connection, notice_id=notice_id)
    queries("notice_sending").allow_send(
        work.connection,
        notice_id=notice_id,
        may_have_left=notice["sending"] != "unsent" and not refused,
        now=work.now,
    )


def other_claims(work: UnitOfWork, notice_id: UUID, session: str, stanzas: Collection[str]) -> set[str]:
    """Return which of a session's messages are other notices', or were refused before this one's present send."""
    rows = queries("notice_sending").list_claimed(
        work.connection, session=session, stanza_ids=list(stanzas), notice_id=notice_id
    )
    return {row["stanza_id"] for row in rows}


def proven_message(work: UnitOfWork, session: str, *, within: timedelta) -> Row | None:
    """Return a message of ours that WhatsApp surely has, to see whether the gateway keeps its chats."""
    found: Row | None = queries("notice_sending").find_proven(work.connection, session=session, since=work.now - within)
    return found


def _lock(work: UnitOfWork, notice_id: UUID) -> Row:
    notice: Row | None = queries("notice_sending").lock_sending(work.connection, notice_id=notice_id)
    if notice is None:
        raise NotFound("There is no such notice")
    return notice


def _may_be_resent(notice: Mapping[str, Any]) -> bool:
    return (
        notice["status"] == NotificationStatus.PENDING
        and notice["sending"] in ("unknown", "accepted")
        and rules.has_send_left(notice)
        and notice["held_at"] is None
        and notice["opted_out_at"] is None
    )


def _bind(work: UnitOfWork, session: str, stanza: str, notice_id: UUID) -> bool:
    """Say whose a message is; False if it is another notice's."""
    owner: UUID = queries("notice_sending").bind_stanza(
        work.connection, session=session, stanza_id=stanza, notice_id=notice_id, now=work.now
    )
    return owner == notice_id


def _confirm(work: UnitOfWork, ack: Ack) -> UUID | None:
    known = known_by(ack)
    owner: UUID | None = queries("notice_sending").confirm_stanza(
        work.connection,
        session=ack.session,
        stanza_id=ack.stanza,
        level=known.level,
        sent_at=known.sent_at,
        delivered_at=known.delivered_at,
        read_at=known.read_at,
        refused_at=known.refused_at,
        refusal=known.refusal,
        now=work.now,
    )
    return owner


def _messages(work: UnitOfWork, notice_id: UUID) -> list[Known]:
    return [Known.of(row) for row in queries("notice_sending").list_stanzas(work.connection, notice_id=notice_id)]


def _settle(work: UnitOfWork, notice_id: UUID) -> NotificationStatus:
    """Move a notice as far as its messages are confirmed."""
    notice = _lock(work, notice_id)
    was, messages = NotificationStatus(notice["status"]), _messages(work, notice_id)
    status = moved(was, messages)
    if status is NotificationStatus.PENDING or (status is NotificationStatus.FAILED and was is status):
        return status
    refusals = sorted(message.refusal for message in messages if message.refusal)
    failed = status is NotificationStatus.FAILED
    queries("notice_sending").write_delivery(
        work.connection,
        notice_id=notice_id,
        status=status,
        sent_at=first_of([notice["sent_at"], *(message.sent_at for message in messages)]),
        delivered_at=first_of([notice["delivered_at"], *(message.delivered_at for message in messages)]),
        read_at=first_of([notice["read_at"], *(message.read_at for message in messages)]),
        failed_at=first_of(message.refused_at for message in messages) if failed else None,
        error_code=REFUSED if failed else None,
        error_message=f"WhatsApp refused the message: {', '.join(refusals) or 'no reason given'}" if failed else None,
        now=work.now,
    )
    return status


def _mark_unknown(work: UnitOfWork, notice_id: UUID, wait: timedelta, code: str | None, message: str | None) -> None:
    queries("notice_sending").mark_unknown(
        work.connection,
        notice_id=notice_id,
        next_look_at=work.now + wait,
        error_code=code,
        error_message=message,
        now=work.now,
    )


def _accept(work: UnitOfWork, notice: Row, seen: Seen, finding: Proven | LookAgain | GiveUp) -> None:
    if notice["status"] != NotificationStatus.PENDING:
        return
    queries("notice_sending").mark_accepted(
        work.connection,
        notice_id=notice["id"],
        message_id=seen.raw_id,
        stanza_id=seen.stanza,
        next_look_at=finding.at if isinstance(finding, LookAgain) else work.now,
        now=work.now,
    )


def _write_look(work: UnitOfWork, notice: Row, finding: LookAgain | GiveUp) -> None:
    if isinstance(finding, GiveUp):
        give_up(work, notice["id"], finding)
        return
    queries("notice_sending").mark_looked(
        work.connection,
        notice_id=notice["id"],
        looks=notice["looks"] + (1 if finding.counts else 0),
        next_look_at=finding.at,
        now=work.now,
    )

"""What an operator does to a notice: hold it back, let it go, have one that failed sent again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sql.database import queries
from ticketing.errors import ConditionNotMet, NotFound
from ticketing.events import UnitOfWork
from ticketing.notices import delivery
from ticketing.notices.rules import Limits
from ticketing.notices.writing import Written, next_slot
from ticketing.vocabulary import NotificationStatus


def hold(work: UnitOfWork, notice_id: UUID, reason: str) -> None:
    """Keep a notice from being sent until it is released.

    Raises NotFound, and ConditionNotMet for one that is being sent, or is on its way, or has failed, or is held.
    """
    notice = _lock(work, notice_id)
    if notice["held_at"] is not None:
        raise ConditionNotMet(
            f"The notice is held already, by {notice['held_by_name']}: {notice['hold_reason']}",
            details={"held_at": notice["held_at"], "held_by": notice["held_by_name"]},
        )
    if notice["status"] != NotificationStatus.PENDING:
        raise ConditionNotMet(f"A notice that is {notice['status']} cannot be held", details=_state(notice))
    if notice["sending"] in ("sending", "accepted"):
        raise ConditionNotMet("The notice is with the gateway already", details=_state(notice))
    queries("notices").hold_notice(
        work.connection,
        notice_id=notice_id,
        now=work.now,
        held_by=work.actor.user_id,
        held_by_name=work.actor.name,
        reason=reason,
    )


def release(work: UnitOfWork, notice_id: UUID, limits: Limits) -> Written:
    """Let a held notice go, in the contact's next turn.

    Raises NotFound, and ConditionNotMet for one that is not held.
    """
    contact = _lock_contact_of(work, notice_id)
    notice = _lock(work, notice_id)
    if notice["held_at"] is None:
        raise ConditionNotMet("The notice is not held", details=_state(notice))
    if notice["status"] != NotificationStatus.PENDING:
        # It was held back from a second try, and meanwhile the first one turned out to have arrived.
        queries("notices").release_notice(
            work.connection, notice_id=notice_id, not_before=notice["not_before"], now=work.now
        )
        return Written(notice_id=notice_id)
    not_before = next_slot(work, contact["phone"], limits, notice_id=notice_id)
    queries("notices").release_notice(work.connection, notice_id=notice_id, not_before=not_before, now=work.now)
    return Written(notice_id=notice_id, not_before=not_before)


def resend(work: UnitOfWork, notice_id: UUID, limits: Limits) -> Written:
    """Give a notice that failed one more try, in the contact's next turn.

    Where its message may be out after all, the sending reads the chat first. Raises NotFound, and ConditionNotMet for
    one that did not fail, or whose recipient does not want it.
    """
    contact = _lock_contact_of(work, notice_id)
    if contact["opted_out_at"] is not None:
        reason = contact["opted_out_reason"]
        raise ConditionNotMet("The recipient asked not to be written to", details={"reason": reason})
    delivery.allow_resend(work, notice_id)
    not_before = next_slot(work, contact["phone"], limits, notice_id=notice_id)
    queries("notices").give_turn(work.connection, notice_id=notice_id, not_before=not_before, now=work.now)
    return Written(notice_id=notice_id, not_before=not_before)


def no_such_notice(notice_id: UUID) -> NotFound:
    """Return the error for a notice that does not exist, or not for the one who asks."""
    return NotFound(f"Notification {notice_id} not found", details={"notification_id": str(notice_id)})


def _lock_contact_of(work: UnitOfWork, notice_id: UUID) -> dict[str, Any]:
    """Take the contact before the notice: whoever writes a notice holds the contact."""
    phone = queries("notices").find_phone_of_notice(work.connection, notice_id=notice_id)
    if phone is None:
        raise no_such_notice(notice_id)
    contact: dict[str, Any] = queries("notices").lock_contact(work.connection, phone=phone, now=work.now)
    return contact


def _lock(work: UnitOfWork, notice_id: UUID) -> dict[str, Any]:
    notice: dict[str, Any] | None = queries("notices").lock_notice(work.connection, notice_id=notice_id)
    if notice is None:
        raise no_such_notice(notice_id)
    return notice


def _state(notice: dict[str, Any]) -> dict[str, Any]:
    return {"status": notice["status"], "sending": notice["sending"], "sends": notice["sends"]}

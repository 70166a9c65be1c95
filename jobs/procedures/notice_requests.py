"""What operators do to notices and to those who do not want them: done, audited, and its job enqueued, in one."""

from __future__ import annotations

from uuid import UUID

from jobs.kinds.write_notice import enqueue_sending
from jobs.operations import audit
from jobs.work import Work
from runtime.settings import Settings
from ticketing.notices import contacts, holds, requests
from ticketing.notices.requests import NewNotice, NoticesNotSetUp
from ticketing.notices.rules import Limits
from ticketing.notices.writing import Written


def ask(work: Work, settings: Settings, new: NewNotice) -> Written:
    """Write the notice that somebody asks for. Raises NoticesNotSetUp, and as `ticketing.notices.requests.ask` does."""
    written = requests.ask(work, new, limits_to_send(settings))
    enqueue_sending(work, written)
    return written


def hold(work: Work, notice_id: UUID, reason: str) -> None:
    """Hold a notice back until it is released. Raises as `ticketing.notices.holds.hold` does."""
    holds.hold(work, notice_id, reason)
    audit(work, "notice_hold", ("notice", notice_id), reason=reason)


def release(work: Work, settings: Settings, notice_id: UUID, reason: str) -> None:
    """Let a held notice go. Raises as `ticketing.notices.holds.release` does."""
    enqueue_sending(work, holds.release(work, notice_id, Limits.from_settings(settings)))
    audit(work, "notice_release", ("notice", notice_id), reason=reason)


def resend(work: Work, settings: Settings, notice_id: UUID, reason: str) -> None:
    """Give a notice that failed one more try. Raises NoticesNotSetUp, and as `ticketing.notices.holds.resend` does."""
    enqueue_sending(work, holds.resend(work, notice_id, limits_to_send(settings)))
    audit(work, "notice_resend", ("notice", notice_id), reason=reason)


def opt_out(work: Work, phone: str, reason: str) -> None:
    """Note that somebody (E.164) does not want to be written to; what is not out yet is not sent any more."""
    ended = contacts.opt_out(work, phone, reason)
    audit(work, "contact_opt_out", ("contact", phone), reason=reason, details={"ended": ended})


def opt_in(work: Work, phone: str, reason: str) -> None:
    """Note that somebody (E.164) wants to be written to again; where nothing kept us from it, nothing changes."""
    if contacts.opt_in(work, phone):
        audit(work, "contact_opt_in", ("contact", phone), reason=reason)


def limits_to_send(settings: Settings) -> Limits:
    """Return the limits of this installation. Raises NoticesNotSetUp where nothing can be sent at all."""
    if settings.waha_url is None:
        raise NoticesNotSetUp
    return Limits.from_settings(settings)

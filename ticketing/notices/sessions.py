"""The gateway's sessions: how they were last seen, what keeps notices back, and each notice's place in the lane.

Every session has one lane. Whoever wants to send takes the session's row for the moment of asking, so that two
processes never take the same start; the start is kept with the notice, and the next one sees it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sql.database import Connection, queries
from ticketing.events import UnitOfWork
from ticketing.notices import rules
from ticketing.notices.rules import Limits
from ticketing.notices.sending_rules import MISSED_AFTER, SETTLED_AFTER, Wait
from ticketing.notices.session_rules import (
    HELD_FOR,
    PAUSED_FOR,
    SILENT_AFTER,
    WORKING,
    Alarm,
    Keep,
    Remedy,
    Restart,
    Traffic,
    blocked,
    is_steady,
    remedy_of,
)

Row = dict[str, Any]

DAY = timedelta(days=1)
# The gateway's clock and ours differ; one process has one beginning.
SAME_START = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Hold:
    """What WhatsApp does not let an account do; `until` is aware, None if it does not say."""

    what: str
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What was heard of a session: by an event, or by asking. What is None was not told.

    `holds` is an empty tuple when it was told that nothing is held (any more).
    """

    session: str
    at: datetime
    status: str | None = None
    engine: str | None = None
    version: str | None = None
    server_started_at: datetime | None = None
    holds: Sequence[Hold] | None = None
    asked: bool = False


def note_news(work: UnitOfWork, news: News) -> None:
    """Take in what was heard of a session; what is older than what is known of its status changes nothing of that.

    A session that works again is held no longer, and everything that it left unproven is looked for anew.
    """
    known = _take(work, news.session)
    is_newer = news.status is not None and (known["status_at"] is None or news.at >= known["status_at"])
    status = news.status if is_newer else known["status"]
    changed = status != known["status"]
    began = news.server_started_at or known["server_started_at"]
    recovered = status == WORKING and changed
    queries("waha_sessions").write_session(
        work.connection,
        session=news.session,
        status=status,
        status_at=news.at if changed else known["status_at"],
        working_since=news.at if recovered else known["working_since"],
        engine=news.engine or known["engine"],
        version=news.version or known["version"],
        server_started_at=began,
        checked_at=work.now if news.asked else known["checked_at"],
        restart_wanted=None if recovered else known["restart_wanted"],
        restart_wanted_at=None if recovered else known["restart_wanted_at"],
        alarmed_at=None if recovered else known["alarmed_at"],
        alarm=None if recovered else known["alarm"],
        now=work.now,
    )
    if recovered or _went_down(known["server_started_at"], began):
        _look_again(work, news.session)
    if news.holds is not None:
        _note_holds(work, news.session, known, news.holds)


def note_not_working(work: UnitOfWork, session: str, status: str | None, *, at: datetime) -> None:
    """Note that a call was refused because the session does not work; unless it says how it is, it is `STARTING`.

    `at` is when the call began: the gateway waits for its session before it refuses, and news that the session works,
    which came meanwhile, is the newer one.
    """
    note_news(work, News(session=session, at=at, status=status or "STARTING"))


def note_broken(work: UnitOfWork, session: str, reason: str, *, at: datetime) -> None:
    """Note that a send showed that the session does not send until it is restarted; its watch does that.

    `at` is when the send began: one that began before the session was restarted, or came to work, tells of what was.
    """
    known = _take(work, session)
    if any(known[since] is not None and at < known[since] for since in ("restarted_at", "working_since")):
        return
    queries("waha_sessions").want_restart(work.connection, session=session, reason=reason, now=work.now)


def note_held_back(work: UnitOfWork, session: str, what: str, until: datetime | None) -> datetime:
    """Note that WhatsApp refuses new contacts: nobody is written to for a while, nobody new until what it returns."""
    known = _take(work, session)
    queries("waha_sessions").pause_session(
        work.connection, session=session, until=work.now + PAUSED_FOR, reason=what, now=work.now
    )
    if until is None and known["new_contacts_held_until"] is not None and known["new_contacts_held_until"] > work.now:
        return known["new_contacts_held_until"]  # type: ignore[no-any-return]
    ends = until or work.now + HELD_FOR
    queries("waha_sessions").hold_new_contacts(work.connection, session=session, until=ends, reason=what, now=work.now)
    return ends


def note_too_many(work: UnitOfWork, session: str, reason: str) -> None:
    """Note that the gateway or WhatsApp asks for a long pause."""
    _take(work, session)
    queries("waha_sessions").pause_session(
        work.connection, session=session, until=work.now + PAUSED_FOR, reason=reason, now=work.now
    )


def take_start(work: UnitOfWork, notice: Row, session: str, limits: Limits) -> Wait | None:
    """Give a notice (a row of `lock_sending`) a start in the session's lane; None when it is now, and it may be sent.

    The caller holds no lock but those of this unit of work. A start that was given before is kept unless it was missed.
    """
    known = _take(work, session)
    stopped = blocked(known, is_new_contact=notice["is_new_contact"], now=work.now)
    if stopped is not None:
        return Wait(stopped.until, stopped.reason)
    given = notice["slot_at"]
    # A start at which it was sent once is used up: a second send takes one of its own.
    is_mine = given is not None and given != notice["sending_at"] and work.now - given <= MISSED_AFTER
    start = given if is_mine and not rules.is_quiet(max(given, work.now), limits) else _free_start(work, notice, limits)
    if start != given:
        queries("notice_sending").reserve_start(work.connection, notice_id=notice["id"], slot_at=start, now=work.now)
    return Wait(start, "its place in the session's lane is then") if start > work.now else None


def is_settled(connection: Connection, session: str, now: datetime) -> bool:
    """Whether the session has worked for a while."""
    known = find(connection, session)
    return known is not None and is_steady(known, now, SETTLED_AFTER)


def find(connection: Connection, session: str) -> Row | None:
    """Return what is known of a session; None when nothing was ever heard of it."""
    return next(iter(list_sessions(connection, session)), None)


def list_sessions(connection: Connection, session: str | None = None) -> list[Row]:
    """Return what is known of all sessions, or of one: how they were last seen, and what holds them."""
    return list(queries("waha_sessions").list_sessions(connection, session=session))


def decide(work: UnitOfWork, session: str) -> Remedy:
    """Return what is to be done about a session, and write it down: a restart before it is asked for."""
    known = _take(work, session)
    traffic = Traffic(
        **queries("waha_sessions").read_traffic(
            work.connection, session=session, overdue_before=work.now - SILENT_AFTER
        )
    )
    remedy = remedy_of(known, traffic, work.now)
    if isinstance(remedy, Keep) and known["status"] == WORKING:
        queries("waha_sessions").clear_alarm(work.connection, session=session, now=work.now)
    if isinstance(remedy, Restart):
        queries("waha_sessions").note_restart(work.connection, session=session, reason=remedy.reason, now=work.now)
    if isinstance(remedy, Alarm):
        queries("waha_sessions").raise_alarm(work.connection, session=session, reason=remedy.reason, now=work.now)
    return remedy


def _take(work: UnitOfWork, session: str) -> Row:
    queries("waha_sessions").ensure_session(work.connection, session=session, now=work.now)
    known: Row = queries("waha_sessions").lock_session(work.connection, session=session)
    return known


def _free_start(work: UnitOfWork, notice: Row, limits: Limits) -> datetime:
    starts = list(
        queries("notice_sending").list_starts(
            work.connection,
            notice_id=notice["id"],
            phone=notice["recipient_phone"],
            since=work.now - DAY,
            reserved_since=work.now - MISSED_AFTER,
        )
    )
    same = [row["slot_at"] for row in starts if row["same_contact"]]
    gap = rules.gap_between(limits, random.random())  # noqa: S311 - jitter, not a secret
    return rules.earliest_start(work.now, same, [row["slot_at"] for row in starts], limits, gap)


def _went_down(was: datetime | None, began: datetime | None) -> bool:
    return was is not None and began is not None and abs(began - was) > SAME_START


def _look_again(work: UnitOfWork, session: str) -> None:
    """Have everything that is sent and not proven looked for, once the session has settled."""
    queries("notice_sending").look_again(work.connection, session=session, at=work.now + SETTLED_AFTER, now=work.now)


def _note_holds(work: UnitOfWork, session: str, known: Row, holds: Sequence[Hold]) -> None:
    """Hold new contacts as long as any restriction lasts; none at all: they may be written to again."""
    if not holds and known["new_contacts_held_until"] is None:
        return
    until = max((hold.until or work.now + HELD_FOR for hold in holds), default=None)
    what = ", ".join(hold.what for hold in holds) or None
    queries("waha_sessions").hold_new_contacts(work.connection, session=session, until=until, reason=what, now=work.now)

"""Sending one notice: each call to the gateway stands between two units of work, one before it and one after.

A process may be stopped between any two lines. What it leaves says either that nothing was sent, or that something may
have been; the next attempt goes on from there, and looks before it sends.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from integrations.outside import OutsideError, Refused, TooManyRequests
from integrations.waha import wire
from integrations.waha.client import WahaClient
from integrations.waha.errors import ContactsHeld, SessionBroken, SessionNotWorking, UnknownChat
from jobs.context import JobContext
from jobs.outcomes import Outcome, done, snooze
from jobs.outside import Breaker
from jobs.work import Work
from ticketing.notices import contacts_asked, delivery, sessions
from ticketing.notices.rules import Limits
from ticketing.notices.sending_rules import LOOKS_AFTER, GiveUp, Wait
from ticketing.notices.session_rules import ASK_AGAIN, PAUSED_FOR

Row = dict[str, Any]

MOST_REFUSALS = 3


class Overtaken(Exception):
    """The notice may not be sent any more: somebody held it, or it was confirmed meanwhile."""


@dataclass(frozen=True, slots=True)
class Sender:
    """One attempt at sending one notice over one session."""

    context: JobContext
    client: WahaClient
    breaker: Breaker
    notice: Row

    @classmethod
    def of(cls, context: JobContext, client: WahaClient, notice: Row) -> Sender:
        """Return the sender of a notice (a row of `lock_sending`)."""
        return cls(context, client, Breaker(context.platform, "waha"), notice)

    @property
    def session(self) -> str:
        """The session that is sent over."""
        return self.client.session_name

    def send_first(self) -> Outcome:
        """Send what was never sent, at its place in the session's lane, to a chat that is known to exist."""
        with self.context.step() as work:
            wait = self._take_start(work)
        if wait is not None:
            return snooze(wait.until, wait.reason)
        began = self.context.now
        try:
            chat_id = self._chat()
            if chat_id is None:
                return self._give_up(GiveUp("NOT_ON_WHATSAPP", "The telephone number is not on WhatsApp"))
            planned = self.notice["planned_stanza_id"] or self._new_id(self._engine())
        except OutsideError as error:
            return self._wait_for(error, began)
        return self.send(chat_id, planned)

    def send_again(self) -> Outcome:
        """Send again what was looked for and is not there: with the same id, if it had one, at its place in the lane.

        Where that is later the chat is read again then: the first may yet leave.
        """
        with self.context.step() as work:
            wait = self._take_start(work)
            if wait is not None:
                delivery.put_off(work, self.notice["id"], wait.until)
        if wait is not None:
            return snooze(wait.until, wait.reason)
        return self.send(self.notice["chat_id"], self.notice["planned_stanza_id"], again=True)

    def send(self, chat_id: str, planned: str | None, *, again: bool = False) -> Outcome:
        """Write down that it is sent, send it, and write down what came of it."""
        try:
            with self.breaker.call():
                self._claim(chat_id, planned, again=again)
                sent = self._call(chat_id, planned)
        except Overtaken:
            return done({"left": "the notice may not be sent any more"})
        except Refused as error:
            return done({"failed": error.code})
        except OutsideError as error:
            return snooze(self._resumes_at(error), error.message)
        return self._record(sent)

    def _take_start(self, work: Work) -> Wait | None:
        return sessions.take_start(work, self.notice, self.session, Limits.from_settings(self.context.settings))

    def _claim(self, chat_id: str, planned: str | None, *, again: bool) -> None:
        with self.context.step() as work:
            may_go = delivery.claim(
                work, self.notice["id"], session=self.session, chat_id=chat_id, planned=planned, again=again
            )
        if not may_go:
            raise Overtaken

    def _call(self, chat_id: str, planned: str | None) -> wire.Sent:
        began = self.context.now
        try:
            return self.client.send_text(chat_id, self.notice["message_content"], planned)
        except OutsideError as error:
            with self.context.step() as work:
                self._note(work, error, began)
            raise

    def _record(self, sent: wire.Sent) -> Outcome:
        """Write down the answer. That the gateway took it, on any engine, is no proof that WhatsApp has it."""
        if sent.raw_id is None or sent.stanza is None:
            with self.context.step() as work:
                delivery.note_unknown(
                    work, self.notice["id"], "ANSWER_WITHOUT_ID", "The gateway took it and gave no id"
                )
            return snooze(self.context.now + LOOKS_AFTER[0], "the gateway gave no id; the chat is read")
        status = delivery.note_sent(
            self.context.work,
            self.notice["id"],
            session=self.session,
            raw_id=sent.raw_id,
            stanza=sent.stanza,
            level=sent.ack or 0,
        )
        return done({"status": status, "stanza": sent.stanza})

    def _note(self, work: Work, error: OutsideError, began: datetime) -> None:
        """Write down how a send that began then failed: it may have left, or surely did not."""
        notice_id = self.notice["id"]
        if error.may_have_happened:
            if isinstance(error, SessionBroken):
                sessions.note_broken(work, self.session, error.message, at=began)
            delivery.note_unknown(work, notice_id, error.code, error.message)
            return
        wait = self._note_at_session(work, error, began)
        delivery.note_not_sent(
            work, notice_id, error.code, error.message, wait=wait, forget_chat=isinstance(error, UnknownChat)
        )
        if isinstance(error, Refused) or self._is_hopeless(error):
            delivery.give_up(work, notice_id, GiveUp(error.code, error.message))

    def _note_at_session(self, work: Work, error: OutsideError, began: datetime) -> timedelta:
        """Note what a failure says of the session, and return how long to wait."""
        if isinstance(error, SessionNotWorking):
            sessions.note_not_working(work, self.session, error.session_status, at=began)
        if isinstance(error, ContactsHeld):
            until = sessions.note_held_back(work, self.session, error.message, error.until)
            return max(until - work.now, ASK_AGAIN)
        if isinstance(error, TooManyRequests):
            sessions.note_too_many(work, self.session, error.message)
            return max(PAUSED_FOR, timedelta(seconds=error.retry_after or 0))
        return ASK_AGAIN

    def _is_hopeless(self, error: OutsideError) -> bool:
        return isinstance(error, UnknownChat) and self.notice["retry_count"] >= MOST_REFUSALS

    def _resumes_at(self, error: OutsideError) -> datetime:
        return self.context.now + (LOOKS_AFTER[0] if error.may_have_happened else ASK_AGAIN)

    def _wait_for(self, error: OutsideError, began: datetime) -> Outcome:
        """Try later what was asked before anything was sent."""
        if isinstance(error, SessionNotWorking):
            with self.context.step() as work:
                sessions.note_not_working(work, self.session, error.session_status, at=began)
        if isinstance(error, Refused):
            return self._give_up(GiveUp(error.code, error.message))
        return snooze(self.context.now + ASK_AGAIN, error.message)

    def _give_up(self, reason: GiveUp) -> Outcome:
        delivery.give_up(self.context.work, self.notice["id"], reason)
        return done({"failed": reason.code})

    def _chat(self) -> str | None:
        """Return where to send to, asked of the gateway before the first message; None if the number is not there."""
        known = contacts_asked.known_chat(self.notice, self.context.now)
        if known is not None:
            return known.chat_id
        with self.breaker.call():
            contact = self.client.check_exists(self.notice["recipient_phone"])
        found = contacts_asked.answer_of(self.notice["recipient_phone"], exists=contact.exists, chat_id=contact.chat_id)
        with self.context.step() as work:
            contacts_asked.keep(work, self.notice["recipient_phone"], found)
        return found.chat_id

    def _engine(self) -> str | None:
        """Return the gateway's engine: as the session's watch knows it, else as the gateway says."""
        with self.context.read() as connection:
            known = sessions.find(connection, self.session)
        if known is not None and known["engine"]:
            return str(known["engine"])
        with self.breaker.call():
            return self.client.version().engine

    def _new_id(self, engine: str | None) -> str | None:
        if engine not in wire.ENGINES_WITH_GIVEN_IDS:
            return None
        with self.breaker.call():
            return self.client.new_message_id()

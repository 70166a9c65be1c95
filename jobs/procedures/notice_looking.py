"""Looking whether a notice's message left, in the order that tells most: by its id, then by its text in the chat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from integrations.outside import NotAllowed, OutsideError, Refused
from integrations.waha.client import WahaClient
from integrations.waha.errors import UnknownChat
from integrations.waha.wire import Message
from jobs.context import JobContext
from jobs.outcomes import Outcome, done, snooze
from jobs.outside import Breaker
from jobs.procedures.notice_sending import Sender
from ticketing.notices import delivery, sessions
from ticketing.notices.sending_rules import (
    CLOCKS_DIFFER,
    OUTCOME_UNKNOWN,
    GiveUp,
    LookAgain,
    Resend,
    Seen,
    Surroundings,
    find_in_chat,
    finding_of,
)
from ticketing.notices.session_rules import ASK_AGAIN
from ticketing.notices.sessions import News

Row = dict[str, Any]

# How far back a message may lie that shows that the gateway keeps its chats.
PROVEN_WITHIN = timedelta(days=1)
# A chat that is not read for these reasons is not read at the next look either: without its store NOWEB refuses it, and
# a key that may only send is not allowed to. All else passes.
NEVER_READ = (Refused, NotAllowed, UnknownChat)


@dataclass(frozen=True, slots=True)
class Looker:
    """One look for the message of one notice (a row of `lock_sending`)."""

    context: JobContext
    client: WahaClient
    breaker: Breaker
    notice: Row

    @classmethod
    def of(cls, context: JobContext, client: WahaClient, notice: Row) -> Looker:
        """Return the looker for a notice."""
        return cls(context, client, Breaker(context.platform, "waha"), notice)

    def look(self) -> Outcome:
        """Look, write down what was found, and send once more only what is surely not there."""
        if self.notice["waha_session"] != self.client.session_name:
            return self._write(GiveUp(OUTCOME_UNKNOWN, "It went over another session; look at the telephone"))
        try:
            seen, store_is_proven = self._read_chat()
            surroundings = Surroundings(self._is_steady(), store_is_proven)
        except OutsideError as error:
            return snooze(self.context.now + ASK_AGAIN, error.message)
        finding = finding_of(self.notice, seen, surroundings, self.context.now)
        if isinstance(finding, Resend):
            self.context.log("not found in the chat: sent once more", sends=self.notice["sends"])
            return Sender.of(self.context, self.client, self.notice).send_again()
        return self._write(finding)

    def _write(self, finding: Any) -> Outcome:
        status = delivery.note_look(self.context.work, self.notice["id"], self.notice["waha_session"], finding)
        if isinstance(finding, LookAgain) and status == "pending":
            return snooze(max(finding.at, self.context.now), "nothing proves yet that it was sent")
        return done({"status": status})

    def _read_chat(self) -> tuple[Seen | None, bool]:
        """Return the notice's message, and whether chats are kept, which a message that is there proves itself.

        A gateway that lets no chat be read will not do so later either: there is nothing to be seen.
        """
        try:
            seen, chat = self._find()
            return seen, bool(seen or chat) or self._keeps_chats()
        except NEVER_READ as error:
            self.context.log("the gateway does not let the chat be read", error=error.message)
            return None, False

    def _find(self) -> tuple[Seen | None, Sequence[Seen]]:
        """Return the notice's message, and what else of ours the chat holds since it was sent."""
        message_id = self.notice["waha_message_id"] or self._planned_id()
        if message_id is not None:
            with self.breaker.call():
                found = self.client.get_message(self.notice["chat_id"], message_id)
            if found is not None:
                return _seen(found), [_seen(found)]
        with self.breaker.call():
            listed = self.client.list_messages(
                self.notice["chat_id"], since=self.notice["first_sending_at"] - CLOCKS_DIFFER
            )
        chat = [_seen(message) for message in listed]
        with self.context.step() as work:
            claimed = delivery.other_claims(
                work, self.notice["id"], self.client.session_name, [message.stanza for message in chat]
            )
        known = {self.notice["planned_stanza_id"], self.notice["waha_stanza_id"]} - {None}
        return find_in_chat(chat, self.notice, claimed, known), chat

    def _planned_id(self) -> str | None:
        planned = self.notice["planned_stanza_id"]
        return f"true_{self.notice['chat_id']}_{planned}" if planned else None

    def _is_steady(self) -> bool:
        """Ask how the session is, and return whether it has worked for a while."""
        with self.breaker.call():
            session = self.client.session()
        with self.context.step() as work:
            sessions.note_news(
                work, News(session=self.client.session_name, at=work.now, status=session.status, asked=True)
            )
            return sessions.is_settled(work.connection, self.client.session_name, work.now)

    def _keeps_chats(self) -> bool:
        """Whether the gateway still knows a message that WhatsApp surely has."""
        with self.context.step() as work:
            proven = delivery.proven_message(work, self.client.session_name, within=PROVEN_WITHIN)
        if proven is None:
            return False
        message_id = proven["waha_message_id"] or f"true_{proven['chat_id']}_{proven['stanza_id']}"
        with self.breaker.call():
            return self.client.get_message(proven["chat_id"], message_id) is not None


def _seen(message: Message) -> Seen:
    return Seen(message.raw_id, message.stanza, message.ack, message.body, message.timestamp)

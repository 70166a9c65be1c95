"""A notice's way: whatever comes in whatever order, its row tells what is known, and never goes back."""

from __future__ import annotations

from datetime import timedelta
from functools import reduce
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from jobs.platform import Platform
from runtime.clock import Clock
from tests.clocks import FixedClock
from tests.factories.notices_sending import SESSION, make_notice, notice_row
from ticketing.notices import delivery
from ticketing.notices.acks import Ack, Known, joined, known_by, moved
from ticketing.notices.sending_rules import GiveUp, Leave, Look, LookAgain, Proven, Seen, Send, Wait
from ticketing.people import SYSTEM
from ticketing.vocabulary import NotificationStatus as Status

GAVE_UP = GiveUp("OUTCOME_UNKNOWN", "look at the telephone")
ORDER = [Status.PENDING, Status.SENT, Status.DELIVERED, Status.READ]


@pytest.fixture
def clock() -> Clock:
    return FixedClock()


class Way(RuleBasedStateMachine):
    """One notice, at most two messages of its own, one of a stranger; confirmations of all of them at any time."""

    platform: Platform

    def __init__(self) -> None:
        super().__init__()
        with self.platform.read() as connection:
            self.id = make_notice(connection)["id"]
        self.prefix = str(self.id)
        self.acks: dict[str, list[Ack]] = {}
        self.bound: set[str] = set()
        self.status = Status.PENDING
        self.gave_up = False
        self.planned: str | None = None
        self.sends = 0
        self.sending = "unsent"

    def stanza(self, number: int) -> str:
        return f"{self.prefix}-{number}"

    def known(self) -> list[Known]:
        return [reduce(joined, map(known_by, self.acks.get(one, [])), Known()) for one in self.bound]

    def learn(self) -> None:
        self.status = moved(self.status, self.known())

    @rule(number=st.integers(0, 2), level=st.integers(-1, 4), times=st.integers(1, 2))
    def confirm(self, number: int, level: int, times: int) -> None:
        ack = Ack(session=SESSION, stanza=self.stanza(number), level=level, at=self.platform.clock.now())
        self.acks.setdefault(ack.stanza, []).append(ack)
        for _ in range(times):
            with self.platform.begin(SYSTEM) as work:
                told = delivery.apply_ack(work, ack)
        if ack.stanza in self.bound:
            self.learn()
            assert told is self.status
        else:
            assert told is None

    @initialize(with_id=st.sampled_from([True, False, None]))
    def begin(self, with_id: bool | None) -> None:
        """Most ways begin with a claim, or too few get anywhere."""
        if with_id is not None:
            self.claim(with_id)

    @precondition(lambda self: self.sending == "unsent" and self.status is Status.PENDING)
    @rule(with_id=st.booleans())
    def claim_later(self, with_id: bool) -> None:
        self.claim(with_id)

    def claim(self, with_id: bool) -> None:
        self.planned = self.stanza(1) if with_id else None
        if with_id:
            self.bound.add(self.stanza(1))
            self.learn()
        may = self.status is Status.PENDING
        with self.platform.begin(SYSTEM) as work:
            told = delivery.claim(work, self.id, session=SESSION, chat_id="1@c.us", planned=self.planned, again=False)
        assert told is may
        if may:
            self.sends, self.sending = 1, "sending"

    @precondition(lambda self: self.sending == "sending")
    @rule(level=st.integers(0, 1), other=st.booleans())
    def answer(self, level: int, other: bool) -> None:
        stanza = self.planned if self.planned and not other else self.stanza(2 if self.planned else 1)
        with self.platform.begin(SYSTEM) as work:
            told = delivery.note_sent(
                work, self.id, session=SESSION, raw_id=f"true_1@c.us_{stanza}", stanza=stanza, level=level
            )
        self.bound.add(stanza)
        if level:
            self.acks.setdefault(stanza, []).append(
                Ack(session=SESSION, stanza=stanza, level=level, at=self.platform.clock.now())
            )
        self.sending = "accepted"
        self.learn()
        assert told is self.status

    @precondition(lambda self: self.sending == "sending")
    @rule()
    def lose_the_answer(self) -> None:
        with self.platform.begin(SYSTEM) as work:
            delivery.note_unknown(work, self.id, "NO_ANSWER", "no answer")
        if self.status is Status.PENDING:
            self.sending = "unknown"

    @rule()
    def begin_anew(self) -> None:
        """As after a kill: whoever comes next must never be told to send what may have left."""
        with self.platform.begin(SYSTEM) as work:
            _, following = delivery.begin_sending(work, self.id)
        if self.status is not Status.PENDING:
            assert isinstance(following, Leave)
            return
        if self.sending == "sending":
            self.sending = "unknown"
        assert isinstance(following, Send) == (self.sending == "unsent")

    @precondition(lambda self: self.sending in ("unknown", "accepted"))
    @rule(number=st.integers(1, 2), level=st.sampled_from([None, 0, 1, 2, -1]))
    def look(self, number: int, level: int | None) -> None:
        seen = Seen(f"true_1@c.us_{self.stanza(number)}", self.stanza(number), level)
        now = self.platform.clock.now()
        finding: Any = Proven(seen, level) if level else LookAgain(now, counts=True, seen=seen)
        with self.platform.begin(SYSTEM) as work:
            delivery.note_look(work, self.id, SESSION, finding)
        self.bound.add(seen.stanza)
        if level:
            self.acks.setdefault(seen.stanza, []).append(Ack(session=SESSION, stanza=seen.stanza, level=level, at=now))
        if self.status is Status.PENDING:
            self.sending = "accepted"
        self.learn()

    @precondition(lambda self: self.sending == "unknown")
    @rule()
    def hand_over(self) -> None:
        with self.platform.begin(SYSTEM) as work:
            delivery.note_look(work, self.id, SESSION, GAVE_UP)
        if self.status is Status.PENDING:
            self.status = Status.FAILED
        self.learn()

    @rule()
    def pass_time(self) -> None:
        clock = self.platform.clock
        assert isinstance(clock, FixedClock)
        clock.advance(timedelta(seconds=1))

    @invariant()
    def the_row_tells_what_is_known(self) -> None:
        with self.platform.read() as connection:
            row = notice_row(connection, self.id)
        assert row["status"] == self.status
        assert row["sending"] == self.sending
        assert row["sends"] == self.sends
        known = self.known()
        if self.status in (Status.SENT, Status.DELIVERED, Status.READ):
            times = [one.sent_at for one in known if one.sent_at]
            assert row["sent_at"] == min(times)
            assert row["error_code"] is None
            assert row["next_look_at"] is None


@pytest.mark.parametrize("levels", [(-1,), (1, -1)])
def test_a_refusal_of_an_earlier_send_counts_no_more_but_its_arrival_does(
    platform: Platform, levels: tuple[int, ...]
) -> None:
    with platform.read() as connection:
        notice_id = make_notice(connection)["id"]

    def tell(level: int) -> Status | None:
        with platform.begin(SYSTEM) as work:
            return delivery.apply_ack(work, Ack(session=SESSION, stanza=stanza, level=level, at=work.now))

    def claim() -> bool:
        with platform.begin(SYSTEM) as work:
            return delivery.claim(work, notice_id, session=SESSION, chat_id="1@c.us", planned=None, again=False)

    stanza = f"{notice_id}-first"
    assert claim()
    with platform.begin(SYSTEM) as work:
        delivery.note_sent(work, notice_id, session=SESSION, raw_id=f"true_1@c.us_{stanza}", stanza=stanza, level=0)
    for level in levels:
        tell(level)
    with platform.begin(SYSTEM) as work:
        delivery.allow_resend(work, notice_id)
    assert tell(-1) is Status.PENDING
    assert claim()
    with platform.begin(SYSTEM) as work:
        assert delivery.other_claims(work, notice_id, SESSION, [stanza]) == {stanza}
        delivery.note_look(work, notice_id, SESSION, GAVE_UP)
        delivery.allow_resend(work, notice_id)
    with platform.read() as connection:
        assert notice_row(connection, notice_id)["sending"] == "unknown", "the second send may have left"
    assert tell(2) is Status.DELIVERED


def test_what_waits_for_its_second_send_waits_for_no_confirmation(platform: Platform) -> None:
    """Else the session would be taken for dead while it may not send."""
    with platform.begin(SYSTEM) as work:
        notice_id = make_notice(work.connection)["id"]
        delivery.claim(work, notice_id, session=SESSION, chat_id="1@c.us", planned="A", again=False)
        delivery.note_sent(work, notice_id, session=SESSION, raw_id="true_1@c.us_A", stanza="A", level=0)
    until = platform.clock.now() + timedelta(hours=9)
    with platform.begin(SYSTEM) as work:
        delivery.put_off(work, notice_id, until)
        notice, following = delivery.begin_sending(work, notice_id)
    assert notice["sending"] == "unknown"
    assert following == Wait(until, "the chat is read again")
    assert isinstance(platform.clock, FixedClock)
    platform.clock.advance(timedelta(hours=9))
    with platform.begin(SYSTEM) as work:
        assert delivery.begin_sending(work, notice_id)[1] == Look()


def test_the_row_tells_what_is_known_in_any_order(platform: Platform) -> None:
    machine = type("WayOnThisPlatform", (Way,), {"platform": platform})
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=120, stateful_step_count=12, suppress_health_check=list(HealthCheck)),
    )

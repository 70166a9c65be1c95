"""Sending notices through a gateway that fails in every way: none is lost, and none arrives twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from integrations.waha.client import WahaClient
from integrations.waha.errors import error_of
from integrations.waha.sandbox import WahaSandbox
from jobs.context import JobContext
from jobs.kinds.reconcile_notices import reconcile_notices
from jobs.kinds.send_notice import SendNotice, send_notice
from jobs.kinds.watch_waha_session import watch_waha_session
from jobs.platform import Platform
from runtime.settings import Settings
from tests.clocks import DEFAULT, FixedClock
from tests.factories.notices_sending import SESSION, make_notice, notice_row
from tests.running import run_jobs
from tests.stand_in import enqueue
from tests.waha import quick_sandbox
from ticketing.errors import ConditionNotMet
from ticketing.notices import contacts, delivery, session_rules, sessions
from ticketing.notices.rules import Limits
from ticketing.people import SYSTEM

SEND = "/api/sendText"
ENGINES = ["GOWS", "NOWEB", "WEBJS"]
MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def waha(clock: FixedClock) -> Iterator[WahaSandbox]:
    with quick_sandbox(clock=clock).serving() as sandbox:
        yield sandbox


@pytest.fixture
def settings(settings: Settings, waha: WahaSandbox) -> Settings:
    more = {"waha_url": waha.url, "waha_api_key": SecretStr("sandbox-key"), "notices_per_minute": 1_000}
    return settings.model_copy(update=more | {"breaker_failures": 50, "notices_jitter": 0.0})


def engine(waha: WahaSandbox, name: str) -> None:
    waha.switches = waha.switches.model_copy(update={"engine": name})


def written(platform: Platform, **columns: Any) -> tuple[UUID, str]:
    """A notice and its job; returns the notice's id and its words."""
    with platform.read() as connection:
        notice = make_notice(connection, **columns)
    enqueue(platform, send_notice, SendNotice(notice_id=notice["id"]))
    return notice["id"], notice["message_content"]


def run_due(platform: Platform, only: UUID | None = None) -> None:
    """Run everything whose time has come by the test's clock; or one notice's job alone."""
    with platform.read() as connection:
        connection.execute(
            "update jobs set state = 'available' where state in ('scheduled', 'retryable') and scheduled_at <= %s"
            " and (%s::text is null or arguments ->> 'notice_id' = %s)",
            [platform.clock.now(), only and str(only), only and str(only)],
        )
    run_jobs(platform)


def pass_minutes(platform: Platform, waha: WahaSandbox, minutes: int, *, each: int = 1) -> None:
    """Let so many minutes pass, `each` at a time, with all that happens then, in the gateway too."""
    clock = platform.clock
    assert isinstance(clock, FixedClock)
    for _ in range(0, minutes, each):
        clock.advance(each * MINUTE)
        assert waha.settle()
        enqueue(platform, reconcile_notices)
        enqueue(platform, watch_waha_session)
        run_due(platform)


def row(platform: Platform, notice_id: UUID) -> dict[str, Any]:
    with platform.read() as connection:
        return notice_row(connection, notice_id)


def arrived(waha: WahaSandbox, words: str) -> int:
    """How many messages with these words people received."""
    with waha.lock:
        return sum(len(messages) for (_, body), messages in waha.chats.received().items() if body == words)


def sends(waha: WahaSandbox) -> int:
    return len(waha.journal.matching(method="POST", path_prefix=SEND))


def prove_the_store(platform: Platform, waha: WahaSandbox) -> None:
    """Have one notice arrive, so that the gateway is known to keep its chats; the session has worked a while then."""
    notice_id, _ = written(platform)
    run_due(platform)
    pass_minutes(platform, waha, 3)
    assert row(platform, notice_id)["status"] in ("sent", "delivered", "read")


class TestSending:
    @pytest.mark.parametrize("name", ENGINES)
    def test_a_notice_is_sent_and_proven_on_every_engine(
        self, platform: Platform, waha: WahaSandbox, name: str
    ) -> None:
        engine(waha, name)
        notice_id, words = written(platform)
        run_due(platform)
        notice = row(platform, notice_id)
        assert notice["waha_stanza_id"]
        assert notice["status"] == "pending", "that the gateway took it proves nothing"
        pass_minutes(platform, waha, 2)
        assert row(platform, notice_id)["status"] in ("sent", "delivered", "read")
        assert (arrived(waha, words), sends(waha)) == (1, 1)

    def test_a_confirmation_may_come_before_the_answer(self, platform: Platform, waha: WahaSandbox) -> None:
        engine(waha, "NOWEB")
        notice_id, _ = written(platform)
        run_due(platform)
        stanza = row(platform, notice_id)["planned_stanza_id"]
        with platform.begin(SYSTEM) as work:
            told = delivery.apply_ack(
                work, delivery.Ack(session=SESSION, stanza=stanza, level=2, at=platform.clock.now())
            )
        assert told == "delivered"

    def test_a_number_that_is_not_there_is_never_written_to(self, platform: Platform, waha: WahaSandbox) -> None:
        waha.people.change("27600000009@c.us", exists=False, hidden=None, known=True)
        notice_id, _ = written(platform, recipient_phone="+27600000009")
        run_due(platform)
        assert row(platform, notice_id)["error_code"] == "NOT_ON_WHATSAPP"
        assert sends(waha) == 0

    def test_without_a_gateway_a_notice_stays_for_when_there_is_one(self, platform: Platform) -> None:
        platform.outside.close()
        bare = Platform.connect(platform.settings.model_copy(update={"waha_url": None}), clock=platform.clock)
        notice_id, _ = written(bare)
        run_due(bare)
        bare.close()
        assert row(platform, notice_id)["status"] == "pending"


class TestUnknownOutcomes:
    @pytest.mark.parametrize(
        ("fault", "name"), [("cut_after", "GOWS"), ("cut_midway", "NOWEB"), ("server_error_after", "WEBJS")]
    )
    def test_what_went_out_unanswered_is_found_and_not_sent_again(
        self, platform: Platform, waha: WahaSandbox, fault: str, name: str
    ) -> None:
        engine(waha, name)
        notice_id, words = written(platform)
        waha.faults.next(fault, path=SEND)
        run_due(platform)
        assert row(platform, notice_id)["sending"] == "unknown"
        pass_minutes(platform, waha, 5)
        assert row(platform, notice_id)["status"] in ("sent", "delivered", "read")
        assert (arrived(waha, words), sends(waha)) == (1, 1)

    @pytest.mark.parametrize(
        ("fault", "name"), [("cut_before", "GOWS"), ("server_error", "NOWEB"), ("bad_gateway_html", "WEBJS")]
    )
    def test_what_did_not_go_out_is_sent_once_more_after_looking(
        self, platform: Platform, waha: WahaSandbox, fault: str, name: str
    ) -> None:
        engine(waha, name)
        prove_the_store(platform, waha)
        before = sends(waha)
        notice_id, words = written(platform)
        waha.faults.next(fault, path=SEND)
        run_due(platform)
        looked_from = waha.journal.entries()[-1].number
        pass_minutes(platform, waha, 8)
        assert row(platform, notice_id)["status"] in ("sent", "delivered", "read")
        assert (arrived(waha, words), sends(waha) - before) == (1, 2)
        after = [entry.path for entry in waha.journal.entries(after=looked_from)]
        assert any("/messages" in path for path in after[: after.index(SEND)]), "looked before the resend"

    def test_the_second_send_has_the_first_one_s_id(self, platform: Platform, waha: WahaSandbox) -> None:
        prove_the_store(platform, waha)
        written(platform)
        waha.faults.next("server_error", path=SEND)
        run_due(platform)
        pass_minutes(platform, waha, 5)
        first, second = [entry.body["id"] for entry in waha.journal.matching(path_prefix=SEND)[-2:]]
        assert first == second

    def test_after_one_resend_a_person_has_to_see_to_it(self, platform: Platform, waha: WahaSandbox) -> None:
        prove_the_store(platform, waha)
        before = sends(waha)
        notice_id, _ = written(platform)
        waha.faults.next("server_error", path=SEND, times=9)
        run_due(platform)
        pass_minutes(platform, waha, 60, each=6)
        notice = row(platform, notice_id)
        assert (notice["status"], notice["error_code"]) == ("failed", "OUTCOME_UNKNOWN")
        assert sends(waha) - before == 2

    def test_where_chats_are_not_kept_nothing_is_sent_again(self, platform: Platform, waha: WahaSandbox) -> None:
        prove_the_store(platform, waha)
        before = sends(waha)
        waha.switches = waha.switches.model_copy(update={"store": False})
        notice_id, words = written(platform)
        waha.faults.next("cut_after", path=SEND)
        run_due(platform)
        pass_minutes(platform, waha, 60, each=6)
        assert row(platform, notice_id)["error_code"] == "OUTCOME_UNKNOWN"
        assert (arrived(waha, words), sends(waha) - before) == (1, 1)

    @pytest.mark.parametrize("status", [400, 403])
    def test_where_no_chat_may_be_read_a_person_sees_to_it_and_others_go_out(
        self, platform: Platform, waha: WahaSandbox, monkeypatch: pytest.MonkeyPatch, status: int
    ) -> None:
        read = WahaClient._read

        def refusing(self: WahaClient, path: str, **more: Any) -> Any:
            if "/chats/" in path:
                raise error_of(status, {}, b'{"message": "not to be read"}', now=DEFAULT)
            return read(self, path, **more)

        monkeypatch.setattr(WahaClient, "_read", refusing)
        notice_id, _ = written(platform)
        waha.fates.next("unacknowledged")
        run_due(platform)
        pass_minutes(platform, waha, 60, each=5)
        notice = row(platform, notice_id)
        assert (notice["status"], notice["error_code"]) == ("failed", "OUTCOME_UNKNOWN")
        assert "may not keep its chats" in notice["error_message"]
        _, words = written(platform)
        run_due(platform)
        assert waha.settle()
        assert (session(platform)["alarm"], arrived(waha, words)) == (None, 1)

    def test_second_sends_keep_to_quiet_hours_and_follow_a_look(self, platform: Platform, waha: WahaSandbox) -> None:
        prove_the_store(platform, waha)
        pass_minutes(platform, waha, 654, each=109)
        said = [written(platform) for _ in range(3)]
        waha.faults.next("server_error", path=SEND, times=3)
        run_due(platform)
        before, since = sends(waha), waha.journal.entries()[-1].number
        pass_minutes(platform, waha, 9 * 60, each=20)
        assert sends(waha) == before
        assert session(platform)["restarted_at"] is None, "what waits for its turn is no sign of a dead session"
        pass_minutes(platform, waha, 2 * 60 + 10, each=5)
        assert [arrived(waha, words) for _, words in said] == [1, 1, 1]
        paths = [entry.path for entry in waha.journal.entries(after=since)]
        assert "/messages" in paths[paths.index(SEND) - 2]
        assert {row(platform, notice_id)["sends"] for notice_id, _ in said} == {2}

    def test_nobody_is_sent_again_what_is_not_wanted_since(self, platform: Platform, waha: WahaSandbox) -> None:
        notice_id, _ = written(platform)
        waha.faults.next("server_error", path=SEND)
        run_due(platform)
        with platform.begin(SYSTEM) as work:
            contacts.opt_out(work, row(platform, notice_id)["recipient_phone"], "Wrote 'STOP'")
        with platform.begin(SYSTEM) as work:
            assert not delivery.claim(work, notice_id, session=SESSION, chat_id="1@c.us", planned=None, again=True)

    def test_a_late_confirmation_mends_what_was_handed_over(self, platform: Platform, waha: WahaSandbox) -> None:
        waha.switches = waha.switches.model_copy(update={"store": False})
        notice_id, _ = written(platform)
        waha.faults.next("cut_after", path=SEND)
        run_due(platform)
        pass_minutes(platform, waha, 60, each=6)
        stanza = row(platform, notice_id)["planned_stanza_id"]
        with platform.begin(SYSTEM) as work:
            delivery.apply_ack(work, delivery.Ack(session=SESSION, stanza=stanza, level=1, at=work.now))
        assert row(platform, notice_id)["status"] == "sent"


class Killed(BaseException):
    """The process ends here."""


class Fuse:
    """Ends the process at its n-th chance: before and after every unit of work and every call."""

    def __init__(self) -> None:
        self.left = 0
        self.burnt = False

    def light(self, chances: int) -> None:
        self.left, self.burnt = chances, False

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.burnt = True
            raise Killed


@pytest.fixture
def fuse(monkeypatch: pytest.MonkeyPatch) -> Fuse:
    fuse, step, complete, call = Fuse(), JobContext.step, JobContext.complete, WahaClient._checked

    @contextmanager
    def stepping(self: JobContext) -> Iterator[Any]:
        fuse()
        with step(self) as work:
            yield work
            fuse()
        fuse()

    def around(method: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*given: Any, **named: Any) -> Any:
            fuse()
            answer = method(*given, **named)
            fuse()
            return answer

        return wrapped

    def completing(self: JobContext, settlement: Any) -> bool:
        fuse()
        return complete(self, settlement)

    monkeypatch.setattr(JobContext, "step", stepping)
    monkeypatch.setattr(JobContext, "complete", completing)
    monkeypatch.setattr(WahaClient, "_checked", around(call))
    return fuse


@pytest.mark.parametrize("name", ["GOWS", "WEBJS"])
def test_killed_anywhere_a_notice_arrives_once(platform: Platform, waha: WahaSandbox, fuse: Fuse, name: str) -> None:
    """At every point in turn, in the first attempt, and for an answer that was lost too in the looks and the resend."""
    engine(waha, name)
    prove_the_store(platform, waha)
    said = {}
    for chances in range(1, 60):
        said[chances] = written(platform)
        fuse.light(chances)
        run_due(platform)
        if not fuse.burnt:
            break
    assert chances > 10, "the points were found"
    pass_minutes(platform, waha, 12)
    statuses = {chances: row(platform, one)["status"] for chances, (one, _) in said.items()}
    assert not {chances: status for chances, status in statuses.items() if status in ("pending", "failed")}
    assert {chances: arrived(waha, words) for chances, (_, words) in said.items()} == dict.fromkeys(said, 1)


@pytest.mark.parametrize(
    ("name", "fault", "posts", "spent"),
    [("GOWS", "cut_before", 2, 0), ("GOWS", "cut_after", 1, 0), ("WEBJS", "cut_before", 2, 2)],
)
def test_killed_anywhere_in_a_look_or_a_resend_a_notice_arrives_once(
    platform: Platform, waha: WahaSandbox, fuse: Fuse, name: str, fault: str, posts: int, spent: int
) -> None:
    engine(waha, name)
    prove_the_store(platform, waha)
    before, chances = sends(waha), list(range(1, 32, 2))
    said = {one: written(platform) for one in chances}
    waha.faults.next(fault, path=SEND, times=len(said))
    run_due(platform)
    assert isinstance(platform.clock, FixedClock)
    if fault == "cut_before":
        platform.clock.advance(timedelta(seconds=6))
        run_due(platform)
        platform.clock.advance(timedelta(seconds=61))
    platform.clock.advance(timedelta(seconds=6))
    burnt = 0
    for one in chances:
        fuse.light(one)
        run_due(platform, only=said[one][0])
        burnt += fuse.burnt
    assert burnt >= 6, "the points were found"
    fuse.light(0)
    pass_minutes(platform, waha, 5)
    pass_minutes(platform, waha, 60, each=6)
    ended = {one: row(platform, told) for one, (told, _) in said.items()}
    handed_over = {one for one, notice in ended.items() if notice["error_code"] == "OUTCOME_UNKNOWN"}
    expected = {one: 0 if one in handed_over else 1 for one in said}
    assert {one: arrived(waha, words) for one, (_, words) in said.items()} == expected
    assert {ended[one]["status"] for one in said if one not in handed_over} <= {"sent", "delivered", "read"}
    # The first was lost, and the process ended between noting the only resend and making it: nobody can know that it
    # was not made. By its own id it is made all the same; without one a person is asked. Nothing else may end so.
    assert len(handed_over) <= spent
    assert all(ended[one]["sends"] == 2 for one in handed_over)
    assert sends(waha) - before == posts * len(said) - len(handed_over), "never sent more often than it takes"


class TestFates:
    @pytest.mark.parametrize(
        ("fate", "name"),
        [
            ("empty", "WEBJS"),
            ("vanished", "GOWS"),
            ("unacknowledged", "GOWS"),
            ("unacknowledged", "NOWEB"),
            ("error_after", "GOWS"),
            ("restart_before", "GOWS"),
            ("restart_after", "NOWEB"),
            ("no_lid", "WEBJS"),
            ("broken", "GOWS"),
        ],
    )
    def test_whatever_befalls_a_message_it_arrives_once(
        self, platform: Platform, waha: WahaSandbox, fate: str, name: str
    ) -> None:
        engine(waha, name)
        prove_the_store(platform, waha)
        notice_id, words = written(platform)
        waha.fates.next(fate)
        run_due(platform)
        pass_minutes(platform, waha, 10)
        assert row(platform, notice_id)["status"] in ("sent", "delivered", "read")
        assert arrived(waha, words) == 1

    def test_a_browser_s_message_that_hangs_is_for_a_person(self, platform: Platform, waha: WahaSandbox) -> None:
        engine(waha, "WEBJS")
        prove_the_store(platform, waha)
        before = sends(waha)
        notice_id, _ = written(platform)
        waha.fates.next("unacknowledged")
        run_due(platform)
        pass_minutes(platform, waha, 60, each=6)
        assert row(platform, notice_id)["error_code"] == "NOT_PROVEN"
        assert sends(waha) - before == 1

    @pytest.mark.parametrize(("name", "fault"), [("GOWS", None), ("WEBJS", None), ("WEBJS", "cut_after")])
    def test_a_refused_message_is_failed_and_a_person_may_send_it_anew(
        self, platform: Platform, waha: WahaSandbox, name: str, fault: str | None
    ) -> None:
        engine(waha, name)
        notice_id, words = written(platform)
        waha.fates.next("refused_later")
        run_due(platform)
        pass_minutes(platform, waha, 3)
        assert row(platform, notice_id)["error_code"] == "REFUSED_BY_WHATSAPP"
        with platform.begin(SYSTEM) as work:
            delivery.allow_resend(work, notice_id)
            work.enqueue(send_notice, SendNotice(notice_id=notice_id))
        if fault is not None:
            waha.faults.next(fault, path=SEND)
        run_due(platform)
        pass_minutes(platform, waha, 3)
        assert row(platform, notice_id)["status"] in ("sent", "delivered", "read")
        assert arrived(waha, words) == 1
        with platform.begin(SYSTEM) as work, pytest.raises(ConditionNotMet):
            delivery.allow_resend(work, notice_id)

    @pytest.mark.parametrize("fate", ["timelocked", "capped"])
    def test_new_contacts_wait_while_whatsapp_holds_them_back(
        self, platform: Platform, waha: WahaSandbox, fate: str
    ) -> None:
        notice_id, _ = written(platform)
        waha.fates.next(fate)
        run_due(platform)
        pass_minutes(platform, waha, 1)
        other_id, _ = written(platform)
        run_due(platform)
        assert sends(waha) == 1
        assert [row(platform, one)["status"] for one in (notice_id, other_id)] == ["pending", "pending"]
        assert session(platform)["new_contacts_held_until"] == DEFAULT + session_rules.HELD_FOR


class TestSessions:
    def test_a_failed_session_is_restarted_once(self, platform: Platform, waha: WahaSandbox) -> None:
        waha.sessions.move(waha.sessions.known["default"], "FAILED")
        pass_minutes(platform, waha, 1)
        assert len(waha.journal.matching(method="POST", path_prefix="/api/sessions/default/restart")) == 1
        assert session(platform)["restart_reason"] == "the session is FAILED"
        pass_minutes(platform, waha, 1)
        assert (session(platform)["status"], session(platform)["alarm"]) == ("WORKING", None)

    def test_one_that_needs_a_person_holds_notices_until_it_works(self, platform: Platform, waha: WahaSandbox) -> None:
        waha.sessions.move(waha.sessions.known["default"], "SCAN_QR_CODE")
        pass_minutes(platform, waha, 1)
        notice_id, words = written(platform)
        run_due(platform)
        assert "pair it" in session(platform)["alarm"]
        assert sends(waha) == 0
        waha.sessions.move(waha.sessions.known["default"], "WORKING")
        pass_minutes(platform, waha, 3)
        assert session(platform)["alarm"] is None
        assert row(platform, notice_id)["waha_stanza_id"]
        assert arrived(waha, words) == 1

    def test_a_send_refused_for_its_session_waits_and_counts_as_none(
        self, platform: Platform, waha: WahaSandbox
    ) -> None:
        waha.switches = waha.switches.model_copy(update={"starting_seconds": 300})
        waha.sessions.move(waha.sessions.known["default"], "STARTING")
        notice_id, _ = written(platform)
        run_due(platform)
        notice = row(platform, notice_id)
        assert (notice["status"], notice["sending"], notice["sends"]) == ("pending", "unsent", 0)

    def test_a_refusal_is_older_news_than_a_session_that_works_since(self, platform: Platform) -> None:
        """The gateway refuses late: it waits for its session first. Nobody is to wait for what is mended."""
        clock = platform.clock
        assert isinstance(clock, FixedClock)
        began = clock.now()
        clock.advance(timedelta(seconds=2))
        with platform.begin(SYSTEM) as work:
            sessions.note_news(work, sessions.News(session=SESSION, at=work.now, status="WORKING"))
        clock.advance(timedelta(seconds=8))
        with platform.begin(SYSTEM) as work:
            sessions.note_not_working(work, SESSION, "STARTING", at=began)
        assert session(platform)["status"] == "WORKING"
        with platform.begin(SYSTEM) as work:
            sessions.note_not_working(work, SESSION, "FAILED", at=work.now)
        assert session(platform)["status"] == "FAILED"

    def test_a_call_that_fails_is_no_news_of_the_session(self, platform: Platform, waha: WahaSandbox) -> None:
        pass_minutes(platform, waha, 1)
        waha.faults.next("server_error", path="/api/sessions/default")
        pass_minutes(platform, waha, 1)
        assert session(platform)["status"] == "WORKING"
        assert waiting_watches(platform) == {"retryable": 1}
        clock = platform.clock
        assert isinstance(clock, FixedClock)
        clock.advance(timedelta(seconds=20))
        run_due(platform)
        assert waiting_watches(platform) == {}

    def test_no_more_leave_in_a_minute_than_may(self, platform: Platform, waha: WahaSandbox) -> None:
        with platform.read() as connection:
            notices = [make_notice(connection) for _ in range(5)]
        limits = replace(Limits.from_settings(platform.settings), per_minute=2)
        starts = []
        for notice in notices:
            with platform.begin(SYSTEM) as work:
                taken, _ = delivery.begin_sending(work, notice["id"])
                wait = sessions.take_start(work, taken, SESSION, limits)
            starts.append(wait.until if wait else platform.clock.now())
        assert starts == [DEFAULT, DEFAULT, DEFAULT + MINUTE, DEFAULT + MINUTE, DEFAULT + 2 * MINUTE]

    def test_they_leave_by_no_fixed_beat(self, platform: Platform) -> None:
        with platform.read() as connection:
            notices = [make_notice(connection) for _ in range(6)]
        limits = replace(Limits.from_settings(platform.settings), per_minute=6, jitter=0.5)
        starts = []
        for notice in notices:
            with platform.begin(SYSTEM) as work:
                taken, _ = delivery.begin_sending(work, notice["id"])
                wait = sessions.take_start(work, taken, SESSION, limits)
            starts.append(wait.until if wait else platform.clock.now())
        gaps = [later - earlier for earlier, later in pairwise(starts)]
        assert starts[0] == DEFAULT
        assert all(timedelta(seconds=5) <= gap <= timedelta(seconds=10) for gap in gaps)
        assert len(set(gaps)) == len(gaps)


def waiting_watches(platform: Platform) -> dict[str, int]:
    """The watches of the session that are not through, by state."""
    with platform.read() as connection:
        rows = connection.execute(
            "select state, count(*) as jobs from jobs where kind = 'watch_waha_session' and state <> 'completed'"
            " group by 1"
        ).fetchall()
    return {row["state"]: row["jobs"] for row in rows}


def session(platform: Platform) -> dict[str, Any]:
    with platform.read() as connection:
        found = sessions.find(connection, SESSION)
    assert found is not None
    return found

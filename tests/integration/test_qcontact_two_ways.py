"""The office, the agents and the sync at once, in any order: what each side said is kept, or shown to a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from integrations.qcontact.mapping import to_case
from integrations.qcontact.wire import WireCase
from jobs.kinds.sync_qcontact_recent import sync_qcontact_recent
from jobs.kinds.sync_unpushed_tickets import sync_unpushed_tickets
from jobs.platform import Platform
from runtime.settings import Settings
from tests.clocks import FixedClock
from tests.factories import Row
from tests.qcontact_desk import Desk, after_calls, die
from tests.running import run_jobs
from ticketing.errors import DomainError
from ticketing.people import SYSTEM
from ticketing.qcontact_sync import conflicts
from ticketing.qcontact_sync.cases import Reading
from ticketing.qcontact_sync.inbound import apply_case
from ticketing.qcontact_sync.statuses import agrees, same_word

if TYPE_CHECKING:
    from integrations.qcontact.sandbox import QContactSandbox

MOVES = ("open", "assigned", "in_progress", "pending_qa", "cancelled")
WORDS = ("Open", "Assigned", "InProgress", "InReview", "Escalated", "Solved", "On Hold")
FAULTS = ("cut_before", "cut_after", "server_error_after", "bad_gateway_html")
SECONDS = (0, 2, 7, 60)
# What this is not about: each move makes jobs of other kinds too.
OTHERS = "delete from jobs where kind not in ('push_to_qcontact', 'sync_qcontact_recent', 'sync_unpushed_tickets')"
DUE = "update jobs set state = 'available' where state in ('scheduled', 'retryable')"
HELD = "update jobs set state = 'scheduled' where kind = 'push_to_qcontact' and state = 'available'"
# So that no case adopts the ticket of an example before.
FORGET = "truncate qcontact_cases, qcontact_conflicts", "update tickets set external_id = id", "delete from jobs"


@pytest.fixture
def clock(frozen_clock: FixedClock) -> FixedClock:
    return frozen_clock


@pytest.fixture
def settings(settings: Settings, qcontact_sandbox: QContactSandbox) -> Settings:
    values = {**qcontact_sandbox.settings_values, "breaker_failures": 100}
    return Settings.model_validate(settings.model_dump() | values)


class TwoSides(RuleBasedStateMachine):
    """One ticket with its case. Whoever writes, reads, fails or comes late, both sides are one at the end, or told."""

    platform: Platform
    sandbox: QContactSandbox
    clock: FixedClock
    # What is to happen amid the next push, by the call after which it does.
    amid: Mapping[str, list[Callable[[], None]]]

    def __init__(self) -> None:
        super().__init__()
        self.execute(*FORGET)
        with self.sandbox.lock:
            self.sandbox.records.cases.clear()
        self.sandbox.journal.clear()
        self.desk = Desk(self.platform, self.sandbox, self.clock)
        self.late: Reading | None = None
        self.moves = 0
        self.edited = False
        # An agent's word that nobody has read yet, where it is none that we know of already or may have put there.
        self.unread: str | None = None

    def execute(self, *statements: str) -> None:
        with self.platform.database.transaction() as connection:
            for statement in statements:
                connection.execute(statement)

    def status(self) -> str:
        [row] = self.rows("select status from tickets where id = %s", self.desk.ticket_id)
        return str(row["status"])

    def rows(self, query: str, *parameters: Any) -> list[Row]:
        with self.platform.read() as connection:
            return connection.execute(query, parameters).fetchall()

    @property
    def there(self) -> str:
        """The status that the case has."""
        return str(self.desk.case.fields["status"])

    @rule(status=st.sampled_from(MOVES))
    def office(self, status: str) -> None:
        """Somebody here moves the ticket, as far as the machine lets them."""
        with suppress(DomainError):
            before = self.status()
            self.desk.change(status=status)
            self.moves += before != status

    @rule(word=st.sampled_from(WORDS))
    def agent(self, word: str) -> None:
        """An agent moves the case."""
        if word != self.there:
            self.edited = True
            self.desk.sandbox.edit(self.desk.case.id, {"status": word})
            link = self.desk.link()
            known = any(same_word(word, one) for one in (link["their_status"], *link["sending"]))
            self.unread = None if known else word

    @rule(fault=st.sampled_from((None, None, *FAULTS)))
    def push(self, fault: str | None) -> None:
        """Whatever is to be told is tried once."""
        if fault:
            self.sandbox.faults.next(fault, method="PATCH")
        self.work()
        self.sandbox.faults.stop()
        for acts in self.amid.values():
            acts.clear()

    @rule(call=st.sampled_from(("get_case", "update_case")), data=st.data())
    def push_while(self, call: str, data: st.DataObject) -> None:
        """A push, amid which something else happens, once right after one of its calls."""
        what = data.draw(st.sampled_from(("office", "agent", "read", "die")))
        acts: dict[str, Callable[[], None]] = {"read": self.read_now, "die": die}
        if what == "office":
            status = data.draw(st.sampled_from(MOVES))
            acts[what] = lambda: self.office(status)
        if what == "agent":
            word = data.draw(st.sampled_from(WORDS))
            acts[what] = lambda: self.agent(word)
        self.amid[call].append(acts[what])
        self.push(None)

    @rule()
    def sync(self) -> None:
        """The sync of every five minutes reads what has news."""
        with self.platform.begin(SYSTEM) as work:
            work.enqueue(sync_qcontact_recent)
        self.clock.advance(timedelta(milliseconds=1))
        self.execute(OTHERS, HELD)
        run_jobs(self.platform)

    def read_now(self) -> None:
        with self.platform.begin(SYSTEM) as work:
            apply_case(work, self.take())

    def take(self) -> Reading:
        """Read the case; what is done with that may come later. No two readings begin at the same moment."""
        self.clock.advance(timedelta(milliseconds=1))
        with self.sandbox.lock:
            wire = WireCase.model_validate(self.sandbox.rendering.detail(self.desk.case))
        return Reading(to_case(wire), self.clock.now())

    @precondition(lambda self: self.late is None)
    @rule()
    def begin_reading(self) -> None:
        """A sync reads the case and is slow to apply it."""
        self.late = self.take()

    @precondition(lambda self: self.late is not None)
    @rule()
    def end_reading(self) -> None:
        """The slow sync comes to apply what it read."""
        assert self.late is not None
        with self.platform.begin(SYSTEM) as work:
            apply_case(work, self.late)
        self.late = None

    @rule(seconds=st.sampled_from(SECONDS))
    def pass_time(self, seconds: int) -> None:
        """Time passes."""
        self.clock.advance(timedelta(seconds=seconds))

    @rule(choice=st.sampled_from(("ours", "theirs")))
    def decide(self, choice: conflicts.Choice) -> None:
        """A person decides what waits for one."""
        self.an_agents_word_is_followed_or_shown()
        for conflict in self.desk.open_conflicts():
            with suppress(DomainError), self.platform.begin(self.desk.actor) as work:
                conflicts.resolve(work, conflict["id"], choice)
                self.unread = None

    @invariant()
    def an_agents_word_is_followed_or_shown(self) -> None:
        """Once it is read the ticket follows, or somebody is asked; nothing is written over it before."""
        if self.unread is None:
            return
        shown = agrees(self.status(), self.unread) or bool(self.desk.open_conflicts())
        read = same_word(self.desk.link()["their_status"], self.unread)
        assert shown or (same_word(self.there, self.unread) and not read), (self.unread, self.there, self.desk.link())
        if read:
            self.unread = None

    def work(self) -> None:
        self.execute(OTHERS, DUE)
        run_jobs(self.platform)

    def teardown(self) -> None:
        """Everything is left alone, a few nights long, until nothing changes any more."""
        for _ in range(2):
            self.clock.advance(timedelta(minutes=1))
            self.sync()
            self.clock.advance(timedelta(minutes=1))
            with self.platform.begin(SYSTEM) as work:
                work.enqueue(sync_unpushed_tickets)
            self.work()
            self.clock.advance(timedelta(minutes=1))
            self.work()
        self.judge()

    def judge(self) -> None:
        """Both sides say the same, or a person is asked; without agents ours is what everybody says."""
        said = (
            self.desk.writes(),
            self.status(),
            self.there,
            self.desk.link(),
            self.rows("select * from qcontact_conflicts"),
        )
        waiting = self.desk.open_conflicts()
        assert agrees(self.status(), self.there) or waiting, said
        assert waiting or self.desk.link()["sending"] == [], said
        if not self.edited:
            assert self.rows("select 1 from qcontact_conflicts") == [], said
            assert len(self.desk.writes()) <= self.moves, said


def test_both_sides_end_as_one_or_a_person_is_asked(
    platform: Platform, qcontact_sandbox: QContactSandbox, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    amid: dict[str, list[Callable[[], None]]] = {"get_case": [], "update_case": []}
    for name, acts in amid.items():
        after_calls(monkeypatch, name, acts)
    world = {"platform": platform, "sandbox": qcontact_sandbox, "clock": clock, "amid": amid}
    machine = type("TwoSidesHere", (TwoSides,), world)
    # The same ways every time: what fails here fails for everybody.
    ways = hypothesis_settings(
        max_examples=30, stateful_step_count=12, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(machine, settings=ways)

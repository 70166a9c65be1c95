"""A ticket of the CRM with its case in the stand-in, and what is done to both from either side."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from integrations.qcontact.client import QContactClient
from integrations.qcontact.mapping import to_case
from integrations.qcontact.sandbox.samples import NewCase
from integrations.qcontact.wire import WireCase
from jobs.kinds.sync_unpushed_tickets import sync_unpushed_tickets
from tests.clocks import FixedClock
from tests.factories import Row
from tests.factories.tickets import make_actor
from tests.running import run_jobs
from ticketing import tickets
from ticketing.notes import service as notes
from ticketing.notes.requests import NewNote
from ticketing.people import SYSTEM, Actor
from ticketing.qcontact_sync.cases import Reading
from ticketing.qcontact_sync.inbound import apply_case
from ticketing.ticket_input import TicketChanges

if TYPE_CHECKING:
    from integrations.qcontact.sandbox import QContactSandbox
    from integrations.qcontact.sandbox.records import Case
    from integrations.sandboxes.journal import Entry
    from jobs.platform import Platform

LATER = timedelta(seconds=30)


class Desk:
    """A ticket of the CRM with its case, and what a test does to both."""

    def __init__(self, platform: Platform, sandbox: QContactSandbox, clock: FixedClock) -> None:
        self.platform, self.sandbox, self.clock = platform, sandbox, clock
        self.case: Case = sandbox.add_case(NewCase(label="Link Light FT900123", description="No light"))
        with platform.read() as connection:
            self.actor: Actor = make_actor(connection, "admin", "manager")
        self.read_in()
        with platform.read() as connection:
            row = connection.execute(
                "select ticket_id from qcontact_cases where case_id = %s", [str(self.case.id)]
            ).fetchone()
        assert row is not None
        self.ticket_id: UUID = row["ticket_id"]

    def read_in(self) -> str:
        """Read the case in, as the sync does, a while after whatever was written; return what became of it."""
        self.clock.advance(LATER)
        with self.sandbox.lock:
            wire = WireCase.model_validate(self.sandbox.rendering.detail(self.case))
        with self.platform.begin(SYSTEM) as work:
            outcome = apply_case(work, Reading(to_case(wire), work.now))
        self.clock.advance(LATER)
        return outcome.outcome.value

    def change(self, **fields: Any) -> None:
        """Change the ticket as a person does."""
        with self.platform.begin(self.actor) as work:
            tickets.update(work, self.ticket_id, TicketChanges.model_validate(fields))

    def say(self, content: str, visibility: str = "public") -> UUID:
        """Write a note on the ticket."""
        with self.platform.begin(self.actor) as work:
            new = NewNote.model_validate({"content": content, "visibility": visibility})
            return UUID(str(notes.add(work, self.ticket_id, new)["id"]))

    def run(self, tries: int = 1) -> list[Row]:
        """Run what is available, so many times, waiting between for what was put off."""
        ran = []
        for _ in range(tries):
            ran += [row for row in run_jobs(self.platform) if row["kind"] == "push_to_qcontact"]
            self.clock.advance(timedelta(hours=1))
            with self.platform.database.transaction() as connection:
                connection.execute(
                    "update jobs set state = 'available' where state in ('scheduled', 'retryable')"
                    " and kind = 'push_to_qcontact'"
                )
        return ran

    def sweep(self) -> None:
        """Find at night what was not told, and tell it."""
        with self.platform.begin(SYSTEM) as work:
            work.enqueue(sync_unpushed_tickets)
        self.run()

    def jobs(self) -> list[Row]:
        """Return the push jobs that there are, oldest first."""
        return self.rows("select * from jobs where kind = 'push_to_qcontact' order by id")

    def open_conflicts(self) -> list[Row]:
        """Return what waits for a person."""
        return self.rows("select * from qcontact_conflicts where status = 'open'")

    def rows(self, query: str) -> list[Row]:
        """Return the rows of a query."""
        with self.platform.read() as connection:
            return connection.execute(query).fetchall()

    def link(self) -> Row:
        """Return what is kept of the case."""
        return self.rows("select * from qcontact_cases")[0]

    def writes(self) -> list[dict[str, Any]]:
        """Return the fields of each PATCH that took effect there, in order."""
        return [entry.body["fields"] for entry in self.patches() if entry.handled]

    def patches(self) -> list[Entry]:
        """Return every PATCH that reached the CRM."""
        return self.sandbox.journal.matching(method="PATCH")

    @property
    def description(self) -> str:
        """Return the case's description."""
        return str(self.case.fields["description"])


def die() -> None:
    raise RuntimeError("the worker died")


def meanwhile(monkeypatch: pytest.MonkeyPatch, name: str, act: Callable[[], Any]) -> None:
    """Let something happen once, right after the client's next call of that name took effect."""
    after_calls(monkeypatch, name, [act])


def after_calls(monkeypatch: pytest.MonkeyPatch, name: str, acts: list[Callable[[], Any]]) -> None:
    """Let what stands last in `acts`, by then, happen right after each of the client's calls of that name."""
    called: Any = getattr(QContactClient, name)

    def call(self: QContactClient, *arguments: Any, **options: Any) -> Any:
        answer = called(self, *arguments, **options)
        if acts:
            acts.pop()()
        return answer

    monkeypatch.setattr(QContactClient, name, call)

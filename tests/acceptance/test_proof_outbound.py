"""A thousand tickets move while every fifth call fails and workers are killed: each case is told, and told once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from uuid import UUID

import pytest

from cli.ports import free_port
from integrations.qcontact.mapping import to_case
from integrations.qcontact.sandbox import QContactControl, findings
from integrations.qcontact.wire import read_case
from integrations.sandboxes import Entry
from jobs.kinds.sync_qcontact import sync_qcontact
from jobs.kinds.sync_qcontact_recent import sync_qcontact_recent
from jobs.kinds.sync_unpushed_tickets import sync_unpushed_tickets
from runtime.settings import Settings
from tests.acceptance.outside_world import (
    FAULTS,
    KINDS,
    LONG,
    NAMES,
    THREADS,
    faults_met,
    kill_amid,
    let_time_pass,
    meanwhile,
    paced,
    qcontact,
    qcontact_at,
)
from tests.acceptance.system import System, system
from tests.factories.tickets import make_actor
from tests.stand_in import enqueue, job_row
from ticketing import tickets
from ticketing.notes import service as notes
from ticketing.notes.requests import NewNote
from ticketing.people import SYSTEM, Actor
from ticketing.qcontact_sync import pushes
from ticketing.qcontact_sync.cases import Reading
from ticketing.qcontact_sync.inbound import apply_all
from ticketing.ticket_input import TicketChanges
from ticketing.vocabulary import Status

pytestmark = pytest.mark.acceptance

CASES = 1_000
AT_ONCE = 100
TOLD = 40
KILLED_AT = (250, 650)
# How often, in seconds, the cases are read while they are told.
SYNC_EVERY = 0.5
CASE = "/api/v2/entities/Case/"

# What becomes of every fifth ticket, and in which word its case says so; the first has a second move amid the work.
MOVES: Sequence[tuple[Status, str]] = (
    (Status.PENDING_QA, "InReview"),
    (Status.IN_PROGRESS, "InProgress"),
    (Status.IN_PROGRESS, "InProgress"),
    (Status.IN_PROGRESS, "InProgress"),
    (Status.CANCELLED, "Solved"),
)
EVENTS = "select count(*) from ticket_events where event_type in ('ticket_status_changed', 'ticket_updated')"
DONE = "select count(*) from jobs where kind = 'push_to_qcontact' and state = 'completed'"
UNFINISHED = (
    "select count(*) from jobs where kind = 'push_to_qcontact' and state in "
    "('scheduled', 'available', 'running', 'retryable')"
)


def test_a_thousand_moves_arrive(settings: Settings, logs: Path) -> None:
    port = free_port()
    with system(paced(settings, **qcontact_at(port)), logs, **THREADS) as it, qcontact(it.processes, port) as there:
        it.platform.outside.qcontact.me()
        ids = read_in(it, there)
        people = actor(it)
        there.faults(rate=FAULTS, names=NAMES)
        there.next_fault("too_many_requests", path=CASE, method="PATCH")
        move_all(it, people, ids)
        it.processes.scheduler(**KINDS)
        workers = it.processes.workers(2, **KINDS)
        with meanwhile(lambda: enqueue(it.platform, sync_qcontact_recent), SYNC_EVERY):
            assert kill_amid(it, workers, lambda: it.number(DONE), KILLED_AT[:1]) > 0
            move_on(it, people, ids[:: len(MOVES)])
            assert kill_amid(it, workers, lambda: it.number(DONE), KILLED_AT[1:]) > 0
            it.wait(lambda: passes(it) < CASES // 20, "nearly all are told", LONG)
        calls = there.journal()
        assert faults_met(calls) > len(calls) / 8, "every fifth call fails"

        there.stop_faults()
        finish(it)
        assert_each_case_is_told_once(it, there, ids)
        assert_nothing_echoes(it, there)


def read_in(it: System, there: QContactControl) -> list[str]:
    """Let there be cases, and tickets of them; returns their ids."""
    ids = [there.create_case(f"Link Light FT{900_000 + number}", status="Assigned") for number in range(CASES)]
    for start in range(0, CASES, AT_ONCE):
        with it.platform.begin(SYSTEM) as work:
            wires = [read_case(there.case(case_id)["case"]) for case_id in ids[start : start + AT_ONCE]]
            apply_all(work, [Reading(to_case(wire), work.now) for wire in wires if wire is not None])
    return ids


def actor(it: System) -> Actor:
    """Return somebody who may move every ticket."""
    with it.platform.read() as connection:
        return make_actor(connection, "admin", "manager")


def tickets_of(it: System, ids: Iterable[str]) -> dict[str, UUID]:
    """Return the tickets of cases."""
    rows = it.ask("select case_id, ticket_id from qcontact_cases where case_id = any(%s)", list(ids))
    return {row["case_id"]: row["ticket_id"] for row in rows}


def move_all(it: System, people: Actor, ids: Sequence[str]) -> None:
    """Move every ticket once, as people do, and say something about some."""
    known = tickets_of(it, ids)
    for start in range(0, CASES, AT_ONCE):
        with it.platform.begin(people) as work:
            for number in range(start, start + AT_ONCE):
                status = MOVES[number % len(MOVES)][0]
                first = Status.IN_PROGRESS if status is Status.PENDING_QA else status
                tickets.update(work, known[ids[number]], TicketChanges.model_validate({"status": first}))
    for case_id in ids[:: CASES // TOLD]:
        with it.platform.begin(people) as work:
            notes.add(work, known[case_id], NewNote.model_validate({"content": "On our way", "visibility": "public"}))


def move_on(it: System, people: Actor, ids: Sequence[str]) -> None:
    """Move some tickets again: what they told, or are telling just now, is stale."""
    for ticket_id in tickets_of(it, ids).values():
        with it.platform.begin(people) as work:
            tickets.update(work, ticket_id, TicketChanges.model_validate({"status": Status.PENDING_QA}))


def passes(it: System) -> int:
    """Have what was put off come now; returns how many jobs are left."""
    let_time_pass(it)
    return it.number(UNFINISHED)


def finish(it: System) -> None:
    """Wait until all is told: by the jobs that there are, and by the nightly sweep for what those gave up."""
    it.wait(lambda: passes(it) == 0, "every push is through")
    sweep = enqueue(it.platform, sync_unpushed_tickets)
    it.wait(lambda: job_row(it.platform, sweep)["state"] == "completed" and passes(it) == 0, "the sweep is through")
    with it.platform.read() as connection:
        assert pushes.count_due(connection) == 0, "nothing is pending"
    lost = "select count(*) from job_attempts a join jobs j on j.id = a.job_id where a.outcome = 'lost'"
    assert it.number(f"{lost} and j.kind = 'push_to_qcontact'") > 0, "some were killed amid their work"


def assert_each_case_is_told_once(it: System, there: QContactControl, ids: Sequence[str]) -> None:
    """Each case has its ticket's status, by no more changes than the ticket had moves; each note is there once."""
    found = there.cases()
    expected = {case_id: MOVES[number % len(MOVES)][1] for number, case_id in enumerate(ids)}
    wrong = {case_id: found[case_id]["status"] for case_id in ids}
    assert {case_id: status for case_id, status in wrong.items() if status != expected[case_id]} == {}
    journal = there.journal()
    assert findings(journal).all() == []
    moves = changes_of_status(journal)
    at_most = {case_id: 2 if word == "InReview" else 1 for case_id, word in expected.items()}
    assert {case_id: times for case_id, times in moves.items() if times > at_most[case_id]} == {}
    assert sum(found[case_id]["description"].count("[FF:") for case_id in ids[:: CASES // TOLD]) == TOLD
    assert it.ask("select * from qcontact_conflicts") == []


def changes_of_status(journal: Iterable[Entry]) -> Counter[str]:
    """How often the status of each case was changed."""
    return Counter(entry.path.removeprefix(CASE) for entry in journal if "status" in entry.facts.get("changed", {}))


def assert_nothing_echoes(it: System, there: QContactControl) -> None:
    """What was told is read as known: no ticket moves, and nothing is told back."""
    before = it.number(EVENTS), len(changed(there.journal()))
    job_id = enqueue(it.platform, sync_qcontact)
    it.wait(lambda: job_row(it.platform, job_id)["state"] == "completed", "the sync is through")
    result = job_row(it.platform, job_id)["result"]
    assert (result["unchanged"] + result["skipped"], result["failed"]) == (CASES, 0), result
    assert passes(it) == 0
    assert (it.number(EVENTS), len(changed(there.journal()))) == before


def changed(journal: Iterable[Entry]) -> list[Entry]:
    """Return the writes of a journal."""
    return [entry for entry in journal if entry.method != "GET"]

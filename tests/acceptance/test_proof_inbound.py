"""A thousand cases come in while every fifth call fails and workers are killed: each is one ticket, as it is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cli.ports import free_port
from integrations.qcontact.mapping import to_case
from integrations.qcontact.sandbox import QContactControl, findings
from integrations.qcontact.wire import read_case
from jobs.kinds.reread_qcontact_case import RereadQContactCase, reread_qcontact_case
from jobs.kinds.sync_qcontact import sync_qcontact
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
    paced,
    qcontact,
    qcontact_at,
)
from tests.acceptance.system import System, system
from tests.stand_in import enqueue, enqueue_many, job_row
from ticketing.qcontact_sync.cases import Case
from ticketing.qcontact_sync.rules import OWNED, said_by

pytestmark = pytest.mark.acceptance

CASES = 1_000
HINTS = 40
KILLED_AT = (200, 600)
TICKETS = "select count(*) from tickets where source = 'qcontact'"
UNFINISHED = (
    "select count(*) from jobs where kind in ('sync_qcontact', 'reread_qcontact_case')"
    " and state not in ('completed', 'discarded', 'cancelled')"
)


def test_a_thousand_cases_become_a_thousand_tickets(settings: Settings, logs: Path) -> None:
    port = free_port()
    with system(paced(settings, **qcontact_at(port)), logs, **THREADS) as it, qcontact(it.processes, port) as there:
        ids = there.create_cases(CASES)
        it.platform.outside.qcontact.me()
        begin(it, there, ids)
        it.processes.scheduler(**KINDS)
        workers = it.processes.workers(2, **KINDS)
        assert kill_amid(it, workers, lambda: it.number(TICKETS), KILLED_AT) >= len(KILLED_AT)
        finish_amid_faults(it)
        calls = there.journal()
        assert faults_met(calls) > len(calls) / 8, "every fifth call fails"

        there.stop_faults()
        summary = sync_once_more(it)
        assert (summary["processed"], summary["failed"], summary["success_rate"]) == (CASES, 0, 1.0)
        assert_each_case_is_one_ticket(it, there, ids)
        assert findings(there.journal()).all() == []


def begin(it: System, there: QContactControl, ids: list[str]) -> None:
    """Let calls fail, have everything read, and some cases by hints at the same time."""
    there.faults(rate=FAULTS, names=NAMES)
    there.next_fault("too_many_requests", path=f"/api/v2/entities/Case/{ids[CASES // 3]}")
    enqueue(it.platform, sync_qcontact)
    hinted = ids[:: CASES // HINTS]
    enqueue_many(it.platform, reread_qcontact_case, [RereadQContactCase(case_id=case_id) for case_id in hinted])


def finish_amid_faults(it: System) -> None:
    """Wait until the sync is through, the faults going on; single cases that were put off come as time passes."""

    def is_done() -> bool:
        let_time_pass(it)
        return it.number(UNFINISHED) == 0

    it.wait(is_done, "the sync is through", LONG)
    lost = "select count(*) from job_attempts a join jobs j on j.id = a.job_id where a.outcome = 'lost'"
    assert it.number(f"{lost} and j.kind = 'sync_qcontact'") > 0, "it was killed amid its work"


def sync_once_more(it: System) -> dict[str, Any]:
    """Sync now that all is well; returns the summary of the run."""
    job_id = enqueue(it.platform, sync_qcontact)
    it.wait(lambda: job_row(it.platform, job_id)["state"] == "completed", "the second sync is through")
    result: dict[str, Any] = job_row(it.platform, job_id)["result"]
    return result


def assert_each_case_is_one_ticket(it: System, there: QContactControl, ids: list[str]) -> None:
    """There are as many tickets as cases, one for each, and each says what its case says."""
    cases = [case_of(there, case_id) for case_id in ids]
    rows = it.ask(
        "select c.case_id, t.* from tickets t left join qcontact_cases c on c.ticket_id = t.id"
        " where t.source = 'qcontact'"
    )
    assert len(rows) == len({row["case_id"] for row in rows}) == len({row["external_id"] for row in rows}) == CASES
    found = {row["case_id"]: as_said(row) for row in rows}
    assert {case.case_id: found.get(case.case_id) for case in cases if found.get(case.case_id) != expected(case)} == {}
    assert it.number("select count(*) from qcontact_cases") == CASES
    assert it.number("select count(*) from qcontact_conflicts") == 0
    created = "select count(*) from ticket_events where event_type = 'ticket_created'"
    assert it.number(created) == CASES


def case_of(there: QContactControl, case_id: str) -> Case:
    """Return a case as it stands there, in our words."""
    wire = read_case(there.case(case_id)["case"])
    assert wire is not None
    return to_case(wire)


def expected(case: Case) -> dict[str, str]:
    """Return what a ticket says that says what its case says."""
    return said_by(case) | {"status": str(case.status), "external_id": str(case.ft_reference)}


def as_said(row: dict[str, Any]) -> dict[str, str]:
    """Return what a ticket says, in the same form."""
    return {name: str(row[name]) for name in (*OWNED, "status", "external_id") if row[name] is not None}

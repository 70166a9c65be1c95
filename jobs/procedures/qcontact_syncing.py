"""A sync from QContact: walk the list, read what has news, apply it batch by batch; see `ticketing.qcontact_sync`.

Details are read by several threads while batches that arrived are applied, each in a step of its own: no transaction
waits for a call. What was applied is saved with the step, so a later attempt goes on where a killed one stopped. Rows
move between the pages during a walk, so a full sync walks twice, as does one that saw fewer cases than the list counts.
A case that the list does not show any more is looked up: its absence alone says nothing about it. What was read too
soon after a write of ours counts as unchanged and its row stays news, so that the next sync reads it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from integrations.outside import NotSetUp, NotThere, OutsideError
from integrations.qcontact.client import QContactClient
from integrations.qcontact.mapping import to_case
from integrations.qcontact.wire import WireCase
from jobs.context import JobContext
from jobs.outcomes import Outcome, PutOff, done, snooze
from jobs.outside import Breaker, calling
from jobs.procedures.qcontact_reading import Reader, Walk
from jobs.work import Work
from ticketing.qcontact_sync import listing, runs
from ticketing.qcontact_sync.cases import CaseOutcome, Reading
from ticketing.qcontact_sync.cases import Outcome as Became
from ticketing.qcontact_sync.inbound import apply_all, log_failures
from ticketing.qcontact_sync.picking import Row, pick
from ticketing.qcontact_sync.rules import BELIEVED_AFTER

BATCH = 25
GONE = "the case does not exist there any more"


def sync(job: JobContext, scope: runs.Scope) -> Outcome:
    """Read the CRM's cases and apply them; the result is the run's summary, or why nothing was read."""
    try:
        client = job.platform.outside.qcontact
        # Before the run begins: one that read no list would be taken for a reading of it.
        client.require_queue()
        with calling(job, "qcontact") as breaker:
            syncing = Syncing(job, client, breaker, scope)
            syncing.read_list()
            syncing.read_gone()
    except NotSetUp as error:
        return done({"synced": False, "reason": error.message})
    return done({"synced": True, **syncing.finish()})


def sync_one(job: JobContext, case_id: str) -> Outcome:
    """Read one case and apply it; the result says what became of it. Raises OutsideError."""
    began = job.now
    try:
        with calling(job, "qcontact"):
            case = to_case(job.platform.outside.qcontact.get_case(case_id))
    except NotSetUp as error:
        return done({"synced": False, "reason": error.message})
    except NotThere as error:
        return _gone(job, case_id, error)
    run_id = runs.begin(job.work, job.id, "one")
    [applied] = apply_all(job.work, [Reading(case, began)], run_id=run_id)
    if applied.overtaken:
        return snooze(job.now + BELIEVED_AFTER, "the case was written to a moment ago: it is read again after that")
    _end_one(job, run_id, applied)
    return done({"synced": True, "case_id": case_id, "outcome": applied.outcome.value, "error": applied.error})


def _gone(job: JobContext, case_id: str, error: NotThere) -> Outcome:
    failure, run_id = _failure(case_id, error), runs.begin(job.work, job.id, "one")
    listing.note_missing(job.work, [case_id])
    log_failures(job.work, [failure], run_id=run_id)
    _end_one(job, run_id, failure)
    return done({"synced": False, "case_id": case_id, "reason": GONE})


def _end_one(job: JobContext, run_id: UUID, outcome: CaseOutcome) -> None:
    runs.add(job.work, run_id, [outcome.outcome])
    runs.finish(job.work, run_id)


class Syncing:
    """One attempt at a sync; what earlier ones did is in the job's saved state."""

    def __init__(self, job: JobContext, client: QContactClient, breaker: Breaker, scope: runs.Scope) -> None:
        self._job = job
        self._client = client
        self._reader = Reader(client, breaker, job.settings.qcontact_connections)
        self._everything = scope == "full"
        self._settled: set[str] = set(job.saved.get("settled", ()))
        self._overtaken: set[str] = set(job.saved.get("overtaken", ()))
        self._hashes: dict[str, str] = {}
        self._total = 0
        self._list_is_whole = True
        with job.step() as work:
            self._run_id = runs.begin(work, job.id, scope)

    def read_list(self) -> None:
        """Apply every case that the list shows; a second walk finds those that moved between its pages."""
        walk = self._reader.walk()
        self._apply_walk(walk)
        if self._everything or walk.missed_some:
            self._apply_walk(self._reader.walk())

    def read_gone(self) -> None:
        """Look up the cases of open tickets that the list does not show; nothing is closed for being absent."""
        if not self._list_is_whole:
            self._job.log("some pages could not be read: cases that left the list are looked up next time")
            return
        with self._job.read() as connection:
            gone = listing.list_gone(connection, set(self._hashes), again=self._everything)
        absent = [case_id for case_id in gone if case_id not in self._settled]
        self._read_and_apply(absent)
        with self._job.step() as work:
            listing.note_missing(work, [case_id for case_id in gone if case_id not in self._overtaken])

    def finish(self) -> dict[str, Any]:
        """End the run in the job's final unit of work; returns its summary."""
        return runs.finish(self._job.work, self._run_id)

    def _apply_walk(self, walk: Walk) -> None:
        self._list_is_whole = self._list_is_whole and walk.is_whole
        rows = {case_id: row_of(wire) for case_id, wire in walk.rows.items()}
        self._hashes |= {case_id: row.hash for case_id, row in rows.items()}
        fresh = [row for case_id, row in rows.items() if case_id not in self._settled]
        with self._job.read() as connection:
            known = listing.find_known(connection, [row.case_id for row in fresh])
        picked = pick(fresh, known, everything=self._everything, now=self._job.now)
        self._total = len(self._settled) + len(fresh)
        began = self._job.now
        self._settle_quiet(picked.quiet)
        for part in _parts(picked.over):
            self._settle([Reading(to_case(walk.rows[case_id]), began) for case_id in part], [])
        self._read_and_apply(picked.to_read)

    def _read_and_apply(self, case_ids: list[str]) -> None:
        """Read cases as a whole and apply them as they arrive, a batch at a time."""
        readings: list[Reading] = []
        failures: list[CaseOutcome] = []
        try:
            for case_id, found in self._reader.each(case_ids, self._read):
                if isinstance(found, OutsideError):
                    failures.append(_failure(case_id, found))
                else:
                    readings.append(found)
                if len(readings) + len(failures) >= BATCH:
                    self._settle(readings, failures)
                    readings, failures = [], []
        except PutOff:
            # A service that says stop before each batch is whole would never be done otherwise.
            self._settle(readings, failures)
            raise
        self._settle(readings, failures)

    def _read(self, case_id: str) -> Reading:
        began = self._job.now
        return Reading(to_case(self._client.get_case(case_id)), began)

    def _settle(self, readings: list[Reading], failures: list[CaseOutcome]) -> None:
        if not (readings or failures):
            return
        with self._job.step() as work:
            outcomes = apply_all(work, readings, run_id=self._run_id, tell_unchanged=self._everything)
            log_failures(work, failures, run_id=self._run_id)
            known = [one.case_id for one in outcomes if one.outcome != Became.FAILED and not one.overtaken]
            listing.note_seen(work, {one: self._hashes[one] for one in known if one in self._hashes})
            self._overtaken.update(one.case_id for one in outcomes if one.overtaken)
            runs.add(work, self._run_id, runs.outcomes_of([*outcomes, *failures]))
            self._save(work, [outcome.case_id for outcome in (*outcomes, *failures)])

    def _settle_quiet(self, case_ids: list[str]) -> None:
        """Note that cases were seen that say nothing new."""
        if case_ids:
            with self._job.step() as work:
                listing.note_seen(work, {case_id: self._hashes[case_id] for case_id in case_ids})
                runs.add(work, self._run_id, [Became.UNCHANGED] * len(case_ids))
                self._save(work, case_ids)

    def _save(self, work: Work, case_ids: Iterable[str]) -> None:
        self._settled.update(case_ids)
        self._job.save(work, {"settled": sorted(self._settled), "overtaken": sorted(self._overtaken)})
        self._job.progress(len(self._settled), max(self._total, len(self._settled)), phase="applying")


def row_of(wire: WireCase) -> Row:
    """Return what a row of the list says; the ids of colours and columns are no part of it."""
    said = {"label": wire.label, "updated_at": wire.updated_at, "fields": wire.fields, "labels": wire.labels}
    return Row(wire.id, wire.status, to_json(_sorted(said)))


def _sorted(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: dict(sorted(value.items())) if isinstance(value, dict) else value for name, value in said.items()}


def _parts(case_ids: list[str]) -> Iterable[list[str]]:
    return (case_ids[start : start + BATCH] for start in range(0, len(case_ids), BATCH))


def _failure(case_id: str, error: OutsideError) -> CaseOutcome:
    message = GONE if isinstance(error, NotThere) else error.message
    return CaseOutcome(case_id=case_id, outcome=Became.FAILED, error_code=error.code, error=message)

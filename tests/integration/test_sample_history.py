"""The made-up history: believable, true to every rule that the services keep, and written only once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cli.seed import Wanted, Written, write_history
from integrations.file_archive import FileArchive
from integrations.storage import Storage
from jobs.kinds import reinspect_photos
from tests.clocks import FixedClock
from tests.factories.tickets import NOON
from tests.running import run_jobs
from ticketing.dashboard import totals
from ticketing.handover.verifying import verify
from ticketing.paging import PageRequest
from ticketing.people import SYSTEM
from ticketing.repeat_faults.scan import Question, scan
from ticketing.sla import sweep
from ticketing.status import is_move
from ticketing.timeline.views import ActivityFilter, read_timeline
from ticketing.vocabulary import EscalationScope, Status

if TYPE_CHECKING:
    from jobs.platform import Platform

TICKETS, PHOTOS = 300, 99


@pytest.fixture
def clock() -> FixedClock:
    """A clock that stands still: no due time passes between the writing of a history and the look at it."""
    return FixedClock(NOON)


@pytest.fixture
def platform(platform: Platform) -> Platform:
    """The platform, with its queues declared."""
    platform.declare()
    return platform


@pytest.fixture
def written(platform: Platform) -> Written:
    """A history of 300 tickets with photos for those of one cycle."""
    return write_history(platform, SYSTEM, Wanted(TICKETS, PHOTOS))


def rows(platform: Platform, query: str, *values: Any) -> list[dict[str, Any]]:
    with platform.read() as connection:
        return connection.execute(query, values).fetchall()


def test_a_history_keeps_every_rule(platform: Platform, written: Written) -> None:
    assert written == Written(tickets=TICKETS, photos=PHOTOS, handovers=6)
    _statuses_are_all_there(platform)
    _steps_match(platform)
    _timelines_follow_the_machine(platform)
    _checks_and_risks_agree(platform)
    _clocks_are_what_the_sweep_would_note(platform)
    _the_chain_holds(platform)
    _faults_cluster(platform)
    _totals_agree(platform)
    assert write_history(platform, SYSTEM, Wanted(TICKETS, PHOTOS)) == Written()


def _statuses_are_all_there(platform: Platform) -> None:
    found = rows(platform, "select status, count(*) as n, min(reported_at) as first from tickets group by status")
    assert {row["status"] for row in found} == {status.value for status in Status}
    now = platform.clock.now()
    assert min(row["first"] for row in found) > now - timedelta(days=370)
    recent = rows(platform, "select count(*) as n from tickets where reported_at > %s", now - timedelta(days=60))
    assert TICKETS * 0.3 < recent[0]["n"] < TICKETS * 0.8
    ahead = "select count(*) as n from tickets where greatest(reported_at, updated_at, closed_at) > %s"
    assert rows(platform, ahead, now)[0]["n"] == 0


def _steps_match(platform: Platform) -> None:
    wrong = """
    select t.ticket_uid, t.status, count(*) as steps, count(*) filter (where s.is_complete) as done
    from tickets as t left join verification_steps as s on s.ticket_id = t.id
    group by t.id
    having count(*) <> 12
    or (t.status in ('open', 'assigned') and bool_or(s.is_complete))
    or (
        t.status in ('pending_qa', 'qa_in_progress', 'qa_rejected', 'qa_approved', 'pending_handover',
        'handed_to_maintenance', 'closed')
        and not bool_and(
            s.is_complete or exists (
                select 1 from qa_risk_acceptances as r
                where r.ticket_id = t.id and s.step_number = any(r.outstanding_steps) and r.status <> 'resolved'
            )
        )
    )
    """
    assert rows(platform, wrong) == []
    lacking = """
    select t.ticket_uid, s.step_number from verification_steps as s
    inner join verification_step_types as k using (step_number) inner join tickets as t on t.id = s.ticket_id
    where s.is_complete and (
        (k.needs_ont_serial and t.ont_serial is null) or (k.needs_ont_rx and t.ont_rx_level is null)
        or (k.needs_notes and s.notes is null) or s.completed_at > %s or s.completed_at < t.created_at
        or (k.photo_required and s.photo_url is null and not exists (
            select 1 from ticket_attachments as a where a.ticket_id = t.id and a.step_number = s.step_number
        ))
    )
    """
    assert rows(platform, lacking, platform.clock.now()) == []
    told = "select count(*) as n from ticket_events where event_type = 'verification_step_completed'"
    done = "select count(*) as n from verification_steps where is_complete"
    assert rows(platform, told) == rows(platform, done)


def _timelines_follow_the_machine(platform: Platform) -> None:
    told: dict[str, list[dict[str, Any]]] = {}
    query = """
    select t.id, t.status, t.closed_at, e.event_type, e.before, e.after, e.occurred_at, e.actor_name
    from tickets as t inner join ticket_events as e on e.ticket_id = t.id order by e.ticket_id, e.occurred_at, e.id
    """
    for row in rows(platform, query):
        told.setdefault(str(row["id"]), []).append(row)
    assert len(told) == TICKETS
    for events in told.values():
        assert events[0]["event_type"] == "ticket_created"
        status = "open"
        for event in events:
            if event["event_type"] == "ticket_status_changed":
                assert event["before"]["status"] == status
                status = event["after"]["status"]
                assert is_move(event["before"]["status"], status)
        assert status == events[0]["status"]
        assert events[-1]["occurred_at"] <= platform.clock.now()
    # Handovers are made now by the real service; all else has ids that sort as it happened.
    by_id = """
    select array_agg(id order by id) = array_agg(id order by occurred_at, id) as same from ticket_events
    where ticket_id not in (select ticket_id from handover_snapshots) group by ticket_id
    """
    assert all(row["same"] for row in rows(platform, by_id))


def _checks_and_risks_agree(platform: Platform) -> None:
    begun = """
    select t.ticket_uid from tickets as t
    where t.status in ('qa_in_progress', 'qa_rejected', 'qa_approved', 'pending_handover', 'closed')
    and (not t.qa_ready or t.qa_passed_check_id is null)
    """
    assert rows(platform, begun) == []
    waiting = rows(platform, "select qa_ready, qa_readiness_failed_reasons from tickets where status = 'pending_qa'")
    assert all(row["qa_ready"] == (not row["qa_readiness_failed_reasons"]) for row in waiting)
    assert rows(platform, "select count(*) as n from qa_risk_acceptances")[0]["n"] > 0
    closed = "select 1 from tickets as t inner join qa_risk_acceptances as r on r.ticket_id = t.id"
    assert rows(platform, closed + " where t.status = 'closed' and r.status <> 'resolved'") == []
    causes = "select 1 from tickets where status = 'closed' and (closed_by is null or guarantee_status is null)"
    assert rows(platform, causes) == []
    judged = rows(platform, "select distinct guarantee_status, is_billable from tickets where status = 'closed'")
    assert len(judged) >= 3


def _clocks_are_what_the_sweep_would_note(platform: Platform) -> None:
    assert rows(platform, "select 1 from tickets where sla_target_minutes is null or sla_due_at is null") == []
    before = rows(platform, "select count(*) as n from ticket_events where event_type like 'sla%%'")
    with platform.begin(SYSTEM) as work:
        assert sweep.start_missing(work) == 0
        sweep.note_due(work)
    assert rows(platform, "select count(*) as n from ticket_events where event_type like 'sla%%'") == before
    kept = rows(platform, "select avg(sla_breached::integer) as late from tickets where status = 'closed'")
    assert 0.05 < kept[0]["late"] < 0.5


def _the_chain_holds(platform: Platform) -> None:
    report = verify(platform.read, archive=FileArchive(Storage.from_settings(platform.settings)))
    assert report.holds
    assert report.checked == 6
    photos = rows(platform, "select distinct inspection_status from ticket_attachments")
    assert photos == [{"inspection_status": "accepted"}]


def _faults_cluster(platform: Platform) -> None:
    with platform.read() as connection:
        found = scan(connection, platform.clock.now(), Question(everywhere=True))
    assert {finding.place.scope for finding in found} == set(EscalationScope)
    assert len(found) < TICKETS / 5
    waiting = rows(platform, "select 1 from jobs where kind = 'scan_repeat_faults'")
    assert len(waiting) == 1


def _totals_agree(platform: Platform) -> None:
    with platform.read() as connection:
        proof = totals.prove(connection, platform.clock.now())
    assert proof.holds, proof.message()
    assert proof.tickets == TICKETS


def test_what_is_left_to_jobs_is_done_and_what_was_said_to_be_good_is_good(platform: Platform) -> None:
    """The real inspection finds nothing in drawn photos, the scan raises escalations, and every timeline reads well."""
    written = write_history(platform, SYSTEM, Wanted(80, PHOTOS))
    with platform.begin(SYSTEM) as work:
        work.enqueue(reinspect_photos.reinspect_photos)
    assert {job["state"] for job in run_jobs(platform)} == {"completed"}
    photos = rows(platform, "select inspection_status, inspection_reasons, thumbnail_key from ticket_attachments")
    assert len(photos) == written.photos == PHOTOS
    assert [photo for photo in photos if photo["inspection_status"] != "accepted" or photo["inspection_reasons"]] == []
    assert all(photo["thumbnail_key"] for photo in photos)
    assert rows(platform, "select count(*) as n from repeat_fault_escalations")[0]["n"] > 0
    with platform.read() as connection:
        for row in rows(platform, "select id from tickets where external_id is not null"):
            shown = read_timeline(connection, SYSTEM, row["id"], ActivityFilter(), PageRequest(size=100))
            assert shown.activities
            assert all(activity["label"] for activity in shown.activities)


def test_of_two_who_write_the_same_history_at_once_each_ticket_is_written_by_one(platform: Platform) -> None:
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(write_history, platform, SYSTEM, Wanted(60, 0)) for _ in range(2)]
        written = [one.result() for one in both]
    assert sum(one.tickets for one in written) == 60
    assert rows(platform, "select count(*) as n, count(distinct external_id) as d from tickets") == [{"n": 60, "d": 60}]

"""The unit of work: events, the jobs that react to them and enqueued jobs commit together or not at all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import pytest

from jobs.context import JobContext
from jobs.enqueueing import _holders
from jobs.platform import Platform
from jobs.queues import QUEUES
from runtime.settings import Settings
from tests.clocks import FixedClock
from tests.factories import make_ticket
from tests.job_kinds import Effect, Ignored, Key, Noticed, effect, tick, unique
from tests.races import wait_until_somebody_waits
from tests.stand_in import StandIn, effects_of, enqueue, enqueue_answer, fetch, job_row, platform_for_tests
from ticketing.people import SYSTEM, Actor

THABO = Actor(kind="user", name="Thabo", user_id=None, roles=frozenset({"manager"}))


class ChangedMyMind(Exception):
    """Why a unit of work is rolled back."""


@pytest.fixture
def clock(frozen_clock: FixedClock) -> FixedClock:
    return frozen_clock


@pytest.fixture
def platform(settings: Settings, clock: FixedClock) -> Iterator[Platform]:
    with platform_for_tests(settings, clock) as platform:
        yield platform


def test_a_job_is_written_down_with_who_enqueued_it_and_redis_is_told(platform: Platform, clock: FixedClock) -> None:
    with platform.begin(THABO, request_id="req-1") as work:
        job = work.enqueue(effect, Effect(note="x"), tags=("urgent", "urgent"), priority=2)
        assert platform.wire.depth("tickets") == 0, "news of what is not committed"
    row = job_row(platform, job.id)
    assert (row["kind"], row["queue"], row["state"], row["priority"]) == ("test_effect", "tickets", "available", 2)
    assert (row["actor_kind"], row["actor_name"], row["request_id"]) == ("user", "Thabo", "req-1")
    assert (row["arguments"], row["tags"]) == ({"note": "x", "milliseconds": 0}, ["urgent"])
    assert (row["scheduled_at"], row["attempt"], row["max_attempts"]) == (clock.now(), 0, 20)
    assert platform.wire.hear("tickets", 10, 1) == [job.id]


def test_nothing_is_left_of_a_unit_of_work_that_fails(platform: Platform) -> None:
    with platform.read() as connection:
        ticket = make_ticket(connection)
    with suppress(ChangedMyMind), platform.begin(THABO) as work:
        work.enqueue(effect)
        work.record(Noticed(ticket_id=ticket["id"]))
        raise ChangedMyMind
    assert fetch(platform, "select id from jobs") == []
    assert fetch(platform, "select id from ticket_events") == []
    assert [platform.wire.depth(queue) for queue in QUEUES] == [0] * len(QUEUES)


def test_a_part_that_fails_alone_leaves_nothing_and_the_rest_stays(platform: Platform) -> None:
    with platform.read() as connection:
        first, second = make_ticket(connection), make_ticket(connection)
    with platform.begin(THABO) as work:
        kept = work.enqueue(effect)
        with suppress(ChangedMyMind), work.attempt():
            work.enqueue(effect)
            work.record(Noticed(ticket_id=first["id"]))
            raise ChangedMyMind
        with work.attempt():
            work.record(Noticed(ticket_id=second["id"]))
    with platform.read() as connection:
        rows = connection.execute("select ticket_id from ticket_events").fetchall()
        jobs = connection.execute("select id from jobs where kind = 'test_effect'").fetchall()
    assert rows == [{"ticket_id": second["id"]}]
    assert jobs == [{"id": kept.id}]
    assert platform.wire.hear("tickets", 10, 1)[0] == kept.id


def test_an_event_becomes_a_timeline_row_and_the_jobs_that_react_in_one_commit(
    platform: Platform, clock: FixedClock
) -> None:
    with platform.read() as connection:
        ticket = make_ticket(connection)
    with platform.begin(THABO, request_id="req-2") as work:
        work.record(Noticed(ticket_id=ticket["id"], before={"status": "open"}, after={"status": "closed"}))
        assert fetch(platform, "select id from ticket_events") == []
    [event] = fetch(platform, "select * from ticket_events")
    assert (event["ticket_id"], event["event_type"], event["occurred_at"]) == (
        ticket["id"],
        "test_noticed",
        clock.now(),
    )
    assert (event["before"], event["after"], event["details"]) == ({"status": "open"}, {"status": "closed"}, {})
    assert (event["actor_kind"], event["actor_name"], event["request_id"]) == ("user", "Thabo", "req-2")
    [job] = fetch(platform, "select * from jobs")
    assert (job["kind"], job["arguments"]) == ("test_reaction", {"ticket_id": str(ticket["id"])})
    assert fetch(platform, "select subject_type, subject_id from job_subjects") == [
        {"subject_type": "ticket", "subject_id": str(ticket["id"])}
    ]
    assert platform.wire.hear("notifications", 10, 1) == [job["id"]]


def test_an_event_that_does_not_concern_a_kind_makes_no_job(platform: Platform) -> None:
    with platform.begin(SYSTEM) as work:
        work.record(Ignored())
    assert fetch(platform, "select id from jobs") == []


def test_a_job_that_enqueues_is_the_parent_of_what_it_enqueues(platform: Platform) -> None:
    worker = StandIn(platform)
    claim = worker.claim_one(enqueue(platform, effect))
    [attempt] = worker.board.attempts()
    context = JobContext(platform, attempt)
    with context.step() as work:
        child = work.enqueue(effect)
    row = job_row(platform, child.id)
    assert (row["parent_id"], row["actor_kind"], row["actor_name"]) == (claim.id, "job", "job:test_effect")


def test_a_job_for_later_is_scheduled_and_not_told(platform: Platform, clock: FixedClock) -> None:
    later = clock.now() + timedelta(minutes=5)
    row = job_row(platform, enqueue(platform, effect, at=later))
    assert (row["state"], row["scheduled_at"]) == ("scheduled", later)
    assert platform.wire.depth("tickets") == 0


def test_a_job_for_the_past_is_available_from_now_on(platform: Platform, clock: FixedClock) -> None:
    row = job_row(platform, enqueue(platform, effect, at=clock.now() - timedelta(days=1)))
    assert (row["state"], row["scheduled_at"]) == ("available", clock.now())


def test_a_unique_job_is_enqueued_once_while_it_is_unfinished(platform: Platform) -> None:
    first = enqueue_answer(platform, unique, Key(key="a", other=1))
    again = enqueue_answer(platform, unique, Key(key="a", other=2))
    other = enqueue_answer(platform, unique, Key(key="b"))
    assert (first.existing, again.existing, other.existing) == (False, True, False)
    assert again.id == first.id != other.id
    worker = StandIn(platform)
    assert worker.run_job(first.id)["state"] == "completed"
    worker.leave()
    assert enqueue_answer(platform, unique, Key(key="a")).existing is False


def test_a_unique_job_carries_its_kinds_tags_priority_and_subjects(platform: Platform) -> None:
    with platform.begin(SYSTEM) as work:
        job = work.enqueue(unique, Key(key="a"), tags=("mine",), subjects=(("report", uuid4()), ("key", "a")))
    row = job_row(platform, job.id)
    assert (row["tags"], row["priority"]) == (["mine", "of the kind"], 4)
    types = fetch(platform, "select subject_type from job_subjects where job_id = %s order by 1", job.id)
    assert [subject["subject_type"] for subject in types] == ["key", "report"]


def test_of_two_transactions_that_enqueue_the_same_key_the_second_gets_the_firsts_job(platform: Platform) -> None:
    answers = []

    def enqueue_beside() -> None:
        answers.append(enqueue_answer(platform, unique, Key(key="raced")))

    with platform.begin(SYSTEM) as work:
        first = work.enqueue(unique, Key(key="raced"))
        beside = threading.Thread(target=enqueue_beside)
        beside.start()
        wait_until_somebody_waits(platform)
        assert answers == []
    beside.join(30)
    assert [(answer.id, answer.existing) for answer in answers] == [(first.id, True)]
    assert len(fetch(platform, "select id from jobs")) == 1


def test_a_key_whose_first_holder_is_rolled_back_goes_to_the_second(platform: Platform) -> None:
    answers = []

    def enqueue_beside() -> None:
        answers.append(enqueue_answer(platform, unique, Key(key="raced")))

    beside = threading.Thread(target=enqueue_beside)
    with suppress(ChangedMyMind), platform.begin(SYSTEM) as work:
        first = work.enqueue(unique, Key(key="raced"))
        beside.start()
        wait_until_somebody_waits(platform)
        raise ChangedMyMind
    beside.join(30)
    assert [answer.existing for answer in answers] == [False]
    assert answers[0].id != first.id


def test_a_tick_is_enqueued_once(platform: Platform, clock: FixedClock) -> None:
    first = enqueue_answer(platform, tick, tick=("nightly", clock.now()))
    again = enqueue_answer(platform, tick, tick=("nightly", clock.now()))
    next_one = enqueue_answer(platform, tick, tick=("nightly", clock.now() + timedelta(days=1)))
    assert (again.id, again.existing) == (first.id, True)
    assert next_one.existing is False


def test_a_tick_is_not_enqueued_again_when_its_job_has_finished(platform: Platform, clock: FixedClock) -> None:
    first = enqueue_answer(platform, tick, tick=("nightly", clock.now()))
    worker = StandIn(platform)
    worker.run_job(first.id)
    worker.leave()
    assert enqueue_answer(platform, tick, tick=("nightly", clock.now())).existing
    assert len(effects_of(platform)) == 1


def test_many_jobs_are_answered_in_the_order_of_their_arguments(platform: Platform) -> None:
    held = enqueue_answer(platform, unique, Key(key="b"))
    with platform.begin(SYSTEM) as work:
        jobs = work.enqueue_many(unique, [Key(key=key) for key in ("a", "b", "c", "a")])
    assert [job.existing for job in jobs] == [False, True, False, True]
    assert (jobs[1].id, jobs[3].id) == (held.id, jobs[0].id)
    keys = [job_row(platform, job.id)["arguments"]["key"] for job in jobs]
    assert keys == ["a", "b", "c", "a"]
    assert len(fetch(platform, "select job_id from job_subjects")) == 3
    assert sorted(platform.wire.hear("tickets", 10, 1)) == sorted({job.id for job in jobs})


def test_many_jobs_without_keys_are_all_new(platform: Platform) -> None:
    with platform.begin(SYSTEM) as work:
        jobs = work.enqueue_many(effect, [Effect(note=str(number)) for number in range(500)], tags=("bulk",))
    assert len({job.id for job in jobs}) == 500
    rows = fetch(platform, "select arguments->>'note' as note from jobs where tags @> '{bulk}' order by id")
    assert [row["note"] for row in rows] == [str(number) for number in range(500)]
    assert platform.wire.depth("tickets") == 500


def test_no_jobs_at_all_are_no_error(platform: Platform) -> None:
    with platform.begin(SYSTEM) as work:
        assert work.enqueue_many(effect, []) == []


def test_many_jobs_whose_key_is_freed_meanwhile_are_real_jobs(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The holder finished between the insert that met it and the look-up of who it was."""
    held = enqueue_answer(platform, unique, Key(key="b"))
    monkeypatch.setattr("jobs.enqueueing._holders", finish_first(platform, held.id))
    with platform.begin(SYSTEM) as work:
        [job] = work.enqueue_many(unique, [Key(key="b")])
    assert job.existing is False
    assert job_row(platform, job.id)["state"] == "available"
    assert platform.wire.hear("tickets", 10, 1) == [held.id, job.id]


def finish_first(platform: Platform, job_id: object) -> object:
    def look_up(*arguments: object) -> object:
        fetch(platform, "update jobs set state = 'completed', finished_at = now() where id = %s returning id", job_id)
        return _holders(*arguments)  # type: ignore[arg-type]

    return look_up

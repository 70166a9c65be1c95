"""How many run at once and how often: limits of kinds and queues over all workers, rates, pauses."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import psycopg
import pytest

from jobs import ledger
from jobs.ledger import Claim
from jobs.platform import Platform
from runtime.settings import Settings
from tests.clocks import FixedClock
from tests.job_kinds import Effect, effect, limited, rated
from tests.stand_in import (
    StandIn,
    attempts_of,
    effects_of,
    enqueue,
    enqueue_many,
    fetch,
    job_row,
    platform_for_tests,
    settlement,
)
from workers.consumer import ClaimMessage, LedgerConsumer


@pytest.fixture
def clock(frozen_clock: FixedClock) -> FixedClock:
    return frozen_clock


@pytest.fixture
def platform(settings: Settings, clock: FixedClock) -> Iterator[Platform]:
    with platform_for_tests(settings, clock) as platform:
        yield platform


@pytest.fixture
def worker(platform: Platform) -> Iterator[StandIn]:
    worker = StandIn(platform)
    yield worker
    worker.leave()


def limit_queue(platform: Platform, limit: int | None) -> None:
    fetch(platform, "update queues set concurrency_limit = %s where name = 'tickets' returning name", limit)


def consumer_of(worker: StandIn, prefetch: int = 16, **more: Any) -> LedgerConsumer:
    return LedgerConsumer(
        worker.platform,
        worker.board,
        worker.settler,
        queue="tickets",
        prefetch=prefetch,
        timeout=0.05,
        worker_id=worker.id,
        resting=more.get("resting", threading.Event()),
    )


def consume(consumer: LedgerConsumer, at_most: int = 100) -> list[Claim]:
    """Take messages until there is nothing for a moment."""
    claims: list[Claim] = []
    while len(claims) < at_most and isinstance(message := next(consumer), ClaimMessage):
        claims.append(message.claim)
    return claims


def test_no_more_of_a_kind_are_claimed_than_its_limit(platform: Platform, worker: StandIn) -> None:
    ids = enqueue_many(platform, limited, [Effect()] * 5)
    first = worker.claim(ids)
    assert [claim.id for claim in first] == ids[:2]
    assert all(claim.limited for claim in first)
    assert StandIn(platform).claim(ids) == []
    worker.run(first[0])
    assert [claim.id for claim in StandIn(platform).claim(ids)] == [ids[2]]


def test_a_limited_kind_does_not_hold_back_others(platform: Platform, worker: StandIn) -> None:
    held = enqueue_many(platform, limited, [Effect()] * 3)
    free = enqueue_many(platform, effect, [Effect()] * 3)
    assert {claim.id for claim in worker.claim([*held, *free])} == {*held[:2], *free}


def test_a_queues_limit_counts_all_its_kinds(platform: Platform, worker: StandIn) -> None:
    limit_queue(platform, 3)
    ids = [*enqueue_many(platform, effect, [Effect()] * 5), *enqueue_many(platform, limited, [Effect()] * 5)]
    assert len(worker.claim(ids)) == 3
    assert StandIn(platform).claim(ids) == []
    limit_queue(platform, None)
    assert {claim.kind for claim in StandIn(platform).claim(ids)} == {"test_effect", "test_limited"}


def test_limited_claims_take_the_most_urgent_first(platform: Platform, worker: StandIn) -> None:
    enqueue_many(platform, limited, [Effect()] * 3)
    urgent = enqueue(platform, limited, priority=0)
    ids = [row["id"] for row in fetch(platform, "select id from jobs")]
    assert urgent in {claim.id for claim in worker.claim(ids)}


@pytest.mark.parametrize("of_queue", [False, True])
def test_workers_that_race_for_a_limit_stay_within_it(platform: Platform, of_queue: bool) -> None:
    if of_queue:
        limit_queue(platform, 2)
    ids = enqueue_many(platform, effect if of_queue else limited, [Effect()] * 40)
    workers = [StandIn(platform) for _ in range(4)]
    most, failures, lock = [0], [], threading.Lock()

    def compete(worker: StandIn) -> None:
        try:
            while left := waiting(platform, ids):
                for claim in worker.claim(left[:10]):
                    with lock:
                        most[0] = max(most[0], running(platform))
                    with platform.database.transaction() as connection:
                        ledger.settle_many(connection, worker.id, [settlement(claim)])
        except Exception as error:  # noqa: BLE001 - handed to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=compete, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert waiting(platform, ids) == []
    assert 1 <= most[0] <= 2


def waiting(platform: Platform, ids: list[UUID]) -> list[UUID]:
    rows = fetch(platform, "select id from jobs where id = any(%s) and state = 'available' order by id", ids)
    return [row["id"] for row in rows]


def running(platform: Platform) -> int:
    return int(fetch(platform, "select count(*) as n from jobs where state = 'running'")[0]["n"])


def test_the_end_of_a_limited_job_tells_who_is_next(platform: Platform, worker: StandIn) -> None:
    ids = enqueue_many(platform, limited, [Effect()] * 3)
    first, _ = worker.claim(platform.wire.hear("tickets", 10, 1))
    assert platform.wire.depth("tickets") == 0
    worker.run(first)
    assert ids[2] in platform.wire.hear("tickets", 10, 1)


def test_a_deep_queue_of_others_does_not_hide_a_limited_kind(platform: Platform) -> None:
    others = enqueue_many(platform, effect, [Effect()] * 20)
    hidden, urgent = enqueue(platform, limited), enqueue(platform, limited, priority=0)
    with platform.read() as connection:
        head = ledger.head_of_queue(connection, "tickets", platform.registry.limited(), 5)
    assert [news.id for news in head] == [urgent, *others[:5], hidden]


def test_a_consumer_holds_no_more_than_its_prefetch(platform: Platform, worker: StandIn) -> None:
    enqueue_many(platform, effect, [Effect()] * 10)
    consumer = consumer_of(worker, prefetch=3)
    claims = consume(consumer)
    assert len(claims) == 3
    assert platform.wire.depth("tickets") == 7
    consumer.ack(ClaimMessage(claims[0]))
    assert len(consume(consumer)) == 1


def test_a_resting_consumer_hands_back_what_it_has_not_given_out(platform: Platform, worker: StandIn) -> None:
    ids = enqueue_many(platform, effect, [Effect()] * 4)
    resting = threading.Event()
    consumer = consumer_of(worker, resting=resting)
    assert len(consume(consumer, at_most=1)) == 1
    resting.set()
    assert next(consumer) is None
    worker.settle()
    rows = [job_row(platform, job_id) for job_id in ids[1:]]
    assert {(row["state"], row["attempt"]) for row in rows} == {("available", 0)}
    assert attempts_of(platform, ids[1])[0]["outcome"] == "handed_back"


def test_a_job_of_an_unknown_kind_is_put_off_for_those_who_know_it(platform: Platform, worker: StandIn) -> None:
    strange, known = enqueue(platform, effect), enqueue(platform, effect)
    fetch(platform, "update jobs set kind = 'of_the_next_version' where id = %s returning id", strange)
    consumer = consumer_of(worker)
    assert [claim.id for claim in consume(consumer)] == [known]
    worker.settle()
    row = job_row(platform, strange)
    assert (row["state"], row["attempt"]) == ("scheduled", 0)
    assert row["scheduled_at"] == platform.clock.now() + timedelta(seconds=30)
    assert attempts_of(platform, strange)[0]["reason"] == "this worker has no job kind 'of_the_next_version'"


def test_claims_that_cannot_be_admitted_are_handed_back(
    platform: Platform, worker: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def outage(*_: object) -> None:
        raise psycopg.OperationalError("gone")

    job_id = enqueue(platform, rated)
    with monkeypatch.context() as away:
        away.setattr(ledger, "keep_rate_slots", outage)
        assert consume(consumer_of(worker)) == []
    worker.settle()
    row = job_row(platform, job_id)
    assert (row["state"], row["attempt"]) == ("available", 0)


def test_a_rate_spaces_starts_evenly_and_burns_no_attempt(
    platform: Platform, worker: StandIn, clock: FixedClock
) -> None:
    ids = enqueue_many(platform, rated, [Effect()] * 4)
    admitted = consume(consumer_of(worker))
    assert len(admitted) == 1
    worker.settle()
    rows = [job_row(platform, job_id) for job_id in ids if job_id != admitted[0].id]
    assert {(row["state"], row["attempt"], row["snoozes"]) for row in rows} == {("scheduled", 0, 1)}
    starts = sorted(row["scheduled_at"] for row in rows)
    assert starts == [clock.now() + timedelta(seconds=number) for number in (1, 2, 3)]


def test_a_start_that_was_booked_is_used(platform: Platform, worker: StandIn, clock: FixedClock) -> None:
    enqueue_many(platform, rated, [Effect()] * 3)
    consumer = consumer_of(worker)
    worker.run(*consume(consumer))
    for _ in range(2):
        clock.advance(timedelta(seconds=1))
        with platform.database.transaction() as connection:
            news = ledger.promote_due(connection, clock.now(), 10)
        platform.wire.tell(news)
        claims = consume(consumer)
        assert len(claims) == 1
        worker.run(*claims)
    assert [row["state"] for row in fetch(platform, "select state from jobs")] == ["completed"] * 3
    assert len(effects_of(platform)) == 3


def test_a_rate_starts_afresh_after_a_quiet_time(platform: Platform, clock: FixedClock) -> None:
    def book(how_many: int) -> list[Any]:
        with platform.database.transaction() as connection:
            return ledger.reserve_rate_slots(connection, rated, how_many, clock.now())

    slots = book(2) + book(2)
    assert slots[0] == clock.now()
    assert {later - sooner for sooner, later in pairwise(slots)} == {timedelta(seconds=1)}
    clock.advance(timedelta(hours=1))
    assert book(2) == [clock.now(), clock.now() + timedelta(seconds=1)]


def test_a_job_that_puts_itself_off_needs_a_start_of_its_own_again(
    platform: Platform, worker: StandIn, clock: FixedClock
) -> None:
    job_id = enqueue(platform, rated, Effect(note="again"))
    other = enqueue(platform, rated, Effect())
    consumer = consumer_of(worker)
    worker.run(*consume(consumer))
    assert job_row(platform, other)["rate_slot_at"] is not None
    row = job_row(platform, job_id)
    assert (row["state"], row["snoozes"], row["rate_slot_at"]) == ("scheduled", 1, None)

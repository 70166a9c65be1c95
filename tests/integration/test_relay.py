"""The news: Redis hears of every job that may run, most urgent first, and again after it has forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import redis

from jobs.broker import Wire
from jobs.ledger import News
from jobs.platform import Platform
from runtime.identifiers import uuid7
from runtime.settings import Settings
from scheduler import relay
from scheduler.relay import Relay
from tests.clocks import FixedClock
from tests.job_kinds import Effect, effect, limited, reaction
from tests.stand_in import StandIn, enqueue, enqueue_many, fetch, job_row, platform_for_tests
from ticketing.people import SYSTEM


@pytest.fixture
def clock(frozen_clock: FixedClock) -> FixedClock:
    return frozen_clock


@pytest.fixture
def platform(settings: Settings, clock: FixedClock) -> Iterator[Platform]:
    with platform_for_tests(settings, clock) as platform:
        yield platform


def forget(settings: Settings) -> None:
    assert settings.redis_url is not None
    with redis.Redis.from_url(settings.redis_url.get_secret_value()) as client:
        client.flushdb()


@pytest.fixture
def nowhere() -> Iterator[Wire]:
    """A wire to a Redis that is not there."""
    wire = Wire("redis://127.0.0.1:1/0", "test")
    yield wire
    wire.close()


def test_what_redis_forgot_is_announced_again(platform: Platform, settings: Settings) -> None:
    ids = enqueue_many(platform, effect, [Effect()] * 20)
    forget(settings)
    assert platform.wire.depth("tickets") == 0
    Relay(platform).run()
    assert set(platform.wire.hear("tickets", 50, 1)) == set(ids)


def test_announcing_again_changes_nothing(platform: Platform) -> None:
    enqueue_many(platform, effect, [Effect()] * 5)
    heard_of = platform.wire.depth("tickets")
    Relay(platform).run()
    Relay(platform).run()
    assert platform.wire.depth("tickets") == heard_of == 5


def test_the_most_urgent_and_then_the_oldest_comes_first(platform: Platform) -> None:
    with platform.begin(SYSTEM) as work:
        plain = [work.enqueue(effect).id for _ in range(3)]
        urgent = work.enqueue(effect, priority=0).id
        leisurely = work.enqueue(effect, priority=9).id
    assert platform.wire.hear("tickets", 10, 1) == [urgent, *plain, leisurely]


def test_the_relay_announces_the_most_urgent_even_of_a_deep_queue(
    platform: Platform, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "DEEP_HEAD", 10)
    enqueue_many(platform, effect, [Effect()] * 50)
    urgent = enqueue(platform, effect, priority=0)
    forget(settings)
    Relay(platform).run()
    assert platform.wire.depth("tickets") == 10
    assert platform.wire.hear("tickets", 1, 1) == [urgent]


def test_jobs_are_promoted_when_they_are_due_and_not_before(platform: Platform, clock: FixedClock) -> None:
    job_id = enqueue(platform, effect, at=clock.now() + timedelta(minutes=5))
    assert Relay(platform).run() == 0
    clock.advance(timedelta(minutes=5))
    assert Relay(platform).run() == 1
    assert job_row(platform, job_id)["state"] == "available"
    assert platform.wire.hear("tickets", 10, 1) == [job_id]


def test_a_paused_queue_is_not_announced_and_nothing_of_it_is_claimed(platform: Platform, settings: Settings) -> None:
    job_id, other = enqueue(platform, effect), enqueue(platform, reaction, reaction.arguments(ticket_id="1"))
    fetch(platform, "update queues set paused_at = now(), pause_reason = 'audit' where name = 'tickets' returning name")
    forget(settings)
    Relay(platform).run()
    assert (platform.wire.depth("tickets"), platform.wire.depth("notifications")) == (0, 1)
    assert [claim.id for claim in StandIn(platform).claim([job_id, other])] == [other]
    fetch(platform, "update queues set paused_at = null, pause_reason = null where name = 'tickets' returning name")
    Relay(platform).run()
    assert platform.wire.hear("tickets", 10, 1) == [job_id]


def test_only_as_much_is_announced_as_a_limit_leaves_free(platform: Platform, settings: Settings) -> None:
    ids = enqueue_many(platform, limited, [Effect()] * 5)
    forget(settings)
    Relay(platform).run()
    assert platform.wire.hear("tickets", 10, 1) == ids[:2]
    StandIn(platform).claim(ids[:1])
    Relay(platform).run()
    assert platform.wire.hear("tickets", 10, 1) == ids[1:2]


def test_a_job_that_is_held_or_finished_is_not_announced(platform: Platform, settings: Settings) -> None:
    held, finished = enqueue(platform, effect), enqueue(platform, effect)
    worker = StandIn(platform)
    worker.claim([held])
    worker.run_job(finished)
    worker.leave()
    forget(settings)
    Relay(platform).run()
    assert platform.wire.depth("tickets") == 0


def test_telling_fails_quietly_and_hearing_fails_loudly(nowhere: Wire) -> None:
    news = [News(uuid7(), "tickets", 5)]
    assert nowhere.tell(news) is False
    assert nowhere.tell(news) is False, "it is silent for a moment"
    assert nowhere.tell([]) is True
    with pytest.raises(redis.RedisError):
        nowhere.hear("tickets", 1, 0.1)
    with pytest.raises(redis.RedisError):
        nowhere.ping()


def test_jobs_are_accepted_and_relayed_while_redis_is_away(
    platform: Platform, nowhere: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away:
        away.setattr(platform, "wire", nowhere)
        ids = enqueue_many(platform, effect, [Effect()] * 3)
        Relay(platform).run()
    Relay(platform).run()
    assert set(platform.wire.hear("tickets", 10, 1)) == set(ids)


def test_silence_is_heard_as_nothing(platform: Platform) -> None:
    assert platform.wire.hear("tickets", 10, 0.05) == []

"""What a worker says of Redis while it fetches without it."""

from __future__ import annotations

import threading

from pydantic import SecretStr
from structlog.testing import capture_logs

from jobs.broker import Wire
from runtime.settings import Settings
from tests.clocks import FixedClock
from tests.stand_in import StandIn, platform_for_tests
from workers.consumer import LedgerConsumer

NOBODY_LISTENS = SecretStr("redis://127.0.0.1:1/0")


def test_redis_going_and_coming_back_is_told_once_each(settings: Settings, frozen_clock: FixedClock) -> None:
    assert settings.redis_url is not None
    deaf = settings.model_copy(update={"redis_url": NOBODY_LISTENS})
    with platform_for_tests(deaf, frozen_clock) as platform, capture_logs() as lines:
        worker = StandIn(platform)
        consumer = LedgerConsumer(
            platform,
            worker.board,
            worker.settler,
            queue="tickets",
            prefetch=4,
            timeout=0.05,
            worker_id=worker.id,
            resting=threading.Event(),
        )
        for _ in range(3):
            assert next(consumer) is None
        platform.wire.close()
        platform.wire = Wire(settings.redis_url.get_secret_value(), settings.redis_namespace)
        for _ in range(3):
            assert next(consumer) is None
        worker.leave()
    told = [line["event"] for line in lines if line["event"] in {"polling_without_redis", "redis_answers_again"}]
    assert told == ["polling_without_redis", "redis_answers_again"]

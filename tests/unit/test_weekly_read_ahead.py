"""Reading ahead: order, errors, and a thread that is gone afterwards."""

from __future__ import annotations

import threading
from collections.abc import Generator

import pytest

from jobs.procedures.read_ahead import read_ahead


def alive() -> int:
    return sum(thread.name == "read-ahead" for thread in threading.enumerate())


def test_items_arrive_in_their_order_and_the_thread_ends() -> None:
    with read_ahead((number for number in range(100)), 2) as items:
        assert list(items) == list(range(100))
    assert alive() == 0


def test_an_error_of_the_generator_reaches_the_consumer_in_its_place() -> None:
    def failing() -> Generator[int, None, None]:
        yield 1
        raise LookupError("row 2")

    seen: list[int] = []

    def consume() -> None:
        with read_ahead(failing(), 2) as items:
            for item in items:
                seen.append(item)  # noqa: PERF402 - what was seen before the error matters

    with pytest.raises(LookupError, match="row 2"):
        consume()
    assert seen == [1]
    assert alive() == 0


def test_leaving_early_ends_the_generator_in_its_own_thread() -> None:
    ended: list[str] = []

    def endless() -> Generator[int, None, None]:
        try:
            while True:
                yield 1
        finally:
            ended.append(threading.current_thread().name)

    with read_ahead(endless(), 1) as items:
        next(items)
    assert ended == ["read-ahead"]
    assert alive() == 0


def test_an_error_of_the_consumer_ends_the_thread() -> None:
    def fail() -> None:
        with read_ahead((number for number in range(1_000)), 1) as items:
            next(items)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert alive() == 0

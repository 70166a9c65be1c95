"""The pure part of the made-up history: the same numbers make the same lives, and no life breaks a rule."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from itertools import islice, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from cli.seed.clocks import clocks
from cli.seed.goals import CYCLE, PHOTOGRAPHED_A_CYCLE
from cli.seed.life import Life, Target
from cli.seed.lives import BLOCK, lives
from cli.seed.network import HOMES, POLES, PONS, PROJECTS, ZONES, area
from cli.seed.rows import identifier
from ticketing.defaults import SLA_TARGETS
from ticketing.sla.calendar import microseconds
from ticketing.status import is_move
from ticketing.vocabulary import Status

NOW = microseconds(datetime(2026, 11, 23, 9, 30, tzinfo=UTC))
DAY = date(2026, 11, 23)
TARGETS = {
    (project.code, priority.value): Target(one.first_response_minutes, one.resolve_minutes, one.round_the_clock)
    for project in PROJECTS
    for priority, one in SLA_TARGETS.items()
}
AREA = area(0, DAY)


def made(how_many: int, random_seed: int = 1, now: int = NOW, photo_cycles: int = 1) -> list[Life]:
    return list(islice(lives(random_seed, 0, AREA, TARGETS, now, photo_cycles), how_many))


def test_an_area_has_its_own_drops_poles_and_pons() -> None:
    second = area(1, DAY)
    size = len(PROJECTS) * ZONES * PONS * POLES * HOMES
    assert len(AREA) == len({home.dr_number for home in AREA + second}) / 2 == size
    assert not {home.pole for home in AREA} & {home.pole for home in second}
    assert not {(home.project, home.pon) for home in AREA} & {(home.project, home.pon) for home in second}
    assert set(Counter(home.pole for home in AREA).values()) == {HOMES}
    assert area(900, DAY)[0].pole.startswith("KTH.P.")


def test_the_same_numbers_make_the_same_lives_and_more_are_a_continuation() -> None:
    assert made(120) == made(120)
    assert made(300)[:120] == made(120)
    assert made(40, random_seed=2) != made(40)


def test_what_a_ticket_is_depends_on_neither_the_day_nor_the_photos() -> None:
    def gist(some: list[Life]) -> list[tuple[object, ...]]:
        return [(life.source, life.fault, life.status) for life in some]

    tomorrow = made(400, now=NOW + 86_400_000_000)
    assert gist(made(400)) == gist(tomorrow)
    assert [life.identity for life in made(400, photo_cycles=9)] == [life.identity for life in tomorrow]


def test_a_cycle_has_every_status_and_as_many_photographed_tickets_as_told() -> None:
    cycle = made(CYCLE)
    assert {life.status for life in cycle} == set(Status)
    assert sum(life.photographed for life in cycle) == PHOTOGRAPHED_A_CYCLE
    assert not any(life.photographed for life in made(3 * CYCLE)[CYCLE:])


@settings(max_examples=15)
@given(st.integers(0, 10**9), st.integers(0, 7 * 86_400_000_000))
def test_no_life_breaks_a_rule(random_seed: int, later: int) -> None:
    now = NOW + later
    for life in made(2 * CYCLE, random_seed, now):
        way = [Status.OPEN, *(move.status for move in life.moves)]
        moments = [life.reported_at, *(move.at for move in life.moves)]
        assert all(
            is_move(a, b) or (a, b) == (Status.QA_APPROVED, Status.HANDED_TO_MAINTENANCE) for a, b in pairwise(way)
        )
        assert all(a < b for a, b in pairwise(moments))
        assert moments[-1] <= now
        assert all(check.at <= now for check in life.checks)
        if life.risk is not None and life.ended_at is not None:
            assert life.risk.resolved_at is not None
            assert life.risk.at < life.risk.resolved_at < life.ended_at
            assert life.last_step_at is not None
            assert life.risk.at < life.last_step_at


def test_clocks_of_what_is_over_have_nothing_left_to_note() -> None:
    some = made(BLOCK)
    for life, clock in zip(some, clocks(some, NOW), strict=True):
        over = life.ended_at is not None or clock.breached_at is not None
        assert (clock.next_check_at is None) == over
        assert (clock.breached_at is not None) == (clock.due_at < (life.ended_at or NOW))
    late = sum(clock.breached_at is not None for clock in clocks(some, NOW)) / BLOCK
    assert 0.1 < late < 0.5


def test_identifiers_are_version_7_and_sort_by_time() -> None:
    ids = [identifier(NOW + step, 12345 - step) for step in range(0, 5000, 7)]
    assert ids == sorted(ids)
    assert {one.version for one in ids} == {7}

"""Declaring a kind of job: what is refused with which words, what is unique, what may be read back."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from jobs.context import JobContext
from jobs.outcomes import Outcome, done, snooze
from jobs.registry import LONGEST_KEY, JobArgs, Kind, NoArgs, Rate, Registry, UnknownKind, job, parse_rate
from ticketing.events import Event


class Parcel(JobArgs):
    """Arguments of the kinds in these tests."""

    number: int = 1
    owner: str | None = None
    secret: str = ""


def declared(**options: Any) -> Kind[Any]:
    """A kind with the given options, in a registry of its own."""
    usual: dict[str, Any] = {"name": "carry", "queue": "tickets", "arguments": Parcel, "registry": Registry()}
    options = usual | options

    def body(args: Parcel, job: JobContext) -> Outcome | None:
        return None

    return job(options.pop("name"), **options)(body)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "Carry"}, "a name is made of a-z, 0-9 and _, and begins with a letter"),
        ({"name": "9lives"}, "a name is made of a-z, 0-9 and _"),
        ({"name": "x" * 82}, "a name is made of a-z, 0-9 and _"),
        ({"queue": "ticket"}, "unknown queue 'ticket'; known: imports, tickets, integrations, notifications"),
        ({"max_attempts": 0}, "max_attempts must be at least 1"),
        ({"priority": 10}, "priority goes from 0 (first) to 9"),
        ({"priority": -1}, "priority goes from 0 (first) to 9"),
        ({"time_limit": 0}, "time_limit must be positive"),
        ({"retention": timedelta(0)}, "retention must be positive"),
        ({"concurrency": 0}, "concurrency must be at least 1"),
        ({"unique_by": ("nummer",)}, "no such argument: nummer"),
        ({"redact": ("password", "secret")}, "no such argument: password"),
        ({"subjects": (("ticket", "ticket_id"),)}, "no such argument: ticket_id"),
        ({"rate": "10"}, "a rate is <count>/<second|minute|hour|day>, not '10'"),
        ({"rate": "0/minute"}, "a rate is <count>/<second|minute|hour|day>, not '0/minute'"),
        ({"rate": "5/fortnight"}, "not '5/fortnight'"),
        ({"cron": "0 6 * * *"}, "a kind with a cron line takes no arguments"),
        ({"cron": "0 6 * *", "arguments": NoArgs}, "a cron line has five fields, '0 6 * *' has 4"),
        ({"cron": "61 * * * *", "arguments": NoArgs}, "'61 * * * *' is no cron line"),
        ({"cron": "0 0 30 2 *", "arguments": NoArgs}, "never fires"),
        ({"cron": "0 6 1 * 1", "arguments": NoArgs}, "one of them must be *"),
        ({"cron": "0 6 * * 8", "arguments": NoArgs}, "from 0 (Sunday) to 7 (Sunday again), not '8'"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        declared(**options)


def test_a_refusal_names_the_kind() -> None:
    with pytest.raises(ValueError, match=r"^job kind 'carry': max_attempts"):
        declared(max_attempts=0)


def test_two_kinds_of_two_modules_cannot_share_a_name() -> None:
    registry = Registry()
    declared(registry=registry)

    def elsewhere(args: Parcel, job: JobContext) -> Outcome | None:
        return None

    elsewhere.__module__ = "somewhere.else"
    with pytest.raises(ValueError, match="two job kinds are called 'carry'"):
        job("carry", queue="tickets", registry=registry)(elsewhere)


def test_the_arguments_are_read_off_the_first_parameter() -> None:
    @job("carry", queue="tickets", registry=Registry())
    def carry(args: Parcel, job: JobContext) -> Outcome | None:
        return None

    assert carry.arguments is Parcel

    def careless(args: dict[str, Any], job: JobContext) -> Outcome | None:
        return None

    with pytest.raises(TypeError, match="its first parameter must be annotated with a JobArgs class"):
        job("carry", queue="tickets", registry=Registry())(careless)  # type: ignore[type-var]  # that is what is refused


def test_an_unknown_kind_is_answered_with_the_nearest() -> None:
    registry = Registry()
    declared(name="import_weekly_report", registry=registry)
    assert registry.get("import_weekly_report").queue == "tickets"
    with pytest.raises(UnknownKind, match="did you mean 'import_weekly_report'"):
        registry.get("import_weekly_raport")
    with pytest.raises(UnknownKind, match=r"^No job kind is called 'zzz'$"):
        registry.get("zzz")


def test_kinds_are_loaded_from_the_modules_of_a_package(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path_factory.mktemp("kinds") / "kinds_of_a_test"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "one.py").write_text("LOADED = True\n", encoding="utf-8")
    monkeypatch.syspath_prepend(package.parent)
    Registry().load(["kinds_of_a_test"])
    assert sys.modules.pop("kinds_of_a_test.one").LOADED
    sys.modules.pop("kinds_of_a_test")


def test_arguments_are_closed_and_frozen() -> None:
    with pytest.raises(ValidationError):
        Parcel(number=1, colour="red")  # type: ignore[call-arg]
    with pytest.raises(ValidationError):
        Parcel(number=1).number = 2  # type: ignore[misc]


def test_a_kind_is_not_unique_unless_it_says_so() -> None:
    assert declared().unique_key(Parcel()) is None
    assert declared(unique_by=()).unique_key(Parcel(number=1)) == declared(unique_by=()).unique_key(Parcel(number=2))


class Two(JobArgs):
    """Two texts, to be told apart however they are written."""

    left: str | None
    right: str | None


texts = st.none() | st.text() | st.sampled_from(['a", "b', "a|right=b", "None", "null"])


@given(texts, texts, texts, texts)
def test_a_unique_key_belongs_to_one_set_of_arguments(
    a: str | None, b: str | None, c: str | None, d: str | None
) -> None:
    kind = declared(arguments=Two, unique_by=("left", "right"))
    one, other = Two(left=a, right=b), Two(left=c, right=d)
    assert (kind.unique_key(one) == kind.unique_key(other)) == (one == other)


def test_a_unique_key_fits_an_index() -> None:
    kind = declared(unique_by=("owner",))
    keys = {kind.unique_key(Parcel(owner="x" * length)) for length in (10, 5_000, 5_001)}
    assert len(keys) == 3
    assert all(key and len(key) <= LONGEST_KEY for key in keys)


class Wide(JobArgs):
    """Arguments of many types."""

    id: UUID
    day: date


def test_a_unique_key_takes_every_type_of_argument() -> None:
    kind, job_id = declared(arguments=Wide, unique_by=("id", "day")), uuid4()
    assert kind.unique_key(Wide(id=job_id, day=date(2025, 3, 3))) == f'["{job_id}","2025-03-03"]'


def test_subjects_come_from_the_arguments_that_are_there() -> None:
    kind = declared(subjects=(("parcel", "number"), ("person", "owner")))
    assert kind.subjects_of(Parcel(number=7)) == [("parcel", "7")]
    assert kind.subjects_of(Parcel(number=7, owner="Thabo")) == [("parcel", "7"), ("person", "Thabo")]


class Load(JobArgs):
    """Many things."""

    parcels: tuple[int, ...]


def test_an_argument_that_names_many_things_is_about_each() -> None:
    kind = declared(arguments=Load, subjects=(("parcel", "parcels"),))
    assert kind.subjects_of(Load(parcels=(7, 8))) == [("parcel", "7"), ("parcel", "8")]


def test_redacted_arguments_are_masked_and_the_others_are_not() -> None:
    kind = declared(redact=("secret",))
    assert kind.redacted({"number": 7, "secret": "s3cret"}) == {"number": 7, "secret": "***"}


@dataclass(frozen=True, kw_only=True)
class Moved(Event):
    """Something moved."""

    name = "moved"
    number: int


@dataclass(frozen=True, kw_only=True)
class MovedFar(Moved):
    """Something moved far."""

    name = "moved_far"


@dataclass(frozen=True, kw_only=True)
class Rested(Event):
    """Nothing moved."""

    name = "rested"


def test_kinds_react_to_an_event_and_to_what_derives_from_it() -> None:
    registry = Registry()
    declared(name="carry", on=(Moved,), registry=registry)
    declared(name="celebrate", on=(MovedFar, Rested), registry=registry)
    declared(name="ignore", registry=registry)

    def reacting(event: Event) -> list[str]:
        return [kind.name for kind, _ in registry.reactions([event])]

    assert reacting(Moved(number=1)) == ["carry"]
    assert reacting(MovedFar(number=1)) == ["carry", "celebrate"]
    assert reacting(Rested()) == ["celebrate"]


def test_arguments_are_taken_from_an_event_by_name() -> None:
    assert Parcel.from_event(Moved(number=9)) == Parcel(number=9)


@given(st.integers(1, 10_000), st.sampled_from(["second", "minute", "hour", "day"]))
def test_a_rate_spaces_its_starts_evenly(count: int, unit: str) -> None:
    rate = parse_rate(f"{count}/{unit}")
    assert rate == Rate(count, {"second": 1, "minute": 60, "hour": 3600, "day": 86400}[unit])
    assert abs(rate.spacing * count - timedelta(seconds=rate.seconds)) <= timedelta(microseconds=count)


def test_limits_are_listed_by_kind() -> None:
    registry = Registry()
    declared(name="carry", concurrency=2, registry=registry)
    declared(name="free", registry=registry)
    assert registry.limited() == {"carry": 2}
    assert [kind.name for kind in registry.kinds()] == ["carry", "free"]
    assert "carry" in registry
    assert {kind.name for kind in registry} == {"carry", "free"}


def test_a_snooze_needs_a_moment_that_everybody_reads_alike() -> None:
    assert done().result == {}
    assert snooze(datetime(2025, 3, 3, tzinfo=UTC), "later").reason == "later"
    with pytest.raises(ValueError, match="time zone"):
        snooze(datetime(2025, 3, 3), "later")  # noqa: DTZ001

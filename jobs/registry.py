"""Job kinds. `@job(...)` declares one, beside its arguments and its body, in a file of its own under `jobs/kinds/`."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import pkgutil
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json

from jobs.cron import fire_after, parse_cron
from jobs.queues import QUEUES
from runtime.errors import FibreflowError
from sql.database import Connection
from ticketing.events import Event

if TYPE_CHECKING:
    from jobs.context import JobContext
    from jobs.outcomes import Outcome


LONGEST_KEY = 200
_NAME = re.compile(r"[a-z][a-z0-9_]{0,80}")
_ANY_TIME = datetime(2024, 1, 1, tzinfo=UTC)


class UnknownKind(FibreflowError):
    """No job kind has this name."""

    code = "UNKNOWN_JOB_KIND"


class JobArgs(BaseModel):
    """The arguments of a job kind: frozen, validated when enqueued and again when run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def from_event(cls, event: Event) -> Self | None:
        """Make the arguments out of an event that the kind reacts to; None means that it does not concern the kind.

        As it stands, each field is taken from the event's attribute of the same name.
        """
        return cls.model_validate({name: getattr(event, name) for name in cls.model_fields if hasattr(event, name)})

    @classmethod
    def from_events(cls, events: Sequence[Event], _connection: Connection) -> Iterable[Self]:
        """Make the arguments of every job that a unit of work's events call for; asked once, at its end.

        As it stands, `from_event` is asked for each. Override it where the database tells whom an event concerns: one
        question for all of them, over the unit of work's own connection, sees what it leaves behind.
        """
        made = (cls.from_event(event) for event in events)
        return [arguments for arguments in made if arguments is not None]


class NoArgs(JobArgs):
    """For kinds that need no arguments."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential waiting between attempts in seconds: `base * 2**(attempt - 1)`, at most `cap`, +/- `jitter` share."""

    base: float = 5.0
    cap: float = 3600.0
    jitter: float = 0.2

    def delay(self, attempt: int, spread: float | None = None) -> timedelta:
        """Return how long to wait after the given attempt (1 is the first); `spread` in -1..1 replaces chance."""
        # Past 2**40 every cap is reached, and far past it a float would overflow.
        plain = min(self.cap, self.base * 2.0 ** min(max(attempt, 1) - 1, 40))
        chance = random.uniform(-1, 1) if spread is None else spread  # noqa: S311 - jitter, not a secret
        return timedelta(seconds=plain * (1 + self.jitter * chance))


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` starts per `seconds`, evenly spaced; what comes sooner is put off to the next free start."""

    count: int
    seconds: float

    @property
    def spacing(self) -> timedelta:
        """The time between two starts."""
        return timedelta(seconds=self.seconds / self.count)


_UNITS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}


def parse_rate(text: str) -> Rate:
    """Read a rate such as `10/minute`. Raises ValueError when it is not `<count>/<second|minute|hour|day>`."""
    count, _, unit = text.partition("/")
    if not count.isdecimal() or int(count) < 1 or unit not in _UNITS:
        raise ValueError(f"a rate is <count>/<second|minute|hour|day>, not {text!r}")
    return Rate(int(count), _UNITS[unit])


A = TypeVar("A", bound=JobArgs)
Body = Callable[[A, "JobContext"], "Outcome | None"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[A]):
    """Everything that is declared about a kind of job; see `job` for the meaning of each field."""

    name: str
    body: Body[A]
    arguments: type[A]
    queue: str
    max_attempts: int = 10
    backoff: Backoff = field(default_factory=Backoff)
    time_limit: float = 600.0
    priority: int = 5
    unique_by: tuple[str, ...] | None = None
    cron: str | None = None
    missed: Literal["skip", "run_once"] = "run_once"
    on: tuple[type[Event], ...] = ()
    retention: timedelta = timedelta(days=30)
    redact: frozenset[str] = frozenset()
    subjects: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    concurrency: int | None = None
    rate: Rate | None = None

    def unique_key(self, arguments: JobArgs) -> str | None:
        """Return the key under which only one unfinished job may exist, or None when the kind is not unique."""
        if self.unique_by is None:
            return None
        key = to_json([getattr(arguments, name) for name in self.unique_by]).decode()
        # An index entry has to fit a third of a page, and nobody reads a longer key anyway.
        return key if len(key) <= LONGEST_KEY else hashlib.sha256(key.encode()).hexdigest()

    def subjects_of(self, arguments: JobArgs) -> list[tuple[str, str]]:
        """Return (type, id) of the things that a job with these arguments is about; a tuple names several."""
        named = ((subject, getattr(arguments, name)) for subject, name in self.subjects)
        each = ((subject, value if isinstance(value, tuple) else (value,)) for subject, value in named)
        return [(subject, str(value)) for subject, values in each for value in values if value is not None]

    def redacted(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments as a person may see them: the fields that the kind redacts are masked."""
        return {name: "***" if name in self.redact else value for name, value in arguments.items()}


class Registry:
    """The kinds that this process knows."""

    def __init__(self) -> None:
        self._kinds: dict[str, Kind[Any]] = {}

    def add(self, kind: Kind[Any]) -> None:
        """Make a kind known. Raises ValueError for a name that is taken or a declaration that cannot work."""
        known = self._kinds.get(kind.name)
        if known is not None and known.body.__module__ != kind.body.__module__:
            raise ValueError(f"two job kinds are called {kind.name!r}: {known.body.__module__}, {kind.body.__module__}")
        _check(kind)
        self._kinds[kind.name] = kind

    def get(self, name: str) -> Kind[Any]:
        """Return the kind of that name. Raises UnknownKind with the nearest known name."""
        try:
            return self._kinds[name]
        except KeyError:
            close = difflib.get_close_matches(name, self._kinds, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise UnknownKind(f"No job kind is called {name!r}{hint}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._kinds

    def __iter__(self) -> Iterator[Kind[Any]]:
        return iter(self._kinds.values())

    def kinds(self) -> list[Kind[Any]]:
        """Return every kind, by name."""
        return sorted(self._kinds.values(), key=lambda kind: kind.name)

    def reactions(self, events: Sequence[Event]) -> Iterator[tuple[Kind[Any], list[Event]]]:
        """Give each kind that declared the class of some of the events (or a parent of it) in `on`, with those."""
        for kind in self.kinds() if events else ():
            concerned = [event for event in events if isinstance(event, kind.on)] if kind.on else []
            if concerned:
                yield kind, concerned

    def limited(self) -> dict[str, int]:
        """Return the concurrency limit of each kind that has one."""
        return {kind.name: kind.concurrency for kind in self.kinds() if kind.concurrency is not None}

    def load(self, modules: Sequence[str]) -> Registry:
        """Import the given modules, and every module inside the given packages, so that their kinds are declared."""
        for name in modules:
            module = importlib.import_module(name)
            for child in pkgutil.iter_modules(getattr(module, "__path__", ())):
                importlib.import_module(f"{name}.{child.name}")
        return self


REGISTRY = Registry()


def _check(kind: Kind[Any]) -> None:
    problems = [
        (_NAME.fullmatch(kind.name) is not None, "a name is made of a-z, 0-9 and _, and begins with a letter"),
        (kind.queue in QUEUES, f"unknown queue {kind.queue!r}; known: {', '.join(QUEUES)}"),
        (kind.max_attempts >= 1, "max_attempts must be at least 1"),
        (0 <= kind.priority <= 9, "priority goes from 0 (first) to 9"),
        (kind.time_limit > 0, "time_limit must be positive"),
        (kind.retention > timedelta(0), "retention must be positive"),
        (kind.concurrency is None or kind.concurrency >= 1, "concurrency must be at least 1"),
        (not (kind.cron and kind.arguments.model_fields), "a kind with a cron line takes no arguments"),
    ]
    fields = set(kind.arguments.model_fields)
    named = {*(kind.unique_by or ()), *kind.redact, *(name for _, name in kind.subjects)}
    problems.append((named <= fields, f"no such argument: {', '.join(sorted(named - fields))}"))
    for holds, problem in problems:
        if not holds:
            raise ValueError(f"job kind {kind.name!r}: {problem}")
    if kind.cron:
        _check_cron(kind)


def _check_cron(kind: Kind[Any]) -> None:
    try:
        fire_after(parse_cron(kind.cron or ""), _ANY_TIME)
    except ValueError as error:
        raise ValueError(f"job kind {kind.name!r}: {error}") from error


def job(
    name: str,
    *,
    queue: str,
    arguments: type[Any] | None = None,
    max_attempts: int = 10,
    backoff: Backoff | None = None,
    time_limit: float = 600.0,
    priority: int = 5,
    unique_by: Sequence[str] | None = None,
    cron: str | None = None,
    missed: Literal["skip", "run_once"] = "run_once",
    on: Sequence[type[Event]] = (),
    retention: timedelta = timedelta(days=30),
    redact: Iterable[str] = (),
    subjects: Sequence[tuple[str, str]] = (),
    tags: Sequence[str] = (),
    concurrency: int | None = None,
    rate: str | None = None,
    registry: Registry = REGISTRY,
) -> Callable[[Body[A]], Kind[A]]:
    """Declare a job kind; the decorated function is its body and the first parameter's annotation its arguments.

    `queue` is one of `jobs.queues.QUEUES`; `time_limit` is seconds; `priority` 0 (first) to 9; `unique_by` names the
    arguments of which only one unfinished job may exist (an empty tuple: one job of the kind); `cron` is a crontab
    line in Africa/Johannesburg and `missed` what happens to ticks while nothing ran; `on` the events that enqueue it;
    `retention` how long a finished job is kept; `redact` the arguments that nobody may read back; `subjects` (type,
    argument) pairs that say what the job is about; `concurrency` the most that run at once over all workers; `rate`
    the most starts, such as "10/minute". Raises ValueError for a declaration that cannot work.
    """

    def declare(body: Body[A]) -> Kind[A]:
        kind: Kind[A] = Kind(
            name=name,
            body=body,
            arguments=arguments or _arguments_of(body),
            queue=queue,
            max_attempts=max_attempts,
            backoff=backoff or Backoff(),
            time_limit=time_limit,
            priority=priority,
            unique_by=None if unique_by is None else tuple(unique_by),
            cron=cron,
            missed=missed,
            on=tuple(on),
            retention=retention,
            redact=frozenset(redact),
            subjects=tuple(subjects),
            tags=tuple(tags),
            concurrency=concurrency,
            rate=parse_rate(rate) if rate else None,
        )
        registry.add(kind)
        return kind

    return declare


def _arguments_of(body: Callable[..., Any]) -> type[Any]:
    parameters = list(body.__annotations__.items())
    annotation = parameters[0][1] if parameters else None
    if isinstance(annotation, str):
        annotation = body.__globals__.get(annotation)
    if not (isinstance(annotation, type) and issubclass(annotation, JobArgs)):
        raise TypeError(f"{body.__qualname__}: its first parameter must be annotated with a JobArgs class")
    return annotation

"""Calling services outside: through a circuit breaker that all processes share, with one client each per process."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from weakref import WeakSet

from integrations.outside import Integration, NotSetUp, OutsideError
from integrations.qcontact.client import QContactClient
from integrations.waha.client import WahaClient
from jobs.outcomes import PutOff
from jobs.outside.breaker import LONGEST_REQUESTED, Limits, Standing, after_failure, after_giving_up, after_success
from jobs.outside.tokens import SharedTokens
from runtime.clock import Clock
from runtime.identifiers import uuid7
from runtime.logging import get_logger, mask_text
from runtime.settings import Settings
from sql.database import Connection, Database, queries

if TYPE_CHECKING:
    from jobs.context import JobContext
    from jobs.platform import Platform

log = get_logger(__name__)

# For how long a breaker that was found closed is believed to be, in seconds: of many calls in a row, few look.
BELIEVED = 1.0
# After a success one looks whether others counted failures meanwhile, which it ends; of many in a row, so often.
LOOK_EVERY = 0.02
# The one that tries again is given up when it was not heard of for so long: its process may be dead.
PROBE_LASTS = timedelta(seconds=120)
# Jobs that were put off come back spread over so many seconds, lest they all come at once.
AFTER_OPEN = (0.5, 5.0)
AFTER_PROBE = (1.0, 8.0)
AFTER_HOLD = (60.0, 90.0)
# These times but the last suit a first wait of so many seconds.
USUAL_WAIT = 15.0


@contextmanager
def calling(job: JobContext, integration: Integration) -> Iterator[Breaker]:
    """Call a service outside within this block; the call must be the only thing in it.

    Raises PutOff, which job bodies need not catch, when the service is to be left alone: before the block, or in place
    of the OutsideError that made it so. Other failures leave the block as they are. For many calls, or calls from
    several threads, wrap each in `breaker.call()`; the block itself counts nothing then. Raises RuntimeError inside a
    unit of work: no transaction waits for somebody outside.
    """
    if job.in_transaction:
        raise RuntimeError("nobody outside is called while a unit of work is open")
    breaker = Breaker(job.platform, integration)
    with breaker.whole():
        yield breaker


class Breaker:
    """One caller's view of a service's breaker: a job's, whose threads may share it, or a request's."""

    def __init__(self, platform: Platform, integration: Integration) -> None:
        self.integration = integration
        self._platform = platform
        self._limits = Limits.of(platform.settings)
        # Where the first wait is shorter than the usual one, all that depends on it is.
        self._haste = min(1.0, self._limits.wait / USUAL_WAIT)
        self._caller = uuid7()
        self._lock = threading.Lock()
        self._standing = Standing()
        self._believed_until = float("-inf")
        self._look_after = float("-inf")
        self._ends = 0
        self._counted: WeakSet[OutsideError] = WeakSet()

    def check(self) -> None:
        """Raise PutOff when the service is to be left alone; may make this caller the one that tries it again."""
        with self._lock:
            if time.monotonic() < self._believed_until:
                return
            with self._platform.database.connection_apart() as connection:
                self._enter(connection)
            self._believed_until = time.monotonic() + BELIEVED

    @contextmanager
    def call(self) -> Iterator[None]:
        """Make one call within this block: `check` before, `succeeded` or `failed` after. Safe in any thread."""
        with self._watched():
            yield
        self.succeeded()

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Like `call`, for a block that may hold calls of its own: what those told is not told once more."""
        with self._watched():
            yield
        if self._ends == 0:
            self.succeeded()
        else:
            self.gave_up()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        self.check()
        try:
            yield
        except NotSetUp:
            self.gave_up()
            raise
        except OutsideError as error:
            self._raise(error)
        except BaseException:
            self.gave_up()
            raise

    def succeeded(self) -> None:
        """Note that the service answered; written down only if that changes something."""
        with self._lock:
            self._ends += 1
            self._look()
            if after_success(self._standing, self._caller, self._now()) is not None:
                self._move(lambda was: after_success(was, self._caller, self._now()))

    def failed(self, error: OutsideError) -> PutOff | None:
        """Note how a call failed; returns what to raise in its place when the service is to be left alone now.

        An error that is no outage shows that the service answers.
        """
        if not error.is_outage:
            self.succeeded()
            return self._asked_to_wait(error)
        with self._lock:
            if error not in self._counted:
                self._counted.add(error)
                self._ends += 1
                self._believed_until = float("-inf")
                self._move(lambda was: after_failure(was, error, self._caller, self._now(), self._limits))
            standing = self._standing
        if standing.state == "closed":
            return None
        if standing.state == "half_open" or standing.retry_at is None:
            return PutOff(self._soon(self._now(), AFTER_PROBE), _why(self.integration, standing))
        return PutOff(self._soon(standing.retry_at, AFTER_OPEN), _why(self.integration, standing))

    def gave_up(self) -> None:
        """Let another try the service again if this caller was to and did not come to it."""
        with self._lock:
            if self._standing.probe == self._caller:
                self._believed_until = float("-inf")
                self._move(lambda was: after_giving_up(was, self._caller, self._now()))

    def _raise(self, error: OutsideError) -> None:
        put_off = self.failed(error)
        if put_off is not None:
            raise put_off from error
        raise error

    def _asked_to_wait(self, error: OutsideError) -> PutOff | None:
        if not error.retry_after:
            return None
        wait = timedelta(seconds=min(error.retry_after, LONGEST_REQUESTED))
        return PutOff(self._soon(self._now() + wait, AFTER_OPEN), error.message)

    def _enter(self, connection: Connection) -> None:
        now, standing = self._now(), self._read(connection)
        self._standing = standing
        if standing.held_at is not None:
            raise PutOff(_later(now, AFTER_HOLD), f"{self.integration} is held by {standing.held_by}")
        if standing.concerns(self._caller):
            return
        if standing.retry_at is not None and standing.retry_at > now and standing.state == "open":
            raise PutOff(self._soon(standing.retry_at, AFTER_OPEN), _why(self.integration, standing))
        mine = queries("integrations").claim_probe(
            connection, integration=self.integration, probe=self._caller, now=now, until=now + PROBE_LASTS * self._haste
        )
        if mine is None:
            raise PutOff(self._soon(now, AFTER_PROBE), f"{self.integration} is being tried by another job")
        self._standing = self._read(connection)

    def _look(self) -> None:
        """See what others counted since this caller looked last; the caller holds the lock.

        Failures are in a row only if nobody was answered between them, and of those that other callers met while this
        one's call was under way, it knows nothing yet.
        """
        if self._standing.state != "closed" or self._standing.failures or time.monotonic() < self._look_after:
            return
        with self._platform.database.connection_apart() as connection:
            self._standing = self._read(connection)
        self._look_after = time.monotonic() + LOOK_EVERY
        if self._standing.state != "closed":
            self._believed_until = float("-inf")

    def _read(self, connection: Connection) -> Standing:
        return Standing.of(queries("integrations").get_state(connection, integration=self.integration))

    def _move(self, rule: Callable[[Standing], Standing | None]) -> None:
        """Move the shared row as the rule says; the caller holds the lock."""
        with self._platform.database.connection_apart() as connection, connection.transaction():
            was = Standing.of(queries("integrations").lock_state(connection, integration=self.integration))
            now_stands = rule(was)
            if now_stands is not None:
                write(connection, self.integration, now_stands, self._now())
        self._standing = now_stands or was
        if now_stands is not None and now_stands.state != was.state:
            _tell(self.integration, now_stands)

    def _soon(self, moment: datetime, spread: tuple[float, float]) -> datetime:
        least, most = spread
        return _later(moment, (least * self._haste, most * self._haste))

    def _now(self) -> datetime:
        return self._platform.clock.now()


def is_set_up(settings: Settings, integration: Integration) -> bool:
    """Whether the settings name an address for the service; a job kind that calls it has nothing to do otherwise."""
    return bool(settings.qcontact_url if integration == "qcontact" else settings.waha_url)


class Outside:
    """This process's clients of the services outside: each made on first use, and closed with the platform."""

    def __init__(self, settings: Settings, database: Database, clock: Clock) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._qcontact: QContactClient | None = None
        self._waha: WahaClient | None = None

    @property
    def qcontact(self) -> QContactClient:
        """The client of QContact. Raises NotSetUp that names what to set."""
        with self._lock:
            if self._qcontact is None:
                store = SharedTokens(self._settings, self._database, self._clock)
                self._qcontact = QContactClient.from_settings(self._settings, store)
            return self._qcontact

    @property
    def waha(self) -> WahaClient:
        """The client of WAHA. Raises NotSetUp that names what to set."""
        with self._lock:
            if self._waha is None:
                self._waha = WahaClient.from_settings(self._settings)
            return self._waha

    def close(self) -> None:
        """Close the clients that were made."""
        with self._lock:
            qcontact, waha = self._qcontact, self._waha
            self._qcontact = self._waha = None
        if qcontact is not None:
            qcontact.close()
        if waha is not None:
            waha.close()


def write(connection: Connection, integration: Integration, standing: Standing, now: datetime) -> None:
    """Write how things stand with a service; the caller has locked its row."""
    queries("integrations").write_state(
        connection,
        integration=integration,
        state=standing.state,
        failures=standing.failures,
        waits=standing.waits,
        opened_at=standing.opened_at,
        retry_at=standing.retry_at,
        probe=standing.probe,
        error_code=standing.last_error_code,
        error_message=None if standing.last_error_message is None else mask_text(standing.last_error_message),
        last_failure_at=standing.last_failure_at,
        last_success_at=standing.last_success_at,
        now=now,
    )


def _tell(integration: Integration, standing: Standing) -> None:
    if standing.state == "open":
        log.warning(
            "breaker_opened",
            integration=integration,
            retry_at=standing.retry_at,
            failures=standing.failures,
            code=standing.last_error_code,
        )
    else:
        log.info("breaker_closed", integration=integration)


def _why(integration: Integration, standing: Standing) -> str:
    return f"{integration} is left alone after {standing.last_error_code}"


def _later(moment: datetime, spread: tuple[float, float]) -> datetime:
    return moment + timedelta(seconds=random.uniform(*spread))  # noqa: S311 - to spread jobs, not a secret

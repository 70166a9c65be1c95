"""The driver's errors, translated in one place into errors with a code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg_pool import PoolTimeout, TooManyRequests

from runtime.errors import FibreflowError

# SQLSTATE classes and codes: connection lost, no resources, shut down, crashed, not ready yet.
_OUTAGES = ("08", "53", "57P01", "57P02", "57P03")


class DatabaseProblem(FibreflowError):
    """PostgreSQL did not do what it was asked."""

    code = "DATABASE_ERROR"


class DatabaseUnavailable(DatabaseProblem):
    """PostgreSQL cannot be reached, or is too busy to answer in time. Trying again later may help."""

    code = "SERVICE_UNAVAILABLE"


class DatabaseFailure(DatabaseProblem):
    """PostgreSQL refused a statement in a way that nobody foresaw."""


class UnstorableValue(DatabaseProblem):
    """A value that PostgreSQL has no room for: a number out of range, or text with a zero character."""

    code = "VALIDATION_ERROR"


def is_outage(error: BaseException) -> bool:
    """Whether the error tells of PostgreSQL being away, starting, stopping or out of resources: nobody's mistake."""
    if isinstance(error, PoolTimeout | TooManyRequests):
        return True
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    return error.sqlstate is None or error.sqlstate.startswith(_OUTAGES)


def translate(error: BaseException) -> DatabaseProblem | None:
    """Return the driver's error as one of ours, without its text (which may quote data); None for any other error."""
    if isinstance(error, psycopg.DataError):
        return UnstorableValue("A value is out of range or holds characters that cannot be stored")
    if isinstance(error, psycopg.OperationalError | PoolTimeout | TooManyRequests):
        return DatabaseUnavailable("The database cannot be reached or is too busy; try again in a moment")
    if isinstance(error, psycopg.Error):
        return DatabaseFailure("The database refused the operation")
    return None


@contextmanager
def translated() -> Iterator[None]:
    """Raise the driver's errors of a block as DatabaseProblem."""
    try:
        yield
    except (psycopg.Error, PoolTimeout) as error:
        raise translate(error) or DatabaseFailure("The database refused the operation") from error

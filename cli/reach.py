"""What `fibreflow doctor` finds of the services outside: whether each answers, and lets us in."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import psycopg
from psycopg_pool import PoolTimeout

from cli.findings import Finding, first_line
from integrations.clerk import ClerkSessions
from integrations.outside import NotAllowed, NotSetUp, NotSignedIn, NotThere, OutsideError
from jobs.outside import Outside
from runtime.clock import SystemClock
from runtime.errors import SettingsError
from runtime.settings import Settings
from sql.database import Database

ANSWER_WITHIN = 5.0
WORKING = "WORKING"


def check_integrations(settings: Settings) -> Iterator[Finding]:
    """Look at each service; with a database whose tokens are shared, no sign-in is used up."""
    yield _on_outside("QContact", settings.qcontact_url, settings, _look_at_qcontact)
    yield _on_outside("WAHA", settings.waha_url, settings, _look_at_waha)
    yield _look_at_clerk(settings)


def _on_outside(
    what: str, url: str | None, settings: Settings, look: Callable[[Outside, Settings], Finding]
) -> Finding:
    if not url:
        return _absent(what)
    if settings.database_url is None:
        return _reach(what, url)
    impatient = settings.model_copy(update={"qcontact_timeout": ANSWER_WITHIN, "waha_timeout": ANSWER_WITHIN})
    database = Database.from_settings(settings)
    outside = Outside(impatient, database, SystemClock())
    try:
        return look(outside, settings)
    except OutsideError as error:
        return _judged(what, error)
    except (psycopg.Error, PoolTimeout):
        # The database's own checks tell what is wrong with it.
        return _reach(what, url)
    finally:
        outside.close()
        database.close()


def _look_at_qcontact(outside: Outside, settings: Settings) -> Finding:
    outside.qcontact.me()
    if settings.qcontact_queue is None:
        return Finding(
            "QContact", "warn", "answers and lets us in, but no queue is set", "set FIBREFLOW_QCONTACT_QUEUE"
        )
    cases = outside.qcontact.list_cases(page=1, items=1)
    return Finding("QContact", "ok", f"answers and lets us in; {cases.total or len(cases.cases)} cases in the queue")


def _look_at_waha(outside: Outside, settings: Settings) -> Finding:
    server = outside.waha.version()
    found = f"{server.version or 'a version of its own'}, engine {server.engine or 'unknown'}"
    session = outside.waha.session()
    if session.status != WORKING:
        advice = f"start the session {settings.waha_session!r} at the gateway, or pair its phone"
        return Finding("WAHA", "warn", f"{found}; the session is {session.status}", advice)
    return Finding("WAHA", "ok", f"{found}; the session works")


def _look_at_clerk(settings: Settings) -> Finding:
    try:
        sessions = ClerkSessions.from_settings(settings)
    except SettingsError as error:
        return Finding("Clerk keys", "fail", "its settings are incomplete", error.message)
    return _reach("Clerk keys", sessions.jwks_url) if sessions else _absent("Clerk keys")


def _judged(what: str, error: OutsideError) -> Finding:
    found = first_line(error)
    if isinstance(error, NotSetUp):
        return Finding(what, "fail", "its settings are incomplete", found)
    if isinstance(error, NotSignedIn | NotAllowed):
        return Finding(what, "fail", found, "check the credentials set for it")
    if isinstance(error, NotThere):
        return Finding(what, "fail", found, "check its URL, and the names of queue and session set for it")
    if error.status is not None:
        return Finding(what, "warn", found, "ask whoever runs it; jobs for it are retried")
    return Finding(what, "fail", f"no answer: {found}", "check its URL, and the way out of this network")


def _reach(what: str, url: str) -> Finding:
    """Any answer will do, a refusal included: somebody is there."""
    try:
        status = httpx.get(url, timeout=ANSWER_WITHIN).status_code
    except (httpx.TransportError, httpx.InvalidURL) as error:
        return Finding(
            what, "fail", f"no answer: {first_line(error)}", "check its URL, and the way out of this network"
        )
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Finding(what, "warn", f"answers {status}", "ask whoever runs it; jobs for it are retried")
    return Finding(what, "ok", f"answers ({status})")


def _absent(what: str) -> Finding:
    return Finding(what, "ok", "not set up")

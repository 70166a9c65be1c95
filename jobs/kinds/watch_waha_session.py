"""Every minute: sees how the gateway's session is; restarts it once when that may help, then holds it and alarms."""

from __future__ import annotations

from datetime import timedelta

from integrations.outside import NotSetUp, NotThere
from integrations.waha.client import WahaClient
from jobs.context import JobContext
from jobs.outcomes import Outcome, done
from jobs.outside import calling
from jobs.registry import Backoff, NoArgs, job
from runtime.logging import get_logger
from ticketing.notices import sessions
from ticketing.notices.session_rules import FAILED, Alarm, Remedy, Restart
from ticketing.notices.sessions import Hold, News

log = get_logger(__name__)


@job(
    "watch_waha_session",
    queue="notifications",
    cron="* * * * *",
    missed="skip",
    unique_by=(),
    # One call of three that fails is no news of the session; a restart is written down first, so that it stays the only
    # one.
    max_attempts=4,
    backoff=Backoff(base=2, cap=10),
    retention=timedelta(days=2),
)
def watch_waha_session(_args: NoArgs, context: JobContext) -> Outcome:
    """Ask, write down what was told, decide, and restart at most once; without a gateway there is nothing to watch."""
    try:
        client = context.platform.outside.waha
    except NotSetUp as error:
        return done({"left": error.message})
    news = _ask(context, client)
    with context.step() as work:
        sessions.note_news(work, news)
        remedy = sessions.decide(work, news.session)
    return _apply(context, client, news, remedy)


def _apply(context: JobContext, client: WahaClient, news: News, remedy: Remedy) -> Outcome:
    told = {"status": news.status, "engine": news.engine}
    if isinstance(remedy, Restart):
        log.warning("waha_session_restarted", session=news.session, reason=remedy.reason)
        with calling(context, "waha"):
            client.restart()
        return done(told | {"restarted": remedy.reason})
    if isinstance(remedy, Alarm):
        log.error("waha_session_held", session=news.session, reason=remedy.reason)
        return done(told | {"held": remedy.reason})
    return done(told)


def _ask(context: JobContext, client: WahaClient) -> News:
    with calling(context, "waha") as breaker:
        with breaker.call():
            server = client.version()
        began = None
        try:
            with breaker.call():
                began = client.started_at()
        except NotThere:
            context.log("this version of the gateway does not tell when it began")
        try:
            with breaker.call():
                session = client.session()
        except NotThere:
            session = None
    holds = (
        None
        if session is None or session.restrictions is None
        else [Hold(one.what, one.until) for one in session.restrictions]
    )
    return News(
        session=client.session_name,
        at=context.now,
        status=FAILED if session is None else session.status,
        engine=server.engine or (session.engine if session else None),
        version=server.version,
        server_started_at=began,
        holds=holds,
        asked=True,
    )

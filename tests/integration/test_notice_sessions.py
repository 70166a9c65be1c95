"""The gateway's sessions over HTTP: how they are, and what keeps notices back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask

from admin_api.api import notice_sessions
from admin_api.app import create_app
from tests.clocks import FixedClock
from tests.factories.access import client_as
from tests.factories.notices_sending import make_notice
from ticketing.notices import delivery, sessions
from ticketing.notices.acks import Ack
from ticketing.notices.session_rules import Alarm, Keep, Remedy, Restart
from ticketing.notices.session_views import SessionView
from ticketing.notices.sessions import Hold, News
from ticketing.people import SYSTEM

if TYPE_CHECKING:
    from jobs.platform import Platform

URL = "/api/ticketing/notifications/sessions"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def app(platform: Platform) -> Flask:
    return create_app(platform=platform, blueprints=[notice_sessions.api])


def shown(app: Flask, platform: Platform) -> list[dict[str, Any]]:
    body = client_as(app, platform, "qa").get(URL).get_json()
    found: list[dict[str, Any]] = body["data"]
    return found


def tell(platform: Platform, status: str, **news: Any) -> None:
    with platform.begin(SYSTEM) as work:
        sessions.note_news(work, News(session="default", at=work.now, status=status, **news))


def test_before_a_session_is_heard_of_there_is_none(app: Flask, platform: Platform) -> None:
    assert shown(app, platform) == []


def test_a_session_that_works_sends(app: Flask, platform: Platform) -> None:
    tell(platform, "WORKING", engine="NOWEB", version="2026.11.1")
    (one,) = shown(app, platform)
    assert set(one) == set(SessionView.model_fields)
    assert (one["status"], one["is_sending"], one["blocked_reason"], one["engine"]) == ("WORKING", True, None, "NOWEB")


def test_one_that_does_not_says_why_notices_wait(app: Flask, platform: Platform) -> None:
    tell(platform, "SCAN_QR_CODE")
    (one,) = shown(app, platform)
    assert (one["is_sending"], one["blocked_reason"]) == (False, "the session is SCAN_QR_CODE")
    assert one["blocked_until"] is not None


@pytest.mark.parametrize(("hours", "reason"), [(1, "REACHOUT_TIMELOCK"), (-1, None)])
def test_new_contacts_are_held_as_long_as_that_lasts(
    app: Flask, platform: Platform, hours: int, reason: str | None
) -> None:
    until = platform.clock.now() + timedelta(hours=hours)
    tell(platform, "WORKING", holds=(Hold("REACHOUT_TIMELOCK", until),))
    (one,) = shown(app, platform)
    assert (one["new_contacts_reason"], one["new_contacts_held_until"] is None) == (reason, reason is None)
    assert one["is_sending"] is True


def test_who_works_on_site_does_not_look(app: Flask, platform: Platform) -> None:
    assert client_as(app, platform, "technician").get(URL).status_code == 403


class TestBrokenSessions:
    """A send was answered with the engine's 400: the session is restarted, and what comes of that is told."""

    @pytest.fixture(autouse=True)
    def restarted(self, platform: Platform, clock: FixedClock) -> None:
        tell(platform, "WORKING")
        clock.advance(timedelta(hours=1))
        self.breaks(platform, clock.now())
        assert isinstance(self.watch(platform), Restart)

    def breaks(self, platform: Platform, began: datetime) -> None:
        with platform.begin(SYSTEM) as work:
            sessions.note_broken(work, "default", "400", at=began)

    def watch(self, platform: Platform, status: str = "WORKING") -> Remedy:
        with platform.begin(SYSTEM) as work:
            sessions.note_news(work, News(session="default", at=work.now, status=status, asked=True))
            return sessions.decide(work, "default")

    def test_while_it_restarts_nothing_is_sent_over_it_and_then_it_has_recovered(
        self, app: Flask, platform: Platform, clock: FixedClock
    ) -> None:
        (one,) = shown(app, platform)
        assert (one["status"], one["is_sending"]) == ("STARTING", False)
        clock.advance(timedelta(minutes=1))
        assert isinstance(self.watch(platform), Keep)
        (one,) = shown(app, platform)
        assert (one["is_sending"], one["working_since"]) == (True, one["checked_at"])

    @pytest.mark.parametrize("seconds", [-5, 5])
    def test_a_send_that_began_before_it_works_again_says_nothing_new(
        self, platform: Platform, clock: FixedClock, seconds: int
    ) -> None:
        began = clock.now() + timedelta(seconds=seconds)
        clock.advance(timedelta(seconds=10))
        if seconds < 0:
            self.breaks(platform, began)
        tell(platform, "WORKING")
        if seconds > 0:
            self.breaks(platform, began)
        for _ in range(40):
            clock.advance(timedelta(minutes=1))
            assert isinstance(self.watch(platform), Keep)

    @pytest.mark.parametrize(("confirmed", "expected"), [(True, Keep), (False, Alarm)])
    def test_one_that_breaks_after_it_is_trouble_until_a_message_is_confirmed(
        self, platform: Platform, clock: FixedClock, confirmed: bool, expected: type[Remedy]
    ) -> None:
        clock.advance(timedelta(minutes=1))
        self.watch(platform)
        clock.advance(timedelta(minutes=1))
        self.breaks(platform, clock.now())
        clock.advance(timedelta(minutes=4))
        if confirmed:
            with platform.begin(SYSTEM) as work:
                notice_id = make_notice(work.connection)["id"]
                delivery.claim(work, notice_id, session="default", chat_id="1@c.us", planned="A", again=False)
                delivery.apply_ack(work, Ack(session="default", stanza="A", level=1, at=work.now))
        assert isinstance(self.watch(platform), expected)

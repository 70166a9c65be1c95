"""The gateway's sessions over HTTP: how they are, and what keeps notices back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask

from admin_api.api import notice_sessions
from admin_api.app import create_app
from tests.factories.access import client_as
from ticketing.notices import sessions
from ticketing.notices.session_views import SessionView
from ticketing.notices.sessions import Hold, News
from ticketing.people import SYSTEM

if TYPE_CHECKING:
    from jobs.platform import Platform

URL = "/api/ticketing/notifications/sessions"


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

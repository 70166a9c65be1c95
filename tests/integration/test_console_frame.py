"""The console's frame: signing in and out, forms that are ours, what pages may load, and failures as pages."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from flask.testing import FlaskClient

from admin_api import limits
from admin_api.app import create_app
from admin_api.console.sign_in_links import link_for
from tests.clocks import FixedClock
from tests.console import form_token, open_console, send
from tests.factories.access import make_api_key
from ticketing import api_keys
from ticketing.people import SYSTEM

if TYPE_CHECKING:
    from jobs.platform import Platform


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def operator(app: Flask, platform: Platform) -> FlaskClient:
    return open_console(app, make_api_key(platform, "operator"))


def test_who_is_not_signed_in_is_led_to_the_sign_in_and_back_to_where_they_were_going(
    app: Flask, platform: Platform
) -> None:
    browser = app.test_client()
    answer = browser.get("/console/jobs?state=discarded")
    assert answer.status_code == 303
    assert "/console/sign-in?next=/console/jobs?state%3Ddiscarded" in answer.location
    page = browser.get(answer.location)
    key = make_api_key(platform, "operator")
    signed_in = send(browser, "/console/sign-in", page, key=key, next="/console/jobs?state=discarded")
    assert (signed_in.status_code, signed_in.location) == (303, "/console/jobs?state=discarded")
    assert browser.get(signed_in.location).status_code == 200


@pytest.mark.parametrize(
    "elsewhere",
    ["https://example.test/", "//example.test", "/console/\\example.test", "/api", "/console/\r\nSet-Cookie: a=b"],
)
def test_signing_in_never_leads_to_another_site(app: Flask, platform: Platform, elsewhere: str) -> None:
    browser = app.test_client()
    page = browser.get("/console/sign-in")
    answer = send(browser, "/console/sign-in", page, key=make_api_key(platform, "viewer"), next=elsewhere)
    assert answer.location == "/console/"


def test_a_wrong_key_is_refused_on_the_page_itself_and_not_shown_again(app: Flask) -> None:
    browser = app.test_client()
    answer = send(browser, "/console/sign-in", browser.get("/console/sign-in"), key="ff_wrong")
    assert answer.status_code in (303, 401)
    assert "ff_wrong" not in answer.get_data(as_text=True)


def test_the_cookie_is_signed_hidden_from_scripts_and_holds_no_key(app: Flask, platform: Platform) -> None:
    key = make_api_key(platform, "viewer")
    browser = app.test_client()
    answer = send(browser, "/console/sign-in", browser.get("/console/sign-in"), key=key)
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/console" in cookie
    assert key not in cookie


def test_a_session_ends_after_twelve_hours_and_after_two_idle_ones(
    app: Flask, operator: FlaskClient, clock: FixedClock
) -> None:
    for _ in range(7):
        clock.advance(timedelta(hours=1, minutes=40))
        assert operator.get("/console/jobs").status_code == 200
    clock.advance(timedelta(minutes=30))
    assert operator.get("/console/jobs").status_code == 303


def test_an_idle_session_ends(operator: FlaskClient, clock: FixedClock) -> None:
    clock.advance(timedelta(hours=2))
    answer = operator.get("/console/jobs")
    assert answer.status_code == 303
    assert "session+has+ended" in answer.location


def test_a_page_that_keeps_itself_up_to_date_does_not_keep_its_session(
    operator: FlaskClient, clock: FixedClock
) -> None:
    looking = {"X-Refresh": "1"}
    for _ in range(11):
        clock.advance(timedelta(minutes=10))
        assert operator.get("/console/jobs", headers=looking).status_code == 200
    assert operator.get("/console/jobs").status_code == 200
    for _ in range(11):
        clock.advance(timedelta(minutes=10))
        assert operator.get("/console/jobs", headers=looking).status_code == 200
    clock.advance(timedelta(minutes=10))
    ended = operator.get("/console/jobs", headers=looking)
    assert (ended.status_code, "session+has+ended" in ended.location) == (303, True)


def test_whose_key_is_revoked_is_out_at_once(app: Flask, platform: Platform) -> None:
    key = make_api_key(platform, "operator")
    browser = open_console(app, key)
    with platform.begin(SYSTEM) as work:
        api_keys.revoke(work, key)
    assert browser.get("/console/jobs").status_code == 303


def test_signing_out_ends_the_session(operator: FlaskClient) -> None:
    send(operator, "/console/sign-out", operator.get("/console/jobs"))
    assert operator.get("/console/jobs").status_code == 303


def test_a_form_without_its_token_changes_nothing_and_says_what_to_do(operator: FlaskClient) -> None:
    answer = operator.post("/console/theme", data={"theme": "dark"})
    assert answer.status_code == 422
    assert "open the page again" in answer.get_data(as_text=True)


def test_the_token_of_another_session_is_refused(app: Flask, platform: Platform, operator: FlaskClient) -> None:
    other = open_console(app, make_api_key(platform, "operator"))
    token = form_token(other.get("/console/jobs"))
    assert operator.post("/console/theme", data={"theme": "dark", "csrf_token": token}).status_code == 422


def test_pages_load_nothing_but_their_own_and_run_nothing_without_the_nonce(operator: FlaskClient) -> None:
    first, second = operator.get("/console/jobs"), operator.get("/console/jobs")
    policy = first.headers["Content-Security-Policy"]
    nonces = [re.findall(r"'nonce-([^']+)'", one.headers["Content-Security-Policy"])[0] for one in (first, second)]
    assert nonces[0] != nonces[1]
    assert "unsafe-inline" not in policy
    text = first.get_data(as_text=True)
    assert not re.search(r"\son\w+=|\sstyle=|javascript:", text)
    assert all(address.startswith("/console/") for address in re.findall(r'(?:src|href)="([^"#]+)"', text))


def test_a_page_that_did_not_change_is_not_sent_again(operator: FlaskClient) -> None:
    first = operator.get("/console/help")
    again = operator.get("/console/help", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.get_data()) == (304, b"")


def test_pages_travel_compressed(operator: FlaskClient) -> None:
    answer = operator.get("/console/jobs", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.get_data()) < 20_000


def test_assets_may_be_kept_for_ever_and_nothing_else_is_an_asset(operator: FlaskClient) -> None:
    page = operator.get("/console/jobs").get_data(as_text=True)
    for address in re.findall(r'(?:src|href)="(/console/assets/[^"]+)"', page):
        answer = operator.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
    assert operator.get("/console/assets/../jobs.py").status_code == 404
    assert operator.get("/console/assets/session.py").status_code == 404


@pytest.mark.parametrize("theme", ["light", "dark", "system"])
def test_light_and_dark_are_chosen_without_a_script(operator: FlaskClient, theme: str) -> None:
    page = operator.get("/console/help")
    answer = send(operator, "/console/theme", page, theme=theme, back="/console/help")
    assert answer.location == "/console/help"
    assert f'data-bs-theme="{theme}"' in operator.get("/console/help").get_data(as_text=True)


def test_what_does_not_exist_and_what_is_forbidden_are_pages(app: Flask, platform: Platform) -> None:
    viewer = open_console(app, make_api_key(platform, "technician"))
    nowhere, forbidden = viewer.get("/console/nowhere"), viewer.get("/console/jobs")
    assert (nowhere.status_code, forbidden.status_code) == (404, 403)
    assert nowhere.mimetype == forbidden.mimetype == "text/html"
    assert "You may not do this" in forbidden.get_data(as_text=True)


def test_too_many_requests_are_told_on_a_page_too(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REDIS_TIMEOUT", 30.0)
    monkeypatch.setattr(platform, "settings", platform.settings.model_copy(update={"api_rate_limit": "5/minute"}))
    browser = open_console(create_app(platform=platform), make_api_key(platform, "operator"))
    answer = next(answer for answer in (browser.get("/console/jobs") for _ in range(6)) if answer.status_code != 200)
    page = answer.get_data(as_text=True)
    assert (answer.status_code, answer.mimetype) == (429, "text/html")
    assert ("Too many requests" in page, "try again in" in page) == (True, True)
    assert 1 <= int(answer.headers["Retry-After"]) <= 61


def test_the_menu_shows_only_where_one_may_go(app: Flask, platform: Platform, operator: FlaskClient) -> None:
    technician = open_console(app, make_api_key(platform, "technician"))
    assert "/console/jobs" in operator.get("/console/menu").get_data(as_text=True)
    assert "/console/jobs" not in technician.get("/console/menu").get_data(as_text=True)


def test_a_sign_in_link_signs_in_once_confirmed_and_not_after_its_time(
    app: Flask, platform: Platform, clock: FixedClock
) -> None:
    with platform.begin(SYSTEM) as work:
        key, _ = api_keys.create(work, "demo user", ("admin",))
    link = link_for(key, platform.settings, clock.now())
    browser = app.test_client()
    page = browser.get(link)
    assert "demo user" in page.get_data(as_text=True)
    assert browser.get("/console/jobs").status_code == 303
    assert send(browser, link, page).location == "/console/"
    assert browser.get("/console/jobs").status_code == 200
    forged = link[:-1] + ("0" if link[-1] != "0" else "1")
    assert "not+made+here" in app.test_client().get(forged).location
    clock.advance(timedelta(hours=12))
    assert "too+old" in app.test_client().get(link).location

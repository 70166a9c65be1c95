"""Every page and every action of the console, tried by every role and by nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from flask.testing import FlaskClient

from admin_api.auth import Access, access_of
from admin_api.console.navigation import MENU
from tests.console import form_token, open_console
from tests.factories.access import make_api_key
from ticketing.people import ROLES, Role

if TYPE_CHECKING:
    from jobs.platform import Platform

AN_ID = "0198c5a2-7e1b-7c3d-9f00-0123456789ab"
PUBLIC = {
    ("GET", "/console/assets/<name>"),
    ("GET", "/console/sign-in"),
    ("POST", "/console/sign-in"),
    ("GET", "/console/sign-in/clerk"),
    ("GET", "/console/sign-in/link/<token>"),
    ("POST", "/console/sign-in/link/<token>"),
    ("POST", "/console/sign-out"),
}
# What everybody who is signed in may send: it concerns nobody but themselves.
ONES_OWN = {"/console/theme", "/console/exports/new"}


def addresses(app: Flask) -> Iterator[tuple[str, str, Access]]:
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/console"):
            access = access_of(app.view_functions[rule.endpoint])
            assert access is not None
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield method, rule.rule, access


def try_out(browser: FlaskClient, method: str, rule: str, token: str) -> tuple[int, str]:
    path = re.sub(r"<[^>]+>", AN_ID, rule)
    answer = browser.open(path, method=method, data={"csrf_token": token} if method == "POST" else None)
    return answer.status_code, answer.get_data(as_text=True)


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_what_is_declared_and_is_refused_everything_else(
    app: Flask, platform: Platform, role: Role
) -> None:
    browser = open_console(app, make_api_key(platform, role))
    token = form_token(browser.get("/console/menu"))
    wrong = []
    for method, rule, access in addresses(app):
        if (method, rule) in PUBLIC:
            continue
        status, text = try_out(browser, method, rule, token)
        refused = status == 403 and "This needs one of the roles" in text
        if (role in access.roles) == refused or status >= 500:
            wrong.append((method, rule, status))
    assert wrong == []


def test_nobody_gets_further_than_the_sign_in(app: Flask) -> None:
    browser = app.test_client()
    token = form_token(browser.get("/console/sign-in"))
    open_to_all = set()
    for method, rule, access in addresses(app):
        status, _ = try_out(browser, method, rule, token)
        if access.public:
            open_to_all.add((method, rule))
        else:
            assert status == 303, (method, rule, status)
    assert open_to_all == PUBLIC


def test_a_viewer_can_send_no_form_that_changes_anything(app: Flask) -> None:
    sending = {rule for method, rule, access in addresses(app) if method == "POST" and "viewer" in access.roles}
    assert sending - {rule for _, rule in PUBLIC} == ONES_OWN


def test_every_way_in_the_menu_leads_somewhere_by_a_letter_of_its_own(app: Flask) -> None:
    entries = [entry for section in MENU.values() for entry in section]
    assert len({entry.letter for entry in entries}) == len(entries)
    assert sum(entry.on_phone for entry in entries) <= 5

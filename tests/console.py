"""Using the console as a browser does, without one: sign in, find the form's token, send the form."""

from __future__ import annotations

import re
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


def open_console(app: Flask, credential: str) -> FlaskClient:
    """Return a browser that is signed in with the API key."""
    browser = app.test_client()
    answer = send(browser, "/console/sign-in", browser.get("/console/sign-in"), key=credential)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return browser


def form_token(page: TestResponse) -> str:
    """Return the token that the forms of a page carry."""
    found = _TOKEN.search(page.get_data(as_text=True))
    assert found, "the page has no form"
    return found.group(1)


def send(browser: FlaskClient, address: str, page: TestResponse, /, **fields: Any) -> TestResponse:
    """Send a form of a page; fields may be texts, lists of them, or files as (stream, name)."""
    return browser.post(address, data={"csrf_token": form_token(page), **fields})


def text_of(browser: FlaskClient, address: str, status: int = 200) -> str:
    """Return the text of a page that answers with this status."""
    answer = browser.get(address)
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)

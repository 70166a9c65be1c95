"""A browser, a served console, a worker beside it, and people who are signed in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from flask import Flask
from playwright.sync_api import expect

from admin_api.app import create_app
from admin_api.console.sign_in_links import link_for
from tests.acceptance.browser.chromium import DESK, PATIENCE, PHONE, launch_options, sign_in
from tests.acceptance.browser.stage import serving
from tests.factories.access import make_key
from tests.running import jobs_running
from ticketing.people import Role

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

    from jobs.platform import Platform

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"

Person = Callable[..., "Page"]
__all__ = ["DESK", "PHONE", "Person", "serving"]


@pytest.fixture(scope="session", autouse=True)
def _patience() -> None:
    """Wait as long for what a page is to show as for what is done on it."""
    expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """How the browser is started. Skips where there is none; in CI that is a failure."""
    options = launch_options()
    if options is None:
        missing("no chromium: as root `make test` installs Debian's, else install the package chromium")
    return options


@pytest.fixture(scope="session")
def axe_source() -> str:
    """The text of axe-core. Skips where npm could not fetch it; in CI that is a failure."""
    if not AXE.exists():
        missing("no axe-core: `make test` fetches it where there is npm")
    return AXE.read_text(encoding="utf-8")


def missing(what: str) -> NoReturn:
    """Skip for want of a tool, or fail where it must be there."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture
def app(platform: Platform) -> Flask:
    return create_app(platform=platform)


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """Where the console is served."""
    with serving(app) as served:
        yield served


@pytest.fixture
def worker(platform: Platform) -> Iterator[None]:
    """A worker beside the test."""
    with jobs_running(platform):
        yield


@pytest.fixture
def person(browser: Browser, address: str, platform: Platform) -> Iterator[Person]:
    """Sign somebody in and return their page: `person("qa", viewport=PHONE)`; each has a browser of their own."""
    contexts: list[BrowserContext] = []

    def signed_in(*roles: Role, name: str | None = None, user_id: Any = None, **options: Any) -> Page:
        context = browser.new_context(base_url=address, **({"viewport": DESK} | options))
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        key = make_key(platform, *roles, name=name or " and ".join(roles), user_id=user_id)
        sign_in(page, link_for(key, platform.settings, platform.clock.now()))
        return page

    yield signed_in
    for context in contexts:
        context.close()

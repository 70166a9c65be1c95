"""A browser, a served console, a worker beside it, and people who are signed in."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from admin_api.app import create_app
from admin_api.console.sign_in_links import link_for
from tests.factories_access import make_key
from tests.running import run_jobs
from ticketing.people import Role

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

    from jobs.platform import Platform

# What Debian's chromium wants where it runs as root, and must not do where there is no internet.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}

Person = Callable[..., "Page"]


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """How the browser is started. Skips where there is none; in CI that is a failure."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        missing("no chromium: as root `make test` installs Debian's, else install the package chromium")
    return {"executable_path": path, "args": list(ARGUMENTS), "headless": True}


@pytest.fixture(scope="session")
def axe_source() -> str:
    """The text of axe-core. Skips where npm could not fetch it; in CI that is a failure."""
    if not AXE.exists():
        missing("no axe-core: `make test` fetches it where there is npm")
    return AXE.read_text(encoding="utf-8")


def missing(what: str) -> None:
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
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def working(platform: Platform) -> Iterator[None]:
    """Run the jobs that become available, beside the test, as a worker would."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.05):
            run_jobs(platform)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.fixture
def worker(platform: Platform) -> Iterator[None]:
    """A worker beside the test."""
    with working(platform):
        yield


@pytest.fixture
def person(browser: Browser, address: str, platform: Platform) -> Iterator[Person]:
    """Sign somebody in and return their page: `person("qa", viewport=PHONE)`; each has a browser of their own."""
    contexts: list[BrowserContext] = []

    def sign_in(*roles: Role, name: str | None = None, user_id: Any = None, **options: Any) -> Page:
        context = browser.new_context(base_url=address, **({"viewport": DESK} | options))
        contexts.append(context)
        context.set_default_timeout(timedelta(seconds=10) / timedelta(milliseconds=1))
        page = context.new_page()
        key = make_key(platform, *roles, name=name or " and ".join(roles), user_id=user_id)
        page.goto(link_for(key, platform.settings, platform.clock.now()))
        page.get_by_role("button", name="Sign in").click()
        return page

    yield sign_in
    for context in contexts:
        context.close()

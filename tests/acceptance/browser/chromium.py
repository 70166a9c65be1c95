"""The browser that is looked through: where it is, how it is started, and the sizes of its windows."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page, ViewportSize

DESK: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
# How long, in milliseconds, a page may take for what is certain to come, and a browser to be there.
PATIENCE = 30_000
START_LIMIT = 120_000
# What Debian's chromium wants where it runs as root, and must not do where there is no internet.
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


def launch_options() -> dict[str, Any] | None:
    """Return how the browser is started; None where there is none."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    options = {"executable_path": path, "args": list(_ARGUMENTS), "headless": True, "timeout": START_LIMIT}
    return options if path else None


def sign_in(page: Page, link: str) -> None:
    """Follow a sign-in link, confirm it, and wait until somebody is signed in."""
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda address: "/sign-in" not in address)

"""`make screenshots`: the main pages of a furnished console, on a desk and on a phone, in the light and in the dark.

Writes `docs/screenshots/<page>-<size>-<light>.png`, in as few colours as a screen needs, so that the folder stays
small.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from admin_api.console.sign_in_links import link_for
from cli.embedded import EmbeddedServers
from runtime.logging import configure_logging
from runtime.settings import Settings, load_settings
from sql.migrate import migrate
from tests.acceptance.browser.chromium import DESK, PHONE, launch_options, sign_in
from tests.acceptance.browser.stage import Stage, furnished

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "screenshots"
COLOURS = 96
SIZES = {"desk": DESK, "phone": PHONE}
LIGHTS: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PAGES = {
    "now": "/console/",
    "tickets": "/console/tickets",
    "board": "/console/tickets/board",
    "ticket": "{ticket}",
    "import": "{report}",
    "qa": "/console/qa",
    "repeat-faults": "/console/repeat-faults",
    "qcontact": "/console/qcontact",
    "whatsapp": "/console/whatsapp",
    "jobs": "/console/jobs",
}


def main() -> None:
    """Make them all."""
    options = launch_options()
    if options is None:
        sys.exit("screenshots: there is no chromium; scripts/browser.sh tells how to get it")
    configure_logging("error")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with _settings() as settings, furnished(settings, tickets=400, photos=48) as stage, sync_playwright() as playwright:
        browser = playwright.chromium.launch(**options)
        for size in SIZES:
            for light in LIGHTS:
                _make(browser, stage, size, light)
        browser.close()


@contextmanager
def _settings() -> Iterator[Settings]:
    """Lend the settings of an empty installation in a temporary folder."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="fibreflow-screenshots-"))
        wanted = load_settings({}, environment="test", data_dir=Path(folder))
        settings = stack.enter_context(EmbeddedServers(wanted)).settings
        assert settings.database_url is not None
        migrate(settings.database_url.get_secret_value())
        yield settings


def _make(browser: Browser, stage: Stage, size: str, light: Literal["light", "dark"]) -> None:
    context = browser.new_context(
        base_url=stage.address,
        viewport=SIZES[size],
        color_scheme=light,
        reduced_motion="reduce",
        timezone_id="Africa/Johannesburg",
    )
    page = context.new_page()
    sign_in(page, link_for(stage.admin()[0], stage.platform.settings, stage.platform.clock.now()))
    for name, address in PAGES.items():
        page.goto(address.format(ticket=stage.worth_seeing()[1], report=_report(stage)))
        _keep(page, FOLDER / f"{name}-{size}-{light}.png")
    context.close()


def _report(stage: Stage) -> str:
    with stage.platform.read() as connection:
        row = connection.execute("select id from weekly_reports order by created_at desc limit 1").fetchone()
    assert row is not None
    return f"/console/imports/{row['id']}"


def _keep(page: Page, path: Path) -> None:
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()

"""Every page of the console, on a desk and on a phone, in the light and in the dark: axe-core finds nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Literal

import pytest

from admin_api.console.sign_in_links import link_for
from runtime.settings import Settings
from tests.acceptance.browser.chromium import sign_in
from tests.acceptance.browser.conftest import DESK, PHONE
from tests.acceptance.browser.stage import Stage, furnished
from tests.acceptance.browser.walk import pages_of, walk
from tests.console import open_console

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize

Light = Literal["light", "dark"]

SIZES: dict[str, ViewportSize] = {"desk": DESK, "phone": PHONE}
# What differs between light and dark is colour alone.
LIGHTS: dict[Light, dict[str, list[str]]] = {"light": {}, "dark": {"runOnly": ["color-contrast"]}}
# What answers only who brings a link of their own, and what sends files that are no photos: it has no page.
NOT_REACHED = {"console_sign_in.show_link", "console_ticket_photos.open_file"}
# A page that nobody sees is not brought up to date, so it stays as it is for as long as it is looked at.
UNSEEN = "Object.defineProperty(document, 'hidden', { get: () => true })"
LOOK = """
async ([light, options]) => {
  while (document.documentElement.dataset.bsTheme !== light) await new Promise(requestAnimationFrame);
  const found = await axe.run(document, { resultTypes: ["violations"], ...options });
  return found.violations.map((one) => `${one.id}, ${one.nodes.length} times: ${one.nodes[0].html.slice(0, 200)}
    ${one.nodes[0].failureSummary.replace(/\\s+/g, " ").slice(0, 300)}`);
}"""


@pytest.fixture
def stage(settings: Settings) -> Iterator[Stage]:
    with furnished(settings) as stage:
        yield stage


def test_axe_finds_nothing_on_any_page(stage: Stage, browser: Browser, axe_source: str) -> None:
    key, plain = stage.admin()
    found = walk(stage.app, open_console(stage.app, plain), stage.worth_seeing())
    assert pages_of(stage.app) - found.keys() == NOT_REACHED
    context = browser.new_context(base_url=stage.address, viewport=DESK, reduced_motion="reduce")
    context.add_init_script(UNSEEN)
    context.add_init_script(axe_source)
    page = context.new_page()
    sign_in(page, link_for(key, stage.platform.settings, stage.platform.clock.now()))
    wrong: dict[str, list[str]] = defaultdict(list)
    for address in chain.from_iterable(found.values()):
        for problem, view in look_at(page, address):
            wrong[problem].append(f"{address} ({view})")
    context.close()
    assert not wrong, "\n".join(f"{problem}\n      on {', '.join(views)}" for problem, views in wrong.items())


def look_at(page: Page, address: str) -> Iterator[tuple[str, str]]:
    """Open a page and yield what axe has against it, with the size and the light."""
    page.goto(address)
    for size, viewport in SIZES.items():
        page.set_viewport_size(viewport)
        for light, options in LIGHTS.items():
            page.emulate_media(color_scheme=light)
            for problem in page.evaluate(LOOK, [light, options]):
                yield problem, f"{size}, {light}"

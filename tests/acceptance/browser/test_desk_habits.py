"""What the small script does for those who sit at it all day: ranges, refreshing, copying, light and dark, keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.acceptance.browser.conftest import Person
from tests.factories import make_ticket
from tests.job_kinds import Effect, effect
from tests.stand_in import enqueue_many, platform_for_tests

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from jobs.platform import Platform
    from runtime.settings import Settings

LIST = "/console/tickets"
# A little longer than the script waits between two looks.
A_LOOK = 6_500


@pytest.fixture
def platform(settings: Settings) -> Iterator[Platform]:
    """A platform that knows the tests' own kinds of jobs."""
    with platform_for_tests(settings) as platform:
        yield platform


@pytest.fixture
def five(platform: Platform) -> list[str]:
    """The numbers of five open tickets, the newest first."""
    return [new_ticket(platform) for _ in range(5)][::-1]


def new_ticket(platform: Platform) -> str:
    """Make a ticket and return its number."""
    with platform.read() as connection:
        return str(make_ticket(connection)["ticket_uid"])


def looks_of(page: Page) -> list[str]:
    """Note each time that the page asks for itself."""
    looks: list[str] = []
    page.on("request", lambda request: looks.append(request.url) if request.resource_type == "fetch" else None)
    return looks


def test_shift_ticks_a_range_and_nothing_moves_under_ticked_rows(
    person: Person, five: list[str], platform: Platform
) -> None:
    page = person("manager")
    page.goto(LIST)
    looks = looks_of(page)
    boxes = page.locator("input[data-row]")
    boxes.nth(1).click()
    boxes.nth(3).click(modifiers=["Shift"])
    assert [box.is_checked() for box in boxes.all()] == [False, True, True, True, False]
    expect(page.locator("[data-ticked]").first).to_have_text("3 ticked")
    looks.clear()
    newest = new_ticket(platform)
    page.wait_for_timeout(A_LOOK)
    assert looks == []
    boxes.nth(3).click(modifiers=["Shift"])
    boxes.nth(1).click(modifiers=["Shift"])
    expect(page.get_by_role("link", name=newest)).to_be_visible()


def test_a_hidden_tab_rests_and_who_walks_by_keyboard_stays_where_they_are(
    person: Person, five: list[str], platform: Platform
) -> None:
    page = person("viewer")
    page.goto(LIST)
    page.evaluate("Object.defineProperty(document, 'hidden', { configurable: true, get: () => true })")
    looks = looks_of(page)
    link = page.get_by_role("link", name=five[2])
    link.focus()
    newest = new_ticket(platform)
    page.wait_for_timeout(A_LOOK)
    assert looks == []
    page.evaluate("delete document.hidden")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_role("link", name=newest)).to_be_visible()
    expect(page.get_by_role("link", name=five[2])).to_be_focused()


def test_a_copy_button_copies_and_says_so(person: Person, platform: Platform) -> None:
    [job_id] = enqueue_many(platform, effect, [Effect(milliseconds=10)])
    page = person("operator", permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"/console/jobs/{job_id}")
    page.get_by_role("button", name="Copy").first.click()
    expect(page.locator("#said")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == str(job_id)


def test_light_dark_or_as_the_system_has_it(person: Person, five: list[str]) -> None:
    page = person("viewer", color_scheme="dark")
    page.goto(f"{LIST}?status=open")
    shown = page.locator("html")
    for choice, theme in (("Light", "light"), ("Dark", "dark"), ("System", "dark")):
        page.locator(".account > summary").click()
        page.get_by_role("button", name=choice, exact=True).click()
        page.wait_for_url("**/console/tickets?status=open")
        expect(shown).to_have_attribute("data-bs-theme", theme)


def test_rows_are_walked_ticked_and_opened_by_keys(person: Person, five: list[str]) -> None:
    page = person("manager")
    page.clock.install()
    page.goto(LIST)
    # A second key counts only soon after the first.
    page.clock.pause_at(datetime.now(UTC) + timedelta(hours=1))
    for key in "jjjkx":
        page.keyboard.press(key)
    expect(page.get_by_role("checkbox", name=f"Tick {five[1]}")).to_be_checked()
    expect(page.get_by_role("link", name=five[1])).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=five[1])).to_be_visible()
    page.wait_for_load_state()
    for letter, heading in (("b", "QA board"), ("r", "Repeat faults"), ("t", "Tickets"), ("n", "Now")):
        page.keyboard.press("g")
        page.keyboard.press(letter)
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        page.wait_for_load_state()

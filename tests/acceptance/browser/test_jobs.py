"""Jobs in the browser: what happens to a job is seen without reloading; a bulk retry leaves newcomers alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.acceptance.browser.conftest import PHONE, Person
from tests.job_kinds import Broken, Effect, broken_text, effect
from tests.running import jobs_running
from tests.stand_in import enqueue_many, platform_for_tests

if TYPE_CHECKING:
    from jobs.platform import Platform
    from runtime.settings import Settings


@pytest.fixture
def platform(settings: Settings) -> Iterator[Platform]:
    """A platform that knows the tests' own kinds of jobs."""
    with platform_for_tests(settings) as platform:
        yield platform


def test_a_job_is_seen_to_complete_without_reloading(person: Person, platform: Platform) -> None:
    [job_id] = enqueue_many(platform, effect, [Effect(milliseconds=10)])
    page = person("operator")
    page.goto("/console/jobs")
    row = page.get_by_role("row").filter(has_text="Test effect")
    expect(row).to_contain_text("Available")
    with jobs_running(platform):
        expect(row).to_contain_text("Completed")
    row.get_by_role("link").click()
    expect(page).to_have_url(re.compile(str(job_id)))
    expect(page.get_by_role("heading", name="Test effect")).to_be_visible()


def test_a_bulk_retry_concerns_the_jobs_that_were_counted_and_not_those_that_came_later(
    person: Person, platform: Platform
) -> None:
    enqueue_many(platform, broken_text, [Broken(text="no route to the mast")] * 3)
    with jobs_running(platform):
        page = person("operator")
        page.goto("/console/jobs?state=discarded")
        expect(page.get_by_role("row").filter(has_text="zero")).to_have_count(3)
        page.get_by_text("All that match").click()
        page.get_by_role("button", name="Count them first").click()
        expect(page.get_by_role("heading", name="Retry 3 jobs?")).to_be_visible()
        enqueue_many(platform, broken_text, [Broken(text="a newcomer")] * 2)
        page.get_by_label("Why?").fill("the mast is back")
        page.get_by_role("button", name="Retry them").click()
        expect(page.get_by_role("heading", name="Act on jobs")).to_be_visible()
        expect(page.get_by_text('"acted_on": 3')).to_be_visible()


def test_on_a_phone_rows_are_cards_and_everything_to_touch_is_large(person: Person, platform: Platform) -> None:
    enqueue_many(platform, effect, [Effect(milliseconds=10)] * 3)
    page = person("operator", viewport=PHONE, has_touch=True)
    page.goto("/console/jobs")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    for place in page.locator("main .btn:visible, .tabs a:visible, main summary:visible").all():
        box = place.bounding_box()
        assert box
        assert box["height"] >= 44, place.text_content()


def test_the_keys_lead_through_rows_and_pages(person: Person, platform: Platform) -> None:
    [_, newest] = enqueue_many(platform, effect, [Effect(milliseconds=10)] * 2)
    page = person("operator")
    page.clock.install()
    page.goto("/console/jobs")
    # A second key counts only soon after the first.
    page.clock.pause_at(datetime.now(UTC) + timedelta(hours=1))
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(str(newest)))
    page.keyboard.press("g")
    page.keyboard.press("j")
    page.wait_for_url("**/console/jobs")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keyboard")).to_be_visible()
    page.wait_for_load_state()
    page.keyboard.press("/")
    expect(page.get_by_label("Search tickets")).to_be_focused()

"""A browser that runs no script: signing in, filters, changing a ticket and sending a photo are forms and links."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from cli.sample_photos import draw
from tests.acceptance.browser.conftest import Person
from tests.factories import make_ticket

if TYPE_CHECKING:
    from jobs.platform import Platform


def test_a_ticket_is_found_changed_and_photographed_without_any_script(person: Person, platform: Platform) -> None:
    with platform.read() as connection:
        ticket = make_ticket(connection, title="No light at house 12", status="assigned")
        make_ticket(connection, title="Slow in the evenings")
    page = person("manager", java_script_enabled=False)
    page.goto("/console/tickets")
    expect(page.get_by_text("Slow in the evenings")).to_be_visible()
    page.get_by_label("Search tickets").fill("house 12")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("search=house"))
    expect(page.get_by_text("Slow in the evenings")).to_have_count(0)
    page.get_by_role("link", name=ticket["ticket_uid"]).first.click()
    page.get_by_role("button", name="Start work").click()
    expect(page.locator("#standing")).to_contain_text("In progress")

    picture = draw(1, "step 1", platform.clock.now() - timedelta(minutes=2))
    step = page.locator("#step-1")
    step.locator("input[type=file]").first.set_input_files(
        {"name": "camera.jpg", "mimeType": "image/jpeg", "buffer": picture}
    )
    step.get_by_role("button", name="Send").click()
    expect(page.get_by_role("status").first).to_contain_text("The photo is here")
    expect(page.locator("#step-1").get_by_role("img", name="Photo of step 1")).to_be_visible()

"""Two people act on the same ticket: the second is told what changed meanwhile, and keeps what they had typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.acceptance.browser.conftest import Person
from tests.factories import make_ticket

if TYPE_CHECKING:
    from jobs.platform import Platform


def test_who_is_second_sees_what_changed_and_sends_what_they_typed_once_more(
    person: Person, platform: Platform
) -> None:
    with platform.read() as connection:
        ticket_id = make_ticket(connection, title="No light", pole_number="LAW.P.A001")["id"]
    first, second = person("manager", name="Nomsa Khumalo"), person("manager", name="Lerato Molefe")
    for page in (first, second):
        page.goto(f"/console/tickets/{ticket_id}/edit")
    second.get_by_label("Title").fill("No light, and the dog bites")
    first.get_by_label("Pole").fill("LAW.P.A002")
    first.get_by_role("button", name="Save").click()
    expect(first.get_by_role("status").first).not_to_be_empty()

    second.get_by_role("button", name="Save").click()
    expect(second.get_by_role("alert")).to_be_visible()
    changed = second.get_by_role("region", name="What changed since you opened the page")
    expect(changed).to_contain_text("LAW.P.A001 → LAW.P.A002, by Nomsa Khumalo")
    expect(second.get_by_label("Title")).to_have_value("No light, and the dog bites")

    second.get_by_label("Pole").fill("LAW.P.A002")
    second.get_by_role("button", name="Save").click()
    expect(second.get_by_text("No light, and the dog bites").first).to_be_visible()
    with platform.read() as connection:
        row = connection.execute("select title, pole_number from tickets where id = %s", [ticket_id]).fetchone()
    assert row == {"title": "No light, and the dog bites", "pole_number": "LAW.P.A002"}

"""The import wizard in the browser: from choosing a workbook to its tickets, watched without reloading."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import TimeoutError as NotSeen
from playwright.sync_api import expect

from cli import samples
from tests.acceptance.browser.conftest import Person
from ticketing.weekly_reports import importing, previews

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from runtime.settings import Settings

PATIENCE = 120.0
EVERY = 5_000
LOOKS = 100


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings with which the sample is imported in several batches."""
    return settings.model_copy(update={"import_batch_rows": 40})


class Gate:
    """Lets the jobs go on step by step, so that a person has time to look."""

    def __init__(self) -> None:
        self._steps = threading.Semaphore(0)
        self._is_open = False

    def before(self, step: Callable[..., Any]) -> Callable[..., Any]:
        """Return the step so that it waits to be let through."""

        def wait(*arguments: Any, **named: Any) -> Any:
            assert self._is_open or self._steps.acquire(timeout=PATIENCE)
            return step(*arguments, **named)

        return wait

    def let_through(self) -> None:
        """Let one step through."""
        self._steps.release()

    def open(self) -> None:
        """Let everything through from now on."""
        self._is_open = True
        self._steps.release()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """A gate before a check's end and before each batch of an import."""
    gate = Gate()
    monkeypatch.setattr(previews, "build", gate.before(previews.build))
    monkeypatch.setattr(importing, "import_batch", gate.before(importing.import_batch))
    yield gate
    gate.open()


def see(page: Page, sight: Locator) -> None:
    """Let time pass for the page, five seconds at a time, until it shows something by itself."""
    for _ in range(LOOKS):
        page.clock.run_for(EVERY)
        try:
            sight.wait_for(timeout=1_500)
        except NotSeen:
            continue
        break
    expect(sight).to_be_visible()


def progress(page: Page) -> Locator:
    """The bar of the import."""
    return page.get_by_role("progressbar", name="Rows imported")


def rows_done(page: Page, more_than: int) -> int:
    """Let time pass until more rows are done than before, and return how many; those left must be some."""
    bar = progress(page)
    for _ in range(LOOKS):
        page.clock.run_for(EVERY)
        page.wait_for_timeout(300)
        done = bar.evaluate("bar => bar.value")
        if done > more_than:
            assert done < bar.evaluate("bar => bar.max")
            return int(done)
    raise AssertionError(f"never more than {more_than} rows")


@pytest.mark.usefixtures("worker")
def test_a_workbook_becomes_tickets_before_ones_eyes(person: Person, gate: Gate) -> None:
    page = person("manager")
    page.clock.install()
    page.goto("/console/imports")
    page.get_by_role("link", name="Import a weekly report").click()
    page.get_by_label("The workbook").set_input_files(samples.WEEKLY_REPORT)
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_role("heading", name="The file is being checked")).to_be_visible()
    page.evaluate("window.isTheSame = true")
    gate.let_through()
    see(page, page.get_by_role("heading", name="What the import would do"))
    assert page.evaluate("window.isTheSame"), "the page was reloaded"
    page.get_by_role("button", name=re.compile(r"^ ?Import \d+ rows")).click()

    expect(page.get_by_role("heading", name="The import is under way")).to_be_visible()
    page.evaluate("window.isTheSame = true")
    # Rows that were rejected are done from the beginning.
    begun = progress(page).evaluate("bar => bar.value")
    gate.let_through()
    first = rows_done(page, more_than=begun)
    gate.let_through()
    rows_done(page, more_than=first)
    see(page, page.get_by_text(re.compile(r"about \d+ \w+ left")))
    gate.open()
    see(page, page.get_by_role("heading", name="tickets made or changed"))
    assert page.evaluate("window.isTheSame"), "the page was reloaded"

    page.get_by_role("navigation", name="Rows by what became of them").get_by_role("link", name="Created").click()
    ticket = page.get_by_role("link", name=re.compile(r"^FF\d{6}$")).first
    uid = ticket.inner_text()
    ticket.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(uid)

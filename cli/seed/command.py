"""`fibreflow seed`: sample people, companies and teams, and a made-up history of as many tickets as wanted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from cli.console import notes, out
from cli.seed import history
from cli.system import connected, operator
from ticketing import sample_data

MOST_TICKETS = 10_000_000


def seed(
    tickets: Annotated[
        int, typer.Option(min=0, max=MOST_TICKETS, help="How many tickets of a made-up year there are to be; 0: none")
    ] = 0,
    photos: Annotated[
        int, typer.Option(min=0, max=100_000, help="The most photos to draw, for the first tickets that got to QA")
    ] = history.PHOTOS,
    random_seed: Annotated[int, typer.Option(help="Another number makes another history")] = history.RANDOM_SEED,
) -> None:
    """Add sample people, companies, teams and, with --tickets, a history; what is there stays as it is."""
    with connected() as platform:
        with platform.begin(operator()) as work:
            added = sample_data.add(work)
        out.print(f"added {added.people} people, {added.companies} companies, {added.teams} teams")
        if not tickets:
            return
        platform.declare()
        wanted = history.Wanted(tickets, photos, random_seed)
        with _shown() as progress:
            written = history.write_history(platform, operator(), wanted, progress)
        out.print(f"added {written.tickets} tickets, {written.photos} photos, {written.handovers} handovers")


def register(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command("seed")(seed)


@contextmanager
def _shown() -> Iterator[history.Progress]:
    """Show on standard error how far each phase is."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=notes) as bars:
        tasks: dict[str, TaskID] = {}

        def show(phase: history.Phase, done: int, total: int) -> None:
            if phase not in tasks:
                tasks[phase] = bars.add_task(phase)
            bars.update(tasks[phase], completed=done, total=total)

        yield show

"""What the command says: answers on standard output, everything about them on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from runtime.clock import local_time

# Into a file or a pipe lines are not folded at the width of a screen that is not there.
out = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
notes = Console(stderr=True, highlight=False)


def say(text: str, style: str = "") -> None:
    """Tell the person something that is not the answer itself."""
    notes.print(Text(text, style=style), soft_wrap=True)


def complain(text: str) -> None:
    """Tell the person in one line what went wrong and what to do about it."""
    notes.print(Text.assemble(("fibreflow: ", "bold red"), text), soft_wrap=True)


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str = "nothing") -> None:
    """Print rows under their headers as the answer; `empty` is noted when there are none."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for header in headers:
        grid.add_column(header, overflow="fold")
    for row in rows:
        grid.add_row(*(cell if isinstance(cell, Text) else Text(shown(cell)) for cell in row))
    if grid.row_count:
        out.print(grid)
    else:
        say(empty)


def shown(value: object) -> str:
    """Return a value as a person reads it: times in Africa/Johannesburg, lists with commas, nothing as a dash."""
    if value is None or value == "":
        return "-"
    if isinstance(value, datetime):
        return local_time(value).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(str(item) for item in value) or "-"
    return str(value)

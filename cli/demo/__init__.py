"""`fibreflow demo`: the whole system, started, used over its API, and stopped again.

A workbook becomes tickets, one of them lives its whole life, and three faults on one pole raise an escalation.
Everything printed comes from the API's own answers.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from cli import samples
from cli.console import out
from cli.demo.imports import import_drops, import_weekly, tickets_by_status
from cli.demo.life import live
from cli.demo.repeat_faults import three_faults
from cli.demo.running import running_system, signed_in


def demo(
    drops: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="A drop register, .xlsx")] = samples.DROPS,
    weekly: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="A weekly report, .xlsx")
    ] = samples.WEEKLY_REPORT,
) -> None:
    """Start everything, turn a workbook into tickets and take one through its life before your eyes, stop cleanly."""
    began = time.monotonic()
    with running_system() as address, signed_in(address) as api:
        changed = import_drops(api, drops)
        report_id, imported = import_weekly(api, weekly)
        tickets_by_status(api)
        live(api, report_id)
        three_faults(api)
    out.print(f"everything stopped after {time.monotonic() - began:.1f} s")
    if not (changed or imported):
        out.print("nothing changed: both workbooks had been imported before")
    out.print("demo: ok")


def register(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command("demo")(demo)

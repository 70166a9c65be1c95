"""`fibreflow demo`: the whole system, started, used over its API, and stopped again.

A workbook becomes tickets, one of them lives its whole life, three faults on one pole raise an escalation, cases come
in from QContact and are told of the work on them, and people are told by WhatsApp. Everything printed comes from the
API's own answers, but for what the two sandboxes say they hold.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cli import samples
from cli.console import out
from cli.demo.imports import import_drops, import_weekly, tickets_by_status
from cli.demo.life import live
from cli.demo.qcontact import sync_cases
from cli.demo.repeat_faults import three_faults
from cli.demo.running import running_system, signed_in
from cli.demo.whatsapp import show_notices, write_in


def demo(
    drops: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="A drop register, .xlsx")] = samples.DROPS,
    weekly: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="A weekly report, .xlsx")
    ] = samples.WEEKLY_REPORT,
) -> None:
    """Start everything, turn a workbook into tickets and take one through its life before your eyes, stop cleanly."""
    began, began_at = time.monotonic(), datetime.now(UTC)
    with running_system() as (address, outside), signed_in(address) as api:
        changed = import_drops(api, drops)
        report_id, imported = import_weekly(api, weekly)
        tickets_by_status(api)
        lived = live(api, report_id)
        three_faults(api)
        synced = sync_cases(api, outside.qcontact, since=began_at)
        show_notices(api, outside.waha, [ticket_id for ticket_id in (lived, synced) if ticket_id])
        if synced:
            write_in(api, outside.waha, synced)
    out.print(f"everything stopped after {time.monotonic() - began:.1f} s")
    if not (changed or imported):
        out.print("nothing changed: both workbooks had been imported before")
    out.print("demo: ok")


def register(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command("demo")(demo)

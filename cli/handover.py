"""`fibreflow handover`: prove that what was handed over is still what was put on record."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.console import complain, say, table
from cli.system import connected
from integrations.file_archive import FileArchive
from integrations.storage import Storage
from ticketing.handover.chain import ChainReport
from ticketing.handover.verifying import parse_expected, verify

app = typer.Typer(help="Handovers: prove their chain.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Handovers: prove their chain."""


@app.command("verify")
def verify_chain(
    evidence: Annotated[
        bool, typer.Option("--evidence", help="Read every file on record again and compare its checksum")
    ] = False,
    expect: Annotated[
        str | None, typer.Option(metavar="NUMBER:SHA256", help="A link as noted earlier, outside the database")
    ] = None,
) -> None:
    """Walk the whole chain of handovers; exit 1 and name the first broken link unless all of it holds."""
    expected = parse_expected(expect) if expect else None
    with connected() as platform:
        archive = FileArchive(Storage.from_settings(platform.settings)) if evidence else None
        report = verify(platform.read, archive=archive, expected=expected)
    _tell(report, evidence=evidence)
    if not report.holds:
        raise typer.Exit(1)


def _tell(report: ChainReport, *, evidence: bool) -> None:
    files = f", {report.files_checked} files" if evidence else ""
    if report.holds:
        say(f"The chain holds: {report.checked} handovers{files}")
        if report.head_sha256:
            say("Note its end where nobody who runs the database can change it, and give it to --expect later:")
            table(("number", "sha256"), [(report.checked, report.head_sha256)])
        return
    complain(f"the chain is broken: {report.breaks[0].message}")
    table(("link", "what", "found"), ((one.number, one.kind, one.message) for one in report.breaks))
    if report.breaks_found > len(report.breaks):
        say(f"and {report.breaks_found - len(report.breaks)} more")


def register(parent: typer.Typer) -> None:
    """Add these commands to the app."""
    parent.add_typer(app, name="handover")

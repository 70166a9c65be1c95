"""`fibreflow integrations`: how things stand with the services outside; try one now, hold one back, let it go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from pydantic_core import to_json

from cli.console import out, say, table
from cli.jobs import follow_to_end
from cli.system import connected, operator
from jobs.outside import operating
from ticketing.notices import session_views

app = typer.Typer(help="Services outside (QContact, WAHA): list, probe, hold, release.")

Name = Annotated[str, typer.Argument(help=", ".join(operating.NAMES))]
Why = Annotated[str | None, typer.Option("--reason", help="Why; it is kept in the audit")]
AsJson = Annotated[bool, typer.Option("--json", help="As the API has it, for programs")]


@app.callback(invoke_without_command=True)
def look(context: typer.Context, as_json: AsJson = False) -> None:
    """Services outside (QContact, WAHA): without a command, list them and the gateway's sessions."""
    if context.invoked_subcommand is not None:
        return
    with connected() as platform, platform.read() as connection:
        services = operating.list_integrations(connection, platform.settings)
        sessions = session_views.list_sessions(connection, platform.clock.now())
    if as_json:
        _print_json({"integrations": services, "sessions": sessions})
        return
    _show_services(services)
    if sessions:
        _show_sessions(sessions)


@app.command()
def probe(
    name: Name,
    reason: Why = None,
    follow: Annotated[bool, typer.Option(help="Wait for the answer; exits with 1 when there is none")] = False,
    as_json: AsJson = False,
) -> None:
    """Try a service now, by a job; if it answers, everybody calls it again."""
    with connected() as platform:
        with platform.begin(operator()) as work:
            job = operating.probe(work, platform.settings, name, reason)
        state = follow_to_end(platform, job.id) if follow else None
    if as_json:
        _print_json({"job_id": job.id, "existing": job.existing, "state": state})
    else:
        out.print(str(job.id))
    if follow and state != "completed":
        say(f"{name} did not answer: `fibreflow jobs show {job.id}` tells why", style="red")
        raise typer.Exit(1)


@app.command()
def hold(name: Name, reason: Annotated[str, typer.Option(help="Why; everybody who looks is told")]) -> None:
    """Have no job call a service until it is released; its jobs wait and burn no attempt."""
    with connected() as platform, platform.begin(operator()) as work:
        operating.hold(work, name, reason)
    say(f"{name} is left alone")


@app.command()
def release(name: Name, reason: Why = None) -> None:
    """Let a service that was held be called again."""
    with connected() as platform, platform.begin(operator()) as work:
        operating.release(work, name, reason)
    say(f"{name} is called again")


def _show_services(services: Sequence[Mapping[str, Any]]) -> None:
    table(
        (
            "service",
            "set up",
            "state",
            "failures",
            "next try",
            "last success",
            "last failure",
            "why",
            "signed in",
            "held",
        ),
        (
            (
                one["name"],
                "yes" if one["set_up"] else "no",
                one["state"],
                one["failures"],
                one["retry_at"],
                one["last_success_at"],
                one["last_error"] and one["last_error"]["at"],
                one["last_error"] and f"{one['last_error']['code']}: {one['last_error']['message']}",
                one["signed_in_at"] or one["sign_in_outcome"],
                one["held"] and f"by {one['held']['by']}: {one['held']['reason']}",
            )
            for one in services
        ),
    )


def _show_sessions(sessions: Sequence[Mapping[str, Any]]) -> None:
    table(
        ("session", "status", "since", "engine", "looked at", "restarted", "sends", "waits until", "why", "alarm"),
        (
            (
                one["session"],
                one["status"],
                one["status_at"],
                one["engine"],
                one["checked_at"],
                one["restarted_at"],
                "yes" if one["is_sending"] else "no",
                one["blocked_until"],
                one["blocked_reason"],
                one["alarm"],
            )
            for one in sessions
        ),
    )


def _print_json(answer: Mapping[str, Any]) -> None:
    out.print(to_json(answer, indent=2).decode(), markup=False, soft_wrap=True)


def register(parent: typer.Typer) -> None:
    """Add these commands to the app."""
    parent.add_typer(app, name="integrations")

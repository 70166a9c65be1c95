"""`fibreflow up`, `migrate`, `api`, `worker`, `scheduler`, `stop`: what runs, all at once or one by one."""

from __future__ import annotations

import os
import socket
import threading
import time
from datetime import timedelta

import httpx
import typer
from rich.panel import Panel
from rich.text import Text

from admin_api.console.sign_in_links import LASTS
from cli.console import notes, out, say
from cli.demo_user import demo_user
from cli.embedded import EmbeddedServers
from cli.supervisor import Program, Supervisor, python_module
from cli.system import environment_of, running_servers
from runtime.errors import FibreflowError
from runtime.settings import Settings, load_settings
from sql.migrate import migrate

API = Program("api", python_module("gunicorn", "--config", "python:admin_api.gunicorn_conf"))
WORKER = Program("worker", python_module("workers"))
SCHEDULER = Program("scheduler", python_module("scheduler"))
# On top of the workers' own grace period: what the supervisor of the workers and gunicorn need to notice.
EXTRA_GRACE = 12.0
READY_WITHIN = 60.0


class PortTaken(FibreflowError):
    """Something listens where the API is to listen."""

    code = "PORT_TAKEN"


def up() -> None:
    """Run everything here: servers (embedded ones unless URLs are set), migrations, API, workers, scheduler."""
    settings = load_settings()
    _require_free_port(settings)
    with EmbeddedServers(settings) as servers:
        if servers.needed:
            say(f"embedded servers keep their data in {settings.data_dir.resolve()}")
        for name in migrate(database_url(servers.settings)):
            say(f"applied {name}")
        with demo_user(servers.settings) as link:
            raise typer.Exit(_run(servers.settings, (API, WORKER, SCHEDULER), link))


def migrate_database() -> None:
    """Bring the database's schema up to date."""
    with running_servers() as settings:
        applied = migrate(database_url(settings))
    for name in applied:
        out.print(f"applied {name}")
    if not applied:
        out.print("the schema is up to date")


def api() -> None:
    """Run the API in the foreground."""
    _run_alone(API)


def worker() -> None:
    """Run the worker processes in the foreground."""
    _run_alone(WORKER)


def scheduler() -> None:
    """Run one scheduler in the foreground."""
    _run_alone(SCHEDULER)


def stop() -> None:
    """Stop the embedded servers, whoever uses them. Servers that have a URL are not touched."""
    EmbeddedServers(load_settings()).stop_for_all()


def register(app: typer.Typer) -> None:
    """Add these commands to the app."""
    app.command("up")(up)
    app.command("migrate")(migrate_database)
    app.command("api")(api)
    app.command("worker")(worker)
    app.command("scheduler")(scheduler)
    app.command("stop")(stop)


def database_url(settings: Settings) -> str:
    """Return the address of the database; only for settings of running servers."""
    if settings.database_url is None:
        raise ValueError("settings.database_url is empty: start the embedded servers first")
    return settings.database_url.get_secret_value()


def _run_alone(program: Program) -> None:
    """Become the program where the servers have URLs (one process less, in a container); else stand over it."""
    servers = EmbeddedServers(load_settings())
    if not servers.needed:
        os.execv(program.command[0], program.command)  # noqa: S606 - the command is our own
    with servers:
        raise typer.Exit(_run(servers.settings, (program,)))


def _run(settings: Settings, programs: tuple[Program, ...], link: str | None = None) -> int:
    environment = environment_of(settings)
    environment.setdefault("FIBREFLOW_LOG_FORMAT", "console")
    supervisor = Supervisor(programs, environment, grace=settings.worker_grace + EXTRA_GRACE)
    if API in programs:
        threading.Thread(target=_tell_when_ready, args=(settings, supervisor, link), daemon=True).start()
    return supervisor.run()


def _require_free_port(settings: Settings) -> None:
    family = socket.AF_INET6 if ":" in settings.api_host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.api_host, settings.api_port))
        except OSError as error:
            raise PortTaken(
                f"cannot listen on {settings.api_host}:{settings.api_port}: {error.strerror}. "
                "Is it running already? Otherwise set FIBREFLOW_API_PORT"
            ) from error


def _tell_when_ready(settings: Settings, supervisor: Supervisor, link: str | None) -> None:
    """Say where to look, and by which link to sign in there, as soon as the API says that it is ready."""
    address = public_address(settings)
    deadline = time.monotonic() + READY_WITHIN
    with httpx.Client(timeout=5, trust_env=False) as client:
        while time.monotonic() < deadline and not supervisor.stopping:
            try:
                if client.get(f"{address}/readyz").status_code == httpx.codes.OK:
                    _say_where_to_look(address, link)
                    return
            except httpx.TransportError:
                pass  # it does not listen yet
            time.sleep(0.2)
    if not supervisor.stopping:
        say(f"the API is not ready after {READY_WITHIN:.0f} s: ask `fibreflow doctor`, or {address}/readyz", "yellow")


def public_address(settings: Settings) -> str:
    """Return the address under which this machine reaches the API."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.api_host, settings.api_host)  # noqa: S104
    return f"http://{host}:{settings.api_port}"


def _say_where_to_look(address: str, link: str | None) -> None:
    notes.print(_where_to_look(address))
    if link:
        # A line of its own, folded by nothing but the terminal: out of the frame it could not be copied.
        say(
            f"to the console as the demo user, while this runs and for {LASTS // timedelta(hours=1)} h at most:", "bold"
        )
        say(f"{address}{link}")


def _where_to_look(address: str) -> Panel:
    lines = (
        ("console", f"{address}/console/"),
        ("something to look at", "fibreflow seed --tickets 1000"),
        ("API and its pages", f"{address}/openapi"),
        ("is it well?", f"{address}/readyz"),
        ("metrics (operator)", f"{address}/metrics"),
        ("a key to sign in", "fibreflow keys create NAME --role admin"),
        ("what is running", "fibreflow jobs list"),
        ("stop", "Ctrl-C"),
    )
    text = Text("\n").join(Text.assemble((f"{name:<22}", "bold"), value) for name, value in lines)
    return Panel(text, title="FibreFlow is ready", border_style="green", expand=False)

"""`fibreflow sandbox`: QContact and WAHA as servers on this machine, to try the integrations without the outside.

The first line on standard output is the address; the settings that point an installation at it follow on standard
error. Everything is kept in memory and gone when the command ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import typer

from cli.console import out, say
from cli.samples import drops
from integrations.qcontact.sandbox import QContactSandbox
from integrations.sandboxes import Sandbox
from integrations.sandboxes.running import serve
from integrations.waha.sandbox import Hook, WahaSandbox, WahaSwitches
from runtime.settings import PREFIX
from ticketing.errors import InvalidInput

app = typer.Typer(help="QContact and WhatsApp's gateway as servers on this machine.", no_args_is_help=True)

Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one")]
Seed = Annotated[int, typer.Option(help="The same course of things for the same seed")]
Latency = Annotated[float, typer.Option(min=0, max=60, help="Seconds added to each answer")]
Faults = Annotated[float, typer.Option(min=0, max=1, help="How many of the calls fail, at random")]


def register(main: typer.Typer) -> None:
    """Add these commands to the app."""
    main.add_typer(app, name="sandbox")


@app.command()
def qcontact(
    port: Port = 0,
    cases: Annotated[int, typer.Option(min=0, max=100_000, help="How many cases to begin with")] = 20,
    seed: Seed = 0,
    latency: Latency = 0.0,
    faults: Faults = 0.0,
) -> None:
    """Serve a QContact with believable cases at drops of the sample register, until Ctrl-C."""
    sandbox = QContactSandbox(port=port, seed=seed)
    sandbox.add_cases(cases, drops=[drop.label for drop in drops() if not drop.is_spare])
    _serve(sandbox, latency, faults, lambda: sandbox.settings_values)


@app.command()
def waha(
    port: Port = 0,
    engine: Annotated[Literal["GOWS", "NOWEB", "WEBJS", "WPP"], typer.Option(help="Whose shapes it answers in")] = (
        "GOWS"
    ),
    session: Annotated[str, typer.Option(help="The session that is paired and works")] = "default",
    api_key: Annotated[str, typer.Option(help="What callers must present")] = "sandbox-key",
    hook_url: Annotated[str | None, typer.Option(help="Where events are sent, on this machine")] = None,
    hook_secret: Annotated[str | None, typer.Option(help="With what events are signed")] = None,
    seed: Seed = 0,
    latency: Latency = 0.0,
    faults: Faults = 0.0,
) -> None:
    """Serve a WAHA whose messages arrive and are read, until Ctrl-C."""
    hook = Hook.with_secret(hook_url, hook_secret) if hook_url else None
    sandbox = WahaSandbox(api_key=api_key, hook=hook, session=session, port=port, seed=seed)
    sandbox.switches = WahaSwitches(engine=engine)
    values = {"waha_api_key": api_key, "waha_session": session, "waha_webhook_secret": hook_secret}
    _serve(sandbox, latency, faults, lambda: {"waha_url": sandbox.url, **values})


def _serve(sandbox: Sandbox, latency: float, faults: float, values: Callable[[], Mapping[str, Any]]) -> None:
    sandbox.latency, sandbox.faults.rate = latency, faults

    def tell(url: str) -> None:
        out.print(url)
        _explain(url, values())

    try:
        serve(sandbox, tell)
    except OSError as error:
        raise InvalidInput(f"port {sandbox.port} cannot be listened on: {error.strerror}") from error


def _explain(url: str, values: Mapping[str, Any]) -> None:
    say("Settings that point an installation here:", style="bold")
    for name, value in values.items():
        if value is not None:
            say(f"  export {PREFIX}{name.upper()}={value}")
    say(f"What it holds: {url}/_sandbox/state and {url}/_sandbox/journal. Ctrl-C ends it.")

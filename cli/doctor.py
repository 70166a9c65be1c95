"""`fibreflow doctor` and `fibreflow settings`: what is wrong, and what to do about it."""

from __future__ import annotations

import typer
from pydantic import SecretStr
from rich.text import Text

from cli.checks import examine
from cli.console import out, table
from cli.findings import Finding
from runtime.errors import SettingsError
from runtime.logging import MASK, mask_secrets
from runtime.settings import PREFIX, Settings, load_settings

STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor() -> None:
    """Look at settings, PostgreSQL, Redis, schema, storage, clocks and integrations; exit 1 if anything fails."""
    findings = examine()
    table(
        ("", "what", "found", "what to do"),
        ((_status(one), one.what, one.found, one.advice or None) for one in findings),
    )
    failed = [one.what for one in findings if one.status == "fail"]
    out.print(f"failed: {', '.join(failed)}" if failed else "nothing stands in the way")
    if failed:
        raise typer.Exit(1)


def settings() -> None:
    """List every setting: name, default, and what it is here (secrets masked); exit 1 if they cannot be used."""
    current, refusal = _load()
    table(
        ("setting", "default", "here"),
        (
            (PREFIX + name.upper(), _shown(field.get_default(call_default_factory=True)), _here(current, name))
            for name, field in Settings.model_fields.items()
        ),
    )
    if refusal is not None:
        raise refusal


def _load() -> tuple[Settings | None, SettingsError | None]:
    """Settings that cannot be used are no reason not to list their names."""
    try:
        return load_settings(), None
    except SettingsError as error:
        return None, error


def register(app: typer.Typer) -> None:
    """Add these commands to the app."""
    app.command("doctor")(doctor)
    app.command("settings")(settings)


def _status(finding: Finding) -> Text:
    return Text(finding.status, style=STYLES[finding.status])


def _here(current: Settings | None, name: str) -> Text:
    if current is None or name not in current.model_fields_set:
        return Text("")
    return Text(_shown(getattr(current, name)), style="bold")


def _shown(value: object) -> str:
    """Return a setting's value with nothing secret in it: of a secret, only a URL's harmless parts."""
    if isinstance(value, SecretStr):
        text = value.get_secret_value()
        return mask_secrets(text) if "://" in text else MASK
    if isinstance(value, tuple):
        return ",".join(str(item) for item in value)
    return "" if value is None else mask_secrets(str(value))

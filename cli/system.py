"""What a command works on: the settings, the servers (embedded ones join in by themselves) and the platform."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import SecretStr

from cli.embedded import EmbeddedServers
from jobs.platform import Platform
from runtime.settings import PREFIX, Settings, load_settings
from sql.migrate import check
from ticketing.people import Actor


@contextmanager
def running_servers() -> Iterator[Settings]:
    """Lend the settings with both addresses filled in; embedded servers run for as long as that lasts."""
    with EmbeddedServers(load_settings()) as servers:
        yield servers.settings


@contextmanager
def connected() -> Iterator[Platform]:
    """Lend the platform on a checked schema. Raises SchemaMismatch, which names the command that mends it."""
    with running_servers() as settings:
        platform = Platform.connect(settings)
        try:
            with platform.read() as connection:
                check(connection)
            yield platform
        finally:
            platform.close()


def operator() -> Actor:
    """Return whoever sits at this terminal, as an actor that may everything: the terminal is the server's own."""
    try:
        name = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        name = str(os.geteuid())
    return Actor(kind="system", name=f"cli:{name}", roles=frozenset({"admin"}))


def environment_of(settings: Settings) -> dict[str, str]:
    """Return an environment in which a child process finds these settings, secrets included."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        if value is not None:
            environment[PREFIX + name.upper()] = _written(value)
    return environment


def _written(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return ",".join(str(item) for item in value) if isinstance(value, tuple) else str(value)

"""`fibreflow keys`: the API keys by which programs sign in."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, cast
from uuid import UUID

import typer

from cli.console import out, say, table
from cli.system import connected, operator
from ticketing import api_keys
from ticketing.directory import find_contractor
from ticketing.people import ROLES, Role

app = typer.Typer(help="API keys: create, list, revoke.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for, for example: nightly export")],
    role: Annotated[list[str], typer.Option(help=f"What it may do; repeat for several: {', '.join(ROLES)}")],
    days: Annotated[int | None, typer.Option(min=1, help="Days until it expires; without it, never")] = None,
    user: Annotated[UUID | None, typer.Option(help="Id of the user that it acts as")] = None,
    company: Annotated[
        str | None,
        typer.Option(
            "--company",
            "--contractor",
            help="Company that it acts for: its id, code or name (`fibreflow people companies` lists them)",
        ),
    ] = None,
) -> None:
    """Make a key and print it, this once and never again."""
    with connected() as platform, platform.begin(operator()) as work:
        key, plain = api_keys.create(
            work,
            name,
            cast("tuple[Role, ...]", tuple(role)),
            expires_at=work.now + timedelta(days=days) if days else None,
            user_id=user,
            contractor_id=find_contractor(work.connection, company) if company else None,
        )
    say(f"{key.name} may act as {', '.join(key.roles)}. Keep the key: it is not shown again.")
    out.print(plain, soft_wrap=True)


@app.command("list")
def list_keys() -> None:
    """List the keys, the newest first."""
    with connected() as platform, platform.read() as connection:
        keys = api_keys.list_keys(connection)
    table(
        ("prefix", "name", "roles", "created", "by", "last used", "expires", "revoked"),
        (
            (
                api_keys.MARK + key.prefix,
                key.name,
                key.roles,
                key.created_at,
                key.created_by,
                key.last_used_at,
                key.expires_at,
                key.revoked_at,
            )
            for key in keys
        ),
        empty="there are no keys: fibreflow keys create NAME --role admin",
    )


@app.command()
def revoke(prefix: Annotated[str, typer.Argument(help="The key's prefix, as `fibreflow keys list` shows it")]) -> None:
    """Revoke a key, from now on and for ever."""
    with connected() as platform, platform.begin(operator()) as work:
        key = api_keys.revoke(work, prefix)
    say(f"{api_keys.MARK}{key.prefix} ({key.name}) no longer signs in")


def register(parent: typer.Typer) -> None:
    """Add these commands to the app."""
    parent.add_typer(app, name="keys")

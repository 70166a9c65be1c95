"""The `fibreflow` command. Each group of commands is a file of its own; an expected error is one line and exit 1."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import redis
import typer

from cli import (
    demo,
    doctor,
    handover,
    imports,
    integrations,
    jobs,
    keys,
    operate,
    people,
    samples,
    sandbox,
    seed,
    servers,
)
from cli.console import complain
from runtime.errors import FibreflowError
from sql.errors import translate

GROUPS = (
    *(servers, demo, doctor, keys, imports, jobs, operate),
    *(integrations, people, handover, samples, seed, sandbox),
)


def make_app() -> typer.Typer:
    """Return the command with all its groups."""
    app = typer.Typer(
        name="fibreflow",
        help="Tickets and durable background jobs for a fibre network.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for group in GROUPS:
        group.register(app)
    return app


def main() -> None:
    """Run the command line. Exits with 0, 1 (it failed, and said why) or 2 (it was called wrongly)."""
    signal.signal(signal.SIGTERM, _stop_in_order)
    try:
        make_app()()
    except FibreflowError as error:
        _fail(error.message)
    except redis.RedisError as error:
        _fail(f"Redis cannot be reached: {error}. `fibreflow doctor` looks into it")
    except Exception as error:
        known = translate(error)
        if known is None:
            raise
        _fail(f"{known.message} ({type(error).__name__}). `fibreflow doctor` looks into it")


def _stop_in_order(_number: int, _frame: FrameType | None) -> None:
    """Leave through every `with`, so that embedded servers stop as well."""
    sys.exit(128 + signal.SIGTERM)


def _fail(message: str) -> None:
    complain(message)
    sys.exit(1)


if __name__ == "__main__":
    main()

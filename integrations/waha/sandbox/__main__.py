"""`python -m integrations.waha.sandbox`: serve until told to stop; the first line is the address."""

from __future__ import annotations

import argparse

from integrations.sandboxes.running import serve
from integrations.waha.sandbox import Hook, WahaSandbox, WahaSwitches


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="integrations.waha.sandbox", description=main.__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    parser.add_argument("--seed", type=int, default=0, help="the same course of things for the same seed")
    parser.add_argument("--engine", default="GOWS", choices=["GOWS", "NOWEB", "WEBJS", "WPP"])
    parser.add_argument("--session", default="default", help="the name of the session that is paired and works")
    parser.add_argument("--api-key", default="sandbox-key", help="what callers must present")
    parser.add_argument("--hook-url", help="where every event is sent, on this machine")
    parser.add_argument("--hook-secret", help="with what events are signed")
    given = parser.parse_args()
    hook = Hook.with_secret(given.hook_url, given.hook_secret) if given.hook_url else None
    sandbox = WahaSandbox(api_key=given.api_key, hook=hook, session=given.session, port=given.port, seed=given.seed)
    sandbox.switches = WahaSwitches(engine=given.engine)
    serve(sandbox)


if __name__ == "__main__":
    main()

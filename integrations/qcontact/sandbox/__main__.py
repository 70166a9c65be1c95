"""`python -m integrations.qcontact.sandbox`: serve until told to stop; the first line is the address."""

from __future__ import annotations

import argparse

from integrations.qcontact.sandbox import QContactSandbox
from integrations.sandboxes.running import serve


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="integrations.qcontact.sandbox", description=main.__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    parser.add_argument("--cases", type=int, default=0, help="how many cases to begin with")
    parser.add_argument("--seed", type=int, default=0, help="the same faults and cases for the same seed")
    given = parser.parse_args()
    sandbox = QContactSandbox(port=given.port, seed=given.seed)
    sandbox.add_cases(given.cases)
    serve(sandbox)


if __name__ == "__main__":
    main()

"""Real endpoints for the conformance suites: named in the environment by whoever runs them, never by default.

`FIBREFLOW_TEST_QCONTACT_URL` and its neighbours become the settings of the same names without `TEST_`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tests.network import allowing

PREFIX = "FIBREFLOW_TEST_"
# Looked up while tests are collected: later the tests are sealed from the settings of whoever runs them.
_GIVEN = {name.removeprefix(PREFIX).lower(): value for name, value in os.environ.items() if name.startswith(PREFIX)}


def values_for(integration: str) -> dict[str, str]:
    """Return what was given for an integration by the settings' names; empty unless its address was."""
    found = {name: value for name, value in _GIVEN.items() if name.startswith(f"{integration}_") and value}
    return found if f"{integration}_url" in found else {}


def endpoints(integration: str) -> list[str]:
    """Return what a suite runs over."""
    return ["sandbox", "real"] if values_for(integration) else ["sandbox"]


@contextmanager
def reachable(url: str) -> Iterator[None]:
    """Let tests reach the host of this address, and still nothing else, for as long as the block."""
    with allowing(urlsplit(url).hostname or ""):
        yield

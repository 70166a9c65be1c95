"""A process that calls QContact from several threads when it is told to: `python -m tests.outside_caller`.

For each line on its standard input it calls once from each thread, through the breaker, and answers with one line: how
each call ended.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

from jobs.outcomes import PutOff
from jobs.outside import Breaker
from jobs.platform import Platform
from runtime.errors import FibreflowError
from runtime.logging import configure_logging
from runtime.settings import load_settings

THREADS = 4


def call(platform: Platform) -> str:
    """Call once; say how that ended."""
    try:
        with Breaker(platform, "qcontact").call():
            platform.outside.qcontact.me()
    except PutOff:
        return "put_off"
    except FibreflowError as error:
        return error.code
    return "answered"


def main() -> None:
    """Serve lines until there are no more."""
    settings = load_settings()
    configure_logging("error")
    platform = Platform.connect(settings)
    with ThreadPoolExecutor(THREADS) as pool:
        say("ready")
        for _ in sys.stdin:
            say(" ".join(pool.map(lambda _: call(platform), range(THREADS))))
    platform.close()


def say(line: str) -> None:
    """Say a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

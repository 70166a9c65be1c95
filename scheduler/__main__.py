"""`python -m scheduler`: one scheduler process; run two of them to survive the loss of one."""

from __future__ import annotations

import sys

from runtime.errors import FibreflowError
from runtime.logging import configure_logging, get_logger
from runtime.settings import load_settings
from scheduler.process import SchedulerProcess


def main() -> int:
    """Run until told to stop; returns the exit code."""
    try:
        settings = load_settings()
        configure_logging(settings.log_level, settings.log_format, process="scheduler")
        return SchedulerProcess(settings).run()
    except (FibreflowError, ValueError) as error:
        get_logger(__name__).error("cannot_start", reason=str(error))
        return 2


if __name__ == "__main__":
    sys.exit(main())

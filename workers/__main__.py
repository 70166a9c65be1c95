"""`python -m workers`: worker processes as the settings say; `--child` is one of them, in this very process."""

from __future__ import annotations

import os
import sys

from runtime.errors import FibreflowError
from runtime.logging import configure_logging, get_logger
from runtime.settings import load_settings
from workers.process import EXIT_CANNOT_START, WorkerProcess
from workers.supervisor import Supervisor


def main(arguments: list[str]) -> int:
    """Run until told to stop; returns the exit code."""
    try:
        settings = load_settings()
        configure_logging(settings.log_level, settings.log_format, process="worker")
        if "--child" in arguments:
            code = WorkerProcess(settings).run(follow_parent=True)
        else:
            code = Supervisor(settings.worker_processes, settings.worker_grace).run()
    except FibreflowError as error:
        get_logger(__name__).error("cannot_start", code=error.code, reason=error.message)
        code = EXIT_CANNOT_START
    except ValueError as error:
        get_logger(__name__).error("cannot_start", reason=str(error))
        code = EXIT_CANNOT_START
    return code


if __name__ == "__main__":
    exit_code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # A thread that does not come back must not keep the process: everything of worth is written down by now.
    os._exit(exit_code)

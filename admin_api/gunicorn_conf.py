"""How gunicorn serves the API: `gunicorn --config python:admin_api.gunicorn_conf`.

One worker process with threads: requests wait on PostgreSQL and not on the processor, the HTTP measures stay in one
memory, and a second instance behind the load balancer does more for availability than a second process in this one.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from gunicorn.glogging import Logger

from runtime.logging import configure_logging
from runtime.settings import load_settings

_settings = load_settings()
configure_logging(_settings.log_level, _settings.log_format, process="api")


class StructuredLogger(Logger):  # type: ignore[misc]
    """Gunicorn's own words, in the same form as everybody else's; requests are logged by the app."""

    def setup(self, cfg: Any) -> None:
        """Hand gunicorn's records to the root logger."""
        self.cfg = cfg
        self.error_log.handlers = []
        self.error_log.propagate = True
        self.error_log.setLevel(logging.INFO)
        self.access_log.disabled = True


wsgi_app = "admin_api.wsgi:app"
bind = [f"{_settings.api_host}:{_settings.api_port}"]
worker_class = "gthread"
workers = 1
threads = _settings.api_threads
timeout = 60
graceful_timeout = 25
keepalive = 5
max_requests = 0
limit_request_line = 8190
limit_request_fields = 100
logger_class = StructuredLogger
accesslog = None
control_socket_disable = True
proc_name = "fibreflow-api"
if os.access("/dev/shm", os.W_OK):  # noqa: S108 - the heartbeat file must not wait for a disk
    worker_tmp_dir = "/dev/shm"  # noqa: S108

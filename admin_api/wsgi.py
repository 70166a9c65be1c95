"""The app as gunicorn loads it: `admin_api.wsgi:app`."""

from __future__ import annotations

import atexit

from admin_api.app import create_app
from admin_api.context import EXTENSION
from runtime.logging import configure_logging
from runtime.settings import load_settings

_settings = load_settings()
configure_logging(_settings.log_level, _settings.log_format, process="api")
app = create_app(_settings)
atexit.register(app.extensions[EXTENSION].platform.close)

"""The app factory: settings and platform in, a Flask app that is safe to serve out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from werkzeug.middleware.proxy_fix import ProxyFix

from admin_api import auth, console, docs, limits, observing, problems, security
from admin_api.api import BLUEPRINTS
from admin_api.blueprints import Blueprint
from admin_api.context import EXTENSION, Services
from admin_api.measures import LedgerMeasures
from admin_api.responses import Failure, JsonProvider
from integrations.clerk import ClerkSessions
from runtime.metrics import HttpMetrics
from runtime.settings import Settings, load_settings
from sql.migrate import check

if TYPE_CHECKING:
    from jobs.platform import Platform

# Operators and load balancers ask these often, and most of all when something is wrong. A gateway tells of each message
# several times from one address; who does not know its secret costs one signature.
UNLIMITED = frozenset({"health.alive", "health.ready", "health.metrics", "webhooks.qcontact", "webhooks.waha"})


def create_app(
    settings: Settings | None = None,
    platform: Platform | None = None,
    *,
    blueprints: Sequence[Blueprint] = BLUEPRINTS,
) -> OpenAPI:
    """Build the app; settings come from the environment and the platform from the settings unless given.

    Raises SettingsError for settings that cannot be used, and SchemaMismatch (naming the command that mends it) on a
    database whose schema is not this program's.
    """
    if platform is None:
        platform = _connect(settings or load_settings())
    settings = platform.settings
    with platform.read() as connection:
        check(connection)
    # Routes enqueue: the queues must be known even when no worker or scheduler has ever started.
    platform.declare()
    app = OpenAPI(
        "admin_api",
        info=Info(title="FibreFlow ticketing", version="1", description="Tickets, and the jobs behind them"),
        security_schemes=docs.SECURITY_SCHEMES,
        validation_error_model=Failure,
        doc_ui=False,
        static_folder=None,
    )
    _configure(app, settings)
    metrics = HttpMetrics()
    metrics.add(LedgerMeasures(platform))
    app.extensions[EXTENSION] = Services(platform, metrics, ClerkSessions.from_settings(settings))
    _register(app, settings, blueprints)
    return app


def _connect(settings: Settings) -> Platform:
    from jobs.platform import Platform

    return Platform.connect(settings)


def _configure(app: OpenAPI, settings: Settings) -> None:
    app.json = JsonProvider(app)
    app.config["MAX_CONTENT_LENGTH"] = settings.api_max_upload
    app.config["MAX_FORM_PARTS"] = 100
    app.config["FIBREFLOW_UNLIMITED"] = UNLIMITED
    app.url_map.strict_slashes = False
    if settings.api_trusted_proxies:
        hops = settings.api_trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]


def _register(app: OpenAPI, settings: Settings, blueprints: Sequence[Blueprint]) -> None:
    """Hooks run in this order: the id first, then who it is, then the limit, and only then whether they may."""
    observing.register(app)
    app.before_request(auth.recognise)
    limits.register(app, settings)
    app.before_request(auth.authorise)
    security.register(app, settings)
    problems.register(app)
    for api in blueprints:
        app.register_api(api)
    docs.register(app)
    console.register(app, settings)
    auth.refuse_undeclared(app)

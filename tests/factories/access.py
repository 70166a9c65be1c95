"""Builders for signing in: API keys, and clients that use them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from flask import Flask
from flask.testing import FlaskClient

from tests.factories import make_contractor, unique
from ticketing import api_keys
from ticketing.people import SYSTEM, Role

if TYPE_CHECKING:
    from jobs.platform import Platform


def make_api_key(platform: Platform, *roles: Role, **fields: Any) -> str:
    """Make an API key with the roles and return its plain text; a contractor's key gets a company."""
    return _make(platform, *roles, **fields)[1]


def make_key(platform: Platform, *roles: Role, **fields: Any) -> api_keys.ApiKey:
    """Make an API key with the roles and return it without its plain text."""
    return _make(platform, *roles, **fields)[0]


def _make(platform: Platform, *roles: Role, **fields: Any) -> tuple[api_keys.ApiKey, str]:
    with platform.begin(SYSTEM) as work:
        company: UUID | None = fields.pop("contractor_id", None)
        if "contractor" in roles and company is None:
            company = make_contractor(work.connection)["id"]
        return api_keys.create(work, fields.pop("name", unique("key ")), roles, contractor_id=company, **fields)


def client_with(app: Flask, credential: str | None = None) -> FlaskClient:
    """Return a test client that sends the credential with every request; None signs nobody in."""
    client = app.test_client()
    if credential is not None:
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {credential}"
    return client


def client_as(app: Flask, platform: Platform, *roles: Role, **fields: Any) -> FlaskClient:
    """Return a test client of a program with a fresh API key that has the roles."""
    return client_with(app, make_api_key(platform, *roles, **fields))

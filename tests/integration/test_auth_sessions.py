"""Clerk sessions: real RSA keys, a real JWKS server on loopback, and every claim that a forger would try."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask, Response
from flask.testing import FlaskClient

from admin_api.app import create_app
from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import actor
from admin_api.responses import success
from integrations import clerk
from integrations.clerk import ClerkSessions, ClerkUnreachable, InvalidSession
from runtime.errors import SettingsError
from runtime.settings import Settings, load_settings
from tests.factories import make_contractor, make_user
from tests.factories.access import client_with

if TYPE_CHECKING:
    from jobs.platform import Platform

ISSUER = "https://clerk.example.co.za"
PARTY = "https://app.example.co.za"

pages = blueprint("whoami")


@pages.get("/whoami")
@requires("qa")
def whoami() -> Response:
    """Tell who is signed in."""
    return success({"name": actor().name, "user_id": actor().user_id, "roles": actor().roles})


class JwksServer:
    """Clerk's side: publishes public keys and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.broken = False
        self.keys: dict[str, rsa.RSAPrivateKey] = {}
        self.add("first")
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def add(self, kid: str) -> None:
        self.keys[kid] = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/.well-known/jwks.json"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _document(self) -> bytes:
        keys = []
        for kid, key in self.keys.items():
            public = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
            keys.append({**public, "kid": kid, "use": "sig", "alg": "RS256"})
        return json.dumps({"keys": keys}).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        jwks = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                jwks.asked += 1
                self.send_response(500 if jwks.broken else 200)
                self.end_headers()
                self.wfile.write(jwks._document())

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                """Stay quiet."""

        return Handler


@pytest.fixture
def jwks() -> Iterator[JwksServer]:
    server = JwksServer()
    yield server
    server.close()


Sign = Callable[..., str]


@pytest.fixture
def sign(jwks: JwksServer) -> Sign:
    """Make a session token; keyword arguments replace claims, None leaves one out."""

    def make(kid: str = "first", key: Any = None, algorithm: str = "RS256", **changes: Any) -> str:
        now = int(time.time())
        claims = {
            "sub": "user_1",
            "sid": "sess_1",
            "iss": ISSUER,
            "azp": PARTY,
            "iat": now,
            "nbf": now,
            "exp": now + 60,
            **changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, jwks.keys["first"] if key is None else key, algorithm=algorithm, headers={"kid": kid})

    return make


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for keys that are certain to come, however slowly."""
    monkeypatch.setattr(clerk, "FETCH_TIMEOUT", 60)


@pytest.fixture
def sessions(jwks: JwksServer) -> ClerkSessions:
    return ClerkSessions(ISSUER, jwks.url, (PARTY,))


def test_a_valid_session_tells_whose_it_is(sessions: ClerkSessions, sign: Sign) -> None:
    session = sessions.verify(sign())
    assert (session.subject, session.session_id) == ("user_1", "sess_1")


def now_plus(seconds: int) -> int:
    return int(time.time()) + seconds


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": now_plus(-3600)},
        {"nbf": now_plus(365 * 86_400)},
        {"iat": now_plus(365 * 86_400)},
        {"iss": "https://clerk.evil.example"},
        {"azp": "https://evil.example"},
        {"azp": None},
        {"exp": None},
        {"nbf": None},
        {"iss": None},
        {"sub": None},
        {"sub": 7},
    ],
    ids=",".join,
)
def test_a_session_with_a_wrong_claim_is_refused(sessions: ClerkSessions, sign: Sign, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidSession):
        sessions.verify(sign(**changes))


def test_clocks_may_differ_by_a_few_seconds(sessions: ClerkSessions, sign: Sign) -> None:
    with time_machine.travel(datetime.now(UTC), tick=False):
        assert sessions.verify(sign(nbf=now_plus(5), iat=now_plus(5), exp=now_plus(60)))
        assert sessions.verify(sign(exp=now_plus(-5)))


def test_a_session_signed_with_another_key_is_refused(sessions: ClerkSessions, sign: Sign) -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(InvalidSession):
        sessions.verify(sign(key=stranger))


def test_other_algorithms_are_refused(sessions: ClerkSessions, sign: Sign, jwks: JwksServer) -> None:
    public = str(jwks.keys["first"].public_key().public_numbers().n)
    for token in (sign(key=public, algorithm="HS256"), sign(key="", algorithm="none"), sign(algorithm="RS512")):
        with pytest.raises(InvalidSession):
            sessions.verify(token)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "ey.ey.ey", "\x00", "é" * 40])
def test_what_is_no_token_is_refused(sessions: ClerkSessions, token: str) -> None:
    with pytest.raises(InvalidSession):
        sessions.verify(token)


def test_keys_are_fetched_once_and_made_up_key_ids_cause_no_traffic(
    sessions: ClerkSessions, sign: Sign, jwks: JwksServer
) -> None:
    for _ in range(3):
        sessions.verify(sign())
    for number in range(5):
        with pytest.raises(InvalidSession):
            sessions.verify(sign(kid=f"made-up-{number}"))
    assert jwks.asked == 1


def test_cached_keys_outlive_an_outage_but_without_any_nobody_can_be_checked(
    sessions: ClerkSessions, sign: Sign, jwks: JwksServer
) -> None:
    sessions.verify(sign())
    jwks.broken = True
    assert sessions.verify(sign())
    with pytest.raises(ClerkUnreachable):
        ClerkSessions(ISSUER, jwks.url).verify(sign())


def test_half_a_setting_is_refused_and_the_key_address_has_a_default() -> None:
    assert ClerkSessions.from_settings(load_settings({})) is None
    assert ClerkSessions.from_settings(load_settings({}, clerk_issuer=ISSUER)) is not None
    with pytest.raises(SettingsError, match="FIBREFLOW_CLERK_ISSUER"):
        ClerkSessions.from_settings(load_settings({}, clerk_authorized_parties=(PARTY,)))


@pytest.fixture
def app(platform: Platform, jwks: JwksServer) -> Flask:
    platform.settings = Settings.model_validate(
        {
            **platform.settings.model_dump(),
            "clerk_issuer": ISSUER,
            "clerk_jwks_url": jwks.url,
            "clerk_authorized_parties": (PARTY,),
        }
    )
    return create_app(platform=platform, blueprints=[pages])


def whoami_with(app: Flask, token: str) -> Any:
    client: FlaskClient = client_with(app, token)
    return client.get("/api/ticketing/whoami")


def test_a_person_acts_with_the_name_and_the_roles_of_our_own_row(app: Flask, platform: Platform, sign: Sign) -> None:
    with platform.read() as connection:
        user = make_user(connection, clerk_id="user_1", name="Thandi", roles=["qa", "viewer"])
    answer = whoami_with(app, sign())
    assert answer.status_code == 200
    assert answer.json["data"] == {"name": "Thandi", "user_id": str(user["id"]), "roles": ["qa", "viewer"]}


def test_a_person_without_the_role_is_forbidden(app: Flask, platform: Platform, sign: Sign) -> None:
    with platform.read() as connection:
        company = make_contractor(connection)["id"]
        make_user(connection, clerk_id="user_1", roles=["contractor"], contractor_id=company)
    answer = whoami_with(app, sign())
    assert answer.status_code == 403
    assert answer.json["error"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize("known", [True, False], ids=["deactivated", "stranger"])
def test_whom_clerk_knows_and_we_do_not_is_forbidden(app: Flask, platform: Platform, sign: Sign, known: bool) -> None:
    if known:
        with platform.read() as connection:
            make_user(connection, clerk_id="user_1", roles=["admin"], is_active=False)
    assert whoami_with(app, sign()).status_code == 403


def test_an_expired_session_is_unauthorised_and_unreachable_keys_are_no_verdict(
    app: Flask, sign: Sign, jwks: JwksServer
) -> None:
    jwks.broken = True
    assert whoami_with(app, sign()).status_code == 503
    jwks.broken = False
    answer = whoami_with(app, sign(exp=now_plus(-3600)))
    assert answer.status_code == 401
    assert "expired" in answer.json["error"]["message"]

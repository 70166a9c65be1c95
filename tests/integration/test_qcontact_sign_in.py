"""One sign-in to QContact for all processes, and tokens that nobody reads in the database."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from integrations.outside import NotSetUp, NotSignedIn, Unreachable
from integrations.qcontact.sandbox import EMAIL, PASSWORD, QUEUE, QContactSandbox
from jobs.platform import Platform
from runtime.settings import Settings
from tests.clocks import FixedClock
from tests.factories.qcontact import renew
from tests.processes import ROOT, environment_of
from tests.races import at_once
from tests.stand_in import fetch


@pytest.fixture(scope="module")
def _serving() -> Iterator[QContactSandbox]:
    with QContactSandbox().serving() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(_serving: QContactSandbox) -> QContactSandbox:
    renew(_serving)
    return _serving


@pytest.fixture
def with_password(settings: Settings, sandbox: QContactSandbox) -> Settings:
    return settings.model_copy(
        update={
            "qcontact_url": sandbox.url,
            "qcontact_email": EMAIL,
            "qcontact_password": SecretStr(PASSWORD),
            "qcontact_queue": str(QUEUE),
            "job_modules": (),
        }
    )


@pytest.fixture
def connect(with_password: Settings, frozen_clock: FixedClock) -> Iterator[Callable[..., Platform]]:
    """Connect as a process of its own would."""
    with ExitStack() as stack:

        def connected(settings: Settings | None = None) -> Platform:
            platform = Platform.connect(settings or with_password, clock=frozen_clock)
            stack.callback(platform.close)
            return platform

        yield connected


def session(platform: Platform) -> dict[str, Any]:
    [row] = fetch(platform, "select * from integration_sessions where integration = 'qcontact'")
    return row


def test_one_sign_in_serves_all_processes(connect: Callable[..., Platform], sandbox: QContactSandbox) -> None:
    for _ in range(3):
        connect().outside.qcontact.me()
    assert sandbox.accounts.sign_ins == 1


def test_processes_refused_at_once_sign_in_once(
    connect: Callable[..., Platform], sandbox: QContactSandbox, frozen_clock: FixedClock
) -> None:
    first, second = connect(), connect()
    clients = [one.outside.qcontact for one in (first, first, first, second, second, second)]
    for client in clients:
        client.me()
    sandbox.expire_tokens()
    sandbox.latency = 0.2
    frozen_clock.advance(timedelta(seconds=31))
    assert at_once([client.me for client in clients]) == [None] * 6
    assert sandbox.accounts.sign_ins == 2
    assert session(first)["generation"] == 2


def test_thirty_seconds_lie_between_sign_ins(
    connect: Callable[..., Platform], sandbox: QContactSandbox, frozen_clock: FixedClock
) -> None:
    client = connect().outside.qcontact
    client.me()
    sandbox.expire_tokens()
    frozen_clock.advance(timedelta(seconds=20))
    with pytest.raises(NotSignedIn, match="was tried just now") as told:
        client.me()
    assert told.value.retry_after == 10
    assert sandbox.accounts.sign_ins == 1
    frozen_clock.advance(timedelta(seconds=10))
    client.me()
    assert sandbox.accounts.sign_ins == 2


def test_a_password_that_is_refused_is_not_tried_again_at_once(
    connect: Callable[..., Platform], sandbox: QContactSandbox
) -> None:
    sandbox.switches.refuse_sign_in = True
    one, other = connect(), connect()
    with pytest.raises(NotSignedIn, match="401") as told:
        one.outside.qcontact.me()
    assert told.value.retry_after == 30
    with pytest.raises(NotSignedIn, match="was tried just now"):
        other.outside.qcontact.me()
    tries = sandbox.journal.matching(path_prefix="/api/v2/auth/sign_in")
    assert [entry.status for entry in tries][-1:] == [401]
    assert session(one)["sign_in_outcome"] == "failed"


def test_a_sign_in_that_got_no_answer_is_over(connect: Callable[..., Platform], sandbox: QContactSandbox) -> None:
    sandbox.faults.next("server_error", path="/api/v2/auth/sign_in")
    platform = connect()
    with pytest.raises(Exception, match="500"):
        platform.outside.qcontact.me()
    assert session(platform)["sign_in_outcome"] == "failed"


def test_who_finds_a_sign_in_under_way_waits_for_it(
    connect: Callable[..., Platform], sandbox: QContactSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.qcontact.session.WAIT_FOR_OTHERS", 0.2)
    platform = connect()
    with platform.read() as connection:
        connection.execute("update integration_sessions set sign_in_attempted_at = %s", (platform.clock.now(),))
    with pytest.raises(NotSignedIn, match="just now") as told:
        platform.outside.qcontact.me()
    assert told.value.retry_after is not None
    assert sandbox.accounts.sign_ins == 0


def test_tokens_are_sealed(connect: Callable[..., Platform], sandbox: QContactSandbox) -> None:
    platform = connect()
    platform.outside.qcontact.me()
    sealed = bytes(session(platform)["sealed_tokens"])
    tokens = platform.outside.qcontact._session.current().tokens
    assert tokens is not None
    for secret in (tokens.access_token, tokens.client, tokens.uid):
        assert secret.encode() not in sealed
        assert secret not in repr(tokens)


def test_tokens_sealed_with_another_key_are_of_no_use(
    connect: Callable[..., Platform], with_password: Settings, sandbox: QContactSandbox, frozen_clock: FixedClock
) -> None:
    connect().outside.qcontact.me()
    frozen_clock.advance(timedelta(seconds=31))
    connect(with_password.model_copy(update={"secret_key": SecretStr("another")})).outside.qcontact.me()
    assert sandbox.accounts.sign_ins == 2


def test_another_account_does_not_use_the_tokens(
    connect: Callable[..., Platform], with_password: Settings, sandbox: QContactSandbox
) -> None:
    connect().outside.qcontact.me()
    other = with_password.model_copy(update={"qcontact_email": "someone@example.test"})
    with pytest.raises(NotSignedIn):
        connect(other).outside.qcontact.me()
    assert sandbox.accounts.sign_ins == 1


def test_given_tokens_do_without_a_password(
    connect: Callable[..., Platform], with_password: Settings, sandbox: QContactSandbox
) -> None:
    tokens = sandbox.issue_tokens()
    handed_out = sandbox.accounts.sign_ins
    given = {
        "qcontact_password": None,
        "qcontact_uid": tokens.uid,
        "qcontact_access_token": SecretStr(tokens.access_token),
        "qcontact_client": SecretStr(tokens.client),
    }
    client = connect(with_password.model_copy(update=given)).outside.qcontact
    client.me()
    sandbox.expire_tokens()
    with pytest.raises(NotSignedIn, match="no password is set") as told:
        client.me()
    assert told.value.retry_after is None
    assert sandbox.accounts.sign_ins == handed_out


def test_tokens_that_rotate_are_shared(connect: Callable[..., Platform], sandbox: QContactSandbox) -> None:
    sandbox.switches.rotate_tokens = True
    sandbox.switches.rotation_grace = 0
    one, other = connect().outside.qcontact, connect().outside.qcontact
    for client in (one, one, other, one, other, other):
        client.me()
    assert sandbox.accounts.sign_ins == 1


def test_a_write_refused_for_its_tokens_is_sent_again_once(
    connect: Callable[..., Platform], sandbox: QContactSandbox, frozen_clock: FixedClock
) -> None:
    [case] = sandbox.add_cases(1)
    client = connect().outside.qcontact
    client.me()
    sandbox.expire_tokens()
    frozen_clock.advance(timedelta(seconds=31))
    assert client.update_case(str(case.id), {"status": "InProgress"}).status == "InProgress"
    writes = sandbox.journal.matching(method="PATCH")
    assert [entry.status for entry in writes] == [401, 200]


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ("qcontact_url", "FIBREFLOW_QCONTACT_URL"),
        ("qcontact_password", "FIBREFLOW_QCONTACT_EMAIL"),
        ("qcontact_queue", "FIBREFLOW_QCONTACT_QUEUE"),
    ],
)
def test_what_is_not_set_up_is_named(
    connect: Callable[..., Platform], with_password: Settings, missing: str, named: str
) -> None:
    platform = connect(with_password.model_copy(update={missing: None}))
    with pytest.raises(NotSetUp, match=named):
        platform.outside.qcontact.list_cases(page=1)


def test_waha_that_is_not_set_up_is_named(connect: Callable[..., Platform]) -> None:
    with pytest.raises(NotSetUp, match="FIBREFLOW_WAHA_URL"):
        _ = connect().outside.waha


def test_nobody_there(connect: Callable[..., Platform], with_password: Settings) -> None:
    platform = connect(with_password.model_copy(update={"qcontact_url": "http://127.0.0.1:1"}))
    with pytest.raises(Unreachable):
        platform.outside.qcontact.me()


@pytest.fixture
def callers(with_password: Settings) -> Iterator[list[subprocess.Popen[str]]]:
    """Two processes that call QContact when they are told to."""
    settings = with_password.model_copy(update={"job_modules": ("jobs.kinds.probe_integration",)})
    with ExitStack() as stack:
        started = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.outside_caller"],
                    env=environment_of(settings),
                    cwd=ROOT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(2)
        ]
        for process in started:
            stack.callback(process.kill)
        assert [heard(process) for process in started] == [["ready"]] * 2
        yield started


def heard(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    return process.stdout.readline().split()


def told(processes: list[subprocess.Popen[str]]) -> list[str]:
    """Tell all processes to call at once; return how their calls ended."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return sorted(end for process in processes for end in heard(process))


def test_two_processes_sign_in_once_and_try_again_once(
    connect: Callable[..., Platform], callers: list[subprocess.Popen[str]], sandbox: QContactSandbox
) -> None:
    platform = connect()
    assert told(callers) == ["answered"] * 8
    assert sandbox.accounts.sign_ins == 1
    with platform.read() as connection:
        connection.execute(
            "update integration_sessions set sign_in_attempted_at = sign_in_attempted_at - interval '1 minute'"
        )
    sandbox.expire_tokens()
    sandbox.latency = 0.2
    assert told(callers) == ["answered"] * 8
    assert sandbox.accounts.sign_ins == 2
    with platform.read() as connection:
        connection.execute(
            "update integration_states set state = 'open', failures = 5, opened_at = now(), retry_at = now()"
            " where integration = 'qcontact'"
        )
    sandbox.journal.clear()
    sandbox.latency = 3  # seconds, in which the others come
    assert told(callers) == ["answered"] + ["put_off"] * 7
    assert len(sandbox.journal.entries()) == 1
    sandbox.latency = 0
    assert told(callers) == ["answered"] * 8

"""`fibreflow sandbox` starts a stand-in, says where it is, and how to point an installation at it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable

import httpx
import pytest

from cli import sandbox as command
from integrations.qcontact.sandbox import QContactControl, QContactSandbox
from integrations.sandboxes import Sandbox
from integrations.waha.sandbox import WahaSandbox
from runtime.settings import load_settings
from tests.processes import ROOT
from ticketing.errors import InvalidInput


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Sandbox]:
    """What would have been served."""
    found: list[Sandbox] = []

    def serve(sandbox: Sandbox, tell: Callable[[str], None]) -> None:
        found.append(sandbox)
        tell("http://127.0.0.1:1")

    monkeypatch.setattr(command, "serve", serve)
    return found


def exported(text: str) -> dict[str, str]:
    """The settings that the command named."""
    lines = [line.split(maxsplit=1)[1] for line in text.splitlines() if line.strip().startswith("export ")]
    return dict(line.split("=", 1) for line in lines)


def test_qcontact_has_cases_at_the_sample_drops(served: list[Sandbox], capsys: pytest.CaptureFixture[str]) -> None:
    command.qcontact(cases=5, seed=1, latency=0.5, faults=0.2)
    (sandbox,) = served
    assert isinstance(sandbox, QContactSandbox)
    names = {sandbox.records.drops.name_of(case.fields["c__dr_number"]) for case in sandbox.records.cases.values()}
    assert len(names) == 5
    assert all(name is not None and name.startswith("DR1900") for name in names)
    assert (sandbox.latency, sandbox.faults.rate) == (0.5, 0.2)
    said = capsys.readouterr()
    assert said.out == "http://127.0.0.1:1\n"
    settings = load_settings(exported(said.err))
    assert (settings.qcontact_email, settings.qcontact_queue) == (sandbox.accounts.email, "21900000077")


def test_waha_answers_in_the_shapes_of_an_engine(served: list[Sandbox], capsys: pytest.CaptureFixture[str]) -> None:
    command.waha(engine="WEBJS", session="field", api_key="k")
    (sandbox,) = served
    assert isinstance(sandbox, WahaSandbox)
    assert sandbox.switches.engine == "WEBJS"
    settings = load_settings(exported(capsys.readouterr().err))
    assert (settings.waha_session, settings.waha_webhook_secret) == ("field", None)


def test_a_port_that_is_taken_is_an_error_that_says_so() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            with pytest.raises(InvalidInput, match="cannot be listened on"):
                command.qcontact(port=taken.getsockname()[1], cases=0)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_it_serves_as_a_process_until_it_is_told_to_stop() -> None:
    script = (
        "from cli.main import main; import sys; sys.argv = ['fibreflow', 'sandbox', 'qcontact', '--cases', '3']; main()"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FIBREFLOW_")}
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            with QContactControl(url) as control:
                assert len(control.cases()) == 3
        finally:
            process.terminate()
        assert process.wait(20) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)

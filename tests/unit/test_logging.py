"""Logs are one JSON object a line, and nothing secret is readable in them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from runtime.logging import MASK, configure_logging, get_logger, mask, mask_text


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Put logging back as it was: it is the process's own."""
    root = logging.getLogger()
    handlers, level, configuration = root.handlers, root.level, structlog.get_config()
    yield
    root.handlers, root.level = handlers, level
    structlog.configure(**configuration)
    structlog.contextvars.clear_contextvars()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_a_line_is_one_json_object_with_its_context(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json", process="worker")
    structlog.contextvars.bind_contextvars(job_id="j-1", attempt=2)
    get_logger("jobs.runner").info("job_done", seconds=0.5)
    (line,) = lines(capsys)
    assert line["event"] == "job_done"
    assert (line["process"], line["job_id"], line["attempt"], line["seconds"]) == ("worker", "j-1", 2, 0.5)
    assert line["level"] == "info"
    assert line["logger"] == "jobs.runner"
    assert line["timestamp"].endswith("Z")


def test_the_standard_library_logs_in_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json")
    logging.getLogger("somebody.else").warning("said %s", "this", extra={"request_id": "r-1"})
    (line,) = lines(capsys)
    assert (line["event"], line["request_id"], line["level"]) == ("said this", "r-1", "warning")


def test_an_exception_keeps_its_trace(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json")
    try:
        int("of postgresql://u:hunter2@db/x")
    except ValueError:
        get_logger("x").exception("failed")
    (line,) = lines(capsys)
    assert "Traceback" in line["exception"]
    assert "hunter2" not in line["exception"]


def test_lines_below_the_level_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("warning", "json")
    get_logger("x").info("quiet")
    logging.getLogger("y").info("quiet")
    assert lines(capsys) == []


def test_noisy_libraries_speak_only_when_something_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json")
    logging.getLogger("httpx").info("HTTP Request: GET ...")
    logging.getLogger("httpx").warning("trouble")
    assert [line["event"] for line in lines(capsys)] == ["trouble"]


def test_the_console_form_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "console")
    get_logger("x").info("started", port=8080)
    written = capsys.readouterr().err
    assert "started" in written
    assert "port=8080" in written


def test_what_is_logged_is_masked(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json")
    get_logger("x").info("sent to 082 555 1234", api_key="ff_abcdefgh_1234567890", phone="0825551234", ticket="FT-1")
    (line,) = lines(capsys)
    assert line["event"] == f"sent to {MASK}"
    assert (line["api_key"], line["phone"], line["ticket"]) == (MASK, MASK, "FT-1")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgresql://me:hunter2@db/x", "postgresql://me:***@db/x"),
        ("redis://:hunter2@cache/0", "redis://:***@cache/0"),
        ("Authorization: Bearer eyJhbGciOi.J9-_x", "Authorization: Bearer ***"),
        ("key ff_abcdefgh_ABCDEFGH12345678", "key ***"),
        ("call +27 82 555 1234 now", "call *** now"),
        ("call 0825551234", "call ***"),
        ("/contacts/+447911123456/opt-in", "/contacts/***/opt-in"),
        ("from +263771234567 to +12025550123.", "from *** to ***."),
        ("Thandi <thandi.m+field@mail.example.co.za> wrote", "Thandi <***> wrote"),
        ("/users/a@b.example and 447911123456@c.us", "/users/*** and ***"),
        ("postgresql://me:hunter2@db.example/x", "postgresql://me:***@db.example/x"),
        ("redis://me@cache.example/0", "redis://me@cache.example/0"),
        ("me@localhost, @app.get, 2 @ 4.50", "me@localhost, @app.get, 2 @ 4.50"),
        ("ticket DR1234567 of 2025-03-03", "ticket DR1234567 of 2025-03-03"),
        ("5,000 rows in 12.5 s", "5,000 rows in 12.5 s"),
        ("job 01a209ba-7fcb-751e-afab-afacbfb0db5a", "job 01a209ba-7fcb-751e-afab-afacbfb0db5a"),
        ("job 08212345-6789-7012-8345-082123456789", "job 08212345-6789-7012-8345-082123456789"),
        ("2026-11-23T18:45:47.385265+02:00", "2026-11-23T18:45:47.385265+02:00"),
        ("20261123T184547+0200", "20261123T184547+0200"),
        ("at -26.2041028, +28.0473051", "at -26.2041028, +28.0473051"),
        ("at -26.0821234567 28.0114105551", "at -26.0821234567 28.0114105551"),
        ("+1234567 rows, 1+23456789, a+12345678", "+1234567 rows, 1+23456789, a+12345678"),
    ],
)
def test_text_is_masked_where_it_must_be_and_nowhere_else(text: str, masked: str) -> None:
    assert mask_text(text) == masked


def test_trees_are_masked_by_key_and_by_content() -> None:
    tree = {
        "payload": {"password": "x", "chat_id": "27825551234@c.us", "list": ["0825551234", 7]},
        "secret_key": None,
        "token": "",
        "count": 3,
    }
    assert mask(tree) == {
        "payload": {"password": MASK, "chat_id": MASK, "list": [MASK, 7]},
        "secret_key": None,
        "token": "",
        "count": 3,
    }

"""What the API answered, as tests look at it."""

from __future__ import annotations

from typing import Any


def data_of(answer: Any, status: int = 200) -> Any:
    """Return the data of an answer that has this status."""
    assert answer.status_code == status, answer.get_json()
    return answer.get_json()["data"]


def error_of(answer: Any, status: int, code: str) -> dict[str, Any]:
    """Return the error of an answer that has this status and code."""
    body = answer.get_json()
    assert (answer.status_code, body["success"], body["error"]["code"]) == (status, False, code), body
    error: dict[str, Any] = body["error"]
    return error

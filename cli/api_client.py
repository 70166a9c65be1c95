"""A small client of our own API, for the commands that show what a program would do."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx

from runtime.errors import FibreflowError

PREFIX = "/api/ticketing"
TIMEOUT = 30.0


class ApiRefused(FibreflowError):
    """The API answered with an error; the message is the API's own."""

    code = "API_REFUSED"


class ApiClient:
    """Speaks to `/api/ticketing` with an API key and returns the `data` of its answers."""

    def __init__(self, address: str, key: str) -> None:
        self._http = httpx.Client(
            base_url=address + PREFIX,
            headers={"Authorization": f"Bearer {key}"},
            timeout=TIMEOUT,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, params: dict[str, str] | None = None) -> Any:
        """Return the data at a path. Raises ApiRefused."""
        return self._data(self._http.get(path, params=params))

    def post(self, path: str, json: dict[str, Any] | None = None) -> Any:
        """Post a JSON body (once, whatever is repeated on the way) and return the data. Raises ApiRefused."""
        return self._data(self._http.post(path, json=json or {}, headers=_once()))

    def put(self, path: str, json: dict[str, Any]) -> Any:
        """Put a JSON body and return the data. Raises ApiRefused."""
        return self._data(self._http.put(path, json=json))

    def upload(self, path: str, file: Path, params: dict[str, str] | None = None) -> Any:
        """Upload a file as the form's field `file` and return the data. Raises ApiRefused."""
        files = {"file": (file.name, file.read_bytes())}
        return self._data(self._http.post(path, files=files, params=params, headers=_once()))

    def attach(self, path: str, name: str, content: bytes, form: dict[str, str]) -> Any:
        """Upload content as the form's field `file`, with its other fields, and return the data. Raises ApiRefused."""
        return self._data(self._http.post(path, files={"file": (name, content)}, data=form, headers=_once()))

    def total(self, path: str, params: dict[str, str]) -> int:
        """Return how many rows a list has under a filter. Raises ApiRefused."""
        answer = self._http.get(path, params={**params, "pageSize": "1"})
        self._data(answer)
        return int(answer.json()["pagination"]["total"])

    @staticmethod
    def _data(answer: httpx.Response) -> Any:
        body = answer.json() if "json" in answer.headers.get("content-type", "") else {}
        if answer.is_error or not body.get("success"):
            error = body.get("error", {})
            raise ApiRefused(
                f"{answer.request.method} {answer.request.url.path} answered {answer.status_code} "
                f"{error.get('code', '')}: {error.get('message', answer.text[:200])}"
            )
        return body["data"]


def _once() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid4())}

"""The root of every error that this system raises on purpose."""

from __future__ import annotations

from typing import Any, ClassVar


class FibreflowError(Exception):
    """An expected failure with a stable code.

    `code` is part of the public contract (the API answers with it), `message` says what to do about it, and `details`
    is JSON-ready material for a program. Subclasses set `code`; nobody raises this class itself.
    """

    code: ClassVar[str] = "INTERNAL_ERROR"

    def __init__(self, message: str, *, details: dict[str, Any] | str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class SettingsError(FibreflowError):
    """The settings do not describe a system that can start."""

    code = "SETTINGS_ERROR"

"""The domain's errors. The API maps each code to a status in one place (`admin_api/problems.py`)."""

from __future__ import annotations

from typing import Any

from runtime.errors import FibreflowError


class DomainError(FibreflowError):
    """Something that the domain's rules refuse."""


class InvalidInput(DomainError):
    """Input that cannot be accepted; `details` maps each offending field to what is wrong with it."""

    code = "VALIDATION_ERROR"


class NotFound(DomainError):
    """The thing that was asked for does not exist, or not for this person."""

    code = "NOT_FOUND"


class AlreadyExists(DomainError):
    """What was to be created is there already."""

    code = "ALREADY_EXISTS"


class Duplicate(DomainError):
    """A name or code that must be its own is taken."""

    code = "DUPLICATE_ERROR"


class Forbidden(DomainError):
    """The acting person's role does not allow this."""

    code = "FORBIDDEN"


class InvalidStatusTransition(DomainError):
    """The status machine has no such move (domain page, "Status machine")."""

    code = "INVALID_STATUS_TRANSITION"

    def __init__(self, current: str, requested: str, allowed: tuple[str, ...]) -> None:
        choices = ", ".join(allowed) if allowed else "none: it is final"
        details: dict[str, Any] = {"current": current, "requested": requested, "allowed": list(allowed)}
        super().__init__(f"A ticket that is {current} cannot become {requested}; allowed: {choices}", details=details)


class ConditionNotMet(DomainError):
    """The move exists, but something that it needs is missing; `details` names what."""

    code = "CONDITION_NOT_MET"


class StaleWrite(DomainError):
    """The row changed after the caller read it; `details` tells what changed."""

    code = "STALE_WRITE"

"""What can go wrong with a service outside, as types: what to do depends on whether the call may have taken effect.

Both clients raise these and nothing else for a call that failed. A job that gets one knows three things without reading
any text: whether the service as a whole is unwell (`is_outage`, which the circuit breaker counts), whether the call may
have been carried out although no answer came (`may_have_happened`, which forbids a blind repeat of a write), and how
long the service asked to be left alone (`retry_after`, seconds).
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from runtime.errors import FibreflowError

Integration = Literal["qcontact", "waha"]


class OutsideError(FibreflowError):
    """A call to a service outside failed. Raise one of the subclasses."""

    code: ClassVar[str] = "OUTSIDE_ERROR"
    is_outage: ClassVar[bool] = False
    may_have_happened: ClassVar[bool] = False

    def __init__(
        self,
        integration: Integration,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message, details=details)
        self.integration = integration
        self.status = status
        self.retry_after = retry_after


class Unreachable(OutsideError):
    """No connection could be made: nothing was sent, so nothing happened."""

    code = "OUTSIDE_UNREACHABLE"
    is_outage = True


class NoAnswer(OutsideError):
    """The request went out and no whole answer came back (timeout, connection cut): it may have been carried out."""

    code = "OUTSIDE_NO_ANSWER"
    is_outage = True
    may_have_happened = True


class ServerFailed(OutsideError):
    """The service answered with 5xx or with something that is no answer: it may have been carried out."""

    code = "OUTSIDE_SERVER_FAILED"
    is_outage = True
    may_have_happened = True


class TooManyRequests(OutsideError):
    """The service asks to be left alone (429); `retry_after` says for how long, if it said so."""

    code = "OUTSIDE_TOO_MANY_REQUESTS"
    is_outage = True


class NotSignedIn(OutsideError):
    """The credentials are refused (401), and signing in again did not help or may not be tried yet."""

    code = "OUTSIDE_NOT_SIGNED_IN"
    is_outage = True


class NotAllowed(OutsideError):
    """The account may not do this (403): nothing happened, and repeating it is useless."""

    code = "OUTSIDE_NOT_ALLOWED"


class NotThere(OutsideError):
    """What was asked for does not exist there (404)."""

    code = "OUTSIDE_NOT_THERE"


class Refused(OutsideError):
    """The service understood the request and will not carry it out as it stands (400, 409, 422)."""

    code = "OUTSIDE_REFUSED"


class NotSetUp(OutsideError):
    """The integration has no address or credentials in the settings; says which names to set."""

    code = "OUTSIDE_NOT_SET_UP"

"""What can be switched while the sandbox of QContact runs: the variants that the service has, or is thought to have."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from integrations.sandboxes import Switches
from integrations.sandboxes.control import LOOPBACK


class QContactSwitches(Switches):
    """Seconds where it is about time. What is only assumed of the service is off unless it says otherwise."""

    # Signing in.
    always_unauthorised: bool = False
    refuse_sign_in: bool = False
    tokens_in_body: bool = False
    rotate_tokens: bool = False
    rotation_grace: float = Field(default=5.0, ge=0)

    # The shape of answers. `by_place`: the label in a row's plain field, the API's value everywhere else.
    status_form: Literal["by_place", "label", "api"] = "by_place"
    row_status: Literal["always", "some", "never"] = "always"
    detail_shape: Literal["nested", "flat"] = "nested"
    events_shape: Literal["results", "list"] = "results"
    event_names: Literal["new", "old"] = "new"
    pagination_shape: Literal["object", "top_level"] = "object"
    # How many rows move to the front of the list with each look at it.
    moving_rows: int = Field(default=0, ge=0)

    # Writing.
    notes_allowed: bool = False
    assignee_names: bool = False
    ignore_writes: bool = False
    invalid_value_status: int = Field(default=422, ge=400, le=499)

    # Webhooks: nobody has seen the service send one, so they are sent only on this explicit assumption.
    assume_webhooks: bool = False
    webhook_url: str | None = None
    webhook_secret: str = "test-qc-secret"  # noqa: S105 - the sandbox's own
    webhook_attempts: int = Field(default=1, ge=1, le=20)
    webhook_duplicates: int = Field(default=0, ge=0, le=20)
    webhook_reorder: bool = False
    webhook_wrong_signature: bool = False
    webhook_age: float = 0.0

    @field_validator("webhook_url")
    @classmethod
    def _stays_on_this_machine(cls, value: str | None) -> str | None:
        if value is not None and urlsplit(value).hostname not in LOOPBACK:
            raise ValueError("webhooks go to this machine only")
        return value

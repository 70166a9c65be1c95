"""What can be switched while the sandbox of WAHA runs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from integrations.sandboxes import Switches

Engine = Literal["GOWS", "NOWEB", "WEBJS", "WPP"]
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=3_600)]

# The engines that drive a browser; the others speak the protocol themselves.
BROWSERS: frozenset[Engine] = frozenset({"WEBJS", "WPP"})


class WahaSwitches(Switches):
    """How this WAHA behaves. Shares are of messages or events (0..1), times in seconds.

    Acknowledgements come by themselves unless `acks_automatic` is off: to the server at once, delivered
    `ack_delivered_after` and read `ack_read_after` the sending, each time up to `ack_jitter` of itself later. What
    becomes of the n-th message follows from the sandbox's seed and n.
    """

    engine: Engine = "GOWS"
    version: str = "2026.9.2"

    # Whether callers may give messages their ids (since 2026.4.3, not in a browser), and whether chats are kept.
    given_ids: bool = True
    store: bool = True

    # How long a send waits for its session to work before it answers 422, or whether it never answers instead.
    ready_wait: Seconds = 5.0
    hang_when_not_ready: bool = False
    starting_seconds: Seconds = 0.05
    qr_seconds: Seconds = 120.0
    unknown_session_status: Literal[404, 422] = 404

    # Whether an engine's error is told in short, as some proxies and versions do.
    short_engine_errors: bool = False

    # With a hidden id in answers of check-exists (GOWS since 2026.8.1).
    check_answers_hidden: bool = False

    acks_automatic: bool = True
    ack_server_after: Seconds = 0.0
    ack_delivered_after: Seconds = 0.2
    ack_delivered_share: Share = 1.0
    ack_read_after: Seconds = 1.0
    ack_read_share: Share = 0.8
    ack_jitter: Share = 0.2
    # Of all messages: those that WhatsApp refuses after the 201 (an ERROR comes instead of all else).
    ack_error_share: Share = 0.0
    # Of the read ones: READ is told before DEVICE, or DEVICE is not told at all.
    ack_swapped_share: Share = 0.0
    ack_skipped_share: Share = 0.0
    # Of all that is told: once more with an envelope of its own, or with the hidden id as its chat.
    ack_repeated_share: Share = 0.0
    ack_hidden_share: Share = 0.0
    # Before 2025.12.2 a group's acknowledgements were called like all others.
    group_ack_event: Literal["message.ack.group", "message.ack"] = "message.ack.group"

    # Whether what people write is told twice, once with the number and once with the hidden id.
    told_in_both_forms: bool = False
    # Before 2025 an event had neither an id nor a time.
    bare_envelopes: bool = False

    # Of all events: sent twice in the same envelope; sent up to `hook_longest_delay` later than they happened.
    hook_duplicated_share: Share = 0.0
    hook_delayed_share: Share = 0.0
    hook_longest_delay: Seconds = 0.5
    hook_timeout: Annotated[float, Field(gt=0, le=300)] = 10.0
    # The pauses between tries, as configured, are multiplied by this.
    hook_time_scale: Annotated[float, Field(ge=0, le=100)] = 1.0

    # Whether events tell where files are. Since 2026.8.2 they need not; we assume that who reads the message learns it.
    # And with which address: the container's own view of itself may be of no use to others. None: where it serves.
    media_urls: bool = True
    media_base_url: str | None = None

    @property
    def in_browser(self) -> bool:
        """Whether the engine drives a browser."""
        return self.engine in BROWSERS

    @property
    def takes_ids(self) -> bool:
        """Whether a message may be given its id by the caller."""
        return self.given_ids and not self.in_browser

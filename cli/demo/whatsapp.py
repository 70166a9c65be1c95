"""The demo's notices: who was told of what, how far each got, and what stands in the chat; and an answer to one."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime
from textwrap import shorten
from typing import Any

from cli import sample_photos
from cli.api_client import ApiClient
from cli.console import out, table
from cli.demo.following import FINISH_WITHIN, LOOK_EVERY, DemoFailed, heading
from integrations.waha.sandbox import WahaSandbox
from integrations.waha.sandbox.chats import ACK_NAMES, Media
from runtime.clock import BUSINESS_ZONE, SystemClock

NEIGHBOUR = "27600002001"
ARRIVED = ("delivered", "read")
WIDEST = 70


def show_notices(api: ApiClient, waha: WahaSandbox, ticket_ids: Iterable[str]) -> None:
    """Wait until every notice of the tickets has arrived, and show them from both sides."""
    heading("8. WhatsApp")
    wanted = list(ticket_ids)
    notices = _awaited(api, wanted)
    table(
        ("notice", "to", "status", "sent", "delivered", "read"),
        (
            (
                one["message_template"] or "",
                one["recipient_name"] or "",
                one["status"],
                *(_clock(one[moment]) for moment in ("sent_at", "delivered_at", "read_at")),
            )
            for one in notices
        ),
    )
    figures = api.get("/notifications/compliance")
    out.print(
        f"of {figures['asked']} notices {figures['sent']} were sent, {figures['delivered']} delivered, "
        f"{figures['read']} read, {figures['failed']} failed"
    )
    _show_chats(waha, [api.get(f"/tickets/{ticket_id}")["ticket_uid"] for ticket_id in wanted])


def write_in(api: ApiClient, waha: WahaSandbox, ticket_id: str) -> None:
    """Let somebody write of the ticket's drop, with a photo, and show that both came to the ticket."""
    ticket = api.get(f"/tickets/{ticket_id}")
    known = _photos(api, ticket_id)
    text = f"{ticket['dr_number']} the clamp is broken, see the photo"
    taken_at = SystemClock().now().astimezone(BUSINESS_ZONE)
    # Another photo each time: one that the ticket has already would be no news.
    photo = sample_photos.draw(int(taken_at.timestamp()), f"{ticket['dr_number']} clamp", taken_at)
    out.print(f"somebody writes: {text}")
    waha.inbound(NEIGHBOUR, text, media=Media(mimetype="image/jpeg", data=photo))
    deadline = time.monotonic() + FINISH_WITHIN
    while _photos(api, ticket_id) <= known:
        if time.monotonic() > deadline:
            raise DemoFailed(f"what was written in did not come to the ticket within {FINISH_WITHIN:.0f} s")
        _place(api, ticket)
        time.sleep(LOOK_EVERY)
    out.print(f"{ticket['ticket_uid']} has it, with the photo")


def _place(api: ApiClient, ticket: dict[str, Any]) -> None:
    """Do what a manager does with a message at whose drop several tickets are open: say which one it is about."""
    for item in api.get("/triage"):
        if ticket["dr_number"] in (item["body"] or ""):
            api.post(f"/triage/{item['id']}/attach", {"ticket_id": ticket["id"]})
            out.print(f"several tickets are open at {ticket['dr_number']}: it waited in the queue, and was placed")


def _photos(api: ApiClient, ticket_id: str) -> int:
    return len(api.get(f"/tickets/{ticket_id}/attachments", {"file_type": "photo"})["attachments"])


def _awaited(api: ApiClient, ticket_ids: list[str]) -> list[dict[str, Any]]:
    deadline = time.monotonic() + FINISH_WITHIN
    while True:
        notices = [
            one
            for ticket_id in ticket_ids
            for one in reversed(api.get("/notifications/status", {"ticket_id": ticket_id})["notifications"])
        ]
        waiting = [one for one in notices if one["status"] not in ARRIVED]
        if notices and not waiting:
            return notices
        if time.monotonic() > deadline:
            raise DemoFailed(f"{len(waiting)} of {len(notices)} notices did not arrive within {FINISH_WITHIN:.0f} s")
        time.sleep(LOOK_EVERY)


def _show_chats(waha: WahaSandbox, ticket_uids: list[str]) -> None:
    everything = waha.chats.received()
    received = {key: found for key, found in everything.items() if any(uid in key[1] for uid in ticket_uids)}
    if not received:
        out.print("nothing of them went through the gateway this time: they had been sent before")
        return
    out.print(f"what stands in WhatsApp's chats of these two tickets (of {len(everything)} messages in all):")
    table(
        ("chat", "message", "copies", "so far"),
        (
            (
                f"…{chat.partition('@')[0][-4:]}",
                shorten(body, WIDEST, placeholder=" …"),
                str(len(messages)),
                ACK_NAMES[messages[0].ack].lower(),
            )
            for (chat, body), messages in received.items()
        ),
    )


def _clock(moment: str | None) -> str:
    return datetime.fromisoformat(moment).astimezone(BUSINESS_ZONE).strftime("%H:%M:%S") if moment else ""

"""The shapes in which WAHA answers: each engine's own for a send, one for all for what is listed and told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.waha.sandbox import identifiers
from integrations.waha.sandbox.chats import ACK_NAMES, Message
from integrations.waha.sandbox.sessions import Session
from integrations.waha.sandbox.switches import WahaSwitches

NOT_READY = "Session status is not as expected. Try again later or restart the session"
PLATFORM = "linux/x64"
WORKER = {"id": "w1"}

Json = dict[str, Any]


def sent(message: Message, session: Session, switches: WahaSwitches) -> Json:
    """Return what a send is answered with: what it says of the message is as of the sending."""
    if switches.engine == "GOWS":
        return {"id": message.id, "_data": None}
    if switches.engine == "NOWEB":
        return _sent_by_noweb(message)
    return _sent_by_browser(message, session)


def _sent_by_noweb(message: Message) -> Json:
    """No id at the top, the chat in its inner form, the time as text."""
    chat = identifiers.inner(message.addressed)
    if message.media:
        said: Json = {"imageMessage": {"mimetype": message.media.mimetype, "caption": message.body}}
    else:
        said = {"extendedTextMessage": {"text": message.body}}
    return {
        "key": {"remoteJid": chat, "fromMe": True, "id": message.stanza},
        "message": said,
        "messageTimestamp": str(message.timestamp),
        "status": "PENDING",
    }


def _sent_by_browser(message: Message, session: Session) -> Json:
    """An object of the browser's, with the id as an object of its own, twice."""
    name = {"fromMe": True, "remote": message.addressed, "id": message.stanza, "_serialized": message.id}
    kind = "image" if message.media else "chat"
    return {
        "_data": {"id": name, "body": message.body, "type": kind, "t": message.timestamp, "ack": 0},
        "id": name,
        "ack": 0,
        "hasMedia": message.media is not None,
        "body": message.body,
        "type": kind,
        "timestamp": message.timestamp,
        "from": session.chat_id,
        "to": message.addressed,
        "fromMe": True,
    }


def message(
    found: Message, session: Session, switches: WahaSwitches, *, media: Json | None = None, ack: int | None = None
) -> Json:
    """Return a message as it is listed, and told of by events; `ack` when it is told as of an earlier time."""
    level = found.ack if ack is None else ack
    from_chat = not (found.from_me and switches.in_browser)
    return {
        "id": found.id,
        "timestamp": found.timestamp,
        "from": found.addressed if from_chat else session.chat_id,
        "fromMe": found.from_me,
        "source": found.source,
        "to": None if from_chat else found.addressed,
        "participant": found.participant,
        "body": found.body,
        "hasMedia": found.media is not None,
        "media": media,
        "ack": level,
        "ackName": ACK_NAMES[level],
        "vCards": [],
        "location": None,
        "replyTo": found.reply_to and {"id": found.reply_to},
        "_data": _engine_data(found, switches),
    }


def _engine_data(found: Message, switches: WahaSwitches) -> Json:
    """Return what each engine keeps in a place of its own: the name that a sender chose."""
    if found.name is None:
        return {}
    if switches.engine == "GOWS":
        return {"Info": {"PushName": found.name}}
    return {"notifyName" if switches.in_browser else "pushName": found.name}


def acknowledgement(
    chat_id: str, stanza: str, level: int, *, from_me: bool = True, participant: str | None = None
) -> Json:
    """Return what an acknowledgement says, in the order of keys that WAHA has."""
    return {
        "id": identifiers.message_id(chat_id, stanza, from_me=from_me, participant=participant),
        "from": chat_id,
        "to": None,
        "participant": participant,
        "fromMe": from_me,
        "ack": level,
        "ackName": ACK_NAMES.get(level, "UNKNOWN"),
    }


def envelope(
    event: str,
    payload: Mapping[str, Any],
    *,
    envelope_id: str,
    milliseconds: int,
    session: Session,
    switches: WahaSwitches,
) -> Json:
    """Return an event as it is sent, in the order of keys that WAHA has."""
    return {
        "id": envelope_id,
        "timestamp": milliseconds,
        "event": event,
        "session": session.name,
        "me": own(session) if session.paired else None,
        "payload": dict(payload),
        "engine": switches.engine,
        "environment": version(switches),
    }


def own(session: Session) -> Json:
    """Return the account of a session."""
    return {"id": session.chat_id, "pushName": session.push_name}


def version(switches: WahaSwitches) -> Json:
    """Return which WAHA this is."""
    return {
        "version": switches.version,
        "engine": switches.engine,
        "tier": "CORE",
        "browser": "/usr/bin/chromium" if switches.in_browser else None,
        "platform": PLATFORM,
        "worker": WORKER,
    }


def session_state(session: Session, data: Json | None = None) -> Json:
    """Return what an event of a session says: its states, or in `data` what befell its account."""
    return {
        "name": session.name,
        "status": session.status,
        "statuses": [] if data else session.statuses,
        "data": data,
    }


def session_object(session: Session, switches: WahaSwitches, activity: int) -> Json:
    """Return a session as WAHA shows it; what WhatsApp restricts is told with its account."""
    me = None
    if session.paired and session.status != "STOPPED":
        me = own(session) | {"lid": "184700000000009@lid"} | session.restrictions
    return {
        "name": session.name,
        "status": session.status,
        "me": me,
        "assignedWorker": WORKER["id"],
        "presence": None,
        "timestamps": {"activity": activity},
        "engine": {
            "engine": switches.engine,
            switches.engine.lower(): {"connected": session.status == "WORKING"},
        },
        "config": session.config,
    }


def error(status: int, text: str | list[str]) -> Json:
    """Return an error in the words of the framework under WAHA."""
    if status == 401:
        return {"message": text, "statusCode": status}
    names = {400: "Bad Request", 403: "Forbidden", 404: "Not Found", 422: "Unprocessable Entity"}
    return {"message": text, "error": names.get(status, "Error"), "statusCode": status}


def not_ready(session: Session) -> Json:
    """Return the refusal of a session that does not work."""
    return {"error": NOT_READY, "session": session.name, "status": session.status, "expected": ["WORKING"]}


def engine_error(text: str, request: Json, switches: WahaSwitches, at: str) -> Json:
    """Return an engine's error: in full, or in short as some proxies and versions tell it."""
    if switches.short_engine_errors:
        return {"error": text}
    code, _, details = text.partition(" ")
    is_remote = code.isdecimal()
    return {
        "statusCode": 500,
        "timestamp": at,
        "exception": {
            "message": text,
            "name": "Error",
            "code": int(code) if is_remote else None,
            "details": details.removeprefix("UNKNOWN: ") if is_remote else None,
            "stack": f"Error: {text}\n    at callErrorFromStatus (call.js:32:19)",
        },
        "request": request,
        "version": version(switches),
    }

"""The sandbox's own control: what people do at their phones, what WhatsApp does, and what is true of each message."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError

from integrations.sandboxes import Answer, BadRequest, Request, route
from integrations.waha.sandbox import identifiers
from integrations.waha.sandbox.acts import Acts
from integrations.waha.sandbox.chats import Media, Message
from integrations.waha.sandbox.hooks import Hook
from integrations.waha.sandbox.sessions import Status

PAGE = 1_000

Form = TypeVar("Form", bound=BaseModel)


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    session: str | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    data: Base64Bytes
    mimetype: str = "image/jpeg"
    filename: str | None = None


class _Inbound(_Order):
    sender: str
    text: str = ""
    hidden: bool = False
    media: _File | None = None
    group: str | None = None
    name: str | None = None


class _Typed(_Order):
    chat_id: str
    text: str


class _Level(_Order):
    message: str
    level: Annotated[int, Field(ge=-1, le=4)]
    chat_id: str | None = None
    hidden: bool = False
    participant: str | None = None
    times: Annotated[int, Field(ge=1, le=100)] = 1
    error: dict[str, Any] | None = None


class _State(BaseModel):
    model_config = ConfigDict(extra="forbid")

    status: Status | None = None
    paired: bool | None = None
    dead: bool | None = None
    broken: bool | None = None


class _Restriction(_Order):
    name: Literal["reachoutTimelock", "messageCapping"]
    data: dict[str, Any]


class _Person(BaseModel):
    model_config = ConfigDict(extra="forbid")

    phone: str
    exists: bool = True
    hidden: str | None = None
    known: bool = True


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid")

    chat_id: str
    members: list[str]


class ControlRoutes(Acts):
    """The addresses under `/_sandbox` that only this sandbox has. Mistakes are answered with 400."""

    def state(self) -> dict[str, Any]:
        """Return what the sandbox holds."""
        return {
            "sessions": {one.name: {"status": one.status, "dead": one.dead} for one in self.sessions.known.values()},
            "messages": len(self.chats.messages()),
            "fates": self.fates.as_json(),
            "hook": self.hook and self.hook.url,
            "events": {
                "told": len(self.envelopes),
                "tries": len(self.sender.tries()),
                "lost": len(self.sender.lost()),
            },
            "pending": self.pending,
        }

    @route("GET", "/_sandbox/messages")
    def control_messages(self, request: Request) -> Answer:
        """Show every message as it truly is, paged by `after`."""
        found = self.chats.messages(
            after=request.whole_number("after", 0), chat_id=request.query.get("chat_id"), most=PAGE
        )
        return Answer(body={"messages": [one.as_json() for one in found], "next": found[-1].number if found else None})

    @route("GET", "/_sandbox/received")
    def control_received(self, _request: Request) -> Answer:
        """Show what people have on their phones from us, what of it twice, and what never left."""
        received, doubled = self.chats.received(), self.chats.doubled()
        return Answer(
            body={
                "received": [_both(key, messages) for key, messages in received.items()],
                "doubled": [_both(key, messages) for key, messages in doubled.items()],
                "never_left": [one.as_json() for one in self.chats.never_left()],
            }
        )

    @route("GET", "/_sandbox/hooks")
    def control_hooks(self, request: Request) -> Answer:
        """Show every try to send an event, paged by `after`."""
        found = self.sender.tries(after=request.whole_number("after", 0))[:PAGE]
        return Answer(body={"tries": [one.as_json() for one in found], "next": found[-1].number if found else None})

    @route("PUT", "/_sandbox/hook")
    def control_hook(self, request: Request) -> Answer:
        """Set the receiver of all sessions' events; an empty body takes it away."""
        body = request.json_object()
        self.hook = _read(Hook, body) if body else None
        return Answer(204)

    @route("POST", "/_sandbox/hooks/again")
    def control_again(self, request: Request) -> Answer:
        """Send an event that was sent once more, in the same envelope."""
        self.tell_again(str(request.json_object().get("envelope_id")))
        return Answer(204)

    @route("PUT", "/_sandbox/fates")
    def control_fates(self, request: Request) -> Answer:
        """Set what becomes of messages."""
        self.fates.change(request.json_object())
        return Answer(body=self.fates.as_json())

    @route("POST", "/_sandbox/inbound")
    def control_inbound(self, request: Request) -> Answer:
        """Let a person write to us."""
        order = _read(_Inbound, request.json_object())
        file = order.media
        media = Media(file.data, file.mimetype, file.filename) if file else None
        return Answer(201, self.inbound(**{**dict(order), "media": media}).as_json())

    @route("POST", "/_sandbox/typed")
    def control_typed(self, request: Request) -> Answer:
        """Let somebody write at our own phone."""
        return Answer(201, self.typed(**dict(_read(_Typed, request.json_object()))).as_json())

    @route("POST", "/_sandbox/acks")
    def control_acks(self, request: Request) -> Answer:
        """Let a message reach a level, and tell of it."""
        self.acknowledge(**dict(_read(_Level, request.json_object())))
        return Answer(204)

    @route("PUT", "/_sandbox/sessions/<name>")
    def control_session(self, request: Request, name: str) -> Answer:
        """Put a session into a state."""
        session = self.put_session(name, **dict(_read(_State, request.json_object())))
        return Answer(body={"status": session.status, "dead": session.dead, "broken": session.broken})

    @route("POST", "/_sandbox/restart")
    def control_restart(self, _request: Request) -> Answer:
        """Let the whole of WAHA start anew."""
        self.restart()
        return Answer(204)

    @route("PUT", "/_sandbox/restrictions")
    def control_restrictions(self, request: Request) -> Answer:
        """Let WhatsApp restrict the account, or lift that, in WAHA's own words."""
        self.restrict(**dict(_read(_Restriction, request.json_object())))
        return Answer(204)

    @route("PUT", "/_sandbox/people")
    def control_people(self, request: Request) -> Answer:
        """Tell whether a number is on WhatsApp, its hidden id, and whether WAHA knows whose that is."""
        person = _read(_Person, request.json_object())
        self.people.change(person.phone, exists=person.exists, hidden=person.hidden, known=person.known)
        chat_id = identifiers.digits(person.phone) + identifiers.PERSON
        return Answer(body={"chat_id": chat_id, "hidden": self.people.hidden_of(chat_id)})

    @route("PUT", "/_sandbox/groups")
    def control_groups(self, request: Request) -> Answer:
        """Tell who is in a group."""
        group = _read(_Group, request.json_object())
        self.people.gather(group.chat_id, group.members)
        return Answer(204)


def _read(form: type[Form], body: dict[str, Any]) -> Form:
    try:
        return form.model_validate(body)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False))
        raise BadRequest(told) from error


def _both(key: tuple[str, str], messages: list[Message]) -> dict[str, Any]:
    chat_id, body = key
    return {"chat_id": chat_id, "body": body, "messages": [one.stanza for one in messages]}

"""QContact's cases and their timelines as they come over the wire: read tolerantly, because little of it is promised.

A case comes in two shapes, as a row of a list (display labels under plain names, raw values under `__name`) and as a
whole (`fields` and `relationships`); an older flat shape is read, too. All end as one `WireCase`. Names that we do not
know are left out, a value of an unexpected kind counts as missing, and ids are texts: they are longer than 32 bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, TypeAdapter, ValidationError, model_validator

Scalar = str | int | float | bool | None

_FIELDS = frozenset(
    {
        "status", "category", "reference", "description", "assigned_to", "contact", "telephone", "email", "address",
        "dr_number", "drop_number",
    }
)  # fmt: skip
CUSTOM = "c__"
RAW = "__"
_MOMENT: TypeAdapter[datetime] = TypeAdapter(datetime)


def _text(value: Any) -> str | None:
    """Return a text or a number as a text; None for anything else, and for what is blank."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).replace("\x00", "").strip() or None


def _moment(value: Any) -> datetime | None:
    try:
        moment = _MOMENT.validate_python(value)
    except ValidationError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


Text = Annotated[str | None, BeforeValidator(_text)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]
Flag = Annotated[bool | None, BeforeValidator(_flag)]
Id = Annotated[str, BeforeValidator(_text)]


class Wire(BaseModel):
    """What comes from outside: frozen; unknown keys are left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class WireCase(Wire):
    """A case. `is_whole` tells a whole one from a row of a list, in which any field may be missing.

    `fields` holds raw values (ids as they came), `labels` what people read in their place.
    """

    id: Id
    label: Text = None
    created_at: Moment = None
    updated_at: Moment = None
    fields: dict[str, Scalar] = {}
    labels: dict[str, str | None] = {}
    is_whole: bool = False

    @property
    def status(self) -> str | None:
        """The status in QContact's words, in whichever of its two spellings; None is unknown, never open."""
        return _text(self.fields.get("status")) or self.labels.get("status")

    @property
    def assigned_to(self) -> str | None:
        """The record id of whom the case is assigned to."""
        return _text(self.fields.get("assigned_to"))

    def text(self, name: str) -> str | None:
        """Return a field's raw value as a text; None when it is missing or blank."""
        return _text(self.fields.get(name))

    def label_of(self, name: str) -> str | None:
        """Return what people read in a field; for a reference, the name of what it refers to."""
        return self.labels.get(name)

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, raw: Any) -> Any:
        if not isinstance(raw, Mapping):
            return raw
        nested = raw.get("fields")
        inside: Mapping[str, Any] = nested if isinstance(nested, Mapping) else {}
        return {
            **{name: raw.get(name) for name in ("id", "label", "created_at", "updated_at")},
            "fields": _raw_fields(raw, inside),
            "labels": _labels(raw),
            "is_whole": isinstance(nested, Mapping),
        }


class WireEvent(Wire):
    """One entry of a case's timeline. `text` may hold HTML written by anybody: never to be shown as HTML.

    `changes` are those that people read: (field, old value, new value).
    """

    id: Id
    kind: Text = None
    text: Text = None
    at: Moment = None
    author: Text = None
    author_email: Text = None
    is_public: Flag = None
    is_pinned: Flag = None
    changes: tuple[tuple[str, str | None, str | None], ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, raw: Any) -> Any:
        if not isinstance(raw, Mapping):
            return raw
        user = raw.get("user")
        author: Mapping[str, Any] = user if isinstance(user, Mapping) else {}
        return {
            "id": raw.get("id"),
            "kind": _first(raw, "event_type", "type"),
            "text": _first(raw, "subtitle", "html", "content", "description"),
            "at": _first(raw, "raised_at", "created_at"),
            "author": _first(author, "label", "name"),
            "author_email": author.get("email"),
            "is_public": _first(raw, "public_note", "public"),
            "is_pinned": _first(raw, "pinned", "is_pinned"),
            "changes": _changes(raw.get("formatted_changes")),
        }


class CasePage(Wire):
    """One page of the list of cases. The order is not promised: rows may move between pages during a walk.

    `unreadable` counts rows that could not be read as cases.
    """

    cases: tuple[WireCase, ...]
    page: int
    items: int
    total: int | None = None
    unreadable: int = 0

    @property
    def is_last(self) -> bool:
        """Whether no page follows."""
        rows = len(self.cases) + self.unreadable
        return rows < self.items or (self.total is not None and self.page * self.items >= self.total)

    @property
    def pages(self) -> int | None:
        """How many pages there are; None when the service did not say how many cases."""
        return None if self.total is None else max(1, -(-self.total // self.items))


def read_case(body: Any) -> WireCase | None:
    """Read a case; None when it is none."""
    try:
        return WireCase.model_validate(body)
    except ValidationError:
        return None


def read_page(body: Any, page: int, items: int) -> CasePage | None:
    """Read a page of cases; None when it is none."""
    rows = body.get("results") if isinstance(body, Mapping) else None
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        return None
    found = [read_case(row) for row in rows]
    cases = tuple(case for case in found if case is not None)
    pagination = body.get("pagination")
    counted = pagination.get("count") if isinstance(pagination, Mapping) else body.get("total")
    total = counted if isinstance(counted, int) and not isinstance(counted, bool) and counted >= 0 else None
    return CasePage(cases=cases, page=page, items=items, total=total, unreadable=len(found) - len(cases))


def read_events(body: Any) -> list[WireEvent] | None:
    """Read a timeline, which is an array or holds one as `results`; None when it is none. Unreadable entries are left
    out."""
    rows = body.get("results") if isinstance(body, Mapping) else body
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        return None
    events = []
    for row in rows:
        try:
            events.append(WireEvent.model_validate(row))
        except ValidationError:
            continue
    return events


def _raw_fields(raw: Mapping[str, Any], inside: Mapping[str, Any]) -> dict[str, Any]:
    """Gather the raw values: inside `fields`, else under `__name`, else flat."""
    names = {name.removeprefix(RAW) for name in (*raw, *inside) if isinstance(name, str)}
    fields = {}
    for name in names:
        if name not in _FIELDS and not _is_custom(name):
            continue
        value = inside[name] if name in inside else raw.get(RAW + name, raw.get(name))
        if value is None or isinstance(value, str | int | float | bool):
            fields[name] = value.replace("\x00", "") if isinstance(value, str) else value
    return fields


def _is_custom(name: str) -> bool:
    return name.startswith(CUSTOM) and not name.endswith("__color")


def _labels(raw: Mapping[str, Any]) -> dict[str, str | None]:
    related = raw.get("relationships")
    if isinstance(related, Mapping):
        return {
            name: _text(one.get("label")) if isinstance(one, Mapping) else None
            for name, one in related.items()
            if isinstance(name, str)
        }
    # A plain name in a row is a label where a raw value stands beside it.
    return {name: _text(raw[name]) for name in raw if isinstance(name, str) and RAW + name in raw}


def _first(raw: Mapping[str, Any], *names: str) -> Any:
    return next((raw[name] for name in names if raw.get(name) is not None), None)


def _changes(formatted: Any) -> tuple[tuple[str, str | None, str | None], ...]:
    if not isinstance(formatted, Mapping):
        return ()
    return tuple(
        (
            _text(one.get("field")) or str(key).rpartition(".")[2],
            _text(one.get("old_value")),
            _text(one.get("new_value")),
        )
        for key, one in formatted.items()
        if isinstance(one, Mapping)
    )

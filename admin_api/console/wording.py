"""Words, times and numbers as people read them: the filters of the console's templates."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from flask import Flask
from markupsafe import Markup, escape

from admin_api import context
from runtime.clock import local_time

NOTHING = "\N{EN DASH}"
# What a plain reading of the name would get wrong.
_SPELT = {
    "qa": "QA",
    "sla": "SLA",
    "ont": "ONT",
    "dr": "DR",
    "pon": "PON",
    "rx": "RX",
    "id": "ID",
    "uid": "UID",
    "qcontact": "QContact",
    "waha": "WhatsApp",
    "whatsapp": "WhatsApp",
    "api": "API",
}


def register(app: Flask) -> None:
    """Make the filters known to templates under the names of their functions."""
    for show in (words, moment, day, span, number, since, share, pairs):
        app.jinja_env.filters[show.__name__] = show


def words(name: str | None) -> str:
    """Return a name of the wire as words: `pending_qa` is `Pending QA`. Nothing is a dash."""
    if not name:
        return NOTHING
    parts = [_SPELT.get(part, part) for part in name.split("_")]
    first = parts[0] if parts[0] in _SPELT.values() else parts[0][:1].upper() + parts[0][1:]
    return " ".join([first, *parts[1:]])


def moment(at: datetime | None) -> Markup:
    """Return a moment in local time, with the moment in UTC for whoever points at it; nothing is a dash."""
    if at is None:
        return escape(NOTHING)
    local, utc = local_time(at), at.astimezone(UTC)
    now = local_time(context.now())
    form = "%H:%M:%S" if local.date() == now.date() else "%d %b %H:%M" if local.year == now.year else "%d %b %Y %H:%M"
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        utc.isoformat(timespec="seconds"), utc.strftime("%Y-%m-%d %H:%M:%S"), local.strftime(form)
    )


def day(on: date | datetime | None) -> str:
    """Return a day as `3 Nov 2026`, in local time; nothing is a dash."""
    if on is None:
        return NOTHING
    local = local_time(on).date() if isinstance(on, datetime) else on
    return f"{local.day} {local:%b %Y}"


def span(length: timedelta | float | Decimal | None) -> str:
    """Return a length of time (seconds where it is a number) in its two largest units: `2 h 5 min`."""
    if length is None:
        return NOTHING
    seconds = length.total_seconds() if isinstance(length, timedelta) else float(length)
    if abs(seconds) < 1:
        return f"{seconds * 1000:.0f} ms"
    sign, whole = ("-" if seconds < 0 else ""), round(abs(seconds))
    for unit, size, less, part in (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // part
            return f"{sign}{whole // size} {unit}" + (f" {rest} {less}" if rest else "")
    return f"{sign}{whole} s"


def since(at: datetime | None) -> str:
    """Return how long ago a moment was, coarsely: it must not make a page new every second."""
    if at is None:
        return NOTHING
    seconds = (context.now() - at).total_seconds()
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return "just now"


def number(value: float | Decimal | None, cap: int | None = None) -> Markup:
    """Return a number with thin spaces between thousands; one that reached `cap` was counted no further."""
    if value is None:
        return escape(NOTHING)
    if cap is not None and value >= cap:
        return Markup("{}+").format(number(cap - 1))
    shown = f"{value:,}" if isinstance(value, int) or value == int(value) else f"{value:,.1f}"
    return escape(shown.removesuffix(".0").replace(",", "\u202f"))


def share(part: float | None) -> str:
    """Return a share of 0 to 1 as a percentage with at most one decimal; nothing is a dash."""
    return NOTHING if part is None else f"{100 * part:.1f}".removesuffix(".0") + " %"


def pairs(values: Iterable[str]) -> list[tuple[str, str]]:
    """Return names of the wire as the choices of a field: each with its words."""
    return [(value, words(value)) for value in values]

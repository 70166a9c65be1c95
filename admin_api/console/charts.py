"""Charts: figures drawn on the server as SVG without script and style, and the same figures as a table.

    chart = bars("Faults by cause", ["Cable damage", "Unknown"], {"Faults": [12, 3]})

    {% from "console/charts.html" import figure with context %}
    {{ figure(chart) }}

Colours and letters come from the style sheet, by the tone of each series, so that light and dark are the page's.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from types import MappingProxyType
from typing import Any, Final
from xml.etree import ElementTree as ET
from zlib import crc32

import pygal
from markupsafe import Markup
from pygal.style import Style

from admin_api.console.wording import number

# The library adds a finder of a kind that Python no longer knows, for plug-ins of its own that are not used here; each
# import of a module that is not there would warn of it.
sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)]

Value = int | float | None

TONES: Final = ("main", "calm", "warn", "quiet", "good", "bad")
"""The tones that series take in turn; the style sheet has a colour for each, and a dash pattern for lines."""

HATCHES: Final[Mapping[str, str]] = MappingProxyType(
    {"calm": "M0 0V8", "warn": "M0 0V8M4 0V8", "bad": "M0 0V8M0 0H8", "quiet": "M0 4h3"}
)
"""What is drawn over the colour of bars that stand beside others, turned by 45 degrees; main and good are plain."""

# As wide as half a desk and a phone, so that letters are as large there as elsewhere on the page.
WIDTH, HEIGHT = 480, 220
_ROW = 30
_LETTER = 7.2
_STYLE = Style(label_font_size=13, major_label_font_size=13, value_font_size=12)
_FRACTION = re.compile(r"(\d+\.\d)\d+")
_NOISE = frozenset({"defs", "title", "desc", "script", "style"})


@dataclass(frozen=True, slots=True)
class Series:
    """What one colour of a chart shows: a value, or None for a gap, for each label."""

    name: str
    tone: str
    values: tuple[Value, ...]

    @property
    def is_hatched(self) -> bool:
        """Whether its bars bear a pattern where they stand among others."""
        return self.tone in HATCHES


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart and its figures; `links` has an address for each label, or is empty."""

    title: str
    about: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    unit: str
    links: tuple[str | None, ...]
    is_line: bool
    svg: Markup

    @property
    def key(self) -> str:
        """What tells this chart's patterns from those of the others on its page."""
        return _key(self.title)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show: no labels, or not one value."""
        return not any(value is not None for one in self.series for value in one.values)

    def rows(self) -> Iterator[tuple[str, str | None, tuple[Markup, ...]]]:
        """Yield the lines of the table: label, address or None, and a text for each series."""
        for at, label in enumerate(self.labels):
            link = self.links[at] if self.links else None
            yield label, link, tuple(shown(one.values[at], self.unit) for one in self.series)


def bars(
    title: str,
    labels: Sequence[str],
    series: Mapping[str, Sequence[Value]],
    *,
    tones: Sequence[str] = TONES,
    stacked: bool = False,
    across: bool = False,
    unit: str = "",
    top: float | None = None,
    about: str = "",
    links: Sequence[str | None] = (),
) -> Chart:
    """Return bars, beside each other or `stacked`; `across` lays them down, which leaves room for long labels.

    `unit` follows each value, `top` is the end of the scale where it is known (100 for percentages), `about` heads the
    labels in the table ("Day", "Cause"), `links` lead from the table's lines. Raises ValueError where a series has not
    a value for each label.
    """
    drawings = {
        (False, False): pygal.Bar,
        (True, False): pygal.StackedBar,
        (False, True): pygal.HorizontalBar,
        (True, True): pygal.HorizontalStackedBar,
    }
    found = _series(labels, series, tones)
    tall = 40 + _ROW * len(labels) * (1 if stacked else max(1, len(found))) if across else HEIGHT
    drawn = _draw(drawings[stacked, across], title, labels, found, unit, top or _end(found, stacked), tall)
    return Chart(title, about, tuple(labels), found, unit, tuple(links), False, drawn)


def lines(
    title: str,
    labels: Sequence[str],
    series: Mapping[str, Sequence[Value]],
    *,
    tones: Sequence[str] = TONES,
    unit: str = "",
    top: float | None = None,
    about: str = "",
    links: Sequence[str | None] = (),
) -> Chart:
    """Return lines over time; a None leaves a gap. The rest is as for `bars`."""
    found = _series(labels, series, tones)
    drawn = _draw(pygal.Line, title, labels, found, unit, top or _end(found, stacked=False), HEIGHT)
    return Chart(title, about, tuple(labels), found, unit, tuple(links), True, drawn)


def shown(value: Value, unit: str) -> Markup:
    """Return a value as charts and their tables show it; none is a dash."""
    return number(value) + unit if value is not None else number(value)


def _series(labels: Sequence[str], series: Mapping[str, Sequence[Value]], tones: Sequence[str]) -> tuple[Series, ...]:
    uneven = [name for name, values in series.items() if len(values) != len(labels)]
    if uneven:
        raise ValueError(f"{', '.join(uneven)}: a value is needed for each of {len(labels)} labels")
    return tuple(
        Series(name, tone, tuple(values)) for (name, values), tone in zip(series.items(), cycle(tones), strict=False)
    )


def _end(series: Sequence[Series], stacked: bool) -> float:
    """Return where the scale ends: at a round number, and never at nought, which would have no scale."""
    columns = zip(*(one.values for one in series), strict=True)
    heights = [(sum if stacked else max)(value or 0 for value in column) for column in columns]
    highest = max(heights, default=0)
    if highest <= 8:
        return 4 if highest <= 4 else 8
    # Quarters of these are whole, as what is counted is.
    size: float = 10 ** math.floor(math.log10(highest))
    return next(size * step for step in (1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 12) if size * step >= highest)


def _draw(
    drawing: Any, title: str, labels: Sequence[str], series: Sequence[Series], unit: str, top: float, height: int
) -> Markup:
    if not labels or not series:
        return Markup()
    # Laid down, the first label would stand at the foot.
    laid = drawing in (pygal.HorizontalBar, pygal.HorizontalStackedBar)
    order = slice(None, None, -1 if laid else 1)
    chart = drawing(
        style=_STYLE,
        no_prefix=True,
        js=(),
        css=(),
        width=WIDTH,
        height=height,
        margin=6,
        margin_right=24,
        spacing=8,
        show_legend=False,
        title=None,
        range=(0, top),
        value_formatter=lambda value: str(shown(value, unit)),
        truncate_label=-1,
        dots_size=3.5,
        allow_interruptions=True,
        show_minor_x_labels=laid,
        x_labels_major_every=1 if laid else _every(labels),
    )
    chart.x_labels = list(labels[order])
    chart.y_labels = [top * part / 4 for part in range(5)]
    for one in series:
        chart.add(one.name, list(one.values[order]))
    return _cleaned(chart.render_tree(is_unicode=True), title, series)


def _every(labels: Sequence[str]) -> int:
    """Return how many labels to go on by so that those that are written do not run into each other."""
    room = max(1, int(WIDTH * 0.9 / (max(map(len, labels)) * _LETTER + 12)))
    return math.ceil(len(labels) / room)


def _cleaned(root: Any, title: str, series: Sequence[Series]) -> Markup:
    """Return the drawing without what a page's policy forbids, without what changes each time, with its title."""
    _clean(root, series, "")
    root.set("class", "chart")
    root.set("role", "img")
    root.insert(0, _told(title))
    if len(series) > 1:
        _hatch(root, title, series)
    text = ET.tostring(root, encoding="unicode")
    return Markup(_FRACTION.sub(r"\1", text))  # noqa: S704 - the library's drawing, its texts escaped by the writer


def _key(title: str) -> str:
    return f"{crc32(title.encode()):x}"


def _hatch(root: Any, title: str, series: Sequence[Series]) -> None:
    """Draw over the bars of each series what tells them apart without colour."""
    key, room = _key(title), ET.Element("defs")
    for tone in (one.tone for one in series if one.is_hatched):
        groups = [node for node in root.iter() if node.get("class") == f"series tone-{tone}"]
        for bar in (node for group in groups for node in group.iter() if node.tag.rpartition("}")[2] == "rect"):
            bar.set("fill", f"url(#{tone}-{key})")
        room.append(_pattern(tone, key))
    if any(node.get("fill") for node in root.iter()):
        root.append(room)


def _pattern(tone: str, key: str) -> Any:
    size = {"width": "8", "height": "8", "patternUnits": "userSpaceOnUse", "patternTransform": "rotate(45)"}
    pattern = ET.Element("pattern", {"id": f"{tone}-{key}", "class": f"tone-{tone}", **size})
    ET.SubElement(pattern, "rect", {"width": "8", "height": "8"})
    ET.SubElement(pattern, "path", {"d": HATCHES[tone]})
    return pattern


def _clean(node: Any, series: Sequence[Series], name: str) -> None:
    for attribute in ("style", "id"):
        node.attrib.pop(attribute, None)
    classes = node.get("class", "").split()
    for at, one in enumerate(series):
        if f"color-{at}" in classes:
            node.set("class", f"series tone-{one.tone}")
            name = one.name if len(series) > 1 else ""
    told = {child.get("class"): child.text for child in node if child.tag == "desc"}
    for child in [child for child in node if _is_noise(child)]:
        node.remove(child)
    for child in node:
        _clean(child, series, name)
    if "value" in told:
        node.append(_told(" ".join(part for part in (told.get("x_label"), name, told["value"]) if part)))


def _is_noise(node: Any) -> bool:
    """Whether it is a comment, a style, a script, or serves the library's own script."""
    if not isinstance(node.tag, str):
        return True
    return node.tag.rpartition("}")[2] in _NOISE or "tooltip-overlay" in node.get("class", "")


def _told(text: str) -> Any:
    found = ET.Element("title")
    found.text = text
    return found

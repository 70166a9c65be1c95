"""Plain maps: where things are to each other, with a scale, as figures for an SVG. No tiles, nothing from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

WIDTH: Final = 800
HEIGHT: Final = 360
_EDGE = 30
_METRES_PER_DEGREE = 111_320.0
# Nothing is shown larger than this, so that a single place is not a map of one metre.
_NARROWEST = 250.0
_SMALLEST, _LARGEST = 12.0, 21.0
_NAMED = 10

_Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What is shown at a position (degrees): its short `label`, what it `says`, where it leads; larger by `weight`."""

    latitude: float
    longitude: float
    label: str
    says: str
    address: str
    tone: str = "main"
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Spot:
    """A mark on the drawing, in its units."""

    x: float
    y: float
    radius: float
    mark: Mark


@dataclass(frozen=True, slots=True)
class PlaceMap:
    """A map: its spots, the largest first so that none is hidden, and a bar of `bar_metres`, as long as `bar`."""

    title: str
    spots: tuple[Spot, ...]
    bar: float
    bar_metres: int
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def bar_said(self) -> str:
        """The length of the bar in words."""
        return f"{self.bar_metres // 1000} km" if self.bar_metres >= 1000 else f"{self.bar_metres} m"


def draw_map(title: str, marks: Sequence[Mark], together: str | None = None) -> PlaceMap | None:
    """Return the map that shows all marks, north up; None without any.

    With `together`, an address, marks that would cover each other become one that leads there.
    """
    if not marks:
        return None
    points = _metres(marks)
    scale = _scale(points)
    placed = [(WIDTH / 2 + east * scale, HEIGHT / 2 - north * scale) for east, north in points]
    shown = list(zip(placed, marks, strict=True))
    if together is not None:
        shown = _joined(shown, together)
    heaviest = max(mark.weight for _, mark in shown)
    spots = [Spot(round(x, 1), round(y, 1), _radius(mark, heaviest), mark) for (x, y), mark in shown]
    spots.sort(key=lambda spot: -spot.radius)
    metres = _bar_metres(scale)
    return PlaceMap(title, tuple(spots), round(metres * scale, 1), metres)


def _metres(marks: Sequence[Mark]) -> list[tuple[float, float]]:
    """Return how far east and north of their middle marks are.

    Over the extent of a network the earth is flat, and a degree of longitude shorter than one of latitude.
    """
    middle_latitude = _middle([mark.latitude for mark in marks])
    middle_longitude = _middle([mark.longitude for mark in marks])
    shrink = math.cos(math.radians(middle_latitude))
    return [
        (
            (mark.longitude - middle_longitude) * shrink * _METRES_PER_DEGREE,
            (mark.latitude - middle_latitude) * _METRES_PER_DEGREE,
        )
        for mark in marks
    ]


def _joined(shown: Sequence[tuple[_Point, Mark]], together: str) -> list[tuple[_Point, Mark]]:
    """Return one mark for those that lie closer to the first of them than marks are wide."""
    groups: list[list[tuple[_Point, Mark]]] = []
    for point, mark in shown:
        near = next((group for group in groups if math.dist(group[0][0], point) < 2 * _SMALLEST), None)
        if near is None:
            groups.append([(point, mark)])
        else:
            near.append((point, mark))
    return [group[0] if len(group) == 1 else _one_of(group, together) for group in groups]


def _one_of(group: Sequence[tuple[_Point, Mark]], together: str) -> tuple[_Point, Mark]:
    points, marks = [point for point, _ in group], [mark for _, mark in group]
    named = ", ".join(mark.says for mark in marks[:_NAMED]) + (" …" if len(marks) > _NAMED else "")
    weight = sum(mark.weight for mark in marks)
    middle = (sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points))
    says = f"{len(marks)} here: {named}"
    return middle, replace(
        marks[0], label=f"\N{MULTIPLICATION SIGN}{len(marks)}", says=says, address=together, weight=weight
    )


def _middle(values: Sequence[float]) -> float:
    return (min(values) + max(values)) / 2


def _scale(points: Sequence[tuple[float, float]]) -> float:
    """Return how many units of the drawing a metre has, so that all points lie within its edges."""
    wide = max(_NARROWEST, 2 * max(abs(east) for east, _ in points))
    high = max(_NARROWEST, 2 * max(abs(north) for _, north in points))
    return min((WIDTH - 2 * _EDGE) / wide, (HEIGHT - 2 * _EDGE) / high)


def _radius(mark: Mark, heaviest: float) -> float:
    """Return a radius by which areas compare as weights do."""
    return round(_SMALLEST + (_LARGEST - _SMALLEST) * math.sqrt(max(mark.weight, 0) / heaviest), 1)


def _bar_metres(scale: float) -> int:
    """Return the longest round length that takes at most a fifth of the width."""
    longest = WIDTH / 5 / scale
    size = 10.0 ** math.floor(math.log10(longest))
    return round(max(step * size for step in (1, 2, 5) if step * size <= longest))

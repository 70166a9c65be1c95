"""Plain maps: where things are to each other, with a scale, as figures for an SVG. No tiles, nothing from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 640
HEIGHT: Final = 360
_EDGE = 34
_METRES_PER_DEGREE = 111_320.0
# Nothing is shown larger than this, so that a single place is not a map of one metre.
_NARROWEST = 250.0
_SMALLEST, _LARGEST = 11.0, 20.0


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


def draw_map(title: str, marks: Sequence[Mark]) -> PlaceMap | None:
    """Return the map that shows all marks, north up; None without any."""
    if not marks:
        return None
    middle_latitude = _middle([mark.latitude for mark in marks])
    middle_longitude = _middle([mark.longitude for mark in marks])
    # Over the extent of a network the earth is flat, and a degree of longitude shorter than one of latitude.
    shrink = math.cos(math.radians(middle_latitude))
    points = [
        (
            (mark.longitude - middle_longitude) * shrink * _METRES_PER_DEGREE,
            (mark.latitude - middle_latitude) * _METRES_PER_DEGREE,
        )
        for mark in marks
    ]
    scale = _scale(points)
    heaviest = max(mark.weight for mark in marks) or 1
    spots = [
        Spot(round(WIDTH / 2 + east * scale, 1), round(HEIGHT / 2 - north * scale, 1), _radius(mark, heaviest), mark)
        for (east, north), mark in zip(points, marks, strict=True)
    ]
    metres = _bar_metres(scale)
    return PlaceMap(title, tuple(sorted(spots, key=lambda spot: -spot.radius)), round(metres * scale, 1), metres)


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

"""The made-up network: three projects with zones, PONs, poles and homes. Pure, and the same for every random seed.

A block of tickets has an area of its own, so a larger history has a larger network and places do not fail more often.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product

from cli.sample_faults import STREETS

ZONES, PONS, POLES, HOMES = 8, 5, 4, 4
"""In the area of a block: zones of each project, PONs of each zone, poles of each PON, homes of each pole."""

FIRST_DROP = 90_000_000
_FIRST_LETTER, _LETTERS, _POLES_A_LETTER = "A", 26, 900
_DAYS_OF_BUILDING = 900
# Degrees between poles and between homes: some 50 m and 10 m.
_POLE_STEP, _HOME_STEP = 0.0005, 0.0001


@dataclass(frozen=True, slots=True)
class Project:
    """A made-up project around a place that exists; degrees."""

    code: str
    name: str
    township: str
    region: str
    latitude: float
    longitude: float


PROJECTS = (
    Project("KTH", "Katlehong Fibre (sample)", "Katlehong", "Ekurhuleni", -26.3331, 28.1500),
    Project("MMD", "Mamelodi Fibre (sample)", "Mamelodi", "Tshwane", -25.7080, 28.3960),
    Project("IVP", "Ivory Park Fibre (sample)", "Ivory Park", "Johannesburg", -25.9950, 28.2010),
)


@dataclass(frozen=True, slots=True)
class Home:
    """A drop of the register: where a home hangs in the network and on the map."""

    dr_number: str
    project: str
    pole: str
    pon: int
    zone: int
    address: str
    latitude: float
    longitude: float
    installed_on: date
    length: str


def area(block: int, built_by: date) -> list[Home]:
    """Return the homes of a block's area, built in the 900 days before `built_by`, neighbours next to each other."""
    chance = random.Random(f"network {block}")  # noqa: S311 - the same invented network every time
    homes: list[Home] = []
    for project in PROJECTS:
        homes.extend(_homes(project, block, FIRST_DROP + _area_size() * block + len(homes), built_by, chance))
    return homes


def _area_size() -> int:
    return len(PROJECTS) * ZONES * PONS * POLES * HOMES


def _homes(project: Project, block: int, first: int, built_by: date, chance: random.Random) -> Iterator[Home]:
    poles = product(range(ZONES), range(PONS), range(POLES))
    for place, (zone, pon, _) in enumerate(poles):
        pole = block * ZONES * PONS * POLES + place
        latitude = project.latitude + (pole // 40 % 400) * _POLE_STEP
        longitude = project.longitude + (pole % 40) * _POLE_STEP
        street = STREETS[pole // HOMES % len(STREETS)]
        installed_on = built_by - timedelta(days=chance.randrange(_DAYS_OF_BUILDING))
        for home in range(HOMES):
            yield Home(
                dr_number=f"DR{first + place * HOMES + home}",
                project=project.code,
                pole=_pole_label(project.code, pole),
                pon=block * ZONES * PONS + zone * PONS + pon + 1,
                zone=block * ZONES + zone + 1,
                address=f"{pole % 120 * HOMES + home + 1} {street}, {project.township}",
                latitude=round(latitude + home * _HOME_STEP, 6),
                longitude=round(longitude, 6),
                installed_on=installed_on,
                length=chance.choice(("25m", "30m", "40m", "50m", "60m")),
            )


def _pole_label(code: str, pole: int) -> str:
    sheet, number = divmod(pole, _POLES_A_LETTER)
    letters = ""
    while True:
        sheet, letter = divmod(sheet, _LETTERS)
        letters = chr(ord(_FIRST_LETTER) + letter) + letters
        if not sheet:
            return f"{code}.P.{letters}{number + 1:03d}"
        sheet -= 1

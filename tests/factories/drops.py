"""Builders for the drop register: its sheet, and the workbook that holds it."""

from __future__ import annotations

from typing import Any

from integrations.workbooks import SheetData, write_workbook

# fmt: off
HEADERS = [
    "label", "type", "subtyp", "spec", "dim1", "dim2", "cblcpty", "conntr", "ntwrkptn", "cmpownr", "strtfeat",
    "endfeat", "lat", "lon", "sg21", "sg26", "address", "pon_no", "zone_no", "subplace", "mainplce", "mun",
    "stackref", "datecrtd", "crtdby", "date_edt", "editby", "comments",
]
# fmt: on
DROP = {
    "label": "DR1737348",
    "type": "Cable",
    "subtyp": "Drop",
    "spec": "SM/G657A2",
    "dim1": "2.8mm",
    "dim2": "40m",
    "strtfeat": "LAW.P.A002",
    "endfeat": "LAW.ONT.DR1737348",
    "pon_no": 1,
    "zone_no": 1.0,
    "subplace": 798038001,
    "mun": "City of Johannesburg",
    "stackref": "LAW",
    "datecrtd": "2025-04-14T07:50:57.765",
}
SPARE = {"label": "DR1737375", "endfeat": None, "comments": "Spare"}


def register_sheet(*drops: dict[str, Any]) -> list[list[Any]]:
    """A register with these drops, each the usual one with some columns changed."""
    return [list(HEADERS), *([(DROP | drop).get(header) for header in HEADERS] for drop in drops)]


def register_workbook(*drops: dict[str, Any]) -> bytes:
    """The same as a workbook's bytes."""
    headers, *rows = register_sheet(*drops)
    return write_workbook([SheetData("HLD_Home", headers, rows)])

"""What goes wrong on a fibre network in a township in spring, as a client's desk writes it down. All invented."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault: what the sheet says; `rx` is the range of the received power in dBm, where light arrives."""

    issue: str
    description: str
    priority: str = "Normal"
    cause: str | None = None
    rx: tuple[float, float] | None = None
    ticket_type: str = "Maintenance"


FAULTS = (
    Fault("No light on ONT", "LOS red since last night, router restarted twice by the client.", "High"),
    Fault(
        "Drop cable cut",
        "Cable pulled down by a delivery truck at the gate, hanging over the road.",
        "Urgent",
        "Third party",
    ),
    Fault(
        "Slow speeds in the evening",
        "Client measures 8 of 50 Mbps after 18:00, fine in the morning.",
        rx=(-24.5, -18.0),
    ),
    Fault(
        "High RX loss",
        "Level dropped after the pole was moved, macro-bend suspected at the bracket.",
        rx=(-29.8, -27.2),
    ),
    Fault("Intermittent connection", "Drops for a few minutes several times a day.", rx=(-26.8, -23.0)),
    Fault("ONT has no power", "Gizzu does not charge after load-shedding, ONT dead.", "High", "Material failure"),
    Fault("ONT damaged by lightning", "Storm on the night before, ONT and router both burnt.", "High", "Storm"),
    Fault(
        "Connector damaged",
        "SC/APC pulled out of the wall box while painting.",
        cause="Client damage",
        rx=(-31.5, -28.0),
    ),
    Fault("Theft of drop cable", "Cable cut at the pole and removed, neighbours affected too.", "Urgent", "Vandalism"),
    Fault(
        "No light after splice repair",
        "Went down when the joint at the pole was opened last week.",
        "High",
        "Workmanship",
    ),
    Fault(
        "Wrong port at splitter", "Client down since the neighbour was connected, ports swapped.", "High", "Workmanship"
    ),
    Fault(
        "Pole leaning", "Pole leans over the pavement after the rain, drops under tension.", "Critical", "Environmental"
    ),
    Fault(
        "Cable sagging over driveway",
        "Taxi hooks the cable when turning, clamp has slipped.",
        "High",
        rx=(-22.5, -17.5),
    ),
    Fault(
        "ONT replacement",
        "Unit restarts every hour, swap requested by the client.",
        ticket_type="ONT Swap",
        rx=(-21.0, -16.0),
    ),
    Fault(
        "Relocate ONT", "Client extended the house, ONT to be moved to the new lounge.", "Low", ticket_type="Relocation"
    ),
    Fault("Whole pole down", "All homes on the pole without light since 05:30.", "Critical", ticket_type="Outage"),
    Fault(
        "Water in the dome joint",
        "Found during routine inspection, two trays wet.",
        cause="Environmental",
        rx=(-27.0, -24.0),
    ),
    Fault(
        "Rodent damage", "Jacket chewed through in the roof, glass visible.", cause="Environmental", rx=(-28.5, -26.0)
    ),
    Fault("No authentication", "Light is good but the ONT does not come online.", rx=(-20.5, -15.5)),
    Fault("Slack not coiled", "Ten metres of drop lie on the roof since the installation.", "Low", "Poor workmanship"),
)

LOGGED_BY = ("N. Khumalo", "Client portal", "Call centre", "WhatsApp group")

STREETS = (
    "Acacia Street",
    "Baobab Crescent",
    "Marula Avenue",
    "Protea Road",
    "Hornbill Street",
    "Kudu Close",
    "Imbali Street",
    "Umlilo Road",
    "Weaver Street",
    "Sunbird Lane",
)

# By position among the rows: six ways to spoil one, each of a different kind.
FAULTY_ROWS: dict[int, dict[str, Any]] = {
    11: {"Issue": None, "Fault Description": "See email"},
    26: {"FT Ref": None, "DR Number": None},
    40: {"DR Number": "DR19-OO41"},
    57: {"Date Logged": "31/09/2026"},
    72: {"ONT RX": "no light"},
    87: {"Priority": "ASAP!!"},
}

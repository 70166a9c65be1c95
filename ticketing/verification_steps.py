"""The 12 verification steps and what each needs; table `verification_step_types` holds the same (a test compares)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Step:
    """One of the 12 verification steps and what completing it needs."""

    number: int
    name: str
    description: str
    photo_required: bool = True
    needs_ont_serial: bool = False
    needs_ont_rx: bool = False
    needs_notes: bool = False


STEPS: Final = (
    Step(1, "Site Assessment", "The site as it was found: access, pole, route and risks"),
    Step(2, "Material Verification", "Drop cable, connectors, ONT and Gizzu on site and of the right kind"),
    Step(3, "Fiber Installation", "Drop cable hung or trenched from the pole to the home"),
    Step(4, "Fiber Splicing", "Splices made, protected and laid in the tray"),
    Step(5, "ONT Installation", "ONT mounted and powered, its serial number readable", needs_ont_serial=True),
    Step(6, "Fiber Termination", "Fibre terminated and cleaned at the ONT and the pole"),
    Step(
        7,
        "ONT Activation & Testing",
        "ONT registered on its PON, received power measured",
        needs_ont_serial=True,
        needs_ont_rx=True,
    ),
    Step(
        8,
        "Signal Quality Test",
        "Received power within the window, with the reading and the instrument noted",
        needs_ont_rx=True,
        needs_notes=True,
    ),
    Step(9, "End-to-End Connectivity", "The client's service works through to the internet", photo_required=False),
    Step(10, "Cable Management & Labeling", "Cables fixed and labelled at the pole and in the home"),
    Step(11, "Site Cleanup", "Site left clean, offcuts and packaging removed"),
    Step(12, "Documentation & Handover", "Documents complete and signed by the client"),
)

PHOTO_STEPS: Final = tuple(step.number for step in STEPS if step.photo_required)

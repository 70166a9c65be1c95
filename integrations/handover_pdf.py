"""A handover snapshot as a PDF: for the file, the client, or whoever has to prove later what was handed over.

The same snapshot always makes the same bytes: nothing of the present goes in, no time and no random id. The number in
the chain and the hash stand on every page, so a print can be held against the chain (`fibreflow handover verify
--expect`). The fonts are part of the file, so it looks the same everywhere.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import reportlab
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from runtime.clock import local_time

CONTENT_TYPE = "application/pdf"

_PLAIN, _BOLD = "FibreFlow", "FibreFlow-Bold"
_FONTS = Path(reportlab.__file__).parent / "fonts"
_MARGIN = 18 * mm
_WIDTH = A4[0] - 2 * _MARGIN
_GREY = colors.HexColor("#555555")
_RULE = colors.HexColor("#BBBBBB")

_BODY = ParagraphStyle("body", fontName=_PLAIN, fontSize=8, leading=10.5, wordWrap="CJK")
_LABEL = ParagraphStyle("label", parent=_BODY, textColor=_GREY)
_HEAD = ParagraphStyle("head", parent=_BODY, fontName=_BOLD)
_TITLE = ParagraphStyle("title", parent=_BODY, fontName=_BOLD, fontSize=15, leading=19)
_SECTION = ParagraphStyle("section", parent=_BODY, fontName=_BOLD, fontSize=10.5, leading=15, spaceBefore=9)

_TICKET_FIELDS = {
    "ticket_uid": "Ticket",
    "title": "Title",
    "description": "Description",
    "ticket_type": "Type",
    "priority": "Priority",
    "status": "Status before",
    "status_after": "Status after",
    "project_name": "Project",
    "dr_number": "DR number",
    "pole_number": "Pole",
    "pon_number": "PON",
    "zone_id": "Zone",
    "address": "Address",
    "ont_serial": "ONT serial",
    "ont_model": "ONT model",
    "ont_rx_level": "ONT RX (dBm)",
    "fault_cause": "Fault cause",
    "fault_cause_details": "Cause in detail",
    "installation_date": "Installed on",
    "guarantee_status": "Guarantee",
    "guarantee_expires_at": "Guarantee ends",
    "billing_classification": "Billing",
    "is_billable": "Billable",
}


def handover_pdf(snapshot: Mapping[str, Any]) -> bytes:
    """Return a snapshot (in the shape of the API's SnapshotView) as a PDF, A4."""
    _register_fonts()
    buffer = io.BytesIO()
    data = snapshot["snapshot_data"]
    document = SimpleDocTemplate(
        buffer,
        pagesize=A4,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=24 * mm,
        title=f"Handover {snapshot['chain_number']}: {data['ticket_uid']}",
        author="FibreFlow",
        invariant=1,
    )
    foot = functools.partial(_foot, snapshot)
    document.build(list(_story(snapshot, data)), onFirstPage=foot, onLaterPages=foot)
    return buffer.getvalue()


def _story(snapshot: Mapping[str, Any], data: Mapping[str, Any]) -> Iterable[Flowable]:
    yield Paragraph(_text(f"Handover {snapshot['chain_number']}: ticket {data['ticket_uid']}"), _TITLE)
    yield Spacer(0, 4)
    yield _pairs(_handover(snapshot))
    yield from _section("Ticket", _pairs({said: data.get(name) for name, said in _TICKET_FIELDS.items()}))
    yield from _section("Verification", _steps(data["verification_steps"]))
    yield from _section("Decisions", _decisions(snapshot["decisions"]))
    yield from _section("Files on record", _files(snapshot["evidence_links"]))


def _handover(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Handover": f"{snapshot['handover_type']}: {snapshot['from_owner_type']} to {snapshot['to_owner_type']}",
        "Handed over at": snapshot["handover_at"],
        "Handed over by": f"{snapshot['handover_by_name']} ({snapshot['handover_by']})",
        "Number in the chain": snapshot["chain_number"],
        "Hash (SHA-256)": snapshot["snapshot_sha256"],
        "Hash of the one before": snapshot["previous_sha256"] or "none: it is the first",
        "Snapshot": snapshot["id"],
    }


def _section(title: str, content: Flowable) -> Iterable[Flowable]:
    yield Paragraph(title, _SECTION)
    yield content


def _steps(steps: Sequence[Mapping[str, Any]]) -> Flowable:
    rows = (
        (
            step["step_number"],
            step["step_name"],
            step["completed_at"] or "open",
            step["completed_by_name"],
            step["notes"],
        )
        for step in steps
    )
    return _grid(("No.", "Step", "Completed", "By", "Notes"), (8, 46, 34, 32, 54), rows)


def _decisions(decisions: Sequence[Mapping[str, Any]]) -> Flowable:
    rows = (
        (
            one["decision_at"],
            one["decision_type"].replace("_", " "),
            (one["metadata"] or {}).get("decided_by_name") or one["decision_by"],
            one["notes"],
        )
        for one in decisions
    )
    return _grid(("When", "What", "By", "Notes"), (34, 30, 36, 74), rows)


def _files(files: Sequence[Mapping[str, Any]]) -> Flowable:
    rows = ((one["step_number"], one["filename"], one["inspection_status"], one["sha256"]) for one in files)
    return _grid(("Step", "File", "Inspection", "SHA-256"), (10, 50, 22, 92), rows)


def _pairs(values: Mapping[str, Any]) -> Flowable:
    rows = [[Paragraph(_text(name), _LABEL), Paragraph(_text(value), _BODY)] for name, value in values.items()]
    return _table(rows, (42, 132), ())


def _grid(headers: Sequence[str], widths: Sequence[float], rows: Iterable[Sequence[Any]]) -> Flowable:
    body = [[Paragraph(_text(cell), _BODY) for cell in row] for row in rows]
    if not body:
        return Paragraph("None.", _LABEL)
    head = [Paragraph(name, _HEAD) for name in headers]
    return _table([head, *body], widths, (("LINEBELOW", (0, 0), (-1, 0), 0.7, colors.black),), repeated=1)


def _table(rows: list[list[Paragraph]], widths: Sequence[float], style: tuple[Any, ...], repeated: int = 0) -> Flowable:
    share = _WIDTH / sum(widths)
    table = Table(rows, colWidths=[width * share for width in widths], repeatRows=repeated, splitInRow=1)
    common = (
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.25, _RULE),
        ("LEFTPADDING", (0, 0), (-1, -1), 2),
        ("RIGHTPADDING", (0, 0), (-1, -1), 2),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
    )
    table.setStyle(TableStyle([*common, *style]))
    return table


def _foot(snapshot: Mapping[str, Any], canvas: Canvas, document: SimpleDocTemplate) -> None:
    canvas.saveState()
    canvas.setFont(_PLAIN, 6.5)
    canvas.setFillColor(_GREY)
    canvas.drawString(
        _MARGIN, 14 * mm, f"Chain number {snapshot['chain_number']}, SHA-256 {snapshot['snapshot_sha256']}"
    )
    canvas.drawRightString(A4[0] - _MARGIN, 14 * mm, f"Page {document.page}")
    canvas.restoreState()


def _text(value: Any) -> str:
    """Return a value as a person reads it, safe as mark-up; a sign that the font lacks is named by its number."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    told = _moment(value)
    known = _known_signs()
    shown = "".join(sign if ord(sign) in known or sign == "\n" else f"[U+{ord(sign):04X}]" for sign in told)
    return escape(shown).replace("\n", "<br/>")


def _moment(value: Any) -> str:
    """Return a time, given as such or as the snapshot keeps it, in Africa/Johannesburg; anything else as text."""
    if isinstance(value, str) and len(value) >= 20 and value[10] == "T" and value.endswith("Z"):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return str(value)
    if isinstance(value, datetime):
        return local_time(value).strftime("%Y-%m-%d %H:%M:%S %Z")
    return str(value).replace("\r\n", "\n").replace("\t", " ")


@functools.cache
def _register_fonts() -> None:
    """Make the two fonts known, Bitstream Vera, which come with the library and may be put into any document."""
    pdfmetrics.registerFont(TTFont(_PLAIN, str(_FONTS / "Vera.ttf")))
    pdfmetrics.registerFont(TTFont(_BOLD, str(_FONTS / "VeraBd.ttf")))


@functools.cache
def _known_signs() -> frozenset[int]:
    return frozenset(pdfmetrics.getFont(_PLAIN).face.charToGlyph)

"""A snapshot as PDF: the same bytes for the same snapshot, everything on it, and no text that breaks it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from reportlab.pdfgen.canvas import Canvas

from integrations import handover_pdf as module
from integrations.handover_pdf import handover_pdf

SHA = "ab" * 32


def snapshot(**data: Any) -> dict[str, Any]:
    step = {
        "step_number": 1,
        "step_name": "Site Assessment",
        "completed_at": "2026-11-20T10:00:00.000000Z",
        "completed_by_name": "Thandi",
        "notes": None,
    }
    return {
        "id": UUID(int=5),
        "chain_number": 17,
        "handover_type": "qa_to_maintenance",
        "handover_at": datetime(2026, 11, 20, 10, tzinfo=UTC),
        "handover_by": UUID(int=7),
        "handover_by_name": "Thandi",
        "from_owner_type": "qa",
        "to_owner_type": "maintenance",
        "previous_sha256": None,
        "snapshot_sha256": SHA,
        "snapshot_data": {"ticket_uid": "FF100001", "title": "No light", "verification_steps": [step]} | data,
        "decisions": [],
        "evidence_links": [
            {"step_number": 1, "filename": "pole.jpg", "inspection_status": "accepted", "sha256": "cd" * 32}
        ],
    }


def pages(data: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b(?!s)", data))


def test_the_same_snapshot_makes_the_same_bytes() -> None:
    first, again = handover_pdf(snapshot()), handover_pdf(snapshot())
    assert first == again
    assert first.startswith(b"%PDF-")
    assert handover_pdf(snapshot(title="Another")) != first


def test_the_fonts_are_part_of_the_file() -> None:
    data = handover_pdf(snapshot())
    assert data.count(b"/FontFile2") == 2
    assert b"BitstreamVera" in data


def test_number_and_hash_stand_on_every_page(monkeypatch: Any) -> None:
    drawn: list[str] = []
    draw = Canvas.drawString

    def noted(canvas: Canvas, x: float, y: float, text: str, **_: Any) -> Any:
        drawn.append(text)
        return draw(canvas, x, y, text)

    monkeypatch.setattr(Canvas, "drawString", noted)
    data = handover_pdf(snapshot(description="Long story. " * 2_000))
    assert pages(data) > 2
    assert drawn == [f"Chain number 17, SHA-256 {SHA}"] * pages(data)


def test_what_the_font_lacks_is_named_and_mark_up_is_text() -> None:
    assert module._text("a<b>&\U0001f600") == "a&lt;b&gt;&amp;[U+1F600]"
    assert module._text("two\r\nlines") == "two<br/>lines"
    assert (module._text(None), module._text(""), module._text(True), module._text(False)) == ("-", "-", "yes", "no")
    assert module._text("2026-11-20T10:00:00.000000Z") == "2026-11-20 12:00:00 SAST"
    assert module._text("9999-12-31T23:59:59.000000Z") == "9999-12-31 23:59:59 UTC"
    assert module._text("2026-11-99T10:00:00.000000Z") == "2026-11-99T10:00:00.000000Z"


@settings(max_examples=20)
@given(st.text(max_size=300))
def test_no_text_breaks_it(text: str) -> None:
    assert handover_pdf(snapshot(title=text, description=text)).rstrip().endswith(b"%%EOF")

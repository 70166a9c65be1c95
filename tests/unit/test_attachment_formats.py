"""Which files are taken, by their bytes; and names that are safe to store and to offer."""

from __future__ import annotations

import zipfile
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.received_files import examine
from tests.factories.attachments import HEIC, PDF, XLS, draw, workbook
from ticketing.attachments import formats
from ticketing.attachments.formats import FORMATS, LONGEST_NAME, require_known, safe_filename, sniff
from ticketing.errors import InvalidInput


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (draw("JPEG"), formats.JPEG),
        (draw("PNG"), formats.PNG),
        (draw("WEBP"), formats.WEBP),
        (draw("GIF"), formats.GIF),
        (HEIC, formats.HEIC),
        (PDF, formats.PDF),
        (workbook(), formats.XLSX),
        (XLS, formats.XLS),
        (b"", None),
        (b"\xff\xd8", None),
        (b"RIFF\x00\x00\x00\x00WAVE", None),
        (b"\x00\x00\x00\x1cftypmp42", None),
        (b" %PDF-1.7", None),
        (b"BM" + bytes(60), None),
        (b"<?xml version='1.0'?><svg/>", None),
        (b"#!/bin/sh\n", None),
    ],
)
def test_files_are_told_by_their_bytes(data: bytes, expected: formats.Format | None) -> None:
    assert sniff(data) is expected


@given(st.binary(max_size=100))
def test_a_format_is_found_in_the_head_alone(data: bytes) -> None:
    assert sniff(data) is sniff(data[: formats.HEAD])
    if sniff(data) is None:
        with pytest.raises(InvalidInput):
            require_known(data)


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("Site 7.JPG", formats.JPEG, "Site 7.JPG"),
        ("../../etc/passwd", formats.JPEG, "passwd.jpg"),
        ("C:\\photos\\a.jpeg", formats.JPEG, "a.jpeg"),
        ("invoice.pdf", formats.PNG, "invoice.pdf.png"),
        ("run.exe\0.jpg", formats.JPEG, "run.exe.jpg"),
        ("a\r\nSet-Cookie: x.jpg", formats.JPEG, "aSet-Cookie x.jpg"),
        ("foto \u202egpj.exe", formats.JPEG, "foto gpj.exe.jpg"),
        ("", formats.PDF, "file.pdf"),
        ("...", formats.PDF, "file.pdf"),
        (".jpg", formats.JPEG, "jpg.jpg"),
        ("CON.pdf", formats.PDF, "_CON.pdf"),
        ("Zoe\u0308.png", formats.PNG, "Zoë.png"),
        ("x" * 400 + ".jpg", formats.JPEG, "x" * (LONGEST_NAME - 4) + ".jpg"),
    ],
)
def test_names_become_safe(name: str, kind: formats.Format, expected: str) -> None:
    assert safe_filename(name, kind) == expected


@given(st.text(max_size=300), st.sampled_from(FORMATS))
def test_every_name_becomes_one_that_is_safe_and_true(name: str, kind: formats.Format) -> None:
    safe = safe_filename(name, kind)
    assert 1 < len(safe) <= LONGEST_NAME
    assert safe.rpartition(".")[2].lower() in kind.extensions
    assert not set(safe) & set('/\\<>:"|?*;\0\r\n\u202e')
    assert safe.isprintable() or not safe.isascii()
    assert not safe.startswith(".")
    assert safe_filename(safe, kind) == safe


def archive(**parts: bytes) -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as zipped:
        for name, data in parts.items():
            zipped.writestr(name, data)
    return made.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (archive(readme=b"x"), "without a workbook"),
        (archive(**{"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>", "xl/vbaProject.bin": b"x"}), "macros"),
        (XLS + "_VBA_PROJECT".encode("utf-16-le"), "macros"),
        (XLS + "EncryptedPackage".encode("utf-16-le"), "password"),
        (XLS[:8] + bytes(600) + "WordDocument".encode("utf-16-le"), "not accepted"),
        (draw()[:25], "damaged"),
        (HEIC[:60], "damaged"),
        (b"", "1 byte"),
        (bytes(10 * 1024 * 1024 + 1), "10 MB"),
    ],
)
def test_what_only_begins_well_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as refusal:
        examine(data, "a.bin", "file")
    assert isinstance(refusal.value.details, dict)
    assert list(refusal.value.details) == ["file"]


@given(
    st.binary(max_size=200), st.sampled_from([draw(), draw("PNG"), draw("WEBP"), HEIC, XLS, PDF]), st.integers(0, 150)
)
def test_altered_files_are_taken_or_refused_and_nothing_else(noise: bytes, whole: bytes, place: int) -> None:
    data = whole[: 12 + place] + noise + whole[12 + place + len(noise) :]
    try:
        facts = examine(data, "a.bin")
    except InvalidInput:
        return
    assert facts.size == len(data)

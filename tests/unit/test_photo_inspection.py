"""Looking at photos: what is decoded and what is not, what shows something, what stays the same photo."""

from __future__ import annotations

import hashlib
import struct
import zlib
from typing import Any

import pytest
from PIL import Image, ImageEnhance, ImageOps

from integrations import photo_inspection, photos
from tests.factories.attachments import camera
from tests.factories.evidence import encoded, photograph, scene
from ticketing.evidence.fingerprints import FARTHEST, distance
from ticketing.evidence.rules import Finding, Look


def look(data: bytes) -> Look:
    return photo_inspection.look_at(data, hashlib.sha256(data).hexdigest())


def apart(one: Look, other: Look) -> int:
    assert one.fingerprint is not None
    assert other.fingerprint is not None
    return distance(one.fingerprint, other.fingerprint)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_photo_is_decoded_and_measured(form: str) -> None:
    seen = look(encoded(scene(1), form))
    assert (seen.problem, seen.width, seen.height, seen.is_blank) == (None, 960, 720, False)
    assert seen.brightness > 100
    assert apart(seen, look(photograph(1))) <= 2


def test_a_photo_is_known_again_in_another_size_quality_brightness_and_cut() -> None:
    picture = scene(2)
    original = look(encoded(picture, quality=92))
    cut = picture.crop((14, 10, 946, 710))
    for changed in (
        encoded(picture, quality=25),
        encoded(picture.resize((640, 480)), quality=60),
        encoded(ImageEnhance.Brightness(picture).enhance(1.15)),
        encoded(cut),
        encoded(picture.convert("L")),
        encoded(picture.convert("P"), "PNG"),
    ):
        assert apart(original, look(changed)) <= FARTHEST


def test_a_photo_that_a_messenger_has_turned_upright_is_the_same_photo() -> None:
    picture = scene(3)
    lying = encoded(picture.transpose(Image.Transpose.ROTATE_90), exif=camera(orientation=6))
    assert apart(look(encoded(picture)), look(lying)) <= 2
    assert (look(lying).width, look(lying).height) == (960, 720)


def test_different_scenes_are_far_apart() -> None:
    seen = [look(encoded(scene(seed, (640, 480)))) for seed in range(24)]
    distances = [apart(one, other) for place, one in enumerate(seen) for other in seen[:place]]
    assert min(distances) > FARTHEST


@pytest.mark.parametrize("colour", [(255, 255, 255), (128, 130, 126), (90, 160, 230)])
def test_an_even_surface_is_blank_whatever_its_colour_and_noise(colour: tuple[int, int, int]) -> None:
    plain = Image.new("RGB", (800, 600), colour)
    noisy = Image.blend(plain, Image.effect_noise((800, 600), 40).convert("RGB"), 0.25)
    for picture in (plain, noisy):
        seen = look(encoded(picture))
        assert seen.is_blank
        assert seen.comparable is None


def test_a_covered_lens_is_dark() -> None:
    assert look(encoded(ImageEnhance.Brightness(scene(4)).enhance(0.05))).brightness < 32
    assert look(encoded(ImageEnhance.Brightness(scene(4)).enhance(0.4))).brightness > 32


def test_one_lit_screen_in_the_dark_shows_something() -> None:
    night = Image.new("RGB", (800, 600), (4, 4, 4))
    night.paste((240, 240, 240), (300, 200, 460, 320))
    seen = look(encoded(night))
    assert not seen.is_blank
    assert seen.brightness > 32


def test_the_cameras_time_comes_along() -> None:
    seen = look(encoded(scene(5), exif=camera(taken="2026:11:20 12:00:00")))
    assert seen.captured_at is not None
    assert seen.captured_at.isoformat() == "2026-11-20T10:00:00+00:00"
    assert look(photograph(5)).captured_at is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a photo",
        b"\xff\xd8\xff" + bytes(500),
        photograph(6)[:-4000],
        encoded(scene(6), "PNG")[:20_000],
        encoded(scene(6), "WEBP")[:3_000],
    ],
)
def test_what_does_not_decode_is_said_to_be_damaged(data: bytes) -> None:
    seen = look(data)
    assert (seen.problem, seen.comparable) == (Finding.UNREADABLE, None)
    assert seen.problem_text


def test_other_bytes_than_were_uploaded_are_not_looked_at() -> None:
    seen = photo_inspection.look_at(photograph(7), "0" * 64)
    assert seen.problem == Finding.CHANGED_IN_STORAGE


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is huge."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(20_000, 20_000), (9_000, 8_000)])
def test_a_picture_that_would_fill_the_memory_is_not_decoded(size: tuple[int, int], monkeypatch: Any) -> None:
    def refuse(*_: Any) -> Any:
        raise AssertionError("decoded")

    monkeypatch.setattr(Image.Image, "thumbnail", refuse)
    seen = look(bomb(*size))
    assert seen.problem in {Finding.TOO_MANY_PIXELS, Finding.UNREADABLE}
    assert size[0] * size[1] > photos.MAX_PIXELS


def test_a_picture_that_decodes_in_full_has_to_be_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_inspection, "MOST_DECODED", 960 * 720 * 3 - 1)
    seen = look(encoded(scene(8), "PNG"))
    assert seen.problem == Finding.TOO_MANY_PIXELS
    assert "send it as JPEG" in seen.problem_text
    assert look(encoded(scene(8))).problem is None
    assert look(encoded(scene(8).convert("L"), "PNG")).problem is None


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "1"])
def test_other_modes_are_looked_at_too(mode: str) -> None:
    seen = look(encoded(scene(9).convert(mode), "PNG"))
    assert (seen.problem, seen.is_blank) == (None, False)


def test_damaged_notes_of_the_camera_make_no_damaged_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise ValueError("damaged")

    monkeypatch.setattr(ImageOps, "exif_transpose", fail)
    assert look(photograph(9)).problem is None

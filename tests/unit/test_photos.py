"""Photos: what the camera wrote, the way up, smaller pictures, and what is refused before it is decoded."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from integrations import photos
from integrations.photos import PhotoError, TooManyPixels, open_photo, read_facts, shrink
from tests.factories.attachments import HEIC, camera, draw

NINE_THIRTY = datetime(2026, 11, 20, 7, 30, tzinfo=UTC)


def colours(data: bytes) -> tuple[tuple[int, int], bool]:
    """The size of a picture that `draw` drew, and whether red is above blue in it."""
    with Image.open(io.BytesIO(data)) as picture:
        plain = picture.convert("RGB")
        above, below = (plain.getpixel((plain.width // 2, plain.height * part // 4)) for part in (1, 3))
    assert isinstance(above, tuple)
    assert isinstance(below, tuple)
    return plain.size, above[0] > 150 > above[2] and below[2] > 150 > below[0]


@pytest.mark.parametrize(
    ("notes", "expected"),
    [
        ({"taken": "2026:11:20 09:30:00"}, NINE_THIRTY),
        ({"taken": "2026:11:20 09:30:00", "offset": "+02:00"}, NINE_THIRTY),
        ({"taken": "2026:11:20 02:30:00", "offset": "-05:00"}, NINE_THIRTY),
        ({"taken": "2026:11:20 09:30:00", "offset": "later"}, NINE_THIRTY),
        ({"taken": "2026:13:40 09:30:00"}, None),
        ({"taken": "0000:00:00 00:00:00"}, None),
        ({"taken": "1970:01:01 02:00:00"}, None),
        ({"taken": "2099:12:31 23:59:59", "offset": "+00:00"}, datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ({"taken": "2100:01:01 00:00:00", "offset": "+00:00"}, None),
        ({"taken": "9999:12:31 23:30:00", "offset": "+00:00"}, None),
        ({"taken": "yesterday"}, None),
        ({}, None),
    ],
)
def test_the_time_of_capture(notes: dict[str, Any], expected: datetime | None) -> None:
    assert read_facts(draw(exif=camera(**notes))).captured_at == expected


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (((26, 12, 15.12), "S", (28, 2, 50), "E"), (Decimal("-26.204200"), Decimal("28.047222"))),
        (((33, 55, 0), "s", (18, 25, 30), "E"), (Decimal("-33.916667"), Decimal("18.425"))),
        (((40, 0, 0), "N", (74, 0, 0), "W"), (Decimal(40), Decimal(-74))),
        (((91, 0, 0), "S", (28, 0, 0), "E"), (None, None)),
        (((0, 0, 0), "N", (0, 0, 0), "E"), (None, None)),
    ],
)
def test_the_place_of_capture(place: tuple[Any, ...], expected: tuple[Any, ...]) -> None:
    facts = read_facts(draw(exif=camera(place=place)))
    assert (facts.latitude, facts.longitude) == expected


@given(
    st.one_of(st.none(), st.text(), st.tuples(st.floats(), st.floats(), st.floats()), st.lists(st.fractions())),
    st.one_of(st.none(), st.text(max_size=2)),
)
def test_no_place_is_outside_the_earth(parts: Any, reference: Any) -> None:
    degrees = photos._degrees(parts, reference, "S", 90)
    assert degrees is None or -90 <= degrees <= 90


@given(st.integers(0, 89), st.integers(0, 59), st.fractions(0, 59))
def test_degrees_minutes_and_seconds_add_up(degrees: int, minutes: int, seconds: Fraction) -> None:
    found = photos._degrees((degrees, minutes, seconds), "S", "S", 90)
    assert found is not None
    assert abs(float(-found) - (degrees + minutes / 60 + float(seconds) / 3600)) < 1e-5


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
def test_every_format_is_read_and_made_smaller(form: str) -> None:
    data = draw(form, (1000, 500))
    facts = read_facts(data)
    assert (facts.width, facts.height) == (1000, 500)
    assert colours(shrink(data, 200)) == ((200, 100), True)


def test_an_iphones_photo_is_read_and_made_smaller() -> None:
    facts = read_facts(HEIC)
    assert (facts.width, facts.height, facts.captured_at) == (64, 48, NINE_THIRTY)
    with Image.open(io.BytesIO(shrink(HEIC, 32))) as picture:
        assert (picture.format, picture.size) == ("WEBP", (32, 24))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_upright_and_keeps_nothing_of_the_camera(orientation: int) -> None:
    """A camera held in some way stores the scene turned or mirrored; looked at, red is above blue again."""
    with Image.open(io.BytesIO(draw("PNG", (400, 200)))) as scene:
        undo = {
            2: Image.Transpose.FLIP_LEFT_RIGHT,
            3: Image.Transpose.ROTATE_180,
            4: Image.Transpose.FLIP_TOP_BOTTOM,
            5: Image.Transpose.TRANSPOSE,
            6: Image.Transpose.ROTATE_90,
            7: Image.Transpose.TRANSVERSE,
            8: Image.Transpose.ROTATE_270,
        }
        stored = scene.transpose(undo[orientation]) if orientation in undo else scene.copy()
    made = io.BytesIO()
    place = ((26, 12, 15), "S", (28, 2, 50), "E")
    stored.save(made, "JPEG", exif=camera(orientation, taken="2026:11:20 09:30:00", place=place))
    facts = read_facts(made.getvalue())
    assert (facts.width, facts.height) == (400, 200)
    small = shrink(made.getvalue(), 100)
    assert colours(small) == ((100, 50), True)
    with Image.open(io.BytesIO(small)) as picture:
        assert dict(picture.getexif()) == {}
        assert {"exif", "xmp", "icc_profile"}.isdisjoint(picture.info)


def test_a_small_photo_is_not_blown_up_and_a_transparent_one_stays_so() -> None:
    assert colours(shrink(draw("PNG", (60, 40)), 480))[0] == (60, 40)
    made = io.BytesIO()
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(made, "PNG")
    with Image.open(io.BytesIO(shrink(made.getvalue(), 20))) as picture:
        assert picture.has_transparency_data


@pytest.mark.parametrize("size", [(8_400, 8_400), (10_000, 9_500), (30_000, 30_000)])
def test_what_would_not_fit_in_memory_is_refused_unread(size: tuple[int, int]) -> None:
    made = io.BytesIO()
    Image.new("1", size).save(made, "PNG")
    for look in (read_facts, lambda data: shrink(data, 100)):
        with pytest.raises(TooManyPixels, match="70 million"):
            look(made.getvalue())


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff\xe0", b"not a picture", b"%PDF-1.7", draw()[:100]])
def test_what_is_no_photo_is_a_photo_error(data: bytes) -> None:
    with pytest.raises(PhotoError):
        shrink(data, 100)


def test_other_readers_of_the_library_are_not_for_strangers() -> None:
    made = io.BytesIO()
    Image.new("RGB", (10, 10)).save(made, "BMP")
    with pytest.raises(PhotoError), open_photo(made.getvalue()):
        pass


@settings(max_examples=60)
@given(st.sampled_from(["JPEG", "PNG", "WEBP"]), st.integers(0, 2_000), st.binary(min_size=1, max_size=40))
def test_a_damaged_photo_is_decoded_or_a_photo_error(form: str, place: int, noise: bytes) -> None:
    whole = draw(form, (64, 48), exif=camera(6, taken="2026:11:20 09:30:00", place=((1, 2, 3), "S", (4, 5, 6), "E")))
    place = place % len(whole)
    data = whole[:place] + noise + whole[place + len(noise) :]
    for look in (read_facts, lambda data: shrink(data, 32)):
        try:
            look(data)
        except PhotoError:
            continue

"""Pictures made anew from good, odd and hostile octets."""

from __future__ import annotations

import time
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from newsletter.pictures.making import MOST_PIXELS, PictureError, make_logo, make_pictures
from newsletter.pictures.model import LARGE_WIDTH, MOST_BYTES, SMALL_WIDTH
from tests.pictures.samples import (
    RED,
    WHITE,
    chunk,
    decoded,
    encoded,
    exif,
    halves,
    moving,
    noise,
    plain,
    png_of,
    with_parts,
    with_segments,
)

#: Of processor time: more than any of it takes, and far less than it would take without limits.
SECONDS = 4.0


def near(pixel: object, colour: tuple[int, int, int]) -> bool:
    assert isinstance(pixel, tuple)
    return all(abs(one - other) < 12 for one, other in zip(pixel, colour, strict=True))


def problem_of(data: bytes) -> str:
    with pytest.raises(PictureError) as caught:
        make_pictures(data)
    assert "take another one" in str(caught.value)
    return caught.value.problem


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_is_made_anew_at_twice_the_widths_it_is_shown_at(kind: str) -> None:
    made = make_pictures(plain(kind=kind))
    sizes = ((made.large, 2 * LARGE_WIDTH, round(630 * 2 * LARGE_WIDTH / 1200)), (made.small, 2 * SMALL_WIDTH, 192))
    for picture, width, height in sizes:
        image = decoded(picture.content)
        assert image.format == "JPEG"
        assert picture.picture.media_type == "image/jpeg"
        assert (picture.picture.width, picture.picture.height) == image.size == (width, height)
        assert near(image.getpixel((20, 20)), RED)
        assert len(picture.content) < MOST_BYTES


def test_equal_octets_give_equal_pictures_named_by_their_content() -> None:
    one, other = make_pictures(plain()), make_pictures(plain())
    assert one == other
    assert len(one.large.picture.name) == 32
    assert one.large.picture.name != one.small.picture.name
    assert one.large.picture.name != make_pictures(halves(1200, 630)).large.picture.name


def test_the_small_one_is_the_middle_of_a_wide_picture() -> None:
    wide = Image.new("RGB", (1200, 400), "white")
    wide.paste(RED, (300, 0, 900, 400))
    small = decoded(make_pictures(encoded(wide, "PNG")).small.content)
    assert abs(small.width / small.height - 1.5) < 0.02
    assert all(near(small.getpixel((x, 20)), RED) for x in (4, small.width // 2, small.width - 5))


def test_none_is_made_larger_than_it_came() -> None:
    made = make_pictures(plain(200, 150))
    assert (made.large.picture.width, made.small.picture.width) == (200, 200)
    assert made.large.picture.name == made.small.picture.name


@pytest.mark.parametrize("data", [noise(), noise(kind="JPEG")], ids=["png", "jpeg"])
def test_what_cannot_be_packed_small_becomes_narrower(data: bytes) -> None:
    made = make_pictures(data)
    assert 2 * SMALL_WIDTH < made.large.picture.width < 2 * LARGE_WIDTH
    assert max(len(made.large.content), len(made.small.content)) < MOST_BYTES


def test_a_tower_keeps_its_upper_end() -> None:
    made = make_pictures(halves(400, 3000)).large
    assert (made.picture.width, made.picture.height) == (400, 300)
    assert near(decoded(made.content).getpixel((200, 290)), RED)


def test_a_banner_keeps_its_middle() -> None:
    image = Image.new("RGB", (3000, 200), WHITE)
    image.paste(RED, (1300, 0, 1700, 200))
    made = make_pictures(encoded(image)).large
    assert (made.picture.width, made.picture.height) == (600, 200)
    assert near(decoded(made.content).getpixel((300, 100)), RED)


@pytest.mark.parametrize("size", [(119, 119), (1, 1), (2000, 30)])
def test_an_icon_is_refused(size: tuple[int, int]) -> None:
    assert "the least that is shown" in problem_of(plain(*size))


def test_a_photograph_taken_sideways_stands_upright() -> None:
    turned = Image.Exif()
    turned[0x0112] = 6  # its top is at the right
    made = make_pictures(halves(600, 400, "JPEG", exif=turned, quality=95)).large
    image = decoded(made.content)
    assert image.size == (400, 300)
    assert near(image.getpixel((390, 150)), RED)
    assert near(image.getpixel((100, 150)), WHITE)
    # No camera writes these, and what they say of it is not bounded.
    for kind in ("PNG", "WEBP"):
        assert make_pictures(halves(600, 400, kind, exif=turned)).large.picture.width == 600


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_shows_through_stands_on_white(mode: str) -> None:
    image = Image.new("RGBA", (300, 200), (0, 0, 0, 0))
    made = make_pictures(encoded(image.convert(mode) if mode != "P" else image.quantize())).large
    assert near(decoded(made.content).getpixel((100, 100)), WHITE)


@pytest.mark.parametrize(
    ("mode", "value", "kind", "seen"),
    [
        ("L", 128, "PNG", (128, 128, 128)),
        ("1", 1, "PNG", WHITE),
        ("I;16", 32768, "PNG", (128, 128, 128)),
        ("CMYK", (0, 255, 255, 0), "JPEG", (255, 0, 0)),
    ],
)
def test_other_ways_to_say_a_colour_are_understood(mode: str, value: object, kind: str, seen: tuple[int, int, int]) -> None:
    image = Image.new(mode, (300, 200), value)  # type: ignore[arg-type]  # each is a colour of its mode
    assert near(decoded(make_pictures(encoded(image, kind)).large.content).getpixel((50, 50)), seen)


def test_colours_are_those_that_were_meant() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # A screen whose red lamp is blue, and the other way round.
    swapped = srgb.replace(b"rXYZ", b"?XYZ").replace(b"bXYZ", b"rXYZ").replace(b"?XYZ", b"bXYZ")
    assert near(decoded(make_pictures(plain(icc_profile=swapped)).large.content).getpixel((50, 50)), RED[::-1])
    no_screen = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    for profile in (srgb, no_screen, b"no profile at all", srgb[:200], srgb + bytes(100_000)):
        assert near(decoded(make_pictures(plain(icc_profile=profile)).large.content).getpixel((50, 50)), RED)


def test_nothing_of_what_came_along_is_left() -> None:
    secret = b"52.5N 13.4E, written by somebody"
    told = Image.Exif()
    told[0x010E] = secret.decode()
    data = plain(kind="JPEG", exif=told, comment=secret)
    polyglot = data + b"<script>alert(1)</script>PK\x03\x04" + secret
    for made in (make_pictures(polyglot).large, make_pictures(polyglot).small, make_logo(polyglot)):
        assert secret not in made.content
        assert b"<script>" not in made.content
        assert not decoded(made.content).getexif()
        assert not {"comment", "icc_profile", "exif"} & decoded(made.content).info.keys()


def test_of_a_moving_picture_the_first_frame_is_taken() -> None:
    made = make_pictures(moving()).large
    assert near(decoded(made.content).getpixel((50, 50)), RED)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY a 'b'>]><svg/>",
        b"<!DOCTYPE html><html></html>",
        b"GIF89a;<script>",
        b"%PDF-1.7",
        encoded(Image.new("RGB", (300, 200)), "BMP"),
        encoded(Image.new("RGB", (300, 200)), "TIFF"),
        encoded(Image.new("RGB", (300, 200)), "ICO"),
        encoded(Image.new("RGB", (300, 200)), "PPM"),
        encoded(Image.new("RGB", (300, 200)), "EPS"),
    ],
)
def test_what_is_none_of_the_four_kinds_is_refused(data: bytes) -> None:
    assert problem_of(data) == "it is no PNG, JPEG, WebP or GIF"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_that_breaks_off_is_refused(kind: str) -> None:
    data = noise(400, 300, kind)
    assert problem_of(data[: len(data) // 2]) == "it is damaged or cut off"


@pytest.mark.parametrize(
    "data",
    [png_of(40_000, 40_000), png_of(2**31 - 1, 2**31 - 1), png_of(10_000, 10_000), png_of(1, MOST_PIXELS + 1)],
)
def test_a_bomb_is_refused_before_it_is_unpacked(data: bytes) -> None:
    began = time.process_time()
    assert problem_of(data) in {"it has more than 20 million pixels", "it is damaged or cut off"}
    assert time.process_time() - began < 0.5


def test_the_largest_picture_of_every_kind_takes_no_seconds() -> None:
    image = Image.new("RGB", (4470, 4470), RED)
    for kind in ("PNG", "JPEG", "WEBP", "GIF"):
        data = encoded(image, kind)
        began = time.process_time()
        assert make_pictures(data).large.picture.width == 2 * LARGE_WIDTH
        assert time.process_time() - began < SECONDS


def _progressive(scans: int) -> bytes:
    data = plain(4400, 4400, "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * scans + data[-2:]


@pytest.mark.parametrize(
    "data",
    [
        with_parts(plain(300, 200), chunk(b"teSt", b"") * 600_000),
        with_segments(plain(300, 200, "JPEG"), *[(0xE5, b"")] * 2_000_000),
        with_segments(
            plain(300, 200, "JPEG"),
            *[(0xE1, b"Exif\0\0" + exif(65_535, 700_000)[at : at + 65_000]) for at in range(0, 786_000, 65_000)],
        ),
        _progressive(2000),
        moving().replace(b"\x21\xf9", b"\x21\xfe" + b"\xff" + b"a" * 255 + b"\x01a" * 3_000_000 + b"\0\x21\xf9", 1),
    ],
    ids=["parts", "segments", "exif in pieces", "scans", "comments"],
)
def test_many_small_parts_are_not_read_to_their_end(data: bytes) -> None:
    began = time.process_time()
    assert problem_of(data) == "it is in too many parts"
    assert time.process_time() - began < SECONDS / 4


def test_words_packed_to_fill_the_memory_are_not_unpacked() -> None:
    data = with_parts(plain(300, 200), chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(10**6))) * 3000)
    began = time.process_time()
    assert problem_of(data) == "it is damaged or cut off"
    assert time.process_time() - began < SECONDS


@pytest.mark.parametrize(
    "data",
    [
        _progressive(40),
        with_parts(plain(300, 200), chunk(b"eXIf", exif(65_535, 700_000))),
        with_segments(plain(300, 200, "JPEG"), (0xE1, b"Exif\0\0" + exif(5400, 64_000))),
        with_segments(plain(300, 200, "JPEG"), (0xE1, b"Exif\0\0" + exif(2700, 32_000) + bytes(32_000))),
    ],
    ids=["some scans", "exif of a PNG", "exif", "exif that is there"],
)
def test_what_claims_to_be_more_than_it_is_is_read_in_no_time(data: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    began = time.process_time()
    make_pictures(data)
    assert time.process_time() - began < SECONDS
    assert capfd.readouterr() == ("", "")


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["PNG", "JPEG", "WEBP", "GIF"]), st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=12)
)
def test_damage_anywhere_gives_a_picture_or_its_refusal(kind: str, damage: list[tuple[float, int]]) -> None:
    data = bytearray(noise(160, 120, kind))
    for place, value in damage:
        data[int(place * len(data))] = value
    for make in (make_pictures, make_logo):
        try:
            make(bytes(data))
        except PictureError as error:
            assert error.problem  # noqa: PT017 - either way is good


def test_a_logo_keeps_what_shows_through() -> None:
    image = Image.new("RGBA", (600, 120), (0, 0, 0, 0))
    image.paste((*RED, 255), (0, 0, 300, 120))
    made = make_logo(encoded(image))
    assert made.picture.media_type == "image/png"
    logo = decoded(made.content)
    assert (logo.format, logo.size) == ("PNG", (600, 120))
    assert logo.convert("RGBA").getpixel((500, 60)) == (0, 0, 0, 0)
    assert logo.convert("RGBA").getpixel((100, 60)) == (*RED, 255)


@pytest.mark.parametrize(("size", "made"), [((4000, 1000), (1056, 264)), ((1000, 1000), (400, 400)), ((32, 32), (32, 32))])
def test_a_logo_is_no_larger_than_a_masthead_bears(size: tuple[int, int], made: tuple[int, int]) -> None:
    picture = make_logo(plain(*size)).picture
    assert (picture.width, picture.height) == made


def test_a_logo_of_many_colours_gets_fewer_and_then_narrower() -> None:
    made = make_logo(noise())
    assert len(made.content) < MOST_BYTES
    assert decoded(made.content).format == "PNG"

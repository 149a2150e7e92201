"""Octets of pictures, good and bad ones, made on the spot."""

from __future__ import annotations

import io
import random
import struct
import zlib
from functools import cache
from typing import Any

from PIL import Image, ImageDraw

RED, WHITE = (200, 30, 30), (255, 255, 255)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Return a picture's octets."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def decoded(content: bytes) -> Image.Image:
    """Return the picture in ``content``, read to its end."""
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def plain(width: int = 1200, height: int = 630, kind: str = "PNG", **options: Any) -> bytes:
    """Return a picture in one colour."""
    return encoded(Image.new("RGB", (width, height), RED), kind, **options)


@cache
def noise(width: int = 1600, height: int = 1600, kind: str = "PNG") -> bytes:
    """Return what no encoding makes small."""
    chance = random.Random(7)  # noqa: S311 - the same noise every time
    return encoded(Image.frombytes("RGB", (width, height), chance.randbytes(width * height * 3)), kind)


def halves(width: int, height: int, kind: str = "PNG", **options: Any) -> bytes:
    """Return a picture whose upper quarter is red, on white."""
    image = Image.new("RGB", (width, height), WHITE)
    ImageDraw.Draw(image).rectangle((0, 0, width, height // 4), fill=RED)
    return encoded(image, kind, **options)


def moving() -> bytes:
    """Return a GIF whose first frame is red and whose second is white."""
    frames = [Image.new("P", (300, 200), colour) for colour in (0, 1)]
    for frame in frames:
        frame.putpalette([*RED, *WHITE])
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)


def png_of(width: int, height: int) -> bytes:
    """Return a tiny PNG that says it is this large."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a part of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_parts(png: bytes, parts: bytes) -> bytes:
    """Return a PNG with further parts behind its head."""
    return png[:33] + parts + png[33:]


def exif(entries: int, size: int) -> bytes:
    """Return EXIF data with so many entries that all claim the same ``size`` octets."""
    head = b"MM\0*\0\0\0\x08" + struct.pack(">H", entries)
    return head + b"".join(struct.pack(">HHII", number, 7, size, 10) for number in range(entries))


def with_segments(jpeg: bytes, *segments: tuple[int, bytes]) -> bytes:
    """Return a JPEG with further segments, each a marker's number and data, behind its begin."""
    return (
        jpeg[:2] + b"".join(b"\xff" + struct.pack(">BH", number, len(data) + 2) + data for number, data in segments) + jpeg[2:]
    )

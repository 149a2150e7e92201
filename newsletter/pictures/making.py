"""Makes pictures anew from octets that nobody vouches for. Pure: the same octets give the same pictures."""

from __future__ import annotations

import base64
import hashlib
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import sqrt

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from newsletter.errors import NewsletterError
from newsletter.pictures.model import LARGE_WIDTH, MOST_BYTES, SMALL_WIDTH, Picture

#: What is read, by the names and the first octets that Pillow knows them by. SVG is none of it: it is a program.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
#: Looked at before anything is unpacked. So many take a second and 400 MB of memory in the worst of the formats, WebP.
MOST_PIXELS = 20_000_000
#: A narrower one is an icon.
LEAST_WIDTH = 120
#: Width over height that is cropped to: a banner loses its sides, a tower its lower end.
WIDEST, TALLEST = 3.0, 4 / 3
#: The small one stands beside words, where a banner would be a strip.
SMALL_WIDEST = 1.5
#: Of a logo in its own pixels: twice the largest that look.logo_width may say, and as high as a masthead bears.
LOGO_SIZE = (2 * LARGE_WIDTH, 400)
#: Octets of a colour profile that is looked at; one of a screen or camera has a few thousand.
MOST_PROFILE = 64_000
#: Pillow reads the parts of a file one by one. Eight million octets in ordinary parts take 4,000 reads; a file of parts of
#: one octet would take seconds.
MOST_READS = 10_000
#: Scans of a progressive JPEG: encoders make ten. Each costs a walk over the whole picture, however few octets it has.
MOST_SCANS = 64
#: EXIF blocks of a JPEG, of 64 kB at most: a picture and the small one in it have one each. More of them are read as one, in
#: which older Pillows let every entry claim all of it.
MOST_EXIF = 2

_QUALITIES = (86, 78, 70, 62, 54, 46)
_TOO_MANY = f"it has more than {MOST_PIXELS // 1_000_000} million pixels"


class PictureError(NewsletterError):
    """Octets are no picture that can be used.

    Attributes:
        problem: what is wrong with them.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(f"the picture cannot be used: {problem}; take another one (PNG, JPEG, WebP or GIF)")
        self.problem = problem


@dataclass(frozen=True, slots=True)
class MadePicture:
    """A picture with its content."""

    picture: Picture
    content: bytes


@dataclass(frozen=True, slots=True)
class MadePictures:
    """Both pictures of a paper."""

    large: MadePicture
    small: MadePicture


def make_pictures(data: bytes) -> MadePictures:
    """Make a paper's pictures: JPEGs without metadata, upright, on white, between 3:1 and 4:3, each under ``MOST_BYTES``.

    They are twice as wide as they are shown, but never wider than what came. The small one is the middle of the large, 3:2 at
    most.

    Args:
        data: a PNG, JPEG, WebP or GIF, of which the first frame is taken.

    Raises:
        PictureError: it is none of them, broken, too large to unpack, or too small to show.
    """
    with _opened(data, (2 * LARGE_WIDTH, 2 * LARGE_WIDTH)) as opened:
        image = _upright(opened)
        box = _crop(*image.size)
        width, height = round(box[2] - box[0]), round(box[3] - box[1])
        if width < LEAST_WIDTH:
            raise PictureError(f"{width} pixels wide, and {LEAST_WIDTH} are the least that is shown")
        large_width = min(width, 2 * LARGE_WIDTH)
        size = (large_width, max(1, round(height * large_width / width)))
        large = _on_white(_in_srgb(_plain(image).resize(size, Image.Resampling.LANCZOS, box, reducing_gap=2.0), opened))
    return MadePictures(_as_jpeg(large), _as_jpeg(_narrowed(_middle(large), 2 * SMALL_WIDTH)))


def make_logo(data: bytes) -> MadePicture:
    """Make a masthead's logo: a PNG without metadata that keeps what is transparent, under ``MOST_BYTES``.

    Args:
        data: as for :func:`make_pictures`.

    Raises:
        PictureError: as for :func:`make_pictures`, but that it may be small.
    """
    with _opened(data, LOGO_SIZE) as opened:
        image = _plain(_upright(opened))
        image.thumbnail(LOGO_SIZE, Image.Resampling.LANCZOS, reducing_gap=2.0)
        image = _in_srgb(image, opened)
    while True:
        for fewer_colours in (False, True):
            # The one method that minds transparency.
            shown = image.quantize(256, Image.Quantize.FASTOCTREE) if fewer_colours else image
            content = _encoded(shown, "PNG", optimize=True)
            if len(content) < MOST_BYTES:
                return _made(content, "image/png", image)
        image = _narrowed(image, image.width * 3 // 4)


class _FewReads(io.BytesIO):
    """Octets that may be asked for so many times."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if self.reads > MOST_READS:
            raise PictureError("it is in too many parts")
        return super().read(size)


@contextmanager
def _opened(data: bytes, wanted: tuple[int, int]) -> Iterator[Image.Image]:
    """Open a picture, of which no more than its head is read before the block; whatever fails in the block is ours as well.

    Args:
        data: whatever came.
        wanted: width and height that are enough; a JPEG is unpacked at half, a quarter or an eighth if that is.

    Raises:
        PictureError: it cannot be opened, is larger than may be unpacked, or something failed in the block.
    """
    if data.startswith(b"\xff\xd8") and (data.count(b"\xff\xda") > MOST_SCANS or data.count(b"Exif\0\0") > MOST_EXIF):
        raise PictureError("it is in too many parts")
    with warnings.catch_warnings():
        # Else it tells standard error of every part that it cannot read.
        warnings.filterwarnings("ignore", module="PIL")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            image = Image.open(_FewReads(data), formats=FORMATS)
            _check_size(image)
            image.draft(None, wanted)
            yield image
        except PictureError:
            raise
        except UnidentifiedImageError as error:
            raise PictureError("it is no PNG, JPEG, WebP or GIF") from error
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise PictureError(_TOO_MANY) from error
        except Exception as error:
            # A decoder that is fed anything raises anything: OSError, ValueError, SyntaxError, struct.error and others.
            raise PictureError("it is damaged or cut off") from error


def _check_size(image: Image.Image) -> None:
    if image.width * image.height > MOST_PIXELS:
        raise PictureError(_TOO_MANY)


def _upright(image: Image.Image) -> Image.Image:
    # Only cameras turn pictures, and only a JPEG bounds what is read for it: elsewhere the same few octets may be megabytes.
    return ImageOps.exif_transpose(image) if image.format in {"JPEG", "MPO"} else image


def _crop(width: int, height: int) -> tuple[float, float, float, float]:
    """Return the box of a picture that is shown: the middle of a banner, the upper end of a tower."""
    if width > WIDEST * height:
        cut = (width - WIDEST * height) / 2
        return cut, 0, width - cut, height
    return 0, 0, width, min(height, width / TALLEST)


def _middle(image: Image.Image) -> Image.Image:
    width = min(image.width, round(image.height * SMALL_WIDEST))
    left = (image.width - width) // 2
    return image if width == image.width else image.crop((left, 0, left + width, image.height))


def _plain(image: Image.Image) -> Image.Image:
    """Return it in 8 bits of red, green and blue, and of opacity where it has any."""
    if image.mode.startswith("I"):
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _in_srgb(image: Image.Image, source: Image.Image) -> Image.Image:
    """Return it in the colours that are meant where nothing is said of colours, as far as its profile can be read."""
    profile = source.info.get("icc_profile", b"")
    if not 0 < len(profile) <= MOST_PROFILE:
        return image
    try:
        found = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if found.profile.xcolor_space != "RGB ":
            return image
        return ImageCms.profileToProfile(image, found, ImageCms.createProfile("sRGB")) or image
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image
    ground = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(ground, image).convert("RGB")


def _narrowed(image: Image.Image, width: int) -> Image.Image:
    if width >= image.width:
        return image
    return image.resize((width, max(1, round(image.height * width / image.width))), Image.Resampling.LANCZOS, reducing_gap=2.0)


def _as_jpeg(image: Image.Image) -> MadePicture:
    while True:
        for quality in _QUALITIES:
            content = _encoded(image, "JPEG", quality=quality, optimize=True, progressive=True)
            if len(content) < MOST_BYTES:
                return _made(content, "image/jpeg", image)
        # Octets grow nearly as the area does.
        image = _narrowed(image, int(image.width * min(0.9, sqrt(MOST_BYTES / len(content)))))


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    image.info = {}  # else comments and profiles of what came would go along
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _made(content: bytes, media_type: str, image: Image.Image) -> MadePicture:
    # 24 octets are 32 characters of base64.
    name = base64.urlsafe_b64encode(hashlib.sha256(content).digest()[:24]).decode()
    return MadePicture(Picture(name, media_type, image.width, image.height), content)

"""Where a mail takes its pictures from: the operator's own pages, or the mail itself."""

from __future__ import annotations

from newsletter.config import NewsletterConfig
from newsletter.pictures.model import LARGE_WIDTH, SMALL_WIDTH, PaperPictures, Picture
from newsletter.rendering.view.look import Image
from newsletter.rendering.view.views import PaperImages

#: Below it lie pictures on the public pages, and above it no other part of a URL is put.
PICTURES_PATH = "/pictures"


class PicturePlace:
    """Makes images that templates show of pictures that are kept.

    Args:
        newsletter: whose look says where they come from, and whose domain names them within a mail.
        base_url: of the public pages.
    """

    def __init__(self, newsletter: NewsletterConfig, base_url: str) -> None:
        self._is_embedded = newsletter.look.pictures == "embedded"
        self._domain = newsletter.from_address.rpartition("@")[2]
        self._base = f"{base_url}{PICTURES_PATH}"

    def image(self, picture: Picture, width: int, alt: str) -> Image:
        """Return a picture shown ``width`` CSS pixels wide, and no larger than it is."""
        shown = min(width, picture.width)
        source = f"cid:{picture.name}@{self._domain}" if self._is_embedded else f"{self._base}/{picture.file_name}"
        return Image(source, shown, max(1, round(picture.height * shown / picture.width)), alt)

    def images(self, pictures: PaperPictures, alt: str) -> PaperImages:
        """Return both pictures of a paper at the widths of a lead and of a card."""
        return PaperImages(self.image(pictures.large, LARGE_WIDTH, alt), self.image(pictures.small, SMALL_WIDTH, alt))

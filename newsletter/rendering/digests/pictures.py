"""The pictures of a newsletter's mails: as images for templates, and with their content where the mail itself has them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from newsletter.config import NewsletterConfig
from newsletter.papers.model import PaperSeq
from newsletter.pictures.model import Picture, Pictures
from newsletter.rendering.message.enclosed import SCHEME, Enclosure
from newsletter.rendering.view.images import PicturePlace
from newsletter.rendering.view.look import Image
from newsletter.rendering.view.views import PaperImages

_log = logging.getLogger(__name__)


class MailPictures:
    """Pictures for the mails of one newsletter, and what of them was read.

    Where mails carry their pictures, one whose content is gone is left out before anything shows it: it leaves no hole. What
    was read once is kept for as long as this is: for one letter, or for the digests of one issue.

    Args:
        pictures: where they are kept.
        newsletter: whose look says whether there are any, and where mails take them from.
        base_url: of the public pages.
    """

    def __init__(self, pictures: Pictures, newsletter: NewsletterConfig, base_url: str) -> None:
        self._pictures = pictures
        self._look, self._name = newsletter.look, newsletter.name
        self._place = PicturePlace(newsletter, base_url)
        self._enclosures: dict[str, Enclosure | None] = {}

    def logo(self) -> Image | None:
        """Return the newsletter's logo, if it has one."""
        picture = None if self._look.logo is None else self._pictures.logo(self._look.logo)
        return None if picture is None else self._there(picture, self._place.image(picture, self._look.logo_width, self._name))

    def of(self, seqs: Collection[PaperSeq]) -> Callable[[PaperSeq, str], PaperImages | None]:
        """Return what gives the pictures of a paper, by its number and words for what they show; of those ``seqs``."""
        kept = {} if self._look.pictures == "none" else self._pictures.of(seqs)

        def images(seq: PaperSeq, alt: str) -> PaperImages | None:
            if seq not in kept:
                return None
            found = self._place.images(kept[seq], alt)
            both = self._there(kept[seq].large, found.large) and self._there(kept[seq].small, found.small)
            return found if both else None

        return images

    def enclosure(self, cid: str) -> Enclosure | None:
        """Return the picture that an image of this name shows; None if no image of it was given out."""
        return self._enclosures.get(cid)

    def _there(self, picture: Picture, image: Image) -> Image | None:
        """Return ``image``, unless the mail is to carry it and cannot."""
        if not image.src.startswith(SCHEME):
            return image
        cid = image.src.removeprefix(SCHEME)
        if cid not in self._enclosures:
            self._enclosures[cid] = self._read(picture, cid)
        return None if self._enclosures[cid] is None else image

    def _read(self, picture: Picture, cid: str) -> Enclosure | None:
        try:
            content = self._pictures.content(picture.name)
        except KeyError:
            _log.warning("rendering.picture_missing picture=%s", picture.name)
            return None
        return Enclosure(cid, picture.media_type, picture.file_name, content)

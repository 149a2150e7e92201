"""Pictures as they are kept: made by ourselves from whatever came, named after what is in them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from newsletter.papers.model import PaperSeq

#: Widths at which mails show pictures, in CSS pixels; kept ones are twice as wide, for screens that can show it.
LARGE_WIDTH, SMALL_WIDTH = 528, 144
#: Octets of one picture at most.
MOST_BYTES = 60_000


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, without its content.

    Attributes:
        name: of its content: 32 characters of the base64url alphabet, equal if and only if the content is.
        media_type: ``image/jpeg`` or ``image/png``.
        width, height: of the picture itself, in its own pixels.
    """

    name: str
    media_type: str
    width: int
    height: int

    @property
    def file_name(self) -> str:
        """Name with the usual ending."""
        return f"{self.name}.{'png' if self.media_type == 'image/png' else 'jpg'}"


@dataclass(frozen=True, slots=True)
class PaperPictures:
    """What there is of one paper: as wide as a lead, and small for a card."""

    large: Picture
    small: Picture


class Pictures(Protocol):
    """Where pictures are kept."""

    def of(self, seqs: Collection[PaperSeq]) -> Mapping[PaperSeq, PaperPictures]:
        """Return the pictures of papers, of those that have any."""
        ...

    def logo(self, path: Path) -> Picture | None:
        """Return the picture in a file of the operator's, kept from then on; None, with a warning in the log, if it is none."""
        ...

    def content(self, name: str) -> bytes:
        """Return a picture's octets.

        Raises:
            KeyError: none of that name is kept.
        """
        ...


class NoPictures:
    """Keeps none."""

    def of(self, seqs: Collection[PaperSeq]) -> Mapping[PaperSeq, PaperPictures]:  # noqa: ARG002 - there are none of any
        return {}

    def logo(self, path: Path) -> Picture | None:  # noqa: ARG002 - the protocol gives it; here no file becomes a picture
        return None

    def content(self, name: str) -> bytes:
        raise KeyError(name)

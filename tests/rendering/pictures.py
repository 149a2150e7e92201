"""Pictures for mails: made-up octets that begin like a picture's."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from newsletter.config import LookConfig
from newsletter.papers.model import PaperSeq
from newsletter.pictures.model import PaperPictures, Picture

JPEG, PNG = b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n"
EMBEDDED = LookConfig(pictures="embedded")


class MadeUpPictures:
    """The pictures of some papers, and a logo.

    Args:
        seqs: of the papers that have pictures.
        size: octets of a large one.
    """

    def __init__(self, seqs: Iterable[int], *, size: int = 5000) -> None:
        self._content: dict[str, bytes] = {}
        self._papers = {
            PaperSeq(seq): PaperPictures(
                self._keep(JPEG + f"large {seq}".encode() * (size // 8), 1056, 600),
                self._keep(JPEG + f"small {seq}".encode() * (size // 40), 288, 164),
            )
            for seq in seqs
        }
        self._logo = self._keep(PNG + b"logo" * 50, 360, 80)

    def _keep(self, content: bytes, width: int, height: int) -> Picture:
        name = urlsafe_b64encode(hashlib.sha256(content).digest()[:24]).decode()
        self._content[name] = content
        return Picture(name, "image/png" if content.startswith(PNG) else "image/jpeg", width, height)

    def of(self, seqs: Collection[PaperSeq]) -> Mapping[PaperSeq, PaperPictures]:
        return {seq: self._papers[seq] for seq in seqs if seq in self._papers}

    def logo(self, path: Path) -> Picture | None:
        return self._logo if path.name == "logo.png" else None

    def content(self, name: str) -> bytes:
        return self._content[name]

    def lose(self, seq: int) -> None:
        """Lose the small picture of a paper, as a cleaning up may at any moment."""
        del self._content[self._papers[PaperSeq(seq)].small.name]

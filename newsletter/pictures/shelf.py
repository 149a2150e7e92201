"""Where mails and pages take pictures from."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from pathlib import Path

from newsletter.clock import Clock
from newsletter.database import Database
from newsletter.papers.model import PaperSeq
from newsletter.pictures.making import MadePicture, PictureError, make_logo
from newsletter.pictures.model import PaperPictures, Picture
from newsletter.pictures.store import PictureStore

log = logging.getLogger(__name__)

#: A file as it was when it was looked at: its path, when it was changed, and its size; None where there was no file.
_Seen = tuple[Path, tuple[int, int] | None]


class PictureShelf:
    """The pictures in the database, and logos that are put there from files of the operator's. For any thread.

    Args:
        max_bytes: of a logo's file.
    """

    def __init__(self, database: Database, clock: Clock, *, max_bytes: int) -> None:
        self._database, self._clock, self._max_bytes = database, clock, max_bytes
        self._logos: dict[_Seen, Picture | None] = {}

    def of(self, seqs: Collection[PaperSeq]) -> Mapping[PaperSeq, PaperPictures]:
        with self._database.read() as session:
            return PictureStore(session).of(seqs)

    def content(self, name: str) -> bytes:
        with self._database.read() as session:
            content = PictureStore(session).content(name)
        if content is None:
            raise KeyError(name)
        return content

    def logo(self, path: Path) -> Picture | None:
        seen = path, _stamp(path)
        if seen not in self._logos:
            self._logos[seen] = self._take(path)
        return self._logos[seen]

    def _take(self, path: Path) -> Picture | None:
        try:
            made = read_logo(path, max_bytes=self._max_bytes)
        except OSError as error:
            log.warning("pictures.logo_unusable file=%r problem=%r", str(path), error.strerror)
            return None
        except PictureError as error:
            log.warning("pictures.logo_unusable file=%r problem=%r", str(path), error.problem)
            return None
        with self._database.write() as session:
            PictureStore(session).put(made, now=self._clock.now(), is_logo=True)
        return made.picture


def read_logo(path: Path, *, max_bytes: int) -> MadePicture:
    """Make a logo of a file of at most ``max_bytes``.

    Raises:
        OSError: it cannot be read.
        PictureError: it is no picture that can be used.
    """
    with path.open("rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise PictureError(f"it is over {max_bytes:,} bytes")
    return make_logo(data)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_size

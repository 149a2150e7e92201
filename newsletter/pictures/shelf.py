"""Where mails and pages take pictures from."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from pathlib import Path

from newsletter.clock import Clock
from newsletter.database import Database
from newsletter.papers.model import PaperSeq
from newsletter.pictures.making import PictureError, make_logo
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
            made = make_logo(self._read(path))
        except OSError as error:
            log.warning("pictures.logo_unusable file=%r problem=%r", str(path), error.strerror)
            return None
        except PictureError as error:
            log.warning("pictures.logo_unusable file=%r problem=%r", str(path), error.problem)
            return None
        with self._database.write() as session:
            PictureStore(session).put(made, now=self._clock.now(), is_logo=True)
        return made.picture

    def _read(self, path: Path) -> bytes:
        with path.open("rb") as file:
            data = file.read(self._max_bytes + 1)
        if len(data) > self._max_bytes:
            raise PictureError(f"it is over {self._max_bytes:,} bytes")
        return data


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_size

"""Every query on pictures and on what became of the picture of each paper."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session, aliased

from newsletter.papers.model import PaperSeq
from newsletter.papers.rows import chunks
from newsletter.pictures.making import MadePicture, MadePictures
from newsletter.pictures.model import PaperPictures, Picture
from newsletter.pictures.tables import PaperPictureRow, PictureRow
from subscribers.dialect import insert_new

#: Characters of a problem that are kept.
MOST_WORDS = 300


class PictureStore:
    """Pictures in one session. Nothing is committed here."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def due(self, urls: Mapping[PaperSeq, str], *, now: datetime) -> list[PaperSeq]:
        """Return the papers whose picture is to be asked for, in the order given.

        Args:
            urls: where each paper's picture is. A paper is due if nobody asked there yet, or it is time to try again.
            now: aware UTC.
        """
        known: dict[int, tuple[str, datetime | None]] = {}
        for part in chunks(list(urls)):
            rows = select(PaperPictureRow.paper_seq, PaperPictureRow.source_url, PaperPictureRow.next_try_at)
            for seq, url, next_try_at in self._session.execute(rows.where(PaperPictureRow.paper_seq.in_(part))):
                known[seq] = url, next_try_at
        due = []
        for seq, url in urls.items():
            asked, next_try_at = known.get(seq, ("", None))
            if asked != url or (next_try_at is not None and next_try_at <= now):
                due.append(seq)
        return due

    def claim(self, seq: PaperSeq, url: str, *, now: datetime, waits: tuple[timedelta, ...]) -> bool:
        """Take it on to ask for a paper's picture; False if another process did, or it is not due.

        With the claim it is settled when it will be due again if nothing comes of it, so a process that dies over it leaves
        nothing behind.

        Args:
            seq: the paper.
            url: where its picture is.
            now: aware UTC.
            waits: from the first try to the second, and so on; after the last of them it is not tried again.
        """
        there = self._session.execute(
            select(PaperPictureRow.source_url, PaperPictureRow.tries).where(PaperPictureRow.paper_seq == seq)
        ).first()
        tries = 1 if there is None or there.source_url != url else there.tries + 1
        values = {
            "source_url": url,
            "tries": tries,
            "problem": "",
            "asked_at": now,
            "next_try_at": now + waits[tries - 1] if tries <= len(waits) else None,
        }
        if there is None:
            new = insert_new(self._session, PaperPictureRow).values(paper_seq=seq, **values)
            return self._session.scalar(new.on_conflict_do_nothing().returning(PaperPictureRow.paper_seq)) is not None
        claimed = update(PaperPictureRow).where(
            PaperPictureRow.paper_seq == seq,
            # Said again in the change itself: of two processes that come at once, the second finds that it is so no more.
            or_(PaperPictureRow.source_url != url, PaperPictureRow.next_try_at <= now),
        )
        return self._session.scalar(claimed.values(values).returning(PaperPictureRow.paper_seq)) is not None

    def fail(self, seq: PaperSeq, url: str, problem: str) -> None:
        """Say why there is no picture at ``url``. One that the paper had before stays."""
        row = update(PaperPictureRow).where(PaperPictureRow.paper_seq == seq, PaperPictureRow.source_url == url)
        self._session.execute(row.values(problem=problem[:MOST_WORDS]))

    def keep(self, seq: PaperSeq, url: str, made: MadePictures, *, now: datetime) -> None:
        """Keep a paper's pictures, made of what was found at ``url``, in place of others."""
        for picture in (made.large, made.small):
            self.put(picture, now=now)
        values = {
            "source_url": url,
            "large_name": made.large.picture.name,
            "small_name": made.small.picture.name,
            "problem": "",
            "asked_at": now,
            "next_try_at": None,
        }
        row = insert_new(self._session, PaperPictureRow).values(paper_seq=seq, tries=1, **values)
        self._session.execute(row.on_conflict_do_update(index_elements=[PaperPictureRow.paper_seq], set_=values))

    def put(self, made: MadePicture, *, now: datetime, is_logo: bool = False) -> None:
        """Keep a picture; one that is there already counts as made now."""
        picture = made.picture
        row = insert_new(self._session, PictureRow).values(
            name=picture.name,
            media_type=picture.media_type,
            width=picture.width,
            height=picture.height,
            content=made.content,
            is_logo=is_logo,
            made_at=now,
        )
        changed = {"made_at": now, "is_logo": or_(PictureRow.is_logo, row.excluded.is_logo)}
        self._session.execute(row.on_conflict_do_update(index_elements=[PictureRow.name], set_=changed))

    def of(self, seqs: Collection[PaperSeq]) -> dict[PaperSeq, PaperPictures]:
        """Return the pictures of papers, of those that have any."""
        found = {}
        large, small = aliased(PictureRow), aliased(PictureRow)
        columns = [getattr(row, name) for row in (large, small) for name in ("name", "media_type", "width", "height")]
        rows = (
            select(PaperPictureRow.paper_seq, *columns)
            .join(large, large.name == PaperPictureRow.large_name)
            .join(small, small.name == PaperPictureRow.small_name)
        )
        for part in chunks(list(seqs)):
            for seq, *facts in self._session.execute(rows.where(PaperPictureRow.paper_seq.in_(part))):
                found[PaperSeq(seq)] = PaperPictures(Picture(*facts[:4]), Picture(*facts[4:]))
        return found

    def content(self, name: str) -> bytes | None:
        """Return a picture's octets."""
        return self._session.scalar(select(PictureRow.content).where(PictureRow.name == name))

    def drop(self, *, before: datetime) -> int:
        """Delete what was asked for and made before ``before`` (aware) and is neither a logo nor still some paper's.

        Returns:
            How many pictures are gone.
        """
        self._session.execute(delete(PaperPictureRow).where(PaperPictureRow.asked_at < before))
        needed = select(PaperPictureRow.paper_seq).where(
            or_(PaperPictureRow.large_name == PictureRow.name, PaperPictureRow.small_name == PictureRow.name)
        )
        dropped = delete(PictureRow).where(PictureRow.made_at < before, ~PictureRow.is_logo, ~needed.exists())
        return len(self._session.scalars(dropped.returning(PictureRow.name)).all())

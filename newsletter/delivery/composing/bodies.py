"""The composed bodies that messages are cut from, kept so that every repeat is byte-identical."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

from sqlalchemy import bindparam, delete, exists, select
from sqlalchemy.orm import Session

from newsletter.delivery.model import DeliveryState
from newsletter.delivery.rows import INSTANT, change_rows
from newsletter.delivery.tables import ComposedBodyRow, ComposedPieceRow, DeliveryRow
from newsletter.digest.model import Digest, DigestEntry, DigestId, IssueId
from newsletter.digest.tables import DigestRow
from newsletter.papers.model import PaperSeq

T = TypeVar("T")

#: Names in one statement at most; databases take some thousand parameters.
_MOST_NAMES = 500
_ENTRIES_KEPT = 4096
# Where a query ends SQLite must be told, as ON could go on with its joins.
_STORE_BODIES = """
    INSERT INTO composed_body (digest_id, content, composed_at)
    SELECT column1, column2, column3 FROM (VALUES :rows) AS made WHERE true ON CONFLICT DO NOTHING
"""
_STORE_PIECES = """
    INSERT INTO composed_piece (issue_id, key, content)
    SELECT column1, column2, column3 FROM (VALUES :rows) AS made WHERE true ON CONFLICT DO NOTHING
"""


class BodyStore:
    """Composed bodies by digest, and the pieces that those of an issue share. Never commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def load(self, digest_id: DigestId) -> bytes | None:
        """Return the body of a digest, if one was stored."""
        return self._session.scalar(select(ComposedBodyRow.content).where(ComposedBodyRow.digest_id == digest_id))

    def digests(self, digest_ids: Collection[DigestId]) -> dict[DigestId, tuple[Digest, bytes | None]]:
        """Return those digests that there are, each with its body, if one was stored."""
        found: dict[DigestId, tuple[Digest, bytes | None]] = {}
        query = select(DigestRow.id, DigestRow.issue_id, DigestRow.entries, ComposedBodyRow.content).outerjoin(
            ComposedBodyRow, ComposedBodyRow.digest_id == DigestRow.id
        )
        for some in _in_parts(digest_ids):
            for number, issue_id, entries, content in self._session.execute(query.where(DigestRow.id.in_(some))):
                chosen = tuple([_entry(seq, match) for seq, match in entries])
                found[DigestId(number)] = Digest(DigestId(number), IssueId(issue_id), chosen), content
        return found

    def store(self, digest_id: DigestId, content: bytes, *, at: datetime) -> bytes:
        """Store a digest's body unless one is there; return the one that is there now, which is the one to send.

        Two workers that compose the same digest with different templates thus send the same bytes.
        """
        return self.store_all({digest_id: content}, at=at)[digest_id]

    def store_all(self, bodies: Mapping[DigestId, bytes], *, at: datetime) -> dict[DigestId, bytes]:
        """Store bodies as :meth:`store` does, and return those that are there now."""
        # Everyone goes in the same order: nobody waits for who waits for him.
        rows = [(number, bodies[number], at) for number in sorted(bodies)]
        if change_rows(self._session, _STORE_BODIES, ("BIGINT", "BYTEA", INSTANT), rows, {}) == len(rows):
            return dict(bodies)
        return {number: content or bodies[number] for number, (_, content) in self.digests(bodies).items()}

    def pieces(self, issue_id: IssueId, keys: Collection[str]) -> dict[str, bytes]:
        """Return those of an issue's pieces that there are, by key."""
        found: dict[str, bytes] = {}
        query = select(ComposedPieceRow.key, ComposedPieceRow.content).where(ComposedPieceRow.issue_id == issue_id)
        for some in _in_parts(keys):
            found |= dict(self._session.execute(query.where(ComposedPieceRow.key.in_(some))).all())
        return found

    def store_pieces(self, issue_id: IssueId, pieces: Mapping[str, bytes]) -> None:
        """Store pieces of an issue unless they are there; one with the same key is the same."""
        rows = [(issue_id, key, pieces[key]) for key in sorted(pieces)]
        change_rows(self._session, _STORE_PIECES, ("BIGINT", "TEXT", "BYTEA"), rows, {})

    def has_pieces(self, issue_id: IssueId) -> bool:
        """Whether an issue has any piece; they are dropped together."""
        return self._session.scalar(select(exists().where(ComposedPieceRow.issue_id == issue_id))) or False

    def drop(self, issue_id: IssueId) -> None:
        """Delete the bodies of an issue's digests, except those a doubtful delivery may have to be repeated from.

        The pieces go with the last of them.
        """
        for statement in _DROP:
            self._session.connection().execute(statement, {"issue": issue_id})


@lru_cache(_ENTRIES_KEPT)
def _entry(seq: int, match: str) -> DigestEntry:
    """Return an entry; most of an issue's digests have the same few."""
    return DigestEntry(PaperSeq(seq), match)


def _in_parts(names: Collection[T]) -> list[list[T]]:
    every = list(names)
    return [every[start : start + _MOST_NAMES] for start in range(0, len(every), _MOST_NAMES)]


_DIGESTS = select(DigestRow.id).where(DigestRow.issue_id == bindparam("issue"))
#: Asked for as a whole: looking for the delivery of each body would go through all deliveries for each.
_DOUBTFUL = select(DeliveryRow.digest_id).where(
    DeliveryRow.issue_id == bindparam("issue"),
    DeliveryRow.state == DeliveryState.DOUBTFUL,
    DeliveryRow.digest_id.is_not(None),
)
_DROP = (
    delete(ComposedBodyRow).where(ComposedBodyRow.digest_id.in_(_DIGESTS), ComposedBodyRow.digest_id.not_in(_DOUBTFUL)),
    delete(ComposedPieceRow).where(
        ComposedPieceRow.issue_id == bindparam("issue"), ~exists().where(ComposedBodyRow.digest_id.in_(_DIGESTS))
    ),
)

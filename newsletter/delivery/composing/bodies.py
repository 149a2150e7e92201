"""The composed bodies that messages are cut from, kept so that every repeat is byte-identical."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from newsletter.delivery.model import DeliveryState
from newsletter.delivery.rows import insert_missing
from newsletter.delivery.tables import ComposedBodyRow, DeliveryRow
from newsletter.digest.model import DigestId, IssueId
from newsletter.digest.tables import DigestRow


class BodyStore:
    """Composed bodies by digest. Never commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def load(self, digest_id: DigestId) -> bytes | None:
        """Return the body of a digest, if one was stored."""
        return self._session.scalar(select(ComposedBodyRow.content).where(ComposedBodyRow.digest_id == digest_id))

    def store(self, digest_id: DigestId, content: bytes, *, at: datetime) -> bytes:
        """Store a digest's body unless one is there; return the one that is there now, which is the one to send.

        Two workers that compose the same digest with different templates thus send the same bytes.
        """
        insert_missing(self._session, ComposedBodyRow, [{"digest_id": digest_id, "content": content, "composed_at": at}])
        kept = self.load(digest_id)
        return content if kept is None else kept

    def drop(self, issue_id: IssueId) -> None:
        """Delete the bodies of an issue's digests, except those a doubtful delivery may have to be repeated from."""
        digests = select(DigestRow.id).where(DigestRow.issue_id == issue_id)
        doubtful = exists().where(
            DeliveryRow.digest_id == ComposedBodyRow.digest_id, DeliveryRow.state == DeliveryState.DOUBTFUL
        )
        self._session.execute(
            delete(ComposedBodyRow).where(ComposedBodyRow.digest_id.in_(digests), ~doubtful),
            execution_options={"synchronize_session": False},
        )

"""What readers said of papers: one opinion a reader and paper."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from subscribers.model import Opinion, Taste
from subscribers.tables import OpinionRow


class OpinionStore:
    """The opinion table. Takes a session, never commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def say(self, subscriber_id: int, paper_seq: int, taste: Taste | None, *, at: datetime) -> None:
        """Store an opinion in place of the one before, or with None take it back; the same again keeps its first instant.

        The person's row is to be locked before.
        """
        row = self._session.get(OpinionRow, (subscriber_id, paper_seq))
        if row is None and taste is not None:
            self._session.add(OpinionRow(subscriber_id=subscriber_id, paper_seq=paper_seq, taste=taste, at=at))
        elif row is not None and taste is None:
            self._session.delete(row)
        elif row is not None and row.taste != taste:
            row.taste, row.at = str(taste), at
        self._session.flush()

    def get(self, subscriber_id: int, paper_seq: int) -> Taste | None:
        """Return what a person said of a paper, None for nothing."""
        row = self._session.get(OpinionRow, (subscriber_id, paper_seq))
        return None if row is None else Taste(row.taste)

    def of(self, subscriber_id: int) -> tuple[Opinion, ...]:
        """Return all a person said, ascending paper number."""
        rows = self._session.scalars(
            select(OpinionRow).where(OpinionRow.subscriber_id == subscriber_id).order_by(OpinionRow.paper_seq)
        )
        return tuple(Opinion(row.paper_seq, Taste(row.taste), row.at) for row in rows)

"""What readers said of papers: one opinion a reader and paper."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, select
from sqlalchemy.orm import Session

from subscribers.dialect import as_list, elements
from subscribers.model import Opinion, SubscriberId, Taste
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

    def of(self, subscriber_id: SubscriberId) -> tuple[Opinion, ...]:
        """Return all a person said, ascending paper number."""
        return self.of_all([subscriber_id])[subscriber_id]

    def of_all(self, subscriber_ids: Sequence[SubscriberId]) -> dict[SubscriberId, tuple[Opinion, ...]]:
        """Return all that those people said, each ascending paper number; everybody asked for is a key."""
        listed, number = elements(self._session, as_list(subscriber_ids), BigInteger())
        rows = select(OpinionRow.subscriber_id, OpinionRow.paper_seq, OpinionRow.taste, OpinionRow.at)
        said: dict[SubscriberId, list[Opinion]] = {subscriber_id: [] for subscriber_id in subscriber_ids}
        found = rows.join(listed, OpinionRow.subscriber_id == number).order_by(OpinionRow.subscriber_id, OpinionRow.paper_seq)
        for who, paper_seq, taste, at in self._session.execute(found):
            said[SubscriberId(who)].append(Opinion(paper_seq, Taste(taste), at))
        return {who: tuple(opinions) for who, opinions in said.items()}

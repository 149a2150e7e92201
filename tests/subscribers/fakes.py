"""Small, whole stand-ins for what the store needs from others."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from subscribers.model import Notice, NoticeKind, SubscriberId


class NoNotices:
    """Sends nothing: keeps what was put, in order, until it is withdrawn. Does not know about roll-backs."""

    def __init__(self) -> None:
        self.put_in: list[Notice] = []

    def put(self, session: Session, notice: Notice, *, now: datetime) -> None:
        assert session.in_transaction()
        assert now.tzinfo is not None
        self.put_in.append(notice)

    def withdraw(self, session: Session, subscriber_id: SubscriberId) -> None:
        assert session.in_transaction()
        self.put_in = [notice for notice in self.put_in if notice.subscriber_id != subscriber_id]

    @property
    def kinds(self) -> list[NoticeKind]:
        """What the notices are about, in order."""
        return [notice.kind for notice in self.put_in]

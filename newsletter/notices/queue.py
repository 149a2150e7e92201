"""The way into the queue: what :class:`subscribers.ports.Notices` asks for."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from newsletter.notices.store import NoticeStore
from subscribers.model import Notice, SubscriberId


class NoticeQueue:
    """Takes notices in the transaction of what they are about."""

    def put(self, session: Session, notice: Notice, *, now: datetime) -> None:
        """Have ``notice`` sent at once."""
        NoticeStore(session).put(notice, now=now)

    def withdraw(self, session: Session, subscriber_id: SubscriberId) -> None:
        """Take back what was not sent yet to a person, and forget where the rest went and what it said."""
        NoticeStore(session).withdraw(subscriber_id)

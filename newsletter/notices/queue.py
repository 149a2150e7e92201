"""The way into the queue: what :class:`subscribers.ports.Notices` asks for."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from newsletter.notices.store import NoticeStore
from subscribers.model import Notice, NoticeKind, SubscriberId

#: Who leaves, comes back and leaves again hears of it once in this time.
GOODBYE_EVERY = timedelta(days=1)


class NoticeQueue:
    """Takes notices in the transaction of what they are about."""

    def put(self, session: Session, notice: Notice, *, now: datetime) -> None:
        """Have ``notice`` sent at once; of goodbyes at most one a day to a person."""
        store = NoticeStore(session)
        reader = notice.subscriber_id
        if notice.kind is NoticeKind.GOODBYE and reader and store.has_since(reader, notice.kind, now - GOODBYE_EVERY):
            return
        store.put(notice, now=now)

    def withdraw(self, session: Session, subscriber_id: SubscriberId) -> None:
        """Take back what was not sent yet to a person, and forget where the rest went and what it said."""
        NoticeStore(session).withdraw(subscriber_id)

"""The way into the queue: what :class:`subscribers.ports.Notices` asks for."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from newsletter.delivery.model import DeliveryState
from newsletter.notices.tables import NoticeRow
from subscribers.model import Notice, SubscriberId

_NOT_SENT = (DeliveryState.PENDING, DeliveryState.CLAIMED, DeliveryState.DEFERRED)


class NoticeQueue:
    """Takes notices in the transaction of what they are about."""

    def put(self, session: Session, notice: Notice, *, now: datetime) -> None:
        """Have ``notice`` sent at once."""
        session.add(
            NoticeRow(
                kind=notice.kind,
                subscriber_id=notice.subscriber_id,
                address=notice.address,
                newsletter=notice.newsletter,
                reference=notice.reference,
                client=notice.client,
                state=DeliveryState.PENDING,
                not_before=now,
                created_at=now,
                changed_at=now,
            )
        )
        session.flush()

    def withdraw(self, session: Session, subscriber_id: SubscriberId) -> None:
        """Take back what was not sent yet to a person, and forget where the rest went and what it said."""
        of_theirs = NoticeRow.subscriber_id == subscriber_id
        session.execute(delete(NoticeRow).where(of_theirs, NoticeRow.state.in_(_NOT_SENT)))
        session.execute(update(NoticeRow).where(of_theirs).values(address="", client="", content=None, reply_text=""))

"""The messages of ours that signed addresses name: whom they went to, and what they were about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import select

from newsletter.database import Database
from newsletter.delivery.identity.verp import Signed, SignedKind
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.tables import IssueRow
from newsletter.notices.tables import NoticeRow
from subscribers.model import NoticeKind, SubscriberId


@dataclass(frozen=True, slots=True)
class Origin:
    """A message of ours.

    Attributes:
        subscriber_id: whom it was for; None for somebody who is no subscriber.
        newsletter: slug; ``""`` where it concerns all of them.
        notice: what it was about, unless it was an issue's.
    """

    subscriber_id: SubscriberId | None
    newsletter: str
    notice: NoticeKind | None = None


#: Returns the message that was signed for; None if there is none of that number any more.
FindOrigin: TypeAlias = Callable[[Signed], Origin | None]


class Origins:
    """Looks them up."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self, signed: Signed) -> Origin | None:
        """Return the message that was signed for; None if there is none of that number any more."""
        with self._database.read() as session:
            if signed.kind in (SignedKind.DELIVERY, SignedKind.DELIVERY_REPLY):
                delivery = select(DeliveryRow.subscriber_id, IssueRow.newsletter).join(
                    IssueRow, IssueRow.id == DeliveryRow.issue_id
                )
                found = session.execute(delivery.where(DeliveryRow.id == signed.number)).one_or_none()
                return None if found is None else Origin(SubscriberId(found.subscriber_id), found.newsletter)
            notice = session.get(NoticeRow, signed.number)
            if notice is None:
                return None
            person = None if notice.subscriber_id is None else SubscriberId(notice.subscriber_id)
            return Origin(person, notice.newsletter, NoticeKind(notice.kind))

"""What a reader did after a mail came that is handled only now: tried again after an error, or replayed by hand."""

from __future__ import annotations

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from newsletter.inbound.commands.confirming import CONFIRMED
from newsletter.inbound.model import InboundState, Stored
from newsletter.inbound.tables import InboundMailRow
from subscribers.model import SubscriberId
from subscribers.tables import SubscriptionRow

#: Later mails that are looked at.
_MOST = 50
#: How mails end whose commands were carried out.
_CARRIED_OUT = ("command.done", CONFIRMED)


class LaterStore:
    """Looks it up. Takes a session for reading."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def signed_up(self, subscriber_id: SubscriberId, newsletter: str, *, mail: Stored) -> bool:
        """Whether a reader's subscription was wished for after a mail came: what it asks for was meant for another one.

        One that began later by the reply of an earlier mail, which waited as long, was wished for before.
        """
        began = exists().where(
            SubscriptionRow.subscriber_id == subscriber_id,
            SubscriptionRow.newsletter == newsletter,
            SubscriptionRow.created_at > mail.received_at,
        )
        by_earlier = exists().where(
            InboundMailRow.subscriber_id == subscriber_id,
            InboundMailRow.newsletter == newsletter,
            InboundMailRow.outcome == CONFIRMED,
            InboundMailRow.id < mail.id,
            InboundMailRow.handled_at > mail.received_at,
        )
        return bool(self._session.scalar(select(began & ~by_earlier)))

    def commands(self, subscriber_id: SubscriberId, newsletter: str, *, after: int) -> frozenset[str]:
        """Return the names of the commands that were carried out for a reader by mails that came later.

        Args:
            subscriber_id: the reader.
            newsletter: slug.
            after: number of a mail.
        """
        later = (
            select(InboundMailRow.facts)
            .where(InboundMailRow.subscriber_id == subscriber_id, InboundMailRow.newsletter == newsletter)
            .where(InboundMailRow.id > after, InboundMailRow.state == InboundState.HANDLED)
            .where(InboundMailRow.outcome.in_(_CARRIED_OUT))
            .order_by(InboundMailRow.id.desc())
            .limit(_MOST)
        )
        return frozenset(name for facts in self._session.scalars(later) for name in facts.get("commands", ()))

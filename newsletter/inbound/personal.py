"""What mails that came in hold of one person: told to them, and emptied when they are erased."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from newsletter.inbound.model import InboundState
from newsletter.inbound.store import FORGOTTEN, raw_of
from newsletter.inbound.tables import InboundMailRow
from subscribers.model import SubscriberId
from subscribers.tables import SubscriberRow


def inbound_of(session: Session, subscriber_id: SubscriberId) -> list[dict[str, object]]:
    """Return every mail that was certainly a person's, or about one of ours to them, as plain JSON values, oldest first.

    Keys: ``received_at`` (ISO 8601), ``kind``, ``newsletter``, ``outcome``, and ``mail``: its text as it came, with what is no
    UTF-8 replaced; null once it is not kept any more.
    """
    theirs = select(InboundMailRow).where(InboundMailRow.subscriber_id == subscriber_id).order_by(InboundMailRow.id)
    return [
        {
            "received_at": row.received_at.isoformat(),
            "kind": row.kind,
            "newsletter": row.newsletter,
            "outcome": row.outcome,
            "mail": None if row.raw is None else raw_of(row).decode(errors="replace"),
        }
        for row in session.scalars(theirs)
    ]


def forget_inbound(session: Session, subscriber_id: SubscriberId) -> None:
    """Forget the mails of a person whose row still has the address: theirs for certain, and those sent from it.

    What came of them stays. What waits to be handled again does so no more.
    """
    address = select(func.lower(SubscriberRow.address)).where(SubscriberRow.id == subscriber_id).scalar_subquery()
    theirs = or_(InboundMailRow.subscriber_id == subscriber_id, func.lower(InboundMailRow.envelope_from) == address)
    is_open = InboundMailRow.state.in_((InboundState.WAITING, InboundState.AT_WORK))
    rows: dict[str, Any] = {"synchronize_session": False}
    ended = {"state": InboundState.HANDLED, "outcome": "forgotten", "epoch": InboundMailRow.epoch + 1}
    session.execute(update(InboundMailRow).where(theirs, is_open).values(ended), execution_options=rows)
    session.execute(update(InboundMailRow).where(theirs).values(FORGOTTEN | {"facts": {}}), execution_options=rows)

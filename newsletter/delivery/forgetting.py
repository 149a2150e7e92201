"""What deliveries hold of a person besides numbers."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from newsletter.delivery.tables import DeliveryRow
from subscribers.model import SubscriberId


def forget_replies(session: Session, subscriber_id: SubscriberId) -> None:
    """Empty the texts of the replies to a person's messages: servers quote the address in them. The codes stay."""
    session.execute(
        update(DeliveryRow)
        .where(DeliveryRow.subscriber_id == subscriber_id, DeliveryRow.reply_text != "")
        .values(reply_text=""),
        execution_options={"synchronize_session": False},
    )

"""What deliveries hold of one person: told to them, and emptied when they are erased."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.tables import DigestRow, IssueRow
from newsletter.papers.tables import PaperRow
from subscribers.model import SubscriberId


def sent_to(session: Session, subscriber_id: SubscriberId) -> list[dict[str, object]]:
    """Return every delivery to a person as plain JSON values, oldest issue first.

    Keys: ``newsletter``, ``issue`` (its number), ``slot``, ``state``, ``reason``, ``changed_at`` (ISO 8601), ``papers`` (their
    keys, best first) and ``reply`` (the last one of the server, or "").
    """
    found = session.execute(
        select(IssueRow, DeliveryRow, DigestRow.entries)
        .select_from(DeliveryRow)
        .join(IssueRow, IssueRow.id == DeliveryRow.issue_id)
        .outerjoin(DigestRow, DigestRow.id == DeliveryRow.digest_id)
        .where(DeliveryRow.subscriber_id == subscriber_id)
        .order_by(IssueRow.id)
    ).all()
    chosen = {entry[0] for _, _, entries in found for entry in entries or ()}
    keys = {row.seq: row.key for row in session.execute(select(PaperRow.seq, PaperRow.key).where(PaperRow.seq.in_(chosen)))}
    return [
        {
            "newsletter": issue.newsletter,
            "issue": issue.number,
            "slot": issue.slot,
            "state": delivery.state,
            "reason": delivery.reason,
            "changed_at": delivery.changed_at.isoformat(),
            "papers": [keys[entry[0]] for entry in entries or () if entry[0] in keys],
            "reply": delivery.reply_text,
        }
        for issue, delivery, entries in found
    ]


def forget_replies(session: Session, subscriber_id: SubscriberId) -> None:
    """Empty the texts of the replies to a person's messages: servers quote the address in them. The codes stay."""
    session.execute(
        update(DeliveryRow)
        .where(DeliveryRow.subscriber_id == subscriber_id, DeliveryRow.reply_text != "")
        .values(reply_text=""),
        execution_options={"synchronize_session": False},
    )

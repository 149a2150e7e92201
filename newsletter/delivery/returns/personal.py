"""What is kept of what came back of one person's mails: told to them, and emptied when they are erased."""

from __future__ import annotations

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from newsletter.delivery.tables import ReturnRow
from subscribers.model import SubscriberId
from subscribers.tables import MailboxRow


def returns_of(session: Session, subscriber_id: SubscriberId) -> list[dict[str, object]]:
    """Return everything that came back of a person's mails as plain JSON values, oldest first.

    Keys: ``kind``, ``reason``, ``status``, ``hard``, ``counted``, ``at`` (ISO 8601).
    """
    theirs = select(ReturnRow).where(ReturnRow.subscriber_id == subscriber_id).order_by(ReturnRow.id)
    return [
        {
            "kind": row.kind,
            "reason": row.reason,
            "status": row.status,
            "hard": row.is_hard,
            "counted": row.is_counted,
            "at": row.at.isoformat(),
        }
        for row in session.scalars(theirs)
    ]


def mailbox_of(session: Session, subscriber_id: SubscriberId) -> dict[str, object] | None:
    """Return what is held against a person's mailbox as plain JSON values: ``score``, ``reason``, ``stepped_at`` (ISO 8601)."""
    row = session.get(MailboxRow, subscriber_id)
    return None if row is None else {"score": row.score, "reason": row.reason, "stepped_at": row.stepped_at.isoformat()}


def forget_returns(session: Session, subscriber_id: SubscriberId) -> None:
    """Forget how a person's mailbox fared, and its domain, which may be one of their own. The bare figures stay."""
    rows_only = {"synchronize_session": False}
    blank = update(ReturnRow).where(ReturnRow.subscriber_id == subscriber_id).values(domain="")
    session.execute(blank, execution_options=rows_only)
    session.execute(delete(MailboxRow).where(MailboxRow.subscriber_id == subscriber_id), execution_options=rows_only)

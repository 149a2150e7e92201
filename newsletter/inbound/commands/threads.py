"""What a reader answers to: the message of ours a signed address names, and the papers that its numbers mean."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, union_all
from sqlalchemy.orm import Session

from newsletter.delivery.identity.verp import Signed, SignedKind
from newsletter.delivery.model import DeliveryState
from newsletter.delivery.returns.store import ReturnStore
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.model import DigestId, Section
from newsletter.digest.snapshot import paper_from_json
from newsletter.digest.tables import DigestRow, IssuePaperRow, IssueRow
from newsletter.notices.tables import NoticeRow
from newsletter.papers.model import Paper
from subscribers.model import NoticeKind, SubscriberId

_ARRIVED = (DeliveryState.SENT, DeliveryState.DOUBTFUL)


@dataclass(frozen=True, slots=True)
class Message:
    """A message of ours that was answered.

    Attributes:
        subscriber_id: whom it was for; None for somebody who is no subscriber.
        newsletter: slug; ``""`` where it concerns all of them.
        digest_id: the papers in it; None if it had none.
        notice: what it was about, unless it was an issue's.
        reference: as in :class:`subscribers.model.Notice`.
    """

    subscriber_id: SubscriberId | None
    newsletter: str
    digest_id: DigestId | None = None
    notice: NoticeKind | None = None
    reference: int = 0


class ThreadStore:
    """Looks up what was sent. Takes a session for reading."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def answered(self, signed: Signed) -> Message | None:
        """Return the message whose answers a signed address takes.

        Returns:
            None if the address is none that takes answers, or the message is not known any more, or it went to the address
            that the reader had before the present one, whose mailbox may be another's now.
        """
        match signed.kind:
            case SignedKind.DELIVERY_REPLY:
                found = self._delivery(signed.number)
            case SignedKind.NOTICE_REPLY:
                found = self._notice(signed.number)
            case _:
                return None
        if found is None:
            return None
        message, sent_at = found
        return None if self._is_of_before(message, sent_at) else message

    def last_digest(self, subscriber_id: SubscriberId, newsletter: str, *, until: datetime) -> DigestId | None:
        """Return the papers of the last mail with any to a reader, a welcome or an issue's.

        Args:
            subscriber_id: the reader.
            newsletter: slug.
            until: aware; later mails do not count.
        """
        issues = (
            select(DeliveryRow.digest_id, DeliveryRow.dated_at.label("at"))
            .join(IssueRow, IssueRow.id == DeliveryRow.issue_id)
            .where(DeliveryRow.subscriber_id == subscriber_id, IssueRow.newsletter == newsletter)
            .where(DeliveryRow.state.in_(_ARRIVED), DeliveryRow.digest_id.is_not(None), DeliveryRow.dated_at <= until)
        )
        welcomes = (
            select(NoticeRow.digest_id, NoticeRow.created_at.label("at"))
            .where(NoticeRow.subscriber_id == subscriber_id, NoticeRow.newsletter == newsletter)
            .where(NoticeRow.state.in_(_ARRIVED), NoticeRow.digest_id.is_not(None), NoticeRow.created_at <= until)
        )
        sent = union_all(issues, welcomes).subquery()
        found = self._session.scalar(select(sent.c.digest_id).order_by(sent.c.at.desc(), sent.c.digest_id.desc()).limit(1))
        return None if found is None else DigestId(found)

    def papers(self, digest_id: DigestId) -> list[Paper]:
        """Return the papers of a digest as its mail numbers them, from 1: late bloomers stand behind all others."""
        digest = self._session.get(DigestRow, digest_id)
        if digest is None:
            return []
        seqs = [seq for seq, _ in digest.entries]
        kept = {
            row.paper_seq: row
            for row in self._session.scalars(
                select(IssuePaperRow).where(IssuePaperRow.issue_id == digest.issue_id, IssuePaperRow.paper_seq.in_(seqs))
            )
        }
        shown = sorted((kept[seq] for seq in seqs if seq in kept), key=lambda row: row.section == Section.LATE)
        return [paper_from_json(row.snapshot) for row in shown]

    def _is_of_before(self, message: Message, sent_at: datetime | None) -> bool:
        # What asks the new address to confirm goes there before the change is made.
        if message.subscriber_id is None or sent_at is None or message.notice is NoticeKind.CONFIRM_ADDRESS:
            return False
        moved_at = ReturnStore(self._session).moved_at(message.subscriber_id)
        # The mail that tells the old address is written at that very instant.
        return moved_at is not None and (sent_at < moved_at or message.notice is NoticeKind.ADDRESS_CHANGED)

    def _delivery(self, number: int) -> tuple[Message, datetime | None] | None:
        found = self._session.execute(
            select(DeliveryRow.subscriber_id, IssueRow.newsletter, DeliveryRow.digest_id, DeliveryRow.dated_at)
            .join(IssueRow, IssueRow.id == DeliveryRow.issue_id)
            .where(DeliveryRow.id == number)
        ).one_or_none()
        if found is None:
            return None
        message = Message(SubscriberId(found.subscriber_id), found.newsletter, _digest(found.digest_id))
        return message, found.dated_at

    def _notice(self, number: int) -> tuple[Message, datetime | None] | None:
        row = self._session.get(NoticeRow, number)
        if row is None:
            return None
        person = None if row.subscriber_id is None else SubscriberId(row.subscriber_id)
        return Message(person, row.newsletter, _digest(row.digest_id), NoticeKind(row.kind), row.reference), row.created_at


def _digest(number: int | None) -> DigestId | None:
    return None if number is None else DigestId(number)

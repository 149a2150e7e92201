"""Every query on what came back, and on which messages left at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, column, exists, func, or_, select, table
from sqlalchemy.orm import Session

from newsletter.delivery.identity.verp import Signed, SignedKind
from newsletter.delivery.model import DeliveryState, Reason
from newsletter.delivery.returns.model import Returned, ReturnKind, Sent
from newsletter.delivery.returns.reasons import ON_THE_WAY
from newsletter.delivery.rows import is_one_of
from newsletter.delivery.tables import DeliveryRow, ReturnRow
from newsletter.digest.model import IssueId
from newsletter.digest.tables import IssueRow
from subscribers.base import UtcDateTime
from subscribers.model import NoticeKind, SubscriberId
from subscribers.tables import AddressChangeRow, SubscriberRow

#: Notices. Read by their table's name, as their room stands above this one.
_NOTICE = table(
    "notice",
    *(column(name) for name in ("id", "kind", "subscriber_id", "newsletter", "state", "reason")),
    *(column(name) for name in ("reply_code", "reply_status", "reply_text")),
    *(column(name, UtcDateTime()) for name in ("created_at", "changed_at")),
)
#: States of what left, or may have. Whatever was in doubt keeps that as its reason until it settles.
_LEFT = (DeliveryState.SENT, DeliveryState.DOUBTFUL, DeliveryState.DOT_SENT)
#: Why a message failed, where a reply that is about it is the cause.
_REFUSED = (Reason.REFUSED, Reason.OUT_OF_TRIES, Reason.TOO_OLD)
_REFUSALS_FROM = 400
_DELIVERY_LEFT = or_(is_one_of(DeliveryRow.state, _LEFT), DeliveryRow.reason == Reason.IN_DOUBT)
_NOTICE_LEFT = or_(_NOTICE.c.state.in_([str(state) for state in _LEFT]), _NOTICE.c.reason == str(Reason.IN_DOUBT))


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that the next hop refused for good, with its last reply: ``code``, enhanced ``status`` and ``text``."""

    sent: Sent
    code: int
    status: str
    text: str


class ReturnStore:
    """What came back. Takes a session, never commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def sent(self, signed: Signed) -> Sent | None:
        """Return a message of ours by what an address of it was signed for; None if no such one left, or it was nobody's."""
        if signed.kind in (SignedKind.DELIVERY, SignedKind.DELIVERY_REPLY):
            found = self._session.execute(_DELIVERIES.where(DeliveryRow.id == signed.number)).first()
            return None if found is None else _delivery(*found)
        notice = self._session.execute(_NOTICES.where(_NOTICE.c.id == signed.number)).first()
        return None if notice is None else _notice(*notice)

    def sent_to(self, subscriber_id: SubscriberId, *, since: datetime | None = None) -> list[Sent]:
        """Return what left to a person's own mailbox since an instant, or ever, the latest first."""
        deliveries = _DELIVERIES.where(DeliveryRow.subscriber_id == subscriber_id)
        notices = _NOTICES.where(_NOTICE.c.subscriber_id == subscriber_id)
        if since is not None:
            deliveries = deliveries.where(DeliveryRow.changed_at >= since)
            notices = notices.where(_NOTICE.c.changed_at >= since)
        found = [_delivery(*row) for row in self._session.execute(deliveries)]
        found += [_notice(*row) for row in self._session.execute(notices)]
        return sorted((sent for sent in found if not sent.went_elsewhere), key=lambda sent: sent.at, reverse=True)

    def moved_at(self, subscriber_id: SubscriberId) -> datetime | None:
        """Return when a person's address last changed; None if it never did, as far as is known.

        The mail that told the old address says so. It is dropped in time; then it is when the change that was made was asked
        for.
        """
        told = select(func.max(_NOTICE.c.created_at)).where(
            _NOTICE.c.subscriber_id == subscriber_id, _NOTICE.c.kind == str(NoticeKind.ADDRESS_CHANGED)
        )
        asked = (
            select(AddressChangeRow.asked_at)
            .join(SubscriberRow, SubscriberRow.id == AddressChangeRow.subscriber_id)
            .where(SubscriberRow.id == subscriber_id, SubscriberRow.address == AddressChangeRow.address)
        )
        found = [self._session.scalar(told), self._session.scalar(asked)]
        return max((moment for moment in found if moment is not None), default=None)

    def lost_on_the_way(self, newsletter: str, *, at_least: int, since: datetime) -> dict[IssueId, int]:
        """Return of issues how many of their messages did not get through, as far as is known.

        Args:
            newsletter: slug; ``""`` for all of them.
            at_least: issues that lost fewer are left out.
            since: aware; so are those frozen before it.
        """
        lost = (
            select(ReturnRow.issue_id, func.count())
            .join(IssueRow, IssueRow.id == ReturnRow.issue_id)
            .where(
                IssueRow.frozen_at >= since,
                *([IssueRow.newsletter == newsletter] if newsletter else []),
                _IS_FAILURE,
                is_one_of(ReturnRow.reason, sorted(ON_THE_WAY)),
            )
            .group_by(ReturnRow.issue_id)
            .having(func.count() >= at_least)
        )
        return {IssueId(issue_id): count for issue_id, count in self._session.execute(lost) if issue_id is not None}

    def were_taken(self, issue_id: IssueId, at_least: int) -> bool:
        """Whether servers took so many messages of an issue, 1 or more; looks at no more of them than that."""
        taken = select(DeliveryRow.id).where(DeliveryRow.issue_id == issue_id, DeliveryRow.state == DeliveryState.SENT)
        return self._session.scalar(taken.offset(at_least - 1).limit(1)) is not None

    def refused_deliveries(self, *, since: datetime, after: int, limit: int) -> list[Refused]:
        """Return the next deliveries of which no refusal is known though they ended with one, ascending id.

        Args:
            since: aware; only those that ended at that instant or later.
            after: only numbers above it.
            limit: how many at most.
        """
        # Few issues, each with few failures, which the ledger's index finds; what is finished long ago is passed over whole.
        recent = select(IssueRow.id).where(or_(IssueRow.finished_at.is_(None), IssueRow.finished_at >= since))
        query = (
            select(
                *_DELIVERY_COLUMNS, func.coalesce(DeliveryRow.reply_code, 0), DeliveryRow.reply_status, DeliveryRow.reply_text
            )
            .join(IssueRow, IssueRow.id == DeliveryRow.issue_id)
            .where(
                DeliveryRow.issue_id.in_(recent),
                DeliveryRow.state == DeliveryState.FAILED,
                is_one_of(DeliveryRow.reason, _REFUSED),
                DeliveryRow.reply_code >= _REFUSALS_FROM,
                DeliveryRow.changed_at >= since,
                DeliveryRow.id > after,
                ~exists().where(ReturnRow.delivery_id == DeliveryRow.id, ReturnRow.kind == ReturnKind.REFUSAL),
            )
            .order_by(DeliveryRow.id)
            .limit(limit)
        )
        return [Refused(_delivery(*row[:-3]), *row[-3:]) for row in self._session.execute(query)]

    def refused_notices(self, *, since: datetime, after: int, limit: int) -> list[Refused]:
        """Return the same of notices."""
        query = (
            select(*_NOTICE_COLUMNS, _NOTICE.c.reply_code, _NOTICE.c.reply_status, _NOTICE.c.reply_text)
            .where(
                _NOTICE.c.subscriber_id.is_not(None),
                _NOTICE.c.state == str(DeliveryState.FAILED),
                _NOTICE.c.reason.in_([str(reason) for reason in _REFUSED]),
                _NOTICE.c.reply_code >= _REFUSALS_FROM,
                _NOTICE.c.changed_at >= since,
                _NOTICE.c.id > after,
                ~exists().where(ReturnRow.notice_id == _NOTICE.c.id, ReturnRow.kind == ReturnKind.REFUSAL),
            )
            .order_by(_NOTICE.c.id)
            .limit(limit)
        )
        return [Refused(_notice(*row[:-3]), *row[-3:]) for row in self._session.execute(query)]

    def add(self, sent: Sent, returned: Returned, *, domain: str, is_counted: bool, now: datetime) -> None:
        """Write what came back of a message, of which nothing of that kind is known; ``domain`` is the reader's."""
        row = ReturnRow(
            kind=returned.kind,
            is_hard=returned.is_hard,
            reason=returned.reason,
            status=returned.status,
            delivery_id=_number(sent, SignedKind.DELIVERY),
            notice_id=_number(sent, SignedKind.NOTICE),
            issue_id=sent.issue_id,
            subscriber_id=sent.subscriber_id,
            domain=domain,
            relay=sent.relay,
            inbound_id=returned.inbound_id,
            is_counted=is_counted,
            at=now,
        )
        self._session.add(row)
        self._session.flush()

    def of(self, sent: Sent) -> Sequence[ReturnRow]:
        """Return all that came back of a message, each kind once."""
        return self._session.scalars(select(ReturnRow).where(_is_of(sent))).all()

    def was_hard(self, subscriber_id: SubscriberId) -> bool:
        """Whether the last step of a person's score was a hard one."""
        counted = select(ReturnRow.is_hard).where(ReturnRow.subscriber_id == subscriber_id, ReturnRow.is_counted)
        # A soft step of the same instant never follows a hard one.
        return bool(self._session.scalar(counted.order_by(ReturnRow.at.desc(), ReturnRow.is_hard.desc()).limit(1)))

    def first_quiet(self, subscriber_id: SubscriberId, *, after: datetime, but: Sent) -> datetime | None:
        """Return when a server took the first message to a person after an instant that has not come back; None if none.

        Args:
            subscriber_id: whom.
            after: aware; only messages of later than that.
            but: a message that is coming back just now.
        """
        delivered = select(func.min(DeliveryRow.changed_at)).where(
            DeliveryRow.subscriber_id == subscriber_id,
            DeliveryRow.state == DeliveryState.SENT,
            DeliveryRow.changed_at > after,
            DeliveryRow.id != (_number(but, SignedKind.DELIVERY) or 0),
            ~exists().where(ReturnRow.delivery_id == DeliveryRow.id, _IS_FAILURE),
        )
        noticed = select(func.min(_NOTICE.c.changed_at)).where(
            _NOTICE.c.subscriber_id == subscriber_id,
            _NOTICE.c.state == str(DeliveryState.SENT),
            _NOTICE.c.changed_at > after,
            _NOTICE.c.id != (_number(but, SignedKind.NOTICE) or 0),
            ~exists().where(ReturnRow.notice_id == _NOTICE.c.id, _IS_FAILURE),
        )
        found = [self._session.scalar(query) for query in (delivered, noticed)]
        return min((moment for moment in found if moment is not None), default=None)


#: What :func:`_delivery` and :func:`_notice` take, in their order.
_DELIVERY_COLUMNS = (
    *(DeliveryRow.id, DeliveryRow.subscriber_id, IssueRow.newsletter),
    *(DeliveryRow.issue_id, DeliveryRow.relay, DeliveryRow.changed_at),
)
_NOTICE_COLUMNS = (_NOTICE.c.id, _NOTICE.c.subscriber_id, _NOTICE.c.newsletter, _NOTICE.c.kind, _NOTICE.c.changed_at)
_DELIVERIES = select(*_DELIVERY_COLUMNS).join(IssueRow, IssueRow.id == DeliveryRow.issue_id).where(_DELIVERY_LEFT)
_NOTICES = select(*_NOTICE_COLUMNS).where(_NOTICE_LEFT, _NOTICE.c.subscriber_id.is_not(None))
_IS_FAILURE = is_one_of(ReturnRow.kind, (ReturnKind.BOUNCE, ReturnKind.REFUSAL))


def _delivery(number: int, subscriber: int, newsletter: str, issue: int, relay: str, at: datetime) -> Sent:
    return Sent(Signed(SignedKind.DELIVERY, number), SubscriberId(subscriber), newsletter, IssueId(issue), relay, at)


def _notice(number: int, subscriber: int, newsletter: str, kind: str, at: datetime) -> Sent:
    return Sent(Signed(SignedKind.NOTICE, number), SubscriberId(subscriber), newsletter, None, "", at, NoticeKind(kind))


def _number(sent: Sent, kind: SignedKind) -> int | None:
    return sent.signed.number if sent.signed.kind is kind else None


def _is_of(sent: Sent) -> ColumnElement[bool]:
    column_of = ReturnRow.delivery_id if sent.signed.kind is SignedKind.DELIVERY else ReturnRow.notice_id
    return column_of == sent.signed.number

"""Every query on notices: who may send which, and what became of it.

A claim carries the row's ``epoch``, which grows with each claim; a write under an older one finds nothing to change.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, delete, exists, func, literal, or_, select, update
from sqlalchemy.orm import Session

from newsletter.delivery.ledger.policy import OnDoubt
from newsletter.delivery.model import SETTLED, DeliveryState, Outcome, OutgoingMessage, Reason
from newsletter.digest.model import DigestId
from newsletter.notices.model import DropReason, NoticeClaim, NoticeId
from newsletter.notices.tables import NoticeRow
from subscribers.model import Notice, NoticeKind, Subscriber, SubscriberId, SubscriberState
from subscribers.tables import AddressChangeRow, SubscriberRow, SubscriptionRow, WishRow

#: Name in a notice's details of the number of the mail that it passes on.
OF_MAIL = "inbound"
_WAITING = (DeliveryState.PENDING, DeliveryState.DEFERRED)
_HELD = (DeliveryState.CLAIMED, DeliveryState.DOT_SENT)
#: States of people who may hear that they left: not of those who complained, whose mailbox is dead, or who are erased.
_MAY_BE_TOLD = (SubscriberState.UNSUBSCRIBED, SubscriberState.PENDING, SubscriberState.ACTIVE, SubscriberState.PAUSED)
#: ORM-enabled updates touch rows only; no object of ours is in the session to be kept in step.
_ROWS_ONLY = {"synchronize_session": False}
#: What a settled notice keeps nothing of: the text, what it said, where it went, and where the request came from.
_FORGOTTEN: Mapping[str, Any] = {"content": None, "details": {}, "address": "", "client": "", "envelope_from": ""}


class NoticeStore:
    """The notices. Takes a session, never commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, notice: Notice, *, now: datetime) -> NoticeId:
        """Queue a notice, due at once. It takes the place of an equal one that could not leave yet.

        Of mails to the operator none takes the place of another: what they say is in their content.
        """
        if notice.kind is not NoticeKind.OPERATOR:
            equal = (
                (NoticeRow.kind == notice.kind)
                & (NoticeRow.subscriber_id == notice.subscriber_id)
                & (NoticeRow.address == notice.address)
                & (NoticeRow.newsletter == notice.newsletter)
                & (NoticeRow.reference == notice.reference)
            )
            waits = NoticeRow.state.in_(_WAITING) & (NoticeRow.reason != Reason.IN_DOUBT)
            self._session.execute(delete(NoticeRow).where(equal, waits), execution_options=_ROWS_ONLY)
        row = NoticeRow(
            kind=notice.kind,
            subscriber_id=notice.subscriber_id,
            address=notice.address,
            newsletter=notice.newsletter,
            reference=notice.reference,
            client=notice.client,
            details=dict(notice.details),
            content=notice.content or None,
            state=DeliveryState.PENDING,
            not_before=now,
            created_at=now,
            changed_at=now,
        )
        self._session.add(row)
        self._session.flush()
        return NoticeId(row.id)

    def withdraw(self, subscriber_id: SubscriberId) -> None:
        """Delete what did not leave yet to a person, and forget where the rest went and what was said of it.

        A message whose final dot is leaving at this moment cannot be called back; it is never repeated.
        """
        self._withdraw(NoticeRow.subscriber_id == subscriber_id)

    def withdraw_because_of(self, mails: Select[int]) -> None:
        """Likewise, of what leaves because of mails that came in: answers, and what is passed on to the operator.

        Args:
            mails: their numbers.
        """
        answers = (NoticeRow.kind == NoticeKind.ANSWER) & NoticeRow.reference.in_(mails)
        # The reference of one to the operator may be an issue's number as well.
        passed_on = (NoticeRow.kind == NoticeKind.OPERATOR) & NoticeRow.details[OF_MAIL].as_integer().in_(mails)
        self._withdraw(answers | passed_on)

    def of(self, subscriber_id: SubscriberId) -> list[dict[str, object]]:
        """Return a person's notices as plain JSON values, oldest first: ``kind``, ``newsletter``, ``state``, ``created_at``."""
        theirs = select(NoticeRow).where(NoticeRow.subscriber_id == subscriber_id).order_by(NoticeRow.id)
        return [
            {
                "kind": row.kind,
                "newsletter": row.newsletter,
                "state": row.state,
                "created_at": row.created_at.isoformat(),
            }
            for row in self._session.scalars(theirs)
        ]

    def has_since(self, subscriber_id: SubscriberId, kind: NoticeKind, since: datetime) -> bool:
        """Whether a person was written to about that after an instant, or will be."""
        found = exists().where(
            NoticeRow.subscriber_id == subscriber_id,
            NoticeRow.kind == kind,
            NoticeRow.created_at > since,
            NoticeRow.state.not_in((DeliveryState.SKIPPED, DeliveryState.FAILED)),
        )
        return bool(self._session.scalar(select(found)))

    def has_work(self, *, now: datetime) -> bool:
        """Whether any notice is due, or held by whoever sends or once did; quick, and asks for no lock."""
        is_due = NoticeRow.state.in_(_WAITING) & (NoticeRow.not_before <= now)
        return bool(self._session.scalar(select(exists().where(is_due | NoticeRow.state.in_(_HELD)))))

    def claim(self, *, now: datetime, lease: timedelta, asked_after: datetime) -> tuple[NoticeClaim | None, int]:
        """Take the notice that is due longest, for this process alone.

        Those that were overtaken by events are settled on the way: a wish that was answered or is too old, a person who left.
        Two processes never get the same notice: PostgreSQL passes over rows that another transaction holds, SQLite has one
        writer. A crash after the commit leaves the row claimed until :meth:`recover`.

        Args:
            now: aware UTC.
            lease: how long the claim is held.
            asked_after: wishes and changes of address asked by then are too old to be confirmed.

        Returns:
            The claim, None if nothing is due, and how many were settled.
        """
        dropped = 0
        while (row := self._session.execute(_next(now, asked_after)).first()) is not None:
            notice, person, is_wanted = row
            notice.changed_at = now
            if is_wanted:
                notice.state, notice.epoch, notice.lease_until = DeliveryState.CLAIMED, notice.epoch + 1, now + lease
                self._session.flush()
                return _to_claim(notice, person), dropped
            is_doubted = notice.reason == Reason.IN_DOUBT
            notice.state = DeliveryState.DOUBTFUL if is_doubted else DeliveryState.SKIPPED
            notice.reason = Reason.IN_DOUBT if is_doubted else DropReason.MOOT
            for name, nothing in _FORGOTTEN.items():
                setattr(notice, name, nothing)
            self._session.flush()
            dropped += 1
        return None, dropped

    def choose_digest(self, claim: NoticeClaim, digest_id: DigestId) -> None:
        """Write which papers a welcome will bring, if the claim is still held."""
        chosen = update(NoticeRow).where(_under(claim), NoticeRow.state == DeliveryState.CLAIMED).values(digest_id=digest_id)
        self._session.execute(chosen, execution_options=_ROWS_ONLY)

    def record_intent(
        self, claim: NoticeClaim, message: OutgoingMessage, *, now: datetime, lease: timedelta, asked_after: datetime
    ) -> bool:
        """Write that the final dot of ``message`` is about to leave, together with its bytes; say whether it may.

        Refused is a claim that somebody else took over, and whatever :meth:`claim` would not give out any more.
        """
        accepted = (
            update(NoticeRow)
            .where(_under(claim), NoticeRow.state == DeliveryState.CLAIMED, _is_wanted(asked_after))
            .values(
                state=DeliveryState.DOT_SENT,
                content=message.data,
                envelope_from=message.envelope_from,
                lease_until=now + lease,
                changed_at=now,
            )
            .returning(NoticeRow.id)
        )
        return self._session.scalar(accepted, execution_options=_ROWS_ONLY) is not None

    def record_result(self, claim: NoticeClaim, outcome: Outcome, *, now: datetime) -> None:
        """Write what became of a claim; writing the same again changes nothing.

        It counts only under the claim's epoch; "sent" counts even when the lease ran out meanwhile, as long as nobody claimed
        the notice again.
        """
        takes: ColumnElement[bool] = NoticeRow.state.in_(_HELD)
        if outcome.state is DeliveryState.SENT:
            takes |= NoticeRow.state.in_((*_WAITING, DeliveryState.DOUBTFUL))
        values: dict[str, Any] = {
            "state": outcome.state,
            "reason": outcome.reason,
            "attempts": outcome.attempts,
            "lease_until": None,
            "changed_at": now,
        }
        if outcome.not_before is not None:
            values["not_before"] = outcome.not_before
        if outcome.reply is not None:
            values |= {"reply_code": outcome.reply.code, "reply_status": outcome.reply.status}
            # Servers repeat the address in their replies: what was withdrawn meanwhile must not come back in one.
            values["reply_text"] = case((NoticeRow.address == "", ""), else_=outcome.reply.text)
        if outcome.state in SETTLED:
            values |= _FORGOTTEN
        self._session.execute(update(NoticeRow).where(_under(claim), takes).values(values), execution_options=_ROWS_ONLY)

    def give_back(self, claim: NoticeClaim, *, now: datetime, reason: Reason | None = None) -> None:
        """Undo a claim whose final dot certainly never left: it is due as before, for ``reason`` if it was deferred."""
        self._release(_under(claim) & NoticeRow.state.in_(_HELD), now, reason)

    def recover(self, *, now: datetime, on_doubt: OnDoubt, break_leases: bool = False) -> list[NoticeId]:
        """Take back what crashed or frozen processes left: claims are due again, messages in doubt are held or due again.

        Args:
            now: aware UTC; leases that ended by then are broken.
            on_doubt: what to do with a message whose dot left and whose reply is not known.
            break_leases: break all leases. Only for a process that knows that no other is sending.

        Returns:
            The notices in doubt.
        """
        expired = literal(value=True) if break_leases else NoticeRow.lease_until <= now
        self._release((NoticeRow.state == DeliveryState.CLAIMED) & expired, now, None)
        values: dict[str, Any] = {
            "state": DeliveryState.DEFERRED,
            "reason": Reason.IN_DOUBT,
            "attempts": NoticeRow.attempts + 1,
            "lease_until": None,
            "changed_at": now,
        }
        if on_doubt is OnDoubt.HOLD:
            values |= {**_FORGOTTEN, "state": DeliveryState.DOUBTFUL}
        doubted = update(NoticeRow).where(NoticeRow.state == DeliveryState.DOT_SENT, expired).values(values)
        found = self._session.scalars(doubted.returning(NoticeRow.id), execution_options=_ROWS_ONLY)
        return [NoticeId(number) for number in found]

    def drop_settled(self, before: datetime) -> int:
        """Delete what was settled before an instant, but for welcomes with papers: those are the memory of never twice."""
        is_memory = NoticeRow.digest_id.is_not(None) & NoticeRow.state.in_((DeliveryState.SENT, DeliveryState.DOUBTFUL))
        dropped = delete(NoticeRow).where(NoticeRow.state.in_(SETTLED), NoticeRow.changed_at < before, ~is_memory)
        return len(self._session.scalars(dropped.returning(NoticeRow.id), execution_options=_ROWS_ONLY).all())

    def _withdraw(self, which: ColumnElement[bool]) -> None:
        not_sent = NoticeRow.state.in_((*_WAITING, DeliveryState.CLAIMED))
        self._session.execute(delete(NoticeRow).where(which, not_sent), execution_options=_ROWS_ONLY)
        forgotten = {**_FORGOTTEN, "reply_text": ""}
        self._session.execute(update(NoticeRow).where(which).values(forgotten), execution_options=_ROWS_ONLY)

    def _release(self, which: ColumnElement[bool], now: datetime, reason: Reason | None) -> None:
        doubted = NoticeRow.reason == Reason.IN_DOUBT
        was_tried = (NoticeRow.attempts > 0) | (NoticeRow.reason != "")
        released = update(NoticeRow).where(which)
        self._session.execute(
            released.values(
                state=DeliveryState.DEFERRED if reason else case((was_tried, _WAITING[1]), else_=_WAITING[0]),
                reason=case((doubted, Reason.IN_DOUBT), else_=reason) if reason else NoticeRow.reason,
                lease_until=None,
                changed_at=now,
            ),
            execution_options=_ROWS_ONLY,
        )


def _next(now: datetime, asked_after: datetime) -> Select[NoticeRow, SubscriberRow | None, bool]:
    return (
        select(NoticeRow, SubscriberRow, _is_wanted(asked_after))
        .outerjoin(SubscriberRow, SubscriberRow.id == NoticeRow.subscriber_id)
        .where(NoticeRow.state.in_(_WAITING), NoticeRow.not_before <= now)
        .order_by(NoticeRow.not_before, NoticeRow.id)
        .limit(1)
        .with_for_update(of=NoticeRow, skip_locked=True)
        .execution_options(populate_existing=True)
    )


def _is_wanted(asked_after: datetime) -> ColumnElement[bool]:
    """Whether what a notice is about still holds.

    Its links open a person's own pages, so it goes to the mailbox they have now, or, to confirm a change, want to have.
    """
    person = SubscriberRow.__table__.alias("person")
    is_theirs = func.lower(person.c.address) == func.lower(NoticeRow.address)
    is_about = person.c.id == NoticeRow.subscriber_id
    wish = exists().where(
        is_about,
        is_theirs,
        person.c.state != SubscriberState.ERASED,
        WishRow.id == NoticeRow.reference,
        WishRow.subscriber_id == NoticeRow.subscriber_id,
        WishRow.confirmed_at.is_(None),
        WishRow.asked_at > asked_after,
    )
    change = exists().where(
        is_about,
        ~is_theirs,  # or it was made already
        AddressChangeRow.id == NoticeRow.reference,
        AddressChangeRow.subscriber_id == NoticeRow.subscriber_id,
        func.lower(AddressChangeRow.address) == func.lower(NoticeRow.address),
        AddressChangeRow.asked_at > asked_after,
    )
    reader = exists().where(
        is_about,
        is_theirs,
        # Somebody whose mails are held back, and who signs up again, is told where they can be let go on.
        (person.c.state == SubscriberState.ACTIVE)
        | ((person.c.state == SubscriberState.PAUSED) & (NoticeRow.kind == NoticeKind.KNOWN)),
        SubscriptionRow.subscriber_id == NoticeRow.subscriber_id,
        SubscriptionRow.newsletter == NoticeRow.newsletter,
    )
    gone = exists().where(
        is_about,
        is_theirs,
        person.c.state.in_(_MAY_BE_TOLD),
        ~exists().where(
            SubscriptionRow.subscriber_id == NoticeRow.subscriber_id, SubscriptionRow.newsletter == NoticeRow.newsletter
        ),
    )
    mailbox = exists().where(is_about, is_theirs, person.c.state != SubscriberState.ERASED)
    reading = exists().where(is_about, is_theirs, person.c.state == SubscriberState.ACTIVE)
    return and_(
        NoticeRow.address != "",  # it has none any more if it was withdrawn while its dot was leaving
        or_(
            (NoticeRow.kind == NoticeKind.CONFIRM) & wish,
            (NoticeRow.kind == NoticeKind.CONFIRM_ADDRESS) & change,
            NoticeRow.kind.in_((NoticeKind.KNOWN, NoticeKind.WELCOME)) & reader,
            NoticeRow.kind == NoticeKind.ADDRESS_CHANGED,
            (NoticeRow.kind == NoticeKind.GOODBYE) & gone,
            (NoticeRow.kind == NoticeKind.ANSWER) & (NoticeRow.subscriber_id.is_(None) | mailbox),
            (NoticeRow.kind == NoticeKind.PROBE) & reading,
            NoticeRow.kind == NoticeKind.OPERATOR,
        ),
    )


def _under(claim: NoticeClaim) -> ColumnElement[bool]:
    return (NoticeRow.id == claim.notice_id) & (NoticeRow.epoch == claim.epoch)


def _to_claim(row: NoticeRow, person: SubscriberRow | None) -> NoticeClaim:
    return NoticeClaim(
        notice_id=NoticeId(row.id),
        kind=NoticeKind(row.kind),
        subscriber=None if person is None else _to_subscriber(person),
        address=row.address,
        newsletter=row.newsletter,
        reference=row.reference,
        client=row.client,
        digest_id=None if row.digest_id is None else DigestId(row.digest_id),
        attempts=row.attempts,
        epoch=row.epoch,
        dated_at=row.created_at,
        doubted=row.reason == Reason.IN_DOUBT,
        content=row.content,
        envelope_from=row.envelope_from,
        details=row.details,
    )


def _to_subscriber(person: SubscriberRow) -> Subscriber:
    return Subscriber(
        SubscriberId(person.id),
        person.address,
        SubscriberState(person.state),
        person.token_epoch,
        person.created_at,
        person.changed_at,
    )

"""The ledger of deliveries: who may send what, and what became of it.

Every change of a delivery's state happens here. A claim carries the row's ``epoch``, which grows with each claim; a write under
an older one finds nothing to change, so a process that was frozen past its lease can do no harm.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import ColumnElement, Row, bindparam, case, exists, func, literal, or_, select, tuple_, update

from newsletter.delivery.account import Accounts
from newsletter.delivery.model import Claim, DeliveryId, DeliveryState, NewDelivery, Reason, Result, SkipReason
from newsletter.delivery.policy import OnDoubt
from newsletter.delivery.rows import insert_missing
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.model import DigestId, IssueId, IssueState
from newsletter.digest.tables import IssueRow
from subscribers.model import SubscriberId, SubscriberState
from subscribers.tables import SubscriberRow, SubscriptionRow

#: States a claim may be made from.
_WAITING = (DeliveryState.PENDING, DeliveryState.DEFERRED)
#: States in which a delivery belongs to whoever claimed it last.
_HELD = (DeliveryState.CLAIMED, DeliveryState.DOT_SENT)
#: ORM-enabled updates touch rows only; no object of ours is in the session to be kept in step.
_ROWS_ONLY = {"synchronize_session": False}
if TYPE_CHECKING:
    #: A waiting delivery's id with its reader's address, state and token epoch, and the subscription's id and end of pause.
    Found: TypeAlias = Row[int, str, str, int, int, datetime | None]


@dataclass(frozen=True, slots=True)
class Lane:
    """Deliveries of one issue in one waiting state; the unit that is walked by key."""

    issue_id: IssueId
    state: DeliveryState


@dataclass(frozen=True, slots=True)
class Batch:
    """What one call to :meth:`Ledger.claim` took: the claims to send, and how many rows were looked at up to ``last``.

    ``skipped`` rows settled on the way, as their readers left. ``seen == 0``: nothing was due behind the cursor.
    """

    claims: tuple[Claim, ...]
    skipped: int
    seen: int
    last: DeliveryId


@dataclass(frozen=True, slots=True)
class Recovered:
    """What :meth:`Ledger.recover` found left behind: claims whose dot never left, and messages in doubt."""

    released: tuple[DeliveryId, ...]
    doubted: tuple[DeliveryId, ...]


class Ledger(Accounts):
    """The deliveries of all issues. Never commits; what changes them belongs into a transaction of :meth:`Database.write`."""

    def expand(self, issue_id: IssueId, deliveries: Sequence[NewDelivery], *, now: datetime) -> None:
        """List readers of an issue; those who are listed already stay as they are."""
        rows = [
            {
                "issue_id": issue_id,
                "subscriber_id": new.subscriber_id,
                "digest_id": new.digest_id,
                "state": DeliveryState.PENDING if new.skipped is None else DeliveryState.SKIPPED,
                "reason": new.skipped or "",
                "not_before": new.not_before,
                "changed_at": now,
            }
            for new in deliveries
        ]
        insert_missing(self._session, DeliveryRow, rows)

    def lanes(self, *, issue_id: IssueId | None = None) -> list[Lane]:
        """Return where claims may be made: the waiting states of every open issue, oldest issue first, or of one."""
        query = select(IssueRow.id).where(IssueRow.state == IssueState.OPEN).order_by(IssueRow.id)
        if issue_id is not None:
            query = query.where(IssueRow.id == issue_id)
        return [Lane(IssueId(issue), state) for issue in self._session.scalars(query) for state in _WAITING]

    def claim(
        self,
        lane: Lane,
        *,
        now: datetime,
        lease: timedelta,
        limit: int,
        after: DeliveryId | None = None,
        subscriber_id: SubscriberId | None = None,
        due_only: bool = True,
    ) -> Batch:
        """Take the next deliveries of a lane, ascending id, for this process alone; none if its issue is not open any more.

        A reader who paused, left, or ended the subscription is settled as skipped here. Two processes never get the same
        delivery: PostgreSQL passes over rows that another transaction holds, SQLite has one writer. A crash after the
        commit leaves the rows claimed until :meth:`recover` finds their lease expired.

        Args:
            lane: from :meth:`lanes`. One issue and one state, as each database then reads rows in the order of an index.
            now: aware UTC; becomes the message's Date with the first claim.
            lease: how long the claim is held.
            limit: rows at most.
            after: cursor: only ids above it (without one PostgreSQL walks dead index entries again and again).
            subscriber_id: only this reader.
            due_only: leave out what is to be tried later.
        """
        found = self._next(lane, now if due_only else None, limit, after, subscriber_id)
        if not found:
            return Batch((), 0, 0, DeliveryId(0 if after is None else after))
        left: dict[SkipReason, list[int]] = {}
        there = []
        for row in found:
            reason = _why_not(row, now)
            if reason is None:
                there.append(row)
            else:
                left.setdefault(reason, []).append(row.id)
        for reason, ids in left.items():
            self._skip(ids, reason, now)
        claims = self._take(there, now, now + lease)
        return Batch(tuple(claims), len(found) - len(there), len(found), DeliveryId(found[-1].id))

    def record_intent(self, claims: Sequence[Claim], *, now: datetime, lease: timedelta) -> frozenset[DeliveryId]:
        """Write that the final dots of ``claims`` are about to leave; return those that may.

        Refused is a claim that somebody else took over, an issue that is not open any more, a reader who left. Once this is
        committed a crash leaves the message in doubt, so the lease starts anew: it must outlast the wait for the final reply.
        """
        accepted = (
            update(DeliveryRow)
            .where(
                _under_epoch(claims),
                DeliveryRow.state == DeliveryState.CLAIMED,
                exists().where(
                    IssueRow.id == DeliveryRow.issue_id,
                    IssueRow.state == IssueState.OPEN,
                    SubscriberRow.id == DeliveryRow.subscriber_id,
                    SubscriberRow.state == SubscriberState.ACTIVE,
                    SubscriptionRow.subscriber_id == DeliveryRow.subscriber_id,
                    SubscriptionRow.newsletter == IssueRow.newsletter,
                ),
            )
            .values(state=DeliveryState.DOT_SENT, lease_until=now + lease, changed_at=now)
            .returning(DeliveryRow.id)
        )
        return frozenset(DeliveryId(row) for row in self._session.scalars(accepted, execution_options=_ROWS_ONLY))

    def record_results(self, results: Sequence[Result], *, now: datetime) -> None:
        """Write what became of claims; writing the same again changes nothing.

        A result counts only under its claim's epoch. One that says "sent" counts even when the lease ran out meanwhile, as
        long as nobody claimed the delivery again: it is the truth, and a repeat is spared.
        """
        if not results:
            return
        table = DeliveryRow.__table__
        is_held = or_(*(table.c.state == state for state in _HELD))
        # A server may quote the address, and its owner may have been erased while the message was on its way.
        is_erased = exists().where(SubscriberRow.id == table.c.subscriber_id, SubscriberRow.state == SubscriberState.ERASED)
        came_late = or_(*(table.c.state == state for state in (*_WAITING, DeliveryState.DOUBTFUL)))
        says_sent = bindparam("b_state", type_=table.c.state.type) == DeliveryState.SENT
        statement = (
            update(DeliveryRow)
            .where(
                table.c.id == bindparam("b_id"),
                table.c.epoch == bindparam("b_epoch"),
                is_held | (says_sent & came_late),
            )
            .values(
                state=bindparam("b_state"),
                reason=bindparam("b_reason"),
                attempts=bindparam("b_attempts"),
                not_before=func.coalesce(bindparam("b_not_before", type_=table.c.not_before.type), table.c.not_before),
                lease_until=None,
                reply_code=bindparam("b_code"),
                reply_status=bindparam("b_status"),
                reply_text=case((is_erased, ""), else_=bindparam("b_text")),
                changed_at=now,
            )
        )
        self._session.connection().execute(statement, [_parameters(result) for result in results])

    def give_back(self, claims: Sequence[Claim], *, now: datetime, reason: Reason | None = None) -> None:
        """Undo claims whose final dot certainly never left: they are due as before.

        Args:
            claims: also such whose intent was written, or may have been.
            now: aware UTC.
            reason: why they were not tried; they then count as deferred.
        """
        if claims:
            self._release(_under_epoch(claims) & DeliveryRow.state.in_(_HELD), now, reason)

    def recover(self, *, now: datetime, on_doubt: OnDoubt, break_leases: bool = False) -> Recovered:
        """Take back what crashed or frozen processes left: claims are due again, messages in doubt are held or due again.

        Args:
            now: aware UTC; leases that ended by then are broken.
            on_doubt: what to do with a message whose dot left and whose reply is not known.
            break_leases: break all leases. Only for a process that knows that no other is sending.
        """
        expired = literal(value=True) if break_leases else DeliveryRow.lease_until <= now
        released = self._release((DeliveryRow.state == DeliveryState.CLAIMED) & expired, now, None)
        doubted = self._session.scalars(
            update(DeliveryRow)
            .where(DeliveryRow.state == DeliveryState.DOT_SENT, expired)
            .values(
                state=DeliveryState.DOUBTFUL if on_doubt is OnDoubt.HOLD else DeliveryState.DEFERRED,
                reason=Reason.IN_DOUBT,
                attempts=DeliveryRow.attempts + 1,
                lease_until=None,
                changed_at=now,
            )
            .returning(DeliveryRow.id),
            execution_options=_ROWS_ONLY,
        )
        return Recovered(tuple(released), tuple(DeliveryId(row) for row in doubted))

    def _next(
        self, lane: Lane, due_by: datetime | None, limit: int, after: DeliveryId | None, subscriber_id: SubscriberId | None
    ) -> Sequence[Found]:
        query = (
            select(
                DeliveryRow.id,
                SubscriberRow.address,
                SubscriberRow.state,
                SubscriberRow.token_epoch,
                SubscriptionRow.id,
                SubscriptionRow.paused_until,
            )
            .join(IssueRow, IssueRow.id == DeliveryRow.issue_id)
            .outerjoin(SubscriberRow, SubscriberRow.id == DeliveryRow.subscriber_id)
            .outerjoin(
                SubscriptionRow,
                (SubscriptionRow.subscriber_id == DeliveryRow.subscriber_id)
                & (SubscriptionRow.newsletter == IssueRow.newsletter),
            )
            .where(
                DeliveryRow.issue_id == lane.issue_id,
                DeliveryRow.state == lane.state,
                DeliveryRow.digest_id.is_not(None),
                IssueRow.state == IssueState.OPEN,
            )
            .order_by(DeliveryRow.id)
            .limit(limit)
            .with_for_update(of=DeliveryRow, skip_locked=True)
        )
        if after is not None:
            query = query.where(DeliveryRow.id > after)
        if subscriber_id is not None:
            query = query.where(DeliveryRow.subscriber_id == subscriber_id)
        if due_by is not None:
            query = query.where(DeliveryRow.not_before <= due_by)
        return self._session.execute(query).all()

    def _take(self, rows: Sequence[Found], now: datetime, until: datetime) -> Iterable[Claim]:
        addresses = {row.id: (row.address, row.token_epoch) for row in rows}
        taken = (
            update(DeliveryRow)
            .where(DeliveryRow.id.in_(addresses))
            .values(
                state=DeliveryState.CLAIMED,
                epoch=DeliveryRow.epoch + 1,
                lease_until=until,
                dated_at=func.coalesce(DeliveryRow.dated_at, literal(now, type_=DeliveryRow.__table__.c.dated_at.type)),
                changed_at=now,
            )
            .returning(
                DeliveryRow.id,
                DeliveryRow.issue_id,
                DeliveryRow.digest_id,
                DeliveryRow.subscriber_id,
                DeliveryRow.attempts,
                DeliveryRow.epoch,
                DeliveryRow.dated_at,
                DeliveryRow.reason,
            )
        )
        if not addresses:
            return []
        claimed = self._session.execute(taken, execution_options=_ROWS_ONLY).all()
        return [
            Claim(
                delivery_id=DeliveryId(row.id),
                issue_id=IssueId(row.issue_id),
                digest_id=DigestId(row.digest_id),
                subscriber_id=SubscriberId(row.subscriber_id),
                address=addresses[row.id][0],
                token_epoch=addresses[row.id][1],
                attempts=row.attempts,
                epoch=row.epoch,
                dated_at=row.dated_at,
                lease_until=until,
                doubted=row.reason == Reason.IN_DOUBT,
            )
            for row in sorted(claimed, key=lambda row: row.id)
        ]

    def _skip(self, ids: Sequence[int], reason: SkipReason, now: datetime) -> None:
        # One of its messages may have arrived: that is what the account has to say of it.
        doubted = DeliveryRow.reason == Reason.IN_DOUBT
        self._session.execute(
            update(DeliveryRow)
            .where(DeliveryRow.id.in_(ids))
            .values(
                state=case((doubted, DeliveryState.DOUBTFUL), else_=DeliveryState.SKIPPED),
                reason=case((doubted, Reason.IN_DOUBT), else_=reason),
                changed_at=now,
            ),
            execution_options=_ROWS_ONLY,
        )

    def _release(self, which: ColumnElement[bool], now: datetime, reason: Reason | None) -> list[DeliveryId]:
        doubted = DeliveryRow.reason == Reason.IN_DOUBT
        was_tried = (DeliveryRow.attempts > 0) | (DeliveryRow.reason != "")
        released = (
            update(DeliveryRow)
            .where(which)
            .values(
                state=DeliveryState.DEFERRED if reason else case((was_tried, _WAITING[1]), else_=_WAITING[0]),
                reason=case((doubted, Reason.IN_DOUBT), else_=reason) if reason else DeliveryRow.reason,
                lease_until=None,
                changed_at=now,
            )
            .returning(DeliveryRow.id)
        )
        return [DeliveryId(row) for row in self._session.scalars(released, execution_options=_ROWS_ONLY)]


def _under_epoch(claims: Sequence[Claim]) -> ColumnElement[bool]:
    return tuple_(DeliveryRow.id, DeliveryRow.epoch).in_([(claim.delivery_id, claim.epoch) for claim in claims])


def _why_not(row: Found, now: datetime) -> SkipReason | None:
    _, _, state, _, subscription_id, paused_until = row
    if state not in {SubscriberState.ACTIVE, SubscriberState.PAUSED} or subscription_id is None:
        return SkipReason.UNSUBSCRIBED
    if state == SubscriberState.PAUSED or (paused_until is not None and paused_until > now):
        return SkipReason.PAUSED
    return None


def _parameters(result: Result) -> dict[str, object]:
    claim, outcome = result.claim, result.outcome
    return {
        "b_id": claim.delivery_id,
        "b_epoch": claim.epoch,
        "b_state": outcome.state,
        "b_reason": outcome.reason,
        "b_attempts": outcome.attempts,
        "b_not_before": outcome.not_before,
        "b_code": outcome.reply.code if outcome.reply else None,
        "b_status": outcome.reply.status if outcome.reply else "",
        "b_text": outcome.reply.text if outcome.reply else "",
    }

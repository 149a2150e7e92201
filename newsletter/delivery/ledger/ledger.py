"""The ledger of deliveries: who may send what, and what became of it.

Every change of a delivery's state happens here. A claim carries the row's ``epoch``, which grows with each claim; a write under
an older one finds nothing to change, so a process that was frozen past its lease can do no harm.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, case, exists, false, func, select, tuple_, update

from newsletter.delivery.ledger.account import Accounts
from newsletter.delivery.ledger.policy import OnDoubt
from newsletter.delivery.ledger.roster import WorkerId
from newsletter.delivery.model import Claim, DeliveryId, DeliveryState, Finding, Reason, SkipReason
from newsletter.delivery.rows import INSTANT, change_rows, read_rows, to_instant
from newsletter.delivery.tables import DeliveryRow, WorkerRow
from newsletter.digest.model import IssueId, IssueState
from newsletter.digest.tables import IssueRow
from subscribers.model import SubscriberId, SubscriberState
from subscribers.tables import SubscriberRow, SubscriptionRow

#: States a claim may be made from.
_WAITING = (DeliveryState.PENDING, DeliveryState.DEFERRED)
#: States in which a delivery belongs to whoever claimed it last.
_HELD = (DeliveryState.CLAIMED, DeliveryState.DOT_SENT)
#: ORM-enabled updates touch rows only; no object of ours is in the session to be kept in step.
_ROWS_ONLY = {"synchronize_session": False}
#: A waiting delivery with what is known of its reader; ``_KEY`` is the place of the address key in it.
Found: TypeAlias = tuple[Any, ...]
_KEY = 8
_MAY_COME_BACK = frozenset({SubscriberState.ACTIVE.value, SubscriberState.PAUSED.value})


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
    """What :meth:`Ledger.take_over` found left behind: claims whose dot never left, and messages in doubt."""

    released: tuple[DeliveryId, ...]
    doubted: tuple[DeliveryId, ...]


class Ledger(Accounts):
    """The deliveries of all issues. Never commits; what changes them belongs into a transaction of :meth:`Database.write`."""

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
        worker_id: WorkerId,
        now: datetime,
        limit: int,
        hash_of: Callable[[str], str],
        after: DeliveryId | None = None,
        subscriber_id: SubscriberId | None = None,
        due_only: bool = True,
        without: Collection[str] = (),
    ) -> Batch:
        """Take the next deliveries of a lane, ascending id, for one worker alone; none if its issue is not open any more.

        A reader who paused, left, ended the subscription or is suppressed is settled as skipped here. Two processes never get
        the same delivery: PostgreSQL passes over rows that another transaction holds, SQLite has one writer. A crash after the
        commit leaves the rows claimed until :meth:`take_over`.

        Args:
            lane: from :meth:`lanes`. One issue and one state, as each database then reads rows in the order of an index.
            worker_id: who holds them.
            now: aware UTC; becomes the message's Date with the first claim.
            limit: rows at most.
            hash_of: from an address key to what its suppression is kept under.
            after: cursor: only ids above it (without one PostgreSQL walks dead index entries again and again).
            subscriber_id: only this reader.
            due_only: leave out what is to be tried later.
            without: domains, as they stand in addresses, that are left out for now.
        """
        found = self._next(lane, now if due_only else None, limit, after, subscriber_id, without)
        if not found:
            return Batch((), 0, 0, DeliveryId(0 if after is None else after))
        hashes = {row[_KEY]: hash_of(row[_KEY]) for row in found if row[_KEY] is not None}
        suppressed = self._suppressed(hashes.values())
        left: dict[SkipReason, list[int]] = {}
        claims = []
        for row in found:
            number, reader, digest, attempts, epoch, dated_at, reason, address, key, state, token_epoch, choice, paused = row
            why_not = _why_not(state, choice, paused and to_instant(paused), now)
            if why_not is None and suppressed and hashes[key] in suppressed:
                why_not = SkipReason.SUPPRESSED
            if why_not is not None:
                left.setdefault(why_not, []).append(number)
                continue
            claims.append(
                Claim(
                    number,
                    lane.issue_id,
                    digest,
                    reader,
                    address,
                    token_epoch,
                    attempts,
                    epoch + 1,
                    to_instant(dated_at) if dated_at else now,
                    hashes[key],
                    reason == Reason.IN_DOUBT,
                )
            )
        for why_not, ids in left.items():
            self._skip(ids, why_not, now)
        taken = [(claim.delivery_id,) for claim in claims]
        change_rows(self._session, _TAKE, ("BIGINT",), taken, {"worker": worker_id, "first_at": now, "now": now})
        return Batch(tuple(claims), len(found) - len(claims), len(found), DeliveryId(found[-1][0]))

    def record_intent(self, claims: Sequence[Claim], *, now: datetime) -> frozenset[DeliveryId]:
        """Write that the final dots of ``claims`` are about to leave; return those that may.

        Refused is a claim that somebody else took over, an issue that is not open any more, a reader who left or was
        suppressed. Once this is committed a crash leaves the message in doubt.
        """
        suppressed = self._suppressed([claim.address_hash for claim in claims])
        accepted = (
            update(DeliveryRow)
            .where(
                _under_epoch([claim for claim in claims if claim.address_hash not in suppressed]),
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
            .values(state=DeliveryState.DOT_SENT, changed_at=now)
            .returning(DeliveryRow.id)
        )
        return frozenset(DeliveryId(found) for found in self._session.scalars(accepted, execution_options=_ROWS_ONLY))

    def record_every_intent(self, claims: Sequence[Claim], *, now: datetime) -> bool:
        """Do what :meth:`record_intent` does, several times quicker; False if any was refused.

        Which one, it cannot say: roll the transaction back, and ask with :meth:`record_intent`.
        """
        changed = change_rows(
            self._session,
            _INTENT,
            ("BIGINT", "INTEGER", "VARCHAR(64)"),
            [(claim.delivery_id, claim.epoch, claim.address_hash) for claim in claims],
            {"now": now},
        )
        return changed == len(claims)

    def record_results(self, results: Sequence[Finding], *, now: datetime) -> None:
        """Write what became of claims; writing the same again changes nothing.

        A result counts only under its claim's epoch. One that says "sent" counts even when the delivery was taken over
        meanwhile, as long as nobody claimed it again: it is the truth, and a repeat is spared.
        """
        change_rows(
            self._session,
            _RESULT,
            ("BIGINT", "INTEGER", "VARCHAR(16)", "VARCHAR(32)", "INTEGER", INSTANT, "INTEGER", "VARCHAR(16)", "TEXT"),
            [_parameters(result) for result in results],
            {"now": now},
        )

    def give_back(self, claims: Sequence[Claim], *, now: datetime, reason: Reason | None = None) -> None:
        """Undo claims whose final dot certainly never left: they are due as before.

        Args:
            claims: also such whose intent was written, or may have been.
            now: aware UTC.
            reason: why they were not tried; they then count as deferred.
        """
        if claims:
            self._release(_under_epoch(claims) & DeliveryRow.state.in_(_HELD), now, reason)

    def take_over(self, *, but: WorkerId | None, now: datetime, on_doubt: OnDoubt) -> Recovered:
        """Take back what nobody on the list of workers holds: claims are due again, messages in doubt are held or due again.

        Args:
            but: our own number, which is on the list.
            now: aware UTC.
            on_doubt: what to do with a message whose dot left and whose reply is not known.
        """
        unfinished = select(IssueRow.id).where(IssueRow.state != IssueState.FINISHED)
        is_ours = DeliveryRow.worker_id == but if but is not None else false()
        listed = exists().where(WorkerRow.id == DeliveryRow.worker_id)
        orphaned = DeliveryRow.issue_id.in_(unfinished) & ~func.coalesce(is_ours, false()) & ~listed
        released = self._release((DeliveryRow.state == DeliveryState.CLAIMED) & orphaned, now, None)
        doubted = self._session.scalars(
            update(DeliveryRow)
            .where(DeliveryRow.state == DeliveryState.DOT_SENT, orphaned)
            .values(
                state=DeliveryState.DOUBTFUL if on_doubt is OnDoubt.HOLD else DeliveryState.DEFERRED,
                reason=Reason.IN_DOUBT,
                attempts=DeliveryRow.attempts + 1,
                worker_id=None,
                changed_at=now,
            )
            .returning(DeliveryRow.id),
            execution_options=_ROWS_ONLY,
        )
        return Recovered(tuple(released), tuple(DeliveryId(row) for row in doubted))

    def has_work(self, *, due_by: datetime | None = None) -> bool:
        """Whether a delivery may have to be sent, or taken back from a dead worker; only those due by an instant, if given."""
        unfinished = IssueRow.state.not_in((IssueState.FINISHED, IssueState.BUILDING))
        held = select(DeliveryRow.id).where(
            DeliveryRow.issue_id.in_(select(IssueRow.id).where(unfinished)), DeliveryRow.state.in_(_HELD)
        )
        return self.waits(due_by=due_by) or self._session.scalar(held.limit(1)) is not None

    def waits(
        self,
        *,
        issue_id: IssueId | None = None,
        subscriber_id: SubscriberId | None = None,
        due_by: datetime | None = None,
    ) -> bool:
        """Whether a delivery of an open issue waits to be claimed: of any, or of one, one reader's, or due by an instant."""
        open_issues = select(IssueRow.id).where(IssueRow.state == IssueState.OPEN)
        if issue_id is not None:
            open_issues = open_issues.where(IssueRow.id == issue_id)
        waiting = select(DeliveryRow.id).where(DeliveryRow.issue_id.in_(open_issues), DeliveryRow.state.in_(_WAITING))
        if subscriber_id is not None:
            waiting = waiting.where(DeliveryRow.subscriber_id == subscriber_id)
        if due_by is not None:
            waiting = waiting.where(DeliveryRow.not_before <= due_by)
        return self._session.scalar(waiting.limit(1)) is not None

    def held_by_others(self, worker_id: WorkerId | None, *, issue_id: IssueId | None = None) -> bool:
        """Whether another worker holds a delivery of any issue that is not finished, or of one issue."""
        unfinished = select(IssueRow.id).where(IssueRow.state != IssueState.FINISHED)
        held = select(DeliveryRow.id).where(
            DeliveryRow.issue_id.in_(unfinished) if issue_id is None else DeliveryRow.issue_id == issue_id,
            DeliveryRow.state.in_(_HELD),
            func.coalesce(DeliveryRow.worker_id, 0) != (worker_id or 0),
        )
        return self._session.scalar(held.limit(1)) is not None

    def pause(self, issue_id: IssueId, note: str) -> bool:
        """Let no further message of an open issue leave, for ``note``; False if it was not open."""
        paused = (
            update(IssueRow)
            .where(IssueRow.id == issue_id, IssueRow.state == IssueState.OPEN)
            .values(state=IssueState.PAUSED, note=note[:500])
            .returning(IssueRow.id)
        )
        return self._session.scalar(paused, execution_options=_ROWS_ONLY) is not None

    def _next(
        self,
        lane: Lane,
        due_by: datetime | None,
        limit: int,
        after: DeliveryId | None,
        subscriber_id: SubscriberId | None,
        without: Collection[str],
    ) -> Sequence[Found]:
        newsletter = self._session.scalar(
            select(IssueRow.newsletter).where(IssueRow.id == lane.issue_id, IssueRow.state == IssueState.OPEN)
        )
        if newsletter is None:
            return ()
        values: dict[str, object] = {
            "newsletter": newsletter,
            "issue": lane.issue_id,
            "state": str(lane.state),
            "after": after or 0,
        }
        narrower = ""
        if subscriber_id is not None:
            narrower += " AND delivery.subscriber_id = :reader"
            values["reader"] = subscriber_id
        if due_by is not None:
            narrower += " AND delivery.not_before <= :due_by"
            values["due_by"] = due_by
        for number, domain in enumerate(without):
            narrower += f" AND COALESCE(subscriber.address_key, '') NOT LIKE :domain{number}_ ESCAPE '/'"
            values[f"domain{number}_"] = "%@" + re.sub(r"([/%_])", r"/\1", domain)
        values["limit"] = limit
        return read_rows(self._session, _NEXT.replace(":narrower", narrower), values, locked="delivery")

    def _suppressed(self, hashes: Collection[str]) -> frozenset[str]:
        asked = [(one,) for one in hashes]
        return frozenset(row[0] for row in read_rows(self._session, _SUPPRESSED, {}, ("VARCHAR(64)",), asked))

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
                worker_id=None,
                changed_at=now,
            )
            .returning(DeliveryRow.id)
        )
        return [DeliveryId(row) for row in self._session.scalars(released, execution_options=_ROWS_ONLY)]


def _under_epoch(claims: Sequence[Claim]) -> ColumnElement[bool]:
    return tuple_(DeliveryRow.id, DeliveryRow.epoch).in_([(claim.delivery_id, claim.epoch) for claim in claims])


def _why_not(state: str | None, subscription_id: int | None, paused_until: datetime | None, now: datetime) -> SkipReason | None:
    if state not in _MAY_COME_BACK or subscription_id is None:
        return SkipReason.UNSUBSCRIBED
    if state == SubscriberState.PAUSED or (paused_until is not None and paused_until > now):
        return SkipReason.PAUSED
    return None


def _parameters(found: Finding) -> tuple[object, ...]:
    outcome, reply = found.outcome, found.outcome.reply
    code, status, text = (reply.code, reply.status, reply.text) if reply else (None, "", "")
    return (
        found.delivery_id,
        found.epoch,
        str(outcome.state),
        str(outcome.reason),
        outcome.attempts,
        outcome.not_before,
        code,
        status,
        text,
    )


#: Run for each batch, group of connections or both, so as plain SQL: see :mod:`newsletter.delivery.rows`.
_NEXT = """
SELECT delivery.id, delivery.subscriber_id, delivery.digest_id, delivery.attempts, delivery.epoch, delivery.dated_at,
  delivery.reason, subscriber.address, subscriber.address_key, subscriber.state, subscriber.token_epoch, subscription.id,
  subscription.paused_until
FROM delivery
LEFT JOIN subscriber ON subscriber.id = delivery.subscriber_id
LEFT JOIN subscription ON subscription.subscriber_id = delivery.subscriber_id AND subscription.newsletter = :newsletter
WHERE delivery.issue_id = :issue AND delivery.state = :state AND delivery.digest_id IS NOT NULL
  AND delivery.id > :after:narrower
ORDER BY delivery.id LIMIT :limit
"""
_SUPPRESSED = "SELECT address_hash FROM suppression WHERE address_hash IN (VALUES :rows)"
_TAKE = """
UPDATE delivery SET
  state = 'claimed', epoch = delivery.epoch + 1, worker_id = :worker,
  dated_at = COALESCE(delivery.dated_at, :first_at), changed_at = :now
FROM (VALUES :rows) AS asked
WHERE delivery.id = asked.column1
"""
_INTENT = """
UPDATE delivery SET state = 'dot_sent', changed_at = :now
FROM (VALUES :rows) AS asked, issue, subscriber, subscription
WHERE delivery.id = asked.column1 AND delivery.epoch = asked.column2 AND delivery.state = 'claimed'
  AND issue.id = delivery.issue_id AND issue.state = 'open'
  AND subscriber.id = delivery.subscriber_id AND subscriber.state = 'active'
  AND subscription.subscriber_id = delivery.subscriber_id AND subscription.newsletter = issue.newsletter
  AND NOT EXISTS (SELECT 1 FROM suppression WHERE suppression.address_hash = asked.column3)
"""
#: A server may quote the address, and its owner may have been erased while the message was on its way.
_RESULT = """
UPDATE delivery SET
  state = found.column3, reason = found.column4, attempts = found.column5,
  not_before = COALESCE(found.column6, delivery.not_before), worker_id = NULL,
  reply_code = found.column7, reply_status = found.column8,
  reply_text = CASE WHEN found.column9 <> '' AND EXISTS (
    SELECT 1 FROM subscriber WHERE subscriber.id = delivery.subscriber_id AND subscriber.state = 'erased'
  ) THEN '' ELSE found.column9 END,
  changed_at = :now
FROM (VALUES :rows) AS found
WHERE delivery.id = found.column1 AND delivery.epoch = found.column2
  AND (delivery.state IN ('claimed', 'dot_sent')
       OR (found.column3 = 'sent' AND delivery.state IN ('pending', 'deferred', 'doubtful')))
"""

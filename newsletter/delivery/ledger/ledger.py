"""The ledger of deliveries: who may send what, and what became of it.

Every change of a delivery's state happens here. A claim carries the row's ``epoch``, which grows with each claim; a write under
an older one finds nothing to change, so a process that was frozen past its lease can do no harm.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeAlias

from sqlalchemy import Row, Select, bindparam, case, exists, func, select, update

from newsletter.delivery.ledger.account import Accounts
from newsletter.delivery.ledger.policy import OnDoubt
from newsletter.delivery.ledger.roster import WorkerId
from newsletter.delivery.model import Claim, DeliveryId, DeliveryState, Reason, SkipReason
from newsletter.delivery.rows import change_rows, is_one_of, read_rows, to_instant
from newsletter.delivery.tables import DeliveryRow, WorkerRow
from newsletter.digest.model import IssueId, IssueState
from newsletter.digest.tables import IssueRow
from subscribers.model import SubscriberId, SubscriberState

#: States a claim may be made from.
_WAITING = (DeliveryState.PENDING, DeliveryState.DEFERRED)
#: States in which a delivery belongs to whoever claimed it last.
_HELD = (DeliveryState.CLAIMED, DeliveryState.DOT_SENT)
#: ORM-enabled updates touch rows only; no object of ours is in the session to be kept in step.
_ROWS_ONLY = {"synchronize_session": False}
_DOUBTED = DeliveryRow.reason == Reason.IN_DOUBT
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
        """Return where claims may be made: the waiting states with deliveries in them of every open issue, or of one.

        Oldest issue first; new ones before those that were deferred.
        """
        connection = self._session.connection()
        found = connection.execute(_LANES) if issue_id is None else connection.execute(_LANES_OF_ONE, {"issue": issue_id})
        return [
            Lane(IssueId(issue), state)
            for issue, *are_there in found
            for state, is_there in zip(_WAITING, are_there, strict=True)
            if is_there
        ]

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

    def give_back(self, claims: Sequence[Claim], *, now: datetime, reason: Reason | None = None) -> None:
        """Undo claims whose final dot certainly never left: they are due as before.

        Args:
            claims: also such whose intent was written, or may have been.
            now: aware UTC.
            reason: why they were not tried; they then count as deferred.
        """
        if claims:
            asked = sorted((claim.delivery_id, claim.epoch, str(reason or "")) for claim in claims)
            change_rows(self._session, _GIVE_BACK, ("BIGINT", "INTEGER", "VARCHAR(32)"), asked, {"now": now})

    def take_over(self, *, but: WorkerId | None, now: datetime, on_doubt: OnDoubt) -> Recovered:
        """Take back what nobody on the list of workers holds: claims are due again, messages in doubt are held or due again.

        Args:
            but: our own number, which is on the list.
            now: aware UTC.
            on_doubt: what to do with a message whose dot left and whose reply is not known.
        """
        connection = self._session.connection()
        orphaned = {"but": but or 0, "now": now}
        connection.execute(_LOCK_ORPHANED, {"but": but or 0}).all()
        released = connection.execute(_RELEASE_ORPHANED, orphaned).all()
        in_doubt = DeliveryState.DOUBTFUL if on_doubt is OnDoubt.HOLD else DeliveryState.DEFERRED
        doubted = connection.execute(_DOUBT_ORPHANED, {**orphaned, "in_doubt": in_doubt}).all()
        return Recovered(_ids(released), _ids(doubted))

    def has_work(self, *, due_by: datetime | None = None) -> bool:
        """Whether a delivery may have to be sent, or taken back from a dead worker; only those due by an instant, if given."""
        return self.waits(due_by=due_by) or self._session.connection().scalar(_HELD_OF_ANYBODY) is not None

    def waits(
        self,
        *,
        issue_id: IssueId | None = None,
        subscriber_id: SubscriberId | None = None,
        due_by: datetime | None = None,
    ) -> bool:
        """Whether a delivery of an open issue waits to be claimed: of any, or of one, one reader's, or due by an instant."""
        asked = {"issue": issue_id, "reader": subscriber_id, "due_by": due_by}
        values = {name: value for name, value in asked.items() if value is not None}
        return self._session.connection().scalar(_waiting(frozenset(values)), values) is not None

    def held_by_others(self, worker_id: WorkerId | None, *, issue_id: IssueId | None = None) -> bool:
        """Whether another worker holds a delivery of any issue that is not finished, or of one issue."""
        connection, mine = self._session.connection(), worker_id or 0
        if issue_id is None:
            return connection.scalar(_HELD_BY_OTHERS, {"mine": mine}) is not None
        return connection.scalar(_HELD_BY_OTHERS_OF_ONE, {"mine": mine, "issue": issue_id}) is not None

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
        newsletter = self._session.connection().scalar(_NEWSLETTER, {"issue": lane.issue_id})
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
        self._session.connection().execute(_SKIP, {"skipped": ids, "why": reason, "now": now})


def _ids(rows: Sequence[Row[int]]) -> tuple[DeliveryId, ...]:
    return tuple(DeliveryId(number) for (number,) in rows)


@cache
def _waiting(asked: frozenset[str]) -> Select[int]:
    """A query for one delivery of an open issue that waits: of an ``issue``, of a ``reader``, ``due_by`` an instant."""
    open_issues = _OPEN_ONE if "issue" in asked else _OPEN
    waiting = (
        select(DeliveryRow.id).where(DeliveryRow.issue_id.in_(open_issues), is_one_of(DeliveryRow.state, _WAITING)).limit(1)
    )
    if "reader" in asked:
        waiting = waiting.where(DeliveryRow.subscriber_id == bindparam("reader"))
    if "due_by" in asked:
        waiting = waiting.where(DeliveryRow.not_before <= bindparam("due_by"))
    return waiting


def _why_not(state: str | None, subscription_id: int | None, paused_until: datetime | None, now: datetime) -> SkipReason | None:
    if state not in _MAY_COME_BACK or subscription_id is None:
        return SkipReason.UNSUBSCRIBED
    if state == SubscriberState.PAUSED or (paused_until is not None and paused_until > now):
        return SkipReason.PAUSED
    return None


#: Made once: making a statement costs several times what running it does.
_LANES = (
    select(
        IssueRow.id,
        *(exists().where(DeliveryRow.issue_id == IssueRow.id, DeliveryRow.state == state) for state in _WAITING),
    )
    .where(IssueRow.state == IssueState.OPEN)
    .order_by(IssueRow.id)
)
_LANES_OF_ONE = _LANES.where(IssueRow.id == bindparam("issue"))
_OPEN = select(IssueRow.id).where(IssueRow.state == IssueState.OPEN)
_NEWSLETTER = select(IssueRow.newsletter).where(IssueRow.id == bindparam("issue"), IssueRow.state == IssueState.OPEN)
_OPEN_ONE = _OPEN.where(IssueRow.id == bindparam("issue"))
_UNFINISHED = select(IssueRow.id).where(IssueRow.state != IssueState.FINISHED)
_HELD_OF_ANYBODY = (
    select(DeliveryRow.id)
    .where(
        DeliveryRow.issue_id.in_(_UNFINISHED.where(IssueRow.state != IssueState.BUILDING)),
        is_one_of(DeliveryRow.state, _HELD),
    )
    .limit(1)
)
_OF_OTHERS = (
    select(DeliveryRow.id)
    .where(is_one_of(DeliveryRow.state, _HELD), func.coalesce(DeliveryRow.worker_id, 0) != bindparam("mine"))
    .limit(1)
)
_HELD_BY_OTHERS = _OF_OTHERS.where(DeliveryRow.issue_id.in_(_UNFINISHED))
_HELD_BY_OTHERS_OF_ONE = _OF_OTHERS.where(DeliveryRow.issue_id == bindparam("issue"))
#: Where one of its messages may have arrived, that is what the account has to say of it.
_SKIP = (
    update(DeliveryRow)
    .where(DeliveryRow.id.in_(bindparam("skipped", expanding=True)))
    .values(
        state=case((_DOUBTED, DeliveryState.DOUBTFUL), else_=DeliveryState.SKIPPED),
        reason=case((_DOUBTED, Reason.IN_DOUBT), else_=bindparam("why", type_=DeliveryRow.reason.type)),
        changed_at=bindparam("now"),
    )
)
#: What belongs to nobody on the list of workers, nor to us.
_ORPHANED = (
    DeliveryRow.issue_id.in_(_UNFINISHED)
    & (func.coalesce(DeliveryRow.worker_id, 0) != bindparam("but"))
    & ~exists().where(WorkerRow.id == DeliveryRow.worker_id)
)
#: Whoever changes several rows goes by ascending id, as results and intents do: nobody waits for one who waits for him.
_LOCK_ORPHANED = (
    select(DeliveryRow.id)
    .where(is_one_of(DeliveryRow.state, _HELD), _ORPHANED)
    .order_by(DeliveryRow.id)
    .with_for_update(of=DeliveryRow)
)
_WAS_TRIED = (DeliveryRow.attempts > 0) | (DeliveryRow.reason != "")
_RELEASE_ORPHANED = (
    update(DeliveryRow)
    .where(DeliveryRow.state == DeliveryState.CLAIMED, _ORPHANED)
    .values(
        state=case((_WAS_TRIED, DeliveryState.DEFERRED), else_=DeliveryState.PENDING),
        worker_id=None,
        changed_at=bindparam("now"),
    )
    .returning(DeliveryRow.id)
)
_DOUBT_ORPHANED = (
    update(DeliveryRow)
    .where(DeliveryRow.state == DeliveryState.DOT_SENT, _ORPHANED)
    .values(
        state=bindparam("in_doubt"),
        reason=Reason.IN_DOUBT,
        attempts=DeliveryRow.attempts + 1,
        worker_id=None,
        changed_at=bindparam("now"),
    )
    .returning(DeliveryRow.id)
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
_GIVE_BACK = """
UPDATE delivery SET
  state = CASE WHEN asked.column3 <> '' OR delivery.attempts > 0 OR delivery.reason <> '' THEN 'deferred' ELSE 'pending' END,
  reason = CASE WHEN asked.column3 = '' OR delivery.reason = 'in_doubt' THEN delivery.reason ELSE asked.column3 END,
  worker_id = NULL, changed_at = :now
FROM (VALUES :rows) AS asked
WHERE delivery.id = asked.column1 AND delivery.epoch = asked.column2 AND delivery.state IN ('claimed', 'dot_sent')
"""

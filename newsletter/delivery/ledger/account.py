"""The account of an issue: what became of each of its readers, and whether that adds up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, exists, func, select, update
from sqlalchemy.orm import Session

from newsletter.delivery.composing.bodies import BodyStore
from newsletter.delivery.model import SETTLED, Delivery, DeliveryId, DeliveryState, SmtpReply
from newsletter.delivery.rows import is_one_of
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.model import DigestId, IssueId, IssueState
from newsletter.digest.tables import IssueRow
from subscribers.model import SubscriberId

_UNSETTLED = tuple(state for state in DeliveryState if state not in SETTLED)
#: What no delivery may be, in words and as a condition on its row.
_CONTRADICTIONS = (
    (
        "sent without an accepting reply",
        (DeliveryRow.state == DeliveryState.SENT) & ~func.coalesce(DeliveryRow.reply_code, 0).between(200, 299),
    ),
    ("due or sent without a digest", (DeliveryRow.state != DeliveryState.SKIPPED) & DeliveryRow.digest_id.is_(None)),
    ("skipped without a reason", (DeliveryRow.state == DeliveryState.SKIPPED) & (DeliveryRow.reason == "")),
)
#: Made once: making a statement costs more than running it.
_ISSUE = select(IssueRow.state, IssueRow.audience).where(IssueRow.id == bindparam("issue"))
#: All that is counted, in one walk over the issue's deliveries.
_COUNTED = (
    select(DeliveryRow.state, DeliveryRow.reason, func.count(), *(func.count().filter(wrong) for _, wrong in _CONTRADICTIONS))
    .where(DeliveryRow.issue_id == bindparam("issue"))
    .group_by(DeliveryRow.state, DeliveryRow.reason)
    .order_by(DeliveryRow.state, DeliveryRow.reason)
)
_FINISH = (
    update(IssueRow)
    .where(
        IssueRow.state == IssueState.OPEN,
        ~exists().where(DeliveryRow.issue_id == IssueRow.id, is_one_of(DeliveryRow.state, _UNSETTLED)),
    )
    .values(state=IssueState.FINISHED, finished_at=bindparam("now"))
    .returning(IssueRow.id)
)


@dataclass(frozen=True, slots=True)
class Account:
    """What became of an issue's audience.

    ``audience`` are the readers the issue was made for (None while they are still being listed), ``by_state`` counts the
    deliveries of every state, ``skipped_by_reason`` those of state ``skipped``. ``problems`` says in words what does not
    add up.
    """

    issue_id: IssueId
    audience: int | None
    by_state: Mapping[DeliveryState, int]
    skipped_by_reason: Mapping[str, int]
    problems: tuple[str, ...]

    @property
    def open(self) -> int:
        """Deliveries that wait for their first try or are being tried."""
        return sum(self.by_state[state] for state in _UNSETTLED if state is not DeliveryState.DEFERRED)

    @property
    def adds_up(self) -> bool:
        """Whether sent + deferred + failed + in doubt + skipped + open is the audience, and nothing contradicts it."""
        return not self.problems


class Accounts:
    """The ledger's view of issues as a whole. Never commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def account(self, issue_id: IssueId) -> Account:
        """Return the account of an issue, counted anew from its rows."""
        connection = self._session.connection()
        issue_state, audience = connection.execute(_ISSUE, {"issue": issue_id}).one()
        by_state = dict.fromkeys(DeliveryState, 0)
        skipped: dict[str, int] = {}
        strange: dict[str, int] = {}
        wrong = [0] * len(_CONTRADICTIONS)
        for state, reason, count, *of_these_wrong in connection.execute(_COUNTED, {"issue": issue_id}):
            wrong = [before + more for before, more in zip(wrong, of_these_wrong, strict=True)]
            if state not in by_state:
                strange[state] = strange.get(state, 0) + count
                continue
            by_state[DeliveryState(state)] += count
            if state == DeliveryState.SKIPPED:
                skipped[reason] = skipped.get(reason, 0) + count
        problems = [
            f"{count} deliveries are in a state this program does not know: {state!r}" for state, count in strange.items()
        ]
        listed = sum(by_state.values())
        if audience is None:
            problems.append(f"its readers are still being listed ({listed} so far); 'build' goes on with it")
        elif listed != audience:
            problems.append(f"{listed} deliveries are listed for an audience of {audience}")
        unsettled = sum(by_state[state] for state in _UNSETTLED)
        if issue_state == IssueState.CANCELLED:
            unsettled -= by_state[DeliveryState.DOT_SENT]  # they are on their way, and settle by their reply
        if issue_state in {IssueState.FINISHED, IssueState.CANCELLED} and unsettled:
            problems.append(f"the issue counts as {issue_state}, but {unsettled} deliveries are not settled")
        problems += [
            f"{count} deliveries are {words}" for (words, _), count in zip(_CONTRADICTIONS, wrong, strict=True) if count
        ]
        return Account(issue_id, audience, by_state, skipped, tuple(problems))

    def deliveries(
        self,
        issue_id: IssueId,
        *,
        state: DeliveryState | None = None,
        after: DeliveryId | None = None,
        limit: int | None = None,
    ) -> list[Delivery]:
        """Return a page of an issue's deliveries, ascending id."""
        query = select(DeliveryRow).where(DeliveryRow.issue_id == issue_id).order_by(DeliveryRow.id).limit(limit)
        if state is not None:
            query = query.where(DeliveryRow.state == state)
        if after is not None:
            query = query.where(DeliveryRow.id > after)
        return [_to_delivery(row) for row in self._session.scalars(query)]

    def count_unsettled(self, *, issue_id: IssueId | None = None, due_by: datetime | None = None) -> int:
        """Return how many deliveries of open issues are not settled: all, of one issue, or only those due by an instant."""
        query = (
            select(func.count())
            .select_from(DeliveryRow)
            .join(IssueRow, IssueRow.id == DeliveryRow.issue_id)
            .where(IssueRow.state == IssueState.OPEN, is_one_of(DeliveryRow.state, _UNSETTLED))
        )
        if issue_id is not None:
            query = query.where(DeliveryRow.issue_id == issue_id)
        if due_by is not None:
            query = query.where(DeliveryRow.not_before <= due_by)
        return self._session.scalar(query) or 0

    def finish(self, *, now: datetime) -> list[IssueId]:
        """Mark the open issues as finished whose deliveries are all settled, and drop their composed bodies; return them."""
        finished = self._session.connection().scalars(_FINISH, {"now": now})
        issues = [IssueId(issue_id) for issue_id in finished]
        for issue_id in issues:
            BodyStore(self._session).drop(issue_id)
        return issues


def _to_delivery(row: DeliveryRow) -> Delivery:
    return Delivery(
        id=DeliveryId(row.id),
        issue_id=IssueId(row.issue_id),
        subscriber_id=SubscriberId(row.subscriber_id),
        digest_id=None if row.digest_id is None else DigestId(row.digest_id),
        state=DeliveryState(row.state),
        reason=row.reason,
        attempts=row.attempts,
        not_before=row.not_before,
        dated_at=row.dated_at,
        changed_at=row.changed_at,
        reply=None if row.reply_code is None else SmtpReply(row.reply_code, row.reply_status, row.reply_text),
        relay=row.relay,
    )

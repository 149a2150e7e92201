"""Steering an issue by hand: hold it, let it go on, end it, try again what did not arrive."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, case, exists, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from newsletter.clock import Clock
from newsletter.database import Database, lock
from newsletter.delivery.audience.history import already_sent
from newsletter.delivery.composing.bodies import BodyStore
from newsletter.delivery.ledger.tolerance import note_after_resume
from newsletter.delivery.model import SETTLED, DeliveryId, DeliveryState, Reason, SkipReason
from newsletter.delivery.rows import is_one_of
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.model import Issue, IssueId, IssueState
from newsletter.digest.store import IssueStore
from newsletter.digest.tables import DigestRow, IssueRow
from newsletter.errors import NewsletterError
from newsletter.papers.model import PaperSeq
from subscribers.model import SubscriberId

log = logging.getLogger(__name__)

#: Held while an issue changes its state: whether one is finished and whether it is opened again must not be decided at once.
STATES_LOCK = "issue-states"
#: Deliveries put back in one transaction.
PAGE = 1_000
#: What a cancelled issue takes back: whatever has not left. Those whose dot left settle by their reply.
_NOT_LEFT = (DeliveryState.PENDING, DeliveryState.DEFERRED, DeliveryState.CLAIMED)
_NOTE_SIZE = 500
_ROWS_ONLY = {"synchronize_session": False}


class SteeringRefused(NewsletterError):  # noqa: N818 - named for what happened
    """What was asked of an issue makes no sense in the state it is in.

    Attributes:
        issue_id: the issue.
    """

    def __init__(self, issue_id: int, problem: str) -> None:
        super().__init__(f"issue {issue_id} {problem}")
        self.issue_id = issue_id


class Steering:
    """Pauses, resumes, cancels and repeats issues while any number of senders work on them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def pause(self, issue_id: IssueId, *, note: str = "") -> Issue:
        """Stop an issue: nothing of it is begun any more, while messages whose dot has left end as they would have.

        Args:
            issue_id: an open issue; one that is paused already stays as it is.
            note: why, and what to do, for whoever looks at it; cut after 500 characters.

        Raises:
            SteeringRefused: no such issue, or it is not open.
        """
        with self._database.write() as session:
            issue = self._locked(session, issue_id)
            if issue.state is IssueState.OPEN:
                # Paused by hand, it goes on knowing at what rates it was let go on before.
                self._set(session, issue_id, state=IssueState.PAUSED, note=(note or issue.note)[:_NOTE_SIZE])
                log.info("delivery.issue_paused issue=%d", issue_id)
            elif issue.state is not IssueState.PAUSED:
                raise _refusal(issue, "pause")
            return _issue(session, issue_id)

    def resume(self, issue_id: IssueId) -> Issue:
        """Let a paused issue go on; an open one stays as it is. What was refused for our sake is due again at once.

        Where it stood for the rates of what came back, its note remembers at which ones it was let go on.

        An issue that counts as finished although deliveries wait is opened as well: that mends it.

        Raises:
            SteeringRefused: no such issue, or nothing of it can go on.
        """
        with self._database.write() as session:
            issue = self._locked(session, issue_id)
            waits = issue.state is IssueState.FINISHED and _has_unsettled(session, issue_id)
            if issue.state is IssueState.PAUSED or waits:
                note = note_after_resume(issue.note)
                self._set(session, issue_id, state=IssueState.OPEN, note=note, finished_at=None)
                self._make_due(session, issue_id)
                log.info("delivery.issue_resumed issue=%d", issue_id)
            elif issue.state is not IssueState.OPEN:
                raise _refusal(issue, "resume")
            return _issue(session, issue_id)

    def cancel(self, issue_id: IssueId) -> Issue:
        """End an issue for good: who has no message yet gets none of it.

        What waits is skipped, and doubtful where an earlier message may have arrived. Messages whose dot has left settle by
        their reply; :func:`skip_cancelled` settles those that come back from there to wait.

        Raises:
            SteeringRefused: no such issue, its readers are still being listed, or it is finished.
        """
        with self._database.write() as session:
            issue = self._locked(session, issue_id)
            if issue.state in {IssueState.BUILDING, IssueState.FINISHED}:
                raise _refusal(issue, "cancel")
            if issue.state is not IssueState.CANCELLED:
                self._set(session, issue_id, state=IssueState.CANCELLED, note="")
                log.info("delivery.issue_cancelled issue=%d", issue_id)
            skip_cancelled(session, now=self._clock.now(), issue_id=issue_id)
            BodyStore(session).drop(issue_id)
            return _issue(session, issue_id)

    def resend(self, issue_id: IssueId, *, failed: bool) -> int:
        """Put deliveries back to be tried at once, with all their tries before them; return how many.

        Without ``failed`` those that are in doubt: their messages go out byte for byte as before, and who got the first one may
        see a second. With ``failed`` those that failed, which certainly did not arrive: they get a new date. Left out are those
        whose reader was given one of their papers since in another mail, as nobody gets a paper twice.

        A finished issue is open again; a paused one stays paused. Each page of deliveries is one transaction: after a crash
        in between, the same call puts back the rest.

        Raises:
            SteeringRefused: no such issue, or it is cancelled, or its readers are still being listed.
        """
        put_back, after = 0, DeliveryId(0)
        while True:
            with self._database.write() as session:
                issue = self._locked(session, issue_id)
                if issue.state in {IssueState.BUILDING, IssueState.CANCELLED}:
                    raise _refusal(issue, "resend")
                page = _page(session, issue_id, DeliveryState.FAILED if failed else DeliveryState.DOUBTFUL, after)
                if not page:
                    break
                after = DeliveryId(page[-1][0])
                ids = _not_given_since(session, page) if failed else [row[0] for row in page]
                if ids:
                    self._put_back(session, ids, failed=failed)
                    if issue.state is IssueState.FINISHED:
                        self._set(session, issue_id, state=IssueState.OPEN, finished_at=None)
                    put_back += len(ids)
        if put_back:
            log.info("delivery.put_back issue=%d count=%d failed=%s", issue_id, put_back, failed)
        return put_back

    def _locked(self, session: Session, issue_id: IssueId) -> Issue:
        lock(session, STATES_LOCK)
        issue = IssueStore(session).get(issue_id)
        if issue is None:
            raise SteeringRefused(issue_id, "does not exist; 'newsletter issues list' shows what there is")
        return issue

    def _set(self, session: Session, issue_id: IssueId, **values: object) -> None:
        session.execute(update(IssueRow).where(IssueRow.id == issue_id).values(**values), execution_options=_ROWS_ONLY)

    def _make_due(self, session: Session, issue_id: IssueId) -> None:
        refused = (
            update(DeliveryRow)
            .where(
                DeliveryRow.issue_id == issue_id,
                DeliveryRow.state == DeliveryState.DEFERRED,
                DeliveryRow.reason == Reason.POLICY,
                DeliveryRow.not_before > self._clock.now(),
            )
            .values(not_before=self._clock.now())
        )
        session.execute(refused, execution_options=_ROWS_ONLY)

    def _put_back(self, session: Session, ids: Sequence[int], *, failed: bool) -> None:
        now = self._clock.now()
        # A failed message never arrived, so it may bear the date on which it is sent; one in doubt must be the same again.
        values: Mapping[str, Any] = (
            {"state": DeliveryState.PENDING, "reason": "", "dated_at": None}
            if failed
            else {"state": DeliveryState.DEFERRED, "reason": Reason.IN_DOUBT}
        )
        session.execute(
            update(DeliveryRow)
            .where(DeliveryRow.id.in_(ids), DeliveryRow.state == (DeliveryState.FAILED if failed else DeliveryState.DOUBTFUL))
            .values(**values, attempts=0, not_before=now, changed_at=now),
            execution_options=_ROWS_ONLY,
        )


def skip_cancelled(session: Session, *, now: datetime, issue_id: IssueId | None = None) -> int:
    """Settle what waits in cancelled issues, or in one; return how many that were.

    A message whose dot had left when its issue was cancelled may come back deferred, so whoever ends a sending run calls this.
    """
    connection = session.connection()
    if issue_id is None:
        return len(connection.scalars(_SKIP_CANCELLED, {"now": now}).all())
    return len(connection.scalars(_SKIP_CANCELLED_ONE, {"now": now, "issue": issue_id}).all())


def _skip_in(issues: Select[int]) -> ReturningUpdate[int]:
    doubted = DeliveryRow.reason == Reason.IN_DOUBT
    return (
        update(DeliveryRow)
        .where(DeliveryRow.issue_id.in_(issues), is_one_of(DeliveryRow.state, _NOT_LEFT))
        .values(
            state=case((doubted, DeliveryState.DOUBTFUL), else_=DeliveryState.SKIPPED),
            reason=case((doubted, Reason.IN_DOUBT), else_=SkipReason.CANCELLED),
            worker_id=None,
            changed_at=bindparam("now"),
        )
        .returning(DeliveryRow.id)
    )


_CANCELLED = select(IssueRow.id).where(IssueRow.state == IssueState.CANCELLED)
#: Made once: each sending run ends with it, and making a statement costs more than running it.
_SKIP_CANCELLED = _skip_in(_CANCELLED)
_SKIP_CANCELLED_ONE = _skip_in(_CANCELLED.where(IssueRow.id == bindparam("issue")))


def _page(session: Session, issue_id: IssueId, state: DeliveryState, after: DeliveryId) -> Sequence[tuple[int, int, list[Any]]]:
    """The next deliveries of an issue in a state: id, reader and the papers of the digest as stored."""
    rows = session.execute(
        select(DeliveryRow.id, DeliveryRow.subscriber_id, DigestRow.entries)
        .join(DigestRow, DigestRow.id == DeliveryRow.digest_id)
        .where(DeliveryRow.issue_id == issue_id, DeliveryRow.state == state, DeliveryRow.id > after)
        .order_by(DeliveryRow.id)
        .limit(PAGE)
    )
    return [(row.id, row.subscriber_id, row.entries) for row in rows]


def _not_given_since(session: Session, page: Sequence[tuple[int, int, list[Any]]]) -> list[int]:
    """The deliveries of which the reader was given nothing by another mail."""
    # What an issue sends a reader decides what the next one may: as in the expansion, one at a time.
    lock(session, "expansion")
    papers = {delivery_id: {PaperSeq(seq) for seq, _ in entries} for delivery_id, _, entries in page}
    readers = {SubscriberId(reader) for _, reader, _ in page}
    given = already_sent(session, readers, set().union(*papers.values()))
    nothing = frozenset[PaperSeq]()
    return [
        delivery_id
        for delivery_id, reader, _ in page
        if papers[delivery_id].isdisjoint(given.get(SubscriberId(reader), nothing))
    ]


def _has_unsettled(session: Session, issue_id: IssueId) -> bool:
    unsettled = [state for state in DeliveryState if state not in SETTLED]
    found = session.scalar(select(exists().where(DeliveryRow.issue_id == issue_id, DeliveryRow.state.in_(unsettled))))
    return bool(found)


def _issue(session: Session, issue_id: IssueId) -> Issue:
    session.expire_all()
    issue = IssueStore(session).get(issue_id)
    assert issue is not None  # noqa: S101 - read in this transaction
    return issue


def _refusal(issue: Issue, wish: str) -> SteeringRefused:
    problem = {
        IssueState.BUILDING: "is still being built: 'newsletter build' finishes that, then try again",
        IssueState.FINISHED: f"is finished: there is nothing left to {wish}",
    }.get(issue.state, f"is {issue.state}, and that is final")
    return SteeringRefused(issue.id, problem)

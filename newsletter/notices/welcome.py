"""The papers of a welcome: the latest issue, chosen for its reader, and never sent to them again."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.database import Database, lock
from newsletter.delivery.audience.digests import choose_for, store_digests
from newsletter.delivery.audience.history import already_sent
from newsletter.digest.model import DigestId, Issue, IssueId, IssueState
from newsletter.digest.pool import Pool
from newsletter.digest.selection import Wish
from newsletter.digest.store import IssueStore
from newsletter.digest.tables import DigestRow, IssueRow
from newsletter.notices.model import NoticeClaim
from newsletter.notices.store import NoticeStore
from newsletter.papers.model import PaperSeq
from subscribers.model import SubscriberId, Subscription

#: Pools kept in memory: welcomes bring the latest issue of each newsletter and cadence.
POOLS_KEPT = 8


class Welcomes:
    """Chooses the papers of welcomes. Not for use from several threads at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pool = lru_cache(POOLS_KEPT)(self._load_pool)

    def choose(
        self, claim: NoticeClaim, subscription: Subscription, *, size: int, late: int = 0
    ) -> tuple[Issue, Pool, DigestId] | None:
        """Return the issue a welcome brings, its pool and the digest, which is kept with the notice; None if nothing is new.

        The issue is the newest of the newsletter that goes out or went out, one of the reader's own cadence before others. It
        is chosen under the lock that lists the readers of issues: an issue that is being built at this moment, and this
        welcome, never bring a reader the same paper. What was chosen in an earlier try is taken again.

        Args:
            claim: of the welcome.
            subscription: whose choices count.
            size: papers if the reader named no number.
            late: late bloomers at most.
        """
        with self._database.read() as session:
            issue_id = _issue_of(session, claim) or _latest_issue(session, subscription)
        if issue_id is None:
            return None
        issue, pool = self._pool(issue_id)
        digest_id = claim.digest_id
        if digest_id is None:
            wish = Wish(subscription.interests, subscription.size or size)
            digest_id = self._choose_now(claim, subscription.subscriber_id, wish, issue, pool, late)
        return None if digest_id is None else (issue, pool, digest_id)

    def _choose_now(
        self, claim: NoticeClaim, reader: SubscriberId, wish: Wish, issue: Issue, pool: Pool, late: int
    ) -> DigestId | None:
        with self._database.write() as session:
            lock(session, "expansion")
            sent = already_sent(session, [reader], pool.order).get(reader, frozenset[PaperSeq]())
            [choice] = choose_for(session, pool, [replace(wish, excluded=sent)], [reader], late=late)
            if not choice:
                return None
            # What happened to papers of before is told by the next issue: a welcome has no room for it.
            digest_id = store_digests(session, issue.id, [(choice, ())])[choice, ()]
            NoticeStore(session).choose_digest(claim, digest_id)
        return digest_id

    def _load_pool(self, issue_id: IssueId) -> tuple[Issue, Pool]:
        with self._database.read() as session:
            store = IssueStore(session)
            issue = store.get(issue_id)
            if issue is None:
                raise LookupError(f"issue {issue_id} is gone")
            return issue, Pool(store.pool(issue_id))


def _issue_of(session: Session, claim: NoticeClaim) -> IssueId | None:
    if claim.digest_id is None:
        return None
    issue_id = session.scalar(select(DigestRow.issue_id).where(DigestRow.id == claim.digest_id))
    return None if issue_id is None else IssueId(issue_id)


def _latest_issue(session: Session, subscription: Subscription) -> IssueId | None:
    latest = (
        select(IssueRow.id)
        .where(IssueRow.newsletter == subscription.newsletter, IssueRow.state.in_((IssueState.OPEN, IssueState.FINISHED)))
        .order_by((IssueRow.cadence == subscription.cadence).desc(), IssueRow.id.desc())
        .limit(1)
    )
    issue_id = session.scalar(latest)
    return None if issue_id is None else IssueId(issue_id)

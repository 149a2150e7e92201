"""Listing an issue's readers: who gets which digest, page by page, so that a crash or a second process does no harm."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Sequence, Set
from datetime import datetime
from typing import Protocol

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from newsletter.clock import Clock
from newsletter.database import Database, lock
from newsletter.delivery.history import already_sent
from newsletter.delivery.ledger import Ledger
from newsletter.delivery.model import NewDelivery, SkipReason
from newsletter.delivery.rows import insert_missing
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.model import DigestEntry, DigestId, Issue, IssueId, IssueState
from newsletter.digest.selection import Pool
from newsletter.digest.store import IssueStore
from newsletter.digest.tables import DigestRow, IssueRow
from newsletter.papers.model import PaperSeq
from subscribers.model import Interests, Reader

log = logging.getLogger(__name__)

PAGE = 1_000


class ReaderPage(Protocol):
    """Gives the next readers of the issue, ascending id above ``after``, at most ``limit``."""

    def __call__(self, after: int, limit: int) -> Sequence[Reader]: ...


class Choose(Protocol):
    """Chooses a reader's papers from the pool; see :func:`newsletter.digest.selection.choose`."""

    def __call__(self, pool: Pool, interests: Interests, *, size: int, excluded: Set[PaperSeq]) -> tuple[DigestEntry, ...]: ...


class Expander:
    """Turns one issue's audience into deliveries."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        readers: ReaderPage,
        choose: Choose,
        size: int,
        due_at: Callable[[Reader], datetime],
        page: int = PAGE,
    ) -> None:
        """Make an expander for one issue.

        Args:
            database: where everything is.
            clock: stamps what is written.
            readers: the issue's audience.
            choose: chooses a reader's papers.
            size: papers in a digest of a reader who named no number.
            due_at: when a reader's message may leave, aware UTC.
            page: readers in one transaction.
        """
        self._database = database
        self._clock = clock
        self._readers = readers
        self._choose = choose
        self._size = size
        self._due_at = due_at
        self._page = page

    def expand(self, issue: Issue) -> Issue:
        """List every reader of ``issue`` and open it for sending; return the issue as it then is.

        Each page of readers is one transaction, which also moves the issue's cursor: a crash in between leaves the issue in
        state ``building``, and the next call goes on after the last page. Pages of all issues are written one at a time, as
        what one issue sends a reader decides what the next one may. An issue that is not being built is left as it is.
        """
        with self._database.read() as session:
            pool = Pool(IssueStore(session).pool(issue.id))
            state, cursor = _position(session, issue.id)
        while state == IssueState.BUILDING:
            readers = self._readers(cursor, self._page)
            with self._database.write() as session:
                lock(session, "expansion")
                state, reached = _position(session, issue.id)
                # Another process got there first: its page is as good as ours.
                if state == IssueState.BUILDING and reached == cursor:
                    if readers:
                        self._list(session, issue.id, pool, readers)
                        reached = readers[-1].subscriber_id
                    else:
                        state = IssueState.OPEN
                        self._open(session, issue.id)
                cursor = reached
        with self._database.read() as session:
            return IssueStore(session).get(issue.id) or issue

    def _list(self, session: Session, issue_id: IssueId, pool: Pool, readers: Sequence[Reader]) -> None:
        sent = already_sent(session, [reader.subscriber_id for reader in readers], pool.order)
        nothing = frozenset[PaperSeq]()
        # Readers who want the same and were sent the same get the same: it is chosen once.
        wishes = [(reader.interests, reader.size or self._size, sent.get(reader.subscriber_id, nothing)) for reader in readers]
        choices = {
            (interests, size, excluded): self._choose(pool, interests, size=size, excluded=excluded)
            for interests, size, excluded in set(wishes)
        }
        digests = store_digests(session, issue_id, choices.values())
        Ledger(session).expand(
            issue_id,
            [
                NewDelivery(reader.subscriber_id, digests[choices[wish]], self._due_at(reader))
                if choices[wish]
                else NewDelivery(reader.subscriber_id, None, self._due_at(reader), SkipReason.NOTHING_NEW)
                for reader, wish in zip(readers, wishes, strict=True)
            ],
            now=self._clock.now(),
        )
        session.execute(update(IssueRow).where(IssueRow.id == issue_id).values(expanded_to=readers[-1].subscriber_id))

    def _open(self, session: Session, issue_id: IssueId) -> None:
        audience = session.scalar(select(func.count()).where(DeliveryRow.issue_id == issue_id))
        session.execute(update(IssueRow).where(IssueRow.id == issue_id).values(audience=audience, state=IssueState.OPEN))
        log.info("delivery.expanded issue=%d audience=%d", issue_id, audience)


def _position(session: Session, issue_id: IssueId) -> tuple[str, int]:
    state, expanded_to = session.execute(select(IssueRow.state, IssueRow.expanded_to).where(IssueRow.id == issue_id)).one()
    return state, expanded_to


def store_digests(
    session: Session, issue_id: IssueId, choices: Iterable[tuple[DigestEntry, ...]]
) -> dict[tuple[DigestEntry, ...], DigestId]:
    """Store the distinct choices, unless they are there; return the digest of each."""
    entries = {choice: [[entry.paper_seq, entry.match] for entry in choice] for choice in set(choices) if choice}
    keys = {choice: hashlib.sha256(json.dumps(value).encode()).hexdigest() for choice, value in entries.items()}
    insert_missing(
        session,
        DigestRow,
        [{"issue_id": issue_id, "key": keys[choice], "entries": value} for choice, value in entries.items()],
    )
    stored = select(DigestRow.key, DigestRow.id).where(DigestRow.issue_id == issue_id, DigestRow.key.in_(keys.values()))
    ids = {key: DigestId(digest_id) for key, digest_id in session.execute(stored)}
    return {choice: ids[key] for choice, key in keys.items()}

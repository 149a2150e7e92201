"""Listing an issue's readers: who gets which digest, page by page, so that a crash or a second process does no harm.

A page of readers never leaves the database: it is noted in a temporary table together with what was sent before, only the
*different* wishes come out to be chosen for, and the answers go back in as one more table to join with.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Protocol

from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    and_,
    cast,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.type_api import TypeEngine

from newsletter.clock import Clock
from newsletter.database import Database, lock
from newsletter.delivery.audience.digests import choose_for, store_digests
from newsletter.delivery.audience.history import History, digests_in, last_frozen
from newsletter.delivery.audience.telling import Telling
from newsletter.delivery.model import DeliveryState, Reason, SkipReason
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.model import Correction, Issue, IssueId, IssueState
from newsletter.digest.pool import Pool
from newsletter.digest.selection import Wish
from newsletter.digest.store import IssueStore
from newsletter.digest.tables import IssueRow
from newsletter.taste.tables import TasteRow
from subscribers.base import RowId, UtcDateTime
from subscribers.dialect import insert_new
from subscribers.interests import interests_from_json
from subscribers.store import ReadersQuery

log = logging.getLogger(__name__)

#: Readers in one transaction: to begin with, at least, and at most.
FIRST_PAGE = 4_000
LEAST_PAGE = 500
PAGE = 32_000
#: Seconds that a page should not take longer than: nobody else writes to a SQLite file meanwhile.
LONGEST = 0.5

_TEMPORARY = MetaData()
#: What makes two readers get the same at the same time; ``sent`` is what :class:`History` says of them.
#: ``taste`` is the reader's number where a model was learned from feedback, and 0 elsewhere.
_WISH = ("interests", "size", "local_hour", "zone", "taste", "sent")


def _wish_columns() -> list[Column[Any]]:
    kinds: tuple[TypeEngine[Any], ...] = (Text(), Integer(), Integer(), String(64), RowId, Text())
    return [Column(name, kind, nullable=False) for name, kind in zip(_WISH, kinds, strict=True)]


#: The page's readers.
_READER = Table(
    "expansion_reader",
    _TEMPORARY,
    Column("subscriber_id", RowId, primary_key=True, autoincrement=False),
    *_wish_columns(),
    prefixes=["TEMPORARY"],
)
#: What each of their wishes led to.
_CHOICE = Table(
    "expansion_choice",
    _TEMPORARY,
    *_wish_columns(),
    Column("digest_id", RowId),
    Column("state", String(16), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("not_before", UtcDateTime, nullable=False),
    prefixes=["TEMPORARY"],
)
#: Their deliveries of older issues that this one takes the place of.
_OLDER = Table(
    "expansion_older",
    _TEMPORARY,
    Column("delivery_id", RowId, primary_key=True, autoincrement=False),
    Column("subscriber_id", RowId, nullable=False),
    prefixes=["TEMPORARY"],
)


@dataclass(frozen=True, slots=True)
class _Content:
    """What an issue of a newsletter has to give."""

    newsletter: str
    pool: Pool
    corrections: Sequence[Correction]


class ReaderPage(Protocol):
    """Gives the query of the issue's next readers above ``after``, at most ``limit``; see :func:`readers_query`."""

    def __call__(self, after: int, limit: int) -> ReadersQuery: ...


class DueAt(Protocol):
    """Says when the message of a reader with that hour and zone may leave, aware UTC."""

    def __call__(self, *, local_hour: int, zone: str) -> datetime: ...


class Expander:
    """Turns one issue's audience into deliveries."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        readers: ReaderPage,
        size: int,
        late: int,
        due_at: DueAt,
        due_from: datetime,
        replaces: bool = True,
        page: int = PAGE,
    ) -> None:
        """Make an expander for one issue.

        Args:
            database: where everything is.
            clock: stamps what is written.
            readers: the issue's audience.
            size: papers in a digest of a reader who named no number.
            late: late bloomers in a digest, at most.
            due_at: when a reader's message may leave; asked once for each hour and zone.
            due_from: aware UTC; before this none of them is due. What an older issue has due from then on, this one replaces.
            replaces: whether it does; an issue of a few papers only takes no whole one's place.
            page: readers in one transaction, at most; fewer where a page takes long.
        """
        self._database = database
        self._clock = clock
        self._readers = readers
        self._size = size
        self._late = late
        self._due_at: Callable[[int, str], datetime] = cache(lambda hour, zone: due_at(local_hour=hour, zone=zone))
        self._due_from = due_from
        self._replaces = replaces
        self._page = page

    def expand(self, issue: Issue) -> Issue:
        """List every reader of ``issue`` and open it for sending; return the issue as it then is.

        Each page of readers is one transaction, which also moves the issue's cursor: a crash in between leaves the issue in
        state ``building``, and the next call goes on after the last page. Two processes may do it at once. Pages of all issues
        are written one at a time, as what one issue sends a reader decides what the next one may. An issue that is not being
        built is left as it is.

        A reader for whom an older issue of the newsletter is still being retried, or is due as late as this one, gets this one
        instead: the older delivery is given up as superseded in the same transaction, and its papers are free for this digest.
        One whose message may have arrived, one that was due before and waits for its first try, and one whose reader gets
        nothing here stay.
        """
        with self._database.read() as session:
            store = IssueStore(session)
            content = _Content(issue.newsletter, Pool(store.pool(issue.id)), store.corrections(issue.id))
        limit = min(self._page, FIRST_PAGE)
        is_building = True
        while is_building:
            with self._database.write() as session:
                lock(session, "expansion")
                began = self._clock.monotonic()
                is_building = self._step(session, issue.id, content, limit)
            took = self._clock.monotonic() - began
            if took > LONGEST:
                limit = max(limit // 2, min(LEAST_PAGE, self._page))
            elif took < LONGEST / 4:
                limit = min(limit * 2, self._page)
        with self._database.read() as session:
            return IssueStore(session).get(issue.id) or issue

    def _step(self, session: Session, issue_id: IssueId, content: _Content, limit: int) -> bool:
        """List the next page; return whether there may be another."""
        # The row is held: who cancels the issue meanwhile waits, and then finds this page's deliveries too.
        position = select(IssueRow.state, IssueRow.expanded_to).where(IssueRow.id == issue_id).with_for_update()
        state, cursor = session.execute(position).one()
        if state != IssueState.BUILDING:
            return False
        connection = session.connection()
        _TEMPORARY.create_all(connection, checkfirst=False)
        last = self._list(session, issue_id, content, cursor, limit)
        _TEMPORARY.drop_all(connection, checkfirst=False)
        if last is None:
            _open(session, issue_id)
            return False
        session.execute(update(IssueRow).where(IssueRow.id == issue_id).values(expanded_to=last))
        return True

    def _list(self, session: Session, issue_id: IssueId, content: _Content, cursor: int, limit: int) -> int | None:
        """Write the deliveries of the readers above ``cursor``; return the last one's number, None if there are none."""
        now = self._clock.now()
        last = self._note_readers(session, cursor, limit)
        if last is None:
            return None
        older = self._replaces and _note_older(session, issue_id, self._due_from)
        telling = Telling.of(session, content.newsletter, content.corrections)
        history = History.of(session, content.pool.order).with_issues(telling.frozen_at).among(session, cursor + 1, last)
        if history:
            besides = select(_OLDER.c.delivery_id) if older else None
            sent = history.digests_of(_READER.c.subscriber_id, _READER, besides=besides)
            session.execute(update(_READER).values(sent=sent))
        _note_tastes(session, cursor + 1, last)
        self._note_choices(session, issue_id, content, history, telling)
        _write_deliveries(session, issue_id, now)
        if older:
            _give_up_older(session, issue_id, now)
        return last

    def _note_readers(self, session: Session, cursor: int, limit: int) -> int | None:
        found = self._readers(cursor, limit).subquery()
        page = select(
            found.c.subscriber_id,
            cast(found.c.interests, Text),
            func.coalesce(found.c.size, self._size),
            found.c.local_hour,
            found.c.zone,
            literal(0, RowId),
            literal(""),
        )
        session.execute(insert(_READER).from_select(["subscriber_id", *_WISH], page))
        last: int | None = session.scalar(select(func.max(_READER.c.subscriber_id)))
        return last

    def _note_choices(self, session: Session, issue_id: IssueId, content: _Content, history: History, telling: Telling) -> None:
        rows = session.execute(select(*(_READER.c[name] for name in _WISH)).distinct()).all()
        sent = {found: digests_in(found) for found in {row.sent for row in rows}}
        excluded = history.papers_in(session, set(sent.values()))
        due = telling.due(session, set(sent.values()))
        interests = {text: interests_from_json(json.loads(text)) for text in {row.interests for row in rows}}
        since = last_frozen(session, content.newsletter, sent.values())
        asked = [
            Wish(interests[row.interests], row.size, excluded[sent[row.sent]], since=since[sent[row.sent]]) for row in rows
        ]
        chosen = choose_for(session, content.pool, asked, [row.taste for row in rows], late=self._late)
        contents = [(choice, due[sent[row.sent]]) for row, choice in zip(rows, chosen, strict=True)]
        digests = store_digests(session, issue_id, [each for each in contents if each[0]])
        values = []
        for row, gets in zip(rows, contents, strict=True):
            digest_id = digests.get(gets)
            values.append(
                {
                    **row._asdict(),
                    "digest_id": digest_id,
                    "state": DeliveryState.SKIPPED if digest_id is None else DeliveryState.PENDING,
                    "reason": SkipReason.NOTHING_NEW if digest_id is None else "",
                    "not_before": self._due_at(row.local_hour, row.zone),
                }
            )
        session.connection().execute(insert(_CHOICE), values)


def _note_older(session: Session, issue_id: IssueId, due_from: datetime) -> bool:
    """Note and hold what this issue takes the place of; False if nothing of older issues is retried, or due as late as it."""
    this = select(IssueRow.newsletter, IssueRow.number).where(IssueRow.id == issue_id).subquery()
    is_retried = (
        (DeliveryRow.state == DeliveryState.DEFERRED) & (DeliveryRow.reason != Reason.IN_DOUBT) & (DeliveryRow.attempts > 0)
    )
    # An issue that came late is due at its readers' next hour, and by then there may be another.
    is_to_come = (DeliveryRow.state == DeliveryState.PENDING) & (DeliveryRow.not_before >= due_from)
    has_such = exists().where(DeliveryRow.issue_id == IssueRow.id, or_(is_retried, is_to_come))
    older = session.scalars(
        select(IssueRow.id)
        .join(this, (IssueRow.newsletter == this.c.newsletter) & (IssueRow.number < this.c.number))
        .where(IssueRow.state.in_((IssueState.OPEN, IssueState.PAUSED)), has_such)
    ).all()
    if not older:
        return False
    superseded = (
        select(DeliveryRow.id, DeliveryRow.subscriber_id)
        .join(_READER, _READER.c.subscriber_id == DeliveryRow.subscriber_id)
        .where(
            DeliveryRow.issue_id.in_(older),
            or_(is_retried, is_to_come),
        )
        # What a sender is claiming at this moment is his; what is held here stays as it is until this page is written.
        .with_for_update(of=DeliveryRow, skip_locked=True)
    )
    session.execute(insert(_OLDER).from_select(["delivery_id", "subscriber_id"], superseded))
    return True


def _note_tastes(session: Session, first: int, last: int) -> None:
    """Note of which of the page's readers, numbered ``first`` to ``last``, there is a model of their taste."""
    having = select(TasteRow.subscriber_id).where(TasteRow.subscriber_id.between(first, last))
    if session.scalar(select(having.exists())):
        noted = update(_READER).where(_READER.c.subscriber_id.in_(having))
        session.execute(noted.values(taste=_READER.c.subscriber_id))


def _write_deliveries(session: Session, issue_id: IssueId, now: datetime) -> None:
    chosen = (
        select(
            literal(issue_id),
            _READER.c.subscriber_id,
            _CHOICE.c.digest_id,
            _CHOICE.c.state,
            _CHOICE.c.reason,
            _CHOICE.c.not_before,
            literal(now, UtcDateTime),
        )
        .where(and_(*(_READER.c[name] == _CHOICE.c[name] for name in _WISH)))
        .order_by(_READER.c.subscriber_id)
    )
    columns = ["issue_id", "subscriber_id", "digest_id", "state", "reason", "not_before", "changed_at"]
    listed = insert_new(session, DeliveryRow).from_select(columns, chosen)
    session.connection().execute(listed.on_conflict_do_nothing())


def _give_up_older(session: Session, issue_id: IssueId, now: datetime) -> None:
    gets_this_one = exists().where(
        DeliveryRow.issue_id == issue_id,
        DeliveryRow.subscriber_id == _OLDER.c.subscriber_id,
        DeliveryRow.state == DeliveryState.PENDING,
    )
    superseded = session.connection().execute(
        update(DeliveryRow)
        .where(DeliveryRow.id.in_(select(_OLDER.c.delivery_id).where(gets_this_one)))
        .values(state=DeliveryState.FAILED, reason=Reason.SUPERSEDED, changed_at=now)
    )
    if superseded.rowcount:
        log.info("delivery.superseded by_issue=%d deliveries=%d", issue_id, superseded.rowcount)


def _open(session: Session, issue_id: IssueId) -> None:
    audience = session.scalar(select(func.count()).where(DeliveryRow.issue_id == issue_id))
    session.execute(update(IssueRow).where(IssueRow.id == issue_id).values(audience=audience, state=IssueState.OPEN))
    log.info("delivery.expanded issue=%d audience=%d", issue_id, audience)

"""Rehearsing a send: the very same path, on a copy, into a server that keeps nothing."""

from __future__ import annotations

import asyncio
import fcntl
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from sqlalchemy import ColumnElement, func, insert, inspect, or_, select, true, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from newsletter.clock import Clock
from newsletter.config import DeliveryConfig, SmtpConfig
from newsletter.database import Database
from newsletter.delivery.model import DeliveryState
from newsletter.delivery.oversight.forecast import Forecast, Limits, forecast
from newsletter.delivery.sending.handout import Scope
from newsletter.delivery.sending.sender import SendReport
from newsletter.delivery.tables import ComposedBodyRow, ComposedPieceRow, DeliveryRow
from newsletter.delivery.transport.sink import NullSink
from newsletter.digest.model import IssueState
from newsletter.digest.tables import DigestRow, IssueCorrectionRow, IssuePaperRow, IssueRow
from newsletter.errors import NewsletterError
from newsletter.papers.tables import PaperRow
from newsletter.pictures.tables import PaperPictureRow, PictureRow
from subscribers.base import Base
from subscribers.tables import SubscriberRow, SubscriptionRow, SuppressionRow

#: Rows copied at a time.
CHUNK = 2_000
#: What has not left yet. What another sender holds waits as well here: the copy has no other.
_WAITING = (DeliveryState.PENDING, DeliveryState.DEFERRED, DeliveryState.CLAIMED)
_PREFIX = "rehearsal-"


class Sends(Protocol):
    """The sender that is rehearsed."""

    async def run(
        self,
        scope: Scope | None = None,
        *,
        on_progress: Callable[[SendReport], object] = ...,
        stop: asyncio.Event | None = None,
    ) -> SendReport: ...


class NothingToRehearse(NewsletterError):  # noqa: N818 - named for what it says
    """Nothing of what was named would be sent."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a send would be.

    ``took`` is how long the messages took into a server that answers at once: a real one makes it longer. ``forecast`` is the
    earliest end of a send begun at ``started_at``. ``not_sent`` counts what would not go out, by reason; ``problem`` says why
    the rehearsal ended early, and is empty if it did not.
    """

    messages: int
    bytes: int
    started_at: datetime
    took: timedelta
    forecast: Forecast
    not_sent: Mapping[str, int]
    problem: str

    @property
    def per_second(self) -> float:
        """Messages a second, as measured."""
        return self.messages / self.took.total_seconds() if self.took else 0.0


def without_limits(config: DeliveryConfig) -> DeliveryConfig:
    """Return how a rehearsal delivers: as configured but at full speed, as its messages count against no limit."""
    domains = {name: group.model_copy(update={"per_second": 0.0, "per_day": 0}) for name, group in config.domains.items()}
    free = {"per_second": 0.0, "per_day": 0, "warm_up": (), "warm_up_from": None, "domains": domains}
    return config.model_copy(update=free)


async def rehearse(
    database: Database,
    clock: Clock,
    scope: Scope,
    *,
    make_sender: Callable[[Database, SmtpConfig], Sends],
    limits: Limits,
    folder: Path,
    on_copy: Callable[[int, int], object] = lambda _done, _total: None,
    on_progress: Callable[[SendReport, int], object] = lambda _report, _total: None,
    stop: asyncio.Event | None = None,
) -> Rehearsal:
    """Send a copy of what ``scope`` names to a server on loopback that accepts everything and keeps nothing.

    All is as in a real send, from the claim to the recorded result, in a database file of its own that is removed at the end.
    The real database is only read, in one snapshot. A paused issue is rehearsed as if it were resumed.

    Args:
        database: what is copied from, of either kind; the copy is an SQLite file.
        clock: decides what is due.
        scope: what would be sent.
        make_sender: makes the sender on the copy, see :func:`without_limits`.
        limits: what the forecast keeps to.
        folder: where the copy is made; beside an SQLite database its disk is the one that is measured.
        on_copy: told, in another thread, how many of how many deliveries were copied.
        on_progress: told of the counts so far and the number of deliveries, in the event loop.
        stop: when set, the rehearsal ends early.

    Raises:
        NothingToRehearse: nothing waits there.
        NewsletterError: the copy cannot be made.
    """
    loop = asyncio.get_running_loop()
    # A server as quick as the sender: with the same kind of event loop.
    with _scratch(folder) as path, NullSink(type(loop)) as sink:
        copy = Database(f"sqlite:///{path}")
        try:
            total = await asyncio.to_thread(_copy, database, copy, scope, clock.now(), on_copy)
            sender = make_sender(copy, SmtpConfig(host="127.0.0.1", port=sink.port, security="none"))
            started_at, begun = clock.now(), loop.time()
            report = await sender.run(scope, on_progress=lambda so_far: on_progress(so_far, total), stop=stop)
            took = timedelta(seconds=loop.time() - begun)
            not_sent = await asyncio.to_thread(_not_sent, copy)
        finally:
            copy.dispose()
    was_stopped = stop is not None and stop.is_set()
    return Rehearsal(
        messages=sink.messages,
        bytes=sink.bytes,
        started_at=started_at,
        took=took,
        forecast=forecast(sink.recipients, started_at, took, limits),
        not_sent=not_sent,
        problem=report.problem or ("it was stopped before its end" if was_stopped else ""),
    )


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Yield the path of a database to be, in a folder for this user's eyes only.

    The folder is removed at the end, and so is what crashed rehearsals left.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in folder.glob(f"{_PREFIX}*"):
            _remove_if_dead(left)
        made = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=folder))
        guard = (made / "guard").open("wb")
    except OSError as error:
        raise NewsletterError(f"no copy to rehearse on can be made in {folder}: {error.strerror}; make it writable") from error
    with guard:
        # Readers' addresses are in there. A dead process holds no lock, so the next rehearsal knows what may be removed.
        fcntl.flock(guard, fcntl.LOCK_EX)
        try:
            yield made / "rehearsal.db"
        finally:
            shutil.rmtree(made, ignore_errors=True)


def _remove_if_dead(folder: Path) -> None:
    try:
        with (folder / "guard").open("rb") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return


def _copy(database: Database, copy: Database, scope: Scope, now: datetime, on_copy: Callable[[int, int], object]) -> int:
    """Copy what sending ``scope`` takes; return the number of deliveries."""
    try:
        copy.upgrade()
        with database.read() as session:
            if not database.is_sqlite:
                # SQLite reads from one snapshot anyway.
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            return _copy_from(session, copy, _waiting(scope, now), on_copy)
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise NewsletterError(
            f"no copy to rehearse on could be made ({cause}); check the database, and the free space beside it"
        ) from error


def _copy_from(session: Session, copy: Database, which: ColumnElement[bool], on_copy: Callable[[int, int], object]) -> int:
    counted = select(IssueRow.id, func.count()).select_from(DeliveryRow).join(IssueRow).where(which).group_by(IssueRow.id)
    counts = dict(session.execute(counted).all())
    total = sum(counts.values())
    if not total:
        raise NothingToRehearse("nothing waits to be sent there, so there is nothing to rehearse")
    issues = list(counts)
    digests = select(DeliveryRow.digest_id).join(IssueRow).where(which)
    readers = select(DeliveryRow.subscriber_id).join(IssueRow).where(which)
    shown_papers = select(IssuePaperRow.paper_seq).where(IssuePaperRow.issue_id.in_(issues))
    papers = shown_papers.union(select(IssueCorrectionRow.paper_seq).where(IssueCorrectionRow.issue_id.in_(issues)))
    shown = select(PaperPictureRow.paper_seq).where(
        PaperPictureRow.paper_seq.in_(papers),
        or_(PaperPictureRow.large_name == PictureRow.name, PaperPictureRow.small_name == PictureRow.name),
    )
    unsent = {"state": DeliveryState.PENDING, "worker_id": None}
    # In the order of their foreign keys.
    _copy_rows(session, copy, PaperRow, PaperRow.seq.in_(papers), {"merged_into": None})
    _copy_rows(session, copy, PictureRow, shown.exists())
    _copy_rows(session, copy, PaperPictureRow, PaperPictureRow.paper_seq.in_(papers))
    _copy_rows(session, copy, IssueRow, IssueRow.id.in_(issues), {"state": IssueState.OPEN, "note": ""})
    _copy_rows(session, copy, IssuePaperRow, IssuePaperRow.issue_id.in_(issues))
    _copy_rows(session, copy, IssueCorrectionRow, IssueCorrectionRow.issue_id.in_(issues))
    _copy_rows(session, copy, DigestRow, DigestRow.id.in_(digests))
    _copy_rows(session, copy, ComposedBodyRow, ComposedBodyRow.digest_id.in_(digests))
    _copy_rows(session, copy, ComposedPieceRow, ComposedPieceRow.issue_id.in_(issues))
    _copy_rows(session, copy, SubscriberRow, SubscriberRow.id.in_(readers))
    _copy_rows(session, copy, SubscriptionRow, SubscriptionRow.subscriber_id.in_(readers))
    _copy_rows(session, copy, SuppressionRow, true())
    deliveries = DeliveryRow.id.in_(select(DeliveryRow.id).join(IssueRow).where(which))
    _copy_rows(session, copy, DeliveryRow, deliveries, unsent, lambda done: on_copy(done, total))
    with copy.write() as target:
        for issue_id, count in counts.items():
            target.execute(update(IssueRow).where(IssueRow.id == issue_id).values(audience=count))
    return total


def _waiting(scope: Scope, now: datetime) -> ColumnElement[bool]:
    which = DeliveryRow.state.in_(_WAITING) & DeliveryRow.digest_id.is_not(None)
    if scope.issue_id is None:
        which &= IssueRow.state == IssueState.OPEN
    else:
        which &= (IssueRow.id == scope.issue_id) & IssueRow.state.in_((IssueState.OPEN, IssueState.PAUSED))
    if scope.subscriber_id is not None:
        which &= DeliveryRow.subscriber_id == scope.subscriber_id
    if scope.due_only:
        which &= DeliveryRow.not_before <= now
    return which


def _copy_rows(
    session: Session,
    copy: Database,
    table: type[Base],
    which: ColumnElement[bool],
    changes: Mapping[str, object] = MappingProxyType({}),
    on_chunk: Callable[[int], object] = lambda _done: None,
) -> None:
    key = inspect(table).primary_key
    rows = session.execute(select(*table.__table__.columns).where(which).order_by(*key).execution_options(yield_per=CHUNK))
    done = 0
    for chunk in rows.mappings().partitions():
        with copy.write() as target:
            target.connection().execute(insert(table), [{**row, **changes} for row in chunk])
        done += len(chunk)
        on_chunk(done)


def _not_sent(copy: Database) -> dict[str, int]:
    """Count the deliveries that did not go out by their reason, or state where they have none, the most frequent first."""
    counted = (
        select(DeliveryRow.state, DeliveryRow.reason, func.count().label("count"))
        .where(DeliveryRow.state != DeliveryState.SENT)
        .group_by(DeliveryRow.state, DeliveryRow.reason)
        .order_by(func.count().desc(), DeliveryRow.state)
    )
    found: dict[str, int] = {}
    with copy.read() as session:
        for state, reason, count in session.execute(counted):
            found[reason or state] = found.get(reason or state, 0) + count
    return found

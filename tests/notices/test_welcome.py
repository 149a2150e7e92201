"""A welcome brings the latest issue, and none of its papers ever comes again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.delivery.audience.history import already_sent
from newsletter.delivery.model import DeliveryState
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.model import IssueId, IssueState
from newsletter.digest.tables import DigestRow, IssueRow
from newsletter.notices.model import NoticeId, NoticeReport
from newsletter.notices.store import NoticeStore
from newsletter.notices.tables import NoticeRow
from newsletter.papers.model import PaperSeq
from subscribers.model import Cadence, Notice, NoticeKind, SubscriberId
from subscribers.tables import SubscriptionRow
from tests.delivery.audience.test_expansion import Audience, expander, load
from tests.delivery.house import NEWSLETTER, add_issue, add_papers, add_readers, address
from tests.notices.house import put, row, sender
from tests.notices.test_composer import claim, composer, parse, texts
from tests.smtp_server import smtp_server


def publish(database: Database, seqs: Sequence[int], readers: Sequence[SubscriberId] = (), *, day: int = 17) -> IssueId:
    issue_id = add_issue(database, slot=f"2026-08-{day}", seqs=seqs)
    expander(database, Audience(readers)).expand(load(database, issue_id))
    return issue_id


def welcome(database: Database, reader: SubscriberId) -> NoticeId:
    return put(database, Notice(NoticeKind.WELCOME, reader, address(reader), NEWSLETTER))


def compose(database: Database) -> str:
    return texts(parse(composer(database).compose(claim(database)).data))


def papers_of(database: Database, table: type[DeliveryRow] | type[NoticeRow], reader: int) -> list[int]:
    with database.read() as session:
        found = select(DigestRow.entries).join(table, table.digest_id == DigestRow.id).where(table.subscriber_id == reader)
        return [seq for entries in session.scalars(found) for seq, _ in entries]


def test_a_welcome_brings_the_latest_issue_and_the_next_issue_none_of_its_papers(database: Database) -> None:
    add_papers(database, range(1, 8))
    [reader] = add_readers(database, 1)
    publish(database, [1, 2, 3, 4], day=17)
    publish(database, [3, 4, 5], day=18)
    welcome(database, reader)
    said = compose(database)
    assert "Sample 5" in said
    assert "Sample 1:" not in said
    assert papers_of(database, NoticeRow, reader) == [3, 4, 5]
    publish(database, range(1, 8), [reader], day=19)
    assert papers_of(database, DeliveryRow, reader) == [1, 2, 6]


def test_a_welcome_arrives_as_it_was_composed_and_is_remembered_when_the_rest_is_forgotten(
    database: Database, clock: ManualClock
) -> None:
    add_papers(database, [1, 2])
    [reader] = add_readers(database, 1)
    publish(database, [1, 2])
    notice = welcome(database, reader)
    with smtp_server() as server:
        assert asyncio.run(sender(database, clock, server.port, composer=composer(database)).run()) == NoticeReport(sent=1)
    [accepted] = server.accepted
    assert accepted.recipient == address(reader)
    assert "Sample 1" in texts(parse(accepted.data))
    with database.write() as session:
        assert NoticeStore(session).drop_settled(clock.now() + timedelta(days=30)) == 0
    assert (row(database, notice).address, row(database, notice).content) == ("", None)
    assert papers_of(database, NoticeRow, reader) == [1, 2]


def test_what_an_issue_brings_is_not_in_the_welcome(database: Database) -> None:
    add_papers(database, range(1, 6))
    [reader] = add_readers(database, 1)
    publish(database, [1, 2, 3, 4, 5], [reader])
    assert papers_of(database, DeliveryRow, reader) == [1, 2, 3]
    welcome(database, reader)
    assert "Sample 4" in compose(database)
    assert papers_of(database, NoticeRow, reader) == [4, 5]


def test_a_second_welcome_brings_other_papers_or_none(database: Database) -> None:
    add_papers(database, range(1, 3))
    [reader] = add_readers(database, 1)
    publish(database, [1, 2])
    welcome(database, reader)
    compose(database)
    again = welcome(database, reader)
    assert "Sample" not in compose(database)
    assert row(database, again).digest_id is None


def test_a_retry_brings_the_same_papers(database: Database) -> None:
    add_papers(database, range(1, 5))
    [reader] = add_readers(database, 1)
    publish(database, [1, 2])
    welcome(database, reader)
    first = claim(database)
    made = composer(database).compose(first)
    publish(database, [3, 4], day=18)
    with database.write() as session:
        session.execute(update(NoticeRow).values(state=DeliveryState.DEFERRED))
    again = claim(database)
    assert again.digest_id is not None
    assert composer(database).compose(again) == made


@pytest.mark.parametrize(("state", "counts"), [("failed", False), ("skipped", False), ("doubtful", True), ("sent", True)])
def test_only_a_welcome_that_certainly_never_left_is_forgotten(database: Database, state: str, counts: bool) -> None:
    add_papers(database, [1])
    [reader] = add_readers(database, 1)
    publish(database, [1])
    welcome(database, reader)
    compose(database)
    with database.write() as session:
        session.execute(update(NoticeRow).values(state=state))
        known = already_sent(session, [reader], [PaperSeq(1)])
    assert known == ({reader: frozenset({1})} if counts else {})


def test_the_reader_s_own_cadence_comes_first(database: Database) -> None:
    add_papers(database, range(1, 4))
    [reader] = add_readers(database, 1)
    weekly = publish(database, [1], day=14)
    publish(database, [2], day=17)
    cancelled = publish(database, [3], day=18)
    with database.write() as session:
        session.execute(update(IssueRow).where(IssueRow.id == weekly).values(cadence=Cadence.WEEKLY))
        session.execute(update(IssueRow).where(IssueRow.id == cancelled).values(state=IssueState.CANCELLED))
    for cadence, papers in ((Cadence.MONTHLY, [2]), (Cadence.WEEKLY, [2, 1])):
        with database.write() as session:
            session.execute(update(SubscriptionRow).values(cadence=cadence))
        welcome(database, reader)
        compose(database)
        assert papers_of(database, NoticeRow, reader) == papers


def test_an_issue_and_a_welcome_at_the_same_moment_share_no_paper(database: Database) -> None:
    add_papers(database, range(1, 9))
    readers = add_readers(database, 8)
    publish(database, range(1, 9))
    next_issue = load(database, add_issue(database, slot="2026-08-18", seqs=range(1, 9)))
    for reader in readers:
        welcome(database, reader)
    start = threading.Barrier(2)

    def build() -> None:
        start.wait()
        expander(database, Audience(readers), page=1).expand(next_issue)

    def greet() -> None:
        making = composer(database, size=3)
        claims = [claim(database) for _ in readers]
        start.wait()
        for found in claims:
            making.compose(found)

    threads = [threading.Thread(target=work) for work in (build, greet)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timedelta(seconds=60).total_seconds())
    for reader in readers:
        greeted, delivered = papers_of(database, NoticeRow, reader), papers_of(database, DeliveryRow, reader)
        assert len(greeted) == len(delivered) == 3
        assert not set(greeted) & set(delivered)

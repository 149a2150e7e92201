"""Listing readers: every one once, never the same paper twice, whatever crashes or runs at the same time."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.delivery.expansion import Expander
from newsletter.delivery.history import already_sent
from newsletter.delivery.model import DeliveryState
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.model import Issue, IssueId, IssueState
from newsletter.digest.selection import choose
from newsletter.digest.store import IssueStore
from newsletter.digest.tables import DigestRow, IssueRow
from newsletter.papers.model import PaperSeq
from newsletter.papers.tables import PaperRow
from subscribers.model import Interests, Reader, SubscriberId
from tests.conftest import MONDAY
from tests.delivery.house import account, add_issue, add_papers, add_readers, counts


class Audience:
    """Readers in a list, handed out by page."""

    def __init__(self, ids: Sequence[SubscriberId]) -> None:
        self.readers = [Reader(reader, Interests(), None, 7, "UTC") for reader in ids]

    def __call__(self, after: int, limit: int) -> Sequence[Reader]:
        return [reader for reader in self.readers if reader.subscriber_id > after][:limit]


def due_at(reader: Reader) -> datetime:
    return MONDAY + timedelta(hours=reader.local_hour)


def expander(database: Database, audience: Audience, *, size: int = 3, page: int = 4) -> Expander:
    return Expander(database, ManualClock(MONDAY), readers=audience, choose=choose, size=size, due_at=due_at, page=page)


def load(database: Database, issue_id: IssueId) -> Issue:
    with database.read() as session:
        issue = IssueStore(session).get(issue_id)
    assert issue is not None
    return issue


def sent_papers(database: Database) -> dict[int, list[int]]:
    """Each reader's papers over all deliveries, in order of issues."""
    papers: dict[int, list[int]] = {}
    with database.read() as session:
        found = (
            select(DeliveryRow.subscriber_id, DigestRow.entries)
            .join(DigestRow, DigestRow.id == DeliveryRow.digest_id)
            .order_by(DeliveryRow.id)
        )
        for reader, entries in session.execute(found):
            papers.setdefault(reader, []).extend(seq for seq, _ in entries)
    return papers


def test_every_reader_is_listed_once_and_the_issue_opens(database: Database) -> None:
    readers = add_readers(database, 10)
    add_papers(database, range(1, 6))
    issue = load(database, add_issue(database, seqs=range(1, 6)))
    opened = expander(database, Audience(readers)).expand(issue)
    assert (opened.state, opened.audience) == (IssueState.OPEN, 10)
    assert counts(database, issue.id) == {"pending": 10}
    assert account(database, issue.id).adds_up
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(DigestRow)) == 1, "equal choices share a digest"
        assert set(session.scalars(select(DeliveryRow.not_before))) == {MONDAY + timedelta(hours=7)}


def test_an_issue_without_readers_opens_and_adds_up(database: Database) -> None:
    issue = load(database, add_issue(database))
    assert expander(database, Audience([])).expand(issue).audience == 0
    assert account(database, issue.id).adds_up


def test_expanding_again_changes_nothing(database: Database) -> None:
    readers = add_readers(database, 3)
    add_papers(database, [1])
    issue = load(database, add_issue(database, seqs=[1]))
    expander(database, Audience(readers)).expand(issue)
    more = Audience([*readers, *add_readers(database, 1)])
    assert expander(database, more).expand(issue).audience == 3


def test_consecutive_issues_share_no_paper_for_any_reader(database: Database) -> None:
    readers = add_readers(database, 6)
    add_papers(database, range(1, 9))
    for day, seqs in enumerate([range(1, 5), range(2, 7), range(1, 9), range(1, 9)], 17):
        issue = load(database, add_issue(database, slot=f"2026-08-{day}", seqs=seqs))
        expander(database, Audience(readers)).expand(issue)
    for papers in sent_papers(database).values():
        assert len(papers) == len(set(papers)) == 8
    assert account(database, IssueId(4)).skipped_by_reason == {"nothing_new": 6}
    assert account(database, IssueId(4)).adds_up


def test_never_twice_holds_over_newsletters_of_the_same_reader(database: Database) -> None:
    readers = add_readers(database, 2)
    add_papers(database, range(1, 5))
    for newsletter in ("papers", "robots"):
        issue = load(database, add_issue(database, seqs=range(1, 5), newsletter=newsletter))
        expander(database, Audience(readers)).expand(issue)
    assert all(len(papers) == len(set(papers)) for papers in sent_papers(database).values())


def test_two_expanders_at_once_list_each_reader_once(database: Database, database_url: str) -> None:
    readers = add_readers(database, 60)
    add_papers(database, range(1, 4))
    issue = load(database, add_issue(database, seqs=range(1, 4)))
    other = Database(database_url)
    together = threading.Barrier(2)
    failures: list[BaseException] = []

    class Meeting(Audience):
        def __call__(self, after: int, limit: int) -> Sequence[Reader]:
            if after == 0:
                together.wait(20)
            return super().__call__(after, limit)

    def work(each: Database) -> None:
        try:
            expander(each, Meeting(readers), page=7).expand(issue)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(each,)) for each in (database, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    other.dispose()
    assert failures == []
    assert counts(database, issue.id) == {"pending": 60}
    assert account(database, issue.id).adds_up


def test_two_issues_expanded_at_once_do_not_give_a_reader_the_same_paper(database: Database, database_url: str) -> None:
    readers = add_readers(database, 40)
    add_papers(database, range(1, 7))
    issues = [load(database, add_issue(database, slot=slot, seqs=range(1, 7))) for slot in ("a", "b")]
    other = Database(database_url)
    together = threading.Barrier(2)

    def work(each: Database, issue: Issue) -> None:
        together.wait(20)
        expander(each, Audience(readers), page=5).expand(issue)

    threads = [threading.Thread(target=work, args=pair) for pair in zip((database, other), issues, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    other.dispose()
    papers = sent_papers(database)
    assert len(papers) == 40
    assert all(sorted(seqs) == list(range(1, 7)) for seqs in papers.values())


def test_a_crash_between_pages_is_gone_on_from(database: Database) -> None:
    readers = add_readers(database, 10)
    add_papers(database, [1])
    issue = load(database, add_issue(database, seqs=[1]))

    class PowerCutError(Exception):
        pass

    def cut(reader: Reader) -> datetime:
        if reader.subscriber_id == readers[5]:
            raise PowerCutError
        return due_at(reader)

    with pytest.raises(PowerCutError):
        Expander(database, ManualClock(MONDAY), readers=Audience(readers), choose=choose, size=3, due_at=cut, page=4).expand(
            issue
        )
    assert counts(database, issue.id) == {"pending": 4}
    assert not account(database, issue.id).adds_up
    assert expander(database, Audience(readers)).expand(issue).audience == 10
    assert account(database, issue.id).adds_up


def test_a_cancelled_issue_is_not_opened(database: Database) -> None:
    issue = load(database, add_issue(database))
    with database.write() as session:
        session.execute(update(IssueRow).values(state=IssueState.CANCELLED))
    assert expander(database, Audience([])).expand(issue).state is IssueState.CANCELLED


def test_readers_own_size_and_interests_count(database: Database) -> None:
    ids = add_readers(database, 2)
    add_papers(database, range(1, 6))
    issue = load(database, add_issue(database, seqs=range(1, 6)))
    audience = Audience(ids)
    audience.readers = [
        Reader(ids[0], Interests(), 5, 7, "UTC"),
        Reader(ids[1], Interests(keywords=("Sample 4",)), None, 7, "UTC"),
    ]
    expander(database, audience).expand(issue)
    assert sent_papers(database) == {ids[0]: [1, 2, 3, 4, 5], ids[1]: [4, 1, 2]}


def test_merged_papers_count_as_one(database: Database) -> None:
    [reader] = add_readers(database, 1)
    add_papers(database, range(1, 6))
    expander(database, Audience([reader])).expand(load(database, add_issue(database, slot="a", seqs=[1, 5])))
    with database.write() as session:  # 1 was merged into 2, and that into 3; 4 into 3 as well
        for seq, into in ((1, 2), (2, 3), (4, 3)):
            session.execute(update(PaperRow).where(PaperRow.seq == seq).values(merged_into=into))
    with database.read() as session:
        asked = [PaperSeq(seq) for seq in (2, 3, 4)]
        assert already_sent(session, [reader], asked) == {reader: frozenset(asked)}
        assert already_sent(session, [reader], [PaperSeq(5)]) == {reader: {5}}
        assert already_sent(session, [SubscriberId(99)], asked) == {}
        assert already_sent(session, [reader], []) == {}


@pytest.mark.parametrize("state", DeliveryState)
def test_only_what_failed_or_was_skipped_may_be_sent_again(database: Database, state: DeliveryState) -> None:
    [reader] = add_readers(database, 1)
    add_papers(database, [1])
    expander(database, Audience([reader])).expand(load(database, add_issue(database, seqs=[1])))
    with database.write() as session:
        session.execute(update(DeliveryRow).values(state=state))
    with database.read() as session:
        known = already_sent(session, [reader], [PaperSeq(1)])
    assert bool(known) is (state not in {DeliveryState.FAILED, DeliveryState.SKIPPED})


def test_readers_with_the_same_history_share_one_set(database: Database) -> None:
    readers = add_readers(database, 5)
    add_papers(database, [1, 2])
    expander(database, Audience(readers)).expand(load(database, add_issue(database, seqs=[1, 2])))
    with database.read() as session:
        known = already_sent(session, readers, [PaperSeq(2)])
    assert set(known) == set(readers)
    assert len({id(papers) for papers in known.values()}) == 1

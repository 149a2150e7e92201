"""Listing readers: every one once, never the same paper twice, whatever crashes or runs at the same time."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, update

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.delivery.audience.expansion import Expander
from newsletter.delivery.audience.history import already_sent
from newsletter.delivery.model import DeliveryState, Reason
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.model import Issue, IssueId, IssueState
from newsletter.digest.pool import Pool
from newsletter.digest.selection import choose
from newsletter.digest.store import IssueStore
from newsletter.digest.tables import DigestRow, IssuePaperRow, IssueRow
from newsletter.papers.model import PaperSeq
from newsletter.papers.tables import PaperRow
from newsletter.trending.model import RankedPaper, ReceiptPart
from subscribers.interests import interests_from_json
from subscribers.model import Cadence, SubscriberId, SubscriberState
from subscribers.store import ReadersQuery, readers_query
from subscribers.tables import SubscriberRow, SubscriptionRow
from tests.conftest import MONDAY
from tests.delivery.house import NEWSLETTER, account, add_issue, add_papers, add_readers, counts, set_reader
from tests.samples import paper, receipt


class Audience:
    """Those of some readers who get the newsletter, by page."""

    def __init__(self, ids: Sequence[SubscriberId]) -> None:
        self.ids = ids

    def __call__(self, after: int, limit: int) -> ReadersQuery:
        page = readers_query(NEWSLETTER, Cadence.DAILY, now=MONDAY, after=after, limit=limit)
        return page.where(SubscriptionRow.subscriber_id.in_(self.ids))


def due_at(*, local_hour: int, zone: str) -> datetime:
    assert zone in {"UTC", "Asia/Tokyo"}
    return MONDAY + timedelta(hours=local_hour - 9 if zone == "Asia/Tokyo" else local_hour)


def expander(
    database: Database,
    audience: Audience,
    *,
    size: int = 3,
    late: int = 0,
    page: int = 4,
    due_from: datetime = MONDAY + timedelta(days=1),
) -> Expander:
    """What lists an issue; by itself everything that was listed before was due before."""
    clock = ManualClock(MONDAY)
    return Expander(database, clock, readers=audience, size=size, late=late, due_at=due_at, due_from=due_from, page=page)


def choose_for(database: Database, reader: SubscriberId, **choices: object) -> None:
    with database.write() as session:
        session.execute(update(SubscriptionRow).where(SubscriptionRow.subscriber_id == reader).values(**choices))


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


def test_an_issue_of_a_few_papers_takes_no_whole_one_s_place(database: Database) -> None:
    readers = add_readers(database, 1)
    add_papers(database, range(1, 4))
    whole = load(database, add_issue(database, slot="2026-08-17", seqs=[1, 2]))
    expander(database, Audience(readers), due_from=MONDAY).expand(whole)
    short = load(database, add_issue(database, slot="2026-08-18", seqs=[3]))
    Expander(
        database,
        ManualClock(MONDAY),
        readers=Audience(readers),
        size=3,
        late=0,
        due_at=due_at,
        due_from=MONDAY,
        replaces=False,
    ).expand(short)
    assert states(database, whole.id) == [("pending", "")]
    assert papers_in(database, short.id) == [[3]]


def test_what_a_mail_passed_over_stands_behind_what_is_new_since_it(database: Database) -> None:
    had_mail, newcomer = add_readers(database, 2)
    add_papers(database, range(1, 4))
    first = load(database, add_issue(database, slot="2026-08-17", seqs=[1, 2]))
    expander(database, Audience([had_mail]), size=1).expand(first)
    parts = (ReceiptPart("forecast", 60.0, figures=(("weight", 10.0),)),)
    much, less = (receipt(points, parts=parts, votes_gained=0) for points in (60.0, 59.0))
    ranked = [
        RankedPaper(1, paper(2, first_seen_at=first.frozen_at), much),
        RankedPaper(2, paper(3, first_seen_at=first.frozen_at + timedelta(hours=5)), less),
    ]
    with database.write() as session:
        tomorrow = first.frozen_at + timedelta(days=1)
        second, _ = IssueStore(session).freeze(
            newsletter=NEWSLETTER, cadence=Cadence.DAILY, slot="2026-08-18", ranked=ranked, at=tomorrow
        )
    expander(database, Audience([had_mail, newcomer]), size=1).expand(second)
    assert papers_in(database, second.id) == [[3], [2]]


def test_an_issue_that_is_due_as_late_as_the_next_makes_room_for_it(database: Database) -> None:
    readers = add_readers(database, 2)
    add_papers(database, range(1, 4))
    choose_for(database, readers[1], local_hour=2)
    # The first issue came late, so that the first reader's 07:00 is due when the second one's readers are.
    first = load(database, add_issue(database, slot="2026-08-17", seqs=[1, 2]))
    expander(database, Audience(readers), due_from=MONDAY + timedelta(hours=6)).expand(first)
    second = load(database, add_issue(database, slot="2026-08-18", seqs=[1, 2, 3]))
    expander(database, Audience(readers), due_from=MONDAY + timedelta(hours=6)).expand(second)
    assert states(database, first.id) == [("failed", "superseded"), ("pending", "")]
    assert papers_in(database, second.id) == [[1, 2, 3], [3]]
    assert account(database, first.id).adds_up


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

    def work(each: Database) -> None:
        try:
            together.wait(20)
            expander(each, Audience(readers), page=7).expand(issue)
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

    choose_for(database, readers[5], local_hour=13)

    class PowerCutError(Exception):
        pass

    def cut(*, local_hour: int, zone: str) -> datetime:
        if local_hour == 13:
            raise PowerCutError
        return due_at(local_hour=local_hour, zone=zone)

    with pytest.raises(PowerCutError):
        Expander(
            database, ManualClock(MONDAY), readers=Audience(readers), size=3, late=0, due_at=cut, due_from=MONDAY, page=4
        ).expand(issue)
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
    choose_for(database, ids[0], size=5)
    choose_for(database, ids[1], interests={"keywords": ["Sample 4"]})
    expander(database, Audience(ids)).expand(issue)
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


def retried(database: Database, issue_id: IssueId, **changes: object) -> None:
    """Have the issue's deliveries wait for another try."""
    values = {"state": DeliveryState.DEFERRED, "reason": Reason.REFUSED, "attempts": 2, **changes}
    with database.write() as session:
        session.execute(update(DeliveryRow).where(DeliveryRow.issue_id == issue_id).values(**values))


def states(database: Database, issue_id: IssueId) -> list[tuple[str, str]]:
    """State and reason of the issue's deliveries, by reader."""
    with database.read() as session:
        found = select(DeliveryRow.state, DeliveryRow.reason).where(DeliveryRow.issue_id == issue_id)
        return [(state, reason) for state, reason in session.execute(found.order_by(DeliveryRow.subscriber_id))]


def papers_in(database: Database, issue_id: IssueId) -> list[list[int]]:
    """The papers of the issue's deliveries, by reader; those without a digest are left out."""
    with database.read() as session:
        found = (
            select(DigestRow.entries)
            .join(DeliveryRow, DeliveryRow.digest_id == DigestRow.id)
            .where(DeliveryRow.issue_id == issue_id)
            .order_by(DeliveryRow.subscriber_id)
        )
        return [[seq for seq, _ in entries] for entries in session.scalars(found)]


def test_a_newer_issue_supersedes_what_is_retried_and_takes_its_papers_over(database: Database) -> None:
    readers = add_readers(database, 9)
    add_papers(database, range(1, 6))
    old = load(database, add_issue(database, slot="a", seqs=[1, 2, 3]))
    expander(database, Audience(readers)).expand(old)
    retried(database, old.id, reply_code=451, reply_text="later")
    new = load(database, add_issue(database, slot="b", seqs=[2, 4, 1, 5]))
    expander(database, Audience(readers)).expand(new)
    assert states(database, old.id) == [("failed", "superseded")] * 9
    assert states(database, new.id) == [("pending", "")] * 9
    assert papers_in(database, new.id) == [[2, 4, 1]] * 9
    assert account(database, old.id).adds_up
    with database.read() as session:
        assert set(session.scalars(select(DeliveryRow.reply_text).where(DeliveryRow.issue_id == old.id))) == {"later"}


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"reason": Reason.IN_DOUBT}, "in doubt: it may have arrived"),
        ({"attempts": 0, "reason": Reason.UNREACHABLE}, "never tried"),
        ({"state": DeliveryState.PENDING, "attempts": 0, "reason": ""}, "waits for its first try"),
        ({"state": DeliveryState.CLAIMED}, "claimed"),
        ({"state": DeliveryState.DOT_SENT}, "on its way"),
        ({"state": DeliveryState.SENT, "reason": ""}, "sent"),
        ({"state": DeliveryState.DOUBTFUL, "reason": Reason.IN_DOUBT}, "held"),
    ],
)
def test_what_may_have_arrived_or_was_never_tried_is_not_superseded(
    database: Database, changes: dict[str, object], kept: str
) -> None:
    readers = add_readers(database, 2)
    add_papers(database, range(1, 6))
    old = load(database, add_issue(database, slot="a", seqs=[1, 2]))
    expander(database, Audience(readers)).expand(old)
    retried(database, old.id, **changes)
    before = states(database, old.id)
    new = load(database, add_issue(database, slot="b", seqs=[1, 2, 3, 4]))
    expander(database, Audience(readers)).expand(new)
    assert states(database, old.id) == before, kept
    assert papers_in(database, new.id) == [[3, 4]] * 2


def test_what_another_newsletter_retries_is_not_superseded(database: Database) -> None:
    readers = add_readers(database, 2)
    add_papers(database, range(1, 4))
    other = load(database, add_issue(database, newsletter="robots", seqs=[1, 2]))
    expander(database, Audience(readers)).expand(other)
    retried(database, other.id)
    new = load(database, add_issue(database, seqs=[1, 2, 3]))
    expander(database, Audience(readers)).expand(new)
    assert states(database, other.id) == [("deferred", "refused")] * 2
    assert papers_in(database, new.id) == [[3]] * 2


def test_a_newer_issue_that_was_listed_first_is_not_superseded_by_an_older_one(database: Database) -> None:
    readers = add_readers(database, 1)
    add_papers(database, range(1, 4))
    old, new = (load(database, add_issue(database, slot=slot, seqs=[1, 2, 3])) for slot in ("a", "b"))
    expander(database, Audience(readers), size=2).expand(new)
    retried(database, new.id)
    expander(database, Audience(readers), size=2).expand(old)
    assert states(database, new.id) == [("deferred", "refused")]
    assert papers_in(database, old.id) == [[3]]


def test_only_readers_of_the_newer_issue_lose_the_older_one(database: Database) -> None:
    readers = add_readers(database, 4)
    add_papers(database, range(1, 4))
    old = load(database, add_issue(database, slot="a", seqs=[1, 2]))
    expander(database, Audience(readers)).expand(old)
    retried(database, old.id)
    set_reader(database, readers[1], SubscriberState.PAUSED)
    choose_for(database, readers[2], interests={"muted": ["Sample"]})
    new = load(database, add_issue(database, slot="b", seqs=[1, 2, 3]))
    expander(database, Audience(readers)).expand(new)
    retry, given_up = ("deferred", "refused"), ("failed", "superseded")
    assert states(database, old.id) == [given_up, retry, retry, given_up], "who gets nothing new keeps what he waits for"
    assert states(database, new.id) == [("pending", ""), ("skipped", "nothing_new"), ("pending", "")]


def test_a_sender_that_claims_at_the_same_moment_keeps_its_delivery(database: Database, database_url: str) -> None:
    if database.is_sqlite:
        return  # there is one writer at a time
    readers = add_readers(database, 2)
    add_papers(database, range(1, 4))
    old = load(database, add_issue(database, slot="a", seqs=[1, 2]))
    expander(database, Audience(readers)).expand(old)
    retried(database, old.id)
    new = load(database, add_issue(database, slot="b", seqs=[1, 2, 3]))
    other = Database(database_url)
    with other.write() as session:
        mine = update(DeliveryRow).where(DeliveryRow.subscriber_id == readers[0], DeliveryRow.issue_id == old.id)
        session.execute(mine.values(state=DeliveryState.CLAIMED))
        listing = threading.Thread(target=lambda: expander(database, Audience(readers)).expand(new))
        listing.start()
        listing.join(20)
        waited = listing.is_alive()
    listing.join(20)
    assert not waited, "the listing waits for no sender"
    other.dispose()
    assert states(database, old.id) == [("claimed", "refused"), ("failed", "superseded")]
    assert papers_in(database, new.id) == [[3], [1, 2, 3]]


READERS = st.lists(
    st.fixed_dictionaries(
        {
            "interests": st.sampled_from(
                [{}, {"keywords": ["Sample 4"]}, {"keywords": ["Sample 2", "Sample 7"]}, {"muted": ["Sample 1"]}]
            ),
            "size": st.sampled_from([None, 1, 2, 5]),
            "local_hour": st.integers(0, 23),
            "zone": st.sampled_from(["UTC", "Asia/Tokyo"]),
        }
    ),
    min_size=1,
    max_size=9,
)
PAST = st.lists(
    st.tuples(st.lists(st.integers(1, 8), unique=True, min_size=1), st.sampled_from(["papers", "robots"])), max_size=3
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people=READERS, past=PAST, pool=st.lists(st.integers(1, 8), unique=True), page=st.integers(1, 10), data=st.data())
def test_everybody_gets_what_choosing_for_one_reader_after_the_other_gives(
    database: Database,
    people: list[dict[str, Any]],
    past: list[tuple[list[int], str]],
    pool: list[int],
    page: int,
    data: st.DataObject,
) -> None:
    empty(database)
    readers = add_readers(database, len(people))
    add_papers(database, range(1, 9))
    for reader, choices in zip(readers, people, strict=True):
        choose_for(database, reader, **choices)
    for number, (seqs, newsletter) in enumerate(past):
        issue = load(database, add_issue(database, slot=f"past-{number}", seqs=seqs, newsletter=newsletter))
        expander(database, Audience(readers), page=page).expand(issue)
        fates = data.draw(st.lists(FATES, min_size=len(readers), max_size=len(readers)))
        with database.write() as session:
            for reader, (state, reason, attempts) in zip(readers, fates, strict=True):
                listed = (DeliveryRow.subscriber_id == reader) & (DeliveryRow.issue_id == issue.id)
                fate = update(DeliveryRow).where(listed, DeliveryRow.state == DeliveryState.PENDING)
                session.execute(fate.values(state=state, reason=reason, attempts=attempts))
    issue_id = add_issue(database, slot="now", seqs=pool)
    expected = [one_by_one(database, issue_id, reader, choices) for reader, choices in zip(readers, people, strict=True)]
    expander(database, Audience(readers), page=page).expand(load(database, issue_id))
    with database.read() as session:
        found = (
            select(DeliveryRow.state, DeliveryRow.reason, DigestRow.entries, DeliveryRow.not_before)
            .outerjoin(DigestRow, DigestRow.id == DeliveryRow.digest_id)
            .where(DeliveryRow.issue_id == issue_id)
            .order_by(DeliveryRow.subscriber_id)
        )
        assert [(state, reason, entries, due) for state, reason, entries, due in session.execute(found)] == expected
    assert account(database, issue_id).adds_up


FATES = st.sampled_from(
    [
        (DeliveryState.PENDING, "", 0),
        (DeliveryState.SENT, "", 1),
        (DeliveryState.FAILED, Reason.REFUSED, 3),
        (DeliveryState.DEFERRED, Reason.REFUSED, 1),
        (DeliveryState.DEFERRED, Reason.UNREACHABLE, 0),
        (DeliveryState.DEFERRED, Reason.IN_DOUBT, 1),
        (DeliveryState.DOT_SENT, "", 0),
    ]
)


def one_by_one(
    database: Database, issue_id: IssueId, reader: SubscriberId, choices: dict[str, Any]
) -> tuple[str, str, list[list[Any]] | None, datetime]:
    """What a reader is to get: state, reason, papers and due time, found out the slow and plain way."""
    due = due_at(local_hour=choices["local_hour"], zone=choices["zone"])
    sent: set[PaperSeq] = set()
    since = None
    with database.read() as session:
        pool = Pool(IssueStore(session).pool(issue_id))
        history = (
            select(
                DeliveryRow.state,
                DeliveryRow.reason,
                DeliveryRow.attempts,
                IssueRow.newsletter,
                IssueRow.frozen_at,
                DigestRow.entries,
            )
            .join(DigestRow, DigestRow.id == DeliveryRow.digest_id)
            .join(IssueRow, IssueRow.id == DeliveryRow.issue_id)
            .where(DeliveryRow.subscriber_id == reader)
        )
        for state, reason, attempts, newsletter, frozen_at, entries in session.execute(history):
            is_retried = state == DeliveryState.DEFERRED and reason != Reason.IN_DOUBT and attempts > 0
            is_superseded = is_retried and newsletter == NEWSLETTER
            if state not in {DeliveryState.FAILED, DeliveryState.SKIPPED} and not is_superseded:
                sent.update(seq for seq, _ in entries)
                if newsletter == NEWSLETTER:
                    since = frozen_at if since is None else max(since, frozen_at)
    interests = interests_from_json(choices["interests"])
    chosen = choose(pool, interests, size=choices["size"] or 3, excluded=sent, since=since)
    if not chosen:
        return "skipped", "nothing_new", None, due
    return "pending", "", [[entry.paper_seq, entry.match] for entry in chosen], due


def empty(database: Database) -> None:
    """Delete everything, for the next example."""
    with database.write() as session:
        for table in (DeliveryRow, DigestRow, IssuePaperRow, IssueRow, SubscriptionRow, SubscriberRow, PaperRow):
            session.execute(delete(table))

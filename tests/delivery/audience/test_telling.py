"""Corrections reach exactly those who got the paper, once; late bloomers come once; whatever failed in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from newsletter.database import Database
from newsletter.delivery.audience.telling import due_to
from newsletter.delivery.model import DeliveryState, Reason
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.corrections import corrections_of
from newsletter.digest.corrections import told as told_in_words
from newsletter.digest.model import Correction, CorrectionKind, Issue, IssueId
from newsletter.digest.store import IssueStore
from newsletter.digest.tables import DigestRow, IssueCorrectionRow, IssuePaperRow, IssueRow
from newsletter.notices.tables import NoticeRow
from newsletter.papers.model import PaperChange, PaperSeq
from newsletter.papers.tables import PaperRow
from newsletter.trending.model import RankedPaper
from subscribers.model import Cadence, SubscriberId, SubscriberState
from subscribers.tables import SubscriberRow, SubscriptionRow
from tests.conftest import MONDAY
from tests.delivery.audience.test_expansion import FATES, Audience, expander
from tests.delivery.house import NEWSLETTER, account, add_papers, add_readers, set_reader
from tests.samples import paper, receipt

PAPERS = range(1, 7)


@dataclass(frozen=True, slots=True)
class Change:
    """A paper's new title, or its withdrawal."""

    seq: int
    kind: CorrectionKind
    title: str
    at: datetime

    def correction(self, position: int) -> Correction:
        now = replace(paper(self.seq), title=self.title)
        return Correction(position, self.kind, now, paper(self.seq).title, self.at)


def hour(number: int) -> datetime:
    return MONDAY + timedelta(hours=number)


def renamed(seq: int, at: datetime, *, title: str = "Another Title") -> Change:
    return Change(seq, CorrectionKind.RETITLED, title, at)


def freeze(
    database: Database,
    slot: str,
    seqs: Sequence[int],
    *,
    at: datetime,
    late: Sequence[int] = (),
    changes: Sequence[Change] = (),
    newsletter: str = NEWSLETTER,
    cadence: Cadence = Cadence.DAILY,
) -> Issue:
    ranked = [RankedPaper(rank, paper(seq), receipt()) for rank, seq in enumerate([*seqs, *late], 1)]
    with database.write() as session:
        issue, _ = IssueStore(session).freeze(
            newsletter=newsletter,
            cadence=cadence,
            slot=slot,
            ranked=ranked[: len(seqs)],
            late=ranked[len(seqs) :],
            corrections=[change.correction(position) for position, change in enumerate(changes)],
            at=at,
        )
    return issue


def told(database: Database, issue: Issue) -> dict[int, list[int]]:
    """Positions of the corrections in each reader's digest of an issue; readers without mail are left out."""
    with database.read() as session:
        found = select(DeliveryRow.subscriber_id, DigestRow.corrections).join(DigestRow, DigestRow.id == DeliveryRow.digest_id)
        rows = session.execute(found.where(DeliveryRow.issue_id == issue.id))
        return {row.subscriber_id: row.corrections for row in rows}


def papers_of(database: Database, issue: Issue) -> dict[int, list[int]]:
    with database.read() as session:
        found = select(DeliveryRow.subscriber_id, DigestRow.entries).join(DigestRow, DigestRow.id == DeliveryRow.digest_id)
        rows = session.execute(found.where(DeliveryRow.issue_id == issue.id))
        return {reader: [seq for seq, _ in entries] for reader, entries in rows}


def welcome(database: Database, reader: SubscriberId, issue: Issue, seqs: Sequence[int], *, state: str = "sent") -> None:
    """Note a welcome mail with papers of an issue."""
    notice = {"kind": "welcome", "address": "", "newsletter": issue.newsletter, "reference": 0, "client": "", "state": state}
    when = {"not_before": MONDAY, "created_at": MONDAY, "changed_at": MONDAY}
    with database.write() as session:
        digest = DigestRow(issue_id=issue.id, key=f"welcome {reader} {seqs}", entries=[[seq, ""] for seq in seqs])
        session.add(digest)
        session.flush()
        session.add(NoticeRow(**notice, **when, subscriber_id=reader, digest_id=digest.id))


def settle(database: Database, issue: Issue, state: DeliveryState) -> None:
    with database.write() as session:
        session.execute(update(DeliveryRow).where(DeliveryRow.issue_id == issue.id).values(state=state))


def test_who_got_the_paper_is_told_once_and_nobody_else(database: Database) -> None:
    ada, bo = add_readers(database, 2)
    add_papers(database, PAPERS)
    expander(database, Audience([ada])).expand(freeze(database, "a", [1, 2], at=hour(0)))
    changes = [renamed(2, hour(1)), renamed(3, hour(1)), Change(1, CorrectionKind.WITHDRAWN, paper(1).title, hour(1))]
    second = freeze(database, "b", [3], at=hour(2), changes=changes)
    expander(database, Audience([ada, bo])).expand(second)
    assert told(database, second) == {ada: [0, 2], bo: []}
    third = freeze(database, "c", [4], at=hour(3), changes=changes)
    expander(database, Audience([ada, bo])).expand(third)
    assert told(database, third) == {ada: [], bo: []}, "3 was frozen after it was renamed, and the rest was told"


def test_what_a_failed_mail_was_to_tell_is_told_by_the_next_one(database: Database) -> None:
    [ada] = add_readers(database, 1)
    add_papers(database, PAPERS)
    first = freeze(database, "a", [1], at=hour(0))
    expander(database, Audience([ada])).expand(first)
    second = freeze(database, "b", [2], at=hour(2), changes=[renamed(1, hour(1))])
    expander(database, Audience([ada])).expand(second)
    settle(database, second, DeliveryState.FAILED)
    third = freeze(database, "c", [3], at=hour(3), changes=[renamed(1, hour(1))])
    expander(database, Audience([ada])).expand(third)
    assert told(database, third) == {ada: [0]}
    settle(database, first, DeliveryState.FAILED)
    fourth = freeze(database, "d", [4], at=hour(4), changes=[renamed(1, hour(1), title="A Third Title")])
    expander(database, Audience([ada])).expand(fourth)
    assert told(database, fourth) == {ada: []}, "the paper itself never arrived"


def test_what_an_older_mail_was_to_tell_is_told_after_it_failed_though_another_went_out_in_between(database: Database) -> None:
    [ada] = add_readers(database, 1)
    add_papers(database, PAPERS)
    change = renamed(1, hour(1))
    expander(database, Audience([ada])).expand(freeze(database, "a", [1], at=hour(0)))
    second = freeze(database, "b", [2], at=hour(2), changes=[change])
    expander(database, Audience([ada])).expand(second)
    settle(database, second, DeliveryState.DOT_SENT)
    third = freeze(database, "c", [3], at=hour(3), changes=[change])
    expander(database, Audience([ada])).expand(third)
    settle(database, third, DeliveryState.SENT)
    assert told(database, third) == {ada: []}, "the mail before may have told it"
    settle(database, second, DeliveryState.FAILED)
    fourth = freeze(database, "d", [4], at=hour(4), changes=[change])
    expander(database, Audience([ada])).expand(fourth)
    assert told(database, fourth) == {ada: [0]}


def test_corrections_alone_are_no_mail_and_wait_for_the_next_one(database: Database) -> None:
    [ada] = add_readers(database, 1)
    add_papers(database, PAPERS)
    expander(database, Audience([ada])).expand(freeze(database, "a", [1], at=hour(0)))
    quiet = freeze(database, "b", [1], at=hour(2), changes=[renamed(1, hour(1))])
    expander(database, Audience([ada])).expand(quiet)
    assert account(database, quiet.id).skipped_by_reason == {"nothing_new": 1}
    after = freeze(database, "c", [2], at=hour(3), changes=[renamed(1, hour(1))])
    expander(database, Audience([ada])).expand(after)
    assert told(database, after) == {ada: [0]}


def test_a_paused_reader_is_told_after_the_pause_and_at_another_cadence(database: Database) -> None:
    [ada] = add_readers(database, 1)
    add_papers(database, PAPERS)
    weekly = freeze(database, "w", [1], at=hour(0), cadence=Cadence.WEEKLY)
    expander(database, Audience([ada])).expand(weekly)
    set_reader(database, ada, SubscriberState.PAUSED)
    expander(database, Audience([ada])).expand(freeze(database, "b", [2], at=hour(2), changes=[renamed(1, hour(1))]))
    set_reader(database, ada, SubscriberState.ACTIVE)
    after = freeze(database, "c", [3], at=hour(3), changes=[renamed(1, hour(1))])
    expander(database, Audience([ada])).expand(after)
    assert told(database, after) == {ada: [0]}


def test_a_second_change_is_told_again_and_another_newsletter_tells_nothing(database: Database) -> None:
    [ada] = add_readers(database, 1)
    add_papers(database, PAPERS)
    expander(database, Audience([ada])).expand(freeze(database, "a", [1], at=hour(0)))
    once, again = renamed(1, hour(1)), renamed(1, hour(3), title="A Third Title")
    expander(database, Audience([ada])).expand(freeze(database, "b", [2], at=hour(2), changes=[once]))
    other = freeze(database, "r", [5], at=hour(4), changes=[again], newsletter="robots")
    expander(database, Audience([ada])).expand(other)
    assert told(database, other) == {ada: []}
    third = freeze(database, "c", [3], at=hour(4), changes=[once, again])
    expander(database, Audience([ada])).expand(third)
    assert told(database, third) == {ada: [1]}


@pytest.mark.parametrize(
    ("titles", "said"),
    [
        (["Alpha One", "Beta Two", "Gamma Three"], [("Alpha One", "Gamma Three")]),
        (["Alpha One", "Beta Two", "Alpha One"], []),
    ],
)
def test_of_several_changes_it_is_the_title_that_the_reader_got_which_is_said_to_be_replaced(
    database: Database, titles: list[str], said: list[tuple[str, str]]
) -> None:
    [ada] = add_readers(database, 1)
    add_papers(database, PAPERS)
    expander(database, Audience([ada])).expand(freeze(database, "a", [1], at=hour(0)))
    changes = [PaperChange(PaperSeq(1), hour(number), {"title": title}) for number, title in enumerate(titles[:-1], 1)]
    now = {PaperSeq(1): replace(paper(1), title=titles[-1])}
    corrections = corrections_of(changes, now, {PaperSeq(1): hour(0)})
    assert [each.title_before for each in corrections] == ["Beta Two", "Alpha One"]
    with database.write() as session:
        second, _ = IssueStore(session).freeze(
            newsletter=NEWSLETTER,
            cadence=Cadence.DAILY,
            slot="b",
            ranked=[RankedPaper(1, paper(2), receipt())],
            corrections=corrections,
            at=hour(4),
        )
    expander(database, Audience([ada])).expand(second)
    positions = told(database, second)[ada]
    assert positions == [1]
    assert [(each.title_before, each.paper.title) for each in told_in_words(corrections, positions)] == said


def test_the_papers_of_a_digest_are_read_only_if_its_issue_had_one_that_matters(database: Database) -> None:
    [ada] = add_readers(database, 1)
    add_papers(database, PAPERS)
    change = renamed(1, hour(1))
    expander(database, Audience([ada])).expand(freeze(database, "a", [1], at=hour(0)))
    second = freeze(database, "b", [2], at=hour(2), changes=[change])
    expander(database, Audience([ada])).expand(second)
    with database.write() as session:
        unreadable = update(DigestRow).where(DigestRow.issue_id == second.id)
        session.execute(unreadable.values(entries=[[]]))
    third = freeze(database, "c", [3], at=hour(3), changes=[change])
    expander(database, Audience([ada])).expand(third)
    assert (told(database, third), papers_of(database, third)) == ({ada: []}, {ada: [3]})


def test_a_paper_is_known_by_its_other_numbers(database: Database) -> None:
    [ada] = add_readers(database, 1)
    add_papers(database, PAPERS)
    expander(database, Audience([ada])).expand(freeze(database, "a", [1], at=hour(0)))
    with database.write() as session:
        session.execute(update(PaperRow).where(PaperRow.seq == 1).values(merged_into=2))
    second = freeze(database, "b", [3], at=hour(2), changes=[renamed(2, hour(1))])
    expander(database, Audience([ada])).expand(second)
    assert told(database, second) == {ada: [0]}


def test_a_welcome_counts_as_a_mail_that_brought_the_paper(database: Database) -> None:
    [ada] = add_readers(database, 1)
    add_papers(database, PAPERS)
    first = freeze(database, "a", [1], at=hour(0))
    welcome(database, ada, first, [1])
    second = freeze(database, "b", [1, 2], at=hour(2), changes=[renamed(1, hour(1))])
    with database.read() as session:
        corrections = IssueStore(session).corrections(second.id)
        assert due_to(session, ada, NEWSLETTER, corrections, frozen_before=second.frozen_at) == (0,)
        assert due_to(session, ada, NEWSLETTER, corrections, frozen_before=hour(0)) == (), "nothing was sent by then"
    expander(database, Audience([ada])).expand(second)
    assert (told(database, second), papers_of(database, second)) == ({ada: [0]}, {ada: [2]})


def test_a_late_bloomer_comes_on_top_of_the_digest_s_size_and_never_twice(database: Database) -> None:
    [ada] = add_readers(database, 1)
    add_papers(database, PAPERS)
    first = freeze(database, "a", [1, 2, 3], at=hour(0), late=[4, 5, 6])
    expander(database, Audience([ada]), size=2, late=2).expand(first)
    assert papers_of(database, first) == {ada: [1, 2, 4, 5]}
    second = freeze(database, "b", [2, 3], at=hour(1), late=[1, 4, 6])
    expander(database, Audience([ada]), size=2, late=2).expand(second)
    assert papers_of(database, second) == {ada: [3, 6]}


@dataclass(frozen=True, slots=True)
class Listing:
    """An issue that is frozen and listed: its papers, its late bloomer, and which of three readers are in its audience."""

    newsletter: str
    seqs: Sequence[int]
    late: Sequence[int]
    audience: frozenset[int]


@st.composite
def listings(draw: st.DrawFn) -> Listing:
    seqs = draw(st.permutations(PAPERS))
    newsletter = draw(st.sampled_from([NEWSLETTER, NEWSLETTER, "robots"]))
    return Listing(newsletter, seqs[: draw(st.integers(1, 3))], seqs[5:], draw(st.frozensets(st.integers(0, 2))))


@dataclass(frozen=True, slots=True)
class Welcome:
    """A mail that brings one of three readers what is new to him of the newest issue, or fails."""

    place: int
    state: str


WELCOMES = st.builds(Welcome, st.integers(0, 2), st.sampled_from(["sent", "pending", "failed"]))
CHANGES = st.builds(Change, st.sampled_from(PAPERS), st.sampled_from(CorrectionKind), st.sampled_from("AB"), st.just(hour(0)))
STEPS = st.lists(listings() | CHANGES | WELCOMES, min_size=3, max_size=9)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, page=st.integers(1, 4), data=st.data())
def test_whatever_happens_each_correction_reaches_exactly_those_who_got_the_paper_once(
    database: Database, steps: list[Listing | Change | Welcome], page: int, data: st.DataObject
) -> None:
    empty(database)
    readers = add_readers(database, 3)
    add_papers(database, PAPERS)
    changes: list[Change] = []
    newest: tuple[Issue, Sequence[int]] | None = None
    for number, step in enumerate(steps):
        if isinstance(step, Change):
            changes.append(replace(step, at=hour(number)))
            continue
        if isinstance(step, Welcome):
            if newest is not None:
                issue, seqs = newest
                had = {seq for _, digest in left(database, readers[step.place]) for seq, _ in digest.entries}
                if new := [seq for seq in seqs if seq not in had]:
                    welcome(database, readers[step.place], issue, new, state=step.state)
                newest = None
            continue
        at, slot = hour(number), f"slot-{number}"
        issue = freeze(database, slot, step.seqs, late=step.late, at=at, changes=changes, newsletter=step.newsletter)
        newest = issue, step.seqs
        audience = [readers[place] for place in sorted(step.audience)]
        expected = {int(reader): news_for(database, issue, reader, changes) for reader in audience}
        expander(database, Audience(audience), page=page, late=1).expand(issue)
        for reader, positions in told(database, issue).items():
            assert positions == expected[reader]
        for each in audience:
            state, reason, attempts = data.draw(FATES)
            with database.write() as session:
                mine = (DeliveryRow.subscriber_id == each) & (DeliveryRow.issue_id == issue.id)
                fate = update(DeliveryRow).where(mine, DeliveryRow.state == DeliveryState.PENDING)
                session.execute(fate.values(state=state, reason=reason, attempts=attempts))
    for reader in readers:
        papers = [seq for _, digest in left(database, reader) for seq, _ in digest.entries]
        assert len(papers) == len(set(papers)), "never twice"
        for newsletter in (NEWSLETTER, "robots"):
            news = [each for of, digest in left(database, reader) for each in news_in(database, digest) if of == newsletter]
            assert len(news) == len(set(news)), "never told twice"


def left(database: Database, reader: SubscriberId) -> list[tuple[str, DigestRow]]:
    """The digests that went or may go to a reader, with the newsletter of each."""
    with database.read() as session:
        found = [
            select(IssueRow.newsletter, DigestRow)
            .join(DigestRow, DigestRow.issue_id == IssueRow.id)
            .join(mail, mail.digest_id == DigestRow.id)
            .where(mail.subscriber_id == reader)
            .where(mail.state.not_in((DeliveryState.FAILED, DeliveryState.SKIPPED)))
            for mail in (DeliveryRow, NoticeRow)
        ]
        return [(newsletter, digest) for mails in found for newsletter, digest in session.execute(mails)]


def news_in(database: Database, digest: DigestRow) -> list[tuple[int, str, str]]:
    with database.read() as session:
        told_there = IssueStore(session).corrections(IssueId(digest.issue_id))
    return [
        (told_there[place].paper.seq, told_there[place].kind, told_there[place].paper.title) for place in digest.corrections
    ]


def news_for(database: Database, issue: Issue, reader: SubscriberId, changes: Sequence[Change]) -> list[int]:
    """Positions of what a reader is to be told by an issue that is about to be listed, found out the slow and plain way."""
    got: dict[PaperSeq, datetime] = {}
    known: set[tuple[int, str, str]] = set()
    with database.read() as session:
        found = (
            select(DeliveryRow, DigestRow, IssueRow)
            .join(DigestRow, DigestRow.id == DeliveryRow.digest_id)
            .join(IssueRow, IssueRow.id == DeliveryRow.issue_id)
            .where(DeliveryRow.subscriber_id == reader, IssueRow.newsletter == issue.newsletter)
        )
        mails = session.execute(found).all()
        welcomes = (
            select(DigestRow.entries, IssueRow.frozen_at)
            .join(IssueRow, IssueRow.id == DigestRow.issue_id)
            .join(NoticeRow, NoticeRow.digest_id == DigestRow.id)
            .where(NoticeRow.subscriber_id == reader, IssueRow.newsletter == issue.newsletter, NoticeRow.state != "failed")
        )
        for entries, frozen_at in session.execute(welcomes):
            got.update((PaperSeq(seq), frozen_at) for seq, _ in entries)
    for delivery, digest, before in mails:
        is_superseded = (
            delivery.state == DeliveryState.DEFERRED and delivery.reason != Reason.IN_DOUBT and delivery.attempts > 0
        )
        if delivery.state in {DeliveryState.FAILED, DeliveryState.SKIPPED} or is_superseded:
            continue
        got.update((PaperSeq(seq), before.frozen_at) for seq, _ in digest.entries)
        known.update(news_in(database, digest))
    due = []
    for position, change in enumerate(changes):
        news = (change.seq, str(change.kind), change.title)
        if change.seq in got and got[PaperSeq(change.seq)] < change.at and news not in known:
            due.append(position)
            known.add(news)
    return due


def empty(database: Database) -> None:
    """Delete everything, for the next example."""
    with database.write() as session:
        for table in (
            *(NoticeRow, DeliveryRow, DigestRow, IssuePaperRow, IssueCorrectionRow, IssueRow),
            *(SubscriptionRow, SubscriberRow, PaperRow),
        ):
            session.execute(delete(table))

"""An issue is frozen once per slot, whoever asks, and never changes."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import delete, update

from newsletter.config import NewsletterConfig, TrendingConfig
from newsletter.database import Database
from newsletter.digest.builder import Frozen, IssueBuilder
from newsletter.digest.model import LATE_PART, CorrectionKind, Digest, DigestEntry, DigestId, Issue, IssueState, Section
from newsletter.digest.store import IssueStore
from newsletter.digest.tables import DigestRow, IssueRow
from newsletter.papers.model import Observation, PaperSeq, Signal
from newsletter.papers.store import PaperStore
from newsletter.papers.tables import PaperListingRow
from subscribers.model import Cadence
from tests.samples import LISTED, record, votes

NOON = LISTED + timedelta(hours=12)
PAPERS = NewsletterConfig(pool_size=3)


def _ingest(database: Database, *observations: Observation) -> None:
    with database.write() as session:
        PaperStore(session).ingest(observations, source="hf_daily_papers", now=NOON)


def _build(database: Database, slot: str = "2026-08-17") -> Frozen:
    return IssueBuilder(database, TrendingConfig()).build("papers", PAPERS, cadence=Cadence.DAILY, slot=slot, at=NOON)


def test_an_issue_holds_the_best_of_what_is_known(database: Database) -> None:
    _ingest(database, *(Observation(record(f"2608.0000{number}"), votes(number)) for number in range(1, 6)))
    frozen = _build(database)
    assert frozen.is_new
    assert frozen.issue is not None
    assert (frozen.issue.number, frozen.issue.state) == (1, IssueState.BUILDING)
    with database.read() as session:
        pool = IssueStore(session).pool(frozen.issue.id)
    assert [(entry.rank, entry.paper.arxiv_id) for entry in pool] == [(1, "2608.00005"), (2, "2608.00004"), (3, "2608.00003")]


def test_a_frozen_pool_stays_what_it_was(database: Database) -> None:
    _ingest(database, Observation(record("2608.00001"), votes(3)))
    issue = _build(database).issue
    assert issue is not None
    with database.read() as session:
        before = IssueStore(session).pool(issue.id)
    _ingest(database, Observation(record("2608.00001", title="Another Title", version=2), votes(99, hours=6)))
    with database.read() as session:
        assert IssueStore(session).pool(issue.id) == before


def test_a_slot_is_built_once(database: Database) -> None:
    _ingest(database, Observation(record("2608.00001"), votes(3)))
    first, second, next_day = _build(database), _build(database), _build(database, "2026-08-18")
    assert (first.is_new, second.is_new, next_day.is_new) == (True, False, True)
    assert first.issue == second.issue
    assert next_day.issue is not None
    assert next_day.issue.number == 2


def test_without_papers_there_is_no_issue_and_the_slot_stays_free(database: Database) -> None:
    assert _build(database) == Frozen(None, is_new=False)
    _ingest(database, Observation(record("2608.00001"), votes(3)))
    assert _build(database).is_new


def test_many_builders_at_once_make_one_issue(database: Database) -> None:
    _ingest(database, Observation(record("2608.00001"), votes(3)))
    together = threading.Barrier(6)
    made: list[Frozen] = []

    def build() -> None:
        together.wait()
        made.append(_build(database))

    threads = [threading.Thread(target=build) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(frozen.is_new for frozen in made) == [False] * 5 + [True]
    assert len({frozen.issue.id for frozen in made if frozen.issue}) == 1
    with database.read() as session:
        assert len(IssueStore(session).latest()) == 1


def test_a_paper_of_the_issue_before_says_where_it_stood_then(database: Database) -> None:
    _ingest(database, *(Observation(record(f"2608.0000{number}"), votes(number)) for number in (1, 2)))
    _build(database)
    _ingest(
        database, Observation(record("2608.00001"), votes(40, hours=13)), Observation(record("2608.00009"), votes(1, hours=13))
    )
    builder = IssueBuilder(database, TrendingConfig())
    tomorrow = NOON + timedelta(hours=20)
    ranked = builder.pool("papers", PAPERS, cadence=Cadence.DAILY, at=tomorrow)
    stood = {each.paper.arxiv_id: (each.receipt.rank_before, each.rank) for each in ranked}
    assert stood["2608.00001"] == (2, 1)
    assert stood["2608.00002"][0] == 1
    assert stood["2608.00009"][0] is None
    # Nothing of an issue that was frozen later is known, and nothing of one of another cadence.
    assert all(each.receipt.rank_before is None for each in builder.pool("papers", PAPERS, cadence=Cadence.DAILY, at=NOON))
    assert all(each.receipt.rank_before is None for each in builder.pool("papers", PAPERS, cadence=Cadence.WEEKLY, at=tomorrow))
    built = builder.build("papers", PAPERS, cadence=Cadence.DAILY, slot="2026-08-18", at=tomorrow)
    assert built.issue is not None
    with database.read() as session:
        kept = IssueStore(session).pool(built.issue.id)
    assert [entry.receipt.rank_before for entry in kept] == [each.receipt.rank_before for each in ranked]


# Late bloomers and corrections.

DAY = timedelta(days=1)
OLD, YOUNG = "2607.00001", "2608.00001"


def _seen(count: int, at: datetime) -> Signal:
    return Signal("hf_daily_papers", at, votes=count)


def _old_paper(database: Database, *, gains: int, at: datetime, listed_days: float = 40, young_votes: int = 3) -> None:
    """Take in a paper of long ago, and a young one, and what the votes were two days before ``at`` and are then."""
    listed_at = at - timedelta(days=listed_days)
    history = (_seen(4, at - 2 * DAY), _seen(4 + gains, at))
    with database.write() as session:
        old = Observation(record(OLD, listed_at=listed_at), history=history)
        young = Observation(record(YOUNG, listed_at=at - DAY), signal=_seen(young_votes, at))
        PaperStore(session).ingest([old, young], source="hf_daily_papers", now=at - 3 * DAY)


def _pool(database: Database, at: datetime, newsletter: NewsletterConfig = PAPERS) -> list[tuple[str | None, int, Section]]:
    pool = IssueBuilder(database, TrendingConfig()).pool("papers", newsletter, cadence=Cadence.DAILY, at=at)
    return [(entry.paper.arxiv_id, entry.rank, entry.section) for entry in pool]


def _freeze(database: Database, at: datetime, cadence: Cadence = Cadence.DAILY) -> Issue:
    slot = f"{at:%Y-%m-%dT%H}"
    frozen = IssueBuilder(database, TrendingConfig()).build("papers", PAPERS, cadence=cadence, slot=slot, at=at)
    assert frozen.issue is not None
    return frozen.issue


def test_after_a_quiet_time_a_pool_reaches_back_to_the_issue_before(database: Database) -> None:
    _ingest(database, Observation(record("2608.00001"), votes(3)))
    assert _build(database).issue is not None
    listed_at = LISTED + timedelta(days=1)
    with database.write() as session:
        new = Observation(record("2608.00002", listed_at=listed_at), votes(30, hours=30))
        PaperStore(session).ingest([new], source="hf_daily_papers", now=listed_at)
    builder, later = IssueBuilder(database, TrendingConfig()), NOON + timedelta(days=20)
    few_days = NewsletterConfig(pool_days=3)
    assert [each.paper.arxiv_id for each in builder.pool("papers", few_days, cadence=Cadence.DAILY, at=later)] == [
        "2608.00002",
        "2608.00001",
    ]


def test_half_of_a_pool_is_kept_for_what_is_new(database: Database) -> None:
    _ingest(database, *(Observation(record(f"2608.0000{number}"), votes(100 + number)) for number in range(1, 5)))
    assert _build(database).issue is not None
    with database.write() as session:
        listed_at = NOON + timedelta(hours=1)
        new = [
            Observation(record(f"2608.0001{number}", listed_at=listed_at), votes(number, hours=20)) for number in range(1, 4)
        ]
        PaperStore(session).ingest(new, source="hf_daily_papers", now=listed_at)
    builder = IssueBuilder(database, TrendingConfig())
    newsletter = NewsletterConfig(pool_size=4)
    pool = builder.pool("papers", newsletter, cadence=Cadence.DAILY, at=NOON + timedelta(days=1))
    assert [each.paper.arxiv_id for each in pool] == ["2608.00004", "2608.00003", "2608.00013", "2608.00012"]


def test_a_paper_of_long_ago_that_takes_off_is_kept_after_the_ranking(database: Database) -> None:
    _old_paper(database, gains=60, at=NOON)
    issue = _freeze(database, NOON)
    with database.read() as session:
        store = IssueStore(session)
        pool = store.pool(issue.id)
        assert [(entry.paper.arxiv_id, entry.rank, entry.section) for entry in pool] == [
            (YOUNG, 1, Section.TOP),
            (OLD, 2, Section.LATE),
        ]
        assert store.pool(issue.id, section=Section.LATE) == pool[1:]
        assert store.ranks(issue.id) == {pool[0].paper.seq: 1}
    late = pool[1].receipt
    assert dict(late.parts[-1].figures)["gained"] == 60
    assert late.parts[-1].name == LATE_PART
    assert late.rank_before is None


def _finish(database: Database, issue: Issue, *, at: datetime) -> None:
    with database.write() as session:
        finished = update(IssueRow).where(IssueRow.id == issue.id)
        session.execute(finished.values(state=IssueState.FINISHED, finished_at=at))


def test_a_late_bloomer_of_an_issue_that_still_goes_out_is_in_the_next_one_too_and_in_no_third(database: Database) -> None:
    _old_paper(database, gains=60, at=NOON)
    first = _freeze(database, NOON)
    late = (OLD, 2, Section.LATE)
    second, third = NOON + timedelta(hours=10), NOON + timedelta(hours=20)
    assert late in _pool(database, second)
    _finish(database, first, at=second + timedelta(hours=1))
    assert late in _pool(database, second), "its mails could still be given up by then"
    assert late not in _pool(database, third)
    _freeze(database, second)
    assert late not in _pool(database, third)


def test_a_paper_takes_off_once_in_a_cadence(database: Database) -> None:
    _old_paper(database, gains=60, at=NOON)
    _finish(database, _freeze(database, NOON), at=NOON + timedelta(hours=1))
    later = NOON + timedelta(hours=20)
    assert Section.LATE not in {section for _, _, section in _pool(database, later)}
    _finish(database, _freeze(database, NOON, Cadence.WEEKLY), at=NOON + timedelta(hours=1))
    with database.read() as session:
        found = [IssueStore(session).late_before("papers", cadence, after=NOON - DAY, at=later) for cadence in Cadence]
    assert [len(each) for each in found] == [1, 0, 1, 0]


def test_late_bloomers_can_be_few_or_none_and_need_so_many_votes(database: Database) -> None:
    _old_paper(database, gains=20, at=NOON)
    assert len(_pool(database, NOON)) == 2
    for changes in ({"late_bloomers": 0}, {"late_bloomer_votes": 21}, {"sources": ("another",)}):
        assert OLD not in {name for name, _, _ in _pool(database, NOON, PAPERS.model_copy(update=changes))}, changes


def test_what_becomes_known_later_makes_no_late_bloomer(database: Database) -> None:
    _old_paper(database, gains=60, at=NOON)
    assert len(_pool(database, NOON - timedelta(minutes=1))) == 1


def test_a_young_paper_is_late_only_if_an_issue_passed_it_over(database: Database) -> None:
    _old_paper(database, gains=60, at=NOON, listed_days=6, young_votes=9000)
    one = PAPERS.model_copy(update={"size": 1, "pool_size": 2})
    assert _pool(database, NOON, one) == [(YOUNG, 1, Section.TOP), (OLD, 2, Section.TOP)]
    _freeze(database, NOON - 2 * DAY)
    assert _pool(database, NOON, one) == [(YOUNG, 1, Section.TOP), (OLD, 2, Section.LATE)]


def test_what_everybody_sees_in_the_ranking_is_no_late_bloomer(database: Database) -> None:
    _old_paper(database, gains=60, at=NOON, listed_days=6)
    _freeze(database, NOON - 2 * DAY)
    assert [section for _, _, section in _pool(database, NOON)] == [Section.TOP, Section.TOP]


def test_an_issue_without_a_ranking_is_none_whatever_takes_off(database: Database) -> None:
    _old_paper(database, gains=60, at=NOON)
    with database.write() as session:
        session.execute(delete(PaperListingRow).where(PaperListingRow.paper_seq == 2))
    here = PAPERS.model_copy(update={"sources": ("hf_daily_papers",)})
    frozen = IssueBuilder(database, TrendingConfig()).build("papers", here, cadence=Cadence.DAILY, slot="x", at=NOON)
    assert frozen.issue is None


def _retitle(database: Database, title: str, *, version: int, at: datetime, **changes: object) -> None:
    with database.write() as session:
        observation = Observation(record(YOUNG, title=title, version=version, **changes))
        PaperStore(session).ingest([observation], source="hf_daily_papers", now=at)


def test_an_issue_says_what_changed_in_papers_of_those_before_it(database: Database) -> None:
    _ingest(database, Observation(record(YOUNG, title="Harbor"), votes(3)))
    _freeze(database, NOON)
    changed_at = NOON + timedelta(hours=3)
    _retitle(database, "Harbour of Small Boats", version=2, at=changed_at)
    issue = _freeze(database, NOON + DAY)
    with database.read() as session:
        (only,) = IssueStore(session).corrections(issue.id)
    assert (only.kind, only.title_before, only.changed_at) == (CorrectionKind.RETITLED, "Harbor", changed_at)
    assert only.paper.title == "Harbour of Small Boats"


def test_every_issue_of_two_months_says_it_and_only_those_of_the_newsletter_that_had_the_paper(database: Database) -> None:
    _ingest(database, Observation(record(YOUNG, title="Harbor"), votes(3)))
    _freeze(database, NOON)
    _retitle(database, "Harbour of Small Boats", version=2, at=NOON + DAY)
    builder = IssueBuilder(database, TrendingConfig())
    for days, is_said in ((0.9, False), (1, True), (30, True), (62, True), (63.1, False)):
        assert bool(builder.corrections("papers", at=NOON + days * DAY)) is is_said, days
    assert builder.corrections("others", at=NOON + 2 * DAY) == []


def test_on_a_past_day_nothing_is_said_of_what_came_later(database: Database) -> None:
    _ingest(database, Observation(record(YOUNG, title="Harbor"), votes(3)))
    _freeze(database, NOON)
    _retitle(database, "Harbour of Small Boats", version=2, at=NOON + DAY)
    _retitle(database, "Harbour of Large Ships", version=3, at=NOON + 3 * DAY, withdrawn_at=NOON + 2 * DAY)
    builder = IssueBuilder(database, TrendingConfig())
    then, now = (builder.corrections("papers", at=NOON + days * DAY) for days in (2, 4))
    assert [(each.kind, each.paper.title, each.paper.withdrawn_at) for each in then] == [
        (CorrectionKind.RETITLED, "Harbour of Small Boats", None)
    ]
    assert [(each.kind, each.title_before) for each in now] == [(CorrectionKind.WITHDRAWN, "Harbour of Small Boats")]


def test_readers_of_a_record_that_became_part_of_another_hear_of_its_withdrawal(database: Database) -> None:
    both = record("2608.00002", doi="10.1000/x", title="Two Names")
    _ingest(database, Observation(record(YOUNG), votes(3)))
    with database.write() as session:
        PaperStore(session).ingest([Observation(replace(both, arxiv_id=None))], source="crossref", now=NOON)
    _freeze(database, NOON)
    with database.write() as session:
        PaperStore(session).ingest([Observation(both)], source="hf_daily_papers", now=NOON + DAY)
        gone = replace(both, withdrawn_at=NOON + DAY, version=2)
        PaperStore(session).ingest([Observation(gone)], source="hf_daily_papers", now=NOON + 2 * DAY)
    (only,) = IssueBuilder(database, TrendingConfig()).corrections("papers", at=NOON + 3 * DAY)
    assert (only.kind, only.paper.doi) == (CorrectionKind.WITHDRAWN, "10.1000/x")


def test_a_digest_keeps_which_corrections_concern_its_readers(database: Database) -> None:
    _ingest(database, Observation(record(YOUNG), votes(3)))
    issue = _freeze(database, NOON)
    with database.write() as session:
        row = DigestRow(issue_id=issue.id, key="k", entries=[[1, "taste:maps"]], corrections=[0, 2])
        session.add(row)
        session.flush()
        digest_id = DigestId(row.id)
    with database.read() as session:
        assert IssueStore(session).digest(digest_id) == Digest(
            digest_id, issue.id, (DigestEntry(PaperSeq(1), "taste:maps"),), (0, 2)
        )

"""The digest builder's first half: rank what is known at an instant and freeze it as the issue of a slot."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from newsletter.config import NewsletterConfig, TrendingConfig
from newsletter.database import Database
from newsletter.digest.corrections import CONCERN, TOLD_FOR, corrections_of
from newsletter.digest.model import Correction, Issue, PoolEntry, Section
from newsletter.digest.store import IssueStore
from newsletter.papers.model import Paper, PaperSeq
from newsletter.papers.store import PaperStore
from newsletter.trending.model import RankedPaper
from newsletter.trending.service import explain, rank
from subscribers.model import Cadence

#: Time that an issue of a cadence is about.
PERIOD = {
    Cadence.DAILY: timedelta(days=1),
    Cadence.WEEKDAYS: timedelta(days=3),
    Cadence.WEEKLY: timedelta(days=7),
    Cadence.MONTHLY: timedelta(days=31),
}
#: A pool reaches back to the issue before, but not over more than this.
LONGEST_SILENCE = timedelta(days=90)
#: Papers begin to fade at that many periods at the earliest: what is best of a month may be from its first days.
FRESH_PERIODS = 1.25


@dataclass(frozen=True, slots=True)
class Frozen:
    """What became of a call to build: no issue where there was no paper to make one of; ``is_new`` if this call made it."""

    issue: Issue | None
    is_new: bool


Summaries = Callable[[Collection[Paper]], Mapping[PaperSeq, str]]


class IssueBuilder:
    """Freezes issues. Safe to call twice for one slot, from anywhere.

    Args:
        database: holds papers and issues.
        weights: the ranking's.
        summaries: returns what was written of papers whose sources have no summary; None: nothing was.
    """

    def __init__(self, database: Database, weights: TrendingConfig, *, summaries: Summaries | None = None) -> None:
        self._database = database
        self._weights = weights
        self._summaries = summaries

    def rank(
        self,
        newsletter: NewsletterConfig,
        *,
        at: datetime,
        cadence: Cadence = Cadence.DAILY,
        fresh_since: datetime | None = None,
    ) -> list[RankedPaper]:
        """Return the ranking that an issue frozen at ``at`` would have, best first, papers on one topic spread over it.

        Args:
            newsletter: its section.
            at: aware UTC.
            cadence: of the issue. It reaches back over its period at least, and papers stay fresh for longer than that.
            fresh_since: half of the places are kept for papers first seen after this instant (aware), as long as there are
                such: the best of weeks, which most readers had, do not crowd out what is new. None: the best take all.
        """
        from newsletter.trending.diversity import diversify  # loads numpy, which most commands do without

        period = PERIOD[cadence]
        # After a quiet time the issue before may be older than a pool reaches back otherwise.
        silence = min(at - fresh_since, LONGEST_SILENCE) if fresh_since else timedelta()
        with self._database.read() as session:
            ranked = rank(
                session,
                at=at,
                days=max(newsletter.pool_days, period.days, silence.days + 1),
                weights=self._weights.model_copy(update={"fresh_for": max(self._weights.fresh_for, FRESH_PERIODS * period)}),
                sources=newsletter.sources,
            )
        return diversify(_kept(ranked, newsletter.pool_size, fresh_since), strength=self._weights.diversity)

    def pool(self, slug: str, newsletter: NewsletterConfig, *, cadence: Cadence, at: datetime) -> list[PoolEntry]:
        """Return the pool that an issue frozen at ``at`` would keep: the ranking, best first, then its late bloomers.

        Each paper of the ranking has its rank in the issue before, and all have a written summary where the sources have none.

        Args:
            slug: the newsletter's name in the configuration.
            newsletter: its section.
            cadence: of the issue; the one before it is of the same.
            at: aware UTC.
        """
        with self._database.read() as session:
            before = IssueStore(session).before(slug, cadence, at=at)
            ranks = IssueStore(session).ranks(before.id) if before is not None else {}
        ranked = self.rank(newsletter, at=at, cadence=cadence, fresh_since=before.frozen_at if before else None)
        shown = {each.paper.seq for each in ranked[: newsletter.size]}
        late = self._late(slug, newsletter, cadence, before, shown, at=at) if ranked else []
        apart = {each.paper.seq for each in late}
        top = [replace(each, receipt=replace(each.receipt, rank_before=ranks.get(each.paper.seq))) for each in ranked]
        pairs = [(Section.TOP, each) for each in top if each.paper.seq not in apart] + [(Section.LATE, each) for each in late]
        lacking = [each.paper for _, each in pairs if not each.paper.summary]
        written = self._summaries(lacking) if self._summaries is not None and lacking else {}
        return [
            PoolEntry(place, _summed_up(each.paper, written), each.receipt, section)
            for place, (section, each) in enumerate(pairs, start=1)
        ]

    def corrections(self, slug: str, *, at: datetime) -> list[Correction]:
        """Return what an issue of a newsletter frozen at ``at`` (aware UTC) would say of papers of issues before it."""
        with self._database.read() as session:
            store = PaperStore(session)
            changes = store.changes(after=at - TOLD_FOR, until=at)
            changes = [change for change in changes if not {"title", "withdrawn_at"}.isdisjoint(change.before)]
            homes = store.by_seq({change.paper_seq for change in changes})
            names = {seq: paper.seq for paper in homes.values() for seq in (paper.seq, *paper.absorbed)}
            first_shown: dict[PaperSeq, datetime] = {}
            for seq, frozen_at in IssueStore(session).first_shown(slug, names, after=at - CONCERN, at=at).items():
                first_shown[names[seq]] = min(frozen_at, first_shown.get(names[seq], frozen_at))
            then = {seq: store.get(seq, known_at=at) for seq in first_shown}
        papers = {seq: paper for seq, home in homes.items() if (paper := then.get(home.seq)) is not None}
        return corrections_of(changes, papers, first_shown)

    def build(
        self,
        slug: str,
        newsletter: NewsletterConfig,
        *,
        cadence: Cadence,
        slot: str,
        at: datetime,
        new_since: datetime | None = None,
    ) -> Frozen:
        """Freeze the pool of a slot, or find that it was done.

        A crash before the commit leaves nothing; after it, the issue stands in state ``building`` and the next call for the
        slot goes on from there.

        Args:
            slug: the newsletter's name in the configuration.
            newsletter: its section.
            cadence: whose slot it is.
            slot: key of the local period, as :func:`newsletter.schedule.slots.slot_of` gives it.
            at: aware UTC; nothing that became known later is used.
            new_since: aware UTC; only papers first seen after it, for a short issue on a quiet day. None: all of the pool.
        """
        with self._database.read() as session:
            there = IssueStore(session).find(slug, cadence, slot)
        if there is not None:
            return Frozen(there, is_new=False)
        pool = self.pool(slug, newsletter, cadence=cadence, at=at)
        if new_since is not None:
            new = [entry for entry in pool if entry.section is Section.TOP and entry.paper.first_seen_at > new_since]
            pool = [replace(entry, rank=place) for place, entry in enumerate(new, start=1)]
        if not pool:
            return Frozen(None, is_new=False)
        corrections = self.corrections(slug, at=at)
        with self._database.write() as session:
            issue, is_new = IssueStore(session).freeze(
                newsletter=slug,
                cadence=cadence,
                slot=slot,
                ranked=_of(Section.TOP, pool),
                late=_of(Section.LATE, pool),
                corrections=corrections,
                at=at,
            )
        return Frozen(issue, is_new)

    def _late(
        self,
        slug: str,
        newsletter: NewsletterConfig,
        cadence: Cadence,
        before: Issue | None,
        shown: Collection[PaperSeq],
        *,
        at: datetime,
    ) -> list[RankedPaper]:
        """Find late bloomers: papers that an issue before had or passed over, or that are too old for a pool.

        Args:
            slug: the newsletter's name in the configuration.
            newsletter: its section.
            cadence: of the issue; a paper is a late bloomer in one of its issues only; in two if the first is not
                finished yet.
            before: the issue before, of the same cadence; None if there was none.
            shown: what the ranking begins with: readers see that anyway.
            at: aware UTC.
        """
        if not newsletter.late_bloomers:
            return []
        from newsletter.digest.late import OLDEST, YOUNGEST, take_offs  # loads numpy, which most commands do without

        passed = at - timedelta(days=newsletter.pool_days)
        if before is not None:
            passed = max(passed, before.frozen_at)
        with self._database.read() as session:
            store = PaperStore(session)
            until = min(passed, at - YOUNGEST)
            older = store.listed_between(at - OLDEST, until, sources=newsletter.sources, known_at=at)
            told = IssueStore(session).late_before(slug, cadence, after=at - OLDEST, at=at)
            papers = {
                paper.seq: paper
                for paper in older
                if paper.withdrawn_at is None and told.isdisjoint((paper.seq, *paper.absorbed)) and paper.seq not in shown
            }
            attention = store.attention(papers, until=at)
            listed_at = {seq: paper.listed_at for seq, paper in papers.items()}
            found = take_offs(attention, listed_at, at=at, least=newsletter.late_bloomer_votes)[: newsletter.late_bloomers]
            return [
                RankedPaper(0, paper, each.on(explain(session, paper, at=at, weights=self._weights)))
                for each in found
                for paper in [papers[each.paper_seq]]
            ]


def _kept(ranked: Sequence[RankedPaper], places: int, fresh_since: datetime | None) -> list[RankedPaper]:
    """Return at most ``places`` papers, best first and ranked anew; see :meth:`IssueBuilder.rank`."""
    fresh = [each for each in ranked if fresh_since is not None and each.paper.first_seen_at > fresh_since]
    kept = {each.paper.seq for each in fresh[: places // 2]}
    for each in ranked:
        if len(kept) >= places:
            break
        kept.add(each.paper.seq)
    return [replace(each, rank=rank) for rank, each in enumerate((each for each in ranked if each.paper.seq in kept), start=1)]


def _of(section: Section, pool: Iterable[PoolEntry]) -> list[RankedPaper]:
    return [RankedPaper(each.rank, each.paper, each.receipt) for each in pool if each.section is section]


def _summed_up(paper: Paper, written: Mapping[PaperSeq, str]) -> Paper:
    return replace(paper, summary=paper.summary or written.get(paper.seq, ""))

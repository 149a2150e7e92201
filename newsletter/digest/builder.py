"""The digest builder's first half: rank what is known at an instant and freeze it as the issue of a slot."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from newsletter.config import NewsletterConfig, TrendingConfig
from newsletter.database import Database
from newsletter.digest.model import Issue
from newsletter.digest.store import IssueStore
from newsletter.papers.model import Paper, PaperSeq
from newsletter.trending.model import RankedPaper
from newsletter.trending.service import rank
from subscribers.model import Cadence


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

    def rank(self, newsletter: NewsletterConfig, *, at: datetime) -> list[RankedPaper]:
        """Return the pool an issue frozen at ``at`` (aware UTC) would have, best first."""
        with self._database.read() as session:
            return rank(
                session,
                at=at,
                days=newsletter.pool_days,
                weights=self._weights,
                sources=newsletter.sources,
                limit=newsletter.pool_size,
            )

    def pool(self, slug: str, newsletter: NewsletterConfig, *, cadence: Cadence, at: datetime) -> list[RankedPaper]:
        """Return the ranking with what else an issue frozen at ``at`` would keep.

        That is each paper's rank in the issue before, and a written summary where the sources have none.

        Args:
            slug: the newsletter's name in the configuration.
            newsletter: its section.
            cadence: of the issue; the one before it is of the same.
            at: aware UTC.
        """
        ranked = self.rank(newsletter, at=at)
        with self._database.read() as session:
            before = IssueStore(session).ranks_before(slug, cadence, at=at)
        lacking = [each.paper for each in ranked if not each.paper.summary]
        written = self._summaries(lacking) if self._summaries is not None and lacking else {}
        return [
            replace(
                each,
                paper=replace(each.paper, summary=each.paper.summary or written.get(each.paper.seq, "")),
                receipt=replace(each.receipt, rank_before=before.get(each.paper.seq)),
            )
            for each in ranked
        ]

    def build(self, slug: str, newsletter: NewsletterConfig, *, cadence: Cadence, slot: str, at: datetime) -> Frozen:
        """Freeze the pool of a slot, or find that it was done.

        A crash before the commit leaves nothing; after it, the issue stands in state ``building`` and the next call for the
        slot goes on from there.

        Args:
            slug: the newsletter's name in the configuration.
            newsletter: its section.
            cadence: whose slot it is.
            slot: key of the local period, as :func:`newsletter.schedule.slots.slot_of` gives it.
            at: aware UTC; nothing that became known later is used.
        """
        with self._database.read() as session:
            there = IssueStore(session).find(slug, cadence, slot)
        if there is not None:
            return Frozen(there, is_new=False)
        ranked = self.pool(slug, newsletter, cadence=cadence, at=at)
        if not ranked:
            return Frozen(None, is_new=False)
        with self._database.write() as session:
            issue, is_new = IssueStore(session).freeze(newsletter=slug, cadence=cadence, slot=slot, ranked=ranked, at=at)
        return Frozen(issue, is_new)

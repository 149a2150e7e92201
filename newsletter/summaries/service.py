"""Joins them: which papers lack a summary, what may be asked for today, asking, keeping."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from enum import Enum, auto
from typing import Protocol

from newsletter.clock import Clock
from newsletter.config import SummariesConfig
from newsletter.database import Database
from newsletter.papers.model import Paper, PaperSeq
from newsletter.summaries.model import SummaryError, SummaryReport, fingerprint
from newsletter.summaries.store import SummaryStore

log = logging.getLogger(__name__)

#: A run ends after so many failures in a row: it is the service then, not the papers.
MOST_FAILURES = 3


class Writer(Protocol):
    """Writes summaries; :class:`newsletter.summaries.endpoint.Endpoint` does."""

    def summarize(self, title: str, abstract: str) -> str:
        """Return a summary fit to show.

        Raises:
            SummaryError: there is none.
        """
        ...


class WrittenSummaries:
    """Reads what was written by one model; asks nobody."""

    def __init__(self, database: Database, model: str) -> None:
        self._database, self._model = database, model

    def of(self, papers: Iterable[Paper]) -> dict[PaperSeq, str]:
        """Return the summaries there are of papers as they are now."""
        with self._database.read() as session:
            return SummaryStore(session).written(_fingerprints(papers, self._model))


def _fingerprints(papers: Iterable[Paper], model: str) -> dict[PaperSeq, str]:
    return {paper.seq: fingerprint(paper.title, paper.abstract, model) for paper in papers}


class _Claim(Enum):
    OURS = auto()
    TAKEN = auto()
    UNPAID = auto()


class SummaryService:
    """Has summaries written for papers that no source summed up. Any number of processes may do so at once.

    A paper is claimed and its request counted before it is sent, in one transaction: nobody pays twice, and a process that dies
    over a request has used up one of the day.
    """

    def __init__(self, database: Database, clock: Clock, config: SummariesConfig, writer: Writer) -> None:
        self._database, self._clock, self._config, self._writer = database, clock, config, writer

    def run(self, papers: Iterable[Paper]) -> SummaryReport:
        """Ask for what is missing, for the first papers first, within the budgets of a run and of a day."""
        lacking = {paper.seq: paper for paper in papers if not paper.summary and paper.abstract}
        wanted = _fingerprints(lacking.values(), self._config.model)
        with self._database.read() as session:
            due = SummaryStore(session).due(wanted, now=self._clock.now())
        written = failed = in_a_row = 0
        problem = ""
        for seq in due:
            if written + failed >= self._config.per_run:
                break
            claim = self._claim(seq, wanted[seq])
            if claim is _Claim.UNPAID:
                problem = f"the day's {self._config.per_day} requests are used up (summaries.per_day)"
                break
            if claim is _Claim.TAKEN:
                continue
            try:
                text = self._writer.summarize(lacking[seq].title, lacking[seq].abstract)
            except SummaryError as error:
                failed, in_a_row = failed + 1, in_a_row + 1
                log.warning("summaries.failed paper=%d problem=%s", seq, error)
                with self._database.write() as session:
                    SummaryStore(session).fail(seq, wanted[seq], str(error))
                if in_a_row == MOST_FAILURES:
                    problem = str(error)
                    break
            else:
                written, in_a_row = written + 1, 0
                with self._database.write() as session:
                    SummaryStore(session).keep(seq, wanted[seq], text, now=self._clock.now())
        log.info("summaries.written count=%d failed=%d problem=%s", written, failed, problem or "-")
        return SummaryReport(written, failed, problem)

    def _claim(self, seq: PaperSeq, of: str) -> _Claim:
        now = self._clock.now()
        with self._database.write() as session:
            store = SummaryStore(session)
            if not store.claim(seq, of, now=now):
                return _Claim.TAKEN
            if store.pay(now.date(), most=self._config.per_day):
                return _Claim.OURS
            session.rollback()
            return _Claim.UNPAID

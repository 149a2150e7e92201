"""The store of papers: taking observations in, and every question that is asked about papers and their signals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, Text, cast, delete, exists, func, insert, select, tuple_
from sqlalchemy.orm import Session

from newsletter.database import lock
from newsletter.papers.identity import name_from
from newsletter.papers.intake import LOCK, Intake
from newsletter.papers.model import IngestReport, Observation, Paper, PaperChange, PaperSeq, Signal
from newsletter.papers.rows import CHUNK, COLUMNS, SERIES, chunks, facts_of, paper_of
from newsletter.papers.series import Series, unpacked
from newsletter.papers.tables import PaperChangeRow, PaperIdentityRow, PaperListingRow, PaperRow, SignalSeriesRow

if TYPE_CHECKING:
    from newsletter.papers.attention import Attention


class PaperStore:
    """Papers and signals in one session. Nothing is committed here.

    ``known_at`` (aware) asks for papers as they were known then, not as they are: one that was first seen later is left out,
    facts that changed later have their former values, and listings that were made known later do not count in
    ``Paper.sources``. Two papers that turned out later to be one stay that one: it has the facts it had, and all the numbers
    in ``absorbed`` and signals of the other, so that nobody is sent it twice.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def ingest(self, observations: Iterable[Observation], *, source: str, now: datetime) -> IngestReport:
        """Take observations in, in their order; needs a session of ``database.write()``.

        Every text is cleaned on the way in. A record is matched by its names (``identity.py``) and merged (``merge.py``); one
        that shows two stored papers to be the same makes them one: the lower ``seq`` stays, the other's names, listings and
        signals move to it. A signal that is stored already (same paper, source and second) is ignored. Taking the same
        observations in again changes nothing. What facts of a stored paper were before they changed is kept. A record without
        any identity, or a new one without a title, is refused and counted.

        Args:
            observations: what one source said; ``signal.source`` may name another one.
            source: name of the source that lists these papers.
            now: aware UTC; from then on what is new counts as known: papers, listings and facts. For what was recorded
                earlier that is when it was recorded; a paper that is stored already keeps its later ``first_seen_at``.
        """
        return Intake(self._session, source=source, now=now).take(observations)

    def get(self, reference: str | int, *, known_at: datetime | None = None) -> Paper | None:
        """Return the paper that ``reference`` names, or None.

        Args:
            reference: a ``seq`` (also one that was merged into another paper), a key, or an arXiv id, DOI or address of
                either in any form.
            known_at: as it was known then.
        """
        if isinstance(reference, str) and reference.strip().isdecimal():
            reference = int(reference)
        if isinstance(reference, str):
            name = name_from(reference)
            seq = None
            if name is not None:
                seq = self._session.scalar(select(PaperIdentityRow.paper_seq).where(PaperIdentityRow.name == name))
        else:
            known = select(func.coalesce(PaperRow.merged_into, PaperRow.seq)).where(PaperRow.seq == reference)
            # Column limits: a number outside of them is no paper's.
            seq = self._session.scalar(known) if 0 < reference < 2**63 else None
        papers = [] if seq is None else self._papers(select(*COLUMNS).where(PaperRow.seq == seq), known_at=known_at)
        return papers[0] if papers else None

    def by_seq(self, seqs: Iterable[int]) -> dict[PaperSeq, Paper]:
        """Return the papers of these numbers; a number that was merged away leads to the paper it became part of."""
        wanted = list(dict.fromkeys(seqs))
        home: dict[int, int] = {}
        for part in chunks(wanted):
            rows = select(PaperRow.seq, func.coalesce(PaperRow.merged_into, PaperRow.seq)).where(PaperRow.seq.in_(part))
            home.update((seq, target) for seq, target in self._session.execute(rows))
        found: dict[int, Paper] = {}
        for part in chunks(sorted(set(home.values()))):
            found.update((paper.seq, paper) for paper in self._papers(select(*COLUMNS).where(PaperRow.seq.in_(part))))
        return {PaperSeq(seq): found[home[seq]] for seq in wanted if seq in home}

    def find(self, text: str, *, limit: int | None = 50) -> list[Paper]:
        """Return papers whose title holds ``text`` (case does not count), newest listing first; or the one that it names."""
        if (named := self.get(text)) is not None:
            return [named]
        rows = select(*COLUMNS).where(PaperRow.merged_into.is_(None), PaperRow.title.icontains(text.strip(), autoescape=True))
        return self._papers(rows.order_by(PaperRow.listed_at.desc(), PaperRow.seq.desc()).limit(limit))

    def listed_between(
        self,
        start: datetime,
        end: datetime,
        *,
        sources: Sequence[str] = (),
        known_at: datetime | None = None,
        limit: int | None = None,
    ) -> list[Paper]:
        """Return papers listed at or after ``start`` and before ``end``, ascending ``seq``.

        Args:
            start: aware.
            end: aware.
            sources: only papers that one of these listed; empty means all.
            known_at: as they were known then.
            limit: at most so many, those taken in last; None means all.
        """
        rows = select(*COLUMNS).where(PaperRow.merged_into.is_(None))
        if sources:
            listing = exists().where(PaperListingRow.paper_seq == PaperRow.seq, PaperListingRow.source.in_(sources))
            rows = rows.where(listing)
        within = rows.where(PaperRow.listed_at >= start, PaperRow.listed_at < end)
        if known_at is None:
            return self._papers(within.order_by(PaperRow.seq.desc()).limit(limit))[::-1]
        candidates = {paper.seq: paper for paper in self._papers(within, known_at=known_at)}
        # Text is all that both databases can look into alike; whoever has the word in a title is sorted out below.
        moved = select(PaperChangeRow.paper_seq).where(
            PaperChangeRow.at > known_at, cast(PaperChangeRow.before, Text).contains('"listed_at"')
        )
        for part in chunks(sorted(set(self._session.scalars(moved)) - candidates.keys())):
            others = self._papers(rows.where(PaperRow.seq.in_(part)), known_at=known_at)
            candidates.update((paper.seq, paper) for paper in others)
        known = [
            candidates[seq]
            for seq in sorted(candidates, reverse=True)
            if start <= candidates[seq].listed_at < end
            and (not sources or not set(sources).isdisjoint(candidates[seq].sources))
        ]
        return known[:limit][::-1]

    def latest(self, limit: int | None = 50) -> list[Paper]:
        """Return the papers taken in last, newest first; None means all."""
        rows = select(*COLUMNS).where(PaperRow.merged_into.is_(None))
        return self._papers(rows.order_by(PaperRow.seq.desc()).limit(limit))

    def count(self) -> int:
        """Return how many papers there are."""
        return self._session.scalar(select(func.count()).select_from(PaperRow).where(PaperRow.merged_into.is_(None))) or 0

    def signals(self, seqs: Iterable[int], *, until: datetime) -> dict[PaperSeq, list[Signal]]:
        """Return what was measured for these papers up to and at ``until`` (aware), ascending ``observed_at``.

        Every number asked for is a key. Signals of a paper that was merged away are found under the one that stayed.
        """
        found: dict[PaperSeq, list[Signal]] = {PaperSeq(seq): [] for seq in seqs}
        for seq, source, snapshots in self._series(found):
            found[PaperSeq(seq)] += unpacked(snapshots, source=source, until=until)
        for signals in found.values():
            signals.sort(key=lambda signal: (signal.observed_at, signal.source))
        return found

    def attention(self, seqs: Iterable[int], *, until: datetime) -> Attention:
        """Return the same as columns: for many papers a hundred times quicker than :meth:`signals`."""
        from newsletter.papers.attention import Attention  # loads numpy, which most commands do without

        return Attention.of_series(self._series(dict.fromkeys(seqs)), until=until)

    def changes(self, *, after: datetime, until: datetime) -> list[PaperChange]:
        """Return what changed in stored papers later than ``after`` and up to and at ``until`` (both aware), oldest first.

        A change that was learned from a file counts at the instant the file was recorded.
        """
        rows = select(PaperChangeRow.paper_seq, PaperChangeRow.at, PaperChangeRow.before)
        rows = rows.where(PaperChangeRow.at > after, PaperChangeRow.at <= until)
        ordered = self._session.execute(rows.order_by(PaperChangeRow.at, PaperChangeRow.id))
        return [PaperChange(PaperSeq(seq), at, facts_of(before)) for seq, at, before in ordered]

    def series_after(self, after: tuple[int, str], *, limit: int, for_change: bool = False) -> list[Series]:
        """Return the next page of what was measured, ascending by paper and source, at most ``limit`` series.

        Args:
            after: paper and source of the last one of the page before; (0, "") for the first page.
            limit: at least 1.
            for_change: nobody else adds to them before the transaction ends; needs a session of ``database.write()``.
        """
        if for_change:
            lock(self._session, LOCK)
        rows = select(*SERIES).where(tuple_(*SERIES[:2]) > after).order_by(*SERIES[:2]).limit(limit)
        return [Series(*row) for row in self._session.execute(rows)]

    def replace_series(self, changed: Sequence[Series]) -> None:
        """Write series that are stored already with other snapshots."""
        # Taken out and added anew: SQLite leaves what a shorter row sets free to its page, and nothing else comes to use it.
        for part in chunks(changed):
            keys = [series[:2] for series in part]
            self._session.execute(delete(SignalSeriesRow).where(tuple_(*SERIES[:2]).in_(keys)))
            self._session.execute(insert(SignalSeriesRow), [series._asdict() for series in part])

    def _series(self, seqs: Iterable[int]) -> Iterator[Series]:
        for part in chunks(list(seqs)):
            for row in self._session.execute(select(*SERIES).where(SignalSeriesRow.paper_seq.in_(part))):
                yield Series(*row)

    def _papers(self, rows: Select[Any], *, known_at: datetime | None = None) -> list[Paper]:
        """Return the papers of rows of ``COLUMNS``, in their order."""
        if known_at is not None:
            rows = rows.where(PaperRow.first_seen_at <= known_at)
        found: list[Paper] = []
        # Page by page, so that rows and papers are not all held at once.
        for page in self._session.execute(rows).partitions(CHUNK):
            seqs = [values[0] for values in page]
            sources, absorbed = self._sources(seqs, known_at), self._absorbed(seqs)
            before = {} if known_at is None else self._before(seqs, known_at)
            for values in page:
                seq = values[0]
                paper = paper_of(values, sources=sources.get(seq, ()), absorbed=absorbed.get(seq, ()))
                if seq in before:
                    paper = replace(paper, **before[seq])
                # Asked once more: of two that became one the earlier counts, which may have been learned later.
                if known_at is None or paper.first_seen_at <= known_at:
                    found.append(paper)
        return found

    def _sources(self, seqs: Sequence[int], known_at: datetime | None) -> dict[int, list[str]]:
        listings = select(PaperListingRow.paper_seq, PaperListingRow.source).where(PaperListingRow.paper_seq.in_(seqs))
        if known_at is not None:
            listings = listings.where(PaperListingRow.first_seen_at <= known_at)
        sources: dict[int, list[str]] = {}
        for seq, source in self._session.execute(listings.order_by(PaperListingRow.first_seen_at, PaperListingRow.source)):
            sources.setdefault(seq, []).append(source)
        return sources

    def _absorbed(self, seqs: Sequence[int]) -> dict[int | None, list[int]]:
        merged = select(PaperRow.seq, PaperRow.merged_into).where(PaperRow.merged_into.in_(seqs)).order_by(PaperRow.seq)
        absorbed: dict[int | None, list[int]] = {}
        for gone, home in self._session.execute(merged):
            absorbed.setdefault(home, []).append(gone)
        return absorbed

    def _before(self, seqs: Sequence[int], known_at: datetime) -> dict[int, dict[str, Any]]:
        """Return the facts that these papers had at ``known_at`` and have no more."""
        changes = select(PaperChangeRow.paper_seq, PaperChangeRow.before)
        changes = changes.where(PaperChangeRow.paper_seq.in_(seqs), PaperChangeRow.at > known_at)
        before: dict[int, dict[str, Any]] = {}
        # Undone from the last to the first, so that of several values the oldest stays.
        for seq, facts in self._session.execute(changes.order_by(PaperChangeRow.at.desc(), PaperChangeRow.id.desc())):
            before.setdefault(seq, {}).update(facts_of(facts))
        return before

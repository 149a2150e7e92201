"""The store of papers: taking observations in, and every question that is asked about papers and their signals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import Session

from newsletter.papers.identity import name_from
from newsletter.papers.intake import Intake
from newsletter.papers.model import IngestReport, Observation, Paper, PaperSeq, Signal
from newsletter.papers.rows import chunks, to_paper
from newsletter.papers.tables import PaperIdentityRow, PaperListingRow, PaperRow, SignalRow


class PaperStore:
    """Papers and signals in one session. Nothing is committed here."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def ingest(self, observations: Iterable[Observation], *, source: str, now: datetime) -> IngestReport:
        """Take observations in, in their order; needs a session of ``database.write()``.

        Every text is cleaned on the way in. A record is matched by its names (``identity.py``) and merged (``merge.py``); one
        that shows two stored papers to be the same makes them one: the lower ``seq`` stays, the other's names, listings and
        signals move to it. A signal that is stored already (same paper, source and instant) is ignored. Taking the same
        observations in again changes nothing. A record without any identity, or a new one without a title, is refused and
        counted.

        Args:
            observations: what one source said; ``signal.source`` may name another one.
            source: name of the source that lists these papers.
            now: aware UTC; becomes ``first_seen_at`` of what is new.
        """
        return Intake(self._session, source=source, now=now).take(observations)

    def get(self, reference: str | int) -> Paper | None:
        """Return the paper that ``reference`` names, or None.

        Args:
            reference: a ``seq`` (also one that was merged into another paper), a key, or an arXiv id, DOI or address of
                either in any form.
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
        papers = [] if seq is None else self._papers(select(PaperRow).where(PaperRow.seq == seq))
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
            found.update((paper.seq, paper) for paper in self._papers(select(PaperRow).where(PaperRow.seq.in_(part))))
        return {PaperSeq(seq): found[home[seq]] for seq in wanted if seq in home}

    def find(self, text: str, *, limit: int | None = 50) -> list[Paper]:
        """Return papers whose title holds ``text`` (case does not count), newest listing first; or the one that it names."""
        if (named := self.get(text)) is not None:
            return [named]
        rows = select(PaperRow).where(PaperRow.merged_into.is_(None), PaperRow.title.icontains(text.strip(), autoescape=True))
        return self._papers(rows.order_by(PaperRow.listed_at.desc(), PaperRow.seq.desc()).limit(limit))

    def listed_between(
        self, start: datetime, end: datetime, *, sources: Sequence[str] = (), limit: int | None = None
    ) -> list[Paper]:
        """Return papers listed at or after ``start`` and before ``end``, ascending ``seq``.

        Args:
            start: aware.
            end: aware.
            sources: only papers that one of these listed; empty means all.
            limit: at most so many, those taken in last; None means all.
        """
        rows = select(PaperRow).where(PaperRow.merged_into.is_(None), PaperRow.listed_at >= start, PaperRow.listed_at < end)
        if sources:
            listing = exists().where(PaperListingRow.paper_seq == PaperRow.seq, PaperListingRow.source.in_(sources))
            rows = rows.where(listing)
        return self._papers(rows.order_by(PaperRow.seq.desc()).limit(limit))[::-1]

    def latest(self, limit: int | None = 50) -> list[Paper]:
        """Return the papers taken in last, newest first; None means all."""
        rows = select(PaperRow).where(PaperRow.merged_into.is_(None))
        return self._papers(rows.order_by(PaperRow.seq.desc()).limit(limit))

    def count(self) -> int:
        """Return how many papers there are."""
        return self._session.scalar(select(func.count()).select_from(PaperRow).where(PaperRow.merged_into.is_(None))) or 0

    def signals(self, seqs: Iterable[int], *, until: datetime) -> dict[PaperSeq, list[Signal]]:
        """Return what was measured for these papers up to and at ``until`` (aware), ascending ``observed_at``.

        Every number asked for is a key. Signals of a paper that was merged away are found under the one that stayed.
        """
        found: dict[PaperSeq, list[Signal]] = {PaperSeq(seq): [] for seq in seqs}
        for part in chunks(list(found)):
            rows = select(
                SignalRow.paper_seq,
                SignalRow.source,
                SignalRow.observed_at,
                SignalRow.votes,
                SignalRow.comments,
                SignalRow.stars,
            ).where(SignalRow.paper_seq.in_(part), SignalRow.observed_at <= until)
            for seq, source, at, votes, comments, stars in self._session.execute(
                rows.order_by(SignalRow.observed_at, SignalRow.source)
            ):
                found[PaperSeq(seq)].append(Signal(source, at, votes, comments, stars))
        return found

    def _papers(self, rows: Select[PaperRow]) -> list[Paper]:
        page = list(self._session.scalars(rows))
        sources: dict[int, list[str]] = {}
        absorbed: dict[int, list[int]] = {}
        for part in chunks([row.seq for row in page]):
            listings = select(PaperListingRow.paper_seq, PaperListingRow.source).where(PaperListingRow.paper_seq.in_(part))
            for seq, source in self._session.execute(listings.order_by(PaperListingRow.first_seen_at, PaperListingRow.source)):
                sources.setdefault(seq, []).append(source)
            merged = select(PaperRow.seq, PaperRow.merged_into).where(PaperRow.merged_into.in_(part)).order_by(PaperRow.seq)
            for gone, home in self._session.execute(merged):
                if home is not None:
                    absorbed.setdefault(home, []).append(gone)
        return [to_paper(row, sources=sources.get(row.seq, ()), absorbed=absorbed.get(row.seq, ())) for row in page]

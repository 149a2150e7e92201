"""Taking a batch of observations into the store: which paper each is of, what it changes, and what is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from newsletter.database import lock
from newsletter.papers import merge
from newsletter.papers.clean import clean_observation
from newsletter.papers.identity import fingerprint, names_of
from newsletter.papers.model import IngestReport, Observation, Paper, PaperRecord, Signal
from newsletter.papers.rows import SERIES, chunks, columns_of, facts_before, to_paper, write_changes
from newsletter.papers.series import SNAPSHOT, united, unpacked
from newsletter.papers.tables import PaperChangeRow, PaperIdentityRow, PaperListingRow, PaperRow, SignalSeriesRow

#: Observations looked up and written together.
BATCH = 500

#: Held by whoever adds papers and signals, or lets signals go.
LOCK = "papers.intake"

NO_IDENTITY = "neither arXiv id, DOI nor title"
NO_TITLE = "no title"


@dataclass(slots=True, eq=False)
class _Draft:
    """A paper while a batch is worked through; ``row`` has no ``seq`` before ``is_stored``."""

    row: PaperRow
    before: Paper
    paper: Paper
    is_stored: bool
    names: set[str] = field(default_factory=set)
    listed_at: datetime | None = None
    is_listed: bool = False
    signals: list[Signal] = field(default_factory=list)


class Intake:
    """Takes observations of one source in, in their order. Make one per transaction.

    A lock to the end of the transaction lets one intake through at a time: two of them can then never make two papers of one,
    and the order of ``seq`` is the order in which papers become visible.
    """

    def __init__(self, session: Session, *, source: str, now: datetime) -> None:
        self._session = session
        self._source = source
        self._now = now
        self._drafts: dict[str, _Draft] = {}
        self._counts: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()

    def take(self, observations: Iterable[Observation]) -> IngestReport:
        """Take all of ``observations`` in."""
        lock(self._session, LOCK)
        for batch in chunks(list(observations), BATCH):
            self._take_batch([clean_observation(observation) for observation in batch])
        return IngestReport(
            new=self._counts["new"],
            changed=self._counts["changed"],
            known=self._counts["known"],
            signals=self._counts["signals"],
            refused=dict(self._refused),
        )

    def _take_batch(self, batch: Sequence[Observation]) -> None:
        names = [names_of(observation.record) for observation in batch]
        self._load({name for some in names for name in some})
        for observation, own in zip(batch, names, strict=True):
            outcome = self._take_one(observation, own)
            self._counts[outcome] += 1
        self._write()

    def _load(self, names: set[str]) -> None:
        self._drafts = {}
        by_seq: dict[int, list[str]] = {}
        for part in chunks(sorted(names)):
            found = select(PaperIdentityRow.name, PaperIdentityRow.paper_seq).where(PaperIdentityRow.name.in_(part))
            for name, seq in self._session.execute(found):
                by_seq.setdefault(seq, []).append(name)
        for seqs in chunks(sorted(by_seq)):
            # populate_existing: the session may have read these rows before the lock was ours.
            rows = select(PaperRow).where(PaperRow.seq.in_(seqs)).execution_options(populate_existing=True)
            for row in self._session.scalars(rows):
                paper = to_paper(row)
                draft = _Draft(row, paper, paper, is_stored=True)
                self._drafts.update(dict.fromkeys(by_seq[row.seq], draft))

    def _take_one(self, observation: Observation, names: Sequence[str]) -> str:
        record = observation.record
        home, same = self._homes(record, names)
        if home is None:
            reason = NO_TITLE if names else NO_IDENTITY
            if not names or fingerprint(record.title) is None:
                self._refused[reason] += 1
                return "refused"
            home = self._start(record, names)
            outcome = "new"
        else:
            was = home.paper
            for other in same:
                home = self._absorb(home, other)
            home.paper = merge.merged(home.paper, record)
            outcome = "changed" if same or home.paper != was else "known"
        home.is_listed = True
        if record.listed_at:
            home.listed_at = min(home.listed_at, record.listed_at) if home.listed_at else record.listed_at
        home.signals += [signal for signal in (*observation.history, observation.signal) if signal]
        for name in names:
            if name not in self._drafts:
                home.names.add(name)
                self._drafts[name] = home
        return outcome

    def _homes(self, record: PaperRecord, names: Sequence[str]) -> tuple[_Draft | None, list[_Draft]]:
        """Find the paper that a record is of, by its most certain name, and others that it shows to be the same paper."""
        home: _Draft | None = None
        same: list[_Draft] = []
        for name in names:
            draft = self._drafts.get(name)
            if draft is None or draft is home or draft in same or not merge.may_be(draft.paper, record, by=name):
                continue
            if home is None:
                home = draft
            elif not isinstance(record, merge.Mention) and all(
                merge.may_be(one.paper, draft.paper, by=name) for one in (home, *same)
            ):
                same.append(draft)
        return home, same

    def _start(self, record: PaperRecord, names: Sequence[str]) -> _Draft:
        # A DOI that belongs to another paper already (see merge.may_be) is kept as a fact, but never as the key.
        key = next(name for name in names if name not in self._drafts)
        paper = merge.new_paper(record, key=key, now=self._now)
        return _Draft(PaperRow(changed_at=self._now), paper, paper, is_stored=False)

    def _absorb(self, one: _Draft, other: _Draft) -> _Draft:
        """Make one paper of two: the one that was taken in first stays, and everything of the other becomes its own."""
        self._write()  # both need their numbers
        survivor, loser = sorted((one, other), key=lambda draft: draft.row.seq)
        session, kept, gone = self._session, survivor.row.seq, loser.row.seq
        loser.row.key = f"merged:{gone}"
        loser.row.merged_into = kept
        loser.row.changed_at = self._now
        session.flush()  # before the survivor may take over the key
        for name, draft in self._drafts.items():
            if draft is loser:
                self._drafts[name] = survivor
        survivor.paper = merge.absorbed(survivor.paper, loser.paper)
        session.execute(update(PaperRow).where(PaperRow.merged_into == gone).values(merged_into=kept))
        session.execute(update(PaperIdentityRow).where(PaperIdentityRow.paper_seq == gone).values(paper_seq=kept))
        self._move_listings(gone, kept)
        moved = self._series([gone])
        session.execute(delete(SignalSeriesRow).where(SignalSeriesRow.paper_seq == gone))
        self._add_signals({(kept, source): unpacked(series, source=source) for (_, source), series in moved.items()})
        return survivor

    def _move_listings(self, gone: int, kept: int) -> None:
        session = self._session
        own = {row.source: row for row in session.scalars(select(PaperListingRow).where(PaperListingRow.paper_seq == kept))}
        for row in session.scalars(select(PaperListingRow).where(PaperListingRow.paper_seq == gone)).all():
            if twin := own.get(row.source):
                twin.listed_at = min(twin.listed_at, row.listed_at)
                twin.first_seen_at = min(twin.first_seen_at, row.first_seen_at)
                session.delete(row)
            else:
                row.paper_seq = kept
        session.flush()

    def _write(self) -> None:
        """Write what the drafts hold and the database does not."""
        drafts = list(dict.fromkeys(self._drafts.values()))
        for draft in drafts:
            if not draft.is_stored:
                for name, value in columns_of(draft.paper).items():
                    setattr(draft.row, name, value)
                self._session.add(draft.row)  # numbers are given in the order of adding
            elif draft.paper != draft.before:
                write_changes(draft.row, draft.before, draft.paper)
                draft.row.changed_at = self._now
                before = facts_before(draft.before, draft.paper)
                self._session.add(PaperChangeRow(paper_seq=draft.row.seq, at=self._now, before=before))
            draft.before, draft.is_stored = draft.paper, True
        self._session.flush()
        names = [{"name": name, "paper_seq": draft.row.seq} for draft in drafts for name in sorted(draft.names)]
        if names:
            self._session.execute(insert(PaperIdentityRow), names)
        self._write_listings([draft for draft in drafts if draft.is_listed])
        self._write_signals([draft for draft in drafts if draft.signals])
        for draft in drafts:
            draft.names, draft.signals, draft.is_listed = set(), [], False

    def _write_listings(self, drafts: Sequence[_Draft]) -> None:
        by_seq = {draft.row.seq: draft for draft in drafts}
        known: dict[int, PaperListingRow] = {}
        for part in chunks(list(by_seq)):
            rows = select(PaperListingRow).where(PaperListingRow.paper_seq.in_(part), PaperListingRow.source == self._source)
            known.update((row.paper_seq, row) for row in self._session.scalars(rows.execution_options(populate_existing=True)))
        fresh = []
        for seq, draft in by_seq.items():
            if (row := known.get(seq)) is None:
                listed_at = draft.listed_at or draft.paper.listed_at
                fresh.append({"paper_seq": seq, "source": self._source, "listed_at": listed_at, "first_seen_at": self._now})
            elif draft.listed_at and draft.listed_at < row.listed_at:
                row.listed_at = draft.listed_at
        if fresh:
            self._session.execute(insert(PaperListingRow), fresh)

    def _write_signals(self, drafts: Sequence[_Draft]) -> None:
        given: dict[tuple[int, str], list[Signal]] = {}
        for draft in drafts:
            for signal in draft.signals:
                given.setdefault((draft.row.seq, signal.source), []).append(signal)
        self._counts["signals"] += self._add_signals(given)

    def _add_signals(self, given: Mapping[tuple[int, str], Sequence[Signal]]) -> int:
        """Add signals to the series of a paper and source; return how many were not there yet."""
        known = self._series(sorted({seq for seq, _ in given}))
        fresh: list[dict[str, object]] = []
        longer: list[dict[str, object]] = []
        added = 0
        for (seq, source), signals in sorted(given.items(), key=lambda item: item[0]):
            before = known.get((seq, source))
            after = united(before or b"", signals)
            if after != before:
                (fresh if before is None else longer).append({"paper_seq": seq, "source": source, "snapshots": after})
                added += (len(after) - len(before or b"")) // SNAPSHOT.size
        if fresh:
            self._session.execute(insert(SignalSeriesRow), fresh)
        if longer:
            self._session.execute(update(SignalSeriesRow), longer)
        return added

    def _series(self, seqs: Sequence[int]) -> dict[tuple[int, str], bytes]:
        found: dict[tuple[int, str], bytes] = {}
        for part in chunks(seqs):
            for seq, source, snapshots in self._session.execute(select(*SERIES).where(SignalSeriesRow.paper_seq.in_(part))):
                found[seq, source] = snapshots
        return found

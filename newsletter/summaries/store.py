"""Every query on written summaries and on the budget they are paid from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, or_, select, update
from sqlalchemy.orm import Session

from newsletter.papers.model import PaperSeq
from newsletter.papers.rows import chunks
from newsletter.summaries.tables import PaperSummaryRow, SummaryDayRow
from subscribers.dialect import insert_new

#: From the first try to the second, and so on; after the last of them a paper is not asked for again.
WAITS = (timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))
#: Characters of a problem that are kept.
MOST_WORDS = 300
#: How long counted days are kept.
DAYS_KEPT = timedelta(days=90)


class SummaryStore:
    """Summaries in one session. Nothing is committed here."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def written(self, wanted: Mapping[PaperSeq, str]) -> dict[PaperSeq, str]:
        """Return the summaries there are of papers, given with the fingerprints of what they are to be of."""
        found = {}
        rows = select(PaperSummaryRow.paper_seq, PaperSummaryRow.of, PaperSummaryRow.text)
        for part in chunks(list(wanted)):
            there = rows.where(PaperSummaryRow.paper_seq.in_(part), PaperSummaryRow.made_at.is_not(None))
            for seq, of, text in self._session.execute(there):
                if wanted[PaperSeq(seq)] == of:
                    found[PaperSeq(seq)] = text
        return found

    def due(self, wanted: Mapping[PaperSeq, str], *, now: datetime) -> list[PaperSeq]:
        """Return the papers whose summary is to be asked for, in the order given; arguments as for :meth:`claim`."""
        done: set[int] = set()
        for part in chunks(list(wanted)):
            rows = select(PaperSummaryRow.paper_seq, PaperSummaryRow.of).where(
                PaperSummaryRow.paper_seq.in_(part), ~_may_try_again(now)
            )
            done.update(seq for seq, of in self._session.execute(rows) if wanted[PaperSeq(seq)] == of)
        return [seq for seq in wanted if seq not in done]

    def claim(self, seq: PaperSeq, of: str, *, now: datetime) -> bool:
        """Take it on to ask for a paper's summary; False if another process did, or it is not due.

        A process that dies over it leaves a try that failed: another follows after the usual wait.

        Args:
            seq: the paper.
            of: fingerprint of what is to be summed up. A summary of something else that the paper has is given up.
            now: aware UTC.
        """
        new = insert_new(self._session, PaperSummaryRow).values(
            paper_seq=seq, of=of, text="", problem="", tries=1, asked_at=now, made_at=None
        )
        if self._session.scalar(new.on_conflict_do_nothing().returning(PaperSummaryRow.paper_seq)) is not None:
            return True
        # Only one of several statements that run at once finds the row as it asks for: the first has changed it.
        row = update(PaperSummaryRow).where(PaperSummaryRow.paper_seq == seq).returning(PaperSummaryRow.paper_seq)
        begun = {"of": of, "text": "", "problem": "", "asked_at": now, "made_at": None}
        again = row.where(PaperSummaryRow.of == of, _may_try_again(now)).values({**begun, "tries": PaperSummaryRow.tries + 1})
        anew = row.where(PaperSummaryRow.of != of).values({**begun, "tries": 1})
        return any(self._session.scalar(statement) is not None for statement in (again, anew))

    def pay(self, day: date, *, most: int) -> bool:
        """Count one more request on a day; False if there were ``most`` already."""
        first = insert_new(self._session, SummaryDayRow).values(day=day, asked=0).on_conflict_do_nothing()
        if self._session.scalar(first.returning(SummaryDayRow.day)) is not None:
            self._session.execute(delete(SummaryDayRow).where(SummaryDayRow.day < day - DAYS_KEPT))
        counted = update(SummaryDayRow).where(SummaryDayRow.day == day, SummaryDayRow.asked < most)
        paid = counted.values(asked=SummaryDayRow.asked + 1).returning(SummaryDayRow.day)
        return self._session.scalar(paid) is not None

    def keep(self, seq: PaperSeq, of: str, text: str, *, now: datetime) -> None:
        """Keep a paper's summary, unless something else was asked for meanwhile."""
        row = update(PaperSummaryRow).where(PaperSummaryRow.paper_seq == seq, PaperSummaryRow.of == of)
        self._session.execute(row.values(text=text, problem="", made_at=now))

    def fail(self, seq: PaperSeq, of: str, problem: str) -> None:
        """Say why there is no summary."""
        row = update(PaperSummaryRow).where(PaperSummaryRow.paper_seq == seq, PaperSummaryRow.of == of)
        self._session.execute(row.values(problem=problem[:MOST_WORDS]))


def _may_try_again(now: datetime) -> ColumnElement[bool]:
    waited = (
        and_(PaperSummaryRow.tries == tries, PaperSummaryRow.asked_at <= now - wait) for tries, wait in enumerate(WAITS, 1)
    )
    return and_(PaperSummaryRow.made_at.is_(None), or_(*waited))

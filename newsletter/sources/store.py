"""What is remembered about the services that are read: validators, pace and past runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletter.sources.base import Validator
from newsletter.sources.tables import FetchRunRow, HttpPaceRow, HttpValidatorRow

#: No host is left alone for longer; a pace further in the future was written by a clock that was wrong.
MAX_PACE = timedelta(hours=24)


class RunOutcome(StrEnum):
    """How a run of a source ended. ``PARTIAL``: something was stored before it broke."""

    DONE = "done"
    UNCHANGED = "unchanged"
    PARTIAL = "partial"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FetchRun:
    """A past run of one source; ``problem`` is "" unless it ended ``PARTIAL`` or ``FAILED``."""

    source: str
    started_at: datetime
    finished_at: datetime
    outcome: RunOutcome
    seen: int
    new: int
    refused: dict[str, int] = field(default_factory=dict)
    problem: str = ""


class SourceStore:
    """Validators, pace and runs in one session. Nothing is committed here."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def validator(self, url: str) -> Validator | None:
        """Return the validator of the last full answer of ``url``."""
        row = self._session.get(HttpValidatorRow, url)
        return Validator(row.url, row.etag, row.last_modified, row.fetched_at) if row else None

    def remember(self, validator: Validator) -> None:
        """Keep ``validator`` in place of the one before; call it in the transaction that stores what the answer held."""
        row = HttpValidatorRow(
            url=validator.url,
            etag=validator.etag,
            last_modified=validator.last_modified,
            fetched_at=validator.fetched_at,
        )
        self._session.merge(row)

    def take_turn(self, host: str, *, now: datetime, until: datetime) -> timedelta:
        """Take the one turn to ask ``host``, held until ``until``; or return how long the host is not to be asked yet.

        Returns:
            Zero if the turn is ours.
        """
        row = self._session.get(HttpPaceRow, host, with_for_update=True, populate_existing=True)
        if row is None:
            self._session.add(HttpPaceRow(host=host, next_at=until))
            self._session.flush()
            return timedelta()
        if now < row.next_at <= now + MAX_PACE:
            return row.next_at - now
        row.next_at = until
        return timedelta()

    def end_turn(self, host: str, *, held_until: datetime, next_at: datetime) -> None:
        """Say when ``host`` may be asked next. A turn that ran out and was taken by another process is left alone."""
        row = self._session.get(HttpPaceRow, host, with_for_update=True, populate_existing=True)
        if row is not None and row.next_at == held_until:
            row.next_at = next_at

    def record(self, run: FetchRun) -> None:
        """Keep the account of a run."""
        self._session.add(
            FetchRunRow(
                source=run.source,
                started_at=run.started_at,
                finished_at=run.finished_at,
                outcome=run.outcome.value,
                seen=run.seen,
                new=run.new,
                refused=dict(run.refused),
                problem=run.problem,
            )
        )

    def last_runs(self) -> dict[str, FetchRun]:
        """Return the last run of every source that ever ran."""
        newest = select(func.max(FetchRunRow.id)).group_by(FetchRunRow.source)
        rows = self._session.scalars(select(FetchRunRow).where(FetchRunRow.id.in_(newest)).order_by(FetchRunRow.source))
        return {row.source: _to_run(row) for row in rows}

    def runs(self, *, limit: int = 50) -> list[FetchRun]:
        """Return the last runs, newest first, at most ``limit``."""
        return [_to_run(row) for row in self._session.scalars(select(FetchRunRow).order_by(FetchRunRow.id.desc()).limit(limit))]


def _to_run(row: FetchRunRow) -> FetchRun:
    return FetchRun(
        row.source,
        row.started_at,
        row.finished_at,
        RunOutcome(row.outcome),
        row.seen,
        row.new,
        dict(row.refused),
        row.problem,
    )

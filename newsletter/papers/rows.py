"""Between what is in the paper's tables and its values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from newsletter.papers.model import Paper, PaperSeq
from newsletter.papers.tables import PaperRow, SignalSeriesRow

Item = TypeVar("Item")

#: Values bound in one query; SQLite allows 32,766 and PostgreSQL 65,535.
CHUNK = 1000

_LISTS = frozenset({"authors", "categories", "keywords"})
_INSTANTS = frozenset({"published_at", "listed_at", "withdrawn_at", "first_seen_at"})
_NAMES = tuple(field.name for field in fields(Paper) if field.name not in {"seq", "sources", "absorbed"})
#: What is asked for to make a paper, in the order of its fields: without the mapper, which takes longer than the database.
COLUMNS = tuple(getattr(PaperRow, name) for name in ("seq", *_NAMES))
#: What is asked for to make a series.
SERIES = (SignalSeriesRow.paper_seq, SignalSeriesRow.source, SignalSeriesRow.snapshots)
_LIST_PLACES = tuple(place for place, name in enumerate(("seq", *_NAMES)) if name in _LISTS)


def paper_of(values: Sequence[Any], *, sources: Sequence[str], absorbed: Sequence[int]) -> Paper:
    """Return the paper of a row of ``COLUMNS``; ``sources`` and ``absorbed`` come from other rows."""
    facts = list(values)
    for place in _LIST_PLACES:
        facts[place] = tuple(facts[place])
    facts += (tuple(sources), tuple(map(PaperSeq, absorbed)))
    return Paper(*facts)


def to_paper(row: PaperRow) -> Paper:
    """Return the value of a mapped row, without what comes from other rows."""
    return paper_of([getattr(row, column.key) for column in COLUMNS], sources=(), absorbed=())


def columns_of(paper: Paper) -> dict[str, Any]:
    """Return what a paper's own row holds of it, without ``seq``."""
    return {name: list(value) if name in _LISTS else value for name, value in _column_values(paper)}


def write_changes(row: PaperRow, before: Paper, after: Paper) -> None:
    """Set the columns that differ, and no other."""
    for (name, old), (_, new) in zip(_column_values(before), _column_values(after), strict=True):
        if old != new:
            setattr(row, name, list(new) if name in _LISTS else new)


def facts_before(before: Paper, after: Paper) -> dict[str, Any]:
    """Return the former values of the facts that differ, fit for JSON."""
    return {
        name: old.isoformat() if isinstance(old, datetime) else list(old) if name in _LISTS else old
        for (name, old), (_, new) in zip(_column_values(before), _column_values(after), strict=True)
        if old != new
    }


def facts_of(before: Mapping[str, Any]) -> dict[str, Any]:
    """Return what :func:`facts_before` gave as a paper holds it."""
    return {
        name: datetime.fromisoformat(value) if value and name in _INSTANTS else tuple(value) if name in _LISTS else value
        for name, value in before.items()
    }


def chunks(items: Sequence[Item], size: int = CHUNK) -> Iterator[list[Item]]:
    """Yield ``items`` in order, at most ``size`` at a time."""
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part


def _column_values(paper: Paper) -> Iterator[tuple[str, Any]]:
    for name in _NAMES:
        yield name, getattr(paper, name)

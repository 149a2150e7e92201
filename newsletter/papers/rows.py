"""Between the paper's row and its value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from itertools import islice
from typing import Any, TypeVar

from newsletter.papers.model import Paper, PaperSeq
from newsletter.papers.tables import PaperRow

Item = TypeVar("Item")

#: Values bound in one query; SQLite allows 32,766 and PostgreSQL 65,535.
CHUNK = 1000

_LISTS = frozenset({"authors", "categories", "keywords"})
_COLUMNS = tuple(field.name for field in fields(Paper) if field.name not in {"seq", "sources", "absorbed"})


def to_paper(row: PaperRow, *, sources: Sequence[str], absorbed: Sequence[int]) -> Paper:
    """Return the value of a row; ``sources`` and ``absorbed`` come from other rows."""
    facts: dict[str, Any] = {name: getattr(row, name) for name in _COLUMNS}
    facts.update({name: tuple(facts[name]) for name in _LISTS})
    return Paper(
        seq=PaperSeq(row.seq), **facts, sources=tuple(sources), absorbed=tuple(PaperSeq(number) for number in absorbed)
    )


def columns_of(paper: Paper) -> dict[str, Any]:
    """Return what a paper's own row holds of it, without ``seq``."""
    return {name: list(value) if name in _LISTS else value for name, value in _column_values(paper)}


def write_changes(row: PaperRow, before: Paper, after: Paper) -> None:
    """Set the columns that differ, and no other."""
    for (name, old), (_, new) in zip(_column_values(before), _column_values(after), strict=True):
        if old != new:
            setattr(row, name, list(new) if name in _LISTS else new)


def chunks(items: Sequence[Item], size: int = CHUNK) -> Iterator[list[Item]]:
    """Yield ``items`` in order, at most ``size`` at a time."""
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part


def _column_values(paper: Paper) -> Iterator[tuple[str, Any]]:
    for name in _COLUMNS:
        yield name, getattr(paper, name)

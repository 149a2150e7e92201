"""A research paper merged over sources, and the attention it gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NewType

PaperSeq = NewType("PaperSeq", int)
"""Position in the ingest order: given once, never reused. "New" is decided by it, never by a clock."""


@dataclass(frozen=True, slots=True)
class PaperRecord:
    """What one source says about one paper at one time, cleaned but not yet merged.

    At least one of ``arxiv_id``, ``doi`` or ``title`` identifies it (see ``identity.py``). Absent text is ``""``, absent
    facts are None. ``authors`` is in printed order; ``author_count`` is set where a source gives only the number.
    ``listed_at`` is when the source put it on its list; ``published_at`` when the paper itself appeared.
    """

    title: str
    abstract: str = ""
    arxiv_id: str | None = None
    version: int | None = None
    doi: str | None = None
    authors: tuple[str, ...] = ()
    author_count: int | None = None
    summary: str = ""
    categories: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    organization: str = ""
    published_at: datetime | None = None
    listed_at: datetime | None = None
    code_url: str = ""
    project_url: str = ""
    discussion_url: str = ""
    thumbnail_url: str = ""
    withdrawn_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper as the store knows it: the merger of everything sources said.

    ``key`` is ``arxiv:<id>``, else ``doi:<doi>``, else ``title:<fingerprint>``. ``sources`` are the names of those that
    listed it. ``absorbed`` are numbers of records that turned out to be the same paper.
    """

    seq: PaperSeq
    key: str
    title: str
    abstract: str
    arxiv_id: str | None
    version: int | None
    doi: str | None
    authors: tuple[str, ...]
    author_count: int
    summary: str
    categories: tuple[str, ...]
    keywords: tuple[str, ...]
    organization: str
    published_at: datetime | None
    listed_at: datetime
    code_url: str
    project_url: str
    discussion_url: str
    thumbnail_url: str
    withdrawn_at: datetime | None
    first_seen_at: datetime
    sources: tuple[str, ...] = ()
    absorbed: tuple[PaperSeq, ...] = ()


@dataclass(frozen=True, slots=True)
class Signal:
    """The attention one source measured for a paper at one instant, stored to the whole second. None: not measured."""

    source: str
    observed_at: datetime
    votes: int | None = None
    comments: int | None = None
    stars: int | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """One record together with the signal its source gave for it.

    ``history`` are further signals, where a source (a file of records) gives more than the present one.
    """

    record: PaperRecord
    signal: Signal | None = None
    history: tuple[Signal, ...] = ()


@dataclass(frozen=True, slots=True)
class PaperChange:
    """Facts of a stored paper that changed at an instant.

    ``before`` has the former values by the names of :class:`Paper`'s fields, as that class holds them.
    """

    paper_seq: PaperSeq
    at: datetime
    before: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What became of a batch: new papers, known ones that changed, known ones that did not, signals added."""

    new: int = 0
    changed: int = 0
    known: int = 0
    signals: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    @property
    def seen(self) -> int:
        """Records that were taken in, new or not."""
        return self.new + self.changed + self.known

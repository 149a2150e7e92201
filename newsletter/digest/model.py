"""Issue, pool entry and digest: frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from newsletter.papers.model import Paper, PaperSeq
from newsletter.trending.model import Receipt
from subscribers.model import Cadence

IssueId = NewType("IssueId", int)
DigestId = NewType("DigestId", int)


class IssueState(StrEnum):
    """Life of an issue: its deliveries are being listed, go out, and are all settled."""

    BUILDING = "building"
    OPEN = "open"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Issue:
    """One number of a newsletter. ``number`` counts per newsletter from 1; ``slot`` is the local period it covers.

    ``note`` says why it is paused and what to do; else it is empty.
    """

    id: IssueId
    newsletter: str
    number: int
    cadence: Cadence
    slot: str
    state: IssueState
    frozen_at: datetime
    finished_at: datetime | None
    audience: int | None
    note: str = ""


class Section(StrEnum):
    """Part of a mail that a paper belongs to. ``LATE``: listed long ago, taking off now (a late bloomer)."""

    TOP = "top"
    LATE = "late"


#: Name of the part in a late bloomer's receipt that says why it is one: votes ``gained`` in so many ``hours``, where its age
#: let so many be ``expected``. It is worth no points.
LATE_PART = "late"


class CorrectionKind(StrEnum):
    """What happened to a paper after readers got it."""

    WITHDRAWN = "withdrawn"
    RETITLED = "retitled"


@dataclass(frozen=True, slots=True)
class PoolEntry:
    """One paper of an issue's pool: ``rank`` from 1, and the receipt of why it stands there."""

    rank: int
    paper: Paper
    receipt: Receipt
    section: Section = Section.TOP


@dataclass(frozen=True, slots=True)
class Correction:
    """What readers who got ``paper`` in an issue frozen before ``changed_at`` are told, once.

    ``position`` (from 0) names it within its issue. ``paper`` is as it is now; ``title_before`` is the title it had.
    """

    position: int
    kind: CorrectionKind
    paper: Paper
    title_before: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class DigestEntry:
    """A paper chosen for a reader.

    ``match`` names the interest it answers (``keyword:planning``, ``author:Ada Example``, ``lab:…``, ``category:cs.CL``), or
    the word that the reader's feedback speaks for it (``taste:planning``), or is empty.
    """

    paper_seq: PaperSeq
    match: str = ""


@dataclass(frozen=True, slots=True)
class Digest:
    """An ordered choice from an issue's pool; the first entry leads. ``corrections`` are positions of the issue's."""

    id: DigestId
    issue_id: IssueId
    entries: tuple[DigestEntry, ...]
    corrections: tuple[int, ...] = ()

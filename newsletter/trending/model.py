"""What a ranking says about a paper, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from newsletter.papers.model import Paper


@dataclass(frozen=True, slots=True)
class ReceiptPart:
    """One named addend of a score: ``points``, and the figures they come from, by name.

    ``words`` is what a receipt of an earlier version says instead of figures.
    """

    name: str
    points: float
    words: str = ""
    figures: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """Why a paper ranks where it does, as known at ``at``.

    ``score`` is the sum of the parts' points. ``votes``, ``comments`` and ``stars`` are the latest measured figures (None:
    never measured); ``votes_gained`` is the change over the last 24 h, None where none were counted in the day before.
    ``rank_before`` is its rank in the issue before, None if it was not in it. ``history`` are the measured votes, thinned to at
    most eight, oldest first, never falling: for the trend bar. ``forecast`` is how many votes it is on course for in all.
    """

    at: datetime
    score: float
    parts: tuple[ReceiptPart, ...]
    votes: int | None = None
    votes_gained: int | None = None
    comments: int | None = None
    stars: int | None = None
    history: tuple[int, ...] = ()
    rank_before: int | None = None
    forecast: float | None = None


@dataclass(frozen=True, slots=True)
class RankedPaper:
    """A paper with its place (from 1) and its receipt."""

    rank: int
    paper: Paper
    receipt: Receipt

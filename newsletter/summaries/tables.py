"""Summaries that were written, what was asked for in vain, and how much was asked for on each day."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from subscribers.base import Base, RowId


class PaperSummaryRow(Base):
    """The summary of a paper, or what became of asking for it. ``of`` is a fingerprint of what it sums up, and by whom."""

    __tablename__ = "paper_summary"

    paper_seq: Mapped[int] = mapped_column(RowId, ForeignKey("paper.seq"), primary_key=True)
    of: Mapped[str] = mapped_column(String(32))
    text: Mapped[str] = mapped_column(Text)
    problem: Mapped[str] = mapped_column(Text)
    tries: Mapped[int]
    asked_at: Mapped[datetime]
    made_at: Mapped[datetime | None]


class SummaryDayRow(Base):
    """How many summaries were asked for on a day (UTC)."""

    __tablename__ = "summary_day"

    day: Mapped[date] = mapped_column(primary_key=True)
    asked: Mapped[int]

"""Papers, their identities, their listings, and the attention they get."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from subscribers.base import Base, RowId


class PaperRow(Base):
    """A paper. ``seq`` is the ingest order and is never reused."""

    __tablename__ = "paper"

    seq: Mapped[int] = mapped_column(RowId, primary_key=True)
    key: Mapped[str] = mapped_column(String(320), unique=True)
    title: Mapped[str] = mapped_column(Text)
    abstract: Mapped[str] = mapped_column(Text)
    arxiv_id: Mapped[str | None] = mapped_column(String(64))
    version: Mapped[int | None]
    doi: Mapped[str | None] = mapped_column(String(300))
    authors: Mapped[list[str]]
    author_count: Mapped[int]
    summary: Mapped[str] = mapped_column(Text)
    categories: Mapped[list[str]]
    keywords: Mapped[list[str]]
    organization: Mapped[str] = mapped_column(Text)
    published_at: Mapped[datetime | None]
    listed_at: Mapped[datetime] = mapped_column(index=True)
    code_url: Mapped[str] = mapped_column(Text)
    project_url: Mapped[str] = mapped_column(Text)
    discussion_url: Mapped[str] = mapped_column(Text)
    thumbnail_url: Mapped[str] = mapped_column(Text)
    withdrawn_at: Mapped[datetime | None]
    first_seen_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    #: Set when this record turned out to be another paper: that one is shown, this one's number stays taken.
    merged_into: Mapped[int | None] = mapped_column(RowId, ForeignKey("paper.seq"), index=True)

    __table_args__ = ({"sqlite_autoincrement": True},)


class PaperIdentityRow(Base):
    """Every name a paper is known by (``arxiv:…``, ``doi:…``, ``title:…``); a name belongs to one paper."""

    __tablename__ = "paper_identity"

    name: Mapped[str] = mapped_column(String(320), primary_key=True)
    paper_seq: Mapped[int] = mapped_column(RowId, ForeignKey("paper.seq"), index=True)


class PaperListingRow(Base):
    """Which source listed a paper, and when it did so first."""

    __tablename__ = "paper_listing"

    paper_seq: Mapped[int] = mapped_column(RowId, ForeignKey("paper.seq"), primary_key=True)
    source: Mapped[str] = mapped_column(String(64), primary_key=True)
    listed_at: Mapped[datetime]
    first_seen_at: Mapped[datetime]


class PaperChangeRow(Base):
    """Facts of a paper that changed at an instant: ``before`` has their columns' former values, by name."""

    __tablename__ = "paper_change"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    paper_seq: Mapped[int] = mapped_column(RowId, ForeignKey("paper.seq"), index=True)
    at: Mapped[datetime] = mapped_column(index=True)
    before: Mapped[dict[str, Any]]


class SignalSeriesRow(Base):
    """All that one source measured for a paper: its snapshots, packed as ``series.py`` says."""

    __tablename__ = "signal_series"

    paper_seq: Mapped[int] = mapped_column(RowId, ForeignKey("paper.seq"), primary_key=True)
    source: Mapped[str] = mapped_column(String(64), primary_key=True)
    snapshots: Mapped[bytes]

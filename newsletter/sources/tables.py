"""What the program remembers about the services it reads: validators for conditional requests, pace, and past runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from subscribers.base import Base, RowId


class HttpValidatorRow(Base):
    """The validators of the last full answer of a URL, for conditional requests (RFC 9110 section 13)."""

    __tablename__ = "http_validator"

    url: Mapped[str] = mapped_column(String(2000), primary_key=True)
    etag: Mapped[str] = mapped_column(Text)
    last_modified: Mapped[str] = mapped_column(Text)
    fetched_at: Mapped[datetime]


class HttpPaceRow(Base):
    """When a host may be asked again; shared by all processes, as arXiv's rule counts all machines together."""

    __tablename__ = "http_pace"

    host: Mapped[str] = mapped_column(String(255), primary_key=True)
    next_at: Mapped[datetime]


class FetchRunRow(Base):
    """One run of one source and what became of it."""

    __tablename__ = "fetch_run"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    source: Mapped[str] = mapped_column(String(64), index=True)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime]
    outcome: Mapped[str] = mapped_column(String(16))
    seen: Mapped[int]
    new: Mapped[int]
    refused: Mapped[dict[str, Any]]
    problem: Mapped[str] = mapped_column(Text)

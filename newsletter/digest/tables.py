"""Issues, their frozen pools, and the distinct digests chosen from them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from subscribers.base import Base, RowId


class IssueRow(Base):
    """One number of a newsletter. The slot is UNIQUE: two schedulers still make one issue."""

    __tablename__ = "issue"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    newsletter: Mapped[str] = mapped_column(String(64))
    number: Mapped[int]
    cadence: Mapped[str] = mapped_column(String(16))
    slot: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16), index=True)
    frozen_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    #: Keyset position of the expansion: every reader up to this number has a delivery.
    expanded_to: Mapped[int] = mapped_column(RowId, default=0)
    audience: Mapped[int | None]
    #: Why it is paused, and what to do; for people.
    note: Mapped[str] = mapped_column(String(500), default="")

    __table_args__ = (
        UniqueConstraint("newsletter", "cadence", "slot"),
        UniqueConstraint("newsletter", "number"),
    )


class IssuePaperRow(Base):
    """One paper of an issue's pool, as it was when the pool was frozen."""

    __tablename__ = "issue_paper"

    issue_id: Mapped[int] = mapped_column(RowId, ForeignKey("issue.id"), primary_key=True)
    rank: Mapped[int] = mapped_column(primary_key=True)
    paper_seq: Mapped[int] = mapped_column(RowId, ForeignKey("paper.seq"))
    score: Mapped[float]
    receipt: Mapped[dict[str, Any]]
    snapshot: Mapped[dict[str, Any]]
    #: Part of the mail it belongs to, a :class:`newsletter.digest.model.Section`.
    section: Mapped[str] = mapped_column(String(16), default="top", server_default="top")

    __table_args__ = (Index(None, "paper_seq", "issue_id"),)


class IssueCorrectionRow(Base):
    """A paper of earlier issues that was withdrawn or got another title since; its readers are told once."""

    __tablename__ = "issue_correction"

    issue_id: Mapped[int] = mapped_column(RowId, ForeignKey("issue.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    paper_seq: Mapped[int] = mapped_column(RowId, ForeignKey("paper.seq"))
    #: A :class:`newsletter.digest.model.CorrectionKind`.
    kind: Mapped[str] = mapped_column(String(16))
    changed_at: Mapped[datetime]
    title_before: Mapped[str] = mapped_column(Text)
    snapshot: Mapped[dict[str, Any]]

    __table_args__ = (Index(None, "paper_seq", "issue_id"),)


class DigestRow(Base):
    """One distinct selection from an issue's pool; readers who get the same papers for the same reasons share it."""

    __tablename__ = "digest"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    issue_id: Mapped[int] = mapped_column(RowId, ForeignKey("issue.id"))
    key: Mapped[str] = mapped_column(String(64))
    entries: Mapped[list[Any]]
    #: Positions of the issue's corrections that concern its readers.
    corrections: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")

    __table_args__ = (UniqueConstraint("issue_id", "key"),)

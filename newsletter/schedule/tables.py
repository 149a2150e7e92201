"""What was decided about slots that have no issue."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from subscribers.base import Base


class SlotOutcomeRow(Base):
    """Why a slot waits for its issue, or why it gets none. A slot with an issue has no row, or one that nobody reads."""

    __tablename__ = "slot_outcome"

    newsletter: Mapped[str] = mapped_column(String(64), primary_key=True)
    cadence: Mapped[str] = mapped_column(String(16), primary_key=True)
    slot: Mapped[str] = mapped_column(String(32), primary_key=True)
    #: ``waiting`` or ``skipped``.
    state: Mapped[str] = mapped_column(String(16))
    #: Name of the reason, and the figures that its sentence is made of.
    reason: Mapped[str] = mapped_column(String(32))
    figures: Mapped[dict[str, Any]]
    decided_at: Mapped[datetime]
    #: When the operator was written to about it; NULL: not, or not yet.
    noted_at: Mapped[datetime | None]

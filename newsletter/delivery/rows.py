"""Inserting rows that may be there already, on either database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from subscribers.base import Base
from subscribers.dialect import insert_new


def insert_missing(session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert those ``rows`` that break no UNIQUE key of ``table``; leave out the others silently."""
    if rows:
        session.connection().execute(insert_new(session, table).on_conflict_do_nothing(), rows)

"""How far imports have come, so that one that was cut short goes on where it stopped."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import BinaryIO

from sqlalchemy import delete
from sqlalchemy.orm import Session

from subscribers.tables import ImportPositionRow
from subscribers.transfer.table_file import START, Position

#: Bytes of the file that it is known again by, with its length: a list of people differs from another one there.
_BEGINNING = 1_000_000
#: Age at which nobody is expected to finish an import any more.
_FORGET_AFTER = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Account:
    """Where an import stands, and what became of the lines before."""

    at: Position = START
    added: int = 0
    known: int = 0
    refused: int = 0


def name_of(raw: BinaryIO, *asked: object) -> str:
    """Return the name an import is known by: a hash of the file's beginning, its length, and what was asked for."""
    length = raw.seek(0, os.SEEK_END)
    raw.seek(0)
    return hashlib.sha256(raw.read(_BEGINNING) + repr((length, asked)).encode(errors="surrogateescape")).hexdigest()


class PositionStore:
    """The table of unfinished imports. Takes a session, never commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, name: str) -> Account:
        """Return where an import stands; at the beginning, if nothing is known of it."""
        row = self._session.get(ImportPositionRow, name)
        return Account() if row is None else Account(Position(row.position, row.line), row.added, row.known, row.refused)

    def set(self, name: str, account: Account, *, now: datetime) -> None:
        """Keep where an import stands; forget those that nobody finished."""
        self._session.execute(delete(ImportPositionRow).where(ImportPositionRow.at < now - _FORGET_AFTER))
        self._session.merge(
            ImportPositionRow(
                file=name,
                position=account.at.offset,
                line=account.at.line,
                added=account.added,
                known=account.known,
                refused=account.refused,
                at=now,
            )
        )

    def remove(self, name: str) -> None:
        """Forget an import: it is finished, or begins anew."""
        self._session.execute(delete(ImportPositionRow).where(ImportPositionRow.file == name))

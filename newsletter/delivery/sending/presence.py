"""Knowing whether this is the only process that sends from a database, without asking anybody."""

from __future__ import annotations

import fcntl
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from newsletter.database import Database


class Presence:
    """Says to other senders on the same SQLite file that this one is at work, as long as the context is open.

    A lock on a file beside the database; the operating system drops it with the process, however that ends. Senders on
    PostgreSQL may be on any machine and are never known to be alone: what a dead one held is free when its lease ends.

    Args:
        database: from which they send.
        kind: end of the lock file's name; those who send different things do not know of each other.

    Attributes:
        is_alone: no other sender is at work. True only until :meth:`admit_others`; others wait at their start until then.
    """

    def __init__(self, database: Database, kind: str = "senders") -> None:
        name = database.url.database
        self._path = Path(f"{name}.{kind}") if database.is_sqlite and name and name != ":memory:" else None
        self._file: IO[bytes] | None = None
        self.is_alone = False

    def __enter__(self) -> Self:
        if self._path is None:
            return self
        self._file = self._path.open("ab")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.is_alone = True
        except BlockingIOError:
            fcntl.flock(self._file, fcntl.LOCK_SH)
        return self

    def admit_others(self) -> None:
        """Let other senders start. Call it before the first claim, and after recovery."""
        self.is_alone = False
        if self._file is not None:
            # Not atomic, which does no harm: whoever slips in between finds no claim of ours to break.
            fcntl.flock(self._file, fcntl.LOCK_SH)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

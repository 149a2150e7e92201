"""What this package needs from whoever uses it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session


class Transactions(Protocol):
    """A database that hands out sessions."""

    def read(self) -> AbstractContextManager[Session]:
        """A session for reading."""
        ...

    def write(self) -> AbstractContextManager[Session]:
        """A session in one transaction, committed at the end."""
        ...


class Clock(Protocol):
    """A source of instants."""

    def now(self) -> datetime:
        """Return the current instant, aware UTC."""
        ...

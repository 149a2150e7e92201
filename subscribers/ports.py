"""What this package needs from whoever uses it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session

from subscribers.model import Notice, SubscriberId


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


class Notices(Protocol):
    """Takes mails to single people, in the transaction of what they are about: they leave if and only if that was committed."""

    def put(self, session: Session, notice: Notice, *, now: datetime) -> None:
        """Have ``notice`` sent."""
        ...

    def withdraw(self, session: Session, subscriber_id: SubscriberId) -> None:
        """Take back what was not sent yet to a person, and forget where the rest went."""
        ...

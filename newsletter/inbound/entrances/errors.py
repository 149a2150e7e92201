"""What keeps mail from coming in."""

from __future__ import annotations

from newsletter.errors import NewsletterError


class ListenError(NewsletterError):
    """The listener cannot have its address."""


class ImapError(NewsletterError):
    """A mailbox could not be asked.

    Args:
        problem: what went wrong, in words of ours.
        hint: what to do.
        said: what the server said, if it did; it may hold addresses.

    Attributes:
        problem: as given; fit for a log.
    """

    def __init__(self, problem: str, *, hint: str, said: str = "") -> None:
        words = f" ({' '.join(said.split())[:200]})" if said else ""
        super().__init__(f"imap: {problem}{words}; {hint}")
        self.problem = problem


class OversizedError(ImapError):
    """The server sends a message that is larger than it said, and than may be."""


class MoveRefusedError(ImapError):
    """The server does not move a message; the connection is as good as before."""


class StoppedError(Exception):
    """Whoever waits for an answer was told to stop."""

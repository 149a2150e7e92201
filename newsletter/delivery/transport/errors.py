"""What can go wrong between us and the next hop, told apart by whether the message may have left."""

from __future__ import annotations

from newsletter.delivery.model import Phase, SmtpReply
from newsletter.errors import NewsletterError


class SmtpError(NewsletterError):
    """A message was not accepted, or may not have been.

    Attributes:
        phase: where the conversation stood.
    """

    def __init__(self, message: str, *, phase: Phase) -> None:
        super().__init__(message)
        self.phase = phase


class SmtpRefused(SmtpError):  # noqa: N818 - named for what happened
    """The server, or this program for it, said no to one message: certainly not accepted.

    Attributes:
        reply: the 4yz or 5yz reply.
    """

    def __init__(self, reply: SmtpReply, *, phase: Phase) -> None:
        super().__init__(f"refused at {phase}: {reply.code} {reply.status} {reply.text}", phase=phase)
        self.reply = reply


class SmtpUnavailable(SmtpError):  # noqa: N818 - named for what happened
    """No connection, or one that broke before the final dot: certainly not accepted."""


class SmtpInDoubt(SmtpError):  # noqa: N818 - named for what happened
    """The final dot left and no reply that can be understood came back: the message may have been accepted."""


class MessageUnsendable(SmtpError):  # noqa: N818 - named for what happened
    """The message's bytes must not go out as they are: bare CR or LF, NUL, a line too long, 8-bit where not offered."""

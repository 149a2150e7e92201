"""What a sample of a mail is."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent

ADA = "ada@example.org"
ALAN = "alan@example.net"


@dataclass(frozen=True, slots=True)
class Sample:
    """A bounce and what it says.

    Attributes:
        name: of the dialect.
        text: of the message below its header.
        subject: decoded.
        sender: its From.
        failed: the addresses it names, in order.
        codes: the reply codes it gives of them; empty: not looked at.
        is_delayed: it is a notice of delay.
        more: further header fields.
    """

    name: str
    text: str
    subject: str = "failure notice"
    sender: str = "MAILER-DAEMON@mx.example.net"
    failed: tuple[str, ...] = (ADA,)
    codes: tuple[str, ...] = ()
    is_delayed: bool = False
    more: str = ""

    def raw(self, *, to: str = "news-bounces@example.com") -> bytes:
        """Return the whole message."""
        header = (
            f"From: {self.sender}\nTo: {to}\nSubject: {self.subject}\n{self.more}Content-Type: text/plain; charset=utf-8\n\n"
        )
        return (header + dedent(self.text).lstrip("\n")).encode()

"""Reading a mail without trusting it: header, parts and text, in time that grows with its length and no faster.

Own code, as the standard library's parser takes seconds for a megabyte of hostile text and lets words of a header act as
structure. What cannot be decoded is read as far as it goes; nothing here raises for what a mail holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from newsletter.inbound.reading.header import Header
from newsletter.inbound.reading.html import text_of
from newsletter.inbound.reading.part import Part
from newsletter.inbound.reading.structure import Structure
from newsletter.inbound.reading.transfer import with_line_feeds

__all__ = ["Header", "Mail", "Part", "read_mail"]


@dataclass(frozen=True)
class Mail:
    """A mail that was read.

    Attributes:
        header: its own.
        content_type: of the whole, like ``multipart/report``.
        parameters: of that.
        parts: its leaves in order, also those of enclosed messages. A ``message/rfc822`` (or ``message/global``) is a leaf
            itself, with all of its bytes, and is followed by the leaves of the message it holds.
        enclosed: the headers of the messages it holds, in order; of some only the header is sent (``text/rfc822-headers``).
        is_damaged: whether something was cut, missing or beyond the limits; what was readable is there.
    """

    header: Header
    content_type: str
    parameters: dict[str, str]
    parts: tuple[Part, ...]
    enclosed: tuple[Header, ...]
    is_damaged: bool = False

    @cached_property
    def text(self) -> str:
        """What a person would read: the text of its own parts (depth 0), plain where there is some, else made from HTML."""
        return "\n".join(part.text if part.content_type == "text/plain" else text_of(part.text) for part in self.readable_parts)

    @cached_property
    def readable_parts(self) -> tuple[Part, ...]:
        """The parts that a person reads, in order: ``text/plain`` and ``text/html`` of the mail itself.

        Of alternatives (RFC 2046 section 5.1.4) the plain one, if anything is written in it. Attachments only where there is
        nothing else.
        """
        texts = [part for part in self.parts if part.depth == 0 and part.content_type in ("text/plain", "text/html")]
        texts = [part for part in texts if not part.is_attached] or texts
        texts = [part for part in texts if part.body.strip()]
        plain = {part.alternative for part in texts if part.alternative and part.content_type == "text/plain"}
        return tuple(part for part in texts if part.content_type == "text/plain" or part.alternative not in plain)


def read_mail(raw: bytes) -> Mail:
    """Read a mail, whatever it is: any line ends, 8-bit headers, cut parts. Never raises.

    Limits of a whole mail: 50 levels, 1,000 parts, 4,000 fields of 64 KiB with 2,000 encoded words, 20,000 lines that may be
    boundaries; what is beyond is left out or left as it is, and the mail is called damaged.
    """
    structure = Structure(len(raw))
    header, kind, parameters = structure.read(with_line_feeds(raw))
    return Mail(header, kind, parameters, tuple(structure.parts), tuple(structure.enclosed), structure.is_damaged)

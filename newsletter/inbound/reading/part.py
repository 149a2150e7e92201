"""A leaf of a mail."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from newsletter.inbound.reading.charsets import decode
from newsletter.inbound.reading.header import Header


@dataclass(frozen=True)
class Part:
    """A leaf of a mail: what is no multipart.

    Attributes:
        header: its own fields.
        content_type: like ``text/plain``, lower case; ``text/plain`` where none is given or it cannot be read.
        parameters: of the Content-Type, names in lower case.
        depth: how many messages it stands in: 0 in the mail itself, 1 in a message that the mail encloses, …
        body: its bytes, with the transfer encoding undone as far as that goes; line ends of the mail are line feeds.
        alternative: number of the outermost multipart/alternative it stands in, from 1; 0: none.
    """

    header: Header
    content_type: str
    parameters: dict[str, str]
    depth: int
    body: bytes
    alternative: int = 0

    @cached_property
    def text(self) -> str:
        """The body as text, its line ends single line feeds; bytes that are not of its charset are replaced."""
        text = decode(self.body, self.parameters.get("charset", ""))
        return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text

    @property
    def is_attached(self) -> bool:
        """Whether the sender calls it an attachment, which is not read with the text."""
        return self.header.get("content-disposition").lstrip().lower().startswith("attachment")

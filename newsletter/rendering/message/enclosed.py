"""Pictures that travel in a message beside the HTML that shows them (RFC 2387), named by ``cid:`` addresses (RFC 2392)."""

from __future__ import annotations

import re
from base64 import encodebytes
from dataclasses import dataclass, field

from newsletter.rendering.message.encode import fold

#: Before the name of a picture, where HTML shows one of the message's own.
SCHEME = "cid:"

# Only a template writes quotation marks: those of titles and names are escaped.
_SHOWN = re.compile(rf"""\bsrc\s*=\s*(?:"{SCHEME}([^"<>\s]+)"|'{SCHEME}([^'<>\s]+)')""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A picture for a message.

    Attributes:
        cid: its Content-ID without angle brackets, in the form ``NAME@DOMAIN``, of characters that a URL may hold.
        media_type: ``image/jpeg`` or ``image/png``.
        file_name: for whoever saves it; no quotation mark or control character in it.
    """

    cid: str
    media_type: str
    file_name: str
    content: bytes = field(repr=False)

    def encoded(self) -> str:
        """Return it as a part of a message without the boundary before it: its fields, and base64 in lines of 76."""
        fields = [
            fold("Content-Type", [self.media_type]),
            fold("Content-Transfer-Encoding", ["base64"]),
            fold("Content-ID", [f"<{self.cid}>"]),
            fold("Content-Disposition", ["inline;", f'filename="{self.file_name}"']),
        ]
        lines = encodebytes(self.content).decode("ascii").replace("\n", "\r\n")
        return f"{''.join(fields)}\r\n{lines}"


def shown_in(html: str) -> tuple[str, ...]:
    """Return the names of the message's own pictures that ``html`` shows, each once, in the order of the first."""
    if SCHEME not in html:
        return ()
    return tuple(dict.fromkeys(match[1] or match[2] for match in _SHOWN.finditer(html)))

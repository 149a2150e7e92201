"""Reading SMTP replies from bytes, strictly and within limits (RFC 5321 section 4.2)."""

from __future__ import annotations

import re

from newsletter.delivery.model import SmtpReply

#: Octets of one line (RFC 5321 section 4.5.3.1.5 asks for 512) and of a whole reply, and characters of its text that are kept.
MOST_IN_A_LINE = 2_000
MOST_IN_A_REPLY = 64_000
MOST_OF_THE_TEXT = 500

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])([^\r\n]*))?")
_STATUS = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?:\s+|$)")


class ReplyReader:
    """Cuts a stream of bytes into replies."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Add bytes as they came."""
        self._buffer += data

    @property
    def is_empty(self) -> bool:
        """Whether all that came was read."""
        return not self._buffer

    def next_lines(self) -> list[str] | None:
        """Return the lines of the next complete reply, code first in each; None while it is incomplete.

        Raises:
            ValueError: what came is no SMTP reply: other bytes, changing codes, bare LF, or too long.
        """
        lines: list[str] = []
        start = 0
        while (end := self._buffer.find(b"\n", start)) >= 0:
            raw = bytes(self._buffer[start : end + 1])
            match = _LINE.fullmatch(raw[:-2]) if raw.endswith(b"\r\n") and len(raw) <= MOST_IN_A_LINE else None
            if match is None or (lines and lines[0][:3].encode() != match[1]):
                raise ValueError(f"not an SMTP reply: {raw[:80]!r}")
            lines.append(raw[:-2].decode("utf-8", "replace"))
            start = end + 1
            if start > MOST_IN_A_REPLY:
                break
            if match[2] != b"-":
                del self._buffer[:start]
                return lines
        if start > MOST_IN_A_REPLY or len(self._buffer) - start > MOST_IN_A_LINE:
            raise ValueError("an SMTP reply without end")
        return None


def to_reply(lines: list[str]) -> SmtpReply:
    """Return a reply from its lines: the enhanced status taken off, the text printable, on one line, not too long."""
    status = ""
    texts = []
    for line in lines:
        text = line[4:]
        match = _STATUS.match(text)
        # RFC 2034 section 4: the class of the status is the first digit of the code.
        if match and match[1][0] == line[0]:
            status = status or match[1]
            text = text[match.end() :]
        texts.append(text.strip())
    joined = "".join(letter if letter.isprintable() else " " for letter in " ".join(texts))
    return SmtpReply(int(lines[0][:3]), status, joined.strip()[:MOST_OF_THE_TEXT])

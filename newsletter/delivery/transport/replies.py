"""Reading SMTP replies from bytes, strictly and within limits (RFC 5321 section 4.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from newsletter.delivery.model import SmtpReply

#: Octets of one line (RFC 5321 section 4.5.3.1.5 asks for 512) and of a whole reply, and characters of its text that are kept.
MOST_IN_A_LINE = 2_000
MOST_IN_A_REPLY = 64_000
MOST_OF_THE_TEXT = 500

_LINE = re.compile(rb"[2-5][0-9]{2}(?:[ -][^\r\n]*)?\r")
#: Nearly all that ever comes: whole replies of a printable line each, none too long.
_PLAIN = re.compile(rb"(?:[2-5][0-9]{2} [ -~]{0,500}\r\n)+")
_STATUS = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?:\s+|$)")


class ReplyReader:
    """Cuts a stream of bytes into replies."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[str] = []
        self._octets = 0

    def feed(self, data: bytes) -> Iterable[list[str]]:
        """Take bytes as they came; return the replies they complete: the lines of each, code first in every line.

        Raises:
            ValueError: what came is no SMTP reply: other bytes, changing codes, bare CR or LF, or too long. Replies before it
                are returned first.
        """
        if not self._rest and not self._lines and _PLAIN.fullmatch(data):
            return [[line] for line in data[:-2].decode("ascii").split("\r\n")]
        return self._taken_apart(data)

    def _taken_apart(self, data: bytes) -> Iterator[list[str]]:
        lines = (self._rest + data).split(b"\n") if self._rest else data.split(b"\n")
        self._rest = lines.pop()
        for raw in lines:
            line = self._line(raw)
            if line[3:4] != "-":
                if self._lines:
                    self._lines.append(line)
                    reply, self._lines, self._octets = self._lines, [], 0
                    yield reply
                else:
                    yield [line]
            else:
                self._lines.append(line)
        if len(self._rest) > MOST_IN_A_LINE:
            raise ValueError("an SMTP reply without end")

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left over of what came."""
        return not self._rest and not self._lines

    def _line(self, raw: bytes) -> str:
        if len(raw) > MOST_IN_A_LINE or _LINE.fullmatch(raw) is None:
            raise ValueError(f"not an SMTP reply: {raw[:80]!r}")
        line = raw[:-1].decode("utf-8", "replace")
        if self._lines:
            if self._lines[0][:3] != line[:3]:
                raise ValueError(f"not an SMTP reply: {raw[:80]!r}")
            self._octets += len(raw)
            if self._octets > MOST_IN_A_REPLY:
                raise ValueError("an SMTP reply without end")
        return line


def to_reply(lines: list[str]) -> SmtpReply:
    """Return a reply from its lines: the enhanced status taken off, the text printable, on one line, not too long."""
    if len(lines) == 1 and lines[0].isprintable() and len(lines[0]) <= MOST_OF_THE_TEXT:
        line = lines[0]
        match = _STATUS.match(line, 4)
        if match is not None and match[1][0] == line[0]:
            return SmtpReply(int(line[:3]), match[1], line[match.end() :].strip())
        return SmtpReply(int(line[:3]), "", line[4:].strip())
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

"""Encoded words in header fields (RFC 2047)."""

from __future__ import annotations

import binascii
import re

from newsletter.inbound.reading.charsets import decode

#: A charset of at most 60 characters (RFC 2231 section 5 may put a language behind ``*``), an encoding, and text without "?".
_WORD = re.compile(r"=\?([^?\s*]{1,60})(?:\*[^?\s]{0,40})?\?([bBqQ])\?([^?]*)\?=")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")


def decode_words(value: str, limit: int) -> tuple[str, int]:
    """Return a field with its encoded words decoded, and how many there were.

    Blanks between two of them are dropped, and neighbours of one charset are joined before they are decoded, as a letter may be
    cut between them. A word that cannot be decoded stays as it is. Line ends that were hidden in a word become blanks: a field
    is one line.

    Args:
        value: of the field, unfolded.
        limit: words beyond this many stay as they are.
    """
    pieces: list[str] = []
    charset, waiting = "", b""
    end = count = 0
    for match in _WORD.finditer(value):
        if count >= limit:
            break
        decoded = _bytes_of(match[2], match[3])
        if decoded is None:
            continue
        between = value[end : match.start()]
        is_apart = count == 0 or between.strip() != ""
        if is_apart or match[1].lower() != charset:
            pieces.append(decode(waiting, charset))
            waiting = b""
        if is_apart:
            pieces.append(between)
        charset, waiting = match[1].lower(), waiting + decoded
        end, count = match.end(), count + 1
    if count == 0:
        return value, 0
    pieces += (decode(waiting, charset), value[end:])
    return _CONTROLS.sub(" ", "".join(pieces)), count


def _bytes_of(encoding: str, text: str) -> bytes | None:
    """Return what a word stands for; None if it is no such word."""
    try:
        raw = text.encode("ascii")
        if encoding in "qQ":
            return binascii.a2b_qp(raw, header=True)
        raw = raw.rstrip(b"=")
        if len(raw) % 4 == 1:
            raw = raw[:-1]
        return binascii.a2b_base64(raw + b"=" * (-len(raw) % 4))
    except ValueError:
        return None

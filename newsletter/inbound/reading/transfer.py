"""Transfer encodings undone, as far as they go (RFC 2045 section 6)."""

from __future__ import annotations

import binascii
import re

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64))
_BLANK_BEFORE_END = re.compile(rb"=[ \t]+\n")
_STRANGE = re.compile(rb"[^A-Za-z0-9+/=\s]+")
#: Bytes by which one sees whether a text was ever encoded.
_LOOKED_AT = 4096


def undo(body: bytes, encoding: str) -> bytes:
    """Return the bytes that were encoded. What is neither quoted-printable nor base64 is returned as it is.

    Text that is called base64 and is not, as some servers send it, is returned as it is; text that follows the end of real
    base64, as some lists add it, is dropped.

    Args:
        body: its line ends are line feeds.
        encoding: the value of Content-Transfer-Encoding.
    """
    name = encoding.strip().lower()
    if name.startswith("quoted"):
        if b"=" not in body:
            return body
        return binascii.a2b_qp(_BLANK_BEFORE_END.sub(b"=\n", body))
    if name.startswith("base64"):
        return _from_base64(body)
    return body


def with_line_feeds(raw: bytes) -> bytes:
    """Return text whose line ends are line feeds, whatever they were, also where they were doubled on the way."""
    if b"\r" not in raw:
        return raw
    return raw.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _from_base64(body: bytes) -> bytes:
    begin = body[:_LOOKED_AT]
    strange = sum(len(run) for run in _STRANGE.findall(begin))
    if strange * 10 > len(begin) or b" " in begin.strip().split(b"\n", 1)[0]:
        return body
    try:
        return binascii.a2b_base64(body)
    except ValueError:
        pass
    # Cut, or with a letter too many: whole groups of four are what is left to read.
    letters = body.translate(None, _NOT_BASE64)
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))

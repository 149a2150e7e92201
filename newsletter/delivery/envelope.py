"""The envelope and the bytes of a message, checked before anything is said to a server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import idna

from newsletter.delivery.errors import MessageUnsendable, SmtpRefused
from newsletter.delivery.model import Phase, SmtpReply

# Atoms and dots only: no quoted strings, comments, routes or literals, so nothing in an address can end or extend a command.
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-\u0080-\U0010ffff]{1,64}")
_DOMAIN = re.compile(r"(?=.{1,255}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}))*")
_TOO_LONG = re.compile(rb"[^\r\n]{999}")


@dataclass(frozen=True, slots=True)
class Envelope:
    """``MAIL`` and ``RCPT`` as they go over the wire, without line ends."""

    mail: bytes
    rcpt: bytes

    @classmethod
    def of(cls, envelope_from: str, recipient: str, *, size: int, extensions: Mapping[str, str], is_8bit: bool = False) -> Self:
        """Write the envelope for a server with ``extensions`` (EHLO keyword to parameters).

        Domains go as A-labels (RFC 5891). A local part beyond ASCII goes only where the server offers SMTPUTF8 (RFC 6531).

        Raises:
            SmtpRefused: this recipient cannot be written to, or the message is larger than the server takes.
            MessageUnsendable: the sender's address is wrong.
        """
        try:
            sender = _path(envelope_from) if envelope_from else ""
        except ValueError as error:
            raise MessageUnsendable(
                f"envelope sender {error}; check newsletters.NAME.envelope_from", phase=Phase.MAIL
            ) from error
        try:
            target = _path(recipient)
        except ValueError as error:
            raise SmtpRefused(SmtpReply(553, "5.1.3", f"not sent: the address {error}"), phase=Phase.RCPT) from error
        needs_utf8 = not (sender + target).isascii()
        if needs_utf8 and "SMTPUTF8" not in extensions:
            text = "not sent: the address is not ASCII and the server does not offer SMTPUTF8"
            raise SmtpRefused(SmtpReply(553, "5.6.7", text), phase=Phase.RCPT)
        most = extensions.get("SIZE", "")
        if most.isdecimal() and 0 < int(most) < size:
            text = f"not sent: {size} octets, and the server takes {most}"
            raise SmtpRefused(SmtpReply(552, "5.3.4", text), phase=Phase.MAIL)
        words = [f"MAIL FROM:<{sender}>"]
        if "SIZE" in extensions:
            words.append(f"SIZE={size}")
        if is_8bit:
            words.append("BODY=8BITMIME")
        if needs_utf8:
            words.append("SMTPUTF8")
        return cls(" ".join(words).encode(), f"RCPT TO:<{target}>".encode())


def check_message(data: bytes, *, can_8bit: bool) -> None:
    """Check that a message survives the wire (RFC 5321 sections 2.3.8 and 4.5.3.1.6).

    Raises:
        MessageUnsendable: a bare CR or LF, a NUL, an unended last line, a line of more than 998 octets, or 8-bit octets where
            the server does not offer 8BITMIME.
    """
    ends = data.count(b"\r\n")
    problem = ""
    if not data.endswith(b"\r\n"):
        problem = "the last line does not end in CRLF"
    elif data.count(b"\r") != ends or data.count(b"\n") != ends:
        problem = "a bare CR or LF"
    elif b"\0" in data:
        problem = "a NUL octet"
    elif _TOO_LONG.search(data):
        problem = "a line of more than 998 octets"
    elif not can_8bit and not data.isascii():
        problem = "8-bit octets, and the server does not offer 8BITMIME"
    if problem:
        raise MessageUnsendable(f"the message holds {problem}" if "line does" not in problem else problem, phase=Phase.BODY)


def _path(address: str) -> str:
    local, at, domain = address.rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or len(local.encode("utf-8", "replace")) > 64 or not local.isprintable():
        raise ValueError("has no usable local part")
    try:
        ascii_domain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise ValueError("has no valid domain") from error
    if not _DOMAIN.fullmatch(ascii_domain):
        raise ValueError("has no valid domain")
    return f"{local}@{ascii_domain}"

"""The envelope and the bytes of a message, checked before anything is said to a server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import idna

from newsletter.delivery.model import OutgoingMessage, Phase, SmtpReply
from newsletter.delivery.transport.errors import MessageUnsendable, SmtpRefused

# Atoms and dots only: no quoted strings, comments, routes or literals, so nothing in an address can end or extend a command.
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-\u0080-\U0010ffff]{1,64}")
_DOMAIN = re.compile(r"(?=.{1,255}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}))*")
#: What nearly all addresses are: both of the above, in ASCII.
_PLAIN = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-]{1,64}@" + _DOMAIN.pattern)
# What needs no xtext (RFC 3461 section 4).
_ENVELOPE_ID = re.compile(r"[A-Za-z0-9.-]{1,100}")
_TOO_LONG = re.compile(rb"[^\r\n]{999}")


@dataclass(frozen=True, slots=True)
class Envelope:
    """``MAIL`` and ``RCPT`` as they go over the wire, without line ends."""

    mail: bytes
    rcpt: bytes

    @classmethod
    def of(cls, message: OutgoingMessage, *, extensions: Mapping[str, str]) -> Self:
        """Write the envelope of a message for a server with ``extensions`` (EHLO keyword to parameters).

        Domains go as A-labels (RFC 5891). A local part beyond ASCII goes only where the server offers SMTPUTF8 (RFC 6531).
        Where it offers DSN and the message has an envelope id, a report is asked for of what fails or is late, with the header
        only (RFC 3461 section 4); never of what arrived.

        Raises:
            SmtpRefused: this recipient cannot be written to, or the message is larger than the server takes.
            MessageUnsendable: the sender's address or the envelope id is wrong.
        """
        try:
            sender = _path(message.envelope_from) if message.envelope_from else ""
        except ValueError as error:
            raise MessageUnsendable(
                f"envelope sender {error}; check newsletters.NAME.envelope_from", phase=Phase.MAIL
            ) from error
        try:
            target = _path(message.recipient)
        except ValueError as error:
            raise SmtpRefused(SmtpReply(553, "5.1.3", f"not sent: the address {error}"), phase=Phase.RCPT) from error
        mail, rcpt = f"MAIL FROM:<{sender}>", f"RCPT TO:<{target}>"
        if "SIZE" in extensions:
            mail += f" SIZE={_checked_size(len(message.data), extensions['SIZE'])}"
        if not message.is_checked and "8BITMIME" in extensions and not message.data.isascii():
            mail += " BODY=8BITMIME"
        if not (target.isascii() and sender.isascii()):
            if "SMTPUTF8" not in extensions or "8BITMIME" not in extensions:
                text = "not sent: the address is not ASCII and the server does not offer SMTPUTF8 with 8BITMIME"
                raise SmtpRefused(SmtpReply(553, "5.6.7", text), phase=Phase.RCPT)
            mail += " SMTPUTF8"
        if message.envelope_id and "DSN" in extensions:
            if not _ENVELOPE_ID.fullmatch(message.envelope_id):
                raise MessageUnsendable("the envelope id is not of letters and digits", phase=Phase.MAIL)
            mail += f" RET=HDRS ENVID={message.envelope_id}"
            rcpt += f" NOTIFY=FAILURE,DELAY ORCPT={_original(target)}"
        return cls(mail.encode(), rcpt.encode())


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
    if _PLAIN.fullmatch(address):
        return address
    local, _, domain = address.rpartition("@")
    if not _LOCAL.fullmatch(local):
        raise ValueError("has no usable local part")
    if not local.isascii() and (len(local.encode("utf-8", "replace")) > 64 or not local.isprintable()):
        raise ValueError("has no usable local part")
    return f"{local}@{_ascii_domain(domain)}"


@lru_cache(4096)
def _ascii_domain(domain: str) -> str:
    try:
        written = domain if domain.isascii() else idna.encode(domain, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise ValueError("has no valid domain") from error
    if not _DOMAIN.fullmatch(written):
        raise ValueError("has no valid domain")
    return written


def _checked_size(size: int, most: str) -> int:
    if most.isdecimal() and 0 < int(most) < size:
        raise SmtpRefused(SmtpReply(552, "5.3.4", f"not sent: {size} octets, and the server takes {most}"), phase=Phase.MAIL)
    return size


def _original(target: str) -> str:
    """Return a path as ORCPT names it: in xtext (RFC 3461 section 4), or as an internationalised one (RFC 6533 section 3)."""
    if target.isascii():
        return "rfc822;" + target.replace("+", "+2B").replace("=", "+3D")
    return "utf-8;" + target.replace("+", r"\x{2B}").replace("=", r"\x{3D}")

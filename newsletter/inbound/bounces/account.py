"""What a mail system tells in its own words, cut off from the message it returns.

Everything that looks for addresses and reasons in prose looks here, so that neither the message that bounced nor what a person
quotes is taken for the words of a mail system.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from newsletter.inbound.bounces.addresses import addresses_in, first_address
from newsletter.inbound.bounces.sentences import landmarks
from newsletter.inbound.reading.mail import Header, Mail

#: Characters from the front of a text that are looked at.
MAX_TEXT = 64 * 1024
_TAIL = 16 * 1024
_MAX_LINES = 3000
_MAX_LINE = 2000
_MAX_RETURNED_LINES = 400
_MAX_MARKER = 100
_MAX_FIELDS = 200
_MAX_SENT_TO = 100
_PLAIN = str.maketrans(
    "\u2019\u00b4\u00a0àáâãäåąçćčďèéêëęěğìíîï\u0131łñńňòóôõöøőřśšşťùúûüůűýÿźżž",
    "'' aaaaaaacccdeeeeeegiiiiilnnnooooooorssstuuuuuuyyzzz",
)
_DECORATION = " \t-=*#_~+:.>|"
_HEADER_OF_RETURNED = re.compile(
    r"(?:received|return-path|dkim-signature|x-received|arc-seal|authentication-results|delivered-to|x-original-to)\s{0,4}:"
    r"|content-type\s{0,4}:\s{0,4}(?:message/rfc822|message/global\b(?!-)|text/rfc822-headers)"
    r"|from \S{3,255}@\S{1,255} +\w{3} \w{3} ",
    re.IGNORECASE,
)
_FIELD = re.compile(r"[ \t]{0,8}([A-Za-z][A-Za-z-]{1,40})\s{0,4}:(.*)", re.DOTALL)
_RECEIVED_FOR = re.compile(r"\bfor\s{1,8}<?([^<>\s;@]{1,64}@[A-Za-z0-9.-]{1,255})")
_MAIL_FROM = re.compile(r"[\s<>]{0,20}mail from:\s{0,4}<([^<>\s@]{1,64}@[^<>\s@]{1,255})>", re.IGNORECASE)
_TO_FIELDS = (
    "to",
    "cc",
    "x-envelope-to",
    "envelope-to",
    "x-original-to",
    "delivered-to",
    "x-rcpt-to",
    "x-receiver",
    "apparently-to",
)
_FROM_FIELDS = ("from", "sender", "return-path", "reply-to", "x-sender", "errors-to")

Fields: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Account:
    """The own words of a mail, and whom the message it returns was for.

    Attributes:
        lines: the words, quoted lines of a person's mail (``> …``) left out.
        folded: the same in lower case on one line, blanks collapsed, apostrophes made plain.
        sent_to: whom the returned message was sent to, by its own header, in order, each once; lower case.
        senders: who sent it, and whom the mail itself is addressed to: who hears of a failure did not fail.
    """

    lines: tuple[str, ...]
    folded: str
    sent_to: tuple[str, ...]
    senders: frozenset[str]


def account_of(mail: Mail) -> Account:
    """Read the account a mail gives. At most 64 KiB from the front and 16 KiB from the end of its text are looked at."""
    text = mail.text
    if len(text) > MAX_TEXT + _TAIL:
        text = f"{text[:MAX_TEXT]}\n{text[-_TAIL:]}"
    lines = [line[:_MAX_LINE].rstrip() for line in text.split("\n", _MAX_LINES)[:_MAX_LINES]]
    end = next((number for number, line in enumerate(lines) if _begins_returned(line)), len(lines))
    own = tuple(line for line in lines[:end] if not _is_quoted(line))
    returned = [_fields(lines[end : end + _MAX_RETURNED_LINES]), *(header.fields[:_MAX_FIELDS] for header in mail.enclosed[:3])]
    return Account(
        lines=own,
        folded=fold("\n".join(own)),
        sent_to=_sent_to(returned),
        senders=frozenset(_senders(mail.header, returned) | _named_to_servers(own)),
    )


def fold(text: str) -> str:
    """Make a text comparable: lower case, one line, blanks collapsed, Latin letters without accents, plain apostrophes."""
    text = text.lower()
    return " ".join((text if text.isascii() else text.translate(_PLAIN)).split())


def _begins_returned(line: str) -> bool:
    """Whether a line says that the returned message begins, or is already of its header."""
    core = line.strip(_DECORATION)
    if not core:
        return False
    if len(core) <= _MAX_MARKER:
        words = fold(core)
        if words in landmarks().returned_labels or words.startswith(landmarks().returned_below):
            return True
    return _HEADER_OF_RETURNED.match(line.lstrip()) is not None


def _is_quoted(line: str) -> bool:
    """Whether a person quotes with this line; ``>>> RCPT TO`` is how transcripts mark what was said."""
    core = line.lstrip()
    return core.startswith(">") and not core.startswith(">>>")


def _fields(lines: Iterable[str]) -> Fields:
    """Read the header fields of a message that is pasted into a text; up to the first empty line behind some."""
    fields: list[tuple[str, str]] = []
    for line in lines:
        found = _FIELD.match(line)
        if found:
            fields.append((found[1].lower(), found[2].strip()))
        elif fields and line[:1] in " \t" and line.strip():
            name, value = fields[-1]
            fields[-1] = (name, f"{value} {line.strip()}"[:_MAX_LINE])
        elif len(fields) > 1 and not line.strip():
            break
    return tuple(fields)


def _sent_to(returned: Sequence[Fields]) -> tuple[str, ...]:
    named = (
        named.address.lower()
        for fields in returned
        for name, value in fields
        if name in _TO_FIELDS
        for named in addresses_in(value[:_MAX_LINE])
    )
    received = (
        found[1].lower()
        for fields in returned
        for name, value in fields
        if name == "received" and (found := _RECEIVED_FOR.search(value[:_MAX_LINE]))
    )
    return tuple(dict.fromkeys(islice(named, _MAX_SENT_TO))) or tuple(dict.fromkeys(islice(received, _MAX_SENT_TO)))


def _named_to_servers(lines: Iterable[str]) -> set[str]:
    """Return who is given as sender where the account cites a session."""
    return {found[1].lower() for line in lines if (found := _MAIL_FROM.match(line))}


def _senders(header: Header, returned: Sequence[Fields]) -> set[str]:
    own = {first_address(header.get(name)).lower() for name in ("from", "to", "reply-to", "delivered-to", "x-original-to")}
    theirs = {first_address(value[:_MAX_LINE]).lower() for fields in returned for name, value in fields if name in _FROM_FIELDS}
    return (own | theirs) - {""}

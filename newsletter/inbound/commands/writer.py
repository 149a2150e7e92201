"""Who wrote a mail, and whether our own mail server vouches for it (RFC 8601)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from newsletter.inbound.reading.header import Header
from subscribers.address import Address, parse_address
from subscribers.errors import AddressError
from subscribers.limits import mailbox_of

#: Letters of a field that are looked at, and addresses of To and Cc.
_LONGEST_FIELD = 4_000
_MOST_ADDRESSES = 50
#: A mail is this old at most, or as much ahead: an old one that is signed may be anybody's who ever got it.
_FRESH = timedelta(days=3)
_LONGEST_DATE = 100
_ADDRESS = re.compile(r'(?<![^\s<>()",:;\[\]\\@])[^\s<>()",:;\[\]\\@]{1,64}@[^\s<>()",:;\[\]\\@]{1,255}')
_METHOD = re.compile(r"\s*(dkim|dmarc)\s*(?:/\s*1\s*)?=\s*([a-z]+)(?=[\s;]|\Z)")
_PROPERTY = re.compile(r"(?<![^\s])(header\.(?:d|i|from))\s*=\s*([^\s;]+)")


@dataclass(frozen=True, slots=True)
class Writer:
    """Who wrote a mail.

    Attributes:
        address: the one in From.
        is_vouched: whether our mail server found that the domain of that address stands behind the mail.
    """

    address: Address
    is_vouched: bool


def writer_of(header: Header, *, trusted: Collection[str], ours: Collection[str], received_at: datetime) -> Writer | None:
    """Return who wrote a mail; None if From is missing, is there twice, or does not hold exactly one address.

    An answer of the mail server counts if it is in the topmost Authentication-Results field that names it, and if the mail was
    written to us, lately: a signed mail to somebody else, or an old one, sent to us once more, says nothing about what its
    writer wants here. So our address stands in its only To, and there is no Cc: whoever sends a signed mail again can put
    fields in front of those that the signature covers.

    Args:
        header: of the mail.
        trusted: names our own mail servers write into Authentication-Results.
        ours: addresses that take commands.
        received_at: when the mail came, aware.
    """
    fields = header.all("from")
    address = _only_address(fields[0]) if len(fields) == 1 else None
    if address is None:
        return None
    is_meant = _names_us(header, ours) and _is_fresh(header, received_at)
    is_vouched = bool(trusted) and is_meant and _vouches(header, address, trusted)
    return Writer(address, is_vouched)


def _only_address(field: str) -> Address | None:
    """Return the address of a From field; None unless every ``@`` in it belongs to that one.

    Fields come decoded: a name may hold what looks like another address, and must not be taken for the one that was vouched
    for.
    """
    if len(field) > _LONGEST_FIELD:
        return None
    found = {address.lower(): address for address in _ADDRESS.findall(field)}
    if len(found) != 1 or len(_ADDRESS.findall(field)) != field.count("@"):
        return None
    try:
        return parse_address(next(iter(found.values())))
    except AddressError:
        return None


def _names_us(header: Header, ours: Collection[str]) -> bool:
    mailboxes = {mailbox_of(parse_address(address)) for address in ours}
    fields = header.all("to")
    if len(fields) != 1 or header.all("cc"):
        return False
    return any(mailbox_of(address) in mailboxes for address in _addresses_in(fields[0]))


def _is_fresh(header: Header, received_at: datetime) -> bool:
    fields = header.all("date")
    if len(fields) != 1:
        return False
    try:
        date = parsedate_to_datetime(fields[0][:_LONGEST_DATE])
    except (ValueError, OverflowError):
        return False
    written_at = date.replace(tzinfo=UTC) if date.tzinfo is None else date
    return abs(received_at - written_at) <= _FRESH


def _addresses_in(field: str) -> Iterator[Address]:
    for text in _ADDRESS.findall(field[:_LONGEST_FIELD])[:_MOST_ADDRESSES]:
        try:
            yield parse_address(text)
        except AddressError:
            continue


def _vouches(header: Header, address: Address, trusted: Collection[str]) -> bool:
    names = {name.lower() for name in trusted}
    domain = address.key.rpartition("@")[2]
    for field in header.all("authentication-results"):
        parts = _parts(field)
        server = parts[0].split()[:1] if parts else []
        if server and server[0] in names:
            return any(_is_pass(part, domain) for part in parts[1:])
    return False


def _is_pass(part: str, domain: str) -> bool:
    """Whether one result says that ``domain`` stands behind the mail: by DMARC, or by a DKIM signature of it or its parent."""
    method = _METHOD.match(part)
    if method is None or method[2] != "pass":
        return False
    properties = dict(reversed(_PROPERTY.findall(part)))
    if method[1] == "dmarc":
        stated: str = properties.get("header.from", "")
        return stated.rpartition("@")[2] == domain
    signer: str = properties.get("header.d") or properties.get("header.i", "").rpartition("@")[2]
    return "." in signer and f".{domain}".endswith(f".{signer}")


def _parts(field: str) -> list[str]:
    """Return what stands between the semicolons of a field, in small letters, without comments; empty if it is no such field.

    What is quoted is left out: nothing that is asked for here needs quotation marks, and what a sender wrote may stand in them.
    """
    if len(field) > _LONGEST_FIELD:
        return []
    kept: list[str] = []
    depth, is_quoted, is_escaped = 0, False, False
    for letter in field.lower():
        if is_escaped:
            is_escaped = False
        elif letter == "\\" and (is_quoted or depth):
            is_escaped = True
        elif letter == '"' and not depth:
            is_quoted = not is_quoted
            kept.append("?")
        elif is_quoted:
            continue
        elif letter in "()":
            depth += 1 if letter == "(" else -1
            if depth < 0:
                return []
            kept.append(" ")
        elif not depth:
            kept.append(letter)
    return [] if depth or is_quoted else "".join(kept).split(";")

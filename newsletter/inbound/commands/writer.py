"""Who wrote a mail, and whether our own mail server vouches for it (RFC 8601)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from newsletter.inbound.reading.header import Header
from subscribers.address import Address, parse_address
from subscribers.errors import AddressError
from subscribers.limits import mailbox_of

#: Letters of a field that are looked at, and addresses of To and Cc.
_LONGEST_FIELD = 4_000
_MOST_ADDRESSES = 50
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


def writer_of(header: Header, *, trusted: Collection[str], ours: Collection[str]) -> Writer | None:
    """Return who wrote a mail; None if From is missing, is there twice, or does not hold exactly one address.

    An answer of the mail server counts if it is in the topmost Authentication-Results field that names it, and if the mail was
    written to us: a signed mail to somebody else, sent to us once more, says nothing about what its writer wants here.

    Args:
        header: of the mail.
        trusted: names our own mail servers write into Authentication-Results.
        ours: addresses that take commands.
    """
    fields = header.all("from")
    address = _only_address(fields[0]) if len(fields) == 1 else None
    if address is None:
        return None
    is_vouched = bool(trusted) and _names_us(header, ours) and _vouches(header, address, trusted)
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
    written = [address for name in ("to", "cc") for field in header.all(name) for address in _addresses_in(field)]
    return any(mailbox_of(address) in mailboxes for address in written[:_MOST_ADDRESSES])


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
        stated: str = properties.get("header.from", domain)
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

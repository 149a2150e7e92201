"""Addresses as bounces write them: in prose, in brackets, behind a type, with a route. Linear in the length of the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LOCAL = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~."
# The look-behind lets a match begin only where a run of such letters begins, so that a long run is not tried at each letter.
_ADDRESS = re.compile(
    rf"(?<![{_LOCAL}-])(?P<local>[{_LOCAL}-]{{1,64}}|\"[^\"\\\r\n]{{1,64}}\")@(?P<domain>[A-Za-z0-9_][A-Za-z0-9_.-]{{0,254}}|\[[0-9A-Fa-f:.]{{3,48}}\])"
)
_BRACKETED = re.compile(r"<([^<>\s@]{1,128}@[^<>\s@]{1,255})>")
_ENCODED = re.compile(r"\+([2-7][0-9A-F])")
_UNICODE_ENCODED = re.compile(r"\\x\{([0-9A-F]{2,6})\}")
_MAX_UNICODE = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)

_DAEMONS = (
    "mailer-daemon",
    "mailerdaemon",
    "mailer_daemon",
    "mail-daemon",
    "maildaemon",
    "mail.daemon",
    "mdaemon",
    "daemon",
    "double-bounce",
    "postmaster",
    "postmasters",
    "post.master",
    "mmdf",
    "uucp",
    "mailadm",
    "mailadmin",
    "mail-admin",
    "mailmaster",
    "mailsweeper",
    "mail-delivery",
    "mail_delivery",
    "maildelivery",
    "listserv",
)


@dataclass(frozen=True, slots=True)
class Named:
    """An address and where it stands in its line: ``start`` is its first character, ``end`` the one behind its last."""

    address: str
    start: int
    end: int


def addresses_in(text: str) -> Iterator[Named]:
    """Find the ASCII addresses in a text, in order."""
    if "@" not in text:
        return
    for found in _ADDRESS.finditer(text):
        local = found["local"].lstrip("'`*.=/|")
        domain = found["domain"].rstrip(".-_")
        if local and domain and (local.startswith('"') or local.strip("'*=_~.")):
            start = found.start() + len(found["local"]) - len(local)
            yield Named(f"{local}@{domain}", start, found.start("domain") + len(domain))


def first_address(text: str) -> str:
    """Return the address that a field or line gives: one in ``<>`` also beyond ASCII, else the first; ``""`` if none."""
    bracketed = _BRACKETED.search(text)
    if bracketed:
        return without_route(bracketed[1])
    return next((named.address for named in addresses_in(text)), "")


def without_route(address: str) -> str:
    """Drop a source route (RFC 5321 appendix C): ``@relay.example.org:ada@example.org`` is Ada's address."""
    return address.rpartition(":")[2] if ":" in address and not address.endswith("]") else address


def reported_address(value: str) -> str:
    """Read a recipient field of a report (RFC 3464 section 2.3.2, RFC 6533 section 3): ``rfc822; ada@example.org``.

    Types that are no internet mail, such as ``x400``, give ``""``, and so does a value without an address in it; a lone local
    part is kept, as some servers write only that.
    """
    kind, semicolon, rest = value.partition(";")
    if not semicolon:
        kind, rest = "", value
    kind, rest = kind.strip().lower(), rest.strip()
    if kind in {"x400", "x.400", "ex", "unknown"} or "/ADMD=" in rest:
        return ""
    if kind.startswith("utf-8"):
        rest = _UNICODE_ENCODED.sub(_character, rest)
    bare = without_route(rest.split("(", 1)[0].strip().strip("<>'\"").strip())
    if " " not in bare and bare.count("@") == 1 and not bare.startswith("@") and not bare.endswith("@"):
        return bare[:320]
    address = first_address(rest)
    if address:
        return address
    return bare if 0 < len(bare) <= 64 and not set(bare) & set(' \t@<>()",;:/') else ""


def decoded(address: str) -> str:
    """Undo the ``xtext`` of an ORCPT (RFC 3461 section 4) that a server passed on as it was: ``ada+2Bnews@…``."""
    return _ENCODED.sub(lambda found: chr(int(found[1], 16)), address)


def _character(found: re.Match[str]) -> str:
    number = int(found[1], 16)
    return chr(number) if number <= _MAX_UNICODE and number not in _SURROGATES else found[0]


def is_daemon(address: str) -> bool:
    """Tell whether an address is that of the mail system, which neither failed nor is answered."""
    local = address.partition("@")[0].lower().strip("\"'<> ")
    return local in _DAEMONS or local.startswith(("mailer-daemon", "postmaster+", "postmaster-"))

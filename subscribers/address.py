"""The one strict door for e-mail addresses: one plain addr-spec or a clear refusal.

Behind it stands the library ``email-validator`` (RFC 5321, 6531, IDNA 2008). In front of it everything is refused that has no
place in a subscriber list and has opened holes elsewhere: several addresses, display names, quoted local parts, routes
(``%``, ``!``, ``@a:b@c``), literals, controls, look-alike characters, encoded words.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from email_validator import validate_email

from subscribers.errors import AddressError

#: Octets of a whole address and of its local part (RFC 5321 sections 4.5.3.1.1 and 4.5.3.1.3, erratum 1690 of RFC 3696).
MAX_OCTETS = 254
MAX_LOCAL_OCTETS = 64

# A subset of what the slow path accepts unchanged; a property test holds it true. Whatever does not match goes the slow way.
_PLAIN = re.compile(
    r"([A-Za-z0-9_+][A-Za-z0-9_+'-]*(?:\.[A-Za-z0-9_+'-]+)*)"
    r"@((?:[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\.)+(?!(?i:arpa|invalid|local|localhost|onion|test)\Z)[A-Za-z]{2,63})"
)
_REFUSED = {
    ",": "it holds a comma; only one address is taken at a time",
    ";": "it holds a semicolon; only one address is taken at a time",
    "<": "it holds '<'; leave the name and the angle brackets away",
    ">": "it holds '>'; leave the name and the angle brackets away",
    '"': "it holds a quotation mark",
    "%": "it holds '%', a route to another mailbox",
    "!": "it holds '!', a route to another mailbox",
    ":": "it holds a colon",
    "\\": "it holds a backslash",
    "(": "it holds a parenthesis",
    ")": "it holds a parenthesis",
    "[": "its domain is not a name",
    "]": "its domain is not a name",
}


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox.

    Attributes:
        value: as shown and stored: the local part as written (NFC), the domain in lower case with its real letters (U-labels).
        key: equal for all ways to write one mailbox: local part in lower case, domain as A-labels (``xn--…``).
    """

    value: str
    key: str


def parse_address(text: str) -> Address:
    """Take one address, nothing around it.

    The local part is compared without regard to case, letter by letter: full case folding would make one mailbox of
    ``straße`` and ``strasse``. No look-up is made: that a domain exists is for the mail to find out.

    Raises:
        AddressError: anything else than one plain address; no other exception leaves this function.
    """
    plain = _PLAIN.fullmatch(text)
    if plain is not None and plain.end(1) <= MAX_LOCAL_OCTETS and len(text) - plain.start(2) < 64:
        value = f"{plain[1]}@{plain[2].lower()}"
        return Address(value, value.lower())
    return _parse_carefully(text)


def _parse_carefully(text: str) -> Address:
    _refuse_exotic(text)
    try:
        found = validate_email(
            text,
            check_deliverability=False,
            allow_smtputf8=True,
            allow_quoted_local=False,
            allow_domain_literal=False,
            allow_display_name=False,
        )
    except ValueError as error:
        raise AddressError(_in_our_words(str(error))) from error
    local, _, domain = unicodedata.normalize("NFC", text).rpartition("@")
    if _fold(domain) not in {found.domain, found.ascii_domain}:
        raise AddressError("its domain holds characters that stand for others")
    value = f"{local}@{found.domain}"
    return Address(value, f"{_fold(local)}@{found.ascii_domain}")


def _refuse_exotic(text: str) -> None:
    if not text:
        raise AddressError("nothing was written")
    if len(text) > MAX_OCTETS:  # before anything that takes time
        raise AddressError(f"it is longer than {MAX_OCTETS} characters")
    for character in text:
        if problem := _problem_with(character):
            raise AddressError(problem)
    if text.count("@") != 1:
        raise AddressError("it needs exactly one @")
    if "=?" in text:
        raise AddressError("it holds '=?', which mail programs decode")
    local = text.partition("@")[0]
    if len(text.encode()) > MAX_OCTETS or len(local.encode()) > MAX_LOCAL_OCTETS:
        raise AddressError(f"it is too long ({MAX_LOCAL_OCTETS} octets before the @, {MAX_OCTETS} in all)")
    if local.startswith("-"):
        raise AddressError("it begins with a hyphen, which mail servers refuse")


def _problem_with(character: str) -> str | None:
    kind = unicodedata.category(character)[0]
    if character.isspace() or kind == "Z":
        return "it holds a space or a line break"
    if kind == "C":
        return "it holds a control or invisible character"
    if not character.isascii() and _stands_for_another(character):
        return "it holds a character that looks like another one; type it with plain letters"
    return _REFUSED.get(character)


def _stands_for_another(character: str) -> bool:
    """Whether ``character`` is a compatibility form: full-width letters, ligatures, the Kelvin sign (UTS #39 section 3.3)."""
    plain = unicodedata.normalize("NFKC", character)
    return plain.isascii() or plain != unicodedata.normalize("NFC", character)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFC", "".join(character.lower() for character in text))


def _in_our_words(problem: str) -> str:
    return (problem[:1].lower() + problem[1:]).rstrip(".") or "its form is wrong"

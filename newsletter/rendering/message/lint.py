"""The last look at a message before it may leave: parsed again by the standard library, which had no part in making it."""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email import message_from_bytes, policy
from email.errors import MultipartInvariantViolationDefect
from email.headerregistry import AddressHeader, HeaderRegistry
from email.message import EmailMessage, MIMEPart
from email.parser import BytesHeaderParser
from email.policy import EmailPolicy
from functools import cache
from urllib.parse import quote

from newsletter.pictures.model import MOST_BYTES
from newsletter.rendering.findings import Finding, Severity
from newsletter.rendering.message.enclosed import SCHEME
from newsletter.rendering.message.page import Page

#: Gmail clips near 102 kB, and what it clips is the footer with the way out.
CLIP_BYTES = 102_000
BUDGET_BYTES = 90_000
MAX_LINE = 998

#: Fields that every message has, once each.
COMMON_FIELDS = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type")
#: Fields that some messages have; an expectation names them.
REPLY_TO, LIST_ID, AUTO_SUBMITTED, FORM_SUB = "Reply-To", "List-Id", "Auto-Submitted", "Form-Sub"
LIST_UNSUBSCRIBE, LIST_UNSUBSCRIBE_POST, LIST_HELP = "List-Unsubscribe", "List-Unsubscribe-Post", "List-Help"
IN_REPLY_TO, REFERENCES = "In-Reply-To", "References"
PART_FIELDS = ("Content-Type", "Content-Transfer-Encoding")
PICTURE_FIELDS = (*PART_FIELDS, "Content-ID", "Content-Disposition")

#: What needs no escape before the @ of a ``mailto:`` URL, besides letters, digits and ``-._~`` (RFC 6068 section 2).
_IN_MAILTO = "!$'*+"
#: How the standard library reads each field.
_FIELDS = HeaderRegistry()
_LIST_ID = re.compile(r"<[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+>$")
#: How the octets of each type of picture begin (ISO/IEC 10918-1 annex B; W3C PNG section 5.2).
_PICTURE_STARTS = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n"}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_MESSAGE_ID = re.compile(r"<[^<>@\s]+@[^<>@\s]+>")


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the message must say.

    Attributes:
        fields: names of its fields beyond :data:`COMMON_FIELDS`, once each; no other field may be there.
        links: name and URL, with its token, of each link that must stand in both parts; the one named ``unsubscribe`` stands in
            the List-Unsubscribe field too.
        forbidden: strings that must be nowhere in it: the placeholders of slots.
        picture_base: where pictures may come from besides the message itself; ``""``: from nowhere.
        reply_to: the one address in its Reply-To field; ``""``: it is not looked at.
        commands_to: the address that takes commands, to which ``unsubscribe`` and ``help`` are mailed; ``""``: there is none.
        auto_submitted: what its Auto-Submitted field says, if it has one.
    """

    recipient: str
    from_name: str
    from_address: str
    subject: str
    fields: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    forbidden: tuple[str, ...] = ()
    picture_base: str = ""
    reply_to: str = ""
    commands_to: str = ""
    auto_submitted: str = ""


def command_url(address: str, command: str) -> str:
    """Return the ``mailto:`` URL (RFC 6068) that writes a command to an address."""
    local, _, domain = address.rpartition("@")
    return f"mailto:{quote(local, safe=_IN_MAILTO)}@{domain}?subject={command}"


def lint(message: bytes, expected: Expectation) -> list[Finding]:
    """Check a whole message against the rules and against what it was meant to be.

    Only the To field may hold octets beyond ASCII, and only those of the expected recipient (RFC 6532 section 3.2).

    Returns:
        Findings in the order of the message; none, or only warnings, if it may leave.
    """
    if not expected.recipient.isascii():
        message, expected = _with_ascii_recipient(message, expected)
    parsed = message_from_bytes(message, policy=_policy())
    return [
        *_check_bytes(message, expected),
        *_check_fields(parsed, expected),
        *_check_parts(parsed, expected),
    ]


def lint_head(head: bytes, expected: Expectation) -> list[Finding]:
    """Check the header of a message, up to and with its empty line, as :func:`lint` does; for an ASCII recipient."""
    parsed = BytesHeaderParser(policy=_policy()).parsebytes(head)
    # Some versions of Python miss the parts then, although they were told that there is a header only.
    parsed.defects = [defect for defect in parsed.defects if not isinstance(defect, MultipartInvariantViolationDefect)]
    return [*_check_bytes(head, expected), *_check_fields(parsed, expected)]


def _policy() -> EmailPolicy[EmailMessage]:
    """Return the standard library's policy, but that it parses equal fields of a message once, and not whenever one is read."""
    return policy.default.clone(header_factory=cache(_FIELDS))


def _with_ascii_recipient(message: bytes, expected: Expectation) -> tuple[bytes, Expectation]:
    """Put another name for the expected recipient, where it stands: the parser knows no UTF-8 in a header."""
    domain = expected.recipient.rpartition("@")[2]
    head, end, body = message.partition(b"\r\n\r\n")
    head = head.replace(f"\r\nTo: {expected.recipient}\r\n".encode(), f"\r\nTo: utf-8@{domain}\r\n".encode(), 1)
    return head + end + body, replace(expected, recipient=f"utf-8@{domain}")


def _check_bytes(message: bytes, expected: Expectation) -> Iterator[Finding]:
    bare = message.replace(b"\r\n", b"")
    if b"\r" in bare or b"\n" in bare:
        yield Finding("bare-line-end", "a CR or LF stands alone (RFC 5321 section 2.3.8)")
    if b"\0" in message:
        yield Finding("nul", "a NUL byte")
    if not message.isascii():
        yield Finding("eight-bit", "bytes above 127 although everything should be encoded")
    if any(part.encode() in message for part in expected.forbidden):
        yield Finding("unfilled-slot", "a placeholder was not replaced")
    head, _, body = message.partition(b"\r\n\r\n")
    longest = max(map(len, message.split(b"\r\n")))
    if longest > MAX_LINE:
        yield Finding("long-line", f"a line of {longest} bytes; {MAX_LINE} are allowed (RFC 5322 section 2.1.1)")
    for line in head.split(b"\r\n"):
        # A line that has but one word after the field's name cannot be folded.
        if len(line) > 78 and len(line.split()) > 2:
            yield Finding("long-header-line", f"a header line of {len(line)} bytes that could be folded", Severity.WARNING)
    if any(line.startswith(b".") for line in body.split(b"\r\n")):
        yield Finding("leading-dot", "a line begins with a dot", Severity.WARNING)


def _check_fields(parsed: EmailMessage, expected: Expectation) -> Iterator[Finding]:
    names = Counter(name.lower() for name in parsed)
    wanted = Counter(name.lower() for name in (*COMMON_FIELDS, *expected.fields))
    for name in sorted((names - wanted).keys()):
        yield Finding("unexpected-header", f"the field {name} should not be there, or not more than once")
    for name in sorted((wanted - names).keys()):
        yield Finding("missing-header", f"the field {name} is missing")
    if parsed.defects or any(value.defects for value in parsed.values()):
        yield Finding("malformed-header", "the header cannot be read without guessing")
    if names == wanted:
        yield from _check_values(parsed, expected)


def _check_values(parsed: EmailMessage, expected: Expectation) -> Iterator[Finding]:
    if _addresses(parsed, "To") != [("", expected.recipient)]:
        yield Finding("recipient", "the To field is not exactly the one expected address")
    # Blanks do not count: this parser puts one between two encoded words of a phrase, where RFC 2047 section 6.2 has none.
    if _without_blanks(_addresses(parsed, "From")) != _without_blanks([(expected.from_name, expected.from_address)]):
        yield Finding("from", f"the From field does not read {expected.from_name!r} with the newsletter's address")
    if parsed["Subject"] != expected.subject:
        yield Finding("subject", f"the Subject reads {str(parsed['Subject'])!r} instead of {expected.subject!r}")
    if parsed["Date"].datetime is None or parsed["Date"].datetime.tzinfo is None:
        yield Finding("date", "the Date field is not a date with a zone")
    if not _MESSAGE_ID.fullmatch(parsed["Message-ID"]):
        yield Finding("message-id", "the Message-ID is not of the form <left@right>")
    yield from _check_own_fields(parsed, expected)


def _check_own_fields(parsed: EmailMessage, expected: Expectation) -> Iterator[Finding]:
    """Check the fields that not every message has."""
    for name in (IN_REPLY_TO, REFERENCES):
        if name in expected.fields and not _MESSAGE_ID.fullmatch(parsed[name]):
            yield Finding(name.lower(), f"{name} is not of the form <left@right>")
    if expected.reply_to and [address for _, address in _addresses(parsed, REPLY_TO)] != [expected.reply_to]:
        yield Finding("reply-to", "the Reply-To field is not exactly the one expected address")
    if LIST_ID in expected.fields and not _LIST_ID.search(str(parsed[LIST_ID])):
        yield Finding("list-id", "List-Id does not end in <identifier> (RFC 2919 section 3)")
    if LIST_UNSUBSCRIBE in expected.fields:
        url = dict(expected.links).get("unsubscribe", "")
        yield from _check_way_out(str(parsed[LIST_UNSUBSCRIBE]), str(parsed[LIST_UNSUBSCRIBE_POST]), url, expected.commands_to)
    if LIST_HELP in expected.fields and parsed[LIST_HELP] != f"<{command_url(expected.commands_to, 'help')}>":
        yield Finding("list-help", "List-Help is not exactly the expected address (RFC 2369 section 3.1)")
    if AUTO_SUBMITTED in expected.fields and parsed[AUTO_SUBMITTED] != expected.auto_submitted:
        yield Finding("auto-submitted", f"Auto-Submitted is not {expected.auto_submitted} (RFC 3834 section 5)")
    if FORM_SUB in expected.fields and not str(parsed[FORM_SUB]).startswith("v=1; "):
        yield Finding("form-sub", "Form-Sub does not begin with its version")


def _check_way_out(unsubscribe: str, post: str, url: str, commands_to: str) -> Iterator[Finding]:
    by_mail = f", <{command_url(commands_to, 'unsubscribe')}>" if commands_to else ""
    if unsubscribe != f"<{url}>{by_mail}":
        yield Finding("list-unsubscribe", "List-Unsubscribe is not exactly the expected URL and address (RFC 8058 section 3.1)")
    elif not re.match(r"https:|http://(127\.0\.0\.1|localhost|\[::1\])[:/]", url):
        # A link to this machine is fine for trying things out: the configuration refuses it where mail really leaves.
        yield Finding("unsubscribe-https", "one-click unsubscribe needs https (RFC 8058 section 3.1)")
    if post != "List-Unsubscribe=One-Click":
        yield Finding("list-unsubscribe-post", "List-Unsubscribe-Post is not List-Unsubscribe=One-Click")


def _addresses(parsed: EmailMessage, name: str) -> list[tuple[str, str]]:
    header = parsed[name]
    if not isinstance(header, AddressHeader):
        return []
    return [(address.display_name, address.addr_spec) for address in header.addresses]


def _without_blanks(addresses: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [("".join(name.split()), address) for name, address in addresses]


def _check_parts(parsed: EmailMessage, expected: Expectation) -> Iterator[Finding]:
    found = _apart(parsed)
    if found is None:
        types = " ".join(part.get_content_type() for part in parsed.walk())
        yield Finding("structure", f"the message is {types}, not multipart/alternative text/plain text/html or with pictures")
        return
    text_part, html_part, pictures = found
    for part, kind in ((text_part, "text"), (html_part, "HTML")):
        yield from _check_part(part, kind)
    text = _content(text_part)
    for name, url in expected.links:
        if url not in text:
            yield Finding(f"{name}-link", f"the text part does not have its {name} link")
    size = len(str(html_part.get_payload()).encode())
    if size > CLIP_BYTES:
        yield Finding("too-big", f"the HTML part has {size} bytes encoded; mailbox providers clip at {CLIP_BYTES}")
    elif size > BUDGET_BYTES:
        yield Finding("big", f"the HTML part has {size} bytes encoded; stay under {BUDGET_BYTES}", Severity.WARNING)
    yield from _check_html(_content(html_part), expected, [str(picture["Content-ID"] or "") for picture in pictures])
    for picture in pictures:
        yield from _check_picture(picture)


def _apart(parsed: EmailMessage) -> tuple[MIMEPart, MIMEPart, list[MIMEPart]] | None:
    """Return the text, the HTML and the pictures of a message; None if it is not made of these."""
    if parsed.get_content_type() != "multipart/alternative":
        return None
    parts = list(parsed.iter_parts())
    if len(parts) != 2:
        return None
    text, page = parts
    pictures: list[MIMEPart] = []
    if page.get_content_type() == "multipart/related":
        if _names(page) != ["content-type"]:
            return None
        page, *pictures = list(page.iter_parts()) or [page]
        if not pictures or parts[1].get_param("type") != "text/html":
            return None
    is_text_and_page = (text.get_content_type(), page.get_content_type()) == ("text/plain", "text/html")
    return (text, page, pictures) if is_text_and_page else None


def _names(part: MIMEPart) -> list[str]:
    """Return the names of a part's fields, in lower case and alphabetical order."""
    return sorted(name.lower() for name in part)


def _check_picture(part: MIMEPart) -> Iterator[Finding]:
    if _names(part) != sorted(map(str.lower, PICTURE_FIELDS)):
        yield Finding("picture-header", f"a picture has other fields than {', '.join(PICTURE_FIELDS)}")
    if part["Content-Transfer-Encoding"] != "base64" or part.get_content_disposition() != "inline":
        yield Finding("picture-header", "a picture is not inline, in base64")
    octets = _raw_content(part)
    if not octets.startswith(_PICTURE_STARTS.get(part.get_content_type(), b"\0")):
        yield Finding("picture-type", "a picture is not what its type says, or neither JPEG nor PNG")
    if b64encode(octets) != b"".join(str(part.get_payload()).encode().split()):
        yield Finding("picture-encoding", "a picture is not correct base64")
    if len(octets) > MOST_BYTES:
        yield Finding("picture-too-big", f"a picture has {len(octets)} bytes; {MOST_BYTES} are allowed")


def _check_part(part: MIMEPart, kind: str) -> Iterator[Finding]:
    if _names(part) != sorted(map(str.lower, PART_FIELDS)):
        yield Finding("part-header", f"the {kind} part has other fields than {' and '.join(PART_FIELDS)}")
    if part.get_content_charset() != "utf-8" or part["Content-Transfer-Encoding"] != "quoted-printable":
        yield Finding("part-encoding", f"the {kind} part is not UTF-8 in quoted-printable")
    content = _content(part)
    if not content.strip():
        yield Finding("empty-part", f"the {kind} part is empty")
    if content.encode() != _raw_content(part):
        yield Finding("part-encoding", f"the {kind} part is not valid UTF-8")
    if _CONTROL.search(content):
        yield Finding("control-character", f"the {kind} part holds a control character")


def _content(part: MIMEPart) -> str:
    return _raw_content(part).decode("utf-8", "replace")


def _raw_content(part: MIMEPart) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _check_html(html: str, expected: Expectation, enclosed: list[str]) -> Iterator[Finding]:
    """Check a page; ``enclosed`` are the Content-ID fields of the pictures that come with it."""
    page = Page()
    page.feed(html)
    page.close()
    yield from dict.fromkeys(finding for finding, _ in page.found)
    for name, url in expected.links:
        if url not in page.links:
            yield Finding(f"{name}-link", f"the HTML part does not have its {name} link")
    for finding, _ in page.outside_pictures(expected.picture_base):
        yield finding
    shown = {f"<{source.removeprefix(SCHEME)}>" for source in page.pictures if source.startswith(SCHEME)}
    if shown - set(enclosed):
        yield Finding("missing-picture", "the HTML part shows a picture that does not come with the message")
    if len(set(enclosed) & shown) < len(enclosed):
        yield Finding("unused-picture", "a picture comes with the message that is not shown, or comes twice")

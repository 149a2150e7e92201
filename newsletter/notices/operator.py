"""Mails to whoever runs the newsletter: what happened, in plain text, and where it is about a mail, that mail beside it."""

from __future__ import annotations

import hashlib
import re
from base64 import encodebytes
from datetime import datetime

from newsletter.config import NewsletterConfig
from newsletter.rendering.message.encode import fold, phrase, quoted_printable, unstructured
from newsletter.rendering.message.lint import MAX_LINE
from newsletter.rendering.message.message import DATE, MESSAGE_ID, TO, Personal, encoded_recipient
from newsletter.rendering.words.text import clean, shorten

#: Characters of a subject; what comes from outside may be longer.
_SUBJECT_LENGTH = 200
_FILE = b'Content-Disposition: attachment; filename="mail.eml"\r\n\r\n'
#: What text may not hold, but for line ends and tabs.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def operator_mail(
    newsletter: NewsletterConfig,
    *,
    to: str,
    subject: str,
    text: str,
    attached: bytes | None = None,
    reply_to: str = "",
    message_id: str,
    date: datetime,
) -> bytes:
    """Return a mail to the operator: CRLF line ends, ASCII, no line longer than 998 octets.

    Subject and text may hold anything at all, written by anybody: nothing in them can become a field, a part or a recipient.
    Equal arguments give equal bytes.

    Args:
        newsletter: in whose name it comes.
        to: one plain address in ASCII.
        subject: cut to 200 characters, on one line.
        text: with any line ends.
        attached: a mail as it came, to lie beside the text. As a message (RFC 2046 section 5.2.1) if it survives the way as it
            is, else as a file, in base64, which a message must not be in.
        reply_to: where an answer goes, one plain address in ASCII; anything else is left out.
        message_id: with its angle brackets.
        date: aware.

    Raises:
        ValueError: ``to`` or ``message_id`` is not of its form, or ``date`` is naive.
    """
    values = Personal(to, message_id, date, {}).encoded()
    if not values[TO].isascii():
        raise ValueError("the operator's address is not ASCII")
    head = [
        fold("From", [*phrase(newsletter.name), f"<{newsletter.from_address}>"]),
        fold("To", [values[TO].decode()]),
        *([fold("Reply-To", [reply_to])] if _is_plain(reply_to) else []),
        unstructured("Subject", shorten(clean(subject), _SUBJECT_LENGTH) or "-"),
        fold("Date", [values[DATE].decode()]),
        fold("Message-ID", [values[MESSAGE_ID].decode()]),
        fold("Auto-Submitted", ["auto-generated"]),
        fold("MIME-Version", ["1.0"]),
    ]
    said = (
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        f"{quoted_printable(_CONTROL.sub(' ', text))}"
    ).encode("ascii")
    top = "".join(head).encode("ascii")
    if attached is None:
        return top + said
    # Whoever wrote the mail that is attached cannot know the boundary: it depends on all of it.
    boundary = f"=_{hashlib.sha256(message_id.encode() + attached).hexdigest()[:32]}".encode()
    between = b"--" + boundary + b"\r\n"
    kind = b'Content-Type: multipart/mixed;\r\n boundary="' + boundary + b'"\r\n\r\n'
    return b"".join([top, kind, between, said, b"\r\n", between, _enclosed(attached), b"\r\n--", boundary, b"--\r\n"])


def _is_plain(address: str) -> bool:
    try:
        return encoded_recipient(address).isascii()
    except ValueError:
        return False


def _enclosed(mail: bytes) -> bytes:
    """Return a mail as a part, without the boundaries around it."""
    whole = mail.replace(b"\n", b"\r\n") if b"\r" not in mail else mail
    if _survives(whole):
        return b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n" + _FILE + whole
    encoded = encodebytes(mail).replace(b"\n", b"\r\n")
    return b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n" + _FILE + encoded


def _survives(mail: bytes) -> bool:
    """Whether a mail goes over the wire as it is: 7-bit, CRLF line ends and no other, no NUL, no line that is too long."""
    lines = mail.split(b"\r\n")
    bare = b"".join(lines)
    return mail.isascii() and not any(octet in bare for octet in (b"\r", b"\n", b"\0")) and max(map(len, lines)) <= MAX_LINE

"""From the words of a message to its encoded body: header fields, text and HTML, cut at the slots."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from newsletter.rendering.message.encode import fold, phrase, quoted_printable, unstructured
from newsletter.rendering.message.lint import (
    AUTO_SUBMITTED,
    FORM_SUB,
    LIST_ID,
    LIST_UNSUBSCRIBE,
    LIST_UNSUBSCRIBE_POST,
    REPLY_TO,
    Expectation,
)
from newsletter.rendering.message.message import DATE, MESSAGE_ID, TO, UNSUBSCRIBE, ComposedBody, Slots

_FORM_SUB = re.compile(r"v=1; [!-~]+(?: [!-~]+)*")


@dataclass(frozen=True, slots=True)
class Content:
    """All that a message says. Texts may hold placeholders; everything was cleaned before.

    Attributes:
        links: by slot name, absolute URLs that end in the slot's placeholder and must stand in both parts. With an
            ``unsubscribe`` link, the message is one to unsubscribe from by one click (RFC 8058); without, it is not.
        list_id: of the one newsletter it is about (RFC 2919); ``""``: it is about none, or about all.
        unsubscribe_mailto: address that takes ``unsubscribe`` mails; ``""``: there is none.
        is_letter: whether it was caused by one person's act; it is then marked as ``auto-generated`` (RFC 3834 section 5).
        form_sub: who filled in the form that caused it, for the Form-Sub field (draft-levine-mailbomb-header):
            ``v=1; ip=…``; ``""``: nobody did.
        picture_base: where pictures may come from; see :class:`~newsletter.rendering.lint.Expectation`.
    """

    from_name: str
    from_address: str
    reply_to: str
    list_id: str
    subject: str
    links: Mapping[str, str]
    text: str
    html: str
    unsubscribe_mailto: str = ""
    is_letter: bool = False
    form_sub: str = ""
    picture_base: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around the words of a message, each whole lines: encoded, with placeholders.

    ``top``, the Subject field, ``fields``, the text, ``between``, the HTML, ``end``: that is the message.
    """

    top: str
    fields: str
    between: str
    end: str


def assemble(content: Content, slots: Slots) -> ComposedBody:
    """Encode a message and cut it at its slots.

    Fields as RFC 5322, 2369 (List-Unsubscribe), 2919 (List-Id), 3834 (Auto-Submitted) and 8058 (List-Unsubscribe-Post) want
    them, then multipart/alternative with the text first and the HTML last (RFC 2046 section 5.1.4), both UTF-8 in
    quoted-printable.

    Raises:
        ValueError: a header text holds a control character, or ``form_sub`` is not of its form.
    """
    frame = frame_of(content, slots)
    text = quoted_printable(content.text, unbroken=slots.placeholders)
    html = quoted_printable(content.html, unbroken=slots.placeholders)
    subject = unstructured("Subject", content.subject)
    pieces, places = slots.cut("".join([frame.top, subject, frame.fields, text, frame.between, html, frame.end]))
    return ComposedBody(len(html), common_of(content, slots), pieces, places)


def frame_of(content: Content, slots: Slots) -> Frame:
    """Encode what does not depend on subject, text and HTML of ``content``.

    Raises:
        ValueError: as for :func:`assemble`.
    """
    boundary = slots.boundary()
    top = fold("From", [*phrase(content.from_name), f"<{content.from_address}>"]) + fold("To", [slots.placeholder(TO)])
    fields = [
        fold("Date", [slots.placeholder(DATE)]),
        fold("Message-ID", [slots.placeholder(MESSAGE_ID)]),
        *(fold(name, pieces) for name, pieces in _own_fields(content).items()),
        fold("MIME-Version", ["1.0"]),
        fold("Content-Type", ["multipart/alternative;", f'boundary="{boundary}"']),
        "\r\n",
        _part(boundary, "plain"),
    ]
    return Frame(top, "".join(fields), _part(boundary, "html"), f"--{boundary}--\r\n")


def common_of(content: Content, slots: Slots) -> Expectation:
    """Return what every message of ``content`` must say."""
    return Expectation(
        recipient="",
        from_name=content.from_name,
        from_address=content.from_address,
        subject=content.subject,
        fields=tuple(_own_fields(content)),
        links=tuple((name, url.removesuffix(slots.placeholder(name))) for name, url in content.links.items()),
        forbidden=slots.placeholders,
        picture_base=content.picture_base,
    )


def _own_fields(content: Content) -> dict[str, list[str]]:
    """Return the fields that not every message has, in order, each as pieces between which it may be folded."""
    fields: dict[str, list[str]] = {}
    if content.reply_to:
        fields[REPLY_TO] = [content.reply_to]
    if content.list_id:
        fields[LIST_ID] = [*phrase(content.from_name), f"<{content.list_id}>"]
    if UNSUBSCRIBE in content.links:
        url, mailto = f"<{content.links[UNSUBSCRIBE]}>", content.unsubscribe_mailto
        fields[LIST_UNSUBSCRIBE] = [f"{url},", f"<mailto:{mailto}?subject=unsubscribe>"] if mailto else [url]
        fields[LIST_UNSUBSCRIBE_POST] = ["List-Unsubscribe=One-Click"]
    if content.is_letter:
        fields[AUTO_SUBMITTED] = ["auto-generated"]
    if content.form_sub:
        if not _FORM_SUB.fullmatch(content.form_sub):
            raise ValueError("Form-Sub is not of the form 'v=1; ip=…' in printable ASCII")
        fields[FORM_SUB] = content.form_sub.split(" ")
    return fields


def _part(boundary: str, subtype: str) -> str:
    return f"--{boundary}\r\nContent-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"

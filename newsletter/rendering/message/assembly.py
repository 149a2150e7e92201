"""From the words of a message to its encoded body: header fields, text and HTML, cut at the slots."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from newsletter.rendering.message.answering import Answering
from newsletter.rendering.message.enclosed import Enclosure
from newsletter.rendering.message.encode import fold, phrase, quoted_printable, unstructured
from newsletter.rendering.message.lint import (
    AUTO_SUBMITTED,
    FORM_SUB,
    IN_REPLY_TO,
    LIST_HELP,
    LIST_ID,
    LIST_UNSUBSCRIBE,
    LIST_UNSUBSCRIBE_POST,
    REFERENCES,
    REPLY_TO,
    Expectation,
    command_url,
)
from newsletter.rendering.message.message import DATE, MESSAGE_ID, TO, UNSUBSCRIBE, ComposedBody, Slots

#: What causes a mail that is no issue (RFC 3834 section 5).
AUTO_GENERATED, AUTO_REPLIED = "auto-generated", "auto-replied"

_FORM_SUB = re.compile(r"v=1; [!-~]+(?: [!-~]+)*")


@dataclass(frozen=True, slots=True)
class Content:
    """All that a message says. Texts may hold placeholders; everything was cleaned before.

    Attributes:
        links: by slot name, absolute URLs that end in the slot's placeholder and must stand in both parts. With an
            ``unsubscribe`` link, the message is one to unsubscribe from by one click (RFC 8058); without, it is not.
        answering: where answers go.
        list_id: of the one newsletter it is about (RFC 2919); ``""``: it is about none, or about all.
        auto_submitted: what caused it, if it is no issue: :data:`AUTO_GENERATED` or :data:`AUTO_REPLIED`; ``""``: it is one.
        in_reply_to: the Message-ID of the mail that it answers, with its angle brackets; ``""``: it answers none.
        form_sub: who filled in the form that caused it, for the Form-Sub field (draft-levine-mailbomb-header):
            ``v=1; ip=…``; ``""``: nobody did.
        picture_base: where pictures may come from; see :class:`~newsletter.rendering.message.lint.Expectation`.
        pictures: those that the HTML shows by ``cid:``, each once.
    """

    from_name: str
    from_address: str
    answering: Answering
    list_id: str
    subject: str
    links: Mapping[str, str]
    text: str
    html: str
    auto_submitted: str = ""
    in_reply_to: str = ""
    form_sub: str = ""
    picture_base: str = ""
    pictures: tuple[Enclosure, ...] = ()


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around the HTML of a message: ``between`` the text and it, ``before_picture`` each, and at the ``end``."""

    between: str
    before_picture: str
    end: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around the words of a message, each whole lines: encoded, with placeholders.

    ``top``, the Subject field, ``fields``, the text, then as ``page`` says ``between``, the HTML, pictures, ``end``: that is
    the message. ``album`` is for a page with pictures, and ``page`` for one without.
    """

    top: str
    fields: str
    page: Around
    album: Around


def assemble(content: Content, slots: Slots, *, html: str = "") -> ComposedBody:
    """Encode a message and cut it at its slots.

    Fields as RFC 5322, 2369 (List-Unsubscribe), 2919 (List-Id), 3834 (Auto-Submitted) and 8058 (List-Unsubscribe-Post) want
    them, then multipart/alternative with the text first and the HTML last (RFC 2046 section 5.1.4), both UTF-8 in
    quoted-printable. Pictures make the HTML the root of a multipart/related (RFC 2387).

    Args:
        content: what it says.
        slots: gave the placeholders in it.
        html: that of ``content`` encoded, if it was before: by ``quoted_printable`` with the placeholders unbroken.

    Raises:
        ValueError: a header text holds a control character, or ``form_sub`` is not of its form.
    """
    frame = frame_of(content, slots)
    around = frame.album if content.pictures else frame.page
    text = quoted_printable(content.text, unbroken=slots.placeholders)
    html = html or quoted_printable(content.html, unbroken=slots.placeholders)
    subject = unstructured("Subject", content.subject)
    pieces, places = slots.cut("".join([frame.top, subject, frame.fields, text, around.between, html]))
    # Nothing is filled in behind the HTML, and pictures are large.
    rest = [*(f"{around.before_picture}{picture.encoded()}" for picture in content.pictures), around.end]
    last = pieces[-1] + "".join(rest).encode("ascii")
    return ComposedBody(len(html), common_of(content, slots), (*pieces[:-1], last), places)


def frame_of(content: Content, slots: Slots) -> Frame:
    """Encode what does not depend on subject, text, HTML and pictures of ``content``.

    Raises:
        ValueError: as for :func:`assemble`.
    """
    outer, inner = slots.boundary(), slots.boundary("related")
    top = fold("From", [*phrase(content.from_name), f"<{content.from_address}>"]) + fold("To", [slots.placeholder(TO)])
    fields = [
        fold("Date", [slots.placeholder(DATE)]),
        fold("Message-ID", [slots.placeholder(MESSAGE_ID)]),
        *(fold(name, pieces) for name, pieces in _own_fields(content).items()),
        fold("MIME-Version", ["1.0"]),
        fold("Content-Type", ["multipart/alternative;", f'boundary="{outer}"']),
        "\r\n",
        _part(outer, "plain"),
    ]
    related = fold("Content-Type", ["multipart/related;", 'type="text/html";', f'boundary="{inner}"'])
    return Frame(
        top,
        "".join(fields),
        page=Around(_part(outer, "html"), "", f"--{outer}--\r\n"),
        album=Around(f"--{outer}\r\n{related}\r\n{_part(inner, 'html')}", f"--{inner}\r\n", f"--{inner}--\r\n--{outer}--\r\n"),
    )


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
        reply_to=slots.mark(content.answering.reply_to),
        commands_to=slots.mark(content.answering.commands_to),
        auto_submitted=content.auto_submitted,
    )


def _own_fields(content: Content) -> dict[str, list[str]]:
    """Return the fields that not every message has, in order, each as pieces between which it may be folded."""
    fields: dict[str, list[str]] = {}
    reply_to, commands_to = content.answering.reply_to, content.answering.commands_to
    if reply_to == commands_to != "":
        # The name, as nobody should have to look at a token.
        fields[REPLY_TO] = [*phrase(content.from_name), f"<{reply_to}>"]
    elif reply_to:
        fields[REPLY_TO] = [reply_to]
    if content.in_reply_to:
        fields |= {IN_REPLY_TO: [content.in_reply_to], REFERENCES: [content.in_reply_to]}
    if content.list_id:
        fields[LIST_ID] = [*phrase(content.from_name), f"<{content.list_id}>"]
    if UNSUBSCRIBE in content.links:
        url = f"<{content.links[UNSUBSCRIBE]}>"
        # The page first: it is what RFC 8058 is about, and a client that knows it does not look further.
        fields[LIST_UNSUBSCRIBE] = [f"{url},", f"<{command_url(commands_to, 'unsubscribe')}>"] if commands_to else [url]
        fields[LIST_UNSUBSCRIBE_POST] = ["List-Unsubscribe=One-Click"]
        if commands_to:
            fields[LIST_HELP] = [f"<{command_url(commands_to, 'help')}>"]
    if content.auto_submitted:
        fields[AUTO_SUBMITTED] = [content.auto_submitted]
    if content.form_sub:
        if not _FORM_SUB.fullmatch(content.form_sub):
            raise ValueError("Form-Sub is not of the form 'v=1; ip=…' in printable ASCII")
        fields[FORM_SUB] = content.form_sub.split(" ")
    return fields


def _part(boundary: str, subtype: str) -> str:
    return f"--{boundary}\r\nContent-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"

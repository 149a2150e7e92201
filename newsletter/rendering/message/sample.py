"""A message as an editor looks at it: the very bytes that would leave, for one address, with links that open nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from newsletter.rendering.findings import Finding
from newsletter.rendering.message.lint import Expectation, lint
from newsletter.rendering.message.message import (
    CONFIRM,
    FEEDBACK,
    PREFERENCES,
    REPLY,
    TOKEN_LENGTH,
    UNSUBSCRIBE,
    ComposedBody,
    Personal,
    Slots,
)

#: A token of the right form that opens nothing.
SAMPLE_TOKEN = "preview".ljust(TOKEN_LENGTH, "-")


@dataclass(frozen=True, slots=True)
class Draft:
    """A message before it is filled in, and what it was made of.

    Attributes:
        html, text: as rendered, with the placeholders of ``slots``.
        files: names of the templates that went in.
        level: of detail, a place in :data:`~newsletter.rendering.view.detail.DETAILS`.
    """

    body: ComposedBody
    slots: Slots
    preheader: str
    html: str
    text: str
    files: tuple[str, ...]
    level: int = 0


@dataclass(frozen=True, slots=True)
class SampleMessage:
    """A message as it would be sent, with a sample token in each of its links.

    Attributes:
        html, text: the two parts before they are encoded, with line feeds.
        html_bytes: encoded size of the HTML part, which the clip limit counts.
        data: all of the message, with CRLF line ends; equal samples have equal bytes.
        expectation: what the linter expected of it.
        findings: what it found, errors too, in the order of the message.
        files: names of the templates that went in, the main one first.
        detail_level: how far the byte budget made it shorten papers: 0 is everything, the last place in
            :data:`~newsletter.rendering.view.detail.DETAILS` the least.
    """

    subject: str
    preheader: str
    html: str
    text: str
    html_bytes: int
    data: bytes
    expectation: Expectation
    findings: tuple[Finding, ...]
    files: tuple[str, ...]
    detail_level: int


def sample_personal(address: str, message_id: str, dated_at: datetime) -> Personal:
    """Return what a sample is filled in with."""
    slots = UNSUBSCRIBE, CONFIRM, PREFERENCES, FEEDBACK, REPLY
    return Personal(address, message_id, dated_at, dict.fromkeys(slots, SAMPLE_TOKEN))


def sample_of(draft: Draft, personal: Personal) -> SampleMessage:
    """Fill in a draft, and let the linter look at it.

    Raises:
        ValueError: the address is not one plain address.
    """
    data, expectation = draft.body.splice(personal), draft.body.expectation(personal)
    return SampleMessage(
        subject=draft.body.subject,
        preheader=draft.preheader,
        html=_filled(draft.html, draft.slots.placeholders),
        text=_filled(draft.text, draft.slots.placeholders),
        html_bytes=draft.body.html_bytes,
        data=data,
        expectation=expectation,
        findings=tuple(lint(data, expectation)),
        files=draft.files,
        detail_level=draft.level,
    )


def _filled(text: str, placeholders: Sequence[str]) -> str:
    for placeholder in placeholders:
        text = text.replace(placeholder, SAMPLE_TOKEN)
    return text

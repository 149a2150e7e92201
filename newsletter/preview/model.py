"""What the preview shows, and what it needs from whoever can render a digest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ReaderChoice:
    """Somebody whose digest can be looked at.

    ``key`` goes into the page's URL and says nothing about the person; ``label`` and ``detail`` are for the editor's eyes.
    """

    key: str
    label: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RenderedPreview:
    """One reader's digest as it would be sent.

    ``html_bytes`` is the size of the HTML part after encoding, as mailbox providers count it; ``papers`` how many the digest
    holds. ``issue_label`` reads like "No. 14 · Friday 21 August 2026".
    """

    subject: str
    preheader: str
    html: str
    text: str
    html_bytes: int
    papers: int
    issue_label: str
    reader_label: str


class PreviewProvider(Protocol):
    """Renders digests without sending them."""

    def readers(self) -> Sequence[ReaderChoice]:
        """Return whom one can look at, in the order to list them."""
        ...

    def render(self, reader: str) -> RenderedPreview | None:
        """Return the digest of the reader with key ``reader``; None while there is nothing to send to them.

        Raises:
            KeyError: no such reader.
            NewsletterError: the digest cannot be rendered; the message names the template and the line.
        """
        ...

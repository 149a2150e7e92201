"""How much of a digest is shown, so that it fits the byte budget: levels of detail, and the shape each gives it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from newsletter.digest.model import Correction, DigestEntry


@dataclass(frozen=True, slots=True)
class Detail:
    """How much of each paper is shown; the byte budget chooses.

    Attributes:
        cards: papers after the lead that get a card; the rest are lines.
        lead_summary, card_summary: longest summary in characters; 0: none.
        title_bytes: longest title in encoded bytes; None: whole.
        url_bytes: longest web address; a longer one is left out.
        extra_links: whether code, project and discussion are linked.
        feedback: whether the lead and the cards have links to say "more" or "less like this".
        pictures: whether papers have pictures.
        lines: papers shown as a line at most; of the rest there is only the number, and a page where they are.
        late: late bloomers shown at most; the rest as with lines. ``late_summary``: their longest summary in characters.
        corrections: shown at most; the rest as with lines.
    """

    cards: int = 4
    lead_summary: int = 330
    card_summary: int = 240
    title_bytes: int | None = None
    url_bytes: int = 500
    extra_links: bool = True
    feedback: bool = True
    pictures: bool = True
    lines: int | None = None
    late: int = 10
    late_summary: int = 160
    corrections: int = 12


_SHORT = Detail(
    cards=0, lead_summary=200, title_bytes=450, url_bytes=150, extra_links=False, feedback=False, late_summary=0, corrections=6
)
#: From everything to what fits whatever the papers are: full cards, short cards, titles, and at last "n more online". Titles
#: are first cut where no real one is as long.
DETAILS = (
    Detail(),
    Detail(title_bytes=900),
    Detail(title_bytes=900, card_summary=150),
    Detail(title_bytes=900, card_summary=0, lead_summary=240, late_summary=0),
    Detail(cards=2, title_bytes=600, card_summary=0, lead_summary=240, url_bytes=250, extra_links=False, late_summary=0),
    _SHORT,
    replace(_SHORT, lines=40),
    replace(_SHORT, lead_summary=120, title_bytes=240, pictures=False, lines=20, late=3, corrections=3),
)


@dataclass(frozen=True, slots=True)
class Sections:
    """A digest by the sections of its mail: ``top`` has one paper at least, the first of which leads."""

    top: Sequence[DigestEntry]
    late: Sequence[DigestEntry]
    corrections: Sequence[Correction]


@dataclass(frozen=True, slots=True)
class Shape:
    """How much of a digest is shown how.

    Attributes:
        cards: papers after the lead that get a card.
        rising: those after them, as lines.
        late: late bloomers.
        more_online: papers that are elsewhere.
        corrections: those shown; ``more_corrections`` are elsewhere.
    """

    cards: int
    rising: int
    late: int
    more_online: int
    corrections: int
    more_corrections: int


def shape_of(sections: Sections, detail: Detail) -> Shape:
    """Return the shape of a digest."""
    cards = min(detail.cards, len(sections.top) - 1)
    rising = len(sections.top) - 1 - cards
    shown = rising if detail.lines is None else min(rising, detail.lines)
    late = min(len(sections.late), detail.late)
    corrections = min(len(sections.corrections), detail.corrections)
    elsewhere = rising - shown + len(sections.late) - late
    return Shape(cards, shown, late, elsewhere, corrections, len(sections.corrections) - corrections)

"""Everything the checks say about one mail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from newsletter.preview.checks.abilities import Abilities, CompatibilityTable, check_abilities
from newsletter.preview.checks.access import check_access
from newsletter.preview.checks.contrast import check_contrast, texts_by_scheme
from newsletter.preview.checks.links import check_links
from newsletter.preview.checks.model import Area, MailSample, Noted
from newsletter.preview.checks.page import Page
from newsletter.preview.checks.plain import check_text
from newsletter.preview.checks.sources import Sources
from newsletter.preview.checks.spam import SpamReport
from newsletter.rendering.findings import Severity
from newsletter.rendering.message.lint import BUDGET_BYTES, CLIP_BYTES

#: Gmail leaves out a style block that is bigger (caniemail's note on html-style).
STYLE_BLOCK_BYTES = 16_000


class Fit(StrEnum):
    """How a mail's HTML stands against the limits."""

    FITS = "fits"
    BIG = "big"
    CLIPPED = "clipped"


@dataclass(frozen=True, slots=True)
class Size:
    """The gauge: encoded bytes of the HTML part, what we allow ourselves, and where mailbox providers clip."""

    html_bytes: int
    budget_bytes: int = BUDGET_BYTES
    clip_bytes: int = CLIP_BYTES

    @property
    def fit(self) -> Fit:
        """Whether it fits."""
        if self.html_bytes > self.clip_bytes:
            return Fit.CLIPPED
        return Fit.BIG if self.html_bytes > self.budget_bytes else Fit.FITS

    @property
    def share(self) -> float:
        """How much of the clip limit it takes, 0 to 1 and beyond."""
        return self.html_bytes / self.clip_bytes

    def to_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "html_bytes": self.html_bytes,
            "budget_bytes": self.budget_bytes,
            "clip_bytes": self.clip_bytes,
            "fit": self.fit.value,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What the checks say.

    Attributes:
        findings: errors first, otherwise by area in the order of :class:`~newsletter.preview.checks.model.Area` and as they
            stand in the mail.
        compatibility: None where caniemail's data is not there.
        spam: None where SpamAssassin is not there.
    """

    size: Size
    findings: tuple[Noted, ...]
    compatibility: CompatibilityTable | None = None
    spam: SpamReport | None = None

    def to_json(self) -> dict[str, object]:
        """Return it as plain values: dicts, lists, strings, numbers; keys are stable."""
        return {
            "size": self.size.to_json(),
            "findings": [noted.to_json() for noted in self.findings],
            "compatibility": None if self.compatibility is None else self.compatibility.to_json(),
            "spam": None if self.spam is None else self.spam.to_json(),
        }


def examine(sample: MailSample, *, abilities: Abilities | None, spam: SpamReport | None) -> Report:
    """Look at a mail with every check.

    Pure, and linear in the size of the mail. ``abilities`` are caniemail's data if there, ``spam`` what SpamAssassin said of
    ``sample.data`` (:func:`~newsletter.preview.checks.spam.spam_score`) if it was asked.
    """
    page, sources = Page.of(sample.html), Sources(sample.files)
    table = None if abilities is None else check_abilities(sample.html, sample.files, abilities)
    findings = [Noted(each.rule, each.problem, each.severity, Area.LINTER) for each in sample.lint]
    findings += check_links(sample, page, sources)
    texts = texts_by_scheme(page)
    findings += check_access(page, texts["light"], sources)
    findings += check_contrast(texts, sources)
    findings += _style_blocks(page)
    findings += [] if table is None else _without_fallback(table)
    findings += check_text(sample.text)
    findings.sort(key=lambda noted: noted.severity is not Severity.ERROR)
    # Equal ones are of elements that nobody can tell apart: on one line, and begun alike.
    return Report(Size(sample.html_bytes), tuple(dict.fromkeys(findings)), table, spam)


def _style_blocks(page: Page) -> Iterator[Noted]:
    for style in page.styles:
        size = len(style.css.encode("utf-8", "replace"))
        if size > STYLE_BLOCK_BYTES:
            problem = f"a style block of {size} bytes; Gmail leaves out one of more than {STYLE_BLOCK_BYTES}"
            place = f"<style> (HTML line {style.line})"
            yield Noted("style-block-size", problem, Severity.WARNING, Area.COMPATIBILITY, place)


def _without_fallback(table: CompatibilityTable) -> Iterator[Noted]:
    names = {client.key: client.name for client in table.clients}
    for use in table.uses:
        lacking = use.unsupported_in()
        if lacking and not use.fallback:
            problem = f"{use.title}: not in {', '.join(names[key] for key in lacking)}; no fallback for it is written down"
            place = use.places[0] if use.places else ""
            yield Noted("no-fallback", problem, Severity.WARNING, Area.COMPATIBILITY, place)

"""What the checks look at, and the form of what they find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from newsletter.rendering.findings import Finding, Severity


@dataclass(frozen=True, slots=True)
class MailSample:
    """One mail as it would leave.

    Attributes:
        preheader: the visible sentence that clients show beside the subject.
        html, text: its two parts, decoded.
        data: the whole message, as in an ``.eml`` file.
        html_bytes: size of the HTML part after encoding, as mailbox providers count it.
        lint: what the linter found in it.
        files: name and source text of every template file that went into it; findings name their lines.
    """

    subject: str
    preheader: str
    html: str
    text: str
    data: bytes
    html_bytes: int
    lint: Sequence[Finding] = ()
    files: Mapping[str, str] = field(default_factory=dict)


class Area(StrEnum):
    """What a finding is about."""

    LINTER = "linter"
    LINKS = "links"
    ACCESSIBILITY = "accessibility"
    CONTRAST = "contrast"
    COMPATIBILITY = "compatibility"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Noted:
    """One thing a check found: a stable ``rule`` name, the ``problem`` in words, and where.

    ``place`` is ``template file:line`` where that is known, else the element as it begins (``<a href="https://…">``) with its
    line in the HTML; ``""`` if it is about the whole mail. All three may quote the mail: text to be escaped.
    """

    rule: str
    problem: str
    severity: Severity
    area: Area
    place: str = ""

    def to_json(self) -> dict[str, str]:
        """Return it as plain values."""
        return {
            "rule": self.rule,
            "problem": self.problem,
            "severity": self.severity.value,
            "area": self.area.value,
            "place": self.place,
        }

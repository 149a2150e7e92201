"""What a check found in a template or a message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Whether a finding stops the message."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the linter found: a stable ``rule`` name, and the ``problem`` in words (without any address or token)."""

    rule: str
    problem: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        return f"{self.severity} {self.rule}: {self.problem}"


def errors_in(findings: Sequence[Finding]) -> list[Finding]:
    """Return those findings that stop a message."""
    return [finding for finding in findings if finding.severity is Severity.ERROR]

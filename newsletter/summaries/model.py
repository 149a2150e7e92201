"""What a written summary is for, and how asking for one fails."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from newsletter.errors import NewsletterError


class SummaryError(NewsletterError):
    """The service gave no summary that can be used."""

    def __init__(self, problem: str, *, hint: str) -> None:
        super().__init__(f"summaries: {problem}; {hint}")
        self.problem, self.hint = problem, hint


@dataclass(frozen=True, slots=True)
class SummaryReport:
    """What became of a run: summaries written, requests that failed, and why it ended early, "" if it did not."""

    written: int = 0
    failed: int = 0
    problem: str = ""


def fingerprint(title: str, abstract: str, model: str) -> str:
    """Return what a summary is of: 32 hex digits that differ where the text or the model does."""
    told = "\0".join((title, abstract, model))
    return hashlib.sha256(told.encode(errors="surrogatepass")).hexdigest()[:32]

"""Tables of phrases, as they are written in the modules that hold the words of mail programs."""

from __future__ import annotations


def phrases(table: str) -> tuple[str, ...]:
    """Return the phrases of a table in their order: parted by bars, with single blanks between their words."""
    return tuple(" ".join(phrase.split()) for phrase in table.split("|") if phrase.strip())

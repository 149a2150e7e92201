"""Cells of a CSV file that a spreadsheet may open: what would start a formula is guarded, and comes back as it was."""

from __future__ import annotations

#: First characters that make a spreadsheet compute (CVE-2021-3188), and the guard itself, so that every text comes back.
_GUARDED = frozenset("=+-@\t\r'")


def guard(text: str) -> str:
    """Return ``text`` with an apostrophe in front where a spreadsheet would take it for a formula."""
    return f"'{text}" if text[:1] in _GUARDED and text else text


def unguard(text: str) -> str:
    """Return what :func:`guard` was given; any other text as it is."""
    return text[1:] if text[:1] == "'" and text[1:2] in _GUARDED and len(text) > 1 else text

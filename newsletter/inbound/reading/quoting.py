"""What the sender of a mail wrote himself: without what he answers to, signatures and the lines that programs add."""

from __future__ import annotations

import re

from newsletter.inbound.reading.html import text_of
from newsletter.inbound.reading.mail import Mail
from newsletter.inbound.reading.quoting_words import (
    FOOTER_ENDS,
    FOOTER_FRAMES,
    FOOTER_STARTS,
    FORWARDED,
    FROM_LABELS,
    LEAD_IN,
    OTHER_LABELS,
    WROTE,
)

#: Letters and lines that are looked at: what somebody wants of us stands at the top.
MAX_LETTERS = 200_000
MAX_LINES = 2_000
_ATTRIBUTION_LINES = 3
_LONGEST_ATTRIBUTION = 400
_LONGEST_FOOTER = 150
#: Lines in which the fields of an answered mail are looked for, and how many of them make a block.
_BLOCK_LINES = 8
_BLOCK_FIELDS = 3
#: Invisible marks that programs leave at the ends of lines.
_EDGES = " \t\xa0\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u2060\ufeff"
_COLONS = (":", "\uff1a")
#: What lines between two texts are drawn with, and how many of them are one.
_STROKES = "-_=*\u2500\u2501\u2014\u2015"
#: Likewise where a title stands between: stars are for what is meant to be seen.
_TITLE_STROKES = _STROKES.replace("*", "")
_RULE_LENGTH = 20
_TITLED_LENGTH = 3
_LABEL = re.compile(r"[\s*|]{0,8}([^\s:\uff1a*][^:\uff1a*]{0,24})[\s*]{0,4}[:\uff1a]")
_SIGNATURE = frozenset({"--", "- --", "\u2014", "\u2013\u2013"})
_LEFT_OUT = re.compile(
    r"[_-]signature\b|mobile-signature|applemailsignature|\bid\s?=\s?[\"']?(?:x_)?signature\b|\bname\s?=\s?[\"']?quote\b"
    r"|yahoo_quoted|protonmail_quote|tutanota_quote|zmail_extra|__quoted_text__|ntes-mailmaster-quote",
    re.IGNORECASE,
)


def own_words(mail: Mail) -> str:
    """Return what the sender wrote himself, in lines; ``""`` if that is nothing.

    What he answers to goes (marked lines, lines that introduce it, and all from a block of fields like "From: … Sent: …" on),
    whether he wrote above, below or between; so do signatures and lines like "Sent from my iPhone", in the usual languages. A
    mail that is only HTML is turned to text first.
    """
    texts = (
        part.text if part.content_type == "text/plain" else text_of(part.text, leave_out=_LEFT_OUT)
        for part in mail.readable_parts
    )
    return without_quotes("\n".join(texts))


def without_quotes(text: str) -> str:
    """Return a text as :func:`own_words` does."""
    lines = [line.strip(_EDGES) for line in text[:MAX_LETTERS].split("\n", MAX_LINES)[:MAX_LINES]]
    kept: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.startswith(">"):
            at += 1
            continue
        if line and _is_end(line, has_words=any(kept)):
            break
        length = _attribution(lines, at)
        if length:
            if not _is_quoted(lines, at + length):
                break
            at += length
            continue
        if _is_block(lines, at):
            break
        if not _is_footer(line):
            kept.append(line)
        at += 1
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def _is_end(line: str, *, has_words: bool) -> bool:
    """Say whether nothing from this line on is the sender's own."""
    if line in _SIGNATURE or line.casefold().rstrip(": \xa0\uff1a") in FORWARDED:
        return True
    if not line.strip(_STROKES):
        return has_words and len(line) >= _RULE_LENGTH
    title = line.lstrip(_TITLE_STROKES)
    if len(line) - len(title) < _TITLED_LENGTH:
        return False
    # Samsung's program writes on behind it.
    return len(title) - len(title.rstrip(_TITLE_STROKES)) >= _TITLED_LENGTH or "-----" in title


def _is_footer(line: str) -> bool:
    """Say whether a program put this line there."""
    if not 0 < len(line) <= _LONGEST_FOOTER:
        return False
    line = line.casefold().rstrip(".\u3002 ")
    return (
        line.startswith(FOOTER_STARTS)
        or line.endswith(FOOTER_ENDS)
        or any(line.startswith(start) and line.endswith(end) for start, end in FOOTER_FRAMES)
    )


def _is_quoted(lines: list[str], at: int) -> bool:
    """Say whether the next line that is not empty is marked as quoted."""
    following = next((line for line in lines[at : at + 4] if line), "")
    return following.startswith(">")


def _attribution(lines: list[str], at: int) -> int:
    """Return how many lines from ``at`` on introduce a quoted text, like "On Monday Ada Example wrote:"; 0: none."""
    joined = ""
    for count in range(1, _ATTRIBUTION_LINES + 1):
        line = lines[at + count - 1] if at + count <= len(lines) else ""
        if not line or line.startswith(">") or len(joined) + len(line) > _LONGEST_ATTRIBUTION:
            return 0
        joined = f"{joined} {line}" if joined else line
        if count == 1 and not line.endswith(_COLONS) and not LEAD_IN.match(line):
            return 0
        if joined.endswith(_COLONS):
            return count if _introduces(joined, is_quoted=_is_quoted(lines, at + count)) else 0
    return 0


def _introduces(line: str, *, is_quoted: bool) -> bool:
    has_source = "@" in line or any(letter.isdigit() for letter in line)
    small = line.casefold()
    if any(word in small for word in WROTE):
        return has_source or is_quoted
    # In whatever language: a date or an address before marked lines; or, as Apple and Google write it, both.
    return has_source and (is_quoted or ("@" in line and LEAD_IN.match(line) is not None))


def _is_block(lines: list[str], at: int) -> bool:
    """Say whether the fields of an answered mail begin here, as Outlook puts them above it."""
    if not _label_of(lines[at]):
        return False
    labels = {_label_of(line) for line in lines[at : at + _BLOCK_LINES]} - {""}
    return len(labels) >= _BLOCK_FIELDS and not labels.isdisjoint(FROM_LABELS)


def _label_of(line: str) -> str:
    """Return the name of the field that a line gives, in small letters; ``""`` if it gives none."""
    match = _LABEL.match(line)
    label = match[1].strip().casefold() if match else ""
    return label if label in FROM_LABELS or label in OTHER_LABELS else ""

"""What a service wrote, made fit to keep or refused. Pure.

A model answers to whoever wrote the abstract as well: its words are as little trusted as theirs.
"""

from __future__ import annotations

import re
import unicodedata

from newsletter.papers.clean import clean_text
from newsletter.summaries.model import SummaryError

#: Characters of a summary.
LEAST, MOST = 40, 400
#: Share of an answer's words that are the paper's too. Of 4,300 summaries by a model, 99.9 % have more; of refusals and
#: advertisements 0.1 % do.
LEAST_SHARED = 0.5
REFUSED = "nothing to do; without it the abstract's own sentences are shown"

#: Longer than any answer to be used; some models think aloud first.
_LOOKED_AT = 20_000
_ADDRESS = re.compile(
    r"://|\bwww\.|@[\w-]+\.\w|\b[\w-]{1,63}\.(?:com|org|net|io|ai|dev|app|info|biz|xyz|ru|cn|co|me|link|click|top|site|online|shop|ly)\b",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"<[a-z!/?]|&#?\w+;|\{\{|\{%|\]\(|\[\[", re.IGNORECASE)
_EMPHASIS = re.compile(r"\*\*|__|`+|^[\s#>*-]+", re.MULTILINE)
_LABEL = re.compile(r"(?:summary|tl;?dr|abstract)\s*:\s*", re.IGNORECASE)
_REFUSAL = re.compile(
    r"(?:i['\u2019]m|i am|i can(?:no|['\u2019])t|i will not|as an? (?:ai|language)|sorry|unfortunately|sure\b|certainly"
    r"|of course|here(?:['\u2019]s| is| are)\b|please\b|okay|ok\b|the (?:user|json|message)\b)",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"""[.!?]["'\u201d\u2019)]*(?=\s|$)""")
_LONG_WORD = re.compile(r"[^\W\d_]{4,}")


def fit(answer: str, material: str) -> str:
    """Return ``answer`` as one paragraph of whole sentences, ``MOST`` characters at most, without markup or invisible signs.

    Args:
        answer: what the service wrote.
        material: the title and the abstract it was given.

    Raises:
        SummaryError: it is empty, too short, a refusal, holds an address or markup, or is about something else.
    """
    text = answer[:_LOOKED_AT]
    if text.lstrip().startswith("<think>"):
        text = text.partition("</think>")[2]
    text = clean_text("".join(_visible(character) for character in _EMPHASIS.sub("", text)), _LOOKED_AT)
    text = _LABEL.sub("", text, count=1) if _LABEL.match(text) else text
    if len(text) > 1 and text[0] in "\"'\u201c" and text[-1] in "\"'\u201d":
        text = text[1:-1].strip()
    if _ADDRESS.search(text):
        raise SummaryError("the answer holds an address", hint=REFUSED)
    if _MARKUP.search(text):
        raise SummaryError("the answer holds markup", hint=REFUSED)
    if _REFUSAL.match(text):
        raise SummaryError("the answer is talk, not a summary", hint=REFUSED)
    text = _whole_sentences(text)
    if len(text) < LEAST:
        raise SummaryError("the answer has no whole sentence, or is too short", hint=REFUSED)
    if _shared(text, material) < LEAST_SHARED:
        raise SummaryError("the answer is not about the paper", hint=REFUSED)
    return text


def _whole_sentences(text: str) -> str:
    """Return the sentences that fit; a single one without its full stop gets it."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text[: MOST + 1]) if match.end() <= MOST]
    if ends:
        return text[: ends[-1]]
    return f"{text}." if 0 < len(text) < MOST and text[-1].isalnum() else ""


def _visible(character: str) -> str:
    """Return a blank for white space and nothing for controls, formatting and what is no character."""
    if character.isspace():
        return " "
    return "" if unicodedata.category(character).startswith("C") else character


def _shared(text: str, material: str) -> float:
    """Return the share of longer words, by their first five letters, that occur in ``material`` as well."""
    known = {word[:5] for word in _LONG_WORD.findall(material.lower())}
    words = [word[:5] for word in _LONG_WORD.findall(text.lower())]
    return sum(word in known for word in words) / len(words) if words else 0.0

"""By which names a paper is known: arXiv id, DOI, title fingerprint. Pure.

A name is ``arxiv:<versionless id>``, ``doi:<lower-case DOI>`` or ``title:<fingerprint>``; the store keeps each name for one
paper only. Every name fits 320 characters.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import unquote

from newsletter.papers.model import Paper, PaperRecord

MAX_DOI = 300
#: Longest fingerprint that is kept as it is; a longer one ends in a hash.
MAX_FINGERPRINT = 300

_PREFIX = re.compile(
    r"""(?ix)
      https?://(?:[a-z0-9-]+\.)*arxiv\.org/(?:abs|pdf|html|format|e-print|src|ps|list)/
    | https?://(?:www\.)?huggingface\.co/papers/
    | (?:https?://(?:dx\.|www\.)?doi\.org/ | doi:\s*)?10\.48550/arxiv\.
    | oai:arxiv\.org:
    | arxiv:\s*
    """
)
_NEW_ID = re.compile(r"(\d{2}(?:0[1-9]|1[0-2])\.\d{4,5})(?:v([1-9]\d{0,3}))?", re.ASCII)
_OLD_ID = re.compile(r"([a-z]+(?:-[a-z]+)*)(?:\.[a-z]{2})?/(\d{2}(?:0[1-9]|1[0-2])\d{3})(?:v([1-9]\d{0,3}))?", re.ASCII)
_DOI_PREFIX = re.compile(r"(?i)(?:https?://(?:dx\.|www\.)?doi\.org/|info:doi/|doi:)\s*")
_DOI = re.compile(r"10\.\d{4,9}(?:\.\d+)*/\S+", re.ASCII)
#: TeX commands that change how letters look, not which they are.
_STYLING = re.compile(
    r"\\(?:text(?:bf|it|tt|rm|sf|sc|sl|normal|up|md)?|math(?:bf|it|tt|rm|sf|cal|bb|frak|scr|normal)"
    r"|emph|operatorname|boldsymbol|bm|em|bf|it|rm|sf|tt|sc|sl|left|right|mbox)(?![A-Za-z])"
)


class ArxivName(NamedTuple):
    """An arXiv identifier: the versionless id as arXiv writes it, and the version (from 1), None if none was given."""

    id: str
    version: int | None


def parse_arxiv_id(text: str) -> ArxivName | None:
    """Read an arXiv identifier in any of its usual forms.

    New style (``2611.01234v2``), old style (``quant-ph/0201082v1``, ``math.GT/0309136``: the subject class is dropped, as arXiv
    does), the addresses of its abstract and PDF pages, ``arXiv:…``, ``oai:arXiv.org:…`` and the DOI ``10.48550/arXiv.…``.
    Source: https://info.arxiv.org/help/arxiv_identifier.html

    Returns:
        None if ``text`` as a whole is not one.
    """
    rest = text.strip()
    if len(rest) > MAX_DOI:
        return None
    if prefix := _PREFIX.match(rest):
        rest = re.split(r"[?#]", rest[prefix.end() :], maxsplit=1)[0].rstrip("/")
    rest = rest.lower().removesuffix(".pdf")
    if new := _NEW_ID.fullmatch(rest):
        return ArxivName(new[1], int(new[2]) if new[2] else None)
    if old := _OLD_ID.fullmatch(rest):
        return ArxivName(f"{old[1]}/{old[2]}", int(old[3]) if old[3] else None)
    return None


def end_of_arxiv_month(arxiv_id: str) -> datetime:
    """Return the last second of the month in which arXiv gave out ``arxiv_id`` (versionless), aware UTC."""
    digits = arxiv_id.rpartition("/")[2]
    year, month = int(digits[:2]), int(digits[2:4])
    year += 1900 if year >= 91 else 2000  # arXiv began in 1991
    following = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    return following - timedelta(seconds=1)


def normal_doi(text: str) -> str | None:
    """Return a DOI in lower case without resolver or ``doi:``, or None if ``text`` is none or it is over 300 characters.

    DOIs are compared without regard to case (DOI Handbook, section 2.4).
    """
    rest = text.strip()
    if prefix := _DOI_PREFIX.match(rest):
        rest = rest[prefix.end() :]
        if prefix[0].lower().startswith("http"):
            rest = unquote(re.split(r"[?#]", rest, maxsplit=1)[0])
    rest = rest.rstrip(".,;").lower()
    return rest if len(rest) <= MAX_DOI and _DOI.fullmatch(rest) else None


def first_doi(text: str) -> str | None:
    """Return the first DOI of a field that may list several, separated by blanks, commas or semicolons."""
    for part in re.split(r"[,;]?\s+|[,;](?=10\.\d)", text.strip()):
        if doi := normal_doi(part):
            return doi
    return None


def fingerprint(title: str) -> str | None:
    """Return what is left of a title when its looks are taken away, or None if it has neither letter nor digit.

    Unicode compatibility forms, case, spaces, punctuation, TeX dollars, braces and styling commands do not count. Combining
    marks do: in many scripts they are the vowels. At most 300 characters; a longer one is cut and ends in a SHA-256.
    """
    plain = unicodedata.normalize("NFKC", _STYLING.sub("", title))
    plain = unicodedata.normalize("NFKC", plain.casefold())
    kept = "".join(sign for sign in plain if unicodedata.category(sign)[0] in "LNM")
    if not any(sign.isalnum() for sign in kept):
        return None
    if len(kept) <= MAX_FINGERPRINT:
        return kept
    # The hyphen never occurs in a plain fingerprint, so the two kinds cannot collide.
    return f"{kept[:200]}-{hashlib.sha256(kept.encode()).hexdigest()}"


def names_of(paper: PaperRecord | Paper) -> tuple[str, ...]:
    """Return every name of a record or paper, most certain first; empty if nothing identifies it."""
    names = []
    if paper.arxiv_id:
        names.append(f"arxiv:{paper.arxiv_id}")
    if paper.doi:
        names.append(f"doi:{paper.doi}")
    if mark := fingerprint(paper.title):
        names.append(f"title:{mark}")
    return tuple(names)


def name_from(reference: str) -> str | None:
    """Return the name that a person's or another program's reference stands for: a name, an arXiv id or a DOI in any form."""
    text = reference.strip()
    if arxiv := parse_arxiv_id(text):
        return f"arxiv:{arxiv.id}"
    if doi := normal_doi(text):
        return f"doi:{doi}"
    return text if text.startswith("title:") else None

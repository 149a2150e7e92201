"""Outside text made safe to keep: no control characters, no broken Unicode, no unbounded length. Pure.

Text stays verbatim otherwise, right-to-left marks included: escaping is the business of whoever writes it into HTML or headers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from urllib.parse import urlsplit

from newsletter.papers.identity import normal_doi, parse_arxiv_id
from newsletter.papers.model import Observation, PaperRecord, Signal

MAX_TITLE = 20_000
MAX_ABSTRACT = 50_000
MAX_SUMMARY = 10_000
MAX_NAME = 300
MAX_AUTHORS = 5_000
MAX_LABELS = 200
MAX_URL = 2_000
#: The largest whole number a column holds.
MAX_COUNT = 2**31 - 1
#: From when and before when a signal may have been measured: what its seconds since 1970 have room for.
MEASURED_FROM = datetime(1970, 1, 1, tzinfo=UTC)
MEASURED_BEFORE = datetime(2106, 1, 1, tzinfo=UTC)

#: C0 and C1 controls, unpaired surrogates, and the code points that are never characters (XML 1.0 section 2.2 refuses them).
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_BREAKS = str.maketrans(dict.fromkeys("\t\n\v\f\r\x1c\x1d\x1e\x1f\x85", " "))


def clean_text(text: str, limit: int) -> str:
    """Return ``text`` on one line: white space folded, unfit characters dropped, at most ``limit`` characters."""
    if not text.isprintable():
        text = _UNFIT.sub("", text.translate(_BREAKS))
    return " ".join(text.split())[:limit].rstrip()


def clean_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return people's names cleaned, in order, without empty ones. Two authors of one paper may share a name."""
    return tuple(fit for name in islice(names, MAX_AUTHORS) if (fit := clean_text(name, MAX_NAME)))


def clean_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """Return categories or keywords cleaned, in order, each once whatever its case."""
    kept: dict[str, str] = {}
    for label in islice(labels, MAX_LABELS):
        if fit := clean_text(label, MAX_NAME):
            kept.setdefault(fit.casefold(), fit)
    return tuple(kept.values())


def clean_url(text: str) -> str:
    """Return an ``http`` or ``https`` address that is safe to print as a link, else ``""``."""
    url = text.strip()
    if len(url) > MAX_URL or not url.isprintable() or any(sign in url for sign in ' \\"<>^`{|}'):
        return ""
    try:
        parts = urlsplit(url)
        fit = parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:  # a broken port or IPv6 address
        return ""
    return url if fit else ""


def clean_count(value: object) -> int | None:
    """Return a whole number from 0 that a column can hold, else None."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT:
        return value
    return None


def parse_instant(text: object) -> datetime | None:
    """Read an ISO 8601 instant or date as aware UTC (a date is its midnight, no zone is UTC); None if it is neither."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return fit_instant(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment)


def fit_instant(moment: datetime | None) -> datetime | None:
    """Return an aware instant as UTC, or None for a year that no paper can be of (arithmetic on it could overflow)."""
    return moment.astimezone(UTC) if moment is not None and 1800 <= moment.year <= 2200 else None


def clean_record(record: PaperRecord) -> PaperRecord:
    """Return ``record`` with every field fit to keep. An id that is none becomes None; cleaning twice changes nothing."""
    arxiv = parse_arxiv_id(record.arxiv_id) if record.arxiv_id else None
    doi = normal_doi(clean_text(record.doi, MAX_URL)) if record.doi else None
    if doi and (of_arxiv := parse_arxiv_id(doi)):
        arxiv, doi = arxiv or of_arxiv, None
    version = clean_count(record.version) or (arxiv.version if arxiv else None)
    return replace(
        record,
        title=clean_text(record.title, MAX_TITLE),
        abstract=clean_text(record.abstract, MAX_ABSTRACT),
        arxiv_id=arxiv.id if arxiv else None,
        version=version if arxiv or doi else None,
        doi=doi,
        authors=clean_names(record.authors),
        author_count=clean_count(record.author_count),
        summary=clean_text(record.summary, MAX_SUMMARY),
        categories=clean_labels(record.categories),
        keywords=clean_labels(record.keywords),
        organization=clean_text(record.organization, MAX_NAME),
        published_at=fit_instant(record.published_at),
        listed_at=fit_instant(record.listed_at),
        code_url=clean_url(record.code_url),
        project_url=clean_url(record.project_url),
        discussion_url=clean_url(record.discussion_url),
        thumbnail_url=clean_url(record.thumbnail_url),
        withdrawn_at=fit_instant(record.withdrawn_at),
    )


def clean_signal(signal: Signal) -> Signal | None:
    """Return ``signal`` fit to keep, to the whole second; None if it measured nothing, or at an instant that cannot be."""
    votes, comments, stars = clean_count(signal.votes), clean_count(signal.comments), clean_count(signal.stars)
    observed_at = fit_instant(signal.observed_at)
    if observed_at is None or not MEASURED_FROM <= observed_at < MEASURED_BEFORE:
        return None
    if votes is None and comments is None and stars is None:
        return None
    return Signal(signal.source, observed_at.replace(microsecond=0), votes, comments, stars)


def clean_observation(observation: Observation) -> Observation:
    """Return an observation whose record and signals are fit to keep."""
    return Observation(
        clean_record(observation.record),
        clean_signal(observation.signal) if observation.signal else None,
        tuple(fit for signal in observation.history if (fit := clean_signal(signal))),
    )

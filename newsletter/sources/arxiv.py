"""What arXiv's API and its announcement feeds have in common. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from newsletter.papers.identity import first_doi, parse_arxiv_id
from newsletter.papers.model import PaperRecord
from newsletter.sources.feed import FeedItem

NO_ARXIV_ID = "no arXiv id"
ERROR_ENTRY = "error entry"

_EASTERN = ZoneInfo("America/New_York")
#: New papers appear at midnight Eastern time; an hour later the index has caught up.
_FRESH_AFTER = timedelta(hours=1)

#: A withdrawal is a new version whose comment or abstract says so in words; no field tells it.
_WITHDRAWN = re.compile(
    r"(?i)\b(?:this|the)\s+(?:\w+\s+)?(?:paper|article|submission|manuscript|preprint|work|version|note|thesis)\s+"
    r"(?:has\s+been|have\s+been|was|is)\s+(?:\w+\s+)?withdrawn\b(?!\s+from\s+(?!arxiv))"
)
_WITHDRAWN_COMMENT = re.compile(r"(?i)\W*(?:paper\s+)?withdrawn\b(?!\s+from\s+(?!arxiv))")
#: How far into an abstract a notice of withdrawal may begin; a paper *about* withdrawals says the words later.
_NOTICE_WITHIN = 60


def start_of_arxiv_day(now: datetime) -> datetime:
    """Return when arXiv's present day of results began: they change once a day, so asking once after it is enough."""
    local = now.astimezone(_EASTERN) - _FRESH_AFTER
    return (local.replace(hour=0, minute=0, second=0, microsecond=0) + _FRESH_AFTER).astimezone(now.tzinfo)


def is_withdrawn(*, comment: str, abstract: str) -> bool:
    """Whether the words of a version say that the paper was withdrawn (from arXiv, not from a conference)."""
    if _WITHDRAWN_COMMENT.match(comment) or _WITHDRAWN.search(comment[:2000]):
        return True
    notice = _WITHDRAWN.search(abstract[:1000])
    return notice is not None and notice.start() <= _NOTICE_WITHIN


def arxiv_record(
    item: FeedItem,
    *,
    abstract: str,
    authors: tuple[str, ...],
    listed_at: datetime | None,
    published_at: datetime | None,
) -> PaperRecord | None:
    """Return the record of an entry that arXiv made, None if it has no arXiv id."""
    number = parse_arxiv_id(item.id) or parse_arxiv_id(item.link)
    if number is None:
        return None
    primary = item.fields.get("arxiv:primary_category", "")
    withdrawn = is_withdrawn(comment=item.fields.get("arxiv:comment", ""), abstract=abstract)
    return PaperRecord(
        title=item.title,
        abstract=abstract,
        arxiv_id=number.id,
        version=number.version,
        doi=first_doi(item.fields.get("arxiv:doi", "") or item.fields.get("arxiv:DOI", "")),
        authors=authors,
        categories=(primary, *item.categories),
        published_at=published_at,
        listed_at=listed_at,
        withdrawn_at=(item.updated_at or item.published_at) if withdrawn else None,
    )

"""OpenAlex: new works that a filter or a search finds.

API: https://docs.openalex.org (GET /works), read by cursor. Who gives an address with ``mailto`` is served better; the one of
``http.contact`` is given. Citations are no votes of today's readers, so no signal is made of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from newsletter.config import OpenAlexConfig
from newsletter.papers.clean import MAX_ABSTRACT, MAX_LABELS
from newsletter.papers.identity import ArxivName, normal_doi, parse_arxiv_id
from newsletter.papers.model import Observation, PaperRecord
from newsletter.sources.answers import appeared_at, days_asked, object_of, objects_of, text_of
from newsletter.sources.base import Batch, FetchWindow, SourceError
from newsletter.sources.credential import credential_of
from newsletter.sources.http import NEXT_RUN, PoliteClient
from newsletter.sources.index import Page, Question, ask
from newsletter.sources.markup import without_markup

NAME = "openalex"
PER_PAGE = 100
SELECT = (
    "id,doi,title,publication_date,type,authorships,abstract_inverted_index,locations,primary_topic,keywords,"
    "is_retracted,is_paratext"
)
#: Works of these types are not papers, whatever a filter lets through.
NO_PAPERS = frozenset(
    {
        "dataset",
        "editorial",
        "erratum",
        "grant",
        "libguides",
        "paratext",
        "peer-review",
        "reference-entry",
        "retraction",
        "supplementary-materials",
    }
)
#: Locations looked at for an arXiv id.
MAX_LOCATIONS = 50
#: Longest word kept of an abstract; one position holds one word.
MAX_WORD = 200

NO_PAPER = "work that is not a paper"
NO_DATE = "no date of publication"


class OpenAlex:
    """The source. Without a period it asks for works of the last ``days_back`` days.

    Args:
        contact: as in ``http.contact``; given to the service if it is an e-mail address.
    """

    name = NAME

    def __init__(self, config: OpenAlexConfig, *, contact: str) -> None:
        self._config, self._contact = config, contact.strip()

    def fetch(self, http: PoliteClient, window: FetchWindow) -> Iterator[Batch]:
        """Ask for the newest works; see :class:`newsletter.sources.service.Source`."""
        first, last = days_asked(window, days_back=self._config.days_back)
        dates = f"from_publication_date:{first},to_publication_date:{last}"
        params: dict[str, str | int] = {
            "filter": ",".join(part for part in (self._config.filter.strip().strip(","), dates) if part),
            "select": SELECT,
            "sort": "publication_date:desc",
            "per-page": min(PER_PAGE, self._config.max_papers),
        }
        if self._config.search:
            params["search"] = self._config.search
        if re.fullmatch(r"[^\s@:/<>]+@[^\s@:/<>]+", self._contact):
            params["mailto"] = self._contact
        question = Question(
            source=NAME,
            config=self._config,
            params=params,
            cursor="cursor",
            begin="*",
            id_key="id",
            read_page=read_page,
            read_entry=lambda entry: read_entry(entry, now=window.now),
            credential=credential_of(self._config, source=NAME, name="api_key", in_query=True),
        )
        yield from ask(http, question, window)


def read_page(payload: dict[str, object]) -> Page:
    """Read an answer.

    Raises:
        SourceError: it is no list of works.
    """
    entries = payload.get("results")
    if not isinstance(entries, list):
        raise SourceError(NAME, "the answer holds no works", hint=NEXT_RUN, transient=True)
    return Page(entries, text_of(object_of(payload, "meta"), "next_cursor"))


def read_entry(entry: dict[str, object], *, now: datetime) -> Observation | str:
    """Read one work, or tell why it cannot be taken in. Pure.

    The service does not say when it listed a work: what counts is when that appeared. A retraction has no date there either, so
    it counts from ``now``, when it was first read of.
    """
    if entry.get("is_paratext") is True or text_of(entry, "type") in NO_PAPERS:
        return NO_PAPER
    locations = objects_of(entry, "locations")[:MAX_LOCATIONS]
    arxiv = _arxiv_id(locations)
    doi = normal_doi(text_of(entry, "doi"))
    if not text_of(entry, "publication_date") and arxiv is None:
        return NO_DATE
    authorships = objects_of(entry, "authorships")
    topic = object_of(entry, "primary_topic")
    pages = (text_of(location, "landing_page_url") for location in locations)
    record = PaperRecord(
        title=without_markup(text_of(entry, "title")),
        abstract=without_markup(abstract_of(entry.get("abstract_inverted_index"))),
        arxiv_id=arxiv.id if arxiv else None,
        doi=doi,
        authors=tuple(
            text_of(object_of(authorship, "author"), "display_name") or text_of(authorship, "raw_author_name")
            for authorship in authorships
        ),
        categories=tuple(text_of(object_of(topic, key), "display_name") for key in ("field", "subfield")),
        keywords=tuple(text_of(keyword, "display_name") for keyword in objects_of(entry, "keywords")[:MAX_LABELS]),
        organization=_first_institution(authorships),
        published_at=appeared_at(entry.get("publication_date"), now=now),
        project_url="" if arxiv or doi else next(filter(None, pages), text_of(entry, "id")),
        withdrawn_at=now if entry.get("is_retracted") is True else None,
    )
    return Observation(record)


def abstract_of(index: object) -> str:
    """Return the abstract that an inverted index stands for: each word with its positions, counted from 0.

    Positions out of reach and words of unlikely length are cut off, so that a small answer cannot become a huge text.
    """
    words: dict[int, str] = {}
    for word, positions in index.items() if isinstance(index, dict) else ():
        for position in positions if isinstance(positions, list) else ():
            if type(position) is int and 0 <= position < MAX_ABSTRACT:
                words.setdefault(position, word[:MAX_WORD])
    text, length = [], 0
    for _, word in sorted(words.items()):
        text.append(word)
        length += len(word) + 1
        if length > MAX_ABSTRACT:
            break
    return " ".join(text)


def _arxiv_id(locations: list[dict[str, object]]) -> ArxivName | None:
    for location in locations:
        for key in ("id", "landing_page_url", "pdf_url"):
            if found := parse_arxiv_id(text_of(location, key).removeprefix("pmh:").removeprefix("doi:")):
                return found
    return None


def _first_institution(authorships: list[dict[str, object]]) -> str:
    for authorship in authorships[:1]:
        for institution in objects_of(authorship, "institutions")[:1]:
            return text_of(institution, "display_name")
    return ""

"""Semantic Scholar: new papers that a search finds.

API: https://api.semanticscholar.org/api-docs/graph (GET /paper/search/bulk). It counts citations, but those come years after a
paper; they are no votes of today's readers, so no signal is made of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from newsletter.config import SemanticScholarConfig
from newsletter.papers.identity import normal_doi, parse_arxiv_id
from newsletter.papers.model import Observation, PaperRecord
from newsletter.sources.answers import appeared_at, days_asked, object_of, objects_of, text_of
from newsletter.sources.base import Batch, FetchWindow, SourceError
from newsletter.sources.credential import credential_of
from newsletter.sources.http import NEXT_RUN, PoliteClient
from newsletter.sources.index import Page, Question, ask
from newsletter.sources.markup import without_markup

NAME = "semantic_scholar"
FIELDS = "title,abstract,authors,externalIds,publicationDate,fieldsOfStudy,s2FieldsOfStudy,url"

NO_DATE = "no date of publication"


class SemanticScholar:
    """The source. Without a period it asks for papers of the last ``days_back`` days."""

    name = NAME

    def __init__(self, config: SemanticScholarConfig) -> None:
        self._config = config

    def fetch(self, http: PoliteClient, window: FetchWindow) -> Iterator[Batch]:
        """Ask for the newest papers; see :class:`newsletter.sources.service.Source`."""
        first, last = days_asked(window, days_back=self._config.days_back)
        params: dict[str, str | int] = {
            "query": self._config.query,
            "fields": FIELDS,
            "publicationDateOrYear": f"{first}:{last}",
            "sort": "publicationDate:desc",
        }
        if self._config.fields_of_study:
            params["fieldsOfStudy"] = ",".join(self._config.fields_of_study)
        question = Question(
            source=NAME,
            config=self._config,
            params=params,
            cursor="token",
            begin="",
            id_key="paperId",
            read_page=read_page,
            read_entry=lambda entry: read_entry(entry, now=window.now),
            credential=credential_of(self._config, source=NAME, name="x-api-key"),
        )
        yield from ask(http, question, window)


def read_page(payload: dict[str, object]) -> Page:
    """Read an answer of a search; one that found nothing has no list of papers, but says so.

    Raises:
        SourceError: it is no answer of a search.
    """
    entries = payload.get("data")
    if isinstance(entries, list):
        return Page(entries, text_of(payload, "token"))
    if payload.get("total") == 0:
        return Page([], "")
    raise SourceError(NAME, "the answer holds no papers", hint=NEXT_RUN, transient=True)


def read_entry(entry: dict[str, object], *, now: datetime) -> Observation | str:
    """Read one paper, or tell why it cannot be taken in. Pure.

    The service does not say when it listed a paper: what counts is when that appeared. One without a date might be of any age.
    """
    ids = object_of(entry, "externalIds")
    arxiv = parse_arxiv_id(text_of(ids, "ArXiv"))
    doi = normal_doi(text_of(ids, "DOI"))
    if not text_of(entry, "publicationDate") and arxiv is None:
        return NO_DATE
    fields = entry.get("fieldsOfStudy")
    record = PaperRecord(
        title=without_markup(text_of(entry, "title")),
        abstract=without_markup(text_of(entry, "abstract")),
        arxiv_id=arxiv.id if arxiv else None,
        doi=doi,
        authors=tuple(text_of(author, "name") for author in objects_of(entry, "authors")),
        categories=(
            *(field for field in (fields if isinstance(fields, list) else ()) if isinstance(field, str)),
            *(text_of(field, "category") for field in objects_of(entry, "s2FieldsOfStudy")),
        ),
        published_at=appeared_at(entry.get("publicationDate"), now=now),
        project_url="" if arxiv or doi else text_of(entry, "url"),
    )
    return Observation(record)

"""The arXiv API: the newest papers of the configured categories.

API: https://info.arxiv.org/help/api/user-manual.html. Answers are Atom; an error is a feed with one entry whose id says so.
Results change once a day, so the same question is asked once a day.
"""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.config import ArxivApiConfig
from newsletter.papers.model import Observation
from newsletter.sources.arxiv import ERROR_ENTRY, NO_ARXIV_ID, arxiv_record, start_of_arxiv_day
from newsletter.sources.base import Batch, BatchBuilder, FetchWindow, HttpStatusError, PeriodKind, SourceError, Validator
from newsletter.sources.feed import Feed, parse_xml, read_feed
from newsletter.sources.http import Expect, PoliteClient

NAME = "arxiv_api"


class ArxivApi:
    """The source. Without a period it asks for the newest papers; with one for those submitted in it."""

    name = NAME

    def __init__(self, config: ArxivApiConfig) -> None:
        self._config = config

    def fetch(self, http: PoliteClient, window: FetchWindow) -> Iterator[Batch]:
        """Ask one question; see :class:`newsletter.sources.service.Source`."""
        query = " OR ".join(f"cat:{category}" for category in self._config.categories)
        period = window.period
        if period is not None and period.kind is not PeriodKind.TRENDING:
            query = f"({query}) AND submittedDate:[{period.first:%Y%m%d}0000 TO {period.last:%Y%m%d}2359]"
        params: dict[str, str | int] = {
            "search_query": query,
            "start": 0,
            "max_results": self._config.max_results,
            "sortBy": "submittedDate",
            "sortOrder": "descending",
        }
        try:
            answer = http.get(
                self._config.url,
                source=NAME,
                expect=Expect.XML,
                params=params,
                asked_since=start_of_arxiv_day(window.now),
            )
        except HttpStatusError as error:
            if error.status == 400:  # the body is a feed that says what was wrong
                raise_error_entry(read_feed(parse_xml(error.body, source=NAME), source=NAME))
            raise
        validators = (answer.validator,) if answer.validator else ()
        if answer.unchanged:
            yield Batch(unchanged=True, validators=validators)
            return
        feed = read_feed(parse_xml(answer.body, source=NAME), source=NAME)
        raise_error_entry(feed)
        yield parse(feed, validators=validators)


def raise_error_entry(feed: Feed) -> None:
    """Raise what an answer that is an error says.

    Raises:
        SourceError: the feed's only entry is an error.
    """
    if len(feed.items) == 1 and _is_error(feed.items[0].id):
        problem = f"the service says: {' '.join(feed.items[0].summary.split())[:200]}"
        raise SourceError(NAME, problem, hint=f"check sources.{NAME}", transient=False)


def parse(feed: Feed, *, validators: tuple[Validator, ...] = ()) -> Batch:
    """Read an answer's entries, oldest submission first. Pure.

    A paper counts as listed when its first version was submitted: the API tells no announcement.
    """
    batch = BatchBuilder()
    for item in reversed(feed.items):
        if _is_error(item.id):
            batch.refuse(ERROR_ENTRY)
            continue
        record = arxiv_record(item, abstract=item.summary, authors=item.authors, listed_at=None, published_at=item.published_at)
        if record is None:
            batch.refuse(NO_ARXIV_ID)
        else:
            batch.add(Observation(record))
    return batch.build(validators=validators)


def _is_error(identifier: str) -> bool:
    return "/api/errors" in identifier

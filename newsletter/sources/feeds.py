"""Feeds of papers: any Atom or RSS feed that the operator names, and what is read out of one, wherever it came from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import datetime
from heapq import nlargest
from urllib.parse import urlsplit

from newsletter.config import FeedConfig
from newsletter.papers.clean import clean_record
from newsletter.papers.identity import end_of_arxiv_month, first_doi, normal_doi
from newsletter.papers.intake import BATCH
from newsletter.papers.merge import Mention
from newsletter.papers.model import Observation, PaperRecord
from newsletter.sources import arxiv_api, arxiv_rss
from newsletter.sources.arxiv import arxiv_record
from newsletter.sources.base import Batch, BatchBuilder, FetchWindow, SourceError, Validator
from newsletter.sources.feed import Feed, FeedItem, parse_xml, read_feed
from newsletter.sources.http import Expect, PoliteClient
from newsletter.sources.markup import plain

#: Under which the papers of a feed go that is none of arXiv's and has no name of its own.
FEED = "feed"

#: RSS 2.0 has e-mail addresses for authors, the name in parentheses.
_MAIL_AUTHOR = re.compile(r"[^\s@]+@[^\s@]+(?:\s*\(([^()]*)\))?")
#: The pages of preprint servers and of many publishers have the DOI in their address.
_PREPRINT_PAGE = re.compile(r"https?://(?:www\.)?(?:bio|med)rxiv\.org/content/(10\.\d{4,9}/[\d.]+?)(?:v\d+)?(?:[/?#]|\.full|$)")
_DOI_PAGE = re.compile(r"https?://[^/?#]+/doi/(?:(?:abs|full|pdf|epdf)/)?(10\.\d{4,9}/[^?#]+)")


class PaperFeed:
    """The source. A feed holds what it holds; a period is not asked for.

    Only arXiv's own hosts speak for arXiv's papers: what any other feed says of a paper is a mention of it.

    Args:
        name: ``feeds.NAME``, as its table is called below ``sources``.
    """

    def __init__(self, name: str, config: FeedConfig) -> None:
        self._name, self._config = name, config

    @property
    def name(self) -> str:
        """``feeds.NAME``."""
        return self._name

    def fetch(self, http: PoliteClient, window: FetchWindow) -> Iterator[Batch]:
        """Ask for the feed; see :class:`newsletter.sources.service.Source`."""
        answer = http.get(self._config.url, source=self._name, expect=Expect.XML)
        validators = (answer.validator,) if answer.validator else ()
        if answer.unchanged:
            yield Batch(unchanged=True, validators=validators)
        else:
            feed = read_feed(parse_xml(answer.body, source=self._name), source=self._name)
            yield from self._batches(feed, window.now, validators)

    def _batches(self, feed: Feed, now: datetime, validators: tuple[Validator, ...]) -> Iterator[Batch]:
        limit, found = self._config.max_papers, len(feed.items)
        if found > limit:
            feed = replace(feed, items=tuple(nlargest(limit, feed.items, key=lambda item: _dated(item, now) or now)))
            validators = ()  # an unchanged feed would hide that entries were left out
        batch = parse(feed, now=now, is_trusted=is_arxiv(self._config.url))
        oldest_first = sorted(batch.observations, key=lambda one: one.record.listed_at or now)
        for start in range(0, len(oldest_first), BATCH):
            yield Batch(tuple(oldest_first[start : start + BATCH]))
        # Remembered at the end only: who breaks off before has to ask for all of it again.
        yield Batch(refused=batch.refused, validators=validators)
        if found > limit:
            hint = f"raise sources.{self._name}.max_papers, or name a feed with fewer entries"
            problem = f"{found:,} entries, of which all but the newest {limit:,} were left out"
            raise SourceError(self._name, problem, hint=hint, transient=False)


def maker_of(feed: Feed) -> str:
    """Return the name of the source that makes such feeds, ``feed`` if that is none we know.

    A feed is arXiv's if every entry is; an empty one is what its title says.
    """
    if not feed.items:
        return arxiv_api.NAME if feed.kind == "atom" and "arxiv" in feed.title.lower() else FEED
    if all(item.id.startswith("oai:arXiv.org:") for item in feed.items):
        return arxiv_rss.NAME
    if feed.kind == "atom" and all("arxiv.org/" in item.id for item in feed.items):
        return arxiv_api.NAME
    return FEED


def parse(feed: Feed, *, now: datetime, is_trusted: bool = False) -> Batch:
    """Read a feed of papers from anywhere, in its order. Pure.

    A DOI or arXiv address among an entry's links and ids names the paper, else its title does. An entry counts as listed at its
    date; one without a date, or with one to come, when it is first seen.

    Args:
        feed: as it was read.
        now: aware.
        is_trusted: whether it is believed what it says of any paper, and read as arXiv's if it looks like that; else all it
            says are mentions.
    """
    maker = maker_of(feed) if is_trusted else FEED
    if maker == arxiv_rss.NAME:
        return arxiv_rss.parse(feed)
    if maker == arxiv_api.NAME:
        return arxiv_api.parse(feed)
    batch = BatchBuilder()
    for item in feed.items:
        record = _record(item, _dated(item, now))
        batch.add(Observation(record if is_trusted else _mention(record)))
    return batch.build()


def is_arxiv(url: str) -> bool:
    """Whether an address is of a host of arXiv's."""
    host = urlsplit(url).hostname or ""
    return host == "arxiv.org" or host.endswith(".arxiv.org")


def _dated(item: FeedItem, now: datetime) -> datetime | None:
    listed_at = item.published_at or item.updated_at
    return listed_at if listed_at and listed_at <= now else None


def _mention(record: PaperRecord) -> Mention:
    """Return what a feed may say of a paper that need not be its own: no version, no withdrawal, no second name of it.

    A date before the month of an arXiv id cannot be true and says nothing.
    """
    known = clean_record(record)  # a DOI of arXiv's becomes its id
    values = {field.name: getattr(known, field.name) for field in fields(known)} | {"version": None, "withdrawn_at": None}
    if known.arxiv_id:
        values["doi"] = None
        month = end_of_arxiv_month(known.arxiv_id).replace(day=1, hour=0, minute=0, second=0)
        if known.listed_at and known.listed_at < month:
            values["listed_at"] = None
    return Mention(**values)


def _record(item: FeedItem, listed_at: datetime | None) -> PaperRecord:
    abstract = plain(item.summary)
    authors = tuple(name for author in item.authors if (name := _name(author)))
    record = arxiv_record(item, abstract=abstract, authors=authors, listed_at=listed_at, published_at=None)
    if record is not None:
        return replace(record, title=plain(record.title))
    return PaperRecord(
        title=plain(item.title),
        abstract=abstract,
        doi=_doi(item),
        authors=authors,
        categories=item.categories,
        listed_at=listed_at,
        project_url=item.link,
    )


def _doi(item: FeedItem) -> str | None:
    for text in (item.fields.get("doi", ""), item.fields.get("dc:identifier", ""), item.id, item.link):
        if doi := first_doi(text):
            return doi
    if page := _PREPRINT_PAGE.match(item.link) or _DOI_PAGE.match(item.link):
        return normal_doi(page[1].rstrip("/"))
    return None


def _name(author: str) -> str:
    mail = _MAIL_AUTHOR.fullmatch(author.strip())
    return (mail[1] or "").strip() if mail else author

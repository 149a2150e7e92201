"""Feeds of papers: any Atom or RSS feed that the operator names, and what is read out of one, wherever it came from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from newsletter.config import FeedConfig
from newsletter.papers.identity import first_doi, normal_doi
from newsletter.papers.model import Observation, PaperRecord
from newsletter.sources import arxiv_api, arxiv_rss
from newsletter.sources.arxiv import arxiv_record
from newsletter.sources.base import Batch, BatchBuilder, FetchWindow, Validator
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
            batch = parse(feed, now=window.now, validators=validators)
            oldest_first = sorted(batch.observations, key=lambda one: one.record.listed_at or window.now)
            yield replace(batch, observations=tuple(oldest_first))


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


def parse(feed: Feed, *, now: datetime, validators: tuple[Validator, ...] = ()) -> Batch:
    """Read a feed of papers from anywhere, in its order. Pure.

    A DOI or arXiv address among an entry's links and ids names the paper, else its title does. An entry counts as listed at its
    date; one without a date, or with one to come, when it is first seen.

    Args:
        feed: as it was read.
        now: aware.
        validators: handed on in the batch.
    """
    maker = maker_of(feed)
    if maker == arxiv_rss.NAME:
        return arxiv_rss.parse(feed, validators=validators)
    if maker == arxiv_api.NAME:
        return arxiv_api.parse(feed, validators=validators)
    batch = BatchBuilder()
    for item in feed.items:
        listed_at = item.published_at or item.updated_at
        batch.add(Observation(_record(item, listed_at if listed_at and listed_at <= now else None)))
    return batch.build(validators=validators)


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

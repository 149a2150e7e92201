"""Atom, RSS 2.0 and RSS 1.0 read into one shape, behind a gate against XML bombs. Pure.

A document type declaration is refused whole (defusedxml), so no entity is ever expanded or fetched. Reading is by local names,
except for the extensions of arXiv and Dublin Core, which keep their prefix.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from newsletter.papers.clean import fit_instant, parse_instant
from newsletter.sources.base import SourceError
from newsletter.sources.http import NEXT_RUN
from newsletter.sources.markup import plain

_NAMESPACES = {
    "http://arxiv.org/schemas/atom": "arxiv:",
    "http://purl.org/dc/elements/1.1/": "dc:",
    "http://purl.org/rss/1.0/modules/content/": "content:",
}


@dataclass(frozen=True, slots=True)
class FeedItem:
    """An entry as the feed has it, texts unclean; absent text is "".

    ``fields`` are the texts of its simple elements by local name (``arxiv:comment``), the first of each.
    """

    id: str
    title: str
    summary: str
    link: str
    authors: tuple[str, ...]
    categories: tuple[str, ...]
    published_at: datetime | None
    updated_at: datetime | None
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed: its format (``atom`` or ``rss``), its title and its entries in their order."""

    kind: str
    title: str
    items: tuple[FeedItem, ...]


def parse_xml(body: bytes, *, source: str) -> Element:
    """Return the root of a document without DTD and entities.

    Raises:
        SourceError: it has some, or is not well-formed.
    """
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except DefusedXmlException as error:
        hint = "it was not read; tell the service"
        raise SourceError(source, "the XML declares document types or entities", hint=hint, transient=False) from error
    except (ParseError, ValueError, LookupError) as error:  # ValueError, LookupError: an encoding nobody knows
        raise SourceError(source, f"not XML, or only a part of it ({error})", hint=NEXT_RUN, transient=True) from error
    return root


def read_feed(root: Element, *, source: str) -> Feed:
    """Read a feed.

    Raises:
        SourceError: ``root`` is none.
    """
    kind = _name(root)
    if kind == "feed":
        items = tuple(_atom_item(entry) for entry in root if _name(entry) == "entry")
        return Feed("atom", _first(root, "title"), items)
    if kind in {"rss", "RDF"}:
        channel = next((child for child in root if _name(child) == "channel"), root)
        # RSS 1.0 puts its items beside the channel, RSS 2.0 inside.
        items = tuple(_rss_item(item) for holder in (root, channel) for item in holder if _name(item) == "item")
        return Feed("rss", _first(channel, "title"), items)
    raise SourceError(source, f"the XML is a {kind[:40]!r}, not a feed", hint="only Atom and RSS are read", transient=False)


def _atom_item(entry: Element) -> FeedItem:
    links = {link.get("rel", "alternate"): link.get("href", "") for link in reversed(entry) if _name(link) == "link"}
    authors = tuple(_first(author, "name") for author in entry if _name(author) == "author")
    creators = tuple(_text(child) for child in entry if _name(child) == "dc:creator")
    summary = _first(entry, "summary", is_markup=True) or _first(entry, "content", is_markup=True)
    return FeedItem(
        id=_first(entry, "id"),
        title=_first(entry, "title", is_markup=True),
        summary=summary,
        link=links.get("alternate", ""),
        authors=authors or creators,
        categories=tuple(child.get("term", "") for child in entry if _name(child) == "category"),
        published_at=_instant(_first(entry, "published")),
        updated_at=_instant(_first(entry, "updated")),
        fields=_fields(entry),
    )


def _rss_item(item: Element) -> FeedItem:
    creators = tuple(_text(child) for child in item if _name(child) in {"dc:creator", "author"})
    published = _first(item, "pubDate") or _first(item, "dc:date")
    return FeedItem(
        id=_first(item, "guid") or _first(item, "link"),
        title=_first(item, "title"),
        summary=_first(item, "description") or _first(item, "content:encoded"),
        link=_first(item, "link"),
        authors=creators,
        categories=tuple(_text(child) for child in item if _name(child) in {"category", "dc:subject"}),
        published_at=_instant(published),
        updated_at=None,
        fields=_fields(item),
    )


def _name(element: Element) -> str:
    namespace, closing, name = element.tag.rpartition("}")
    return _NAMESPACES.get(namespace[1:], "") + name if closing else name


def _text(element: Element) -> str:
    return "".join(element.itertext()).strip()


def _first(holder: Element, name: str, *, is_markup: bool = False) -> str:
    for child in holder:
        if _name(child) == name:
            text = _text(child)
            # Atom says which texts are HTML (RFC 4287 section 3.1); "<" in any other is just a sign.
            return plain(text) if is_markup and child.get("type") == "html" else text
    return ""


def _fields(holder: Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for child in holder:
        found.setdefault(_name(child), _text(child))
    return found


def _instant(text: str) -> datetime | None:
    if moment := parse_instant(text):
        return moment
    try:
        moment = parsedate_to_datetime(text)  # RFC 5322, as RSS has it
    except ValueError:
        return None
    return fit_instant(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment)

"""arXiv's announcement feed (RSS or Atom) of the configured categories.

Feeds: https://info.arxiv.org/help/rss.html. Rebuilt every day at midnight Eastern time, empty on days without announcements.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsletter.config import ArxivRssConfig
from newsletter.papers.model import Observation
from newsletter.sources.arxiv import NO_ARXIV_ID, arxiv_record, start_of_arxiv_day
from newsletter.sources.base import Batch, BatchBuilder, FetchWindow, Validator
from newsletter.sources.feed import Feed, parse_xml, read_feed
from newsletter.sources.http import Expect, PoliteClient

NAME = "arxiv_rss"

_LEAD = re.compile(r"\s*arXiv:\S+\s+Announce Type:\s*([a-z-]+)\s*(?:Abstract:\s*)?", re.IGNORECASE)
_SUFFIX = re.compile(r"(?i)(?:jr|sr|ii|iii|iv|ph\.?d|m\.?d)\.?")


class ArxivRss:
    """The source. The feed holds the last announcement only; a period is not asked for."""

    name = NAME

    def __init__(self, config: ArxivRssConfig) -> None:
        self._config = config

    def fetch(self, http: PoliteClient, window: FetchWindow) -> Iterator[Batch]:
        """Ask for the feed; see :class:`newsletter.sources.service.Source`."""
        url = f"{self._config.url.rstrip('/')}/{'+'.join(self._config.categories)}"
        answer = http.get(url, source=NAME, expect=Expect.XML, asked_since=start_of_arxiv_day(window.now))
        validators = (answer.validator,) if answer.validator else ()
        if answer.unchanged:
            yield Batch(unchanged=True, validators=validators)
        else:
            yield parse(read_feed(parse_xml(answer.body, source=NAME), source=NAME), validators=validators)


def parse(feed: Feed, *, validators: tuple[Validator, ...] = ()) -> Batch:
    """Read an announcement. Pure.

    Only ``new`` papers are listed by it. Cross-lists and replacements may be of any age: they bring versions, categories and
    withdrawals to papers that are known, and come in undated where they are not.
    """
    batch = BatchBuilder()
    for item in feed.items:
        lead = _LEAD.match(item.summary)
        kind = item.fields.get("arxiv:announce_type", "") or (lead[1] if lead else "")
        record = arxiv_record(
            item,
            abstract=item.summary[lead.end() :] if lead else item.summary,
            authors=tuple(name for entry in item.authors for name in split_names(entry)),
            listed_at=item.published_at if kind.strip().lower() == "new" else None,
            published_at=None,
        )
        if record is None:
            batch.refuse(NO_ARXIV_ID)
        else:
            batch.add(Observation(record))
    return batch.build(validators=validators)


def split_names(text: str) -> list[str]:
    """Return the names in a comma list; commas in parentheses (affiliations) and before "Jr." do not part names."""
    names: list[str] = []
    depth, name = 0, ""
    for sign in f"{text},":
        depth += (sign == "(") - (sign == ")" and depth > 0)
        if sign != "," or depth:
            name += sign
            continue
        name = name.strip()
        if names and _SUFFIX.fullmatch(name):
            names[-1] += f", {name}"
        elif name:
            names.append(name)
        name = ""
    if name.strip():  # an unclosed parenthesis swallowed the last comma
        names += [part.strip() for part in name.rstrip(",").split(",") if part.strip()]
    return names

"""Feeds that the operator names: read over the wire, asked for politely, and refused with a reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from newsletter.clock import ManualClock
from newsletter.config import FeedConfig, HttpConfig, SourcesConfig
from newsletter.database import Database
from newsletter.papers.model import Observation, PaperRecord
from newsletter.papers.store import PaperStore
from newsletter.sources import feeds
from newsletter.sources.base import FetchWindow
from newsletter.sources.feed import parse_xml, read_feed
from newsletter.sources.http import PoliteClient
from newsletter.sources.service import FetchService
from newsletter.sources.store import RunOutcome
from tests.sources.conftest import Build
from tests.sources.replay import Asked, ReplayServer, Reply, Sleeper

NOW = datetime(2026, 8, 17, 6, tzinfo=UTC)
JOURNAL = """<?xml version="1.0"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/"><channel><title>Journal</title>{items}</channel></rss>"""
TWO = """<item><title>Newer &lt;i&gt;paper&lt;/i&gt;</title><link>https://example.org/2</link>
<dc:creator>Ada Example</dc:creator><prism:doi>10.1000/B</prism:doi><pubDate>Sun, 16 Aug 2026 09:00:00 GMT</pubDate>
<description>&lt;p&gt;Text.&lt;/p&gt;</description></item>
<item><title>Older paper</title><link>https://arxiv.org/abs/2608.00001v2</link>
<pubDate>Sat, 15 Aug 2026 09:00:00 GMT</pubDate></item>"""


def reply(items: str = TWO, **headers: str) -> Reply:
    return Reply(body=JOURNAL.format(items=items).encode(), headers={"Content-Type": "application/rss+xml", **headers})


def named(server: ReplayServer, **paths: str) -> dict[str, Any]:
    """Return the configuration of feeds of the test's server, without any other source."""
    tables = {name: {"url": server.url(path)} for name, path in paths.items()}
    return {"hf_daily_papers": {"enabled": False}, "feeds": tables}


def record(item: str) -> PaperRecord:
    feed = read_feed(
        parse_xml(JOURNAL.format(items=f"<item><title>T</title>{item}</item>").encode(), source="test"), source="test"
    )
    (observation,) = feeds.parse(feed, now=NOW).observations
    return observation.record


def test_every_feed_is_a_source_of_its_own(database: Database, server: ReplayServer, build: Build) -> None:
    server.script("/journal", reply())
    server.script("/lab", reply("<item><title>Lab paper</title><link>https://example.org/9</link></item>"))
    service = build(database, **named(server, journal="/journal", lab="/lab"))
    assert service.enabled == ("feeds.journal", "feeds.lab")
    assert [(one.source, one.new) for one in service.run()] == [("feeds.journal", 2), ("feeds.lab", 1)]
    with database.read() as session:
        papers = PaperStore(session).latest(None)[::-1]
    assert [(paper.title, paper.key, paper.sources) for paper in papers] == [
        ("Older paper", "arxiv:2608.00001", ("feeds.journal",)),
        ("Newer paper", "doi:10.1000/b", ("feeds.journal",)),
        ("Lab paper", "title:labpaper", ("feeds.lab",)),
    ]
    assert papers[1].listed_at == datetime(2026, 8, 16, 9, tzinfo=UTC)
    assert list(service.last_runs()) == ["feeds.journal", "feeds.lab"]


def test_one_feed_is_asked_for_by_its_name(sqlite: Database, server: ReplayServer, build: Build) -> None:
    server.script("/lab", reply())
    service = build(sqlite, **named(server, journal="/journal", lab="/lab"))
    assert [one.source for one in service.run(["feeds.lab"])] == ["feeds.lab"]


def test_a_feed_may_be_switched_off(sqlite: Database, server: ReplayServer, build: Build) -> None:
    service = build(sqlite, feeds={"lab": {"url": server.url("/lab"), "enabled": False}})
    assert service.enabled == ("hf_daily_papers",)
    assert "feeds.lab" in service.known


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"lab": {}}, "feeds.lab.url is empty; write the address of the feed"),
        ({"My Lab": {"url": "https://example.org"}}, "should match pattern"),
        ({"lab": {"uri": "https://example.org"}}, "Extra inputs are not permitted"),
    ],
)
def test_a_table_that_names_no_feed_is_refused(table: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        SourcesConfig.model_validate({"feeds": table})


def test_an_unchanged_feed_costs_no_second_answer(
    database: Database, server: ReplayServer, build: Build, clock: ManualClock
) -> None:
    def answer(asked: Asked) -> Reply:
        return Reply(304) if asked.headers.get("if-none-match") == '"v1"' else reply(ETag='"v1"')

    server.answer("/journal", answer)
    service = build(database, **named(server, journal="/journal"))
    assert [one.outcome for one in service.run()] == [RunOutcome.DONE]
    clock.advance(timedelta(hours=1))
    assert [one.outcome for one in service.run()] == [RunOutcome.UNCHANGED]


@pytest.mark.parametrize(
    ("broken", "words", "is_transient"),
    [
        (Reply(body=b"<!DOCTYPE html><html></html>"), "a web page instead of XML", True),
        (Reply(body=b"<p>Sorry", headers={"Content-Type": "text/html"}), "a web page instead of XML", True),
        (
            Reply(body=b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'/>"),
            "the XML is a 'html', not a feed",
            False,
        ),
        (Reply(body=b""), "an empty answer", True),
        (Reply(body=b'{"version": "https://jsonfeed.org/version/1.1"}'), "not XML, or only a part of it", True),
        (Reply(body=JOURNAL.format(items=TWO).encode()[:-40]), "not XML, or only a part of it", True),
        (Reply(body=JOURNAL.format(items=TWO * 500).encode()), "the answer is over 20,000 bytes", False),
        (
            Reply(body=b"<!DOCTYPE r [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]><rss>&b;</rss>"),
            "declares document types or entities",
            False,
        ),
        (Reply(410), "HTTP 410; check sources.feeds.journal.url", False),
        (Reply(429, headers={"Retry-After": "900"}), "HTTP 429; asks to be left alone for 15 min", True),
        (Reply(302, headers={"Location": "http://10.0.0.1/feed"}), "not asked: http://10.0.0.1:80 is not public https", False),
        (Reply(302, headers={"Location": "file:///etc/passwd"}), "not asked", False),
    ],
)
def test_a_feed_that_breaks_is_told_and_nothing_is_lost(
    sqlite: Database, server: ReplayServer, clock: ManualClock, sleep: Sleeper, broken: Reply, words: str, is_transient: bool
) -> None:
    server.script("/journal", reply(ETag='"v1"'), broken, reply())
    sources = SourcesConfig.model_validate(named(server, journal="/journal"))
    http = HttpConfig(timeout=timedelta(seconds=20), max_bytes=20_000)
    service = FetchService(sqlite, clock, http, sources, sleep=sleep, chance=lambda: 0.5)
    assert [one.new for one in service.run()] == [2]
    (outcome,) = service.run()
    assert outcome.outcome is RunOutcome.FAILED
    assert outcome.problem.startswith("feeds.journal: ")
    assert words in outcome.problem
    assert outcome.is_transient is is_transient
    clock.advance(timedelta(hours=1))
    with sqlite.read() as session:
        assert len(PaperStore(session).latest(None)) == 2
    assert [(one.outcome, one.seen, one.new) for one in service.run()] == [(RunOutcome.DONE, 2, 0)]


def test_a_feed_that_a_server_takes_for_a_page_is_read(sqlite: Database, server: ReplayServer, build: Build) -> None:
    server.script("/journal", reply(**{"Content-Type": "text/html; charset=utf-8"}))
    assert [one.new for one in build(sqlite, **named(server, journal="/journal")).run()] == [2]


def test_a_feed_without_entries_is_no_error(sqlite: Database, server: ReplayServer, build: Build) -> None:
    server.script("/journal", reply(""))
    assert [(one.outcome, one.seen) for one in build(sqlite, **named(server, journal="/journal")).run()] == [
        (RunOutcome.DONE, 0)
    ]


@pytest.mark.shared_data
def test_a_feed_of_arxivs_own_host_is_read_as_one(
    sqlite: Database, server: ReplayServer, clock: ManualClock, sleep: Sleeper, shared_data: Path
) -> None:
    recorded = shared_data / "arxiv"
    server.script("/rss", Reply(body=(recorded / "rss_four_items_2026-09-24.xml").read_bytes()))
    server.script("/atom", Reply(body=(recorded / "atom_q_testing_s0_m100.xml").read_bytes()))
    sources = SourcesConfig.model_validate(
        {
            "hf_daily_papers": {"enabled": False},
            "feeds": {
                "rss": {"url": f"http://rss.arxiv.org:{server.port}/rss"},
                "atom": {"url": f"http://arxiv.org:{server.port}/atom"},
            },
        }
    )
    service = FetchService(
        sqlite, clock, HttpConfig(), sources, sleep=sleep, chance=lambda: 0.5, resolve_host=lambda _host, _port: ["127.0.0.1"]
    )
    assert [one.new for one in service.run()] == [4, 100]
    with sqlite.read() as session:
        papers = PaperStore(session).latest(None)
    assert all(paper.arxiv_id and paper.version and "Announce Type" not in paper.abstract for paper in papers)


HONEST = PaperRecord(
    title="An Honest Paper",
    abstract="What was done.",
    arxiv_id="2608.00009",
    authors=("Ada Example",),
    listed_at=datetime(2026, 8, 14, tzinfo=UTC),
)


@pytest.mark.parametrize("version", [None, 1])
@pytest.mark.parametrize(
    "item",
    [
        "<guid>https://arxiv.org/abs/2608.00009v9</guid><title>Pills</title><description>Buy them.</description>",
        "<guid>oai:arXiv.org:2608.00009v9</guid><title>Pills</title><description>Buy them.</description>",
        "<guid>https://doi.org/10.48550/arXiv.2608.00009v9</guid><title>Pills</title><description>Buy them.</description>",
        "<guid>https://arxiv.org/abs/2608.00009</guid><title>Pills</title><description>Buy a lot of pills here.</description>",
        "<link>https://example.org/9</link><title>An honest paper</title><description>Buy a lot of pills here.</description>",
        "<guid>https://arxiv.org/abs/2608.00009</guid><title>T</title><description>This paper was withdrawn.</description>",
        "<guid>https://arxiv.org/abs/2608.00009</guid><title>T</title><pubDate>Thu, 01 Jan 1998 00:00:00 GMT</pubDate>",
    ],
)
def test_a_feed_rewrites_withdraws_and_backdates_no_paper_of_another_source(
    sqlite: Database, server: ReplayServer, build: Build, item: str, version: int | None
) -> None:
    with sqlite.write() as session:
        PaperStore(session).ingest([Observation(replace(HONEST, version=version))], source="hf_daily_papers", now=NOW)
    server.script("/blog", reply(f"<item>{item}</item>"))
    assert [one.seen for one in build(sqlite, **named(server, blog="/blog")).run()] == [1]
    with sqlite.read() as session:
        (paper,) = PaperStore(session).latest(None)
    assert paper.sources == ("feeds.blog", "hf_daily_papers")
    assert (paper.title, paper.abstract, paper.version) == (HONEST.title, HONEST.abstract, version)
    assert (paper.authors, paper.listed_at, paper.withdrawn_at) == (HONEST.authors, HONEST.listed_at, None)


def test_a_paper_that_a_feed_names_first_is_not_withdrawn_versioned_or_older_than_its_id() -> None:
    one = record(
        "<guid>https://arxiv.org/abs/2608.00009v9</guid><pubDate>Thu, 01 Jan 1998 00:00:00 GMT</pubDate>"
        "<description>This paper has been withdrawn.</description>"
    )
    assert (one.arxiv_id, one.version, one.withdrawn_at, one.listed_at) == ("2608.00009", None, None, None)


@pytest.mark.parametrize(
    "url", ["https://notarxiv.org/rss", "https://arxiv.org.example.org/rss", "https://example.org/arxiv.org/"]
)
def test_a_host_that_looks_like_arxivs_is_not(url: str) -> None:
    assert not feeds.is_arxiv(url)


def test_of_a_long_feed_the_newest_entries_are_taken_and_the_rest_is_told(
    sqlite: Database, server: ReplayServer, build: Build
) -> None:
    items = "".join(
        f"<item><title>Paper {number}</title><pubDate>{format_datetime(NOW - timedelta(minutes=number))}</pubDate></item>"
        for number in range(1, 605)
    )
    tables = {"lab": {"url": server.url("/lab"), "max_papers": 600}}
    server.script("/lab", reply(items, ETag='"v1"'))
    service = build(sqlite, hf_daily_papers={"enabled": False}, feeds=tables)
    for _ in range(2):  # an unchanged answer would hide it
        (outcome,) = service.run()
        assert (outcome.outcome, outcome.seen, outcome.is_transient) == (RunOutcome.PARTIAL, 600, False)
        assert "604 entries" in outcome.problem
        assert "raise sources.feeds.lab.max_papers" in outcome.problem
    assert all("if-none-match" not in asked.headers for asked in server.asked)
    with sqlite.read() as session:
        titles = [paper.title for paper in PaperStore(session).latest(None)]
    assert titles == [f"Paper {number}" for number in range(1, 601)]


def test_a_long_feed_comes_in_batches(server: ReplayServer, sqlite: Database, clock: ManualClock, sleep: Sleeper) -> None:
    server.script("/lab", reply("".join(f"<item><title>Paper {number}</title></item>" for number in range(501))))
    client = PoliteClient(sqlite, clock, HttpConfig(), sleep=sleep, chance=lambda: 0.5)
    source = feeds.PaperFeed("feeds.lab", FeedConfig(url=server.url("/lab"), max_papers=501))
    assert [len(batch.observations) for batch in source.fetch(client, FetchWindow(NOW))] == [500, 1, 0]


def test_a_feed_with_papers_of_arxiv_among_others_keeps_the_others() -> None:
    entries = "".join(
        f"<entry><id>{at}</id><title>T</title></entry>" for at in ("http://arxiv.org/abs/2608.00001v1", "urn:x:1")
    )
    text = f'<feed xmlns="http://www.w3.org/2005/Atom"><title>My arXiv picks</title>{entries}</feed>'
    batch = feeds.parse(read_feed(parse_xml(text.encode(), source="test"), source="test"), now=NOW)
    assert [one.record.arxiv_id for one in batch.observations] == ["2608.00001", None]
    assert batch.refused == {}


@pytest.mark.parametrize(
    ("item", "doi"),
    [
        ("<link>https://doi.org/10.1000/A</link>", "10.1000/a"),
        ("<link>https://dl.example.org/doi/10.1145/3531146.3533234</link>", "10.1145/3531146.3533234"),
        ("<link>https://pub.example.org/doi/abs/10.1002/adma.2026?af=R</link>", "10.1002/adma.2026"),
        ("<link>https://www.biorxiv.org/content/10.1101/2026.08.14.123456v2?rss=1</link>", "10.1101/2026.08.14.123456"),
        ("<link>http://medrxiv.org/content/10.64898/2026.08.14.123456v1.full</link>", "10.64898/2026.08.14.123456"),
        ("<dc:identifier>doi:10.1101/2026.08.14.123456</dc:identifier>", "10.1101/2026.08.14.123456"),
        ("<guid>10.1000/g</guid><link>https://example.org/doi/none</link>", "10.1000/g"),
        ("<link>https://example.org/2026/08/paper</link>", None),
    ],
)
def test_the_doi_is_found_where_feeds_have_it(item: str, doi: str | None) -> None:
    assert record(item).doi == doi


def test_an_entry_counts_from_its_date_or_from_when_it_is_seen() -> None:
    assert record("<pubDate>Sun, 16 Aug 2026 09:00:00 GMT</pubDate>").listed_at == datetime(2026, 8, 16, 9, tzinfo=UTC)
    assert record("<pubDate>Tue, 01 Dec 2026 09:00:00 GMT</pubDate>").listed_at is None
    assert record("<pubDate>soon</pubDate>").listed_at is None


def test_addresses_of_authors_are_not_taken_in() -> None:
    authors = "<author>ada@example.org (Ada Example)</author><author>bo@example.org</author><author>Cy Test</author>"
    assert record(authors).authors == ("Ada Example", "Cy Test")

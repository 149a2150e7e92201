"""The same paper from several sources is one paper, in whatever order they are asked."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from newsletter.database import Database
from newsletter.papers.model import Paper
from newsletter.papers.store import PaperStore
from tests.sources.conftest import Build
from tests.sources.replay import ReplayServer, Reply

TITLE = "Tiny Models, Long Memory"
ATOM = f"""<feed xmlns="http://www.w3.org/2005/Atom"><title>arXiv Query</title><entry><id>http://arxiv.org/abs/2608.00009v2</id>
<title>{TITLE}</title><summary>Text.</summary><published>2026-08-14T00:00:00Z</published>
<author><name>Ada Example</name></author><category term="cs.LG"/></entry></feed>"""
SCHOLAR = {
    "paperId": "0" * 40,
    "title": TITLE,
    "publicationDate": "2026-08-15",
    "externalIds": {"ArXiv": "2608.00009", "DOI": "10.1000/JOURNAL"},
    "fieldsOfStudy": ["Computer Science"],
}
RSS = f"""<rss version="2.0"><channel><title>Lab</title><item><title>{TITLE}</title>
<link>https://pub.example.org/doi/10.1000/journal</link></item></channel></rss>"""
ALL = ("arxiv_api", "semantic_scholar", "openalex", "feeds.lab")
#: Each first once, and each before and after each other.
ORDERS = [order for turn in range(4) for order in (ALL[turn:] + ALL[:turn], (ALL[turn:] + ALL[:turn])[::-1])]


def work(**fields: Any) -> dict[str, Any]:
    return {"id": "https://openalex.org/W1", "title": TITLE, "publication_date": "2026-08-15", **fields}


def papers(database: Database) -> list[Paper]:
    with database.read() as session:
        return PaperStore(session).latest(None)


def as_json(payload: object) -> Reply:
    return Reply(body=json.dumps(payload).encode())


@pytest.mark.parametrize(
    "at_openalex",
    [
        work(doi="https://doi.org/10.48550/arXiv.2608.00009"),
        work(doi="https://doi.org/10.1000/journal", title="Tiny models: long memory"),
        work(locations=[{"landing_page_url": "http://arxiv.org/abs/2608.00009"}], title="Another title altogether"),
        work(),
    ],
    ids=["arXiv's DOI", "journal's DOI", "arXiv address", "title only"],
)
def test_four_sources_in_any_order_make_one_paper(
    sqlite_template: Path, tmp_path: Path, server: ReplayServer, build: Build, at_openalex: dict[str, Any]
) -> None:
    server.script("/query", Reply(body=ATOM.encode()))
    server.script("/bulk", as_json({"total": 1, "data": [SCHOLAR]}))
    server.script("/works", as_json({"results": [at_openalex]}))
    server.script("/lab", Reply(body=RSS.encode()))
    for number, order in enumerate(ORDERS):
        path = tmp_path / f"{number}.db"
        shutil.copyfile(sqlite_template, path)
        database = Database(f"sqlite:///{path}")
        outcomes = build(database, feeds={"lab": {"url": server.url("/lab")}}).run(order)
        assert sum(one.seen for one in outcomes) == 4
        (paper,) = papers(database)
        assert (paper.key, paper.doi) == ("arxiv:2608.00009", "10.1000/journal")
        assert set(paper.sources) == set(ALL)
        assert paper.published_at == datetime(2026, 8, 14, tzinfo=UTC)
        database.dispose()


@pytest.mark.shared_data
def test_a_recorded_preprint_in_two_indexes_is_one_paper(
    database: Database, server: ReplayServer, build: Build, shared_data: Path
) -> None:
    """The one of OpenAlex is recorded; the others are made to be of the same DOI."""
    recorded = json.loads((shared_data / "sources" / "openalex_posted_content.json").read_text(encoding="utf-8"))
    doi, title = "10.1101/097196", recorded["title"]
    row = {
        "title": title,
        "doi": doi,
        "version": "1",
        "date": "2016-12-28",
        "authors": "Example, A.",
        "category": "bioinformatics",
    }
    same = {"paperId": "1", "title": title.upper(), "publicationDate": "2017-10-09", "externalIds": {"DOI": doi.upper()}}
    server.script("/details/biorxiv/2026-08-15/2026-08-17/0/json", as_json({"messages": [{"total": 1}], "collection": [row]}))
    server.script("/works", as_json({"results": [recorded]}))
    server.script("/bulk", as_json({"data": [same]}))
    build(database).run(["semantic_scholar", "openalex", "biorxiv"])
    (paper,) = papers(database)
    assert (paper.key, set(paper.sources)) == (f"doi:{doi}", {"biorxiv", "openalex", "semantic_scholar"})
    assert paper.published_at == datetime(2016, 12, 28, tzinfo=UTC)

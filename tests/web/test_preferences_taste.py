from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from newsletter.config import TasteConfig
from newsletter.papers.model import Observation
from newsletter.papers.store import PaperStore
from newsletter.taste.service import TasteService
from newsletter.taste.store import TasteStore
from newsletter.web.feedback import MOST_LISTED
from newsletter.web.preferences import Preferences
from newsletter.web.routes import Routes
from subscribers.model import Subscriber, Taste
from tests.samples import record
from tests.web.house import House
from tests.web.serving import make_pages, serving


@pytest.fixture
def service(home: House) -> TasteService:
    return TasteService(home.database, home.clock, TasteConfig())


@pytest.fixture
def page(home: House, service: TasteService) -> Iterator[httpx.Client]:
    """The page of choices with what readers' feedback says."""
    app = FastAPI()
    Preferences(replace(home.deps, taste=service), make_pages()).add_to(Routes(app))
    with serving(app) as address, httpx.Client(base_url=address) as client:
        yield client


def add_papers(home: House, count: int, first: int = 1, **facts: str) -> list[int]:
    """Take papers in, and return their numbers."""
    records = [record(f"2608.{number:05d}", **facts) for number in range(first, first + count)]
    with home.database.write() as session:
        store = PaperStore(session)
        store.ingest([Observation(made) for made in records], source="test", now=home.clock.now())
        return [paper.seq for paper in reversed(store.latest(count))]


def shown(page: httpx.Client, home: House, who: Subscriber) -> str:
    answer = page.get(home.path("preferences", who))
    assert answer.status_code == 200
    return html.unescape(answer.text)


def test_the_page_says_what_feedback_says_and_lists_it(home: House, page: httpx.Client, service: TasteService) -> None:
    reader = home.subscribe()
    add_papers(home, 9, first=100, title="Speech in the Garden", abstract="Voices are heard.")
    robots = add_papers(home, 3, title="Robots in the Kitchen", abstract="Robots grasp cups.")
    for seq in robots:
        home.deps.links.say(reader.id, seq, Taste.MORE)
    home.clock.advance(timedelta(days=2))
    home.deps.links.say(reader.id, robots[2], Taste.LESS)
    text = shown(page, home, reader)
    assert "Learned from what you said of 3 papers since Monday 17 August 2026" in text
    assert "<dt>More of</dt>" in text
    assert text.count("Robots in the Kitchen</bdi></a>") == 3
    assert text.index(f'name="paper" value="{robots[2]}"') < text.index(f'name="paper" value="{robots[0]}"')
    with home.database.read() as session:
        assert TasteStore(session).learned(reader.id) is None


def test_who_said_nothing_is_told_how_to(home: House, page: httpx.Client) -> None:
    reader = home.subscribe()
    text = shown(page, home, reader)
    assert "Nothing yet. Below each paper" in text
    assert "forget-opinions" not in text


def test_one_opinion_can_be_taken_back_and_all_of_them_forgotten(
    home: House, page: httpx.Client, service: TasteService
) -> None:
    reader, other = home.subscribe(), home.subscribe("other@example.org")
    seqs = add_papers(home, 3)
    for who in (reader, other):
        for seq in seqs:
            home.deps.links.say(who.id, seq, Taste.MORE)
    service.learn()
    path = home.path("preferences", reader)
    for _ in range(2):
        answer = page.post(path, data={"act": "take-back", "paper": str(seqs[0])})
        assert answer.status_code == 200
        assert "Taken back." in answer.text
        assert home.deps.links.opinion(reader.id, seqs[0]) is None
        assert home.deps.links.opinion(reader.id, seqs[1]) is Taste.MORE
    for _ in range(2):
        assert page.post(path, data={"act": "forget-opinions"}).status_code == 200
        assert home.deps.subscribers.held(reader.id).opinions == ()
        with home.database.read() as session:
            assert TasteStore(session).learned(reader.id) is None
            assert TasteStore(session).learned(other.id) is not None
    assert len(home.deps.subscribers.held(other.id).opinions) == 3


@pytest.mark.parametrize("number", ["", "x", "-1", "٣", "9" * 19])
def test_what_is_no_number_is_not_taken_back(home: House, page: httpx.Client, number: str) -> None:
    reader = home.subscribe()
    assert page.post(home.path("preferences", reader), data={"act": "take-back", "paper": number}).status_code == 400


def test_a_long_list_ends_somewhere_and_unknown_papers_are_on_it(home: House, page: httpx.Client) -> None:
    reader = home.subscribe()
    for number in range(MOST_LISTED + 1):
        home.deps.links.say(reader.id, 900_000 + number, Taste.LESS)
    text = shown(page, home, reader)
    assert text.count("A paper that is not known here any more") == MOST_LISTED
    assert "And 1 older one," in text
    assert "No word stands out in it yet." in text


def test_what_sources_wrote_is_text_on_the_page(home: House, page: httpx.Client) -> None:
    reader = home.subscribe()
    (seq,) = add_papers(home, 1, title='"><script>x</script> {{ 7*7 }} <b>Robots</b>', organization="<i>Lab</i>")
    home.deps.links.say(reader.id, seq, Taste.MORE)
    text = page.get(home.path("preferences", reader)).text
    assert "<script>" not in text
    assert "<i>Lab" not in text
    assert "{{ 7*7 }}" in text

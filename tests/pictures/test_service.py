"""Fetching pictures from a real server that answers well and badly."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.papers.model import Paper, PaperSeq
from newsletter.pictures.model import MOST_BYTES, PaperPictures
from newsletter.pictures.service import PictureReport
from newsletter.pictures.shelf import PictureShelf
from newsletter.pictures.store import PictureStore
from tests.pictures.house import HOST, PictureHouse, picture_house
from tests.pictures.samples import decoded, moving, noise, plain, png_of
from tests.sources.replay import Asked, Reply, serving

PNG = {"Content-Type": "image/png"}
GOOD = Reply(body=plain(), headers=PNG)


@pytest.fixture
def house(database: Database, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PictureHouse]:
    with picture_house(database, clock, tmp_path, monkeypatch) as made:
        yield made


def kept(house: PictureHouse, papers: list[Paper]) -> dict[PaperSeq, PaperPictures]:
    with house.database.read() as session:
        return PictureStore(session).of([paper.seq for paper in papers])


def test_a_picture_is_fetched_made_anew_and_kept_for_all_machines(house: PictureHouse) -> None:
    house.server.script("/a.png", GOOD)
    papers = house.papers("/a.png", "")
    assert house.service().run(papers) == PictureReport(kept=1)
    [found] = kept(house, papers).values()
    shelf = PictureShelf(house.database, house.clock, max_bytes=1000)
    for picture in (found.large, found.small):
        content = shelf.content(picture.name)
        assert decoded(content).size == (picture.width, picture.height)
        assert len(content) < MOST_BYTES
    assert shelf.of([paper.seq for paper in papers]) == {papers[0].seq: found}
    [asked] = house.server.asked
    assert asked.headers["accept"].startswith("image/png")
    assert not asked.headers.keys() & {"cookie", "authorization", "referer", "if-none-match"}


def test_what_is_kept_is_not_asked_for_again(house: PictureHouse) -> None:
    house.server.script("/a.png", GOOD)
    papers = house.papers("/a.png")
    house.service().run(papers)
    house.clock.advance(timedelta(days=30))
    assert house.service().run(papers) == PictureReport()
    assert len(house.server.asked) == 1


def test_a_new_address_is_asked_and_the_old_picture_stays_until_there_is_another(house: PictureHouse) -> None:
    house.server.script("/a.png", GOOD)
    house.server.script("/b.png", Reply(404), Reply(body=plain(600, 400), headers=PNG))
    papers = house.papers("/a.png")
    house.service().run(papers)
    before = kept(house, papers)
    moved = [replace(papers[0], thumbnail_url=f"https://{HOST}/b.png")]
    assert house.service().run(moved) == PictureReport(failed=1)
    assert kept(house, papers) == before
    house.clock.advance(timedelta(hours=1))
    assert house.service().run(moved) == PictureReport(kept=1)
    assert kept(house, papers)[papers[0].seq].large.width == 600


BAD = {
    "gone": (Reply(404), "HTTP 404"),
    "down": (Reply(503), "HTTP 503"),
    "page": (Reply(body=b"<!DOCTYPE html><p>Login", headers={"Content-Type": "text/html"}), "a web page instead of a picture"),
    "page in disguise": (Reply(body=b" <html>", headers=PNG), "a web page instead of a picture"),
    "empty": (Reply(headers=PNG), "an empty answer"),
    "hung up": (Reply(hang_up=True), ""),
    "broken off": (Reply(body=plain()[:-200], headers=PNG, promised=len(plain())), ""),
    "cut": (Reply(body=noise()[:500_000], headers=PNG), "it is damaged or cut off"),
    "large": (Reply(body=noise() + bytes(1_000_000), headers=PNG), "the answer is over 8,000,000 bytes"),
    "bomb": (Reply(body=png_of(30_000, 30_000), headers=PNG), "it has more than 20 million pixels"),
    "svg": (
        Reply(body=b"<svg xmlns='http://www.w3.org/2000/svg'/>", headers={"Content-Type": "image/svg+xml"}),
        "it is no PNG",
    ),
    "icon": (Reply(body=plain(32, 32), headers=PNG), "32 pixels wide"),
    "http": (Reply(302, headers={"Location": f"http://{HOST}/good.png"}), "not asked"),
    "this machine": (Reply(302, headers={"Location": "https://127.0.0.1/good.png"}), "not asked"),
    "inner name": (Reply(302, headers={"Location": "https://inner.example.org/good.png"}), "not asked"),
    "half inner name": (Reply(302, headers={"Location": "https://half.example.org/good.png"}), "not asked"),
    "cloud": (Reply(302, headers={"Location": "https://169.254.169.254/latest"}), "not asked"),
    "other port": (Reply(302, headers={"Location": f"https://{HOST}:8443/good.png"}), "not asked"),
    "to no name": (Reply(302, headers={"Location": "https://xn--a.example.org/"}), "redirects to no address"),
    "to half an address": (Reply(302, headers={"Location": "https://[::1/"}), "redirects to no address"),
    "round and round": (Reply(302, headers={"Location": "/bad.png"}), "more than 3 redirects"),
}


@pytest.mark.parametrize("name", BAD)
def test_one_bad_picture_is_named_in_the_log_and_keeps_no_other_away(
    house: PictureHouse, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    reply, problem = BAD[name]
    house.server.script("/bad.png", reply)
    house.server.script("/good.png", GOOD)
    papers = house.papers("/bad.png", "/good.png")
    with caplog.at_level(logging.WARNING, "newsletter.pictures"):
        assert house.service().run(papers) == PictureReport(kept=1, failed=1)
    assert list(kept(house, papers)) == [papers[1].seq]
    [line] = [entry.getMessage() for entry in caplog.records if entry.name.startswith("newsletter.pictures")]
    assert line.startswith(f"pictures.failed paper={papers[0].seq} problem=")
    assert problem in line
    assert set(house.wires.tried) == {("8.8.8.8", 443)}
    # One try a run: the next one comes after an hour.
    assert len(house.server.asked) == (5 if name == "round and round" else 2)


def test_a_redirect_to_another_public_host_is_followed(house: PictureHouse) -> None:
    house.server.script("/a.png", Reply(302, headers={"Location": "https://mirror.example.org/b.gif"}))
    house.server.script("/b.gif", Reply(body=moving(), headers={"Content-Type": "image/gif"}))
    assert house.service().run(house.papers("/a.png")) == PictureReport(kept=1)


@pytest.mark.parametrize(
    "url",
    [
        f"http://{HOST}/a.png",
        "https://127.0.0.1/a.png",
        "https://inner.example.org/a.png",
        "https://half.example.org/a.png",
        "https://[::1]/a.png",
        "https://localhost/a.png",
        f"https://{HOST}:22/a.png",
    ],
)
def test_an_address_within_is_not_asked(house: PictureHouse, url: str) -> None:
    with serving() as canary:
        papers = house.papers(url.replace(":22", f":{canary.port}"))
        assert house.service().run(papers) == PictureReport(failed=1)
        assert canary.asked == []
    assert house.wires.tried == []
    assert house.server.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "/pictures/a.png",
        "nowhere",
        "https://",
        "data:image/png;base64,AAAA",
        "https://user@8.8.8.8/a.png",
        "https://xn--a.example.org/a.png",
        f"https://xn--{'a' * 70}.example.org/a.png",
        "https://[::1",
    ],
)
def test_an_address_that_is_none_is_not_asked(house: PictureHouse, url: str) -> None:
    [paper] = house.papers("/a.png")
    assert house.service().run([replace(paper, thumbnail_url=url)]) == PictureReport(failed=1)
    assert house.wires.tried == []


def test_a_server_that_nobody_vouches_for_is_not_believed(house: PictureHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    house.server.script("/a.png", GOOD)
    assert house.service().run(house.papers("/a.png")) == PictureReport(failed=1)
    assert house.server.asked == []


def test_a_server_that_drips_is_left_in_time(house: PictureHouse) -> None:
    house.server.script("/a.png", Reply(302, headers={"Location": "/b.png"}, drip=0.001))
    house.server.script("/b.png", replace(GOOD, drip=0.01))
    papers = house.papers("/a.png")
    assert house.service(timeout=1.0).run(papers) == PictureReport(failed=1)


def test_what_fails_is_tried_after_an_hour_then_six_then_a_day_then_never(house: PictureHouse) -> None:
    house.server.script("/a.png", Reply(404))
    papers = house.papers("/a.png")
    for hours in (1, 6, 24):
        assert house.service().run(papers) == PictureReport(failed=1)
        house.clock.advance(timedelta(hours=hours, seconds=-1))
        assert house.service().run(papers) == PictureReport()
        house.clock.advance(timedelta(seconds=1))
    assert house.service().run(papers) == PictureReport(failed=1)
    house.clock.advance(timedelta(days=30))
    assert house.service().run(papers) == PictureReport()
    assert len(house.server.asked) == 4


def test_a_run_asks_for_so_many_and_the_next_one_goes_on(house: PictureHouse) -> None:
    papers = house.papers(*(f"/{number}.png" for number in range(5)))
    for number in range(5):
        house.server.script(f"/{number}.png", GOOD)
    assert house.service(per_run=2).run(papers) == PictureReport(kept=2, left=3)
    assert [asked.path for asked in house.server.asked] == ["/0.png", "/1.png"]
    assert house.service(per_run=9).run(papers) == PictureReport(kept=3)


def test_a_run_ends_in_time_however_slow_the_servers_are(house: PictureHouse) -> None:
    def dawdle(_asked: Asked) -> Reply:
        house.clock.advance(timedelta(seconds=50))
        return GOOD

    papers = house.papers(*(f"/{number}.png" for number in range(5)))
    for number in range(5):
        house.server.answer(f"/{number}.png", dawdle)
    assert house.service().run(papers) == PictureReport(kept=3, left=2)


def test_what_a_process_died_over_is_asked_for_an_hour_later(house: PictureHouse) -> None:
    house.server.script("/a.png", GOOD)
    [paper] = house.papers("/a.png")
    with house.database.write() as session:
        assert PictureStore(session).claim(
            paper.seq, paper.thumbnail_url, now=house.clock.now(), waits=(timedelta(hours=1), timedelta(hours=6))
        )
    assert house.service().run([paper]) == PictureReport()
    house.clock.advance(timedelta(hours=1))
    assert house.service().run([paper]) == PictureReport(kept=1)


def test_nothing_is_asked_for_where_that_is_off(house: PictureHouse) -> None:
    assert house.service(fetch=False).run(house.papers("/a.png")) == PictureReport()
    assert house.wires.tried == []


def test_papers_may_have_the_same_picture(house: PictureHouse) -> None:
    house.server.script("/a.png", GOOD)
    house.server.script("/b.png", GOOD)
    papers = house.papers("/a.png", "/b.png")
    assert house.service().run(papers) == PictureReport(kept=2)
    one, other = kept(house, papers).values()
    assert one == other

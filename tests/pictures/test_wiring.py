"""Pictures in the whole program: after each run of the sources, in mails, and gone when they are old."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from newsletter.clock import ManualClock
from newsletter.papers.store import PaperStore
from newsletter.pictures.making import make_logo, make_pictures
from newsletter.pictures.store import PictureStore
from tests.cli.shell import Shell
from tests.flow import mails, numbered, program, subscribe, take_in, text_of
from tests.pictures.samples import halves, plain
from tests.sources.replay import Reply, serving

ENTRY = {
    "paper": {"id": "2608.00001", "title": "Lanterns", "summary": "We study lamps.", "upvotes": 9, "authors": []},
    "publishedAt": "2026-08-17T04:00:00Z",
    "thumbnail": "https://127.0.0.1/2608.00001.png",
}
#: The source, and as its rule asks for, no second question: what matters here comes after it.
SOURCE = '[sources.hf_daily_papers]\nurl = "{url}"\ndays_back = 0\n[http]\nretries = 0\n'


def failures(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [entry.getMessage() for entry in caplog.records if entry.getMessage().startswith("pictures.failed")]


@pytest.mark.parametrize("kind", ["linked", "none"])
def test_after_a_run_of_the_sources_pictures_are_asked_for_where_a_look_has_some(
    tmp_path: Path, database_url: str, clock: ManualClock, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    look = "".join(f'[newsletters.{slug}.look]\npictures = "{kind}"\n' for slug in ("papers", "robots"))
    with serving() as server:
        server.script("/papers", Reply(body=json.dumps([ENTRY]).encode()))
        with program(tmp_path, database_url, clock, extra=SOURCE.format(url=server.url("/papers")) + look) as app:
            with caplog.at_level(logging.WARNING):
                assert app.ticker.fetch_if_due()
            with app.database.read() as session:
                [paper] = PaperStore(session).latest()
    # The address leads to this machine, so it is not asked; and the run went on.
    assert [line.split(" problem=")[0] for line in failures(caplog)] == (
        [f"pictures.failed paper={paper.seq}"] if kind == "linked" else []
    )


def test_what_goes_wrong_with_pictures_keeps_no_papers_away(
    tmp_path: Path, database_url: str, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    with serving() as server:
        server.script("/papers", Reply(body=json.dumps([ENTRY]).encode()))
        with program(tmp_path, database_url, clock, extra=SOURCE.format(url=server.url("/papers"))) as app:
            with app.database.write() as session:
                session.execute(text("DROP TABLE paper_picture"))
            [outcome] = app.fetch()
    assert (outcome.new, outcome.problem) == (1, "")
    assert "app.enrich_failed part=pictures error=" in caplog.text


def test_a_mail_shows_the_picture_of_its_lead_and_the_logo(
    tmp_path: Path, database_url: str, clock: ManualClock, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logo.png").write_bytes(plain(360, 90))
    logo = f'[newsletters.papers.look]\nlogo = "{tmp_path}/logo.png"\n'
    with program(tmp_path, database_url, clock, extra=logo) as app:
        take_in(app, tmp_path, numbered(1, 3))
        made = make_pictures(halves(1200, 630))
        with app.database.write() as session:
            best = min(PaperStore(session).latest(), key=lambda paper: paper.title)
            PictureStore(session).keep(best.seq, "https://pictures.example.org/1.png", made, now=clock.now())
        shell = Shell(tmp_path / "config.toml", capsys)
        subscribe(app, "a@example.org")
        assert shell("build", "--slot", "2026-08-17", "--at", "2026-08-17T06:00Z").code == 0
        assert shell("send", "1").code == 0
        [mail] = mails(app)
        html = text_of(mail, "html")
    assert f'src="https://papers.example.org/pictures/{made.large.picture.name}.jpg"' in html
    assert f"/pictures/{make_logo(plain(360, 90)).picture.name}.png" in html


def test_upkeep_drops_what_is_old(tmp_path: Path, database_url: str, clock: ManualClock) -> None:
    with program(tmp_path, database_url, clock, extra='[pictures]\nkeep = "30d"\n') as app:
        made = make_logo(plain())
        with app.database.write() as session:
            PictureStore(session).put(made, now=clock.now())
        for days, is_there in ((30, True), (1, False)):
            clock.advance(timedelta(days=days))
            app.clear_away()
            with app.database.read() as session:
                assert (PictureStore(session).content(made.picture.name) is not None) is is_there

"""Off until a service is configured; then what is likely to be sent is summed up after the sources were asked."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.app import App
from newsletter.clock import ManualClock
from newsletter.config import Config, DatabaseConfig, PathsConfig, PicturesConfig, SummariesConfig
from newsletter.database import Database
from newsletter.papers.model import Observation
from newsletter.papers.store import PaperStore
from subscribers.model import Cadence
from tests.samples import LISTED, record, votes
from tests.sources.replay import ReplayServer
from tests.summaries.chat import ABSTRACT, GOOD, PATH, completion
from tests.summaries.conftest import KEY, MakeConfig

NOON = LISTED + timedelta(hours=12)


def _app(database: Database, folder: Path, summaries: SummariesConfig) -> App:
    with database.write() as session:
        observations = [Observation(record(f"2608.0000{number}", abstract=ABSTRACT), votes(number)) for number in (1, 2)]
        PaperStore(session).ingest(observations, source="hf_daily_papers", now=LISTED + timedelta(hours=4))
    config = Config(
        database=DatabaseConfig(url=database.url.render_as_string(hide_password=False)),
        paths=PathsConfig(data=folder / "data", templates=folder / "templates"),
        pictures=PicturesConfig(fetch=False),
        summaries=summaries,
    )
    return App(config, clock=ManualClock(NOON))


def _summaries(app: App) -> list[str]:
    slug, newsletter = app.newsletter(None)
    return [each.paper.summary for each in app.builder.pool(slug, newsletter, cadence=Cadence.DAILY, at=NOON)]


def test_papers_likely_to_be_sent_are_summed_up_with_the_key_of_the_file(
    database: Database, tmp_path: Path, server: ReplayServer, configured: MakeConfig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.script(PATH, completion(GOOD))
    (tmp_path / "key").write_text(f"{KEY}\n")
    app = _app(database, tmp_path, configured(api_key_file=tmp_path / "key"))
    app.enrich()
    assert [asked.headers["authorization"] for asked in server.asked] == [f"Bearer {KEY}"] * 2
    assert _summaries(app) == [GOOD, GOOD]
    assert KEY not in caplog.text
    app.close()


def test_a_missing_key_keeps_nobody_from_getting_an_issue(
    database: Database, tmp_path: Path, server: ReplayServer, configured: MakeConfig, caplog: pytest.LogCaptureFixture
) -> None:
    app = _app(database, tmp_path, configured(api_key_file=tmp_path / "missing"))
    app.enrich()
    assert "app.enrich_failed part=summaries" in caplog.text
    assert server.asked == []
    assert _summaries(app) == ["", ""]
    app.close()


def test_nobody_is_asked_as_long_as_no_service_is_configured(database: Database, tmp_path: Path, server: ReplayServer) -> None:
    app = _app(database, tmp_path, SummariesConfig())
    app.enrich()
    assert server.asked == []
    assert _summaries(app) == ["", ""]
    app.close()

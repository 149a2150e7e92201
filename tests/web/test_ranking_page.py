"""The page about the ranking says how it works here, with the weights in use."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import update

from newsletter.clock import ManualClock
from newsletter.config import TrendingConfig
from newsletter.database import Database
from newsletter.digest.snapshot import receipt_to_json
from newsletter.digest.tables import IssuePaperRow
from newsletter.rendering.words.language import ENGLISH
from newsletter.trending.model import ReceiptPart
from tests.conftest import ROOT
from tests.samples import receipt
from tests.web.house import house
from tests.web.issues import publish

WEIGHTS = [name for name in TrendingConfig.model_fields if name.endswith("_weight")]
SPANS = [name for name, value in TrendingConfig() if isinstance(value, timedelta)]
NUMBERS = [name for name, value in TrendingConfig() if isinstance(value, float)]


def _page(database: Database, clock: ManualClock, trending: TrendingConfig) -> str:
    with house(database, clock, trending=trending) as home:
        return unescape(home.client.get("/ranking").text)


def test_every_weight_in_use_stands_on_the_page(database: Database, clock: ManualClock) -> None:
    # Every figure is one that the page would not say by chance.
    given = {name: round(0.1371 + 0.0113 * place, 4) for place, name in enumerate(NUMBERS)}
    spans = {name: timedelta(hours=41 + place) for place, name in enumerate(SPANS)}
    page = _page(database, clock, TrendingConfig.model_validate({**given, **spans}))
    shown = {name: f"{100 * value if name == 'elsewhere' else value:g}" for name, value in given.items()}
    shown |= {name: ENGLISH.lasting(span) for name, span in spans.items()}
    assert {name: said for name, said in shown.items() if said not in page} == {}


def test_a_part_that_is_switched_off_is_said_to_count_nothing(database: Database, clock: ManualClock) -> None:
    whole = _page(database, clock, TrendingConfig())
    assert "nothing here" not in whole
    without = _page(database, clock, TrendingConfig.model_validate(dict.fromkeys(WEIGHTS, 0)))
    assert without.count("nothing here.") == len(WEIGHTS)
    assert "log₂" not in without
    assert "are not spread here" in _page(database, clock, TrendingConfig(diversity=0))


@pytest.mark.parametrize("name", TrendingConfig.model_fields)
def test_every_key_is_named_in_the_documentation(name: str) -> None:
    assert f"`{name}`" in (ROOT / "docs" / "ranking.md").read_text("utf-8")


def test_the_figures_that_were_measured_are_those_of_the_documentation(database: Database, clock: ManualClock) -> None:
    measured = _page(database, clock, TrendingConfig()).partition("How well it does")[2].partition("</section>")[0]
    documented = (ROOT / "docs" / "ranking.md").read_text("utf-8").partition("## How well it does")[2].partition("\n## ")[0]
    figures = re.findall(r"\b\d\d\.\d\b", measured)
    assert len(figures) == 14
    assert [figure for figure in figures if f"{float(figure) / 100:.3f}" not in documented] == []


def test_the_example_shows_how_each_part_is_worked_out(database: Database, clock: ManualClock) -> None:
    parts = (
        ReceiptPart("attention", 21.0, figures=(("weight", 3.0), ("votes", 127.0))),
        ReceiptPart("votes", -0.5, words="42 votes in 8 hours"),
    )
    with house(database, clock) as home:
        assert "An example" not in home.client.get("/ranking").text
        issue = publish(home.database)
        kept = receipt_to_json(receipt(20.5, parts=parts))
        with home.database.write() as session:
            session.execute(update(IssuePaperRow).where(IssuePaperRow.issue_id == issue.id).values(receipt=kept))
        page = unescape(home.client.get("/ranking").text)
        for shown in (
            "Sample 2608.00001",
            "3 \u00d7 log₂(1 + 127)",
            ">21.0<",
            "42 votes in 8 hours",
            ">20.5<",
            "/issues/papers/1",
        ):
            assert shown in page, shown

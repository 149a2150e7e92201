"""Papers as people and scripts ask for them: listed, ranked, and every score with its arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from newsletter.app import App
from newsletter.clock import ManualClock
from newsletter.config import TrendingConfig
from newsletter.delivery.model import DeliveryState
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.model import Issue, Section
from newsletter.digest.snapshot import receipt_to_json
from newsletter.digest.tables import IssuePaperRow
from subscribers.model import Interests
from tests.cli.shell import Shell
from tests.conftest import MONDAY
from tests.flow import build, numbered, program, send, subscribe, take_in
from tests.samples import receipt

ADA, BO = "ada@example.org", "bo@example.org"
AT = "2026-08-17T06:00Z"


@pytest.fixture
def app(tmp_path: Path, database_url: str, clock: ManualClock) -> Iterator[App]:
    with program(tmp_path, database_url, clock) as made:
        yield made


@pytest.fixture
def shell(app: App, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    take_in(app, tmp_path, numbered(1, 9))
    return Shell(tmp_path / "config.toml", capsys)


def _number(shell: Shell, title: str) -> str:
    (found,) = shell("papers", "list", title, "--json").json
    return str(found["seq"])


def _send(app: App) -> Issue:
    issue = build(app).issue
    assert issue is not None
    assert send(app, issue).sent > 0
    return issue


def _keep(app: App, **values: object) -> None:
    """Change what the issues kept of the paper that leads them."""
    with app.database.write() as session:
        session.execute(update(IssuePaperRow).where(IssuePaperRow.rank == 1).values(**values))


def test_papers_are_listed_found_shown_and_ranked(shell: Shell) -> None:
    assert len(shell("papers", "list", "--limit", "0", "--json").json) == 9
    (found,) = shell("papers", "list", "paper 7", "--json").json
    assert found["title"] == "Paper 7"
    assert "Ada Example" in shell("papers", "show", str(found["seq"])).out
    ranked = shell("papers", "rank", "--at", AT, "--limit", "3", "--json").json
    assert [(entry["rank"], entry["title"]) for entry in ranked] == [(1, "Paper 1"), (2, "Paper 2"), (3, "Paper 3")]
    assert "Paper 9" in shell("papers", "rank", "--at", AT).out
    assert shell("papers", "rank", "--at", AT, "--days", "1", "--json").json
    assert shell("papers", "rank", "--at", "2026-09-17T06:00Z").code == 3


def test_a_ranking_for_a_newsletter_is_that_of_its_issues(shell: Shell, app: App) -> None:
    ranked = shell("papers", "rank", "--newsletter", "robots", "--at", AT, "--limit", "2", "--json").json
    expected = app.builder.rank(app.config.newsletters["robots"], at=MONDAY)[:2]
    assert [(entry["key"], entry["score"]) for entry in ranked] == [(each.paper.key, each.receipt.score) for each in expected]
    assert shell("papers", "rank", "--newsletter", "robots", "--at", "2026-08-27T06:00Z", "--days", "3").code == 3
    unknown = shell("papers", "rank", "--newsletter", "nobodys")
    assert unknown.code == 1
    assert "there is papers, robots" in unknown.err


def test_a_score_is_explained_part_by_part(shell: Shell) -> None:
    number = _number(shell, "Paper 7")
    explained = shell("papers", "explain", number, "--at", AT, "--json").json
    assert explained["score"] == pytest.approx(sum(part["points"] for part in explained["parts"]))
    assert explained["parts"][0]["because_of"]
    said = shell("papers", "explain", number, "--at", AT)
    assert said.out.rstrip().endswith("the formula: https://papers.example.org/ranking")
    assert said.code == 0
    assert all(part["name"] in said.out for part in explained["parts"])
    assert "as known at 2026-08-17T06:00Z" in said.out
    assert shell("papers", "explain", number, "--date", "2026-08-17").code == 0


def test_what_cannot_be_explained_says_why(shell: Shell) -> None:
    number = _number(shell, "Paper 7")
    assert shell("papers", "explain", number, "--date", "yesterday").code == 2
    assert "give one of them" in shell("papers", "explain", number, "--date", "2026-08-17", "--at", AT).err
    unknown = shell("papers", "explain", "2608.99999")
    assert (unknown.code, "no paper '2608.99999'" in unknown.err) == (1, True)
    early = shell("papers", "explain", number, "--date", "2026-08-01")
    assert (early.code, "was not known here then, only from 2026-08-17" in early.err) == (1, True)


def test_the_receipt_of_a_mail_is_printed_months_later_whatever_the_weights_are_now(
    shell: Shell, app: App, clock: ManualClock, tmp_path: Path
) -> None:
    subscribe(app, ADA)
    issue = _send(app)
    with app.database.read() as session:
        kept = session.scalars(select(IssuePaperRow).where(IssuePaperRow.issue_id == issue.id, IssuePaperRow.rank == 1)).one()
    number = str(kept.paper_seq)
    before = shell("papers", "explain", number, "--as", ADA, "--json").json
    printed = shell("papers", "explain", number, "--as", ADA).out
    clock.advance(timedelta(days=120))
    take_in(app, tmp_path, {"Paper 1": 5000}, listed_at=MONDAY)
    switched_off = {name: 0 for name, value in TrendingConfig() if isinstance(value, float) and name.endswith("weight")}
    with (tmp_path / "config.toml").open("a") as config:
        config.write("\n[trending]\n" + "".join(f"{name} = {value}\n" for name, value in switched_off.items()))
    after = shell("papers", "explain", number, "--as", ADA, "--json").json
    assert after == before
    assert shell("papers", "explain", number, "--as", ADA).out == printed
    stored = [
        {"name": part["name"], "points": part["points"], "figures": dict(part["figures"])} for part in kept.receipt["parts"]
    ]
    assert [{key: part[key] for key in ("name", "points", "figures")} for part in after["parts"]] == stored
    assert (after["score"], after["rank"], after["slot"], after["number"]) == (kept.receipt["score"], 1, issue.slot, 1)


def test_the_mail_is_named_with_the_papers_place_and_the_interest_that_it_answers(shell: Shell, app: App) -> None:
    subscribe(app, ADA, interests=Interests(keywords=("paper 9",)))
    _send(app)
    number = _number(shell, "Paper 9")
    explained = shell("papers", "explain", number, "--as", ADA, "--json").json
    assert (explained["match"], explained["rank"], explained["section"]) == ("keyword:paper 9", 9, Section.TOP)
    assert 1 <= explained["place"] <= explained["places"] == 5
    said = shell("papers", "explain", number, "--as", ADA).out
    assert "No. 1 of papers, 2026-08-17, mailed 2026-08-17T" in said
    assert f"place {explained['place']} of 5 in the mail, rank 9 in the issue; matches your topic" in said


def test_a_paper_that_a_reader_was_not_sent_is_said_to_be_so(shell: Shell, app: App) -> None:
    subscribe(app, ADA)
    _send(app)
    subscribe(app, BO)
    last = shell("papers", "explain", _number(shell, "Paper 9"), "--as", ADA)
    assert (last.code, "no mail to this reader shows" in last.out) == (3, True)
    first = _number(shell, "Paper 1")
    assert shell("papers", "explain", first, "--as", BO).code == 3
    too_early = shell("papers", "explain", first, "--as", ADA, "--date", "2026-08-16")
    assert (too_early.code, "till 2026-08-17T00:00Z" in too_early.out) == (3, True)
    nobody = shell("papers", "explain", first, "--as", "di@example.org")
    assert (nobody.code, "no such subscriber" in nobody.err) == (1, True)
    assert shell("papers", "explain", first, "--as", "nobody").code == 1


def test_a_mail_that_has_not_left_shows_nothing_and_one_in_doubt_says_so(shell: Shell, app: App) -> None:
    subscribe(app, ADA)
    _send(app)
    number = _number(shell, "Paper 1")
    with app.database.write() as session:
        session.execute(update(DeliveryRow).values(state=DeliveryState.DOUBTFUL))
    assert "it may not have arrived" in shell("papers", "explain", number, "--as", ADA).out
    with app.database.write() as session:
        session.execute(update(DeliveryRow).values(state=DeliveryState.PENDING))
    assert shell("papers", "explain", number, "--as", ADA).code == 3


def test_a_receipt_of_an_earlier_version_says_its_words(shell: Shell, app: App) -> None:
    subscribe(app, ADA)
    _send(app)
    stored = receipt_to_json(receipt(12.5))
    for part in stored["parts"]:
        del part["figures"]
    del stored["forecast"]
    _keep(app, receipt=stored)
    said = shell("papers", "explain", _number(shell, "Paper 1"), "--as", ADA)
    assert said.code == 0
    assert "42 votes in 8 hours" in said.out
    assert "12.50" in said.out


def test_a_late_bloomer_is_called_one(shell: Shell, app: App) -> None:
    subscribe(app, ADA)
    _send(app)
    _keep(app, section=Section.LATE)
    assert "among the late bloomers" in shell("papers", "explain", _number(shell, "Paper 1"), "--as", ADA).out

"""A source that fails when an issue is due: the digest of what is complete, or the published reason; never a broken mail."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from newsletter.app import App
from newsletter.clock import ManualClock
from newsletter.digest.store import IssueStore
from newsletter.schedule.outcome import Reason, SlotOutcome, SlotState
from newsletter.schedule.status import StatusBoard
from newsletter.schedule.store import SlotStore
from newsletter.schedule.words import sentence
from tests.flow import mails, program, send, subscribe, text_of
from tests.sources.replay import ReplayServer, Reply, serving

#: Half an hour before the slot of a Monday.
START = datetime(2026, 8, 17, 5, 30, tzinfo=UTC)
JSON = {"Content-Type": "application/json"}
SETTINGS = """\
[sources.hf_daily_papers]
url = "{hf}"
days_back = 0
[sources.arxiv_api]
enabled = true
url = "{arxiv}"
[http]
retries = 0
[pictures]
fetch = false
"""


def listed(first: int, last: int) -> Reply:
    """What Hugging Face answers with these papers on its list."""
    papers = [
        {"id": f"2608.{number:05d}", "title": f"Paper {number}", "summary": "Text.", "upvotes": 100 - number}
        for number in range(first, last + 1)
    ]
    return Reply(body=json.dumps([{"paper": paper} for paper in papers]).encode(), headers=JSON)


def announced(first: int, last: int, at: datetime) -> Reply:
    """What arXiv answers with these papers submitted at an instant."""
    entries = "".join(
        f"<entry><id>http://arxiv.org/abs/2608.{number:05d}v1</id><title>Preprint {number}</title><summary>Text.</summary>"
        f"<published>{at:%Y-%m-%dT%H:%M:%SZ}</published></entry>"
        for number in range(first, last + 1)
    )
    return Reply(body=f'<feed xmlns="http://www.w3.org/2005/Atom"><title>arXiv Query</title>{entries}</feed>'.encode())


FAILURES = {
    "429": Reply(429, headers={"Retry-After": "900"}),
    "503": Reply(503, body=b"<html>Service Unavailable</html>"),
    "an empty list": Reply(body=b"[]", headers=JSON),
    "one paper only": listed(20, 20),
    "a web page": Reply(body=b"<html>Sorry</html>", headers={"Content-Type": "text/html"}),
}


def first_day(app: App, server: ReplayServer, other: ReplayServer, clock: ManualClock) -> None:
    """A Monday on which all is well, to the next morning."""
    subscribe(app, "a@example.org", "b@example.org")
    server.script("/hf", listed(1, 8))
    other.script("/arxiv", announced(101, 108, START - timedelta(hours=9)))
    tick(app, clock, START + timedelta(minutes=30))
    send_all(app, clock)
    assert len(mails(app)) == 2
    clock.set(START + timedelta(hours=22))
    tick(app, clock, clock.now())
    clock.set(START + timedelta(hours=23, minutes=30))


def tick(app: App, clock: ManualClock, until: datetime) -> None:
    """Tick twice an hour, as the program does more often by itself."""
    while clock.now() <= until:
        app.ticker.fetch_if_due()
        app.ticker.build_due()
        clock.advance(timedelta(minutes=30))


def send_all(app: App, clock: ManualClock) -> None:
    clock.advance(timedelta(hours=4))
    send(app)


def skipped(app: App, state: SlotState = SlotState.SKIPPED) -> list[SlotOutcome]:
    with app.database.read() as session:
        return [each for each in SlotStore(session).latest(state, newsletters=["papers"]) if each.cadence == "daily"]


def slots(app: App) -> list[str]:
    with app.database.read() as session:
        return [issue.slot for issue in IssueStore(session).latest(newsletter="papers")]


def titles(app: App) -> set[str]:
    """What the newest issue's pool holds."""
    with app.database.read() as session:
        issue = IssueStore(session).latest(newsletter="papers")[0]
        return {entry.paper.title for entry in IssueStore(session).pool(issue.id)}


@pytest.mark.parametrize("failure", ["429", "an empty list"])
def test_the_issue_waits_till_its_deadline_and_is_made_of_what_is_complete(
    tmp_path: Path, database_url: str, failure: str
) -> None:
    clock = ManualClock(START)
    with serving() as server, serving() as other:
        settings = SETTINGS.format(hf=server.url("/hf"), arxiv=other.url("/arxiv"))
        with program(tmp_path, database_url, clock, extra=settings) as app:
            first_day(app, server, other, clock)
            server.script("/hf", FAILURES[failure])
            other.script("/arxiv", announced(109, 116, START + timedelta(hours=15)))
            tick(app, clock, START + timedelta(hours=26, minutes=45))
            assert slots(app) == ["2026-08-18", "2026-08-17"]
            send_all(app, clock)
            caught = mails(app)
            assert [mail["To"] for mail in caught] == ["a@example.org", "b@example.org"] * 2
            for mail in caught[2:]:
                assert "Five papers new to you" in text_of(mail)
            assert titles(app) >= {f"Preprint {number}" for number in range(109, 117)}


@pytest.mark.parametrize("failure", FAILURES)
def test_where_nothing_else_is_new_nobody_gets_a_mail_and_the_reason_is_published(
    tmp_path: Path, database_url: str, failure: str
) -> None:
    clock = ManualClock(START)
    with serving() as server, serving() as other:
        settings = SETTINGS.format(hf=server.url("/hf"), arxiv=other.url("/arxiv"))
        with program(tmp_path, database_url, clock, extra=settings) as app:
            first_day(app, server, other, clock)
            server.script("/hf", FAILURES[failure])
            tick(app, clock, START + timedelta(hours=24, minutes=45))
            [waiting] = skipped(app, SlotState.WAITING)
            assert sentence(waiting).startswith("Waiting: ")
            tick(app, clock, START + timedelta(hours=26, minutes=45))
            [outcome] = skipped(app)
            assert outcome.slot == "2026-08-18"
            assert outcome.reason in {Reason.SOURCES_FAILED, Reason.SOURCES_LATE}
            send_all(app, clock)
            assert slots(app) == ["2026-08-17"]
            assert len(mails(app)) == 2
            board = StatusBoard(app.database, clock, app.config.newsletters, enabled=app.fetching.enabled).status()
            assert sentence(outcome) in [line.reason for line in board.past]
            # The day after all is well again, and what came meanwhile is sent.
            server.script("/hf", listed(21, 28))
            clock.set(START + timedelta(hours=48))
            tick(app, clock, START + timedelta(hours=51))
            assert slots(app) == ["2026-08-19", "2026-08-17"]


def test_a_source_that_recovers_before_the_deadline_ends_the_wait(tmp_path: Path, database_url: str) -> None:
    clock = ManualClock(START)
    with serving() as server, serving() as other:
        settings = SETTINGS.format(hf=server.url("/hf"), arxiv=other.url("/arxiv"))
        with program(tmp_path, database_url, clock, extra=settings) as app:
            first_day(app, server, other, clock)
            other.script("/arxiv", announced(109, 116, START + timedelta(hours=15)))
            server.script("/hf", FAILURES["503"])
            tick(app, clock, START + timedelta(hours=24, minutes=30))
            assert slots(app) == ["2026-08-17"]
            server.script("/hf", listed(21, 28))
            tick(app, clock, START + timedelta(hours=25, minutes=30))
            assert slots(app) == ["2026-08-18", "2026-08-17"]
            assert titles(app) >= {f"Paper {number}" for number in range(21, 29)}

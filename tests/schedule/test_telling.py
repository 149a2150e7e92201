"""What people are told: sentences, the slots to come, how things stand, and notes to the operator."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path

import pytest

from newsletter.app import App
from newsletter.clock import ManualClock
from newsletter.schedule.agenda import Agenda
from newsletter.schedule.notes import Notes, send_notes
from newsletter.schedule.outcome import Figures, Freshness, Reason, SlotOutcome, SlotState, Standing
from newsletter.schedule.past import Feedback, Past, PastGap, PastIssue
from newsletter.schedule.status import StatusBoard
from newsletter.schedule.store import SlotStore
from newsletter.schedule.words import problem_words, sentence
from newsletter.sources.store import FetchRun, RunOutcome, SourceStore
from subscribers.model import Cadence, Choices, ConsentMethod, Taste
from subscribers.opinions import OpinionStore
from tests.flow import build, numbered, program, send, subscribe, take_in
from tests.smtp_server import Script, smtp_server

FRIDAY = datetime(2026, 8, 21, 5, 0, tzinfo=UTC)
NOTED = '[schedule]\nnote_to = ["operator@example.org"]\n'


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(FRIDAY)


@pytest.fixture
def app(tmp_path: Path, database_url: str, clock: ManualClock) -> Iterator[App]:
    with program(tmp_path, database_url, clock, extra=NOTED) as app:
        yield app


def keep(app: App, state: SlotState, reason: Reason, figures: Figures, *, slot: str, newsletter: str = "papers") -> None:
    with app.database.write() as session:
        now = app.clock.now()
        assert SlotStore(session).record(newsletter, Cadence.DAILY, slot, state, reason, figures, now=now)


def outcome(reason: Reason, *sources: Standing, new: int = 0, into: str = "", waits: bool = False) -> SlotOutcome:
    state = SlotState.WAITING if waits else SlotState.SKIPPED
    figures = Figures(new, 3, sources, into, FRIDAY + timedelta(hours=3))
    return SlotOutcome("papers", Cadence.DAILY, "2026-08-21", state, reason, figures, FRIDAY)


HF_FAILED = Standing("hf_daily_papers", Freshness.FAILED, holds=True)
ARXIV_LATE = Standing("arxiv_api", Freshness.LATE, new=4, usual=180, holds=True)


@pytest.mark.parametrize(
    ("decided", "words"),
    [
        (
            outcome(Reason.SOURCES_LATE, ARXIV_LATE, waits=True),
            "Waiting: arXiv has listed 4 papers where 180 are usual by then, until 08:00 UTC at the latest.",
        ),
        (
            outcome(Reason.SOURCES_FAILED, HF_FAILED),
            "Hugging Face Daily Papers could not be read, and nothing new came since the last issue.",
        ),
        (
            outcome(Reason.SOURCES_LATE, Standing("arxiv_api", Freshness.LATE), new=1),
            "arXiv had listed nothing, and only 1 paper is new since the last issue; a mail takes 3.",
        ),
        (
            outcome(Reason.NEVER_FETCHED, Standing("openalex", Freshness.UNTRIED)),
            "OpenAlex has never answered yet, and nothing new came since the last issue.",
        ),
        (
            outcome(Reason.NO_NEWS_DAY, Standing("arxiv_api", Freshness.NOT_EXPECTED, holiday="Thanksgiving")),
            "arXiv lists nothing on such a day (Thanksgiving).",
        ),
        (outcome(Reason.QUIET, new=2), "Only 2 papers are new since the last issue; a mail takes 3."),
        (outcome(Reason.MERGED, into="2026-08-22"), "It was missed; its papers come with 2026-08-22."),
    ],
)
def test_every_reason_is_one_sentence_with_its_figures(decided: SlotOutcome, words: str) -> None:
    assert sentence(decided) == words


@pytest.mark.parametrize("reason", Reason)
def test_no_reason_is_without_words(reason: Reason) -> None:
    assert sentence(outcome(reason, HF_FAILED)).endswith(".")


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        ("arxiv_api: HTTP 503 (4 times); nothing to do; the next run tries again", "it answered HTTP 503"),
        ("arxiv_api: a web page instead of XML; check sources.arxiv_api.url", "it answered with a web page"),
        ("feed: the service says: write to root@example.org; check sources.feed", "something went wrong on the way"),
    ],
)
def test_what_went_wrong_is_told_without_the_words_of_a_service(problem: str, words: str) -> None:
    assert problem_words(problem) == words


def test_the_slots_to_come_name_the_hours_of_their_readers(app: App) -> None:
    subscribe(app, "a@example.org")
    for address, hour, zone in (("b@example.org", 7, "Asia/Tokyo"), ("c@example.org", 9, "America/New_York")):
        choices = Choices(local_hour=hour, zone=zone)
        app.subscribers.add(address, "papers", choices, method=ConsentMethod.OPERATOR, wording="told us in person")
    coming = Agenda(app.database, app.clock, app.config.newsletters).coming(10)
    assert len(coming) == 10
    assert [each.slot.build_at for each in coming] == sorted(each.slot.build_at for each in coming)
    daily = next(each for each in coming if (each.newsletter, each.slot.cadence) == ("papers", Cadence.DAILY))
    assert daily.readers == 3
    assert daily.first_due_at == datetime(2026, 8, 21, 8, tzinfo=UTC)
    assert daily.last_due_at == datetime(2026, 8, 21, 22, tzinfo=UTC)
    assert next(each.readers for each in coming if each.newsletter == "robots") == 0


def test_a_slot_that_waits_comes_first(app: App, clock: ManualClock) -> None:
    clock.advance(timedelta(hours=2))
    figures = Figures(sources=(HF_FAILED,), until=FRIDAY + timedelta(hours=3))
    keep(app, SlotState.WAITING, Reason.SOURCES_FAILED, figures, slot="2026-08-21")
    first, second, *_ = Agenda(app.database, app.clock, app.config.newsletters).coming(3)
    assert (first.slot.key, first.waiting is not None) == ("2026-08-21", True)
    assert second.slot.build_at > clock.now()


def test_the_status_tells_what_went_out_what_did_not_and_how_the_sources_are(
    app: App, tmp_path: Path, clock: ManualClock
) -> None:
    take_in(app, tmp_path, numbered(1, 6))
    clock.advance(timedelta(hours=1))
    assert build(app).issue is not None
    problem = "hf_daily_papers: HTTP 503; secret text of https://example.org/?key=1"
    with app.database.write() as session:
        for outcome_of_run, hours in ((RunOutcome.DONE, 3), (RunOutcome.FAILED, 1)):
            at = clock.now() - timedelta(hours=hours)
            SourceStore(session).record(FetchRun("hf_daily_papers", at, at, outcome_of_run, 0, 0, problem=problem))
    clock.advance(timedelta(days=1))
    keep(app, SlotState.SKIPPED, Reason.QUIET, Figures(1, 3), slot="2026-08-22")
    keep(app, SlotState.SKIPPED, Reason.NOBODY, Figures(), slot="2026-08-22", newsletter="robots")
    status = StatusBoard(app.database, clock, app.config.newsletters, enabled=["hf_daily_papers"]).status()
    assert [(line.number, line.title, line.reason) for line in status.past] == [
        (None, "", "Only 1 paper is new since the last issue; a mail takes 3."),
        (1, "Paper 1", ""),
    ]
    [source] = status.sources
    assert (source.problem, source.read_at) == ("it answered HTTP 503", FRIDAY - timedelta(hours=2))
    assert status.troubled == (source,)
    assert "secret" not in repr(status)
    assert "@" not in repr(status)


def test_the_past_adds_up_and_feedback_is_a_sum_that_names_nobody(app: App, tmp_path: Path, clock: ManualClock) -> None:
    subscribe(app, *(f"reader{number}@example.org" for number in range(5)))
    take_in(app, tmp_path, numbered(1, 8))
    issue = build(app).issue
    assert issue is not None
    send(app, issue)
    with app.database.write() as session:
        for reader, paper, taste in ((1, 1, Taste.MORE), (2, 1, Taste.MORE), (3, 2, Taste.LESS), (4, 8, Taste.LESS)):
            OpinionStore(session).say(reader, paper, taste, at=clock.now())
    clock.advance(timedelta(days=1))
    keep(app, SlotState.SKIPPED, Reason.QUIET, Figures(1, 3), slot="2026-08-22")
    gap, past = Past(app.database).latest(10)
    assert isinstance(gap, PastGap)
    assert isinstance(past, PastIssue)
    assert (past.papers, past.account.audience, past.account.adds_up) == (8, 5, True)
    # The eighth paper was not in anybody's digest.
    assert past.feedback == Feedback(more=2, less=1)


def test_of_an_issue_with_few_readers_feedback_is_not_told(app: App, tmp_path: Path) -> None:
    subscribe(app, "a@example.org")
    take_in(app, tmp_path, numbered(1, 5))
    build(app)
    [past] = Past(app.database).latest(10)
    assert isinstance(past, PastIssue)
    assert past.feedback is None


def test_the_operator_is_told_once_of_slots_without_an_issue(app: App, clock: ManualClock) -> None:
    keep(app, SlotState.SKIPPED, Reason.SOURCES_FAILED, Figures(0, 3, (HF_FAILED,)), slot="2026-08-20")
    keep(app, SlotState.SKIPPED, Reason.QUIET, Figures(2, 3), slot="2026-08-21")
    keep(app, SlotState.SKIPPED, Reason.MERGED, Figures(into="2026-08-20"), slot="2026-08-19")
    script = Script()
    with smtp_server(script) as server:
        relay = app.config.smtp.model_copy(update={"host": "127.0.0.1", "port": server.port, "security": "none"})
        assert asyncio.run(send_notes(app.notes, relay)) == 1
        assert asyncio.run(send_notes(app.notes, relay)) == 0
    [message] = server.accepted
    text = message.data.decode()
    assert message.recipient == "operator@example.org"
    assert "Auto-Submitted: auto-generated" in text
    assert "Hugging Face Daily Papers could not be read" in text
    assert "Only 2 papers are new" in text
    assert "2026-08-19" not in text


def test_each_of_several_operators_gets_a_mail_of_their_own(app: App, clock: ManualClock) -> None:
    keep(app, SlotState.SKIPPED, Reason.QUIET, Figures(2, 3), slot="2026-08-21")
    to = ("operator@example.org", "second@example.org")
    notes = Notes(app.database, clock, app.config.newsletters, note_to=to, base_url="https://papers.example.org")
    messages = notes.messages(notes.untold())
    parsed = [message_from_bytes(message.data) for message in messages]
    assert [message.recipient for message in messages] == [message["To"] for message in parsed] == [*to]
    assert len({message["Message-ID"] for message in parsed}) == 2
    assert notes.messages(notes.untold()) == messages


def test_a_relay_that_is_down_keeps_a_note_for_later(app: App) -> None:
    keep(app, SlotState.SKIPPED, Reason.QUIET, Figures(2, 3), slot="2026-08-21")
    with smtp_server(Script()) as server:
        gone = app.config.smtp.model_copy(update={"host": "127.0.0.1", "port": server.port, "security": "none"})
    assert asyncio.run(send_notes(app.notes, gone)) == 0
    assert len(app.notes.untold()) == 1


def test_without_an_address_nobody_is_told(app: App, clock: ManualClock) -> None:
    keep(app, SlotState.SKIPPED, Reason.QUIET, Figures(2, 3), slot="2026-08-21")
    notes = Notes(app.database, clock, app.config.newsletters, note_to=(), base_url="https://papers.example.org")
    assert notes.untold() == []


def test_figures_are_plain_json() -> None:
    figures = Figures(1, 3, (HF_FAILED, ARXIV_LATE), "2026-08-22", FRIDAY)
    assert Figures.from_json(json.loads(json.dumps(figures.as_json()))) == figures

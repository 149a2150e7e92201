"""The studio's samples: of any reader, any day, any kind; and nothing is written by making them."""

from __future__ import annotations

import re
from datetime import date, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import html5lib
import pytest

from newsletter.app import App
from newsletter.clock import ManualClock
from newsletter.errors import NewsletterError
from newsletter.preview.studio.personas import PERSONAS
from newsletter.preview.studio.service import DIGEST, MAIL_KINDS, Shown, UnknownChoiceError, Wanted
from newsletter.preview.studio.worst_cases import HOSTILE, WORST_CASES, WorstCase
from newsletter.rendering.findings import errors_in
from newsletter.rendering.message.lint import BUDGET_BYTES
from newsletter.rendering.view.letters import WELCOME
from subscribers.model import Cadence
from tests.conftest import MONDAY
from tests.flow import build, numbered, program, send, subscribe, take_in
from tests.preview.studio.house import DAYS, READERS, add_papers, add_readers, contents, issue_of_the_day

THEMES = ("quiet", "rich", "compact")


def titles(shown: Shown) -> list[str]:
    """The papers of a digest, best first."""
    papers = {entry.paper.seq: entry.paper.title for entry in shown.pool}
    return [papers[entry.paper_seq] for entry in shown.digest]


def test_a_past_day_looks_afterwards_as_it_looked_on_that_day(app: App, clock: ManualClock, tmp_path: Path) -> None:
    add_readers(app)
    choices = [*(str(app.subscribers.find(address).id) for address in READERS), *(persona.key for persona in PERSONAS)]
    seen = {}
    for round_ in range(DAYS):
        day = clock.now().date()
        add_papers(app, tmp_path, round_=round_)
        studio = app.studio()
        for reader in choices:
            wanted = Wanted(reader=reader)
            seen[day, reader] = studio.show(wanted), studio.last(wanted)
        issue_of_the_day(app)
        clock.advance(timedelta(days=1))
    assert any(shown.digest for shown, _ in seen.values())
    # What came later: papers, votes, issues, and what the readers were sent.
    for (day, reader), (shown, last) in seen.items():
        wanted = Wanted(reader=reader, day=day)
        assert app.studio().show(wanted) == shown, (day, reader)
        assert app.studio().last(wanted) == last, (day, reader)


def test_a_day_is_one_of_the_newsletters_zone_at_its_hour(tmp_path: Path, database_url: str, clock: ManualClock) -> None:
    extra = '[newsletters.far]\nlist_id = "far.example.org"\nzone = "Pacific/Auckland"\nbuild_at = "07:30"\n'
    with program(tmp_path, database_url, clock, extra=extra) as app:
        studio = app.studio()
        far = app.config.newsletters["far"]
        assert studio.at(far, date(2026, 8, 16)).isoformat() == "2026-08-15T19:30:00+00:00"
        # It is 18:00 there on the 17th: today's hour has passed, tomorrow's has not.
        assert studio.at(far, date(2026, 8, 17)).isoformat() == "2026-08-16T19:30:00+00:00"
        for later in (date(2026, 8, 18), date(2030, 1, 1), date.max):
            assert studio.at(far, later) == MONDAY
        assert studio.at(far, None) == MONDAY


def test_the_hour_of_today_is_not_waited_for(app: App, clock: ManualClock, tmp_path: Path) -> None:
    take_in(app, tmp_path, numbered(1, 3))
    clock.advance(-timedelta(hours=1))
    assert app.studio().show(Wanted(day=MONDAY.date())).issue.frozen_at == clock.now()


def test_a_reader_is_not_shown_what_he_was_sent(app: App, clock: ManualClock, tmp_path: Path) -> None:
    add_readers(app)
    reader = str(app.subscribers.find(READERS[1]).id)
    add_papers(app, tmp_path, round_=0)
    before = titles(app.studio().show(Wanted(reader=reader)))
    issue_of_the_day(app)
    clock.advance(timedelta(days=1))
    add_papers(app, tmp_path, round_=1)
    now = titles(app.studio().show(Wanted(reader=reader)))
    assert before
    assert now
    assert not set(before) & set(now)
    assert set(before) & set(titles(app.studio().show(Wanted())))


def test_personas_get_what_they_chose(app: App, clock: ManualClock, tmp_path: Path) -> None:
    for round_ in range(3):
        add_papers(app, tmp_path, round_=round_)
        clock.advance(timedelta(days=1))
    shown = {persona.key: titles(app.studio().show(Wanted(reader=persona.key))) for persona in PERSONAS}
    assert len(shown["common"]) == app.config.newsletters["papers"].size
    assert "robot" in shown["robots"][0]
    assert "language model" in shown["language"][0]
    assert "protein" in shown["science"][0]
    assert not [title for title in shown["science"] if "agent" in title]
    assert len(shown["all"]) == 15
    assert app.studio().show(Wanted(reader="weekly")).issue.cadence is Cadence.WEEKLY


def test_the_next_issue_has_the_next_number(app: App, tmp_path: Path, clock: ManualClock) -> None:
    take_in(app, tmp_path, numbered(1, 3))
    assert app.studio().show(Wanted()).issue.number == 1
    assert build(app).issue is not None
    clock.advance(timedelta(days=1))
    assert app.studio().show(Wanted()).issue.number == 2
    assert app.studio().show(Wanted(newsletter="robots")).issue.number == 1


def test_nothing_new_is_nothing_to_send(app: App) -> None:
    shown = app.studio().show(Wanted())
    assert shown.sample is None
    assert shown.digest == ()


def test_readers_are_those_of_the_newsletter(app: App) -> None:
    subscribe(app, "a@example.org")
    subscribe(app, "b@example.org", newsletter="robots")
    studio = app.studio()
    assert [reader.label for reader in studio.readers("papers")] == ["a@example.org"]
    assert [reader.label for reader in studio.readers("robots")] == ["b@example.org"]
    assert not [reader for reader in studio.readers("papers") if "@" in reader.key]


def test_what_does_not_exist_is_named(app: App) -> None:
    subscribe(app, "b@example.org", newsletter="robots")
    elsewhere = str(app.subscribers.find("b@example.org").id)
    unknown = {
        Wanted(newsletter="none"): "papers, robots",
        Wanted(theme="../quiet"): "compact, quiet, rich",
        Wanted(theme="loud"): "compact, quiet, rich",
        Wanted(language="xx"): "de, en",
        Wanted(language="../de"): "de, en",
        Wanted(kind="parcel"): "digest, confirm",
        Wanted(case="worse"): "sixty",
        Wanted(reader="nobody"): "common",
        Wanted(reader=""): "common",
        Wanted(reader="7"): "common",
        Wanted(reader="-1"): "common",
        Wanted(reader="٣"): "common",
        Wanted(reader="9" * 18): "common",
        Wanted(reader="9" * 400): "common",
        Wanted(reader=elsewhere): "common",
        Wanted(day=date.min): "0001-01-01",
    }
    for wanted, there in unknown.items():
        for asked in (app.studio().check, app.studio().show, app.studio().last):
            with pytest.raises(UnknownChoiceError, match=there):
                asked(wanted)


@pytest.mark.parametrize("language", ["", "de", "ar"])
@pytest.mark.parametrize("theme", THEMES)
def test_every_kind_of_mail_is_fit_to_be_sent(one_app: App, theme: str, language: str) -> None:
    for kind in MAIL_KINDS:
        shown = one_app.studio().show(Wanted(kind=kind, theme=theme, language=language))
        assert shown.sample is not None, kind
        assert errors_in(shown.sample.findings) == [], kind
        assert bool(shown.digest) == (kind in {DIGEST, WELCOME}), kind


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("case", WORST_CASES, ids=lambda case: case.key)
def test_a_worst_case_fits_and_every_paper_of_it_is_counted(one_app: App, theme: str, case: WorstCase) -> None:
    shown = one_app.studio().show(Wanted(case=case.key, theme=theme))
    papers = case.pool()
    assert len(shown.digest) == len(papers)
    if not papers:
        assert shown.sample is None
        return
    assert shown.sample is not None
    assert errors_in(shown.sample.findings) == []
    assert shown.sample.html_bytes <= BUDGET_BYTES
    for part in (shown.sample.html, shown.sample.text):
        listed = set(re.findall(r"\b2603\.\d{5}\b", part))
        online = re.search(r"\b(\d+) more papers? online", part)
        assert len(listed) + (int(online[1]) if online else 0) == len(papers)


def test_worst_cases_have_no_pictures_of_real_papers() -> None:
    for case in WORST_CASES:
        assert all(entry.paper.seq < 0 for entry in case.pool()), case.key
        assert len({entry.paper.seq for entry in case.pool()}) == len(case.pool())


@pytest.mark.parametrize("theme", THEMES)
def test_hostile_text_is_text(one_app: App, theme: str) -> None:
    studio = one_app.studio()
    hostile, plain = (studio.show(Wanted(case=case, theme=theme)).sample for case in ("hostile", "rtl"))
    assert hostile is not None
    assert plain is not None
    document = html5lib.parse(hostile.html, namespaceHTMLElements=False)
    tags = {element.tag for element in document.iter() if isinstance(element.tag, str)}
    expected = {element.tag for element in html5lib.parse(plain.html, namespaceHTMLElements=False).iter()}
    assert tags <= expected
    for element in document.iter():
        assert not [name for name in element.attrib if name.startswith("on")]
        assert not element.get("href", "").lower().startswith(("javascript:", "data:"))
    assert HOSTILE[0] in "".join(document.itertext())
    message = message_from_bytes(hostile.data, policy=policy.default)
    ordinary = message_from_bytes(plain.data, policy=policy.default)
    assert message.keys() == ordinary.keys()
    assert message.defects == []


def test_looking_writes_nothing(app: App, clock: ManualClock, tmp_path: Path) -> None:
    add_readers(app)
    add_papers(app, tmp_path, round_=0)
    issue_of_the_day(app)
    clock.advance(timedelta(days=1))
    add_papers(app, tmp_path, round_=1)
    reader = str(app.subscribers.find(READERS[0]).id)
    before = contents(app.database)
    studio = app.studio()
    for kind in MAIL_KINDS:
        studio.show(Wanted(kind=kind, reader=reader))
    for case in WORST_CASES:
        studio.show(Wanted(case=case.key))
    studio.show(Wanted(day=MONDAY.date()))
    studio.last(Wanted(reader=reader))
    studio.readers("papers")
    assert contents(app.database) == before
    assert len(app.inbox.messages()) == len(READERS)


def test_the_last_issue_is_the_one_that_went_out_to_readers_of_the_cadence(
    app: App, clock: ManualClock, tmp_path: Path
) -> None:
    studio = app.studio()
    assert studio.last(Wanted()) is None
    take_in(app, tmp_path, numbered(1, 3))
    subscribe(app, "a@example.org")
    daily = build(app).issue
    assert daily is not None
    clock.advance(timedelta(days=1))
    last = studio.last(Wanted())
    assert last is not None
    assert last.issue.number == daily.number
    assert titles(last) == ["Paper 1", "Paper 2", "Paper 3"]
    assert studio.last(Wanted(reader="weekly")) is None
    assert studio.last(Wanted(newsletter="robots")) is None
    assert studio.last(Wanted(day=MONDAY.date())) is None
    send(app, daily)
    assert studio.last(Wanted()) is not None
    # What the reader got in it, and not what would be left of it today.
    reader = str(app.subscribers.find("a@example.org").id)
    got = studio.last(Wanted(reader=reader))
    assert got is not None
    assert titles(got) == ["Paper 1", "Paper 2", "Paper 3"]


def test_a_broken_template_is_named_with_its_line(one_app: App) -> None:
    broken = one_app.config.paths.templates / "partials" / "online.mjml"
    broken.parent.mkdir(parents=True)
    broken.write_text("<mj-text>\n{{ view.nothing_of_the_kind }}\n</mj-text>\n", encoding="utf-8")
    with pytest.raises(NewsletterError, match=r"partials/online\.mjml:2"):
        one_app.studio().show(Wanted(case="wide"))

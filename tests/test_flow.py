"""From papers to mails: the promises that only the whole can keep."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.app import App
from newsletter.clock import ManualClock
from newsletter.delivery.model import DeliveryState
from newsletter.digest.model import Issue, IssueState
from newsletter.digest.store import IssueStore
from newsletter.rendering.words.tex import readable
from newsletter.web.archive import Archive
from subscribers.model import Cadence, Choices, ConsentMethod, Interests
from tests.flow import HEADERS, account, build, mails, numbered, program, send, subscribe, take_in, text_of


@pytest.fixture
def app(tmp_path: Path, database_url: str, clock: ManualClock) -> Iterator[App]:
    with program(tmp_path, database_url, clock) as made:
        yield made


def _built(app: App, *, newsletter: str = "papers", cadence: Cadence = Cadence.DAILY) -> Issue:
    issue = build(app, newsletter=newsletter, cadence=cadence).issue
    assert issue is not None
    return issue


def _papers_in(text: str) -> set[str]:
    return set(re.findall(r"Paper \d+", text))


def test_every_reader_gets_one_mail_and_the_account_adds_up(app: App, tmp_path: Path) -> None:
    take_in(app, tmp_path, numbered(1, 9))
    readers = [f"reader{number}@example.org" for number in range(7)]
    subscribe(app, *readers)
    issue = _built(app)
    report = send(app, issue)
    assert (report.sent, report.finished) == (7, (issue.id,))
    assert sorted(mail["To"] for mail in mails(app)) == readers
    settled = account(app, issue)
    assert settled.adds_up
    assert (settled.audience, settled.by_state[DeliveryState.SENT]) == (7, 7)
    assert send(app, issue).sent == 0
    assert len(mails(app)) == 7


def test_issues_of_consecutive_days_share_no_paper(app: App, tmp_path: Path, clock: ManualClock) -> None:
    subscribe(app, "reader@example.org", "robots@example.org")
    seen: list[set[str]] = []
    for day in range(3):
        take_in(app, tmp_path, numbered(10 * day + 1, 10 * day + 7))
        send(app, _built(app))
        seen.append(_papers_in(text_of(mails(app)[-1])))
        clock.advance(timedelta(days=1))
    assert [len(papers) for papers in seen] == [5, 5, 5]
    assert len(set().union(*seen)) == 15


def test_papers_that_a_mail_has_no_room_for_are_counted_as_sent_and_stand_on_its_page(
    app: App, tmp_path: Path, clock: ManualClock
) -> None:
    own = app.config.paths.templates / "partials" / "rising.mjml"
    own.parent.mkdir(parents=True)
    cell = f"<td>{{{{ paper.title }}}} {'long ' * 600}</td>"
    rows = f"<tbody>{{% for paper in view.rising %}}<tr>{cell}</tr>{{% endfor %}}</tbody>"
    own.write_text(f"<mj-table>{rows}</mj-table>", encoding="utf-8")
    take_in(app, tmp_path, numbered(1, 60))
    choices = Choices(size=60)
    app.subscribers.add("a@example.org", "papers", choices, method=ConsentMethod.OPERATOR, wording="told us in person")
    issue = _built(app)
    send(app, issue)
    [mail] = mails(app)
    shown = _papers_in(text_of(mail))
    assert f"{60 - len(shown)} more papers online" in text_of(mail)
    assert 0 < len(shown) < 60
    page = Archive(app.database, app.config.newsletters, "https://papers.example.org").issue("papers", issue.number)
    assert page is not None
    assert len(_papers_in(" ".join(paper.title for paper in (*page.cards, *page.lines)))) == 60
    clock.advance(timedelta(days=1))
    take_in(app, tmp_path, numbered(61, 62))
    send(app, _built(app))
    assert _papers_in(text_of(mails(app)[1])) == {"Paper 61", "Paper 62"}


def test_no_paper_comes_twice_by_another_cadence_or_newsletter(app: App, tmp_path: Path) -> None:
    take_in(app, tmp_path, numbered(1, 12))
    subscribe(app, "reader@example.org")
    send(app, _built(app))
    app.subscribers.unsubscribe("reader@example.org", "papers", method=ConsentMethod.OPERATOR)
    app.subscribers.resubscribe(
        "reader@example.org",
        "robots",
        Choices(cadence=Cadence.WEEKLY),
        method=ConsentMethod.OPERATOR,
        wording="asked again",
    )
    send(app, _built(app, newsletter="robots", cadence=Cadence.WEEKLY))
    first, second = (_papers_in(text_of(mail)) for mail in mails(app))
    assert len(first) == len(second) == 5
    assert not first & second


def test_a_reader_with_nothing_new_is_skipped_and_gets_no_mail(app: App, tmp_path: Path, clock: ManualClock) -> None:
    take_in(app, tmp_path, numbered(1, 4))
    subscribe(app, "reader@example.org")
    send(app, _built(app))
    clock.advance(timedelta(days=1))
    issue = _built(app)
    assert send(app, issue).sent == 0
    settled = account(app, issue)
    assert (settled.adds_up, dict(settled.skipped_by_reason)) == (True, {"nothing_new": 1})
    assert len(mails(app)) == 1


def test_each_reader_gets_what_he_asked_for(app: App, tmp_path: Path) -> None:
    take_in(app, tmp_path, {**numbered(1, 9), "Walking Robots": 1, "Quiet Benchmarks": 2000})
    subscribe(app, "common@example.org")
    subscribe(app, "robots@example.org", interests=Interests(keywords=("robots",), muted=("benchmarks",)))
    send(app, _built(app))
    by_reader = {mail["To"]: mail for mail in mails(app)}
    assert str(by_reader["common@example.org"]["Subject"]).startswith("Quiet Benchmarks")
    assert str(by_reader["robots@example.org"]["Subject"]).startswith("Walking Robots")
    assert "Quiet Benchmarks" not in text_of(by_reader["robots@example.org"])


def test_a_relay_that_is_gone_defers_and_the_next_run_finishes(tmp_path: Path, database_url: str, clock: ManualClock) -> None:
    gone = '[smtp]\nhost = "127.0.0.1"\nport = 1\nsecurity = "none"\n'
    with program(tmp_path, database_url, clock, extra=gone) as app:
        take_in(app, tmp_path, numbered(1, 9))
        subscribe(app, "a@example.org", "b@example.org")
        issue = _built(app)
        report = send(app, issue)
        assert "check smtp.host" in report.problem
        assert account(app, issue).adds_up
    clock.advance(timedelta(days=1))
    with program(tmp_path, database_url, clock) as app:
        assert send(app).sent == 2
        with app.database.read() as session:
            finished = IssueStore(session).get(issue.id)
        assert finished is not None
        assert finished.state is IssueState.FINISHED
        assert len(mails(app)) == 2


@pytest.mark.parametrize(
    "title",
    [
        "a < b && c > d: {{ 7*7 }} {% raw %}",
        "On Sets =?utf-8?q?=0D=0ABcc=3A_evil=40example.org?= and Maps",
        "Line one\r\nBcc: evil@example.org",
        "Nothing\x00in between",
        "Right \u202eto left\u202c and \u05e9\u05dc\u05d5\u05dd",
        "<script>alert(1)</script> & <img src=x onerror=alert(1)>",
        "x" * 10_000,
        "\u00dc\u0308ber $\\mathcal{O}(n \\log n)$ \U0001d4b3 \U0001f916",
        ".\r\n.\r\nQUIT",
    ],
)
def test_a_hostile_title_makes_a_correct_mail_all_the_same(app: App, tmp_path: Path, title: str) -> None:
    take_in(app, tmp_path, {title: 500, **numbered(1, 3)})
    subscribe(app, "reader@example.org")
    assert send(app, _built(app)).sent == 1
    (mail,) = mails(app)
    assert mail.keys() == HEADERS
    assert mail["To"] == "reader@example.org"
    letters = re.sub(r"[\W_]", "", readable(title.replace("\r\n", "")))[:60]
    assert letters[:25] in re.sub(r"[\W_]", "", str(mail["Subject"]) + text_of(mail))
    html = text_of(mail, "html")
    assert "<script" not in html
    assert "<img src=x" not in html
    assert "49" not in str(mail["Subject"])


def test_two_processes_that_build_one_slot_make_one_issue(app: App, tmp_path: Path) -> None:
    take_in(app, tmp_path, numbered(1, 9))
    subscribe(app, *(f"reader{number}@example.org" for number in range(20)))
    command = [sys.executable, "-m", "newsletter", "--config", str(tmp_path / "config.toml")]
    arguments = ["build", "--slot", "2026-08-17", "--at", "2026-08-17T06:00Z"]
    builders = [
        subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    said = [builder.communicate(timeout=60) for builder in builders]
    assert sorted(builder.returncode for builder in builders) == [0, 3, 3], said
    with app.database.read() as session:
        (issue,) = IssueStore(session).latest()
    assert (issue.number, issue.audience, issue.state) == (1, 20, IssueState.OPEN)

"""``issues`` and ``send --rehearse``, as people and scripts use them."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from newsletter.app import App
from newsletter.cli.output import duration, progress
from newsletter.clock import ManualClock
from newsletter.delivery.model import DeliveryState, Reason
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.model import IssueId, IssueState
from newsletter.digest.tables import IssueRow
from tests.cli.shell import Shell
from tests.conftest import MONDAY
from tests.delivery.house import add_readers, counts, issue_state, open_issue
from tests.flow import build, mails, numbered, program, subscribe, take_in


@pytest.fixture
def app(tmp_path: Path, database_url: str, clock: ManualClock) -> Iterator[App]:
    limit = '[delivery.domains.examples]\ndomains = ["example.org", "example.net"]\nper_second = 0.01\n'
    with program(tmp_path, database_url, clock, extra=limit) as made:
        yield made


@pytest.fixture
def shell(app: App, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path / "config.toml", capsys)


def settle(app: App, issue_id: IssueId, *states: DeliveryState, **values: object) -> None:
    with app.database.write() as session:
        ids = session.scalars(select(DeliveryRow.id).where(DeliveryRow.issue_id == issue_id).order_by(DeliveryRow.id)).all()
        for number, state in zip(ids, states, strict=False):
            session.execute(update(DeliveryRow).where(DeliveryRow.id == number).values(state=state, **values))


def test_an_issue_is_paused_resumed_and_cancelled(shell: Shell, app: App) -> None:
    issue_id = open_issue(app.database, add_readers(app.database, 2))
    issue = str(issue_id)
    paused = shell("issues", "pause", issue, "--note", "wrong title", "--json")
    assert (paused.code, paused.json["state"], paused.json["note"]) == (0, "paused", "wrong title")
    assert shell("issues", "pause", issue).code == 3
    shown = shell("issues", "show", issue).out
    assert "note: wrong title" in shown
    assert f"newsletter issues resume {issue}" in shown
    held = shell("send", issue)
    assert (held.code, f"it is paused (wrong title); let it go on with: newsletter issues resume {issue}" in held.out) == (
        3,
        True,
    )
    resumed = shell("issues", "resume", issue)
    assert (resumed.code, resumed.out) == (0, f"issue {issue} is open\n")
    assert shell("issues", "resume", issue).out == f"issue {issue} was open already\n"
    assert shell("issues", "cancel", issue, "--yes").code == 0
    assert shell("issues", "cancel", issue).code == 3
    assert counts(app.database, issue_id) == {"skipped": 2}
    refused = shell("issues", "resume", issue)
    assert (refused.code, refused.err) == (1, f"error: issue {issue} is cancelled, and that is final\n")


def test_cancelling_asks_first(shell: Shell, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    issue_id = open_issue(app.database, add_readers(app.database, 2))
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    asked = shell("issues", "cancel", str(issue_id))
    assert asked.code == 130
    assert "2 readers will not get it" in asked.err
    assert issue_state(app.database, issue_id) is IssueState.OPEN


def test_what_failed_and_what_is_in_doubt_are_put_back_apart(shell: Shell, app: App) -> None:
    issue_id = open_issue(app.database, add_readers(app.database, 3))
    issue = str(issue_id)
    settle(app, issue_id, DeliveryState.FAILED, DeliveryState.DOUBTFUL, reason=Reason.REFUSED)
    reconciled = shell("issues", "reconcile", issue).out
    assert f"newsletter issues resend {issue} --failed" in reconciled
    assert f"newsletter issues deliveries {issue} --state doubtful" in reconciled
    assert shell("issues", "resend", issue, "--failed", "--json").json == {"issue": issue_id, "put_back": 1, "left": 0}
    assert counts(app.database, issue_id) == {"doubtful": 1, "pending": 2}
    doubtful = shell("issues", "resend", issue)
    assert (doubtful.code, doubtful.out.splitlines()[0]) == (0, f"1 deliveries of issue {issue} are due again")
    again = shell("issues", "resend", issue)
    assert (again.code, again.out) == (3, f"nothing of issue {issue} is in doubt\n")


def test_show_tells_rate_domains_and_next_try(shell: Shell, app: App) -> None:
    issue_id = open_issue(app.database, add_readers(app.database, 4))
    now = datetime.now(UTC)
    due = now + timedelta(minutes=10)
    settle(app, issue_id, DeliveryState.SENT, changed_at=now, reply_code=250)
    with app.database.write() as session:
        last = select(DeliveryRow.id).order_by(DeliveryRow.id.desc()).limit(1).scalar_subquery()
        refused = {"state": DeliveryState.DEFERRED, "reply_code": 451, "reply_status": "4.7.1", "reply_text": "not now"}
        session.execute(update(DeliveryRow).where(DeliveryRow.id == last).values(**refused, not_before=due, changed_at=now))
    shown = shell("issues", "show", str(issue_id), "--json").json
    assert shown["rate_per_second"] > 0
    assert shown["seconds_left"] > 0
    assert shown["next_try_at"] == due.isoformat()
    (domain,) = shown["domains"]
    assert (domain["group"], domain["waiting"], domain["sent"], domain["deferred"]) == ("examples", 2, 1, 1)
    assert domain["last_reply"]["code"] == 451
    text = shell("issues", "show", str(issue_id)).out
    assert "451 4.7.1 not now" in text
    assert "messages a second" in text
    assert "next try of what is deferred" in text


def test_watching_ends_when_the_issue_does(shell: Shell, app: App) -> None:
    issue_id = open_issue(app.database, add_readers(app.database, 2))

    def finish() -> None:
        settle(app, issue_id, DeliveryState.SENT, DeliveryState.SENT, reply_code=250)
        with app.database.write() as session:
            session.execute(update(IssueRow).values(state=IssueState.FINISHED, finished_at=MONDAY))

    later = threading.Timer(0.3, finish)
    later.start()
    watched = shell("issues", "show", str(issue_id), "--watch")
    later.join()
    assert watched.code == 0
    assert [line.partition(";")[0] for line in watched.out.splitlines()] == ["open: 2 pending", "finished: 2 sent"]


def test_watching_is_for_people(shell: Shell, app: App) -> None:
    issue_id = open_issue(app.database, [])
    assert shell("issues", "show", str(issue_id), "--watch", "--json").code == 2


def test_a_list_that_was_cut_says_so(shell: Shell, app: App) -> None:
    issue_id = open_issue(app.database, add_readers(app.database, 3))
    cut = shell("issues", "deliveries", str(issue_id), "--limit", "2").out
    assert "there are more: --limit 0 lists all" in cut
    assert "there are more" not in shell("issues", "deliveries", str(issue_id), "--limit", "3").out
    assert len(shell("issues", "deliveries", str(issue_id), "--limit", "2", "--json").json) == 2


def test_a_rehearsal_tells_what_a_send_would_be_and_sends_nothing(shell: Shell, app: App, tmp_path: Path) -> None:
    take_in(app, tmp_path, numbered(1, 9))
    subscribe(app, "a@example.org", "b@example.net", "c@example.com")
    issue = build(app).issue
    assert issue is not None
    rehearsed = shell("send", str(issue.id), "--rehearse", "--json")
    assert rehearsed.code == 0
    found = rehearsed.json
    assert (found["messages"], found["not_sent"], found["problem"]) == (3, {}, "")
    assert found["bound_by"] == "delivery.domains.examples"
    assert {group["group"]: (group["messages"], group["bound_by"]) for group in found["domains"]} == {
        "examples": (2, "delivery.domains.examples"),
        "example.com": (1, ""),
    }
    told = shell("send", str(issue.id), "--rehearse").out
    assert "Rehearsed; nothing was sent" in told
    assert "done in 3 min 20 s at the earliest" in told
    assert mails(app) == []
    assert counts(app.database, issue.id) == {"pending": 3}
    assert [path.name for path in (tmp_path / "data").glob("rehearsal-*")] == []


def test_a_rehearsal_of_nothing_says_why(shell: Shell, app: App) -> None:
    issue_id = open_issue(app.database, [])
    nothing = shell("send", str(issue_id), "--rehearse")
    assert (nothing.code, nothing.out) == (3, f"nothing to send of issue {issue_id}\n")
    assert shell("send", "--due", "--rehearse", "--json").code == 3


def test_a_message_that_cannot_be_made_fails_the_rehearsal(shell: Shell, app: App, tmp_path: Path) -> None:
    take_in(app, tmp_path, numbered(1, 9))
    subscribe(app, "a@example.org")
    issue = build(app).issue
    assert issue is not None
    config = tmp_path / "config.toml"
    config.write_text(config.read_text(encoding="utf-8").replace("newsletters.papers", "newsletters.others"), encoding="utf-8")
    failed = shell("send", str(issue.id), "--rehearse")
    assert failed.code == 1
    assert "1 would not be sent: not composed" in failed.out
    assert "1 messages could not be sent" in failed.err
    assert counts(app.database, issue.id) == {"pending": 1}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (86_400 * 3 + 3_600 * 4, "3 d 4 h"),
    ],
)
def test_a_span_is_no_more_exact_than_one_wants_to_know(seconds: float, words: str) -> None:
    assert duration(timedelta(seconds=seconds)) == words


def test_progress_elsewhere_than_on_a_terminal_is_ten_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("sending") as show:
        for done in range(1, 1001):
            show(done, 1000)
    lines = capsys.readouterr().err.splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("sending: 1 of 1000", "sending: 1000 of 1000", 11)

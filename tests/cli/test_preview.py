"""``newsletter preview``: written, compared, sent to one address, or opened as a page."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from newsletter.app import App
from newsletter.clock import ManualClock
from newsletter.preview.studio.personas import PERSONAS
from newsletter.preview.studio.service import DIGEST, MAIL_KINDS
from newsletter.preview.studio.worst_cases import WORST_CASES
from subscribers.model import SuppressionReason
from tests.cli.shell import Shell
from tests.flow import build, mails, numbered, program, subscribe, take_in
from tests.preview.studio.house import contents
from tests.smtp_server import Fault, Script, SmtpServer, smtp_server

DAY = "2026-08-17"
RELAY = """\
[smtp]
host = "{host}"
port = {port}
security = "none"
"""


@pytest.fixture
def app(tmp_path: Path, database_url: str, clock: ManualClock) -> Iterator[App]:
    with program(tmp_path, database_url, clock) as made:
        yield made


@pytest.fixture
def shell(app: App, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    """On a machine without Chromium and SpamAssassin."""
    monkeypatch.setenv("PATH", "/nowhere")
    take_in(app, tmp_path, numbered(1, 9))
    return Shell(tmp_path / "config.toml", capsys)


@pytest.fixture
def relayed(
    tmp_path: Path, database_url: str, clock: ManualClock, capsys: pytest.CaptureFixture[str]
) -> Iterator[tuple[App, Shell, SmtpServer]]:
    """A program with a relay."""
    with smtp_server(Script(faults=[Fault("rcpt", recipient="full@example.org", reply="552 5.2.2 mailbox full")])) as server:
        extra = RELAY.format(host=server.host, port=server.port)
        with program(tmp_path, database_url, clock, extra=extra) as app:
            take_in(app, tmp_path, numbered(1, 9))
            yield app, Shell(tmp_path / "config.toml", capsys), server


def test_a_mail_is_written_for_review_and_nothing_is_sent(shell: Shell, app: App, tmp_path: Path) -> None:
    subscribe(app, "a@example.org")
    before = contents(app.database)
    ended = shell("preview", "--as", "a@example.org", "--date", DAY, "--output", str(tmp_path / "review"))
    assert ended.code == 0, ended.err
    assert "Paper 1, and 4 more papers new to you" in ended.out
    assert f"next: open {tmp_path / 'review' / 'index.html'}" in ended.out
    for ending in ("eml", "html", "txt", "json"):
        assert "Paper 1" in (tmp_path / "review" / f"digest-quiet.{ending}").read_text(encoding="utf-8")
    assert contents(app.database) == before
    assert mails(app) == []


def test_what_is_missing_is_said_with_what_to_install(shell: Shell, tmp_path: Path) -> None:
    ended = shell("preview", "--date", DAY, "--output", str(tmp_path / "review"))
    assert ended.code == 0
    assert "apt-get install chromium" in ended.out
    assert "apt-get install spamassassin" in ended.out
    assert "caniemail.json" in ended.out
    assert not list((tmp_path / "review").glob("*.png"))


def test_everything_is_written_at_once(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "review"
    ended = shell("preview", "--date", DAY, "--theme", "compact", "--all", "--output", str(folder))
    assert ended.code == 0, ended.err
    assert "nothing to send: Worst case: No papers" in ended.out
    papers = [case.key for case in WORST_CASES if case.key != "none"]
    names = {*(f"{kind}-compact" for kind in MAIL_KINDS), *(f"{DIGEST}-compact-{key}" for key in papers)}
    assert {path.stem for path in folder.glob("*.eml")} == names
    assert len(json.loads((folder / "findings.json").read_text(encoding="utf-8"))["mails"]) == len(names)


def test_any_kind_theme_language_newsletter_and_persona_can_be_asked_for(shell: Shell, tmp_path: Path) -> None:
    asked = ["--newsletter", "robots", "--persona", "weekly", "--kind", "welcome", "--theme", "rich", "--language", "de"]
    assert shell("preview", *asked, "--date", DAY, "--output", str(tmp_path / "review")).code == 0
    said = json.loads((tmp_path / "review" / "welcome-rich.json").read_text(encoding="utf-8"))
    assert said["reader"] == "Weekly, five papers"
    assert said["subject"] == "Willkommen bei Robot Papers"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--as", "a@example.org", "--persona", "lab"], 2, "say one of them"),
        (["--as", "nobody@example.org"], 1, "no such subscriber"),
        (["--as", "a@example.org", "--newsletter", "robots"], 2, "does not get the newsletter"),
        (["--persona", "nobody"], 2, "there is a subscriber's number, common, language"),
        (["--kind", "parcel"], 2, "there is digest, confirm"),
        (["--theme", "../quiet"], 2, "there is compact, quiet, rich"),
        (["--language", "tlh"], 2, "de, en"),
        (["--newsletter", "none"], 2, "there is papers, robots"),
        (["--date", "someday"], 2, "--date"),
        (["--date", "1066-10-14"], 2, "1066-10-14"),
        (["--all"], 2, "--output"),
        (["--all", "--output", "x", "--kind", "confirm"], 2, "no --kind"),
        (["--output", "x", "--send-to", "a@example.org"], 2, "say one of them"),
        (["--theme", "rich", "diff"], 2, "write --theme behind diff"),
    ],
)
def test_what_cannot_be_shown_says_what_can(shell: Shell, app: App, arguments: list[str], code: int, says: str) -> None:
    subscribe(app, "a@example.org")
    ended = shell("preview", *arguments)
    assert ended.code == code, ended.err
    assert says in " ".join(ended.err.split())


@pytest.mark.parametrize("arguments", [["--output", "review"], ["--send-to", "editor@example.org"], ["diff"]])
def test_nothing_to_send_has_a_code_of_its_own(
    app: App, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = Shell(tmp_path / "config.toml", capsys)("preview", *arguments)
    assert ended.code == 3
    assert "newsletter fetch" in ended.out
    assert not (tmp_path / "review").exists()
    assert mails(app) == []


def test_the_next_issue_is_compared_with_the_last(shell: Shell, app: App, clock: ManualClock, tmp_path: Path) -> None:
    subscribe(app, "a@example.org")
    first = shell("preview", "diff", "--as", "a@example.org", "--date", DAY)
    assert (first.code, first.out) == (3, "no issue at this reader's cadence went out yet\n")
    assert build(app).issue is not None
    clock.advance(timedelta(days=1))
    take_in(app, tmp_path, numbered(10, 12))
    ended = shell("preview", "diff", "--as", "a@example.org", "--date", "2026-08-18", "--json")
    assert ended.code == 0, ended.err
    assert [(paper["title"], paper["before"], paper["now"]) for paper in ended.json["papers"]] == [
        *((f"Paper {number}", None, place) for place, number in enumerate((10, 11, 12, 6, 7), start=1)),
        *((f"Paper {place}", place, None) for place in range(1, 6)),
    ]
    shown = shell("preview", "diff", "--as", "a@example.org", "--date", "2026-08-18")
    assert shown.code == 0
    for words in ("No. 2 as of 2026-08-18 06:00 UTC, beside No. 1", "gone", "Paper 12", "kB of HTML", "4 more papers"):
        assert words in shown.out
    assert shell("preview", "diff", "--persona", "weekly", "--date", "2026-08-18").code == 3


def test_a_sample_goes_to_one_address_over_the_relay_and_into_no_account(relayed: tuple[App, Shell, SmtpServer]) -> None:
    app, shell, server = relayed
    subscribe(app, "somebody.else@example.org")
    before = contents(app.database)
    ended = shell("preview", "--as", "somebody.else@example.org", "--date", DAY, "--send-to", "Editor@xn--bcher-kva.example")
    assert ended.code == 0, ended.err
    assert "250 taken" in ended.out
    (accepted,) = server.accepted
    assert accepted.recipient == "Editor@xn--bcher-kva.example"
    assert b"Subject: [Test] Paper 1, and 4 more papers new to you\r\n" in accepted.data
    assert b"somebody.else@example.org" not in accepted.data
    assert contents(app.database) == before
    assert shell("issues", "list").code == 3


def test_the_domain_of_an_address_may_have_other_letters(relayed: tuple[App, Shell, SmtpServer]) -> None:
    _, shell, server = relayed
    assert shell("preview", "--date", DAY, "--send-to", "editor@bücher.example").code == 0
    assert [message.recipient for message in server.accepted] == ["editor@xn--bcher-kva.example"]


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("a@example.org,b@example.org", "only one address"),
        ("Editor <a@example.org>", "not an e-mail address"),
        ("a@example.org\r\nRCPT TO:<b@example.org>", "not an e-mail address"),
        ("", "nothing was written"),
        ("gone@example.org", "suppressed"),
        ("full@example.org", "552 5.2.2 mailbox full"),
    ],
)
def test_a_sample_that_cannot_go_says_why(relayed: tuple[App, Shell, SmtpServer], address: str, says: str) -> None:
    app, shell, server = relayed
    app.subscribers.suppress("Gone@example.org", SuppressionReason.OPERATOR)
    before = contents(app.database)
    ended = shell("preview", "--date", DAY, "--send-to", address)
    assert ended.code == 1
    assert says in ended.err
    assert "Traceback" not in ended.err
    assert server.accepted == []
    assert contents(app.database) == before


def test_a_sample_that_the_linter_refuses_does_not_leave(relayed: tuple[App, Shell, SmtpServer], tmp_path: Path) -> None:
    _, shell, server = relayed
    assert shell("templates", "copy", "partials/footer-words.mjml").code == 0
    own = tmp_path / "templates" / "partials" / "footer-words.mjml"
    own.write_text(own.read_text() + "<form>x</form>")
    ended = shell("preview", "--date", DAY, "--send-to", "editor@example.org")
    assert ended.code == 1
    assert "not sent, as the check of every mail refuses it: forbidden-element (<form> has no place in a mail)" in ended.err
    assert server.accepted == []


def test_without_a_relay_a_sample_lands_in_the_built_in_inbox(shell: Shell, app: App) -> None:
    before = contents(app.database)
    ended = shell("preview", "--date", DAY, "--kind", "goodbye", "--send-to", "editor@example.org")
    assert ended.code == 0, ended.err
    assert "built-in inbox" in ended.out
    (mail,) = mails(app)
    assert (mail["To"], mail["Subject"]) == ("editor@example.org", "[Test] You no longer get Trending Papers")
    assert contents(app.database) == before


def test_a_template_with_an_error_is_named_with_its_line(shell: Shell, app: App, tmp_path: Path) -> None:
    broken = app.config.paths.templates / "digest.txt"
    broken.parent.mkdir()
    broken.write_text("fine\n{{ view.no_such_thing }}\n", encoding="utf-8")
    ended = shell("preview", "--date", DAY, "--output", str(tmp_path / "review"))
    assert ended.code == 1
    assert "digest.txt:2" in ended.err
    assert not (tmp_path / "review").exists()


def test_the_help_names_every_kind_and_every_persona(shell: Shell) -> None:
    ended = shell("preview", "--help")
    assert ended.code == 0
    words = "".join(ended.out.split())
    for key in (*MAIL_KINDS, *(persona.key for persona in PERSONAS), "diff", "--send-to", "--output"):
        assert key in words, key
    assert "Compare the next issue with the last one." in ended.out


def test_the_page_is_served_till_it_is_told_to_end(app: App, tmp_path: Path) -> None:
    take_in(app, tmp_path, numbered(1, 9))
    asked = ["--persona", "robots", "--date", DAY, "--kind", "welcome", "--theme", "rich", "--language", "de"]
    command = [sys.executable, "-m", "newsletter", "--config", str(tmp_path / "config.toml"), "preview", "--port", "0", *asked]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            word, url = running.stdout.readline().split()
            assert word == "preview"
            assert url.endswith("/preview?reader=robots&date=2026-08-17&kind=welcome&theme=rich&language=de")
            answer = httpx.get(url)
            assert answer.status_code == 200
            assert "Willkommen" in answer.text
        finally:
            running.send_signal(signal.SIGINT)
            assert running.wait(30) == 0

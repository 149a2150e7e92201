"""``inbound``, as MTAs, people and scripts use it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from newsletter.app import App
from newsletter.clock import ManualClock
from newsletter.delivery.identity.verp import SignedKind
from newsletter.inbound.model import InboundState
from newsletter.inbound.tables import InboundMailRow
from subscribers.model import Choices, ConsentMethod
from tests.cli.shell import Shell
from tests.flow import program
from tests.inbound.house import letter

MORE = """\
[inbound]
max_bytes = 20000
forward_to = ["operator@example.net"]
"""
PROSE = letter("Dear people,\n\nyour choice of papers made my week. Whom may I thank?\n\nYours, Ada\n")


@pytest.fixture
def app(tmp_path: Path, database_url: str, clock: ManualClock) -> Iterator[App]:
    with program(tmp_path, database_url, clock, extra=MORE) as made:
        path = tmp_path / "config.toml"
        settings = path.read_text(encoding="utf-8")
        path.write_text(
            settings.replace("[newsletters.papers]", '[newsletters.papers]\ninbound_address = "papers@example.org"'),
            encoding="utf-8",
        )
        yield made


@pytest.fixture
def shell(app: App, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    assert app.config
    return Shell(tmp_path / "config.toml", capsys)


@pytest.fixture
def mail(tmp_path: Path) -> Path:
    path = tmp_path / "mail.eml"
    path.write_bytes(PROSE)
    return path


#: Where the database makes no difference, one of the two is enough: these start processes.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def piped(monkeypatch: pytest.MonkeyPatch, raw: bytes, **environment: str) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw)))
    for name in ("SENDER", "RECIPIENT", "ORIGINAL_RECIPIENT", "LOCAL", "LOCAL_PART", "EXTENSION", "DOMAIN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def test_a_mail_is_taken_from_a_file_and_acted_upon(shell: Shell, app: App, mail: Path) -> None:
    taken = shell("inbound", "take", str(mail), "--sender", "ada@example.org", "--recipient", "papers@example.org")
    assert (taken.code, taken.out) == (0, "mail 1 is kept\n")
    (record,) = app.inbound.latest()
    assert (record.state, record.kind, record.outcome) == (InboundState.HANDLED, "human", "human.forwarded")
    assert shell("inbound", "take", str(mail), "--recipient", "papers@example.org").out == "mail 1 was kept before\n"


def test_a_pipe_tells_the_envelope_in_its_environment(shell: Shell, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    signed = app.bounces.make("papers@example.org", SignedKind.DELIVERY_REPLY, 3)
    piped(monkeypatch, PROSE, SENDER="ada@example.org", RECIPIENT=signed)
    assert shell("inbound", "take", "-", "--keep-only").code == 0
    stored = app.inbound.stored(1)
    assert stored is not None
    assert (stored.arrival.envelope_from, stored.arrival.recipients) == ("ada@example.org", (signed,))
    assert stored.arrival.raw == PROSE
    assert [record.state for record in app.inbound.latest()] == [InboundState.WAITING]


def test_what_is_said_on_the_command_line_goes_before_the_environment(
    shell: Shell, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    piped(monkeypatch, PROSE, SENDER="a@example.org", RECIPIENT="b@example.org")
    assert shell("inbound", "take", "--sender", "", "--recipient", "c@example.org", "--recipient", "d@example.org").code == 0
    stored = app.inbound.stored(1)
    assert stored is not None
    assert (stored.arrival.envelope_from, stored.arrival.recipients) == ("", ("c@example.org", "d@example.org"))


def test_a_mail_that_is_too_large_is_given_back_and_the_others_are_kept(shell: Shell, app: App, mail: Path) -> None:
    large = mail.with_name("large.eml")
    large.write_bytes(b"x" * 20_001)
    taken = shell("inbound", "take", str(large), str(mail))
    assert (taken.code, taken.out) == (69, "mail 1 is kept\n")
    assert "20001 bytes, and inbound.max_bytes allows 20000" in taken.err
    assert len(app.inbound.latest()) == 1
    large.write_bytes(b"x" * 200_000)
    assert "200000 bytes" in shell("inbound", "take", str(large)).err, "its true size, though not all of it is held"


@on_sqlite
def test_a_pipe_is_read_to_its_end_whatever_comes(app: App, tmp_path: Path) -> None:
    assert app.config
    taken = subprocess.run(
        [sys.executable, "-m", "newsletter", "--config", str(tmp_path / "config.toml"), "inbound", "take", "-"],
        input=b"x" * 20_000_000,
        capture_output=True,
        check=False,
        env={**os.environ, "SENDER": "", "RECIPIENT": "papers@example.org"},
    )
    assert taken.returncode == 69


def test_while_it_cannot_be_stored_the_mta_is_told_to_come_again(
    tmp_path: Path, mail: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = Shell(tmp_path / "missing.toml", capsys)("inbound", "take", str(mail))
    assert missing.code == 75
    assert "was not stored" in missing.err
    unreachable = tmp_path / "unreachable.toml"
    unreachable.write_text(f'[database]\nurl = "sqlite:///{mail}/newsletter.db"\n', encoding="utf-8")
    assert Shell(unreachable, capsys)("inbound", "take", str(mail)).code == 75


def test_a_handler_that_fails_does_not_give_a_stored_mail_back(shell: Shell, app: App, mail: Path) -> None:
    with app.database.write() as session:
        session.connection().exec_driver_sql("DROP TABLE notice")
    taken = shell("inbound", "take", str(mail), "--recipient", "papers@example.org")
    assert (taken.code, taken.out) == (0, "mail 1 is kept\n")
    (record,) = app.inbound.latest()
    assert (record.state, record.attempts) == (InboundState.WAITING, 1)


def test_mails_are_listed_shown_and_acted_upon_again(shell: Shell, app: App, mail: Path) -> None:
    assert (shell("inbound", "list").code, shell("inbound", "list", "--json").json) == (3, [])
    shell("inbound", "take", "--keep-only", str(mail), "--recipient", "papers@example.org")
    assert shell("inbound", "list", "--state", "handled").code == 3
    assert "1 mails acted on" in shell("inbound", "work").out
    assert shell("inbound", "work").code == 3
    listed = shell("inbound", "list", "--kind", "human")
    assert listed.code == 0
    assert "human.forwarded" in listed.out
    (row,) = shell("inbound", "list", "--json").json
    assert (row["id"], row["kind"], row["state"], row["is_kept"]) == (1, "human", "handled", True)
    assert row["not_before"] is None
    details = shell("inbound", "show", "1", "--json").json
    assert {name: details[name] for name in row} == row
    assert "newsletter inbound replay 1" in shell("inbound", "show", "1").out
    again = shell("inbound", "replay", "1", "7")
    assert (again.code, again.out) == (0, "mail 1 waits to be acted on\n")
    assert "mail 7 is not kept" in again.err
    assert [record.state for record in app.inbound.latest()] == [InboundState.WAITING]
    assert shell("inbound", "replay", "7").code == 3


@on_sqlite
def test_a_mail_comes_out_as_it_went_in(app: App, tmp_path: Path) -> None:
    raw = bytes(range(256))
    path = tmp_path / "bytes.eml"
    path.write_bytes(raw)
    call = [sys.executable, "-m", "newsletter", "--config", str(tmp_path / "config.toml"), "inbound"]
    assert subprocess.run([*call, "take", str(path)], check=True, capture_output=True).stdout == b"mail 1 is kept\n"
    assert subprocess.run([*call, "show", "1", "--raw"], check=True, capture_output=True).stdout == raw
    assert app.inbound.stored(1) is not None


@on_sqlite
def test_a_pipe_that_only_keeps_starts_without_the_rest_of_the_program(app: App, tmp_path: Path, mail: Path) -> None:
    call = ["-X", "importtime", "-m", "newsletter", "--config", str(tmp_path / "config.toml"), "inbound", "take", "--keep-only"]
    taken = subprocess.run([sys.executable, *call, str(mail)], check=True, capture_output=True, text=True)
    assert taken.stdout == "mail 1 is kept\n"
    imported = {line.rpartition("|")[2].strip() for line in taken.stderr.splitlines()}
    assert "newsletter.inbound.keeping" in imported
    assert imported.isdisjoint({"newsletter.app", "newsletter.inbound.sorting.sort", "fastapi", "numpy"})
    assert [record.state for record in app.inbound.latest()] == [InboundState.WAITING]


def test_a_list_that_was_cut_says_so(shell: Shell, mail: Path) -> None:
    for number in range(3):
        mail.write_bytes(PROSE + b"%d" % number)
        shell("inbound", "take", "--keep-only", str(mail))
    assert "there are more: --limit 0 lists all" in shell("inbound", "list", "--limit", "2").out
    assert "there are more" not in shell("inbound", "list", "--limit", "3").out
    assert [row["id"] for row in shell("inbound", "list", "--limit", "2", "--json").json] == [3, 2]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("show", "9"), 1, "there is no mail 9"),
        (("show", "1", "--raw", "--json"), 2, "--raw or --json"),
        (("list", "--reader", "nobody@example.org"), 1, "no such subscriber"),
        # The MTA keeps what such a mistake is made about.
        (("take", "missing.eml"), 75, "does not exist"),
        (("take", "--sendr", "ada@example.org"), 75, "No such option"),
        (("take", "--sender"), 75, "requires an argument"),
        (("list", "--kind", "post"), 2, "is not one of"),
        (("poll", "--once"), 1, "inbound.imap.host"),
        (("poll",), 1, "inbound.imap.host"),
    ],
)
def test_what_cannot_be_done_is_said(shell: Shell, arguments: tuple[str, ...], code: int, words: str) -> None:
    ended = shell("inbound", *arguments)
    assert ended.code == code
    assert words in ended.err


def test_a_mail_that_is_not_kept_any_more_is_said_to_be_gone(shell: Shell, app: App, mail: Path, clock: ManualClock) -> None:
    shell("inbound", "take", str(mail), "--recipient", "papers@example.org")
    clock.set(datetime.now(UTC) + app.config.inbound.keep + timedelta(days=1))
    app.inbound.clear_away()
    gone = shell("inbound", "show", "1", "--raw")
    assert (gone.code, "not kept any more" in gone.err) == (1, True)
    assert shell("inbound", "show", "1", "--json").json["outcome"] == "human.forwarded"


def test_a_pipe_whose_help_is_asked_for_ends_well(shell: Shell) -> None:
    helped = shell("inbound", "take", "--help")
    assert (helped.code, "echo $?" in helped.out) == (0, True)


def test_a_mail_is_shown_with_its_writer_and_subject_on_one_line_each(shell: Shell, mail: Path) -> None:
    mail.write_bytes(
        b"From: =?utf-8?q?Ada_=C3=84xample?= <ada@example.org>\r\nTo: papers@example.org,\r\n  bob@example.org\r\n"
        b"Subject: =?utf-8?q?two=0D=0Alines=1B=5B31m_and_=E2=80=AEa_turn?= " + b"x" * 400 + b"\r\n\r\nHow are you?\r\n"
    )
    shell("inbound", "take", "--keep-only", str(mail), "--sender", "ada@example.org")
    details = shell("inbound", "show", "1", "--json").json
    assert (details["from"], details["to"]) == ("Ada Äxample <ada@example.org>", "papers@example.org, bob@example.org")
    assert details["envelope_from"] == "ada@example.org"
    assert details["subject"].startswith("two lines [31m and a turn xxx")
    assert len(details["subject"]) == 300
    assert details["not_before"], "it waits"
    shell("inbound", "work")
    shown = shell("inbound", "show", "1").out
    assert "Ada Äxample <ada@example.org>" in shown
    assert "not before" not in shown
    assert "\x1b" not in shown


def test_a_null_sender_is_told_from_one_that_is_not_known(shell: Shell, mail: Path) -> None:
    shell("inbound", "take", "--keep-only", str(mail), "--sender", "")
    mail.write_bytes(PROSE + b"once more")
    shell("inbound", "take", "--keep-only", str(mail))
    assert [shell("inbound", "show", number, "--json").json["envelope_from"] for number in "12"] == ["", None]
    assert "<>" in shell("inbound", "show", "1").out
    assert "envelope" not in shell("inbound", "show", "2").out


def test_commands_are_listed_and_shown_in_words_and_a_reader_is_looked_for(shell: Shell, app: App, mail: Path) -> None:
    ada = app.subscribers.add("ada@example.org", "papers", Choices(), method=ConsentMethod.OPERATOR, wording="x").subscriber
    app.subscribers.add("bob@example.org", "papers", Choices(), method=ConsentMethod.OPERATOR, wording="x")
    mail.write_bytes(letter("weekly\nhelp\n"))
    shell("inbound", "take", str(mail), "--sender", "ada@example.org", "--recipient", "papers@example.org")
    (row,) = shell("inbound", "list", "--json").json
    assert row["facts"]["commands"], row
    words = ", ".join(row["facts"]["commands"])
    assert words in shell("inbound", "list").out
    shown = shell("inbound", "show", "1").out
    assert words in shown
    assert "True" not in shown
    with app.database.write() as session:
        session.execute(update(InboundMailRow).values(subscriber_id=ada.id))
    assert [one["id"] for one in shell("inbound", "list", "--reader", "ada@example.org", "--json").json] == [1]
    others = shell("inbound", "list", "--reader", "bob@example.org")
    assert (others.code, others.out) == (3, "no such mails\n")

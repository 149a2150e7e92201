"""``newsletter inbound classify``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from newsletter.cli.inbound_classify import classify

BOUNCE = b"""\
Return-Path: <>
From: MAILER-DAEMON@mx.example.net
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b

could not be delivered
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; ada@example.net
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <ada@example.net>: Recipient address rejected: User unknown
--b--
"""
COMMAND = b"From: ada@example.net\nSubject: Re: Papers\n\nstop\n"


@pytest.fixture
def mails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bounce.eml").write_bytes(BOUNCE)
    (tmp_path / "command.eml").write_bytes(COMMAND)
    # No configuration lies here.
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(classify, arguments, input=stdin)


def test_an_array_has_an_object_for_each_file_in_its_order(mails: Path) -> None:
    result = run("bounce.eml", "-", str(mails / "command.eml"), "--json", stdin=b"")
    assert result.exit_code == 0
    nothing: dict[str, object] = {"hard": None, "reason": None, "status": None, "recipients": []}
    assert json.loads(result.stdout) == [
        {
            "file": "bounce.eml",
            "kind": "bounce",
            "hard": True,
            "reason": "userunknown",
            "status": "5.1.1",
            "recipients": ["ada@example.net"],
        },
        {"file": "-", "kind": "other", **nothing},
        {"file": str(mails / "command.eml"), "kind": "command", **nothing},
    ]


@pytest.mark.usefixtures("mails")
def test_one_file_is_an_array_too() -> None:
    result = run("-", "--json", stdin=COMMAND)
    assert [each["kind"] for each in json.loads(result.stdout)] == ["command"]


@pytest.mark.usefixtures("mails")
def test_without_json_it_is_a_table_for_people() -> None:
    result = run("bounce.eml", "command.eml", "-", stdin=b"From: ada@example.net\nList-Id: <x.example.org>\n\nhello")
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines() if line.strip()]
    assert lines[0] == ["3", "mails"]
    assert ["bounce.eml", "bounce", "yes", "userunknown", "5.1.1", "ada@example.net"] in lines
    assert ["command.eml", "command", "-", "-", "-"] in lines
    assert ["-", "other", "(list)", "-", "-", "-"] in lines


@pytest.mark.usefixtures("mails")
@pytest.mark.parametrize("name", ["missing.eml", "."])
def test_a_file_that_cannot_be_read_is_named(name: str) -> None:
    result = run("bounce.eml", name, "--json")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert f"{name}: cannot be read" in result.stderr


def test_no_file_is_wrong_usage() -> None:
    assert run().exit_code == 2

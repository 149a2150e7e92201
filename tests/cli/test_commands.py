"""Commands as people and scripts use them: words, JSON, exit codes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.app import App
from newsletter.clock import ManualClock
from tests.cli.shell import Shell
from tests.flow import mails, numbered, program, subscribe, take_in


@pytest.fixture
def app(tmp_path: Path, database_url: str, clock: ManualClock) -> Iterator[App]:
    with program(tmp_path, database_url, clock) as made:
        yield made


@pytest.fixture
def shell(app: App, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    take_in(app, tmp_path, numbered(1, 9))
    return Shell(tmp_path / "config.toml", capsys)


AT = "2026-08-17T06:00Z"


def test_an_issue_is_built_sent_and_reconciled(shell: Shell, app: App) -> None:
    subscribe(app, "a@example.org", "b@example.org")
    built = shell("build", "--slot", "2026-08-17", "--at", AT, "--json")
    assert (built.code, built.json["number"], built.json["is_new"]) == (0, 1, True)
    assert shell("build", "--slot", "2026-08-17", "--at", AT).code == 3
    issue = str(built.json["id"])
    one = shell("send", issue, "--to", "b@example.org", "--json")
    assert (one.code, one.json["sent"], one.json["finished"]) == (0, 1, [])
    assert shell("issues", "reconcile", issue).code == 0
    rest = shell("send", issue)
    assert rest.code == 0
    assert shell("send", "--due").code == 3
    assert sorted(mail["To"] for mail in mails(app)) == ["a@example.org", "b@example.org"]
    account = shell("issues", "reconcile", issue, "--json").json
    assert (account["audience"], account["adds_up"], account["states"]["sent"]) == (2, True, 2)
    (listed,) = shell("issues", "list", "--json").json
    assert (listed["state"], listed["slot"], listed["audience"]) == ("finished", "2026-08-17", 2)
    sent = shell("issues", "deliveries", issue, "--state", "sent", "--limit", "1", "--json").json
    assert [(row["state"], row["reply"]["code"]) for row in sent] == [("sent", 250)]
    assert shell("issues", "deliveries", issue, "--state", "failed").code == 3
    shown = shell("issues", "show", issue, "--json").json
    assert [entry["rank"] for entry in shown["pool"]] == list(range(1, 10))


def test_a_dry_run_shows_the_pool_and_writes_nothing(shell: Shell) -> None:
    shown = shell("build", "--at", AT, "--dry-run", "--json")
    assert [row["title"] for row in shown.json][:2] == ["Paper 1", "Paper 2"]
    assert shell("issues", "list").code == 3


def test_a_dry_run_without_papers_says_what_to_do(shell: Shell) -> None:
    ended = shell("build", "--at", "2020-01-01T00:00Z", "--dry-run")
    assert (ended.code, ended.out) == (3, "")
    assert "newsletter fetch" in ended.err


def test_a_slot_that_does_not_exist_is_wrong_usage(shell: Shell) -> None:
    ended = shell("build", "--cadence", "weekly", "--slot", "2026-08-17")
    assert ended.code == 2
    assert "write it like 2026-W34" in ended.err


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["send"], 2, "name an issue, or say --due"),
        (["fetch", "hf_daily_paper"], 1, "did you mean 'hf_daily_papers'?"),
        (["issues", "reconcile", "99"], 1, "there is no issue 99"),
        (["build", "nothing-of-mine"], 1, "there is papers, robots"),
        (["fetch", "--date", "someday"], 2, "--date"),
    ],
)
def test_what_cannot_be_done_says_what_can(shell: Shell, arguments: list[str], code: int, says: str) -> None:
    ended = shell(*arguments)
    assert ended.code == code
    assert says in ended.err


def test_a_time_without_zone_is_refused(shell: Shell) -> None:
    ended = shell("papers", "rank", "--at", "2026-08-17T06:00")
    assert ended.code == 2
    assert "has no zone" in ended.err


def test_files_are_taken_in_and_a_broken_one_is_named(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "more.jsonl").write_text('{"title": "One More Paper", "abstract": "Short."}\n')
    (tmp_path / "broken.json").write_text('[{"paper": {"id": "2608.1')
    ended = shell("fetch", "--from-file", str(tmp_path / "broken.json"), "--from-file", str(tmp_path / "more.jsonl"), "--json")
    assert ended.code == 1
    assert [bool(outcome["problem"]) for outcome in ended.json] == [True, False]
    assert "broken.json" in ended.err
    assert "Traceback" not in ended.err
    assert shell("papers", "list", "One More").code == 0


def test_config_check_and_show_and_upgrade(shell: Shell) -> None:
    assert "fine, 2 newsletters" in shell("config", "check").out
    assert shell("config", "show").json["newsletters"]["robots"]["name"] == "Robot Papers"
    assert shell("db", "upgrade").code == 3


@pytest.mark.parametrize("command", [["config", "check"], ["run"], ["send", "--due"]])
def test_a_theme_language_or_logo_that_cannot_be_used_is_named_before_anything_is_done(
    shell: Shell, tmp_path: Path, command: list[str]
) -> None:
    (tmp_path / "broken.png").write_text("no picture")
    with (tmp_path / "config.toml").open("a") as config:
        config.write('[newsletters.maps]\nname = "Maps"\nlist_id = "maps.example.org"\nlanguage = "xx"\n')
        config.write('[newsletters.maps.look]\ntheme = "loud"\nlogo = "gone.png"\n')
        config.write('[newsletters.words]\nname = "Words"\nlist_id = "words.example.org"\n')
        config.write('[newsletters.words.look]\nlogo = "broken.png"\n')
    ended = shell(*command)
    assert ended.code == 1
    assert "4 problems" in ended.err
    assert "newsletters.maps.look.theme: there is no theme 'loud'; there are compact, quiet, rich" in ended.err
    assert "newsletters.maps.language: there is no catalogue of 'xx'; there are en, " in ended.err
    assert f"newsletters.maps.look.logo: {tmp_path / 'gone.png'} cannot be read (No such file or directory)" in ended.err
    assert f"newsletters.words.look.logo: {tmp_path / 'broken.png'}: the picture cannot be used" in ended.err


def test_init_writes_a_folder_that_runs_and_keeps_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "mine"
    shell = Shell(folder / "config.toml", capsys)
    assert shell("init", str(folder)).code == 0
    assert shell("config", "check").code == 0
    (folder / "config.toml").write_text("# mine\n")
    assert "kept" in shell("init", str(folder)).out
    assert (folder / "config.toml").read_text() == "# mine\n"
    assert shell("papers", "list").code == 3

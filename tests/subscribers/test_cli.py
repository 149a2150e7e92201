"""The commands as an operator types them: words, exit codes, JSON, files."""

from __future__ import annotations

import csv
import json
import signal
import stat
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from newsletter.cli import main
from newsletter.cli.output import FAILED, NOTHING_TO_DO
from subscribers.model import Interests
from subscribers.transfer.importing import BATCH


class Shell:
    """Runs commands against one configuration; keeps what the last one said."""

    def __init__(self, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.config, self._capsys = config, capsys
        self.out = self.err = ""

    def __call__(self, *args: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(["--config", str(self.config), *args])
        self.out, self.err = self._capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code

    def json(self, *args: str) -> Any:
        assert self(*args, "--json") == 0
        return json.loads(self.out)


@pytest.fixture
def shell(database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    config = tmp_path / "config.toml"
    config.write_text(
        f"""
        [database]
        url = {json.dumps(database_url)}
        [security]
        secret_key = "0123456789abcdef0123456789abcdef"
        [newsletters.papers]
        zone = "Europe/Berlin"
        [newsletters.papers.fields.city]
        required = true
        [newsletters.papers.fields.seats]
        kind = "number"
        [newsletters.other]
        cadences = ["weekly"]
        """
    )
    return Shell(config, capsys)


def test_a_reader_is_added_listed_shown_and_lets_go(shell: Shell) -> None:
    assert shell("subscribers", "add", "Ann@example.org", "--topics", "cs.CL; agents", "--hour", "7", "--size", "5") == 0
    assert shell.out == "added Ann@example.org as subscriber 1: papers, daily\n"
    assert shell("subscribers", "add", "ann@example.org") == NOTHING_TO_DO
    (listed,) = shell.json("subscribers", "list")
    assert (listed["id"], listed["address"], listed["state"]) == (1, "Ann@example.org", "active")
    shown = shell.json("subscribers", "show", "1")
    assert shown["subscriptions"] == [
        {
            "newsletter": "papers",
            "cadence": "daily",
            "hour": 7,
            "zone": "Europe/Berlin",
            "interests": {"categories": ["cs.CL"], "keywords": ["agents"]},
            "size": 5,
            "fields": {},
            "paused_until": None,
        }
    ]
    assert shown["consents"][0]["method"] == "operator"
    assert shown["suppression"] is None
    assert shell("subscribers", "show", "ann@example.org") == 0
    assert "categories: cs.CL; keywords: agents" in shell.out
    assert shell("subscribers", "unsubscribe", "ann@example.org") == 0
    assert shell("subscribers", "unsubscribe", "ann@example.org") == NOTHING_TO_DO
    assert shell("subscribers", "add", "ann@example.org") == FAILED
    assert "--asked-again" in shell.err
    assert shell("subscribers", "add", "ann@example.org", "--asked-again") == 0


def test_every_kind_of_interest_can_be_given(shell: Shell) -> None:
    chosen = (
        "--topics",
        "CS.cl; agents -survey",
        "--authors",
        "Example, Ada; Eve Example",
        "--labs",
        "Lab A",
        "--muted",
        "a; b",
    )
    assert shell("subscribers", "add", "ann@example.org", *chosen) == 0
    assert shell.json("subscribers", "show", "1")["subscriptions"][0]["interests"] == {
        "categories": ["cs.CL"],
        "keywords": ["agents -survey"],
        "authors": ["Example, Ada", "Eve Example"],
        "labs": ["Lab A"],
        "muted": ["a", "b"],
    }


def test_lists_are_for_people_and_limited(shell: Shell) -> None:
    assert shell("subscribers", "list") == NOTHING_TO_DO
    assert shell.json("subscribers", "list") == []
    for name in ("ann", "bob", "eve"):
        shell("subscribers", "add", f"{name}@example.org")
    shell("subscribers", "pause", "bob@example.org")
    assert shell("subscribers", "list") == 0
    assert "Readers: 2 active, 1 paused" in shell.out
    assert len(shell.json("subscribers", "list", "--limit", "2")) == 2
    assert len(shell.json("subscribers", "list", "--limit", "0")) == 3
    assert [person["address"] for person in shell.json("subscribers", "list", "--state", "paused")] == ["bob@example.org"]
    assert shell.json("subscribers", "list", "--newsletter", "other") == []


CANNOT = [
    (("add", "ann@example.org,bob@example.org"), FAILED, "only one address is taken at a time"),
    (("add", "ann@example.org", "--newsletter", "nothing"), FAILED, "there is papers, other"),
    (("add", "ann@example.org", "--newsletter", "other", "--cadence", "daily"), 2, "it comes weekly"),
    (("add", "ann@example.org", "--zone", "Mars"), 2, "no such time zone"),
    (("add", "ann@example.org", "--hour", "24"), 2, "24"),
    (("show", "nobody@example.org"), FAILED, "no such subscriber"),
    (("unsubscribe", "99"), FAILED, "no such subscriber"),
    (("pause", "99", "--newsletter", "papers"), 2, "add --until"),
    (("pause", "99", "--resume", "--until", "2026-09-01T00:00Z"), 2, "one of them"),
    (("pause", "99", "--until", "tomorrow"), 2, "ISO 8601"),
    (("pause", "99", "--until", "2020-01-01T00:00Z"), 2, "in the past"),
    (("show", "9" * 30), FAILED, "exactly one @"),
    (("add", "ann@example.org", "--topics", "agents; -benchmark"), 2, "--topics: -benchmark cannot be looked for"),
    (("add", "ann@example.org", "--topics", "cs.CL, cs.CV"), 2, "write semicolons between them"),
    (("add", "ann@example.org", "--topics", "cs.QQ"), 2, "there is no arXiv category cs.QQ"),
    (("add", "ann@example.org", "--muted", "-survey"), 2, "--muted: -survey cannot be looked for"),
    (("add", "ann@example.org", "--field", "city"), 2, "--field city=Bonn"),
    (("add", "ann@example.org", "--field", "seats=many"), 2, "seats: is not a whole number"),
    (("add", "ann@example.org", "--field", "shoes=43"), 2, "there is city, seats"),
    (("import", "no-such-file.csv"), 2, "does not exist"),
    (("list", "--newsletter", "nothing"), FAILED, "there is papers, other"),
]


def test_what_cannot_be_done_says_why(shell: Shell) -> None:
    for args, code, words in CANNOT:
        assert shell("subscribers", *args) == code, args
        assert words in shell.err
        assert "Traceback" not in shell.err


def test_a_pause_is_set_and_lifted(shell: Shell) -> None:
    shell("subscribers", "add", "ann@example.org")
    assert shell("subscribers", "pause", "ann@example.org", "--until", "2097-01-01T00:00+01:00") == 0
    assert shell.out == "paused until 2096-12-31T23:00Z\n"
    assert shell.json("subscribers", "show", "1")["subscriptions"][0]["paused_until"] == "2096-12-31T23:00:00+00:00"
    assert shell("subscribers", "pause", "ann@example.org") == 0
    assert shell("subscribers", "pause", "ann@example.org") == NOTHING_TO_DO
    assert shell("subscribers", "pause", "ann@example.org", "--resume") == 0
    assert shell("subscribers", "pause", "ann@example.org", "--resume") == NOTHING_TO_DO


def test_an_erased_reader_is_gone_and_suppressed(shell: Shell) -> None:
    shell("subscribers", "add", "ann@example.org")
    erase = [sys.executable, "-m", "newsletter", "--config", str(shell.config), "subscribers", "erase", "ann@example.org"]
    assert subprocess.run(erase, input="n\n", text=True, capture_output=True, check=False).returncode == 130
    assert shell("subscribers", "erase", "ann@example.org", "--yes") == 0
    assert shell("subscribers", "erase", "1", "--yes") == NOTHING_TO_DO
    assert shell("subscribers", "add", "ann@example.org") == FAILED
    assert "suppressed (erased)" in shell.err
    assert "ann@" not in json.dumps(shell.json("subscribers", "show", "1"))


def test_an_import_reports_every_refused_line(shell: Shell, tmp_path: Path) -> None:
    source, report = tmp_path / "people.csv", tmp_path / "refused.csv"
    source.write_text("Email;Name\nann@example.org;Ann\n=1+1;Eve\nbob@example.org;Bob\nann@example.org;Ann\nb\udcff;x\n",
                      errors="surrogateescape")  # fmt: skip
    assert shell("subscribers", "import", str(source), "--report", str(report), "--consent", "Signed the list") == 0
    assert shell.out == "2 added, 1 known already, 2 refused\n"
    assert "bytes read: " in shell.err
    with report.open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["line", "address", "reason"],
            ["3", "'=1+1", "it needs exactly one @"],
            ["6", "b?", "it holds a control or invisible character"],
        ]
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    (consent,) = shell.json("subscribers", "show", "ann@example.org")["consents"]
    assert (consent["wording"], consent["detail"], consent["method"]) == ("Signed the list", "people.csv, line 2", "import")
    assert shell("subscribers", "import", str(source), "--json") == NOTHING_TO_DO
    assert json.loads(shell.out) == {"added": 0, "known": 3, "refused": 2, "continued_from_line": 1}
    assert "line 3: =1+1: it needs exactly one @" in shell.err
    assert "--report" not in shell.err
    source.write_text("email\n" + "nobody\n" * 13)
    assert shell("subscribers", "import", str(source)) == FAILED
    assert "and 3 more refused lines; --report FILE writes all of them" in shell.err


def test_every_change_can_be_told_as_json(shell: Shell) -> None:
    added = shell.json("subscribers", "add", "ann@example.org", "--field", "seats=3", "--field", "city=Bonn")
    assert (added["id"], added["newsletter"], added["is_new"]) == (1, "papers", True)
    assert added["created_at"].endswith("+00:00")
    assert shell("subscribers", "add", "ann@example.org", "--json") == NOTHING_TO_DO
    assert json.loads(shell.out)["is_new"] is False
    assert shell.json("subscribers", "show", "1")["subscriptions"][0]["fields"] == {"city": "Bonn", "seats": 3}
    assert shell("subscribers", "show", "1") == 0
    assert "fields  city: Bonn; seats: 3" in shell.out
    until = "2097-01-01T00:00:00+00:00"
    assert shell.json("subscribers", "pause", "1", "--until", "2097-01-01T00:00Z") == {
        "id": 1, "newsletter": None, "is_paused": True, "until": until, "changed": True,
    }  # fmt: skip
    assert shell.json("subscribers", "pause", "1", "--resume")["is_paused"] is False
    assert shell.json("subscribers", "unsubscribe", "ann@example.org") == {"id": 1, "ended": ["papers"]}
    assert shell("subscribers", "unsubscribe", "1", "--json") == NOTHING_TO_DO
    assert shell.json("suppressions", "add", "ann@example.org") == {"changed": True, "is_suppressed": True}
    assert shell.json("suppressions", "remove", "ann@example.org") == {"changed": True, "is_suppressed": False}
    assert shell("suppressions", "remove", "ann@example.org", "--json") == NOTHING_TO_DO
    assert shell.json("subscribers", "erase", "1", "--yes") == {"id": 1, "erased": True, "database_files_cleaned": True}
    assert shell("subscribers", "erase", "1", "--yes", "--json") == NOTHING_TO_DO


def test_own_fields_leave_and_come_back_in_columns(shell: Shell, tmp_path: Path) -> None:
    shell("subscribers", "add", "ann@example.org", "--field", "seats=-3", "--field", "city==Bonn")
    shell("subscribers", "add", "bob@example.org", "--newsletter", "other")
    path = tmp_path / "readers.csv"
    assert shell("subscribers", "export", "--output", str(path)) == 0
    with path.open(newline="") as file:
        header, ann, bob = csv.reader(file)
    assert header[-2:] == ["field:city", "field:seats"]
    assert (ann[-2:], bob[-2:]) == (["'=Bonn", "'-3"], ["", ""])
    (first, second) = shell.json("subscribers", "export")
    assert (first["fields"], second["fields"]) == ({"city": "=Bonn", "seats": -3}, {})
    path.write_text(path.read_text().replace("ann@", "eve@"))
    assert shell("subscribers", "import", str(path)) == 0
    assert shell.json("subscribers", "show", "eve@example.org")["subscriptions"][0]["fields"] == {"city": "=Bonn", "seats": -3}
    config = shell.config.read_text()
    shell.config.write_text(config[: config.index("[newsletters.papers.fields.city]")] + "[newsletters.other]\n")
    assert shell("subscribers", "export") == 0
    assert shell.out.splitlines()[0].endswith('"field:city","field:seats"')


def test_an_import_cut_short_goes_on_with_its_report(shell: Shell, tmp_path: Path) -> None:
    source, report = tmp_path / "people.txt", tmp_path / "refused.csv"
    count, every = 2 * BATCH + 1000, 20_000
    source.write_text("".join(f"r{place}@example.org\n" if place % every else f"nobody{place}\n" for place in range(count)))
    command = ["subscribers", "import", str(source), "--report", str(report)]
    cut_short = [sys.executable, "-m", "newsletter", "--config", str(shell.config), *command]
    with subprocess.Popen(cut_short, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        assert running.stderr.readline().startswith("bytes read: ")  # the first batch is there, the second on its way
        running.kill()
    assert running.returncode == -signal.SIGKILL
    with report.open("a", newline="") as file:
        file.write(f'"{BATCH + 5}","nobody","it needs ex')  # as if a line had been half written
    assert shell(*command) == 0
    assert f"going on at line {BATCH + 1}, where" in shell.err
    refused = range(0, count, every)
    assert shell.out == f"{count - len(refused)} added, 0 known already, {len(refused)} refused\n"
    with report.open(newline="") as file:
        _, *rows = csv.reader(file)
    assert [(int(row[0]), row[1]) for row in rows] == [(place + 1, f"nobody{place}") for place in refused]
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert not report.with_name("refused.csv.part").exists()


def test_an_import_with_restart_begins_its_report_anew(shell: Shell, tmp_path: Path) -> None:
    source, report = tmp_path / "people.txt", tmp_path / "refused.csv"
    source.write_text("ann@example.org\nnobody\n")
    for added in (1, 0):
        shell("subscribers", "import", str(source), "--report", str(report), "--restart")
        assert shell.out == f"{added} added, {1 - added} known already, 1 refused\n"
        assert len(report.read_text().splitlines()) == 2


def test_an_import_of_nothing_but_refused_lines_fails(shell: Shell, tmp_path: Path) -> None:
    source = tmp_path / "people.txt"
    source.write_text("ann\n\x1b[31mbob\n")
    assert shell("subscribers", "import", str(source)) == FAILED
    assert "\x1b" not in shell.err
    source.write_text("name,city\nAnn,Bonn\n")
    assert shell("subscribers", "import", str(source)) == FAILED
    assert "no column is named" in shell.err
    source.write_text("")
    assert shell("subscribers", "import", str(source)) == NOTHING_TO_DO


def test_an_export_goes_to_a_private_file_or_to_standard_output(shell: Shell, tmp_path: Path) -> None:
    shell("subscribers", "add", "+ann@example.org", "--topics", "agents")
    path = tmp_path / "readers.csv"
    assert shell("subscribers", "export", "--output", str(path)) == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with path.open(newline="") as file:
        _, row = csv.reader(file)
    assert row[:4] == ["'+ann@example.org", "active", "papers", "daily"]
    assert shell("subscribers", "export") == 0
    assert shell.out.encode() == path.read_bytes()
    assert shell("subscribers", "export", "--format", "jsonl") == 0
    assert json.loads(shell.out)["interests"] == {"keywords": ["agents"]}
    assert shell("subscribers", "import", str(path)) == NOTHING_TO_DO


def test_suppressions_are_added_listed_and_lifted(shell: Shell) -> None:
    assert shell("suppressions", "list") == NOTHING_TO_DO
    assert shell("suppressions", "add", "Ann@example.org", "--detail", "asked by telephone") == 0
    assert shell("suppressions", "add", "ann@example.org") == NOTHING_TO_DO
    (kept,) = shell.json("suppressions", "list")
    assert (kept["reason"], kept["detail"], len(kept["address_hash"])) == ("operator", "asked by telephone", 64)
    assert shell("suppressions", "list") == 0
    assert "asked by telephone" in shell.out
    assert shell("subscribers", "add", "ann@example.org") == FAILED
    assert shell("suppressions", "remove", "ann@example.org") == 0
    assert shell("suppressions", "remove", "ann@example.org") == NOTHING_TO_DO
    assert shell("suppressions", "add", "ann") == FAILED


def test_every_command_has_help_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    from newsletter.cli.subscribers import subscribers
    from newsletter.cli.suppressions import suppressions

    for group in (subscribers, suppressions):
        for name, command in group.commands.items():
            assert command.help, name
            assert (command.epilog or "").startswith(f"Example: newsletter {group.name} {name}"), name


def test_the_help_of_an_import_names_every_column(shell: Shell) -> None:
    assert shell("subscribers", "import", "--help") == 0
    for column in ("newsletter", "cadence", "hour", "zone", "size", *(kind.name for kind in fields(Interests)), "field:NAME"):
        assert f"'{column}'" in shell.out
    assert "arXiv categories and keywords with semicolons between" in " ".join(shell.out.split())


def test_the_command_modules_load_nothing_heavy() -> None:
    code = "import sys, newsletter.cli.subscribers, newsletter.cli.suppressions; print('sqlalchemy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

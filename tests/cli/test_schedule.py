"""``schedule show`` and ``stats``, as people and scripts use them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from newsletter.app import App
from newsletter.clock import ManualClock
from newsletter.config_file import load
from newsletter.schedule.outcome import Figures, Reason, SlotState
from newsletter.schedule.store import SlotStore
from subscribers.model import Cadence
from tests.cli.shell import Shell
from tests.flow import build, numbered, program, subscribe, take_in


@pytest.fixture
def app(tmp_path: Path, database_url: str, clock: ManualClock) -> Iterator[App]:
    with program(tmp_path, database_url, clock) as made:
        yield made


@pytest.fixture
def shell(app: App, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path / "config.toml", capsys)


def skip(app: App, reason: Reason, figures: Figures) -> None:
    with app.database.write() as session:
        store, now = SlotStore(session), app.clock.now()
        store.record("papers", Cadence.DAILY, "2026-08-18", SlotState.SKIPPED, reason, figures, now=now)


def test_the_next_slots_are_listed_with_their_hours_and_readers(shell: Shell, app: App) -> None:
    subscribe(app, "a@example.org", "b@example.org")
    slots = shell("schedule", "show", "--json").json
    assert len(slots) == 10
    assert [slot["build_at"] for slot in slots] == sorted(slot["build_at"] for slot in slots)
    daily = next(slot for slot in slots if (slot["newsletter"], slot["cadence"]) == ("papers", "daily"))
    assert daily["readers"] == 2
    assert daily["build_at"] <= daily["first_due_at"] == daily["last_due_at"]
    assert datetime.fromisoformat(daily["build_at_local"]) == datetime.fromisoformat(daily["build_at"])
    assert (daily["is_waiting"], daily["waiting_for"]) == (False, None)
    assert len(shell("schedule", "show", "--limit", "3", "--json").json) == 3
    assert shell("schedule", "show", "--limit", "0").code == 2


def test_what_got_no_issue_stands_below_with_its_reason(shell: Shell, app: App) -> None:
    skip(app, Reason.QUIET, Figures(2, 3))
    shown = shell("schedule", "show")
    assert shown.code == 0
    assert "no issue for papers, daily 2026-08-18: Only 2 papers are new since the last issue; a mail takes 3." in shown.out


def test_the_last_issues_and_the_slots_without_one_are_accounted_for(
    shell: Shell, app: App, tmp_path: Path, clock: ManualClock
) -> None:
    assert shell("stats").code == 3
    assert shell("stats", "--json").code == 3
    subscribe(app, "a@example.org")
    take_in(app, tmp_path, numbered(1, 8))
    assert build(app).issue is not None
    clock.set(datetime.fromisoformat("2026-08-18T06:00:00+00:00"))
    skip(app, Reason.MISSED, Figures())
    gap, issue = shell("stats", "--json").json
    assert set(gap) == set(issue)
    assert (gap["number"], gap["reason"], gap["slot"]) == (None, "missed", "2026-08-18")
    assert gap["why"].startswith("The program was not running")
    assert (issue["number"], issue["papers"], issue["audience"], issue["open"], issue["more"]) == (1, 8, 1, 1, None)
    assert len(shell("stats", "--limit", "1", "--json").json) == 1
    shown = shell("stats").out
    assert "2026-08-17" in shown
    assert "no issue for papers, daily 2026-08-18: The program was not running" in shown


def test_tables_of_one_newsletter_fit_into_80_columns(
    tmp_path: Path, database_url: str, clock: ManualClock, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.toml").write_text(
        f'[database]\nurl = "{database_url}"\n[newsletters.papers]\nzone = "Europe/Berlin"\nsize = 5\n', encoding="utf-8"
    )
    shell = Shell(tmp_path / "config.toml", capsys)
    app = App(load(tmp_path / "config.toml"), clock=clock)
    try:
        subscribe(app, "a@example.org", cadence=Cadence.WEEKDAYS)
        subscribe(app, "b@example.org")
        take_in(app, tmp_path, numbered(1, 8))
        assert build(app).issue is not None
    finally:
        app.close()
    # Tables are printed to no terminal, so in their whole width.
    shown = shell("schedule", "show").out.splitlines()
    assert shown[0] == "Next slots (made: Europe/Berlin, due: UTC)"
    assert shown[2].split() == ["cadence", "slot", "made", "mails", "first", "due", "last", "due"]
    issues = shell("stats").out.splitlines()
    assert issues[2].split() == ["no.", "cadence", "slot", "papers", "readers", "sent", "unsent", "more", "less"]
    assert max(map(len, [*shown, *issues])) <= 80


def test_a_newsletter_is_named_where_there_are_several(shell: Shell, app: App, tmp_path: Path) -> None:
    subscribe(app, "a@example.org")
    take_in(app, tmp_path, numbered(1, 8))
    assert build(app).issue is not None
    assert shell("schedule", "show").out.splitlines()[2].split()[0] == "newsletter"
    assert shell("stats").out.splitlines()[2].split()[:2] == ["no.", "newsletter"]

"""Slots in a whole program: catch-up after the program was off, quiet days, and two schedulers at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from newsletter.app import App
from newsletter.clock import ManualClock
from newsletter.digest.model import Issue
from newsletter.digest.store import IssueStore
from newsletter.schedule.outcome import Reason, SlotState
from newsletter.schedule.slots import slot_named
from newsletter.schedule.store import SlotStore
from subscribers.model import Cadence
from tests.flow import mails, numbered, program, send, subscribe, take_in, text_of

#: A Monday; the slots of the newsletter come at six.
MONDAY = datetime(2026, 8, 17, 6, 0, tzinfo=UTC)
#: Nothing is asked over the network here: papers come from files, and no source is waited for.
SETTINGS = '[sources.hf_daily_papers]\nenabled = false\n[schedule]\ngrace = "12h"\n'
DAY = timedelta(days=1)


@dataclass
class Run:
    """A program with short ways to what these tests ask."""

    app: App
    clock: ManualClock
    folder: Path
    taken: int = 0

    def papers(self, count: int) -> None:
        """Take in so many new papers, listed two hours ago; a second after whatever was before."""
        self.clock.advance(timedelta(seconds=1))
        take_in(self.app, self.folder, numbered(self.taken + 1, self.taken + count))
        self.taken += count

    def tick(self, after: timedelta = timedelta()) -> list[str]:
        """Tick after a while; return the keys of the slots that have an issue by it, without those of the other newsletter."""
        self.clock.advance(after)
        before = {issue.id for issue in self.issues()}
        self.app.ticker.build_due()
        return [issue.slot for issue in self.issues() if issue.id not in before]

    def issues(self) -> list[Issue]:
        with self.app.database.read() as session:
            return [issue for issue in IssueStore(session).latest()[::-1] if issue.newsletter == "papers"]

    def decided(self, cadence: Cadence = Cadence.DAILY) -> dict[str, Reason]:
        """Return why slots of a cadence have no issue."""
        with self.app.database.read() as session:
            found = SlotStore(session).latest(SlotState.SKIPPED, newsletters=["papers"])
        return {outcome.slot: outcome.reason for outcome in reversed(found) if outcome.cadence is cadence}


def run_with(folder: Path, url: str, *, quiet: str = "skip") -> Iterator[Run]:
    clock = ManualClock(MONDAY - timedelta(minutes=10))
    with program(folder, url, clock, extra=SETTINGS) as app:
        settings = app.config.newsletters["papers"].model_copy(update={"quiet": quiet})
        app.config.newsletters["papers"] = settings
        yield Run(app, clock, folder)


@pytest.fixture
def run(tmp_path: Path, database_url: str) -> Iterator[Run]:
    yield from run_with(tmp_path, database_url)


def test_the_first_issue_is_made_of_all_there_is_and_once(run: Run) -> None:
    subscribe(run.app, "a@example.org")
    run.papers(5)
    assert run.tick() == []
    assert run.tick(timedelta(minutes=10)) == ["2026-08-17"]
    assert run.tick() == []
    assert [issue.slot for issue in run.issues()] == ["2026-08-17"]


@pytest.mark.parametrize(
    ("off", "built", "merged"),
    [
        # The slot of Tuesday is an hour old.
        (timedelta(days=1, hours=1), "2026-08-18", []),
        (timedelta(days=2), "2026-08-19", ["2026-08-18"]),
        (timedelta(days=5, hours=3), "2026-08-22", ["2026-08-18", "2026-08-19", "2026-08-20", "2026-08-21"]),
        (timedelta(days=21), "2026-09-07", [f"{datetime(2026, 8, 18) + day * DAY:%Y-%m-%d}" for day in range(20)]),  # noqa: DTZ001 - a date's name
    ],
)
def test_after_a_time_off_one_issue_is_made_and_older_slots_are_merged_into_it(
    run: Run, off: timedelta, built: str, merged: list[str]
) -> None:
    subscribe(run.app, "a@example.org")
    run.papers(8)
    assert run.tick(timedelta(minutes=10)) == ["2026-08-17"]
    run.clock.advance(timedelta(hours=4))
    send(run.app)
    assert len(mails(run.app)) == 1
    run.clock.advance(off - timedelta(hours=4))
    run.papers(30)
    assert run.tick() == [built]
    assert run.tick(timedelta(minutes=1)) == []
    assert run.decided() == dict.fromkeys(merged, Reason.MERGED)
    run.clock.advance(timedelta(hours=20))
    send(run.app)
    # One mail, of at most as many papers as a digest holds, none of them for the second time.
    first, second = mails(run.app)
    titles = [{line for line in text_of(mail).splitlines() if "Paper " in line} for mail in (first, second)]
    assert not titles[0] & titles[1]
    assert text_of(second).count("We study small things") <= run.app.config.newsletters["papers"].size


def test_a_slot_beyond_the_grace_is_missed_and_the_next_one_brings_its_papers(run: Run) -> None:
    subscribe(run.app, "a@example.org")
    run.papers(5)
    assert run.tick(timedelta(minutes=10)) == ["2026-08-17"]
    run.papers(5)
    assert run.tick(timedelta(days=1, hours=13)) == []
    assert run.decided() == {"2026-08-18": Reason.MISSED}
    assert run.tick(timedelta(hours=11)) == ["2026-08-19"]
    assert run.decided() == {"2026-08-18": Reason.MISSED}


def test_what_was_before_the_program_first_ran_was_not_missed(run: Run) -> None:
    subscribe(run.app, "a@example.org", cadence=Cadence.WEEKLY)
    run.papers(5)
    run.tick(timedelta(hours=13))
    assert run.decided() == {}
    assert run.decided(Cadence.WEEKLY) == {}


def test_a_sign_up_behind_a_slot_that_nobody_read_falls_into_the_next(run: Run) -> None:
    run.papers(5)
    run.tick(timedelta(minutes=10))
    assert run.decided(Cadence.WEEKDAYS) == {"2026-08-17": Reason.NOBODY}
    subscribe(run.app, "late@example.org", cadence=Cadence.WEEKDAYS)
    assert run.tick(timedelta(hours=1)) == []
    run.papers(5)
    run.tick(timedelta(hours=23))
    assert [(issue.cadence, issue.slot) for issue in run.issues()][1:] == [
        (Cadence.DAILY, "2026-08-18"),
        (Cadence.WEEKDAYS, "2026-08-18"),
    ]


def test_a_quiet_day_brings_no_issue_and_its_papers_come_with_the_next(run: Run) -> None:
    subscribe(run.app, "a@example.org")
    run.papers(8)
    run.tick(timedelta(minutes=10))
    run.papers(2)
    assert run.tick(DAY) == []
    assert run.decided() == {"2026-08-18": Reason.QUIET}
    run.papers(1)
    # Two of them were there yesterday: since the last issue they are three.
    assert run.tick(DAY) == ["2026-08-19"]
    assert run.decided() == {"2026-08-18": Reason.QUIET}


def test_a_short_issue_holds_the_new_papers_only(tmp_path: Path, database_url: str) -> None:
    for run in run_with(tmp_path, database_url, quiet="short"):
        run.papers(8)
        run.tick(timedelta(minutes=10))
        run.papers(2)
        assert run.tick(DAY) == ["2026-08-18"]
        with run.app.database.read() as session:
            pool = IssueStore(session).pool(run.issues()[-1].id)
        assert [entry.paper.title for entry in pool] == ["Paper 9", "Paper 10"]
        assert [entry.rank for entry in pool] == [1, 2]
        assert run.tick(DAY) == []
        assert run.decided() == {"2026-08-19": Reason.QUIET}


def test_a_quiet_day_may_bring_what_readers_have_not_had(tmp_path: Path, database_url: str) -> None:
    for run in run_with(tmp_path, database_url, quiet="catch_up"):
        subscribe(run.app, "a@example.org")
        run.papers(8)
        run.tick(timedelta(minutes=10))
        run.clock.advance(timedelta(hours=3))
        send(run.app)
        assert run.tick(DAY - timedelta(hours=3)) == ["2026-08-18"]
        run.clock.advance(timedelta(hours=3))
        send(run.app)
        assert [text_of(mail).count("We study small things") for mail in mails(run.app)] == [5, 3]


def test_without_any_paper_a_day_that_is_to_be_caught_up_has_a_reason(tmp_path: Path, database_url: str) -> None:
    for run in run_with(tmp_path, database_url, quiet="catch_up"):
        assert run.tick(timedelta(minutes=10)) == []
        assert run.decided() == {"2026-08-17": Reason.NO_PAPERS}


def test_two_schedulers_at_once_decide_once(run: Run) -> None:
    subscribe(run.app, "a@example.org")
    run.papers(8)
    run.tick(timedelta(minutes=10))
    run.clock.advance(3 * DAY)
    others = [App(run.app.config, clock=run.clock) for _ in range(2)]
    barrier = threading.Barrier(len(others))

    def tick(app: App) -> None:
        barrier.wait()
        app.ticker.build_due()

    threads = [threading.Thread(target=tick, args=(app,)) for app in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for app in others:
        app.close()
    assert run.decided() == {
        "2026-08-18": Reason.MERGED,
        "2026-08-19": Reason.MERGED,
        "2026-08-20": Reason.QUIET,
    }
    assert [issue.slot for issue in run.issues()] == ["2026-08-17"]


def test_what_was_decided_stays_so_and_an_issue_outranks_it(run: Run) -> None:
    run.papers(5)
    run.tick(timedelta(minutes=10))
    run.tick(DAY)
    with run.app.database.read() as session:
        before = SlotStore(session).latest(SlotState.SKIPPED)
    run.tick(timedelta(hours=1))
    with run.app.database.read() as session:
        assert SlotStore(session).latest(SlotState.SKIPPED) == before
    built = slot_named(run.app.config.newsletters["papers"], Cadence.DAILY, "2026-08-17")
    run.app.gate.leave_out("papers", built, Reason.MISSED)
    assert "2026-08-17" not in run.decided()

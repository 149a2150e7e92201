"""The real program, as it is installed: killed again and again in ``newsletter send``, and started many times at once."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from newsletter.app import App
from newsletter.clock import ManualClock
from newsletter.config_file import load
from newsletter.digest.model import Issue
from newsletter.digest.store import IssueStore
from subscribers.model import Choices, ConsentMethod
from tests.flow import build, numbered, program, subscribe, take_in
from tests.smtp_ledger import read_ledger
from tests.smtp_server import Script, SmtpServer, smtp_server
from tests.torture.house import (
    LEASE,
    PATIENCE,
    TORTURE,
    Mailing,
    at_message,
    doubles_per_session,
    gone_in_the_end,
    send_signal,
    wait_for,
)

READERS, KILLS, CONNECTIONS = (2_000, 20, 16) if TORTURE else (60, 2, 4)

pytestmark = pytest.mark.torture


@contextlib.contextmanager
def command(config: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A ``newsletter`` command of its own; whatever happens, it is gone in the end."""
    arguments = [sys.executable, "-m", "newsletter", "--config", str(config), *words]
    with gone_in_the_end(subprocess.Popen(arguments, stdout=subprocess.PIPE)) as process:
        yield process


def relay(port: int, lease: str) -> str:
    """The part of a configuration that sends to ``port``."""
    return (
        f'[smtp]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\n'
        f'[delivery]\nconnections = {CONNECTIONS}\nbatch = 20\nlease = "{lease}"\nleast_free_mb = 0\n'
    )


def issues(app: App) -> list[Issue]:
    with app.database.read() as session:
        return IssueStore(session).latest()


def test_the_send_command_killed_at_any_instant(database_url: str, tmp_path: Path, clock: ManualClock) -> None:
    dice = random.Random(database_url[:8])  # noqa: S311 - instants to kill at, the same in every run
    addresses = [f"reader{number}@example.org" for number in range(READERS)]
    ledger = tmp_path / "accepted"
    script = Script(delay=0.001, ledger=ledger, keeps=False)
    ends: list[int] = []
    with smtp_server(script) as server, program(tmp_path, database_url, clock, extra=relay(server.port, LEASE)) as app:
        take_in(app, tmp_path, numbered(1, 9))
        subscribe(app, *addresses)
        issue = build(app).issue
        assert issue is not None
        mailing = Mailing(app.database, issue.id, addresses)
        sending = ("send", str(issue.id))
        for _ in range(KILLS):
            with command(tmp_path / "config.toml", *sending) as process:
                after = dice.randrange(READERS // KILLS // 2)
                script.faults[:] = [at_message(after, send_signal(process, signal.SIGKILL, after=dice.uniform(0.0, 0.005)))]
                assert process.wait(PATIENCE) == -signal.SIGKILL
            assert sum(mailing.in_doubt.values()) <= CONNECTIONS * (len(ends) + 1)
            assert mailing.adds_up
            ends.append(len(read_ledger(ledger)))
        script.faults.clear()
        with command(tmp_path / "config.toml", *sending) as process:
            assert process.wait(PATIENCE) == 0
        verdict = mailing.verdict(ledger)
        assert mailing.is_finished()
    assert verdict.is_clean_but_for_doubles, str(verdict)
    assert max(doubles_per_session(read_ledger(ledger), ends)) <= CONNECTIONS


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SmtpServer]:
    """Where all mail goes; its ledger is the file ``accepted``."""
    with smtp_server(Script(delay=0.001, ledger=tmp_path / "accepted", keeps=False)) as server:
        yield server


@pytest.fixture
def app(tmp_path: Path, database_url: str, server: SmtpServer) -> Iterator[App]:
    """A program whose daily slot is this very hour's, with papers of now and readers who want it now."""
    now = datetime.now(UTC)  # the processes under test run on the machine's clock
    config = tmp_path / "config.toml"
    config.write_text(
        f'[database]\nurl = "{database_url}"\n[web]\nbase_url = "https://papers.example.org"\n'
        '[sources.hf_daily_papers]\nenabled = false\n[schedule]\ntick = "1s"\n'
        f'[newsletters.papers]\nbuild_at = "{now:%H}:00:00"\npostal_address = "Example Lab, 1 Sample Street"\n'
        + relay(server.port, "20s")
    )
    papers = [
        {"title": f"Paper {number}", "abstract": "Short.", "authors": ["Ada Example"], "listed_at": now.isoformat()}
        for number in range(1, 30)
    ]
    (tmp_path / "papers.jsonl").write_text("".join(json.dumps(paper) + "\n" for paper in papers))
    app = App(load(config))
    app.fetching.take_file(tmp_path / "papers.jsonl")
    for number in range(READERS):
        app.subscribers.add(
            f"reader{number}@example.org",
            "papers",
            Choices(local_hour=now.hour),
            method=ConsentMethod.OPERATOR,
            wording="told us in person",
        )
    yield app
    app.close()


def test_two_schedulers_and_three_workers_started_at_once(app: App, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    with contextlib.ExitStack() as stack:
        roles = ("scheduler", "worker", "scheduler", "worker", "worker")
        processes = [stack.enter_context(command(config, role)) for role in roles]
        for process in processes:
            assert process.stdout is not None
            assert b"started" in process.stdout.readline()
        wait_for(lambda: bool(issues(app)) and all(issue.finished_at for issue in issues(app)))
        for process in processes:
            process.terminate()
        assert [process.wait(30) for process in processes] == [0] * len(processes)
    (issue,) = issues(app)
    mailing = Mailing(app.database, issue.id, [f"reader{number}@example.org" for number in range(READERS)])
    verdict = mailing.verdict(tmp_path / "accepted")
    assert verdict.is_clean, str(verdict)
    assert mailing.adds_up

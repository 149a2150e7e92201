"""``newsletter run``: slots come from the database, mails go out, SIGTERM drains and ends it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from newsletter.app import App
from newsletter.config_file import load
from newsletter.delivery.model import DeliveryState
from newsletter.digest.model import Issue
from newsletter.digest.store import IssueStore
from subscribers.model import Choices, ConsentMethod
from tests.flow import account, mails
from tests.smtp_server import Fault, Script, smtp_server

PATIENCE = 60.0


@contextmanager
def running(config: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A ``newsletter run`` of its own, with the address of its pages; ended at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "newsletter", "--config", str(config), "run"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().split()[-1]
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def ended(process: subprocess.Popen[str], signum: signal.Signals) -> str:
    """Send a signal, wait the promised 30 seconds at most, and return what the process said last."""
    process.send_signal(signum)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    return out


def eventually(happened: Callable[[], bool]) -> None:
    """Wait until something is so; fail when patience ends."""
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)


@pytest.fixture
def app(tmp_path: Path, database_url: str) -> Iterator[App]:
    """A program whose daily slot is this very hour's, with papers of now and two readers of this hour."""
    now = datetime.now(UTC)  # the process under test runs on the machine's clock
    path = tmp_path / "config.toml"
    path.write_text(
        f'[database]\nurl = "{database_url}"\n[web]\nport = 0\n[sources.hf_daily_papers]\nenabled = false\n'
        f'[schedule]\ntick = "1s"\n[newsletters.papers]\nbuild_at = "{now:%H}:00:00"\n'
    )
    papers = [
        {"title": f"Paper {number}", "abstract": "Short.", "authors": ["Ada Example"], "listed_at": now.isoformat()}
        for number in range(1, 30)
    ]
    (tmp_path / "papers.jsonl").write_text("".join(json.dumps(paper) + "\n" for paper in papers))
    app = App(load(path))
    app.fetching.take_file(tmp_path / "papers.jsonl")
    for address in ("a@example.org", "b@example.org"):
        app.subscribers.add(
            address, "papers", Choices(local_hour=now.hour), method=ConsentMethod.OPERATOR, wording="told us in person"
        )
    yield app
    app.close()


def _issues(app: App) -> list[Issue]:
    with app.database.read() as session:
        return IssueStore(session).latest()


def _states(app: App) -> Counter[DeliveryState]:
    return Counter({state: count for issue in _issues(app) for state, count in account(app, issue).by_state.items()})


def test_a_due_slot_is_built_and_sent_once_whatever_is_restarted(app: App, tmp_path: Path) -> None:
    with running(tmp_path / "config.toml") as (process, pages):
        eventually(lambda: len(mails(app)) == 2)
        assert httpx.get(f"{pages}healthz").text == "ok\n"
        assert "Paper" in httpx.get(pages).text
        assert "nothing is lost" in ended(process, signal.SIGTERM)
    with running(tmp_path / "config.toml") as (process, pages):
        eventually(lambda: httpx.get(f"{pages}readyz").status_code == 200)
        ended(process, signal.SIGINT)
    (issue,) = _issues(app)
    assert account(app, issue).adds_up
    assert len(mails(app)) == 2


def test_sigterm_does_not_wait_for_a_server_that_never_answers(app: App, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    silence = Script(faults=[Fault("dot", hang=True)])
    with smtp_server(silence) as server:
        settings = config.read_text().replace("[web]", '[web]\nbase_url = "https://papers.example.org"')
        relay = f'[smtp]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n[delivery]\ndrain = "1s"\n'
        config.write_text(settings + relay)
        with running(config) as (process, _):
            eventually(lambda: any(_states(app)[state] for state in (DeliveryState.DOT_SENT, DeliveryState.DEFERRED)))
            ended(process, signal.SIGTERM)
    states = _states(app)
    # Their dots were out: whether they arrived is not known, so they are tried again, and nobody is forgotten.
    assert states[DeliveryState.SENT] == states[DeliveryState.FAILED] == states[DeliveryState.CLAIMED] == 0
    assert account(app, _issues(app)[0]).adds_up


def test_two_at_once_make_one_issue_and_one_mail_each(app: App, tmp_path: Path) -> None:
    with running(tmp_path / "config.toml") as (first, _), running(tmp_path / "config.toml") as (second, _):
        eventually(lambda: len(mails(app)) >= 2 and all(issue.finished_at for issue in _issues(app)))
        ended(first, signal.SIGTERM)
        ended(second, signal.SIGTERM)
    assert len(_issues(app)) == 1
    assert sorted(mail["To"] for mail in mails(app)) == ["a@example.org", "b@example.org"]


def test_one_click_ends_it_and_looking_never_does(app: App, tmp_path: Path) -> None:
    with running(tmp_path / "config.toml") as (process, pages):
        eventually(lambda: len(mails(app)) == 2)
        mail = next(mail for mail in mails(app) if mail["To"] == "a@example.org")
        token = re.findall(r"/unsubscribe/([\w-]{32})>", str(mail["List-Unsubscribe"]))[0]
        url = f"{pages}unsubscribe/{token}"
        before = app.subscribers.held("a@example.org")
        for method in ("GET", "HEAD"):
            assert httpx.request(method, url).status_code == 200
        assert app.subscribers.held("a@example.org") == before
        for _ in range(2):
            answer = httpx.post(url, data={"List-Unsubscribe": "One-Click"}, follow_redirects=False)
            assert (answer.status_code, dict(answer.cookies)) == (200, {})
        assert app.subscribers.held("a@example.org").subscriptions == ()
        assert app.subscribers.held("b@example.org").subscriptions != ()
        ended(process, signal.SIGTERM)

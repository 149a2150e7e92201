"""``newsletter run`` and its parts: slots come from the database, mails go out, SIGTERM drains and ends it."""

from __future__ import annotations

import json
import os
import re
import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest

from newsletter.app import App
from newsletter.config import Config
from newsletter.config_file import load
from newsletter.daemon import Role, check_roles
from newsletter.delivery.model import DeliveryState
from newsletter.digest.model import Issue
from newsletter.digest.store import IssueStore
from newsletter.errors import ConfigError
from newsletter.inbound.model import Arrival, InboundState, Via
from subscribers.model import Choices, ConsentMethod
from tests.flow import account, mails
from tests.inbound.house import letter
from tests.smtp_server import Fault, Script, smtp_server

PATIENCE = 60.0
#: Where the database makes no difference, one of the two is enough: each of these tests starts several processes.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
on_postgres = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


@contextmanager
def running(config: Path, *command: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process of its own (``newsletter run``), with the address of its pages; killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "newsletter", "--config", str(config), *(command or ("run",))],
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


def use_relay(config: Path, port: int, extra: str = "") -> None:
    """Have the program send to ``port`` instead of its own inbox."""
    settings = config.read_text().replace("[web]", '[web]\nbase_url = "https://papers.example.org"')
    config.write_text(f'{settings}[smtp]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\n{extra}')


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
        use_relay(config, server.port, '[delivery]\ndrain = "1s"\n')
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


def test_two_schedulers_and_three_workers_make_one_issue_and_one_mail_each(app: App, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    with smtp_server(Script()) as server:
        use_relay(config, server.port)
        with ExitStack() as stack:
            processes = [
                stack.enter_context(running(config, command))[0]
                for command in ("scheduler", "worker", "scheduler", "worker", "worker")
            ]
            eventually(lambda: bool(_issues(app)) and all(issue.finished_at for issue in _issues(app)))
            for process in processes:
                ended(process, signal.SIGTERM)
    assert len(_issues(app)) == 1
    assert server.recipients == {"a@example.org": 1, "b@example.org": 1}
    assert account(app, _issues(app)[0]).adds_up


@on_sqlite
def test_a_quiet_day_brings_no_mail_but_one_note_to_the_operator(app: App, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(
        config.read_text().replace("[schedule]", '[schedule]\nnote_to = ["operator@example.org"]') + "quiet_below = 100\n"
    )
    with smtp_server(Script()) as server:
        use_relay(config, server.port)
        with running(config, "scheduler") as (process, _), running(config, "scheduler") as (other, _):
            eventually(lambda: bool(server.accepted))
            ended(process, signal.SIGTERM)
            ended(other, signal.SIGTERM)
    assert server.recipients == {"operator@example.org": 1}
    assert b"only 29 papers are new" in server.accepted[0].data.replace(b"=\r\n", b"").lower()
    assert not _issues(app)


@on_postgres
def test_a_worker_finds_what_others_made_due_long_before_its_tick(app: App, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    with smtp_server(Script()) as server:
        use_relay(config, server.port)
        config.write_text(config.read_text().replace('tick = "1s"', 'tick = "1h"'))
        with running(config, "worker") as (process, _):
            assert app.ticker.build_due()
            eventually(lambda: all(issue.finished_at for issue in _issues(app)))
            ended(process, signal.SIGTERM)
    assert server.recipients == {"a@example.org": 1, "b@example.org": 1}


@on_sqlite
def test_workers_on_one_machine_come_back_when_killed_and_share_the_work(app: App, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    with smtp_server(Script()) as server:
        use_relay(config, server.port)
        with running(config, "worker", "--processes", "2") as (process, _):
            supervisor = psutil.Process(process.pid)
            eventually(lambda: len(supervisor.children()) == 2)
            killed = supervisor.children()[0]
            killed.kill()
            eventually(lambda: len(supervisor.children()) == 2 and killed not in supervisor.children())
            assert app.ticker.build_due()
            eventually(lambda: all(issue.finished_at for issue in _issues(app)))
            workers = supervisor.children()
            ended(process, signal.SIGTERM)
    assert not any(worker.is_running() for worker in workers)
    assert server.recipients == {"a@example.org": 1, "b@example.org": 1}


@on_postgres
def test_the_pages_alone_are_served_and_end_in_time(app: App, tmp_path: Path) -> None:
    use_relay(tmp_path / "config.toml", 1)
    with running(tmp_path / "config.toml", "web") as (process, pages):
        assert httpx.get(f"{pages}healthz").text == "ok\n"
        assert httpx.get(f"{pages}inbox").status_code == 404
        ended(process, signal.SIGTERM)
    assert _issues(app) == []


@pytest.mark.parametrize(
    ("roles", "is_possible"),
    [
        ({Role.WEB}, False),
        ({Role.WORKER}, False),
        ({Role.SCHEDULER}, True),
        ({Role.INBOUND}, True),
        ({Role.WEB, Role.WORKER}, False),
        (Role, True),
    ],
)
def test_whoever_sends_apart_needs_a_relay(roles: Iterable[Role], *, is_possible: bool) -> None:
    with nullcontext() if is_possible else pytest.raises(ConfigError, match="name your relay, or use 'newsletter run'"):
        check_roles(Config(), roles)
    relay = Config.model_validate({"smtp": {"host": "mail.example.org"}, "web": {"base_url": "https://papers.example.org"}})
    check_roles(relay, roles)


@on_sqlite
def test_a_worker_without_a_relay_says_what_to_do(app: App, tmp_path: Path) -> None:
    for words in (["worker"], ["worker", "--processes", "2"], ["web"]):
        done = subprocess.run(
            [sys.executable, "-m", "newsletter", "--config", str(tmp_path / "config.toml"), *words],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert done.stderr.count("smtp.host") == 1
        assert "Traceback" not in done.stderr


LISTENING = """\
[inbound]
forward_to = ["operator@example.net"]
[inbound.listen]
protocol = "smtp"
port = {port}
"""


def take_mail(config: Path) -> int:
    """Have the program take mail for ``papers@example.org`` at a port; return that."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    settings = config.read_text().replace(
        "[newsletters.papers]", '[newsletters.papers]\ninbound_address = "papers@example.org"'
    )
    config.write_text(settings.replace('tick = "1s"', 'tick = "1h"') + LISTENING.format(port=port))
    return port


def is_taken(port: int, text: str) -> bool:
    """Hand a mail over; False while nobody listens."""
    try:
        with smtplib.SMTP("127.0.0.1", port) as client:
            client.sendmail("ada@example.org", "papers@example.org", letter(text))
    except ConnectionRefusedError:
        return False
    return True


@on_sqlite
def test_a_mail_that_is_handed_over_is_acted_upon_at_once(app: App, tmp_path: Path) -> None:
    port = take_mail(tmp_path / "config.toml")
    with running(tmp_path / "config.toml") as (process, _):
        eventually(lambda: is_taken(port, "Dear people,\nwhat a fine choice of papers.\n"))
        # No tick comes in an hour: both the mail and the one to the operator go on because they are told to.
        eventually(lambda: "operator@example.net" in [mail["To"] for mail in mails(app)])
        ended(process, signal.SIGTERM)
    assert [record.outcome for record in app.inbound.latest()] == ["human.forwarded"]


@on_postgres
def test_mail_is_taken_in_by_a_process_of_its_own_and_what_others_kept_is_acted_upon(app: App, tmp_path: Path) -> None:
    port = take_mail(tmp_path / "config.toml")
    with running(tmp_path / "config.toml", "inbound", "serve") as (process, address):
        assert address == f"smtp://127.0.0.1:{port}"
        app.inbound.keep(Arrival(letter("Kept by another process.\n"), Via.PIPE, "ada@example.org", ("papers@example.org",)))
        assert is_taken(port, "Handed over.\n")
        eventually(lambda: len(app.inbound.latest(state=InboundState.HANDLED)) == 2)
        ended(process, signal.SIGTERM)
    assert not is_taken(port, "Too late.\n")


@on_sqlite
def test_a_port_that_is_taken_is_said_before_anything_runs(app: App, tmp_path: Path) -> None:
    assert app.config
    port = take_mail(tmp_path / "config.toml")
    with socket.create_server(("127.0.0.1", port)):
        done = subprocess.run(
            [sys.executable, "-m", "newsletter", "--config", str(tmp_path / "config.toml"), "inbound", "serve"],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert f"cannot listen for mail on 127.0.0.1:{port}" in done.stderr


@on_sqlite
def test_a_mailbox_that_cannot_be_asked_keeps_nothing_from_working_or_ending(app: App, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        mailbox = (
            f'[inbound.imap]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\nusername = "papers"\npassword = "secret"\n'
        )
        config.write_text(config.read_text() + mailbox)
        with running(config, "inbound", "poll") as (process, address):
            assert address == f"imap://127.0.0.1:{port}"
            app.inbound.keep(Arrival(letter(), Via.PIPE, "ada@example.org", ("papers@example.org",)))
            eventually(lambda: bool(app.inbound.latest(state=InboundState.HANDLED)))
            ended(process, signal.SIGTERM)


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

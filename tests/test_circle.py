"""The whole circle by mail, through a real Postfix, and by each way in. Collected only where the servers are installed.

Subscribe by mail, reply to confirm, get a digest, ask for less of a paper, have a dead mailbox noticed, leave.
"""

from __future__ import annotations

import asyncio
import smtplib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from newsletter.app import App
from newsletter.config_file import load
from newsletter.inbound.model import InboundState
from subscribers.errors import UnknownSubscriberError
from subscribers.model import Opinion, SubscriberState, Taste
from subscribers.opinions import OpinionStore
from tests.flow import SETTINGS, Result, account, build, numbered, send, subscribe, take_in, text_of
from tests.inbound.entrances.dovecot import PASSWORD, Dovecot, dovecot
from tests.postfix import Postfix, postfix

READER, DEAD, COMMANDS, BOUNCES = "ada@example.org", "gone@example.org", "papers@example.org", "bounces@example.org"
OURS = r"/^(papers|bounces)(\+.*)?@example\.org$/"
MORE = """\
[smtp]
host = "127.0.0.1"
port = {port}
security = "none"
[bounces]
threshold = 1.0
probe = false
[inbound.listen]
port = {listen}
"""
IMAP = """\
[inbound.imap]
host = "127.0.0.1"
port = {imap}
security = "none"
username = "{user}"
password = "{password}"
"""
#: What Postfix runs for each mail. Its user may not see the program, so the mail goes on to who may, and the exit code back.
PIPE = """\
#!/bin/bash
mail=$(mktemp) || exit 75
trap 'rm -f "$mail"' EXIT
cat > "$mail" || exit 75
exec 3<> "/dev/tcp/127.0.0.1/$1" || exit 75
printf '%s\\n%s\\n%s\\n' "$2" "$3" "$(stat -c %s "$mail")" >&3
cat "$mail" >&3
read -r code <&3 || exit 75
exit "$code"
"""


class Reader:
    """Somebody with a mailbox at the server, who writes and reads by hand."""

    def __init__(self, server: Postfix) -> None:
        self._server = server
        self._seen: set[str] = set()

    def write(self, to: str, text: str, *, subject: str = "hello") -> None:
        message = EmailMessage(policy=policy.SMTP)
        message["From"], message["To"], message["Subject"] = READER, to, subject
        message["Message-ID"] = f"<{time.monotonic_ns()}@example.org>"
        message.set_content(text)
        with smtplib.SMTP("127.0.0.1", self._server.port, timeout=20) as server:
            server.send_message(message)

    def reply(self, to: EmailMessage, text: str) -> None:
        self.write(str(to["Reply-To"]), text, subject=f"Re: {to['Subject']}")

    def next(self) -> EmailMessage | None:
        """Return a mail that came since, None if there is none."""
        folder = self._server.mailbox("ada")
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.name not in self._seen:
                self._seen.add(path.name)
                parsed = message_from_bytes(path.read_bytes(), policy=policy.default)
                assert isinstance(parsed, EmailMessage)
                return parsed
        return None


class Circle:
    """The program behind a way in; ``bring`` has what waits at that way come in."""

    def __init__(self, app: App, server: Postfix, bring: Callable[[], object] = lambda: None) -> None:
        self.app = app
        self.server = server
        self._bring = bring

    def until(self, condition: Callable[[], Result | None]) -> Result:
        """Let all that runs by itself run until something is so."""
        end = time.monotonic() + 60
        while not (found := condition()):
            assert time.monotonic() < end, "it did not happen in time"
            self._bring()
            self.app.inbound.work()
            self.app.desk.process()
            asyncio.run(self.app.notice_sender(self.app.config.smtp).run(asyncio.Event()))
            time.sleep(0.1)  # the servers are other processes
        return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def program(folder: Path, server: Postfix, *, listen: int = 0, imap: Dovecot | None = None) -> Iterator[App]:
    settings = SETTINGS.format(url=f"sqlite:///{folder}/newsletter.db", base_url="https://papers.example.org")
    settings = settings.replace("[newsletters.papers]", f'[newsletters.papers]\ninbound_address = "{COMMANDS}"')
    settings = settings.replace("[newsletters.papers]", f'[newsletters.papers]\nenvelope_from = "{BOUNCES}"')
    path = folder / "config.toml"
    more = MORE.format(port=server.port, listen=listen)
    if imap is not None:
        more += IMAP.format(imap=imap.port, user=imap.name, password=PASSWORD)
    path.write_text(settings + more, encoding="utf-8")
    app = App(load(path))
    try:
        app.database.upgrade()
        yield app
    finally:
        app.close()


def run(folder: Path, *command: str, text: bytes | None = None) -> int:
    call = [sys.executable, "-m", "newsletter", "--config", str(folder / "config.toml"), *command]
    return subprocess.run(call, input=text, check=False, capture_output=True, timeout=60).returncode


@contextmanager
def by_pipe(folder: Path) -> Iterator[Circle]:
    """pipe(8) runs ``newsletter inbound take`` for each mail."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def hand_on() -> None:
            while True:
                try:
                    connection, _ = door.accept()
                except OSError:
                    return
                with connection, connection.makefile("rb") as file:
                    sender, recipient, size = (file.readline().decode().strip() for _ in range(3))
                    addresses = ("--sender", sender, "--recipient", recipient)
                    code = run(folder, "inbound", "take", "-", *addresses, text=file.read(int(size)))
                    connection.sendall(b"%d\n" % code)

        script = folder / "pipe.sh"
        script.write_text(PIPE, encoding="utf-8")
        arguments = f"user=nobody null_sender= argv={{folder}}/pipe.sh {door.getsockname()[1]} ${{sender}} ${{recipient}}"
        services = f"newsletter unix - n n - - pipe\n  {arguments}\n"
        transports = [f"{OURS} newsletter:"]
        with (
            postfix(mailboxes={"ada": "ada"}, transports=transports, services=services, files=[script]) as server,
            program(folder, server) as app,
        ):
            thread = threading.Thread(target=hand_on)
            thread.start()
            try:
                yield Circle(app, server)
            finally:
                door.shutdown(socket.SHUT_RDWR)
                thread.join()


@contextmanager
def by_lmtp(folder: Path) -> Iterator[Circle]:
    """``newsletter inbound serve`` listens, and Postfix hands each mail to it."""
    port = free_port()
    transports = [f"{OURS} lmtp:inet:127.0.0.1:{port}"]
    with (
        postfix(mailboxes={"ada": "ada"}, transports=transports) as server,
        program(folder, server, listen=port) as app,
    ):
        call = [sys.executable, "-m", "newsletter", "--config", str(folder / "config.toml"), "inbound", "serve"]
        process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield Circle(app, server)
        finally:
            process.terminate()
            assert process.wait(timeout=30) == 0


@contextmanager
def by_imap(folder: Path) -> Iterator[Circle]:
    """Postfix puts mail into a mailbox, Dovecot shows it, and ``newsletter inbound poll --once`` asks for it."""
    with ExitStack() as stack:
        box = stack.enter_context(dovecot())
        server = stack.enter_context(postfix(mailboxes={"ada": "ada", "papers": "papers", "bounces": "papers"}))
        (server.folder / "mail" / "papers").symlink_to(box.mail)
        with program(folder, server, imap=box) as app:
            yield Circle(app, server, lambda: run(folder, "inbound", "poll", "--once"))


@pytest.mark.parametrize("way", [by_pipe, by_lmtp, by_imap])
def test_the_whole_circle_by_mail(tmp_path: Path, way: Callable[[Path], AbstractContextManager[Circle]]) -> None:
    with way(tmp_path) as circle:
        app, ada = circle.app, Reader(circle.server)
        take_in(app, tmp_path, numbered(1, 8))

        ada.write(COMMANDS, "subscribe daily\n", subject="")
        question = circle.until(ada.next)
        assert not is_active(app, READER)
        ada.reply(question, "yes\n")
        circle.until(lambda: is_active(app, READER))
        welcome = circle.until(ada.next)
        assert "Welcome" in str(welcome["Subject"])

        subscribe(app, DEAD)
        issue = build(app).issue
        assert issue is not None
        assert send(app, issue).sent == 2
        digest = circle.until(ada.next)
        answers_to = digest["Reply-To"].addresses[0].addr_spec
        assert answers_to.startswith("papers+")
        assert f"<mailto:{answers_to}?subject=unsubscribe>" in str(digest["List-Unsubscribe"])

        ada.reply(digest, "less 2\n\n-- \nAda\n")
        answer = circle.until(ada.next)
        assert answer["Auto-Submitted"] == "auto-replied"
        second = text_of(digest).split("\n2. ")[1].splitlines()[0] if "\n2. " in text_of(digest) else "Paper 2"
        assert second in text_of(answer)
        assert [opinion.taste for opinion in opinions(app, READER)] == [Taste.LESS]

        circle.until(lambda: app.subscribers.find(DEAD).state is SubscriberState.BOUNCED)
        assert app.subscribers.is_suppressed(DEAD)
        assert is_active(app, READER)

        ada.reply(digest, "stop\n")
        circle.until(lambda: app.subscribers.find(READER).state is SubscriberState.UNSUBSCRIBED)
        failed = [record.id for record in app.inbound.latest(state=InboundState.FAILED)]
        assert not failed
        assert account(app, issue).adds_up


def is_active(app: App, address: str) -> bool:
    try:
        return app.subscribers.find(address).state is SubscriberState.ACTIVE
    except UnknownSubscriberError:
        return False


def opinions(app: App, address: str) -> tuple[Opinion, ...]:
    with app.database.read() as session:
        return OpinionStore(session).of(app.subscribers.find(address).id)

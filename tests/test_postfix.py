"""A real Postfix on loopback takes a send of a thousand into local mailboxes. Collected only where Postfix is installed."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path

from newsletter.app import App
from newsletter.clock import ManualClock
from newsletter.config_file import load
from newsletter.delivery.identity.verp import SignedKind
from newsletter.delivery.ledger.account import Accounts
from newsletter.delivery.model import DeliveryState
from tests.delivery.keys import ed25519_key, pem, rsa_key, verifies
from tests.flow import SETTINGS, account, build, numbered, send, subscribe, take_in, wait_for

READERS = 1_000
MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = {commands}
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example.org
mynetworks = 127.0.0.0/8
mydestination =
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = example.org
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
default_transport = error:nothing leaves this machine
relay_transport = error:nothing leaves this machine
"""
#: Its services: name, type, whether in a chroot or as root (never), most processes, program.
SERVICES = """\
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""
DKIM = """
[smtp]
host = "127.0.0.1"
port = {port}
security = "none"
[delivery]
connections = 8
[newsletters.papers.dkim."first.2026"]
key_file = "rsa.pem"
[newsletters.papers.dkim.second]
key_file = "ed25519.pem"
"""


@contextmanager
def postfix() -> Iterator[tuple[int, Path]]:
    """Run an instance of its own as long as the block lasts; give its port and the folder of its one mailbox."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = shutil.which("postfix")
    assert program is not None
    commands = Path(program).parent
    daemons = subprocess.run([commands / "postconf", "-dh", "daemon_directory"], capture_output=True, text=True, check=True)
    # Its users must get in, and pytest's own folders are closed to them.
    with tempfile.TemporaryDirectory(prefix="postfix-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for part, owner in (("conf", "root"), ("queue", "root"), ("data", "postfix"), ("mail", "nobody")):
            (folder / part).mkdir()
            shutil.chown(folder / part, owner)
        main = MAIN.format(folder=folder, commands=commands, daemons=daemons.stdout.strip())
        (folder / "conf/main.cf").write_text(main, encoding="utf-8")
        (folder / "conf/master.cf").write_text(SERVICES.format(port=port), encoding="utf-8")
        run = [program, "-c", str(folder / "conf")]
        subprocess.run([*run, "start"], check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        try:
            yield port, folder / "mail/all/new"
        finally:
            subprocess.run([*run, "stop"], check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)


@contextmanager
def signing_program(folder: Path, port: int, clock: ManualClock) -> Iterator[App]:
    (folder / "rsa.pem").write_bytes(pem(rsa_key()))
    (folder / "ed25519.pem").write_bytes(pem(ed25519_key()))
    settings = SETTINGS.format(url=f"sqlite:///{folder}/newsletter.db", base_url="https://papers.example.org")
    path = folder / "config.toml"
    path.write_text(settings + DKIM.format(port=port), encoding="utf-8")
    app = App(load(path, environ={"NEWSLETTER_NEWSLETTERS__PAPERS__ENVELOPE_FROM": "bounces@example.org"}), clock=clock)
    try:
        app.database.upgrade()
        yield app
    finally:
        app.close()


def test_a_thousand_messages_arrive_once_each_and_signed(tmp_path: Path, clock: ManualClock) -> None:
    with postfix() as (port, mailbox), signing_program(tmp_path, port, clock) as app:
        take_in(app, tmp_path, numbered(1, 8))
        readers = {f"reader{number}@example.org" for number in range(READERS)}
        subscribe(app, *sorted(readers))
        issue = build(app).issue
        assert issue is not None
        assert send(app, issue).sent == READERS
        assert account(app, issue).adds_up
        wait_for(lambda: mailbox.is_dir() and len(list(mailbox.iterdir())) >= READERS, seconds=60)
        with app.database.read() as session:
            sent = {row.id for row in Accounts(session).deliveries(issue.id, state=DeliveryState.SENT)}
        messages = [path.read_bytes() for path in mailbox.iterdir()]
        named = []
        for raw in messages:
            message = message_from_bytes(raw)
            bounce = app.bounces.read(message["Return-Path"].strip("<>"))
            assert bounce is not None
            assert bounce.kind is SignedKind.DELIVERY
            named.append(bounce.number)
            assert message["X-Original-To"] == message["To"]
        assert Counter(message_from_bytes(raw)["To"] for raw in messages) == dict.fromkeys(readers, 1)
        assert sorted(named) == sorted(sent)
        # What Postfix put on top is not part of what was signed.
        originals = [raw.replace(b"\n", b"\r\n") for raw in messages]
        assert all(verifies(raw, 0) for raw in originals)
        assert all(verifies(raw, 1) for raw in originals[::20])

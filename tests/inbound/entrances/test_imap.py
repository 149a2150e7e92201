"""A real Dovecot hands its mail over. Collected only where Dovecot is installed."""

from __future__ import annotations

import imaplib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from newsletter.clock import ManualClock
from newsletter.config import ImapConfig
from newsletter.database import Database
from newsletter.inbound.entrances.errors import ImapError
from newsletter.inbound.entrances.imap import ImapPoller, Polled
from newsletter.inbound.model import Arrival, Kept, Via
from newsletter.inbound.store import InboundStore
from newsletter.inbound.tables import InboundMailRow
from tests.inbound.entrances.dovecot import PASSWORD, Dovecot, dovecot
from tests.inbound.entrances.listening import Shelf


@pytest.fixture(scope="module")
def one_server() -> Iterator[tuple[Dovecot, Iterator[int]]]:
    with dovecot() as running:
        yield running, count(1)


@pytest.fixture
def server(one_server: tuple[Dovecot, Iterator[int]]) -> Dovecot:
    running, numbers = one_server
    return running.another(next(numbers))


def mail(number: int, *, size: int = 0) -> bytes:
    head = f"From: ada@example.org\r\nSubject: number {number}\r\n\r\n".encode()
    return head + b"0123456\r\n" * (size // 9)


def settings(server: Dovecot, **overrides: Any) -> ImapConfig:
    values = {"host": "127.0.0.1", "port": server.port, "security": "none", "username": server.name, "password": PASSWORD}
    return ImapConfig(**{**values, "timeout": timedelta(seconds=10), **overrides})


def poller(server: Dovecot, keep: Callable[[Arrival], Kept], *, max_bytes: int = 100_000, **overrides: Any) -> ImapPoller:
    return ImapPoller(
        settings(server, **overrides),
        keep,
        kept=lambda: None,
        max_bytes=max_bytes,
        first_pause=timedelta(milliseconds=50),
    )


@contextmanager
def running(poller: ImapPoller) -> Iterator[threading.Event]:
    stop = threading.Event()
    thread = threading.Thread(target=poller.run, args=(stop,))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def wait_until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 15
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_is_in_the_folder_is_stored_and_then_moved(server: Dovecot) -> None:
    sent = [mail(number) for number in range(45)]
    for number, raw in enumerate(sent):
        server.deliver(raw, f"{number:03}.x")
    shelf = Shelf()
    poll = poller(server, shelf.keep)
    assert poll.once() == Polled(stored=45)
    assert sorted(kept.raw for kept in shelf.mails) == sorted(sent)
    assert {(kept.via, kept.envelope_from, kept.recipients) for kept in shelf.mails} == {(Via.IMAP, None, ())}
    assert server.messages() == []
    assert sorted(server.messages("Processed")) == sorted(sent)
    assert poll.once() == Polled()


@pytest.mark.parametrize(("security", "host"), [("starttls", "localhost"), ("tls", "localhost"), ("tls", "127.0.0.1")])
def test_it_works_under_tls(server: Dovecot, security: str, host: str) -> None:
    server.deliver(mail(1), "1.x")
    port = server.tls_port if security == "tls" else server.port
    shelf = Shelf()
    assert poller(server, shelf.keep, security=security, host=host, port=port, ca_file=server.ca_file).once().stored == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_nobody_we_know_signed_is_refused(server: Dovecot, security: str) -> None:
    port = server.tls_port if security == "tls" else server.port
    with pytest.raises(ImapError, match=r"not trusted.*inbound\.imap\.ca_file"):
        poller(server, Shelf().keep, security=security, host="localhost", port=port).once()


def test_a_wrong_password_is_named_and_never_shown(server: Dovecot) -> None:
    with pytest.raises(ImapError, match=r"login failed .*inbound\.imap\.username") as caught:
        poller(server, Shelf().keep, password="wrong-horse").once()
    assert "wrong-horse" not in str(caught.value)


def test_the_password_may_stand_in_a_file(server: Dovecot, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{PASSWORD}\n", encoding="utf-8")
    assert poller(server, Shelf().keep, password=None, password_file=tmp_path / "password").once() == Polled()


def test_mail_that_is_too_large_is_put_aside_unread(server: Dovecot) -> None:
    server.deliver(mail(1, size=50_000), "1.x")
    server.deliver(mail(2), "2.x")
    shelf = Shelf()
    assert poller(server, shelf.keep, max_bytes=20_000).once() == Polled(stored=1, refused=1)
    assert [kept.raw for kept in shelf.mails] == [mail(2)]
    assert server.messages("Refused") == [mail(1, size=50_000)]


def test_a_message_stays_until_it_is_stored_and_is_known_again(server: Dovecot) -> None:
    server.deliver(mail(1), "1.x")
    shelf = Shelf(fails=RuntimeError("no disk"))
    with pytest.raises(RuntimeError):
        poller(server, shelf.keep).once()
    assert server.messages() == [mail(1)]
    # It was stored, and the program died before the message was moved.
    shelf.fails = None
    shelf.mails.append(Arrival(mail(1), Via.IMAP))
    assert poller(server, shelf.keep).once() == Polled(known=1)
    assert len(shelf.mails) == 1
    assert server.messages() == []


def test_a_message_is_one_row_however_often_it_is_found(server: Dovecot, database: Database, clock: ManualClock) -> None:
    def keep(arrival: Arrival) -> Kept:
        with database.write() as session:
            return InboundStore(session).keep(arrival, now=clock.now())

    server.deliver(mail(1), "1.x")
    assert poller(server, keep).once() == Polled(stored=1)
    server.deliver(mail(1), "2.x")
    assert poller(server, keep).once() == Polled(known=1)
    with database.read() as session:
        (row,) = session.scalars(select(InboundMailRow)).all()
        assert row.via == Via.IMAP


def test_what_was_read_before_is_taken_and_what_is_marked_as_deleted_is_left(server: Dovecot) -> None:
    server.deliver(mail(1), "1.x")
    server.deliver(mail(2), "2.x")
    with imaplib.IMAP4("127.0.0.1", server.port) as client:
        client.authenticate("PLAIN", lambda _: f"\0{server.name}\0{PASSWORD}".encode())
        client.select()
        client.store("1", "+FLAGS", r"(\Seen)")
        client.store("2", "+FLAGS", r"(\Deleted)")
    shelf = Shelf()
    poller(server, shelf.keep).once()
    assert [kept.raw for kept in shelf.mails] == [mail(1)]
    assert server.messages() == [mail(2)]


def test_folders_below_a_prefix_are_found_and_made_there() -> None:
    with dovecot(prefix="INBOX.", separator=".") as server:
        server.deliver(mail(1), "1.x")
        assert poller(server, Shelf().keep).once().stored == 1
        assert server.messages("Processed") == [mail(1)]


def test_a_folder_that_is_not_there_is_named(server: Dovecot) -> None:
    with pytest.raises(ImapError, match=r"folder cannot be opened.*inbound\.imap\.folder"):
        poller(server, Shelf().keep, folder="Nowhere").once()


def test_mail_is_taken_as_it_comes(server: Dovecot) -> None:
    shelf = Shelf()
    with running(poller(server, shelf.keep)):
        for number in range(3):
            server.deliver(mail(number), f"{number}.x")
            wait_until(lambda number=number: len(shelf.mails) == number + 1)  # type: ignore[misc]  # mypy loses the default
    assert server.messages() == []


def test_idle_is_asked_for_anew_and_ends_within_a_second_or_two(server: Dovecot) -> None:
    shelf = Shelf()
    with running(poller(server, shelf.keep, idle=timedelta(milliseconds=100))) as stop:
        server.deliver(mail(1), "1.x")
        wait_until(lambda: shelf.mails)
        began = time.monotonic()
        stop.set()
    assert time.monotonic() - began < 2


def test_trouble_is_logged_once_and_so_is_its_end(server: Dovecot, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "newsletter")
    server.deliver(mail(1), "1.x")
    tries: list[Arrival] = []
    shelf = Shelf()

    def keep(arrival: Arrival) -> Kept:
        tries.append(arrival)
        if len(tries) < 4:
            raise RuntimeError("ada@example.org")
        return shelf.keep(arrival)

    with running(poller(server, keep)):
        wait_until(lambda: server.messages("Processed"))
        wait_until(lambda: "inbound.imap_well_again" in caplog.text)
    assert caplog.text.count("inbound.imap_trouble") == 1
    assert "example.org" not in caplog.text

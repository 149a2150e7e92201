from __future__ import annotations

import threading
import time
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from newsletter.config import ImapConfig
from newsletter.inbound.entrances.errors import ImapError
from newsletter.inbound.entrances.imap import TRIES, ImapPoller, Polled
from tests.inbound.entrances.hostile import HostileImap, hostile
from tests.inbound.entrances.listening import Shelf

MAIL = b"From: ada@example.org\r\n\r\nless 2\r\n"


def poller(server: HostileImap, shelf: Shelf, *, timeout: float = 5, max_bytes: int = 10_000, **more: Any) -> ImapPoller:
    values = {"host": "127.0.0.1", "port": server.port, "security": "none", "username": "papers", "password": "pass"}
    config = ImapConfig(**{**values, "timeout": timedelta(seconds=timeout), **more})
    return ImapPoller(config, shelf.keep, kept=shelf.wake, max_bytes=max_bytes, first_pause=timedelta(milliseconds=20))


def wait_until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 15
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_without_move_a_message_is_copied_marked_and_expunged_by_its_number() -> None:
    shelf = Shelf()
    with hostile(mails={3: MAIL, 9: b"other"}, offers="UIDPLUS") as server:
        assert poller(server, shelf).once() == Polled(stored=2)
    assert server.moved == {"Processed": [3, 9]}
    assert server.mails == {}
    assert server.heard.index('UID COPY 3,9 "Processed"') < server.heard.index("UID STORE 3,9 +FLAGS.SILENT (\\Deleted)")


def test_without_move_and_uidplus_nothing_is_expunged_and_nothing_is_taken_twice() -> None:
    shelf = Shelf()
    with hostile(mails={uid: b"%d" % uid for uid in range(1, 51)}, offers="") as server:
        assert poller(server, shelf).once() == Polled(stored=50)
        assert poller(server, shelf).once() == Polled()
    assert len(server.mails) == 50
    assert not [command for command in server.heard if "EXPUNGE" in command]


@pytest.mark.parametrize("step", ["greeting", "CAPABILITY", "LOGIN", "LIST", "SELECT", "FETCH", "UID FETCH", "UID MOVE"])
def test_a_server_that_hangs_holds_nobody(step: str) -> None:
    with hostile(mails={1: MAIL}, says={step: b""}) as server:
        began = time.monotonic()
        with pytest.raises(ImapError):
            poller(server, Shelf(), timeout=0.3).once()
        assert time.monotonic() - began < 3


@pytest.mark.parametrize("step", ["greeting", "CAPABILITY", "LOGIN", "LIST", "SELECT", "FETCH", "UID FETCH", "UID MOVE"])
def test_a_server_that_hangs_up_is_an_error_that_says_what_to_do(step: str) -> None:
    with hostile(mails={1: MAIL}, says={step: None}) as server, pytest.raises(ImapError, match=r"imap: .+; .+"):
        poller(server, Shelf()).once()


@pytest.mark.parametrize(
    "answer",
    [
        b"* 1 FETCH (UID 1 BODY[]<0> {100}\r\nhalf of",
        b"* 1 FETCH (UID 1 BODY[]<0> {10737418240}\r\nten gigabytes",
        b"* 1 FETCH (UID 1 BODY[]<0> {99999999999999999999999999}\r\n",
        b"* 1 FETCH (UID 1 BODY[]<0> {-5}\r\nx)\r\nTAG OK done\r\n",
        b"* 1 FETCH " + b"(" * 50_000 + b"\r\nTAG OK done\r\n",
        b'* 1 FETCH (UID x BODY[]<0> "a\r\nTAG OK done\r\n',
        b"\xff\xfe\x00\r\n",
        b"x" * 3_000_000,
        b"* 1 EXISTS\r\n" * 100_000,
    ],
)
def test_an_answer_that_is_none_costs_little_and_stores_nothing(answer: bytes) -> None:
    shelf = Shelf()
    with hostile(mails={1: MAIL}, says={"UID FETCH": answer}) as server:
        tracemalloc.start()
        began = time.monotonic()
        try:
            with pytest.raises(ImapError):
                poller(server, shelf, timeout=1).once()
            assert tracemalloc.get_traced_memory()[1] < 30_000_000
        finally:
            tracemalloc.stop()
        assert time.monotonic() - began < 5
    assert shelf.mails == []
    assert list(server.mails) == [1]


def test_bytes_that_trickle_in_prolong_nothing() -> None:
    with hostile(mails={1: MAIL}, drips={"CAPABILITY"}) as server:
        began = time.monotonic()
        with pytest.raises(ImapError, match="no answer in time"):
            poller(server, Shelf(), timeout=0.5).once()
        assert time.monotonic() - began < 3


def test_a_message_larger_than_the_server_said_is_refused_all_the_same() -> None:
    shelf = Shelf()
    with hostile(mails={1: b"x" * 20_000, 2: MAIL}, sizes={1: 10}) as server:
        assert poller(server, shelf).once() == Polled(stored=1, refused=1)
    assert server.moved == {"Processed": [2], "Refused": [1]}


def test_a_literal_larger_than_was_asked_for_is_refused_the_next_time() -> None:
    shelf = Shelf()
    wrong = b"* 1 FETCH (UID 1 BODY[]<0> {20000}\r\n" + b"x" * 20_000 + b")\r\nTAG OK done\r\n"
    with hostile(mails={1: b"x" * 20_000, 2: MAIL}, sizes={1: 10}, says={"UID FETCH 1 ": wrong}) as server:
        poll = poller(server, shelf)
        with pytest.raises(ImapError, match="larger than the server says"):
            poll.once()
        assert poll.once() == Polled(stored=1, refused=1)


def test_a_message_at_which_the_session_breaks_does_not_keep_the_others() -> None:
    shelf = Shelf()
    with hostile(mails={1: b"poison", 2: MAIL}, says={"UID FETCH 1 ": None}) as server:
        poll = poller(server, shelf)
        for _ in range(TRIES):
            with pytest.raises(ImapError):
                poll.once()
        assert poll.once() == Polled(stored=1, left=1)
    assert [kept.raw for kept in shelf.mails] == [MAIL]


def test_what_the_server_does_not_move_is_fetched_only_once() -> None:
    shelf = Shelf()
    with hostile(mails={1: MAIL, 2: b"other"}, says={"UID MOVE": b"TAG NO [OVERQUOTA] full\r\n"}) as server:
        poll = poller(server, shelf)
        assert poll.once() == Polled(stored=2, left=2)
        assert poll.once() == Polled(known=2, left=2)
        assert sum(command.startswith("UID FETCH") for command in server.heard) == 2
        server.says.clear()
        assert poll.once() == Polled(known=2)
    assert server.moved == {"Processed": [1, 2]}


def test_numbers_that_begin_anew_harm_nothing() -> None:
    shelf = Shelf()
    with hostile(mails={1: MAIL}, says={"UID MOVE": b"TAG NO full\r\n"}) as server:
        poll = poller(server, shelf)
        poll.once()
        server.says = {"SELECT": b"* 1 EXISTS\r\n* OK [UIDVALIDITY 8] new\r\nTAG OK done\r\n"}
        server.mails = {1: b"another"}
        assert poll.once() == Polled(stored=1)
    assert [kept.raw for kept in shelf.mails] == [MAIL, b"another"]


def test_without_a_count_that_holds_nothing_is_remembered_by_number() -> None:
    shelf = Shelf()
    select = b"* 1 EXISTS\r\nTAG OK done\r\n"
    with hostile(mails={1: MAIL}, says={"UID MOVE": b"TAG NO full\r\n", "SELECT": select}) as server:
        poll = poller(server, shelf)
        assert poll.once() == Polled(stored=1, left=1)
        server.mails = {1: b"another"}
        assert poll.once() == Polled(stored=1, left=1)
    assert [kept.raw for kept in shelf.mails] == [MAIL, b"another"]


def test_where_there_is_no_idle_it_looks_every_so_often() -> None:
    shelf, stop = Shelf(), threading.Event()
    with hostile(mails={1: MAIL}, offers="MOVE") as server:
        poll = poller(server, shelf, look_every=timedelta(milliseconds=50))
        thread = threading.Thread(target=poll.run, args=(stop,))
        thread.start()
        wait_until(lambda: shelf.mails)
        server.mails = {2: b"other"}
        wait_until(lambda: len(shelf.mails) == 2)
        stop.set()
        thread.join(5)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    ("step", "answer"), [("UID MOVE", b"* 1 EXISTS\r\nTAG OK done\r\n"), ("IDLE", b"* 1 EXISTS\r\n+ idling\r\n")]
)
def test_mail_that_comes_while_it_looks_does_not_wait_for_more(step: str, answer: bytes) -> None:
    shelf, stop = Shelf(), threading.Event()
    with hostile(mails={1: MAIL}, says={step: answer}) as server:
        thread = threading.Thread(target=poller(server, shelf).run, args=(stop,))
        thread.start()
        wait_until(lambda: sum(command.startswith("SELECT") for command in server.heard) > 1)
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize("step", ["greeting", "LOGIN", "UID FETCH", "IDLE"])
def test_it_stops_at_once_whatever_it_waits_for(step: str) -> None:
    stop = threading.Event()
    with hostile(mails={1: MAIL}, says={step: b""}) as server:
        thread = threading.Thread(target=poller(server, Shelf(), timeout=60).run, args=(stop,))
        thread.start()
        if step != "greeting":
            wait_until(lambda: any(command.upper().startswith(step) for command in server.heard))
        began = time.monotonic()
        stop.set()
        thread.join(10)
        assert time.monotonic() - began < 2


def test_words_before_tls_are_not_read_as_words_under_it() -> None:
    answer = b"TAG OK begin\r\n* OK [ALERT] injected\r\n"
    with hostile(mails={}, offers="STARTTLS", says={"STARTTLS": answer}) as server, pytest.raises(ImapError):
        poller(server, Shelf(), security="starttls", timeout=1).once()

from __future__ import annotations

import asyncio
import logging
import smtplib
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from newsletter.clock import ManualClock
from newsletter.preview.errors import InboxError
from newsletter.preview.inbox.store import MAX_MESSAGE_BYTES, InboxServer, InboxStore
from tests.conftest import MONDAY
from tests.preview.listening import listening


def add(store: InboxStore, content: bytes = b"Subject: x\r\n\r\n") -> int:
    return store.add(content, mail_from="papers@example.org", rcpt_tos=["reader@example.org"], received_at=MONDAY).number


def send(address: tuple[str, int], content: bytes, to: str = "reader@example.org", options: tuple[str, ...] = ()) -> None:
    with smtplib.SMTP(*address, timeout=10) as client:
        client.sendmail("papers@example.org", [to], content, mail_options=options)


@pytest.fixture
def store(tmp_path: Path) -> InboxStore:
    return InboxStore(tmp_path / "inbox", keep=100)


def test_a_kept_message_comes_back_byte_for_byte_with_its_envelope(store: InboxStore) -> None:
    content = b"Subject: \xff\x00\r\n\r\n.\r\nbare\nlines\r\n"
    caught = store.add(content, mail_from="", rcpt_tos=["a@example.org", "b@example.org"], received_at=MONDAY)
    assert store.content(caught.number) == content
    assert store.get(caught.number) == caught
    assert (caught.mail_from, caught.rcpt_tos, caught.size) == ("", ("a@example.org", "b@example.org"), len(content))


def test_messages_are_listed_newest_first_page_by_page(store: InboxStore) -> None:
    numbers = [add(store) for _ in range(5)]
    first = [message.number for message in store.messages(limit=3)]
    second = [message.number for message in store.messages(before=first[-1], limit=3)]
    assert first + second == list(reversed(numbers))


def test_only_the_newest_are_kept_with_nothing_left_of_the_others(tmp_path: Path) -> None:
    store = InboxStore(tmp_path, keep=3)
    numbers = [add(store) for _ in range(10)]
    assert [message.number for message in store.messages()] == numbers[:-4:-1]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        f"{n:08d}.{s}" for n in numbers[-3:] for s in ("eml", "json")
    )


def test_stores_on_one_folder_never_share_a_number(tmp_path: Path) -> None:
    stores = [InboxStore(tmp_path, keep=1000) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda store: [add(store, b"x" * 10) for _ in range(25)], stores))
    assert len({number for numbers in found for number in numbers}) == 100
    assert stores[0].count() == 100


def test_a_message_whose_envelope_was_not_written_is_not_shown_and_goes_in_its_turn(tmp_path: Path) -> None:
    (tmp_path / "00000007.eml").write_bytes(b"died here")
    store = InboxStore(tmp_path, keep=2)
    assert store.messages() == []
    assert add(store) == 8
    add(store)
    assert not (tmp_path / "00000007.eml").exists()


def test_a_damaged_envelope_hides_one_message_and_no_other(tmp_path: Path) -> None:
    store = InboxStore(tmp_path, keep=10)
    number, other = add(store), add(store)
    (tmp_path / f"{number:08d}.json").write_text("{")
    assert [message.number for message in store.messages()] == [other]


def test_what_is_not_there_is_none(store: InboxStore) -> None:
    assert (store.get(1), store.content(1), store.head(1), store.messages(), store.count()) == (None, None, None, [], 0)


def test_a_message_sent_over_smtp_is_kept_exactly_before_it_is_accepted(store: InboxStore, clock: ManualClock) -> None:
    content = b"Subject: dots\r\n\r\n.\r\n..two\r\n.leading\r\nend\r\n"
    with listening(InboxServer(store, clock)) as address:
        send(address, content)
        (caught,) = store.messages()
        assert store.content(caught.number) == content
        assert (caught.mail_from, caught.rcpt_tos) == ("papers@example.org", ("reader@example.org",))
        assert caught.received_at == MONDAY


def test_no_address_reaches_the_log(store: InboxStore, clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), listening(InboxServer(store, clock)) as address:
        send(address, b"Subject: secret\r\n\r\n")
    assert "inbox.caught message=1 bytes=19" in caplog.text
    assert "example.org" not in caplog.text
    assert "secret" not in caplog.text


def test_the_inbox_speaks_smtputf8(store: InboxStore, clock: ManualClock) -> None:
    content = "Subject: Grüße\r\n\r\nüber\r\n".encode()
    with listening(InboxServer(store, clock)) as address:
        send(address, content, to="jürgen@example.org", options=("SMTPUTF8", "BODY=8BITMIME"))
    (caught,) = store.messages()
    assert caught.rcpt_tos == ("jürgen@example.org",)
    assert store.content(caught.number) == content


def test_a_message_over_the_limit_is_refused_and_the_next_one_taken(store: InboxStore, clock: ManualClock) -> None:
    line = b"x" * 998 + b"\r\n"
    with listening(InboxServer(store, clock)) as address, smtplib.SMTP(*address, timeout=20) as client:
        client.ehlo()
        assert client.esmtp_features["size"] == str(MAX_MESSAGE_BYTES)
        client.mail("papers@example.org")
        client.rcpt("reader@example.org")
        assert client.data(b"Subject: big\r\n\r\n" + line * (MAX_MESSAGE_BYTES // 1000 + 1))[0] == 552
        client.sendmail("papers@example.org", ["reader@example.org"], b"Subject: small\r\n\r\n")
    assert store.count() == 1


def test_a_store_that_cannot_write_is_a_temporary_refusal(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / "inbox").write_text("a file where the folder should be")
    with listening(InboxServer(InboxStore(tmp_path / "inbox", 10), clock)) as address:
        with pytest.raises(smtplib.SMTPDataError) as refusal:
            send(address, b"Subject: x\r\n\r\n")
        assert refusal.value.smtp_code == 452


def test_the_inbox_runs_in_a_loop_that_is_already_there(store: InboxStore, clock: ManualClock) -> None:
    async def run() -> None:
        server = InboxServer(store, clock)
        await server.start()
        assert server.port > 0
        await asyncio.to_thread(send, (server.host, server.port), b"Subject: x\r\n\r\n")
        await server.stop()
        await server.stop()

    asyncio.run(run())
    assert store.count() == 1


def test_stopping_hangs_up_on_clients_that_stay_connected(store: InboxStore, clock: ManualClock) -> None:
    with listening(InboxServer(store, clock)) as address:
        client = socket.create_connection(address, timeout=10)
        assert client.recv(1000).startswith(b"220 ")
    with client:
        assert client.recv(1000) == b""


def test_a_port_that_is_taken_says_what_to_do(store: InboxStore, clock: ManualClock) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(InboxError, match=r"inbox\.port"),
        listening(InboxServer(store, clock, port=taken.getsockname()[1])),
    ):
        pass


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])  # noqa: S104 - that it is refused is the point
def test_the_inbox_listens_on_loopback_only(store: InboxStore, clock: ManualClock, host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        InboxServer(store, clock, host=host)

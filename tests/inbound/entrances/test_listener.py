from __future__ import annotations

import asyncio
import logging
import smtplib
import socket
import threading
import tracemalloc
from collections.abc import Callable, Coroutine
from email.message import EmailMessage
from functools import wraps
from typing import ParamSpec

import pytest
from sqlalchemy.exc import OperationalError

from newsletter.inbound.entrances.errors import ListenError
from newsletter.inbound.errors import InboundTooLarge
from newsletter.inbound.model import Via
from newsletter.web.server import event_loop_factory
from tests.inbound.entrances.listening import OURS, Shelf, listening

P = ParamSpec("P")
MAIL = b"From: ada@example.org\r\nTo: papers@example.org\r\nSubject: less 2\r\n\r\nless 2\r\n"


def in_a_loop(test: Callable[P, Coroutine[None, None, None]]) -> Callable[P, None]:
    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


@in_a_loop
async def test_a_message_is_stored_with_its_envelope_before_it_is_answered() -> None:
    async with listening() as place, place.client() as client:
        await client.begin()
        assert await client.ask(MAIL + b".\r\n") == "250 2.0.0 Kept as 1"
    (kept,) = place.shelf.mails
    assert (kept.raw, kept.via, kept.envelope_from, kept.recipients) == (MAIL, Via.LMTP, "ada@example.org", (OURS,))
    assert place.shelf.woken == 1


@in_a_loop
async def test_a_common_client_hands_mail_over() -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ada@example.org", OURS, "Grüße"
    message.set_content(".\n..\nless 2\n.\n")

    def send(port: int) -> None:
        with smtplib.LMTP("127.0.0.1", port) as client:
            client.send_message(message)

    async with listening() as place:
        await asyncio.to_thread(send, place.listener.port)
    assert place.shelf.mails[0].raw.endswith(b"\r\n\r\n.\r\n..\r\nless 2\r\n.\r\n")


@in_a_loop
async def test_the_null_sender_of_a_bounce_is_told_from_no_sender() -> None:
    async with listening() as place, place.client() as client:
        await client.begin(sender="")
        await client.ask(MAIL + b".\r\n")
    assert place.shelf.mails[0].envelope_from == ""


@in_a_loop
async def test_over_lmtp_each_recipient_has_an_answer() -> None:
    async with listening() as place, place.client() as client:
        await client.begin("papers+a@example.org", "papers+b@example.org")
        assert await client.ask(MAIL + b".\r\n") == "250 2.0.0 Kept as 1"
        assert await client.reply() == "250 2.0.0 Kept as 1"
        assert (await client.ask(b"NOOP\r\n")).startswith("250 2.0.0")
    assert place.shelf.mails[0].recipients == ("papers+a@example.org", "papers+b@example.org")


@in_a_loop
async def test_over_smtp_all_recipients_have_one_answer() -> None:
    async with listening(protocol="smtp") as place, place.client() as client:
        await client.begin("papers+a@example.org", "papers+b@example.org", hello=b"EHLO client.example.org")
        assert await client.ask(MAIL + b".\r\n") == "250 2.0.0 Kept as 1"
        assert (await client.ask(b"QUIT\r\n")).startswith("221")


@pytest.mark.parametrize(
    "recipient",
    ["somebody@example.com", "other@example.org", "papers@example.org@example.com", "@example.com:ada@example.net", "papers"],
)
@in_a_loop
async def test_it_relays_nothing(recipient: str) -> None:
    async with listening() as place, place.client() as client:
        await client.reply()
        await client.ask(b"LHLO client.example.org\r\n")
        await client.ask(b"MAIL FROM:<ada@example.org>\r\n")
        assert (await client.ask(f"RCPT TO:<{recipient}>\r\n".encode())).startswith("55")
        assert (await client.ask(b"DATA\r\n")).startswith("503")
    assert place.shelf.mails == []


@in_a_loop
async def test_what_it_offers_holds_no_login_and_no_list_of_people() -> None:
    async with listening() as place, place.client() as client:
        assert (await client.reply()).startswith("220 mx.example.org")
        offered = await client.ask(b"LHLO client.example.org\r\n")
        assert "250-SIZE 10000" in offered
        assert "250-PIPELINING" in offered
        assert "AUTH" not in offered
        for command in (b"VRFY papers", b"EXPN papers", b"AUTH PLAIN AGEAYg==", b"HELP"):
            assert (await client.ask(command + b"\r\n")).startswith("502 5.5.1")
        assert (await client.ask(b"STARTTLS\r\n")).startswith("454 4.0.0")


@pytest.mark.parametrize(
    "end", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n", b"\n.\r", b"\r\r\n.\r\r\n"]
)
@in_a_loop
async def test_one_message_stays_one_or_is_refused_whatever_looks_like_its_end(end: bytes) -> None:
    smuggled = b"MAIL FROM:<mallory@example.org>\r\nRCPT TO:<papers@example.org>\r\nDATA\r\nsecond\r\n"
    async with listening() as place, place.client() as client:
        await client.begin()
        assert (await client.ask(b"first" + end + smuggled + b".\r\n")).startswith("554 5.6.11")
        assert (await client.ask(b"NOOP\r\n")).startswith("250")
    assert place.shelf.mails == []


@in_a_loop
async def test_an_end_that_comes_byte_by_byte_is_seen() -> None:
    async with listening() as place, place.client() as client:
        await client.begin()
        for byte in b"..dots\r\n\r\n.\r\n":
            await client.say(bytes([byte]))
        assert (await client.reply()).startswith("250")
    assert place.shelf.mails[0].raw == b".dots\r\n\r\n"


@in_a_loop
async def test_a_command_ends_with_both_signs_of_a_line() -> None:
    async with listening() as place, place.client() as client:
        await client.reply()
        await client.ask(b"LHLO client.example.org\r\n")
        assert (await client.ask(b"MAIL FROM:<a@example.org>\nRCPT TO:<papers@example.org>\nDATA\n\r\n")).startswith("5")
        assert (await client.ask(b"DATA\r\n")).startswith("503")
    assert place.shelf.mails == []


@in_a_loop
async def test_a_message_over_the_limit_is_refused_and_the_connection_goes_on() -> None:
    async with listening(max_bytes=10_000) as place, place.client() as client:
        await client.reply()
        await client.ask(b"LHLO client.example.org\r\n")
        assert (await client.ask(b"MAIL FROM:<ada@example.org> SIZE=10001\r\n")).startswith("552")
        await client.ask(b"MAIL FROM:<ada@example.org> SIZE=9000\r\n")
        await client.ask(b"RCPT TO:<papers+a@example.org>\r\n")
        await client.ask(b"RCPT TO:<papers+b@example.org>\r\n")
        await client.ask(b"DATA\r\n")
        assert (await client.ask(b"0123456\r\n" * 1_200 + b".\r\n")).startswith("552 5.3.4")
        assert (await client.reply()).startswith("552 5.3.4")
        await client.ask(b"MAIL FROM:<ada@example.org>\r\n")
        await client.ask(b"RCPT TO:<papers@example.org>\r\n")
        await client.ask(b"DATA\r\n")
        assert (await client.ask(MAIL + b".\r\n")).startswith("250")
    assert len(place.shelf.mails) == 1


@pytest.mark.parametrize("piece", [b"x" * 998 + b"\r\n", b"x" * 65_536])
@in_a_loop
async def test_memory_stays_flat_whatever_comes(piece: bytes) -> None:
    async with listening(max_bytes=100_000) as place, place.client() as client:
        await client.begin()
        tracemalloc.start()
        try:
            for _ in range(20_000_000 // len(piece)):
                await client.say(piece)
            assert (await client.ask(b"\r\n.\r\n")).startswith("55")
            assert tracemalloc.get_traced_memory()[1] < 3_000_000
        finally:
            tracemalloc.stop()
    assert place.shelf.mails == []


@in_a_loop
async def test_lines_longer_than_the_standard_has_them_are_taken() -> None:
    async with listening(max_bytes=100_000) as place, place.client() as client:
        await client.begin()
        assert (await client.ask(b"x" * 60_000 + b"\r\n.\r\n")).startswith("250")
    assert len(place.shelf.mails[0].raw) == 60_002


@in_a_loop
async def test_while_the_database_cannot_store_the_mta_keeps_the_message(caplog: pytest.LogCaptureFixture) -> None:
    trouble = OperationalError("INSERT less 2", {}, Exception("ada@example.org"))
    shelf = Shelf(fails=trouble)
    async with listening(shelf) as place, place.client() as client:
        await client.begin()
        assert (await client.ask(MAIL + b".\r\n")).startswith("451 4.3.0")
        shelf.fails = None
        await client.ask(b"MAIL FROM:<ada@example.org>\r\n")
        await client.ask(b"RCPT TO:<papers@example.org>\r\n")
        await client.ask(b"DATA\r\n")
        assert (await client.ask(MAIL + b".\r\n")).startswith("250")
    assert "inbound.not_stored error=OperationalError" in caplog.text
    assert "ada@example.org" not in caplog.text


@in_a_loop
async def test_what_is_too_large_to_be_kept_is_given_back() -> None:
    async with listening(Shelf(fails=InboundTooLarge(2, 1))) as place, place.client() as client:
        await client.begin()
        assert (await client.ask(MAIL + b".\r\n")).startswith("552 5.3.4")


@in_a_loop
async def test_what_clients_say_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with listening() as place, place.client() as client:
        await client.begin()
        await client.ask(MAIL + b".\r\n")
        await client.ask(b"LESS2@EXAMPLE.ORG\r\n")
    lines = [record.getMessage() for record in caplog.records if record.name != "asyncio"]
    assert lines
    assert not [line for line in lines if "example.org" in line.lower() or "less" in line.lower()]


@pytest.mark.parametrize("said", [b"", b"LHLO client", b"LHLO client.example.org\r\nMAIL FROM:<a@example.org>\r\nNO"])
@in_a_loop
async def test_a_client_that_says_nothing_more_is_told_so_and_cut_off(said: bytes) -> None:
    async with listening(command=0.2) as place, place.client() as client:
        await client.say(said)
        assert (await client.replies())[-1].startswith("421 4.4.2")


@in_a_loop
async def test_bytes_that_trickle_in_prolong_nothing() -> None:
    async with listening(command=0.3) as place, place.client() as client:
        await client.begin()
        over = asyncio.create_task(client.reply())
        while not over.done():
            await client.say(b"x")
            await asyncio.sleep(0.02)
        assert over.result().startswith("421 4.4.2")
    assert place.shelf.mails == []


@in_a_loop
async def test_a_connection_ends_after_its_time_however_busy_it_is() -> None:
    async with listening(command=5.0, session=0.3) as place, place.client() as client:
        await client.begin()
        over = asyncio.create_task(client.reply())
        while not over.done():
            await client.say(b"a line\r\n")
            await asyncio.sleep(0.01)
        assert over.result().startswith("421 4.4.2")


@in_a_loop
async def test_connections_beyond_those_allowed_are_told_to_come_again() -> None:
    async with listening(connections=2) as place, place.client() as one, place.client() as two:
        await one.reply()
        await two.reply()
        async with place.client() as third:
            assert (await third.reply()).startswith("421 4.3.2")
            assert await third.reply() == ""
        await one.ask(b"QUIT\r\n")
        assert await one.reply() == ""
        async with place.client() as fourth:
            assert (await fourth.reply()).startswith("220")


@in_a_loop
async def test_five_hundred_slow_clients_keep_nobody_out() -> None:
    async with listening(connections=20, patience=0.05) as place:
        slow = [await asyncio.open_connection("127.0.0.1", place.listener.port) for _ in range(500)]
        await asyncio.sleep(0.1)
        async with place.client() as client:
            await client.begin()
            assert (await client.ask(MAIL + b".\r\n")).startswith("250")
        for _, writer in slow:
            writer.close()
    assert len(place.shelf.mails) == 1


@in_a_loop
async def test_a_message_that_is_being_stored_is_answered_before_it_stops() -> None:
    shelf = Shelf(hold=threading.Event())
    async with listening(shelf) as place, place.client() as client, place.client() as idle:
        await client.begin()
        await idle.reply()
        await client.say(MAIL + b".\r\n")
        await asyncio.to_thread(shelf.asked.wait, 10)
        stopping = asyncio.create_task(place.listener.stop())
        assert (await idle.reply()).startswith("421 4.3.2")
        assert shelf.hold is not None
        shelf.hold.set()
        assert (await client.reply()).startswith("250")
        assert (await client.reply()).startswith("421 4.3.2")
        await stopping
    assert len(shelf.mails) == 1


@in_a_loop
async def test_a_client_that_vanishes_half_way_leaves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with listening() as place:
        async with place.client() as client:
            await client.begin()
            await client.say(b"half a mess")
        async with place.client() as other:
            await other.begin()
            assert (await other.ask(MAIL + b".\r\n")).startswith("250")
    assert [kept.raw for kept in place.shelf.mails] == [MAIL]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, event_loop_factory()], ids=["plain", "fastest"])
def test_clients_that_hang_up_before_they_are_looked_at_keep_no_place(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def hang_up_at_once() -> None:
        async with listening(connections=2) as place:
            for _ in range(50):
                socket.create_connection(("127.0.0.1", place.listener.port), timeout=5).close()
            greeting = ""
            async with asyncio.timeout(5):
                while not greeting.startswith("220"):
                    async with place.client() as client:
                        greeting = await client.reply()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(hang_up_at_once())


@pytest.mark.parametrize(
    "address", [b"a\xffb@example.org", b"a\x00b@example.org", b"papers+\xff@example.org", b"papers+\x07@example.org"]
)
@in_a_loop
async def test_bytes_that_are_no_address_are_refused(address: bytes) -> None:
    async with listening() as place, place.client() as client:
        await client.reply()
        await client.ask(b"LHLO client.example.org\r\n")
        replies = [await client.ask(b"MAIL FROM:<" + address + b">\r\n")]
        await client.ask(b"RSET\r\n")
        await client.ask(b"MAIL FROM:<ada@example.org>\r\n")
        replies.append(await client.ask(b"RCPT TO:<" + address + b">\r\n"))
        assert (await client.ask(b"MAIL FROM:<\r\n"))[0] in "45"
    assert all(reply.startswith("55") for reply in replies)


@in_a_loop
async def test_no_message_has_more_than_a_hundred_recipients() -> None:
    async with listening() as place, place.client() as client:
        await client.reply()
        await client.ask(b"LHLO client.example.org\r\n")
        await client.ask(b"MAIL FROM:<ada@example.org>\r\n")
        replies = [await client.ask(f"RCPT TO:<papers+{number}@example.org>\r\n".encode()) for number in range(101)]
    assert replies[99].startswith("250")
    assert replies[100].startswith("452 4.5.3")


@in_a_loop
async def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ListenError, match=r"in use.*inbound\.listen\.port"):
        async with listening(port=taken.getsockname()[1]):
            pass

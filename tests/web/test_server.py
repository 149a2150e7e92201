from __future__ import annotations

import asyncio
import logging
import re
import signal
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from newsletter.web.errors import WebError
from newsletter.web.protocol import MAX_HEAD_BYTES
from newsletter.web.server import MAX_CONNECTIONS, Server, event_loop_factory
from tests.web.serving import serving

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = 20_000_000


class Echo:
    """Answers with the length of the body; keeps what it was asked. ``/large`` is answered at length."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.asked.append((scope["path"], body))
        text = b"x" * LARGE if scope["path"] == "/large" else b"%d\n" % len(body)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(text))]})
        await send({"type": "http.response.body", "body": text, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def address(echo: Echo) -> Iterator[str]:
    with serving(echo) as address:
        yield address


def connect(address: str) -> socket.socket:
    url = httpx.URL(address)
    assert url.port is not None
    return socket.create_connection((url.host, url.port), timeout=10)


def read_to_end(connection: socket.socket) -> bytes:
    received = b""
    try:
        while piece := connection.recv(65_536):
            received += piece
    except ConnectionResetError:
        pass
    return received


def read_answer(connection: socket.socket) -> bytes:
    """Return one answer of :class:`Echo`."""
    received = b""
    while not re.search(rb"\r\n\r\n\d+\n$", received):
        piece = connection.recv(1000)
        assert piece, received
        received += piece
    return received


def ask(address: str, request: bytes) -> bytes:
    """Send bytes, say that no more will come, and return all that comes back."""
    with connect(address) as connection:
        connection.sendall(request)
        return read_to_end(connection)


def test_the_server_runs_in_a_loop_that_is_there_and_leaves_signals_alone(echo: Echo) -> None:
    async def run() -> None:
        before = (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))
        server = Server(echo, "127.0.0.1", 0)
        await server.start()
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
        address = f"http://127.0.0.1:{server.port}"
        async with httpx.AsyncClient() as client:
            assert (await client.get(address)).text == "0\n"
        await server.stop()
        await server.stop()
        async with httpx.AsyncClient() as client:
            with pytest.raises(httpx.ConnectError):
                await client.get(address)

    asyncio.run(run())


def test_the_server_runs_in_the_faster_loop_as_well(echo: Echo) -> None:
    async def run() -> None:
        server = Server(echo, "127.0.0.1", 0, request_seconds=0.2)
        await server.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(GET)
        assert (await reader.readuntil(b"\n0\n")).startswith(b"HTTP/1.1 200 OK\r\n")
        writer.write(GET[:10])
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        await server.stop()

    with asyncio.Runner(loop_factory=event_loop_factory()) as runner:
        runner.run(run())


@pytest.mark.parametrize("host", ["localhost", "::1"])
def test_other_names_of_loopback_can_be_listened_on(echo: Echo, host: str) -> None:
    async def run() -> None:
        server = Server(echo, host, 0)
        await server.start()
        assert server.port > 0
        await server.stop()

    asyncio.run(run())


def test_a_port_that_is_taken_says_what_to_do(echo: Echo) -> None:
    async def run(port: int) -> None:
        with pytest.raises(WebError, match=r"web\.port"):
            await Server(echo, "127.0.0.1", port).start()

    with socket.create_server(("127.0.0.1", 0)) as taken:
        asyncio.run(run(taken.getsockname()[1]))


def test_an_answer_under_way_is_finished_before_the_server_stops(echo: Echo) -> None:
    # The request waits inside the app until the server was told to stop.
    async def run() -> None:
        arrived, leave = asyncio.Event(), asyncio.Event()

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            arrived.set()
            await leave.wait()
            await echo(scope, receive, send)

        server = Server(slow, "127.0.0.1", 0)
        await server.start()
        async with httpx.AsyncClient() as client:
            request = asyncio.create_task(client.post(f"http://127.0.0.1:{server.port}/", content=b"four"))
            await arrived.wait()
            stop = asyncio.create_task(server.stop())
            await asyncio.sleep(0)
            leave.set()
            assert (await request).text == "4\n"
        await stop

    asyncio.run(run())


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"\r\n",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 26\r\n\r\nList-",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nList-\r\n",
    ],
)
def test_a_request_that_does_not_come_in_whole_is_cut_off(echo: Echo, start: bytes) -> None:
    with serving(echo, request_seconds=0.2) as address, connect(address) as connection:
        connection.sendall(start)
        assert read_to_end(connection) == b""
        assert httpx.get(address).status_code == 200
    assert echo.asked == [("/", b"")]


@pytest.mark.parametrize("trickle", [b"\r\n", b"GET / HTTP/1.1\r\nA"])
@pytest.mark.parametrize("first", [b"", GET])
def test_trickling_does_not_buy_time(echo: Echo, trickle: bytes, first: bytes) -> None:
    with serving(echo, request_seconds=0.3) as address, connect(address) as connection:
        connection.sendall(first)
        if first:
            assert read_answer(connection).endswith(b"0\n")
        began = time.monotonic()
        connection.settimeout(0.02)
        with closing(connection):
            while time.monotonic() - began < 5:
                try:
                    connection.sendall(trickle)
                    trickle = trickle[-2:]
                    if connection.recv(100) == b"":
                        break
                except TimeoutError:
                    continue
                except ConnectionError:
                    break
        assert time.monotonic() - began < 4


def test_the_deadline_holds_for_the_second_request_of_a_connection_too(echo: Echo) -> None:
    with serving(echo, request_seconds=0.3) as address, connect(address) as connection:
        connection.sendall(GET + b"GET / HTTP/1.1\r\n")
        answers = read_to_end(connection)
    assert answers.count(b"HTTP/1.1 200 OK") == 1


def test_a_connection_may_stay_open_between_requests(echo: Echo) -> None:
    with serving(echo, request_seconds=0.05) as address, connect(address) as connection:
        for _ in range(3):
            connection.sendall(GET)
            assert read_answer(connection).endswith(b"0\n")
            time.sleep(0.1)  # longer than the deadline for a request: idle time must not count


def test_requests_in_one_packet_are_answered_in_their_order(echo: Echo, address: str) -> None:
    with connect(address) as connection:
        connection.sendall(b"".join(b"POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx" % n for n in range(20)))
        received = b""
        while received.count(b"\n1\n") < 20:
            received += connection.recv(65_536)
    assert [path for path, _ in echo.asked] == [f"/{n}" for n in range(20)]


def test_a_body_that_never_ends_is_cut_off(address: str) -> None:
    with connect(address) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        with pytest.raises(ConnectionError):
            connection.sendall((b"1000\r\n" + b"x" * 4096 + b"\r\n") * 10_000)


def test_an_answer_that_is_not_read_is_given_up(echo: Echo, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), serving(echo, request_seconds=0.2) as address, connect(address) as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        began = time.monotonic()
        while "web.not_read" not in caplog.text and time.monotonic() - began < 5:
            time.sleep(0.02)
        assert len(read_to_end(connection)) < LARGE
    assert "web.not_read" in caplog.text


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET /secret nonsense\r\n\r\n",
        b"GET /secret\r\n\r\n",
        b"GET /secret HTTP/2.0\r\nHost: x\r\n\r\n",
        b"GET /\x80secret HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /secret HTTP/1.1\r\n\r\n",
        b"GET /secret HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET /secret HTTP/1.1\r\nHost: x\r\nA: secret\nB: b\r\n\r\n",
        b"GET /secret HTTP/1.1\r\nHost: x\r\nA: se\0cret\r\n\r\n",
        b"GET /secret HTTP/1.1\nHost: x\n\n",
        b"CONNECT secret:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03secret",
    ],
)
def test_what_is_no_request_is_answered_400_without_a_word_of_it_in_the_log(
    echo: Echo, address: str, request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = ask(address, request_bytes)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.count(b"HTTP/1.1") == 1
    assert b"secret" not in answer
    assert "secret" not in caplog.text
    assert echo.asked == []


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 5, 5\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: 0x5\r\n",
        b"Content-Length: " + b"9" * 5000 + b"\r\n",
        b"Content-Length : 5\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding:\x0bchunked\r\n",
        b" Transfer-Encoding: chunked\r\n",
        b"X: y\r\n Transfer-Encoding: chunked\r\n",
        b"X: y\nTransfer-Encoding: chunked\r\n",
        b"X: y\rTransfer-Encoding: chunked\r\n",
    ],
)
def test_a_request_that_ends_in_two_places_is_refused(echo: Echo, address: str, head: bytes) -> None:
    # Else a proxy in front could see one request where we see two (RFC 9112 section 11.2).
    answer = ask(address, b"POST / HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1
    assert "/smuggled" not in [path for path, _ in echo.asked]


@pytest.mark.parametrize("chunks", [b"0x1\r\na\r\n0\r\n\r\n", b"1\r\nab\r\n0\r\n\r\n", b"1;a=\nb\r\na\r\n0\r\n\r\n", b"-1\r\n"])
def test_a_chunk_that_is_none_is_refused(echo: Echo, address: str, chunks: bytes) -> None:
    answer = ask(address, b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert echo.asked == []


def test_what_follows_a_request_as_garbage_does_not_cost_its_answer(echo: Echo, address: str) -> None:
    answer = ask(address, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nabc\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\n2\n")
    assert echo.asked == [("/", b"ab")]


def test_fields_after_a_body_are_left_out(echo: Echo, address: str) -> None:
    answer = ask(
        address,
        b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\nab\r\n0\r\nHost: y\r\nX-Forwarded-For: z\r\n\r\n",
    )
    assert answer.endswith(b"\n2\n")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"x" * MAX_HEAD_BYTES + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * MAX_HEAD_BYTES + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: xxxxxxxxxx\r\n" * (MAX_HEAD_BYTES // 10) + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 3 * MAX_HEAD_BYTES,
        b"GET /" + b"x" * 3 * MAX_HEAD_BYTES,
    ],
)
def test_a_head_over_the_limit_is_refused_whether_it_ends_or_not(echo: Echo, address: str, head: bytes) -> None:
    with connect(address) as connection:
        connection.sendall(head)
        assert read_to_end(connection).startswith(b"HTTP/1.1 431 ")
    assert echo.asked == []


def test_a_head_just_within_the_limit_is_answered(address: str) -> None:
    head = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nA: " + b"x" * (MAX_HEAD_BYTES - 200) + b"\r\n\r\n"
    assert ask(address, head).startswith(b"HTTP/1.1 200 OK\r\n")


UPGRADE = b"Host: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"


def test_a_wish_for_another_protocol_is_not_heard(echo: Echo, address: str) -> None:
    answers = ask(address, b"GET / HTTP/1.1\r\n" + UPGRADE + b"\r\n" + b"GET /more HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answers.startswith(b"HTTP/1.1 200 OK\r\n")
    assert echo.asked == [("/", b"")]


@pytest.mark.parametrize("length", [b"Content-Length: 36", b"Transfer-Encoding: chunked"])
def test_the_body_of_a_wish_for_another_protocol_is_not_taken_for_a_request(echo: Echo, address: str, length: bytes) -> None:
    # A proxy that passes the wish on sees one request here.
    with connect(address) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\n" + UPGRADE + length + b"\r\n\r\n")
        connection.sendall(b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
        answers = read_to_end(connection)
    assert answers.startswith(b"HTTP/1.1 400 ") or answers == b""
    assert "/smuggled" not in [path for path, _ in echo.asked]


def test_an_answer_does_not_wait_for_the_client_to_acknowledge_its_first_half(address: str) -> None:
    # 40 ms an answer where small packets are held back (RFC 896) and acknowledgements delayed (RFC 1122 section 4.2.3.2).
    with httpx.Client() as client:
        seconds = []
        for _ in range(20):
            began = time.perf_counter()
            client.get(address)
            seconds.append(time.perf_counter() - began)
    assert statistics.median(seconds) < 0.03


def test_five_hundred_slow_clients_do_not_slow_the_others(address: str) -> None:
    def slowest_of_most() -> float:
        with httpx.Client() as client:
            client.get(address)
            seconds = []
            for _ in range(100):
                began = time.perf_counter()
                assert client.get(address).status_code == 200
                seconds.append(time.perf_counter() - began)
        return statistics.quantiles(seconds, n=20)[-1]

    alone = slowest_of_most()
    with ExitStack() as stack:
        connections = [stack.enter_context(connect(address)) for _ in range(500)]
        leave = threading.Event()

        def trickle() -> None:
            while not leave.wait(0.3):
                for connection in connections:
                    connection.send(b"\r\n")

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            among_others = slowest_of_most()
        finally:
            leave.set()
            thread.join()
    # Twice as long, and what the trickling itself takes of this machine.
    assert among_others < 2 * alone + 0.02


def test_when_all_places_are_taken_the_one_waited_for_the_longest_is_given_up(address: str) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(connect(address)) for _ in range(MAX_CONNECTIONS)]
        slow[0].sendall(GET)
        assert read_answer(slow[0]).endswith(b"0\n")  # so it waits for its next request since now only
        for _ in range(3):
            assert httpx.get(address).status_code == 200
        slow[0].sendall(GET)
        assert read_answer(slow[0]).endswith(b"0\n")
        slow[1].settimeout(5)
        assert read_to_end(slow[1]) == b""


def test_what_a_proxy_claims_is_not_believed() -> None:
    async def who(scope: Scope, _receive: Receive, send: Send) -> None:
        text = f"{scope['client'][0]} {scope['scheme']}".encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(text))]})
        await send({"type": "http.response.body", "body": text})

    claims = {"x-forwarded-for": "192.0.2.1", "x-forwarded-proto": "https"}
    with serving(who) as address:
        assert httpx.get(address, headers=claims).text == "127.0.0.1 http"

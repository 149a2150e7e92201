from __future__ import annotations

import asyncio
import signal
import socket
import time
from contextlib import closing

import httpx
import pytest
from fastapi import Request

from newsletter.web.app import create_app
from newsletter.web.errors import WebError
from newsletter.web.server import Server
from tests.web.serving import TOKEN, FakeSubscribers, make_pages, serving, web_deps

HEAD = f"POST /unsubscribe/{TOKEN} HTTP/1.1\r\nHost: x\r\nContent-Length: 26\r\n"
BODY = "List-Unsubscribe=One-Click"


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


def test_the_server_runs_in_a_loop_that_is_there_and_leaves_signals_alone() -> None:
    async def run() -> None:
        before = (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))
        server = Server(create_app(web_deps(), make_pages()), "127.0.0.1", 0)
        await server.start()
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
        address = f"http://127.0.0.1:{server.port}"
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{address}/healthz")).text == "ok\n"
        await server.stop()
        await server.stop()
        async with httpx.AsyncClient() as client:
            with pytest.raises(httpx.ConnectError):
                await client.get(f"{address}/healthz")

    asyncio.run(run())


@pytest.mark.parametrize("host", ["localhost", "::1"])
def test_other_names_of_loopback_can_be_listened_on(host: str) -> None:
    async def run() -> None:
        server = Server(create_app(web_deps(), make_pages()), host, 0)
        await server.start()
        assert server.port > 0
        await server.stop()

    asyncio.run(run())


def test_a_port_that_is_taken_says_what_to_do() -> None:
    async def run(port: int) -> None:
        with pytest.raises(WebError, match=r"web\.port"):
            await Server(create_app(web_deps(), make_pages()), "127.0.0.1", port).start()

    with socket.create_server(("127.0.0.1", 0)) as taken:
        asyncio.run(run(taken.getsockname()[1]))


def test_an_answer_under_way_is_finished_before_the_server_stops() -> None:
    # The request waits inside the app until the server was told to stop.
    async def run() -> None:
        arrived, leave = asyncio.Event(), asyncio.Event()

        class Slow(FakeSubscribers):
            def unsubscribe_by_token(self, token: str) -> bool:
                loop.call_soon_threadsafe(arrived.set)
                asyncio.run_coroutine_threadsafe(leave.wait(), loop).result(10)
                return super().unsubscribe_by_token(token)

        loop = asyncio.get_running_loop()
        server = Server(create_app(web_deps(Slow()), make_pages()), "127.0.0.1", 0)
        await server.start()
        async with httpx.AsyncClient() as client:
            url = f"http://127.0.0.1:{server.port}/unsubscribe/{TOKEN}"
            request = asyncio.create_task(client.post(url, data={"List-Unsubscribe": "One-Click"}))
            await arrived.wait()
            stop = asyncio.create_task(server.stop())
            await asyncio.sleep(0)
            leave.set()
            assert (await request).status_code == 200
        await stop

    asyncio.run(run())


@pytest.mark.parametrize("start", ["", "GET / HT", "GET / HTTP/1.1\r\nHost: x\r\n", f"{HEAD}\r\nList-"])
def test_a_request_that_does_not_come_in_whole_is_cut_off(start: str) -> None:
    subscribers = FakeSubscribers()
    app = create_app(web_deps(subscribers), make_pages())
    with serving(app, request_seconds=0.2) as address, connect(address) as connection:
        connection.sendall(start.encode())
        assert read_to_end(connection) == b""
        assert httpx.get(f"{address}/healthz").status_code == 200
    assert subscribers.calls == []


def test_trickling_does_not_buy_time() -> None:
    with serving(create_app(web_deps(), make_pages()), request_seconds=0.3) as address, connect(address) as connection:
        began = time.monotonic()
        connection.settimeout(0.02)
        with closing(connection):
            while time.monotonic() - began < 5:
                try:
                    connection.sendall(b"G")
                    if connection.recv(100) == b"":
                        break
                except TimeoutError:
                    continue
                except ConnectionError:
                    break
        assert time.monotonic() - began < 4


def test_the_deadline_holds_for_the_second_request_of_a_connection_too() -> None:
    with serving(create_app(web_deps(), make_pages()), request_seconds=0.3) as address, connect(address) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\n")
        answers = read_to_end(connection)
    assert answers.count(b"HTTP/1.1 200 OK") == 1


def test_a_connection_may_stay_open_between_requests() -> None:
    with (
        serving(create_app(web_deps(), make_pages()), request_seconds=0.05) as address,
        connect(address) as connection,
    ):
        for _ in range(3):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            received = b""
            while not received.endswith(b"ok\n"):
                received += connection.recv(1000)
            time.sleep(0.1)  # longer than the deadline for a request: idle time must not count


def test_a_body_that_would_never_end_is_answered_and_cut_off() -> None:
    app = create_app(web_deps(), make_pages())
    with serving(app, request_seconds=0.5) as address, connect(address) as connection:
        connection.sendall(f"POST /unsubscribe/{TOKEN} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        try:
            for _ in range(1_000_000):
                connection.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        except ConnectionError:
            pass
        else:
            pytest.fail("it took four gigabytes")


def test_what_a_proxy_claims_is_not_believed() -> None:
    app = create_app(web_deps(), make_pages())

    @app.get("/who")
    def who(request: Request) -> str:
        return f"{request.client.host if request.client else None} {request.url.scheme}"

    claims = {"x-forwarded-for": "192.0.2.1", "x-forwarded-proto": "https"}
    with serving(app) as address:
        assert httpx.get(f"{address}/who", headers=claims).json() == "127.0.0.1 http"

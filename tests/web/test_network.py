from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from newsletter.web.network import behind_proxies, client_of
from tests.web.serving import serving


async def who(scope: Scope, _receive: Receive, send: Send) -> None:
    text = client_of(scope).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(text))]})
    await send({"type": "http.response.body", "body": text})


def clients(trusted: Iterable[str], *claims: list[str]) -> list[str]:
    """Whom a server on 127.0.0.1 takes for the client, by the X-Forwarded-For fields of each request."""
    with serving(behind_proxies(who, tuple(trusted))) as address, httpx.Client() as client:
        return [client.get(address, headers=[("x-forwarded-for", claim) for claim in each]).text for each in claims]


@pytest.mark.parametrize("trusted", [(), ("192.0.2.1",), ("10.0.0.0/8", "2001:db8::/32"), ("::1",)])
def test_nobody_but_a_trusted_proxy_can_name_another_client(trusted: tuple[str, ...]) -> None:
    assert clients(trusted, [], ["198.51.100.7"], ["127.0.0.1"], ["x", "198.51.100.7"]) == ["127.0.0.1"] * 4


def test_the_client_is_the_last_one_named_that_is_no_proxy_of_ours() -> None:
    trusted = ("127.0.0.1", "10.0.0.0/8", "2001:db8:1::/48")
    expected = [
        (["198.51.100.7"], "198.51.100.7"),
        (["203.0.113.9, 198.51.100.7"], "198.51.100.7"),  # the first one is the client's own invention
        (["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
        (["203.0.113.9, 198.51.100.7, 10.1.2.3, 127.0.0.1"], "198.51.100.7"),
        (["198.51.100.7,2001:db8:1::2"], "198.51.100.7"),
        (["10.0.0.1, 2001:DB8:2:0::1"], "2001:db8:2::1"),
        (["[2001:db8:2::1]:4711"], "2001:db8:2::1"),
        (["198.51.100.7:4711"], "198.51.100.7"),
        (["::ffff:198.51.100.7"], "198.51.100.7"),
        (["fe80::1%eth0"], "fe80::1"),
        (["10.9.9.9"], "10.9.9.9"),  # somebody of ours
        ([], "127.0.0.1"),
        ([""], "127.0.0.1"),
    ]
    assert clients(trusted, *(claims for claims, _ in expected)) == [client for _, client in expected]


@pytest.mark.parametrize(
    "claim", ["unknown", "_hidden", "198.51.100.7, unknown", "198.51.100.256", "1", "[::1", "a" * 5000, "198.51.100.7/24"]
)
def test_what_is_no_address_is_nobody(claim: str) -> None:
    assert clients(["127.0.0.1"], [claim]) == [""]


@given(st.one_of(st.ip_addresses().map(str), st.text(max_size=60)))
def test_a_client_is_a_canonical_address_or_nothing(text: str) -> None:
    found = client_of({"type": "http", "client": (text, 1)})
    assert found == "" or found == str(ip_address(found))
    assert client_of({"type": "http", "client": (found, 1)}) == found


def test_without_a_peer_there_is_no_client() -> None:
    assert client_of({"type": "http"}) == ""
    assert client_of({"type": "http", "client": None}) == ""


def test_a_proxy_that_is_not_named_is_pointed_out_once(caplog: pytest.LogCaptureFixture) -> None:
    assert clients([], [], ["198.51.100.7"], ["198.51.100.8"]) == ["127.0.0.1"] * 3
    assert [record.message for record in caplog.records if "proxy" in record.message] == [
        "web.proxy_not_trusted peer=127.0.0.1 hint=name-it-in-web.trusted_proxies"
    ]

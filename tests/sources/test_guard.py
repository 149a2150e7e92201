"""Which addresses are of the public internet."""

from __future__ import annotations

import httpx
import pytest

from newsletter.sources.guard import AddressRefusedError, Guard, Origin, is_public, resolve


@pytest.mark.parametrize("address", ["8.8.8.8", "151.101.1.195", "2606:4700::1111", "2a00:1450:4001::200e"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254",  # noqa: S104 - not bound
        "100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1",
        "::ffff:10.0.0.1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "64:ff9b::a00:1",
        "64:ff9b:1::1", "2002:a00:1::", "2001::1", "2001:db8::1", "", "localhost", "0x7f.1",
    ],
)  # fmt: skip
def test_inner_and_reserved_addresses_are_not(address: str) -> None:
    assert not is_public(address)


def test_the_configured_origin_may_be_anywhere() -> None:
    guard = Guard(Origin("http", "127.0.0.1", 8000))
    guard.check(httpx.URL("http://127.0.0.1:8000/x"))
    assert guard.addresses("127.0.0.1", 8000) == ["127.0.0.1"]
    for url in ("https://127.0.0.1:8000/", "http://127.0.0.1:8001/", "http://localhost:8000/"):
        with pytest.raises(AddressRefusedError):
            guard.check(httpx.URL(url))


def test_without_a_configured_origin_only_public_https_may_be_asked() -> None:
    guard = Guard(None, lambda host, _port: [host])
    guard.check(httpx.URL("https://8.8.8.8/x"))
    assert guard.addresses("8.8.8.8", 443) == ["8.8.8.8"]
    for url in ("http://8.8.8.8/", "https://8.8.8.8:8443/", "https://user@8.8.8.8/", "http://127.0.0.1:8000/"):
        with pytest.raises(AddressRefusedError):
            guard.check(httpx.URL(url))
    with pytest.raises(AddressRefusedError):
        guard.addresses("127.0.0.1", 443)


def test_a_name_that_cannot_be_one_is_an_ordinary_failure() -> None:
    guard = Guard(Origin("https", "example.org", 443), resolve)
    with pytest.raises(OSError, match="no host name"):
        guard.addresses("x" * 70 + ".example", 443)

"""The door to the network: which addresses may be connected to, and until when.

A name is resolved once, every address it has is checked, and the connection goes to a checked address, so that a name which
resolves differently a moment later ("DNS rebinding") gains nothing. All waiting on the connection ends at one deadline, however
slowly a server drips.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpcore
import httpx

#: All of IPv6 that is given out as public (RFC 4291 section 2.4), and the tunnels in it that lead to any IPv4 address
#: (6to4, RFC 3056; Teredo, RFC 4380).
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
_TUNNELS = (ipaddress.IPv6Network("2002::/16"), ipaddress.IPv6Network("2001::/32"))

Resolve = Callable[[str, int], list[str]]


class Origin(NamedTuple):
    """Scheme, host and port of an address (RFC 6454)."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: httpx.URL) -> Origin:
        """Return the origin of ``url``, with the scheme's usual port filled in."""
        return cls(url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme, 0))


class AddressRefusedError(Exception):
    """An address that a request from outside must not lead us to."""


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of ``host`` as the system's resolver gives them."""
    return list(dict.fromkeys(str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


def is_public(address: str) -> bool:
    """Whether ``address`` (IPv4 or IPv6) is one of the public internet: not private, loopback, link-local or reserved."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        elif ip not in _PUBLIC_V6 or any(ip in tunnel for tunnel in _TUNNELS):
            return False
    return ip.is_global and not ip.is_multicast


@dataclass(frozen=True, slots=True)
class Guard:
    """Decides where requests may go: to the origin that the operator configured, if there is one, and else to public https."""

    trusted: Origin | None
    resolve: Resolve = resolve

    def check(self, url: httpx.URL) -> None:
        """Check what can be told from an address alone.

        Raises:
            AddressRefusedError: it is neither the configured origin nor https on its usual port.
        """
        origin = Origin.of(url)
        if origin == self.trusted:
            return
        if url.scheme != "https" or origin.port != 443 or url.userinfo:
            raise AddressRefusedError(f"{url.scheme}://{url.host}:{origin.port} is not public https")

    def addresses(self, host: str, port: int) -> list[str]:
        """Return the addresses of ``host`` that may be connected to.

        Raises:
            AddressRefusedError: one of its addresses is not public, and ``host`` is not the configured one.
            OSError: it has none.
        """
        try:
            found = self.resolve(host, port)
        except UnicodeError as error:  # a label that no name can have
            raise OSError(f"{host} is no host name") from error
        if self.trusted is None or (host, port) != (self.trusted.host, self.trusted.port):
            for address in found:
                if not is_public(address):
                    raise AddressRefusedError(f"{host} has the inner address {address}")
        return found


class GuardedTransport(httpx.BaseTransport):
    """Sends one request on one connection of its own, through a guard, within a deadline.

    The request's extension ``deadline`` is an instant of ``time.monotonic()``.

    Args:
        guard: says which addresses may be connected to.
        tls: verifies the other side.
        sockets: connects to an address that the guard let pass; the system's if not given.
    """

    def __init__(self, guard: Guard, *, tls: ssl.SSLContext, sockets: httpcore.NetworkBackend | None = None) -> None:
        self._guard, self._tls, self._sockets = guard, tls, sockets or httpcore.SyncBackend()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        pool = httpcore.ConnectionPool(
            ssl_context=self._tls,
            max_connections=1,
            network_backend=_Backend(self._guard, request.extensions["deadline"], self._sockets),
        )
        try:
            answer = pool.handle_request(
                httpcore.Request(
                    request.method,
                    httpcore.URL(
                        scheme=request.url.raw_scheme,
                        host=request.url.raw_host,
                        port=request.url.port,
                        target=request.url.raw_path,
                    ),
                    headers=request.headers.raw,
                    content=request.read(),
                )
            )
        except _LOW_LEVEL as error:
            pool.close()
            raise httpx.NetworkError(_words(error)) from error
        except BaseException:
            pool.close()
            raise
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer, pool))


_LOW_LEVEL = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError)


def _words(error: BaseException) -> str:
    if isinstance(error, httpcore.TimeoutException):
        return "took too long"
    return re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or "the connection broke"


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response, pool: httpcore.ConnectionPool) -> None:
        self._answer, self._pool = answer, pool

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._answer.iter_stream()
        except _LOW_LEVEL as error:
            raise httpx.NetworkError(_words(error)) from error

    def close(self) -> None:
        self._answer.close()
        self._pool.close()


class _Backend(httpcore.NetworkBackend):
    def __init__(self, guard: Guard, deadline: float, sockets: httpcore.NetworkBackend) -> None:
        self._guard, self._deadline, self._sockets = guard, deadline, sockets

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the interface has it; the deadline rules
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        problem: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in self._guard.addresses(host, port):
            try:
                stream = self._sockets.connect_tcp(address, port, _left(self._deadline), local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
            else:
                return _Stream(stream, self._deadline)
        raise problem


class _Stream(httpcore.NetworkStream):
    """A connection whose every wait ends at the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - httpcore's signature; the deadline of the whole request counts instead
        return self._stream.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - httpcore's signature; the deadline of the whole request counts instead
        self._stream.write(buffer, _left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - httpcore's signature; the deadline of the whole request counts instead
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline)), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout
    return left

"""Getting what is at a public https address: one small answer, in little time, and nowhere else."""

from __future__ import annotations

import time

import httpx

from newsletter.config import HttpConfig
from newsletter.errors import NewsletterError
from newsletter.sources.guard import AddressRefusedError, Guard, GuardedTransport
from newsletter.sources.http import user_agent

MAX_BYTES = 65_536
SECONDS = 10.0


class FetchError(NewsletterError):
    """Nothing was got from an address.

    Attributes:
        problem: in a few words without blanks.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(f"an address of a webhook's provider cannot be asked: {problem}; it is tried again")
        self.problem = problem


class GuardedFetch:
    """Asks public https addresses only, follows no redirect, reads 64 kB at most, and waits ten seconds in all.

    Args:
        http: how to introduce ourselves.
        transport: sends the request; one behind a guard if not given.
    """

    def __init__(self, http: HttpConfig, transport: httpx.BaseTransport | None = None) -> None:
        self._http, self._transport = http, transport

    def __call__(self, url: str) -> bytes:
        """Return the body of the answer.

        Raises:
            FetchError: there is none, or any status but 200.
        """
        guard = Guard(None)
        transport = self._transport or GuardedTransport(guard, tls=httpx.create_ssl_context())
        headers = {"User-Agent": user_agent(self._http.contact), "Accept-Encoding": "identity", "Connection": "close"}
        request = httpx.Request("GET", url, headers=headers, extensions={"deadline": time.monotonic() + SECONDS})
        body = bytearray()
        try:
            guard.check(request.url)
            response = transport.handle_request(request)
            try:
                for piece in response.iter_raw():
                    body += piece
                    if len(body) > MAX_BYTES:
                        raise FetchError("too-large")
            finally:
                response.close()
        except AddressRefusedError as error:
            raise FetchError("no-public-address") from error
        except (httpx.HTTPError, OSError) as error:
            raise FetchError("no-answer") from error
        if response.status_code != 200:
            raise FetchError(f"status-{response.status_code}")
        return bytes(body)

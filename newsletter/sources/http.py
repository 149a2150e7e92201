"""The one client for everything that is read over HTTP: polite, patient within limits, and wary of what comes back."""

from __future__ import annotations

import logging
import random
import re
import ssl
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import cached_property

import httpcore
import httpx

from newsletter import __version__
from newsletter.clock import Clock
from newsletter.config import HttpConfig
from newsletter.database import Database
from newsletter.sources.base import HttpStatusError, SourceError, Validator
from newsletter.sources.credential import Credential
from newsletter.sources.guard import AddressRefusedError, Guard, GuardedTransport, Origin, Resolve, resolve
from newsletter.sources.pace import PUBLISHED_RULES, Pace, PaceRule, Turn, in_words
from newsletter.sources.store import SourceStore

log = logging.getLogger(__name__)

MAX_REDIRECTS = 3
MAX_URL = 2_000
MAX_HEADER = 500
FIRST_BACK_OFF = timedelta(seconds=1)
#: How a feed begins, in lower case.
_FEED = re.compile(rb"(?:<\?xml[^>]*>\s*)?<(?:rss|feed|rdf:rdf)\b")
NEXT_RUN = "nothing to do; the next run tries again"


class Expect(StrEnum):
    """What kind of answer a source waits for."""

    JSON = "JSON"
    XML = "XML"
    PICTURE = "a picture"


_ACCEPT = {
    Expect.JSON: "application/json",
    Expect.XML: "application/atom+xml, application/rss+xml, application/xml;q=0.9, */*;q=0.1",
    Expect.PICTURE: "image/png, image/jpeg, image/webp, image/gif;q=0.5",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with its body, decoded; or, where ``unchanged``, the news that nothing is new.

    ``has_next`` is whether a Link header with ``rel="next"`` came (RFC 8288), None if no Link header came at all.
    """

    body: bytes = b""
    validator: Validator | None = None
    has_next: bool | None = None
    unchanged: bool = False


class _TryAgainError(Exception):
    """This attempt failed in a way that another one may not."""


class PoliteClient:
    """Asks services for what they publish, each at the pace it asks for.

    Tries again after 429, 5xx and broken connections, with exponential back-off, jitter and ``Retry-After`` (RFC 9110
    section 10.2.3); asks conditionally where it may (section 13); reads at most ``max_bytes``, counted after decompression;
    spends at most ``timeout`` on one try in all; follows three redirects; and connects to public https addresses only, except
    to the origin that the operator configured for the source. No cookies, no proxies, no credentials but a configured one.

    Args:
        sleep: waits so many seconds; a program that may be told to stop hands in its own.
        chance: a number from 0 to 1 for the jitter.
        resolve_host: host and port to addresses.
        sockets: connects to an address of them; the system's if not given.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        config: HttpConfig,
        *,
        sleep: Callable[[float], object] = time.sleep,
        chance: Callable[[], float] = random.random,
        rules: Sequence[PaceRule] = PUBLISHED_RULES,
        resolve_host: Resolve = resolve,
        sockets: httpcore.NetworkBackend | None = None,
    ) -> None:
        self._database, self._clock, self._config = database, clock, config
        self._chance, self._resolve, self._sockets = chance, resolve_host, sockets
        self._pace = Pace(
            database, clock, longest_turn=config.timeout, longest_wait=config.longest_wait, sleep=sleep, rules=rules
        )

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return httpx.create_ssl_context()

    def get(
        self,
        base_url: str,
        *,
        source: str,
        expect: Expect,
        params: Mapping[str, str | int] | None = None,
        asked_since: datetime | None = None,
        conditional: bool = True,
        is_trusted: bool = True,
        credential: Credential | None = None,
    ) -> Answer:
        """Ask for ``base_url`` with ``params``.

        Args:
            base_url: as configured for ``source``.
            source: name for errors and logs.
            expect: a web page instead of it is an error.
            params: added to the query.
            asked_since: do not ask if the same was answered at or after this instant (aware); it is ``unchanged`` then.
            conditional: whether "not modified" is an answer that helps.
            is_trusted: whether the origin of ``base_url`` may be anywhere, as the operator named it; else it came from outside.
            credential: shown to that origin, if it is trusted.

        Raises:
            HttpStatusError: a 4xx status other than 408 and 429.
            SourceError: everything else that keeps the answer from us.
        """
        try:
            base = _parsed(base_url)
        except httpx.InvalidURL as error:
            raise SourceError(source, f"not an address: {error}", hint=_check_url(source), transient=False) from error
        if base.scheme not in {"http", "https"} or not base.host:
            raise SourceError(source, "not a web address", hint=_check_url(source), transient=False)
        # Left as it is where nothing is added: a query is put into another form otherwise.
        url = base.copy_merge_params(params) if params else base
        guard = Guard(Origin.of(base) if is_trusted else None, self._resolve)
        before = self._known(url)
        if asked_since is not None and before is not None and before.fetched_at >= asked_since:
            return Answer(unchanged=True)
        headers = {"Accept": _ACCEPT[expect]}
        if conditional and before is not None:
            headers |= {"If-None-Match": before.etag} if before.etag else {}
            headers |= {"If-Modified-Since": before.last_modified} if before.last_modified else {}
        problem = ""
        for attempt in range(self._config.retries + 1):
            try:
                answer = self._follow(url, headers, credential, guard, source, expect, attempt)
            except _TryAgainError as error:
                problem = str(error)
                log.warning("sources.attempt_failed source=%s attempt=%d problem=%s", source, attempt + 1, problem)
            else:
                if answer.unchanged and before is not None:
                    return replace(answer, validator=replace(before, fetched_at=self._clock.now()))
                return answer
        tries = self._config.retries + 1
        times = "" if tries == 1 else f" ({tries} times)"
        raise SourceError(source, f"{problem}{times}", hint=NEXT_RUN, transient=True)

    def _known(self, url: httpx.URL) -> Validator | None:
        if len(str(url)) > MAX_URL:
            return None
        with self._database.read() as session:
            return SourceStore(session).validator(str(url))

    def _follow(
        self,
        asked: httpx.URL,
        headers: dict[str, str],
        credential: Credential | None,
        guard: Guard,
        source: str,
        expect: Expect,
        attempt: int,
    ) -> Answer:
        """Ask, and ask where the answer points to, at most ``MAX_REDIRECTS`` times."""
        transport, url = GuardedTransport(guard, tls=self._tls, sockets=self._sockets), asked
        seconds = self._config.timeout.total_seconds()
        for _ in range(MAX_REDIRECTS + 1):
            try:
                guard.check(url)
                sent, own = url, headers
                if credential is not None and Origin.of(url) == guard.trusted:
                    sent, own = credential.on(url, headers)
                with self._pace.turn(source, url.host, Origin.of(url).port) as turn:
                    began = time.monotonic()
                    answer = self._ask(transport, sent, asked, own, source, expect, turn, attempt, began + seconds)
                    seconds -= time.monotonic() - began
            except AddressRefusedError as error:
                hint = f"if this is where it should go, set {_url_key(source)} to it; else tell the service"
                raise SourceError(source, f"not asked: {error}", hint=hint, transient=False) from error
            if isinstance(answer, Answer):
                return answer
            url = answer
        raise SourceError(source, f"more than {MAX_REDIRECTS} redirects", hint=_check_url(source), transient=False)

    def _ask(
        self,
        transport: GuardedTransport,
        url: httpx.URL,
        asked: httpx.URL,
        headers: dict[str, str],
        source: str,
        expect: Expect,
        turn: Turn,
        attempt: int,
        deadline: float,
    ) -> Answer | httpx.URL:
        """Send one request; return the answer, or where to ask instead."""
        back_off = FIRST_BACK_OFF * 2**attempt * (0.5 + self._chance())
        own = {"User-Agent": user_agent(self._config.contact), "Accept-Encoding": "gzip", "Connection": "close"}
        request = httpx.Request("GET", url, headers=own | headers, extensions={"deadline": deadline})
        started_at = self._clock.now()
        try:
            response = transport.handle_request(request)
            try:
                self._heed(response, source, turn, back_off)
                if response.status_code in {301, 302, 303, 307, 308} and "location" in response.headers:
                    return _parsed(response.headers["location"], base=url)
                body = self._read(response, source) if response.status_code != 304 else b""
            finally:
                response.close()
        except (httpx.NetworkError, OSError) as error:
            turn.stay_away(back_off)
            raise _TryAgainError(str(error)) from error
        except httpx.InvalidURL as error:
            raise SourceError(source, f"redirects to no address: {error}", hint=NEXT_RUN, transient=True) from error
        log.info("sources.answered source=%s host=%s status=%d bytes=%d", source, url.host, response.status_code, len(body))
        has_next = _has_next(response.headers)
        if response.status_code == 304 and headers.keys() & {"If-None-Match", "If-Modified-Since"}:
            return Answer(has_next=has_next, unchanged=True)
        if response.status_code != 200:
            hint = _check_url(source)
            if response.status_code in {401, 403}:
                hint = f"the service does not want this program; set http.contact so that it can reach you, and {hint}"
            raise HttpStatusError(source, response.status_code, body, hint=hint)
        _refuse_pages(response.headers.get("content-type", ""), body, source, expect)
        return Answer(body, _validator(asked, response.headers, started_at), has_next)

    def _heed(self, response: httpx.Response, source: str, turn: Turn, back_off: timedelta) -> None:
        """Do what the service's headers say about when to come again.

        Raises:
            _TryAgainError: the answer is only temporary.
            SourceError: it is, and the service wants a longer wait than ``longest_wait``.
        """
        limit = re.search(r"\br=(\d+).*?\bt=(\d+)", response.headers.get("ratelimit", "")[:MAX_HEADER])
        if limit and int(limit[1]) == 0:
            turn.stay_away(timedelta(seconds=int(limit[2][:6])))
        status = response.status_code
        if status < 500 and status not in {408, 429}:
            return
        wanted = self._retry_after(response.headers.get("retry-after", ""))
        turn.stay_away(max(wanted, back_off))
        if turn.rest > self._config.longest_wait:
            hint = f"asks to be left alone for {in_words(turn.rest)}, so nothing to do; a run after that tries again"
            raise SourceError(source, f"HTTP {status}", hint=hint, transient=True)
        raise _TryAgainError(f"HTTP {status}")

    def _retry_after(self, value: str) -> timedelta:
        if value.isdecimal():
            return timedelta(seconds=int(value[:9]))
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return timedelta()
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return max(moment - self._clock.now(), timedelta())

    def _read(self, response: httpx.Response, source: str) -> bytes:
        """Read the body, unpacking gzip by ourselves: piece by piece, so that a small answer cannot become a huge one."""
        limit, body = self._config.max_bytes, bytearray()
        coding = response.headers.get("content-encoding", "identity").strip().lower()
        if coding not in {"identity", "gzip", "x-gzip", ""}:
            raise SourceError(source, f"the answer is packed as {coding[:40]!r}", hint=NEXT_RUN, transient=True)
        unpack = zlib.decompressobj(31) if "gzip" in coding else None
        for piece in response.iter_raw():
            data = piece
            while data:
                if unpack is None:
                    body += data
                    data = b""
                else:
                    if unpack.eof:  # several gzip members may follow each other (RFC 1952 section 2.2)
                        unpack = zlib.decompressobj(31)
                    try:
                        body += unpack.decompress(data, limit - len(body) + 1)
                    except zlib.error as error:
                        raise _TryAgainError("the answer is damaged") from error
                    data = unpack.unused_data or unpack.unconsumed_tail
                if len(body) > limit:
                    hint = "raise http.max_bytes if such answers are usual there"
                    raise SourceError(source, f"the answer is over {limit:,} bytes", hint=hint, transient=False)
        if unpack is not None and not unpack.eof and response.num_bytes_downloaded:
            raise _TryAgainError("the answer ends too early")
        return bytes(body)


def _parsed(address: str, *, base: httpx.URL | None = None) -> httpx.URL:
    """Return a web address that came from outside, beside ``base`` if that is given.

    Raises:
        httpx.InvalidURL: it is none.
    """
    try:
        url = httpx.URL(address) if base is None else base.join(address)
        _ = url.host  # a name in another script is read when it is asked for, and may turn out to be none only then
    except ValueError as error:
        raise httpx.InvalidURL(str(error)) from error
    return url


def user_agent(contact: str) -> str:
    """Return the User-Agent header: who asks, and where the operator can be reached."""
    fit = "".join(sign for sign in contact if sign.isascii() and sign.isprintable() and sign not in "()")
    return f"TrendingPapersNewsletter/{__version__}" + (f" (+{fit})" if fit else "")


def _validator(url: httpx.URL, headers: httpx.Headers, fetched_at: datetime) -> Validator | None:
    if len(str(url)) > MAX_URL:
        return None
    return Validator(str(url), headers.get("etag", ""), headers.get("last-modified", ""), fetched_at)


def _has_next(headers: httpx.Headers) -> bool | None:
    if "link" not in headers:
        return None
    return (
        re.search(r';\s*rel="?(?:[^";,]*\s)?next(?:\s[^";,]*)?"?\s*(?:[;,]|$)', headers["link"][:MAX_HEADER], re.IGNORECASE)
        is not None
    )


def _refuse_pages(content_type: str, body: bytes, source: str, expect: Expect) -> None:
    if not body.strip():
        raise SourceError(source, "an empty answer", hint=NEXT_RUN, transient=True)
    begin = body[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if expect is Expect.XML and _FEED.match(begin):  # many a web server says text/html of everything it has
        return
    kind = content_type.partition(";")[0].strip().lower()
    if kind in {"text/html", "application/xhtml+xml"} or begin.startswith((b"<!doctype html", b"<html")):
        hint = f"the service may be down or want a login; the next run tries again; if it stays, {_check_url(source)}"
        raise SourceError(source, f"a web page instead of {expect}", hint=hint, transient=True)


def _url_key(source: str) -> str:
    return f"sources.{source}.url"


def _check_url(source: str) -> str:
    return f"check {_url_key(source)}"

"""What strangers can learn and cause with the sign-up form, over HTTP."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPConnection
from itertools import product
from typing import Any
from urllib.parse import urlencode

import httpx
from sqlalchemy import func, select

from newsletter.clock import ManualClock
from newsletter.config import SignUpConfig
from newsletter.database import Database
from subscribers.model import NoticeKind, SuppressionReason
from subscribers.tables import SignUpRow, SubscriberRow
from tests.web.house import House, house

GENEROUS = SignUpConfig(network_per_hour=100_000, total_per_hour=100_000)
PROXY = ("127.0.0.1",)


@dataclass(frozen=True)
class Told:
    """All of an answer but its date."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Visitor:
    """Sends sign-ups over one connection; much quicker than httpx, and there are thousands to send."""

    def __init__(self, house: House) -> None:
        self._connection = HTTPConnection(house.address.removeprefix("http://"))
        self._seal = house.sealed()

    def sign_up(self, address: str, *, claimed: str = "") -> Told:
        headers = {"Content-Type": "application/x-www-form-urlencoded"} | ({"X-Forwarded-For": claimed} if claimed else {})
        self._connection.request("POST", "/subscribe", urlencode({"address": address, "form": self._seal}), headers)
        answer = self._connection.getresponse()
        fields = tuple((name, value) for name, value in answer.getheaders() if name != "date")
        return Told(answer.status, fields, answer.read())

    def close(self) -> None:
        self._connection.close()


@contextmanager
def visited(database: Database, clock: ManualClock, **overrides: Any) -> Iterator[tuple[House, Visitor]]:
    """A house and somebody at its door."""
    with house(database, clock, **overrides) as here, closing(Visitor(here)) as visitor:
        yield here, visitor


def stored(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(SignUpRow)) or 0


def test_nobody_learns_whether_an_address_is_on_the_list(database: Database, clock: ManualClock) -> None:
    with visited(database, clock, signup=GENEROUS) as (here, visitor):
        here.subscribe("known@example.org")
        here.deps.links.unsubscribe([here.path("unsubscribe", here.subscribe("left@example.org")).rpartition("/")[2]])
        here.deps.subscribers.suppress("suppressed@example.org", SuppressionReason.OPERATOR)
        classes = {
            "new": lambda number: f"new-{number}@example.org",
            "known": lambda _number: "known@example.org",
            "unsubscribed": lambda _number: "left@example.org",
            "suppressed": lambda _number: "suppressed@example.org",
            "impossible": lambda number: f"no-{number}@@example..org",
            "many": lambda number: f"a{number}@example.org,b@example.org",
        }
        told = set()
        seconds = defaultdict[str, list[float]](list)
        for number, (name, address_of) in product(range(200), classes.items()):
            began = time.perf_counter()
            told.add(visitor.sign_up(address_of(number)))
            seconds[name].append(time.perf_counter() - began)
        assert [each.status for each in told] == [200]
        medians = [statistics.median(each) for each in seconds.values()]
        assert max(medians) - min(medians) < 0.005, medians
        # What became of them is another matter, and nobody sees it but the mailbox.
        kinds = Counter((notice.kind, notice.address.partition("-")[0]) for notice in here.receive())
        assert kinds == {
            (NoticeKind.CONFIRM, "new"): 200,
            (NoticeKind.KNOWN, "known@example.org"): 1,
            (NoticeKind.CONFIRM, "left@example.org"): 1,
        }


def test_a_thousand_posts_for_one_victim_are_one_mail(database: Database, clock: ManualClock) -> None:
    with visited(database, clock, trusted_proxies=PROXY) as (here, visitor):
        spellings = (
            "victim@example.org",
            "Victim@Example.ORG",
            "victim+1@example.org",
            "victim+2@example.org",
            " victim@example.org",
        )
        for network, spelling in product(range(200), spellings):
            assert visitor.sign_up(spelling, claimed=f"198.18.{network}.7").status == 200
        assert [notice.kind for notice in here.receive()] == [NoticeKind.CONFIRM]


def test_a_victim_that_never_answers_gets_three_mails_ever(database: Database, clock: ManualClock) -> None:
    with visited(database, clock, signup=SignUpConfig(form_life=timedelta(days=30))) as (here, visitor):
        mails = []
        for _ in range(20):
            assert visitor.sign_up("victim@example.org").status == 200
            mails.append(len(here.receive()))
            clock.advance(timedelta(hours=8))
        assert sum(mails) == 3
        assert mails[:7] == [1, 0, 0, 1, 0, 0, 1]


def test_who_is_no_trusted_proxy_cannot_claim_other_networks(database: Database, clock: ManualClock) -> None:
    limit = SignUpConfig().network_per_hour
    for trusted in ((), ("192.0.2.1", "::1")):
        with visited(database, clock, trusted_proxies=trusted) as (_, visitor):
            answers = [visitor.sign_up(f"r{n}@example.org", claimed=f"198.18.{n}.7") for n in range(2 * limit)]
        assert [answer.status for answer in answers] == [200] * limit + [429] * limit
        assert len(set(answers)) == 2
        clock.advance(timedelta(hours=1))


def test_ten_thousand_victims_of_one_network_stay_within_its_budget_and_others_get_in(
    database: Database, clock: ManualClock
) -> None:
    limit = SignUpConfig().network_per_hour
    with visited(database, clock, trusted_proxies=PROXY) as (here, visitor):
        sign_ups = [(f"v{number}@example.org", f"198.18.5.{number % 256}") for number in range(10_000)]
        assert flood(here, sign_ups) == {200: limit, 429: 10_000 - limit}
        assert stored(database) == limit
        (refused,) = {visitor.sign_up(address, claimed="198.18.5.1") for address in ("a@example.org", "b", "v1@example.org")}
        assert refused.status == 429
        assert int(dict(refused.headers)["retry-after"]) >= 60
        for other in ("198.18.6.1", "2001:db8::1"):
            assert visitor.sign_up("reader@example.org", claimed=other).status == 200
        assert stored(database) == limit + 2


def test_addresses_of_one_ipv6_network_share_its_budget(database: Database, clock: ManualClock) -> None:
    with visited(database, clock, trusted_proxies=PROXY, signup=SignUpConfig(network_per_hour=3)) as (_, visitor):
        statuses = [visitor.sign_up("r@example.org", claimed=f"2001:db8:0:1::{number:x}").status for number in range(5)]
        assert statuses == [200] * 3 + [429] * 2
        assert visitor.sign_up("r@example.org", claimed="2001:db8:0:2::1").status == 200


def test_the_budget_of_all_holds_for_all_and_fills_again(database: Database, clock: ManualClock) -> None:
    with visited(database, clock, trusted_proxies=PROXY, signup=SignUpConfig(total_per_hour=5)) as (_, visitor):
        for _ in range(2):
            statuses = [visitor.sign_up("r@example.org", claimed=f"198.18.{n}.1").status for n in range(7)]
            assert statuses == [200] * 5 + [429] * 2
            clock.advance(timedelta(hours=1))


def test_what_is_refused_leaves_no_trace_of_the_address(database: Database, clock: ManualClock) -> None:
    with visited(database, clock, signup=SignUpConfig(network_per_hour=1)) as (here, visitor):
        assert [visitor.sign_up(f"r{number}@example.org").status for number in range(3)] == [200, 429, 429]
        here.receive()
        with database.read() as session:
            assert session.scalars(select(SubscriberRow.address)).all() == ["r0@example.org"]
        assert stored(database) == 0


def flood(house: House, sign_ups: Sequence[tuple[str, str]]) -> Counter[int]:
    """Send sign-ups (address, claimed client) over 100 connections as fast as they are answered; count the answers' status."""
    seal = house.sealed()

    def requests() -> Iterator[bytes]:
        for address, claimed in sign_ups:
            body = urlencode({"address": address, "form": seal})
            yield (
                f"POST /subscribe HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {claimed}\r\n"
                f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}"
            ).encode()

    async def visitor(waiting: Iterable[bytes], statuses: Counter[int]) -> None:
        url = httpx.URL(house.address)
        reader, writer = await asyncio.open_connection(url.host, url.port)
        for request in waiting:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
            statuses[int(head.split(b" ", 2)[1])] += 1
        writer.close()
        await writer.wait_closed()

    async def run() -> Counter[int]:
        waiting, statuses = requests(), Counter[int]()
        await asyncio.gather(*(visitor(waiting, statuses) for _ in range(100)))
        return statuses

    return asyncio.run(run())

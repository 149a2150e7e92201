"""The polite client against a real server that answers well and badly."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from datetime import timedelta
from email.utils import format_datetime

import pytest

from newsletter.clock import ManualClock
from newsletter.config import HttpConfig
from newsletter.database import Database
from newsletter.sources.base import HttpStatusError, SourceError, Validator
from newsletter.sources.http import Answer, Expect, PoliteClient, user_agent
from newsletter.sources.pace import PaceRule
from newsletter.sources.store import SourceStore
from tests.sources.replay import ReplayServer, Reply, Sleeper, serving

OK = Reply(body=b"[1]", headers={"Content-Type": "application/json"})


INNER = {"inner.example.org": ["127.0.0.1"], "half.example.org": ["8.8.8.8", "10.0.0.1"]}


def _resolve(host: str, port: int) -> list[str]:
    return INNER.get(host, [host])


class Asker:
    """A client of one database, and short ways to use it."""

    def __init__(
        self, database: Database, clock: ManualClock, sleep: Sleeper, *, rules: Sequence[PaceRule] = (), **config: object
    ) -> None:
        settings = {"timeout": timedelta(seconds=20), **config}
        self.client = PoliteClient(
            database,
            clock,
            HttpConfig.model_validate(settings),
            sleep=sleep,
            chance=lambda: 0.5,
            rules=rules,
            resolve_host=_resolve,
        )

    def get(self, url: str, expect: Expect = Expect.JSON, **options: object) -> Answer:
        return self.client.get(url, source="here", expect=expect, **options)  # type: ignore[arg-type]  # a test names real options

    def problem(self, url: str, expect: Expect = Expect.JSON) -> SourceError:
        with pytest.raises(SourceError) as caught:
            self.get(url, expect)
        return caught.value


@pytest.fixture
def asker(sqlite: Database, clock: ManualClock, sleep: Sleeper) -> Asker:
    return Asker(sqlite, clock, sleep)


def test_an_answer_comes_with_its_body_and_the_service_learns_who_asks(server: ReplayServer, asker: Asker) -> None:
    server.script("/a", OK)
    answer = asker.get(server.url("/a?x=1"), params={"y": "2 3"})
    assert (answer.body, answer.unchanged, answer.has_next) == (b"[1]", False, None)
    (asked,) = server.asked
    assert asked.query == {"x": "1", "y": "2 3"}
    assert asked.headers["user-agent"].startswith("TrendingPapersNewsletter/")
    assert not asked.headers.keys() & {"cookie", "authorization", "if-none-match"}


def test_the_contact_cannot_break_out_of_its_header() -> None:
    assert user_agent("ops@example.org\r\nX: y)").endswith("(+ops@example.orgX: y)")
    assert "(" not in user_agent("")


@pytest.mark.parametrize("coding", ["gzip", "x-gzip"])
def test_a_packed_answer_is_unpacked(server: ReplayServer, asker: Asker, coding: str) -> None:
    body = gzip.compress(b"[1,") + gzip.compress(b"2]")
    server.script("/a", Reply(body=body, headers={"Content-Encoding": coding}))
    assert asker.get(server.url("/a")).body == b"[1,2]"


def test_a_page_tells_of_a_next_one(server: ReplayServer, asker: Asker) -> None:
    server.script("/a", Reply(body=b"[1]", headers={"Link": '<https://x/?p=0>; rel="prev", <https://x/?p=2>; rel="next"'}))
    server.script("/b", Reply(body=b"[1]", headers={"Link": '<https://x/next>; rel="prev"'}))
    assert asker.get(server.url("/a")).has_next is True
    assert asker.get(server.url("/b")).has_next is False


def test_a_known_answer_is_asked_for_conditionally(
    database: Database, clock: ManualClock, sleep: Sleeper, server: ReplayServer
) -> None:
    asker = Asker(database, clock, sleep)
    server.script(
        "/a", Reply(body=b"[1]", headers={"ETag": '"v1"', "Last-Modified": "Mon, 17 Aug 2026 05:00:00 GMT"}), Reply(304)
    )
    first = asker.get(server.url("/a"))
    assert first.validator is not None
    with database.write() as session:
        SourceStore(session).remember(first.validator)
    clock.advance(timedelta(hours=1))
    second = asker.get(server.url("/a"))
    assert second.unchanged
    assert second.validator == Validator(server.url("/a"), '"v1"', "Mon, 17 Aug 2026 05:00:00 GMT", clock.now())
    assert server.asked[1].headers["if-none-match"] == '"v1"'
    assert server.asked[1].headers["if-modified-since"] == "Mon, 17 Aug 2026 05:00:00 GMT"


def test_a_validator_is_not_used_before_it_is_remembered(server: ReplayServer, asker: Asker) -> None:
    server.script("/a", Reply(body=b"[1]", headers={"ETag": '"v1"'}))
    assert asker.get(server.url("/a")) == asker.get(server.url("/a"))
    assert "if-none-match" not in server.asked[1].headers


def test_what_was_asked_lately_is_not_asked_again(
    sqlite: Database, clock: ManualClock, server: ReplayServer, asker: Asker
) -> None:
    server.script("/a", OK)
    validator = asker.get(server.url("/a")).validator
    assert validator is not None
    with sqlite.write() as session:
        SourceStore(session).remember(validator)
    assert asker.get(server.url("/a"), asked_since=clock.now()).unchanged
    assert not asker.get(server.url("/a"), asked_since=clock.now() + timedelta(seconds=1)).unchanged
    assert len(server.asked) == 2


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_temporary_refusal_is_tried_again_with_growing_waits(
    server: ReplayServer, asker: Asker, sleep: Sleeper, status: int
) -> None:
    server.script("/a", Reply(status), Reply(status), Reply(status), OK)
    assert asker.get(server.url("/a")).body == b"[1]"
    assert len(server.asked) == 4
    assert sum(sleep.slept) == pytest.approx(1 + 2 + 4)


def test_trying_again_has_an_end(server: ReplayServer, asker: Asker) -> None:
    server.script("/a", Reply(503))
    error = asker.problem(server.url("/a"))
    assert str(error) == "here: HTTP 503 (4 times); nothing to do; the next run tries again"
    assert error.transient
    assert len(server.asked) == 4


@pytest.mark.parametrize("as_date", [False, True])
def test_a_service_says_when_to_come_again(
    server: ReplayServer, asker: Asker, sleep: Sleeper, clock: ManualClock, as_date: bool
) -> None:
    value = format_datetime(clock.now() + timedelta(seconds=40), usegmt=True) if as_date else "40"
    server.script("/a", Reply(429, headers={"Retry-After": value}), OK)
    assert asker.get(server.url("/a")).body == b"[1]"
    assert sum(sleep.slept) == pytest.approx(40)


def test_a_service_that_wants_a_long_rest_gets_it(
    server: ReplayServer, asker: Asker, sleep: Sleeper, clock: ManualClock
) -> None:
    server.script("/a", Reply(429, headers={"Retry-After": "1800"}), OK)
    error = asker.problem(server.url("/a"))
    assert "HTTP 429; asks to be left alone for 30 min" in str(error)
    assert error.transient
    assert "not to be asked for another 30 min" in str(asker.problem(server.url("/a")))
    assert sleep.slept == []
    clock.advance(timedelta(minutes=31))
    assert asker.get(server.url("/a")).body == b"[1]"
    assert len(server.asked) == 2


def test_a_rest_of_days_is_kept_for_one_day(server: ReplayServer, asker: Asker, clock: ManualClock) -> None:
    server.script("/a", Reply(503, headers={"Retry-After": "999999"}), OK)
    assert "left alone for 278 h" in str(asker.problem(server.url("/a")))
    clock.advance(timedelta(hours=23))
    assert "not to be asked for another 60 min" in str(asker.problem(server.url("/a")))
    clock.advance(timedelta(hours=2))
    assert asker.get(server.url("/a")).body == b"[1]"


def test_a_used_up_budget_is_waited_for(server: ReplayServer, asker: Asker, sleep: Sleeper) -> None:
    server.script("/a", Reply(body=b"[1]", headers={"RateLimit": '"api";r=0;t=90'}), OK)
    asker.get(server.url("/a"))
    asker.get(server.url("/a"))
    assert sum(sleep.slept) == pytest.approx(90)


def test_one_request_at_a_time_with_the_published_pause(
    database: Database, clock: ManualClock, sleep: Sleeper, server: ReplayServer
) -> None:
    rules = [PaceRule("127.0.0.1", timedelta(seconds=3))]
    one, other = Asker(database, clock, sleep, rules=rules), Asker(database, clock, sleep, rules=rules)
    server.script("/a", OK)
    for asker in (one, other, one):  # as two processes that share the database
        asker.get(server.url("/a"))
    assert sum(sleep.slept) == pytest.approx(6)


def test_a_turn_whose_process_died_frees_itself(
    database: Database, clock: ManualClock, sleep: Sleeper, server: ReplayServer
) -> None:
    server.script("/a", OK)
    with database.write() as session:
        SourceStore(session).take_turn(f"127.0.0.1:{server.port}", now=clock.now(), until=clock.now() + timedelta(seconds=20))
    assert Asker(database, clock, sleep).get(server.url("/a")).body == b"[1]"
    assert sum(sleep.slept) == pytest.approx(20)


def test_a_pace_from_a_wrong_clock_is_not_waited_for(
    sqlite: Database, clock: ManualClock, server: ReplayServer, asker: Asker
) -> None:
    server.script("/a", OK)
    with sqlite.write() as session:
        SourceStore(session).take_turn(f"127.0.0.1:{server.port}", now=clock.now(), until=clock.now() + timedelta(days=400))
    assert asker.get(server.url("/a")).body == b"[1]"


def test_all_hosts_of_arxiv_share_one_pace() -> None:
    rule = PaceRule("arxiv.org", timedelta(seconds=3))
    assert all(rule.covers(host) for host in ("arxiv.org", "export.arxiv.org", "rss.arxiv.org"))
    assert not rule.covers("notarxiv.org")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(hang_up=True), "here: "),
        (Reply(body=b"[1", promised=1000), "here: "),
        (Reply(body=gzip.compress(b"x" * 5000)[:-20], headers={"Content-Encoding": "gzip"}), "ends too early"),
        (Reply(body=b"no gzip", headers={"Content-Encoding": "gzip"}), "damaged"),
        (Reply(body=b""), "an empty answer"),
        (Reply(body=b"[1]", headers={"Content-Encoding": "br"}), "packed as 'br'"),
        (Reply(body=b"<!DOCTYPE html><p>Login", headers={"Content-Type": "application/json"}), "a web page instead of JSON"),
        (Reply(body=b"down", headers={"Content-Type": "text/html; charset=utf-8"}), "a web page instead of JSON"),
    ],
)
def test_a_broken_answer_is_named_and_may_be_better_later(server: ReplayServer, asker: Asker, reply: Reply, words: str) -> None:
    server.script("/a", reply)
    error = asker.problem(server.url("/a"))
    assert words in str(error)
    assert error.transient


@pytest.mark.parametrize("status", [400, 403, 404, 304, 204])
def test_a_lasting_refusal_is_not_tried_again(server: ReplayServer, asker: Asker, status: int) -> None:
    server.script("/a", Reply(status))
    error = asker.problem(server.url("/a"))
    assert isinstance(error, HttpStatusError)
    assert (error.status, error.transient) == (status, False)
    assert "sources.here.url" in str(error)
    assert len(server.asked) == 1


def test_nobody_listening_is_a_clear_line(asker: Asker) -> None:
    with serving() as gone:
        url = gone.url("/a")
    error = asker.problem(url)
    assert "refused" in str(error)
    assert error.transient


@pytest.mark.parametrize("packed", [False, True])
def test_a_huge_answer_is_cut_off(
    sqlite: Database, clock: ManualClock, sleep: Sleeper, server: ReplayServer, packed: bool
) -> None:
    if packed:
        packer = zlib.compressobj(9, wbits=31)
        body = b"".join(packer.compress(bytes(1_000_000)) for _ in range(200)) + packer.flush()
        reply = Reply(body=body, headers={"Content-Encoding": "gzip"})
    else:
        reply = Reply(body=bytes(3_000_000))
    server.script("/a", reply)
    error = Asker(sqlite, clock, sleep, max_bytes=1_000_000).problem(server.url("/a"))
    assert "over 1,000,000 bytes" in str(error)
    assert not error.transient


@pytest.mark.parametrize("reply", [Reply(body=b"[1]", drip=0.02), Reply(body=b"[" + b" " * 1000 + b"]", drip=0.001)])
def test_a_server_that_drips_does_not_hold_us(
    sqlite: Database, clock: ManualClock, sleep: Sleeper, server: ReplayServer, reply: Reply
) -> None:
    server.script("/a", reply)
    error = Asker(sqlite, clock, sleep, retries=0, timeout=timedelta(seconds=0.3)).problem(server.url("/a"))
    assert str(error) == "here: took too long; nothing to do; the next run tries again"


def test_a_redirect_within_the_service_is_followed(server: ReplayServer, asker: Asker) -> None:
    server.script("/a", Reply(302, headers={"Location": "/b?c=d"}))
    server.script("/b", OK)
    answer = asker.get(server.url("/a"))
    assert answer.body == b"[1]"
    assert answer.validator is not None
    assert answer.validator.url == server.url("/a")


def test_a_redirect_gets_no_more_time(sqlite: Database, clock: ManualClock, sleep: Sleeper, server: ReplayServer) -> None:
    for path, target in (("/a", "/b"), ("/b", "/c"), ("/c", "/d")):
        server.script(path, Reply(302, headers={"Location": target}, drip=0.004))
    server.script("/d", OK)
    error = Asker(sqlite, clock, sleep, retries=0, timeout=timedelta(seconds=0.7)).problem(server.url("/a"))
    assert "took too long" in str(error)


def test_redirects_have_an_end(server: ReplayServer, asker: Asker) -> None:
    server.script("/a", Reply(301, headers={"Location": "/a"}))
    assert "more than 3 redirects" in str(asker.problem(server.url("/a")))
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:{port}/secret",
        "https://127.0.0.1:{port}/secret",
        "https://127.0.0.1/secret",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fe80::1%25lo]/",
        "https://inner.example.org/secret",
        "https://half.example.org/",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/",
        "https://100.64.0.1/",
        "https://0.0.0.0/",
        "https://[fd00::1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "http://8.8.8.8/",
        "https://user@8.8.8.8/",
        "https://8.8.8.8:22/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:25/",
    ],
)
def test_a_redirect_leads_to_no_inner_address(server: ReplayServer, asker: Asker, target: str) -> None:
    with serving() as canary:
        canary.script("/secret", OK)
        server.script("/a", Reply(302, headers={"Location": target.format(port=canary.port)}))
        error = asker.problem(server.url("/a"))
        assert canary.asked == []
    assert "not asked" in str(error)


def test_an_address_from_outside_is_not_trusted_as_a_configured_one_is(server: ReplayServer, asker: Asker) -> None:
    server.script("/a", OK)
    for url in (server.url("/a"), server.url("/a").replace("http:", "https:"), "https://inner.example.org/a"):
        with pytest.raises(SourceError, match="not asked"):
            asker.get(url, is_trusted=False)
    assert server.asked == []
    assert asker.get(server.url("/a")).body == b"[1]"


def test_an_address_to_which_nothing_is_added_stays_as_it_is(server: ReplayServer, asker: Asker) -> None:
    server.script("/a", OK)
    asker.get(server.url("/a?x=1+2%2C3&y"), expect=Expect.PICTURE)
    [asked] = server.asked
    assert asked.query == {"x": "1 2,3"}
    assert asked.headers["accept"].startswith("image/png")


@pytest.mark.parametrize("url", ["", "nowhere", "http://", "ftp://example.org/", "file:///etc/hosts"])
def test_an_address_that_is_none_is_a_clear_line(asker: Asker, url: str) -> None:
    error = asker.problem(url)
    assert "address" in str(error)
    assert not error.transient


def test_a_header_of_tricks_costs_no_time(server: ReplayServer, asker: Asker) -> None:
    tricks = {"Link": "; rel=" * 5000, "RateLimit": "r=1 " * 5000, "Retry-After": "9" * 3000, "Last-Modified": "x" * 5000}
    server.script("/a", Reply(body=b"[1]", headers=tricks))
    assert asker.get(server.url("/a")).body == b"[1]"

"""Rehearsals: the very same path into nothing, and when a send would end."""

from __future__ import annotations

import asyncio
import fcntl
import smtplib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from newsletter.clock import ManualClock
from newsletter.config import DeliveryConfig, SmtpConfig
from newsletter.database import Database
from newsletter.delivery.ledger.steering import Steering
from newsletter.delivery.model import DeliveryState
from newsletter.delivery.oversight.forecast import Limits, forecast
from newsletter.delivery.oversight.rehearsal import CHUNK, NothingToRehearse, Rehearsal, rehearse, without_limits
from newsletter.delivery.sending.handout import Scope
from newsletter.delivery.sending.sender import Sender
from newsletter.delivery.tables import DeliveryRow
from newsletter.delivery.transport.sink import NullSink
from newsletter.digest.model import IssueId
from newsletter.digest.tables import IssuePaperRow
from newsletter.papers.model import PaperSeq
from newsletter.pictures.making import make_pictures
from newsletter.pictures.model import PaperPictures
from newsletter.pictures.shelf import PictureShelf
from newsletter.pictures.store import PictureStore
from subscribers.model import SubscriberState
from tests.conftest import MONDAY
from tests.delivery.house import add_papers, add_readers, counts, open_issue, sender, set_reader
from tests.pictures.samples import halves, plain


@dataclass(frozen=True)
class Most:
    per_second: float = 0.0
    per_day: int = 0


def domain_of(address: str) -> str:
    return address.rpartition("@")[2]


def limits(
    on: Callable[[date], Mapping[str, Most]] = lambda _day: {},
    *,
    used: Mapping[str, int] | None = None,
    relays: tuple[str, ...] = ("smtp",),
) -> Limits:
    return Limits(on, used or {}, relays, domain_of)


def run(database: Database, clock: ManualClock, folder: Path, scope: Scope, **changes: object) -> Rehearsal:
    def make_sender(copy: Database, smtp: SmtpConfig) -> Sender:
        return sender(copy, clock, smtp.port, **changes)  # type: ignore[arg-type]  # keys of the delivery section

    return asyncio.run(rehearse(database, clock, scope, make_sender=make_sender, limits=limits(), folder=folder))


def everything(database: Database) -> list[tuple[object, ...]]:
    with database.read() as session:
        return [tuple(row) for row in session.execute(select(*DeliveryRow.__table__.columns).order_by(DeliveryRow.id))]


def test_a_rehearsal_sends_all_that_waits_and_changes_nothing(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    issue_id = open_issue(database, add_readers(database, 30))
    set_reader(database, 3, SubscriberState.UNSUBSCRIBED)
    with database.write() as session:
        session.execute(update(DeliveryRow).where(DeliveryRow.id <= 2).values(state=DeliveryState.SENT, reply_code=250))
        session.execute(update(DeliveryRow).where(DeliveryRow.id == 5).values(not_before=MONDAY + timedelta(hours=5)))
    before = everything(database)
    folder = tmp_path / "data"
    found = run(database, clock, folder, Scope(issue_id=issue_id, due_only=False))
    assert (found.messages, found.not_sent, found.problem) == (27, {"unsubscribed": 1}, "")
    assert found.bytes > 27 * 150
    assert found.took > timedelta(0)
    assert found.per_second > 0
    assert [(group.group, group.messages) for group in found.forecast.groups] == [("example.org", 27)]
    assert everything(database) == before
    assert list(folder.iterdir()) == []


def test_a_rehearsal_may_be_of_one_reader_or_of_what_is_due(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    readers = add_readers(database, 4)
    issue_id = open_issue(database, readers)
    open_issue(database, readers, slot="2026-08-18")
    with database.write() as session:
        session.execute(update(DeliveryRow).where(DeliveryRow.id == 5).values(not_before=MONDAY + timedelta(hours=5)))
    one = run(database, clock, tmp_path, Scope(issue_id=issue_id, subscriber_id=readers[2], due_only=False))
    assert one.messages == 1
    assert run(database, clock, tmp_path, Scope()).messages == 7


def test_a_paused_issue_can_be_rehearsed_and_stays_paused(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    issue_id = open_issue(database, add_readers(database, 2))
    steering = Steering(database, clock)
    steering.pause(issue_id, note="policy")
    assert run(database, clock, tmp_path, Scope(issue_id=issue_id, due_only=False)).messages == 2
    assert steering.pause(issue_id).note == "policy"
    assert counts(database, issue_id) == {"pending": 2}


def test_nothing_that_waits_is_nothing_to_rehearse(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    issue_id = open_issue(database, add_readers(database, 1))
    Steering(database, clock).cancel(issue_id)
    for scope in (Scope(), Scope(issue_id=issue_id, due_only=False), Scope(issue_id=IssueId(99))):
        with pytest.raises(NothingToRehearse):
            run(database, clock, tmp_path, scope)


def test_a_rehearsal_has_the_pictures_of_its_papers(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    add_papers(database, [1, 2, 3])
    issue_id = open_issue(database, add_readers(database, 1))
    kept, other = make_pictures(plain()), make_pictures(halves(1200, 630))
    with database.write() as session:
        session.add(IssuePaperRow(issue_id=issue_id, rank=1, paper_seq=1, score=1.0, receipt={}, snapshot={}))
        session.add(IssuePaperRow(issue_id=issue_id, rank=2, paper_seq=2, score=1.0, receipt={}, snapshot={}))
        store = PictureStore(session)
        store.keep(PaperSeq(1), "https://pictures.example.org/a.png", kept, now=clock.now())
        store.keep(PaperSeq(3), "https://pictures.example.org/b.png", other, now=clock.now())
        store.claim(PaperSeq(2), "https://pictures.example.org/c.png", now=clock.now(), waits=())
    found: list[object] = []

    def make_sender(copy: Database, smtp: SmtpConfig) -> Sender:
        shelf = PictureShelf(copy, clock, max_bytes=1000)
        found.extend((shelf.of([PaperSeq(1), PaperSeq(2), PaperSeq(3)]), shelf.content(kept.small.picture.name)))
        return sender(copy, clock, smtp.port)

    scope = Scope(issue_id=issue_id, due_only=False)
    rehearsal = rehearse(database, clock, scope, make_sender=make_sender, limits=limits(), folder=tmp_path)
    assert asyncio.run(rehearsal).messages == 1
    assert found == [{PaperSeq(1): PaperPictures(kept.large.picture, kept.small.picture)}, kept.small.content]


def test_more_readers_than_are_copied_at_a_time(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    issue_id = open_issue(database, add_readers(database, CHUNK + 100))
    assert run(database, clock, tmp_path, Scope(issue_id=issue_id, due_only=False), connections=8).messages == CHUNK + 100


def test_what_a_crashed_rehearsal_left_is_removed_by_the_next_and_a_living_one_is_not(
    database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    open_issue(database, add_readers(database, 1))
    for name in ("rehearsal-dead", "rehearsal-alive"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "guard").touch()
    with (tmp_path / "rehearsal-alive" / "guard").open("rb") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        run(database, clock, tmp_path, Scope())
    assert [path.name for path in tmp_path.glob("rehearsal-*")] == ["rehearsal-alive"]


def test_a_rehearsal_that_was_stopped_says_so(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    open_issue(database, add_readers(database, 3))

    async def stopped() -> Rehearsal:
        stop = asyncio.Event()
        stop.set()
        return await rehearse(
            database,
            clock,
            Scope(),
            make_sender=lambda copy, smtp: sender(copy, clock, smtp.port),
            limits=limits(),
            folder=tmp_path,
            stop=stop,
        )

    found = asyncio.run(stopped())
    assert found.problem == "it was stopped before its end"
    assert found.messages < 3


def test_a_rehearsal_knows_no_limit_but_keeps_the_connections() -> None:
    config = DeliveryConfig.model_validate(
        {
            "per_second": 1,
            "per_day": 5,
            "warm_up": [1, 2],
            "warm_up_from": "2026-08-17",
            "domains": {"example": {"domains": ["example.org"], "connections": 3, "per_second": 1, "per_day": 2}},
        }
    )
    free = without_limits(config)
    assert (free.per_second, free.per_day, free.warm_up, free.warm_up_from) == (0, 0, (), None)
    group = free.domains["example"]
    assert (group.per_second, group.per_day, group.connections, group.domains) == (0, 0, 3, ("example.org",))


NOON = datetime(2026, 8, 17, 12, 0, tzinfo=UTC)


def test_without_limits_a_send_takes_as_long_as_its_rehearsal() -> None:
    found = forecast({"example.org": 5}, NOON, timedelta(seconds=3), limits(relays=()))
    assert (found.finish, found.bound_by) == (NOON + timedelta(seconds=3), "")
    assert [(group.finish, group.bound_by) for group in found.groups] == [(NOON + timedelta(seconds=3), "")]


def test_the_slowest_limit_decides_and_each_domain_has_its_own_end() -> None:
    most = {"all": Most(per_second=10), "domain:example.org": Most(per_second=1)}
    found = forecast({"example.org": 100, "example.net": 400}, NOON, timedelta(seconds=3), limits(lambda _day: most))
    assert (found.finish, found.bound_by) == (NOON + timedelta(seconds=100), "domain:example.org")
    assert [(group.group, group.finish, group.bound_by) for group in found.groups] == [
        ("example.net", NOON + timedelta(seconds=50), "all"),
        ("example.org", NOON + timedelta(seconds=100), "domain:example.org"),
    ]


def test_what_is_over_for_the_day_goes_on_at_midnight() -> None:
    found = forecast(
        {"example.org": 250},
        NOON,
        timedelta(0),
        limits(lambda _day: {"all": Most(per_second=1, per_day=100)}, used={"all": 60}),
    )
    # 40 today, 100 tomorrow, 100 the day after, and the last 10 on the third day.
    assert (found.finish, found.bound_by) == (datetime(2026, 8, 20, tzinfo=UTC) + timedelta(seconds=10), "all")


def test_a_warm_up_grows_by_the_day_and_ends() -> None:
    plan = {date(2026, 8, 17): 100, date(2026, 8, 18): 200}
    found = forecast(
        {"example.org": 400}, NOON, timedelta(0), limits(lambda day: {"all": Most(per_day=plan[day])} if day in plan else {})
    )
    assert found.finish == datetime(2026, 8, 19, tzinfo=UTC)


def test_relays_share_the_mail_and_one_without_limit_takes_it_all() -> None:
    most = {"relay:smtp": Most(per_second=1), "relay:spare": Most(per_second=3)}
    both = forecast({"example.org": 40}, NOON, timedelta(0), limits(lambda _day: most, relays=("smtp", "spare")))
    assert (both.finish, both.bound_by) == (NOON + timedelta(seconds=10), "relay:smtp, relay:spare")
    free = forecast({"example.org": 40}, NOON, timedelta(0), limits(lambda _day: most, relays=("smtp", "spare", "free")))
    assert (free.finish, free.bound_by) == (NOON, "")


def test_the_sink_takes_whatever_is_sent_and_counts_it() -> None:
    with NullSink() as sink:
        with smtplib.SMTP("127.0.0.1", sink.port, timeout=10) as client:
            for body in ("a\r\n..b\r\n", ".\r\n", "x" * 200_000 + "\r\n", ""):
                client.sendmail("a@example.org", ["b@Example.ORG"], body)
            client.sendmail("a@example.org", ["c@example.net"], "Subject: x\r\n\r\n")
        assert (sink.messages, dict(sink.recipients)) == (5, {"example.org": 4, "example.net": 1})
        assert sink.bytes > 200_000


def test_the_sink_takes_a_dot_that_rides_with_the_next_message() -> None:
    async def body(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for part in (
            b"EHLO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n",
            b"one\r\n",
            b".\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<c@example.net>\r\nDATA\r\n",
            b".",
            b"\r\nQUIT\r\n",
        ):
            writer.write(part)
            await writer.drain()
        answer = await reader.read()
        writer.close()
        return answer

    with NullSink() as sink:
        answer = asyncio.run(body(sink.port))
        assert (sink.messages, sink.bytes) == (2, len(b"one\r\n"))
    assert [line[:3] for line in answer.splitlines()][-5:] == [b"250", b"250", b"354", b"250", b"221"]

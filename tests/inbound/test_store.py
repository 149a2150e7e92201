"""What is kept of mails that came in, who works on them, and how they are forgotten."""

from __future__ import annotations

import threading
import zlib
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from newsletter.database import Database
from newsletter.inbound.handling import Handled
from newsletter.inbound.model import Arrival, InboundState, Kept, MailKind, Via
from newsletter.inbound.personal import ForgetInbound, inbound_of
from newsletter.inbound.store import PAUSES, TRIES, InboundClaim, InboundRecord, InboundStore
from newsletter.inbound.tables import InboundMailRow
from subscribers.model import Notice, NoticeKind, SubscriberId, SubscriberState
from tests.conftest import MONDAY
from tests.delivery.house import add_readers, address, set_reader
from tests.inbound.house import HASHER

RAW = b"From: ada@example.org\r\nSubject: stop\r\n\r\nstop\r\n"
LEASE = timedelta(minutes=10)


def keep(database: Database, raw: bytes = RAW, *recipients: str, sender: str | None = None) -> Kept:
    with database.write() as session:
        return InboundStore(session).keep(Arrival(raw, Via.PIPE, sender, recipients), now=MONDAY)


def claim(database: Database, *, after: timedelta = timedelta()) -> InboundClaim | None:
    with database.write() as session:
        return InboundStore(session).claim(now=MONDAY + after, lease=LEASE)


def claimed(database: Database, *, after: timedelta = timedelta()) -> InboundClaim:
    found = claim(database, after=after)
    assert found is not None
    return found


def settle(database: Database, held: InboundClaim, handled: Handled | None = None) -> bool:
    with database.write() as session:
        done = handled or Handled("command.done")
        return InboundStore(session).settle(held, done, kind=MailKind.COMMAND, detail="", now=MONDAY)


def record(database: Database, number: int) -> InboundRecord:
    with database.read() as session:
        found = InboundStore(session).record(number)
    assert found is not None
    return found


def row(database: Database, number: int) -> InboundMailRow:
    with database.read() as session:
        return session.scalars(select(InboundMailRow).where(InboundMailRow.id == number)).one()


def test_a_mail_is_kept_to_the_last_byte_with_its_envelope(database: Database) -> None:
    raw = bytes(range(256)) * 40
    kept = keep(database, raw, "papers@example.org", sender="")
    with database.read() as session:
        stored = InboundStore(session).stored(kept.id)
    assert stored is not None
    assert stored.arrival == Arrival(raw, Via.PIPE, "", ("papers@example.org",))
    assert stored.received_at == MONDAY
    assert record(database, kept.id).size == len(raw)


@pytest.mark.parametrize("raw", [b"", b"\0", b"x" * 1_000_000])
def test_whatever_it_is_is_kept(database: Database, raw: bytes) -> None:
    keep(database, raw, "\ud800bad\0name@example.org", sender="a" * 3000 + "\udcff@example.org")
    held = claimed(database)
    assert held.stored.arrival.raw == raw
    assert settle(database, held)


def test_the_very_same_mail_is_kept_once_and_one_to_another_recipient_is_another(database: Database) -> None:
    first = keep(database, RAW, "a@example.org", "b@example.org")
    assert first.is_new
    assert keep(database, RAW, "b@example.org", "a@example.org") == Kept(first.id, is_new=False)
    assert keep(database, RAW, "a@example.org").is_new
    assert keep(database, RAW + b"\n", "a@example.org", "b@example.org").is_new


def test_what_has_a_name_is_kept_once_whatever_it_says(database: Database) -> None:
    def named(raw: bytes, name: str, via: Via = Via.MAILGUN) -> Kept:
        with database.write() as session:
            return InboundStore(session).keep(Arrival(raw, via, named=name), now=MONDAY)

    first = named(b"failed", "a")
    assert first.is_new
    assert named(b"complained", "a") == Kept(first.id, is_new=False)
    assert named(b"failed", "b").is_new
    assert named(b"failed", "").is_new
    assert named(b"failed", "a", Via.SES).is_new


def test_two_that_keep_the_same_mail_at_once_keep_it_once(database: Database) -> None:
    kept: list[Kept] = []
    start = threading.Barrier(4)

    def body() -> None:
        start.wait()
        kept.append(keep(database))

    threads = [threading.Thread(target=body) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.is_new for each in kept) == [False, False, False, True]
    assert len({each.id for each in kept}) == 1


def test_the_oldest_is_claimed_first_and_each_by_one_only(database: Database) -> None:
    numbers = [keep(database, b"mail %d" % number).id for number in range(3)]
    assert [claimed(database).stored.id for _ in numbers] == numbers
    assert claim(database) is None


def test_a_claim_that_a_crash_left_is_due_again_and_the_first_holder_writes_nothing(database: Database) -> None:
    keep(database)
    lost = claimed(database)
    assert claim(database, after=LEASE - timedelta(seconds=1)) is None
    taken = claimed(database, after=LEASE)
    assert (taken.stored.id, taken.epoch, taken.attempts) == (lost.stored.id, 2, 2)
    assert not settle(database, lost, Handled("from.the.dead"))
    assert settle(database, taken)
    assert record(database, taken.stored.id).outcome == "command.done"
    assert not settle(database, taken, Handled("twice"))


def test_a_mail_that_kills_its_process_each_time_is_given_up(database: Database) -> None:
    poison = keep(database, b"poison").id
    for number in range(TRIES):
        assert claimed(database, after=number * LEASE).stored.id == poison
    other = keep(database, b"other").id
    for _ in range(2):
        found = claim(database, after=TRIES * LEASE)
        assert found is None or found.stored.id == other
    assert (record(database, poison).state, record(database, poison).outcome) == (InboundState.FAILED, "failed.crashed")


@pytest.mark.parametrize(
    "damage",
    [{"raw": b"not compressed"}, {"raw": zlib.compress(b"less")}, {"raw": zlib.compress(RAW)[:-9]}, {"via": "carrier-pigeon"}],
)
def test_a_row_that_cannot_be_read_is_given_up_and_stops_nothing(database: Database, damage: dict[str, object]) -> None:
    (ada,) = add_readers(database, 1)
    damaged, other = keep(database).id, keep(database, b"other").id
    with database.write() as session:
        session.execute(update(InboundMailRow).where(InboundMailRow.id == damaged).values(subscriber_id=ada, **damage))
    assert claimed(database).stored.id == other
    found = record(database, damaged)
    assert (found.state, found.outcome) == (InboundState.FAILED, "failed.unreadable")
    with database.write() as session:
        store = InboundStore(session)
        assert store.stored(damaged) is None
        assert [each.id for each in store.latest()] == [other, damaged]
        assert len(inbound_of(session, ada)) == 1
        assert store.replay([damaged], now=MONDAY) == [damaged]
        ForgetInbound(HASHER)(session, ada)
    assert not record(database, damaged).is_kept


def test_a_failed_one_is_tried_again_ever_later_and_then_given_up(database: Database) -> None:
    number = keep(database).id
    passed = timedelta()
    for pause in (*PAUSES, None):
        held = claimed(database, after=passed)
        with database.write() as session:
            state = InboundStore(session).fail(held, "ValueError", now=MONDAY + passed)
        if pause is None:
            assert state is InboundState.FAILED
            break
        assert state is InboundState.WAITING
        assert claim(database, after=passed + pause - timedelta(seconds=1)) is None
        passed += pause
    assert (record(database, number).outcome, record(database, number).attempts) == ("failed.ValueError", TRIES)
    assert claim(database, after=timedelta(days=9)) is None


def test_one_is_handled_again_when_it_is_wanted_and_answered_only_once(database: Database) -> None:
    number = keep(database).id
    held = claimed(database)
    answer = Notice(NoticeKind.ANSWER, None, "ada@example.org", "papers", reference=number)
    assert not held.was_answered
    assert settle(database, held, Handled("command.done", notices=(answer,)))
    for _ in range(2):
        with database.write() as session:
            assert InboundStore(session).replay([number, 99], now=MONDAY) == [number]
        again = claimed(database)
        assert again.was_answered
        assert settle(database, again)


def test_replaying_what_is_at_work_takes_it_from_its_holder(database: Database) -> None:
    number = keep(database).id
    held = claimed(database)
    with database.write() as session:
        InboundStore(session).replay([number], now=MONDAY)
    assert not settle(database, held)
    assert claimed(database).stored.id == number


def test_a_result_never_breaks_a_column(database: Database) -> None:
    keep(database)
    held = claimed(database)
    long = Handled("x" * 200, facts={"reason": "mailboxfull"}, newsletter="papers")
    with database.write() as session:
        assert InboundStore(session).settle(held, long, kind=MailKind.OTHER, detail="y" * 200, now=MONDAY)
    found = record(database, held.stored.id)
    assert (len(found.outcome), len(found.detail), found.facts) == (48, 32, {"reason": "mailboxfull"})


def test_mails_are_listed_newest_first_by_kind_and_state(database: Database) -> None:
    numbers = [keep(database, b"mail %d" % number).id for number in range(3)]
    settle(database, claimed(database))
    with database.read() as session:
        store = InboundStore(session)
        assert [found.id for found in store.latest()] == numbers[::-1]
        assert [found.id for found in store.latest(limit=1)] == numbers[2:]
        assert [found.id for found in store.latest(kind=MailKind.COMMAND)] == numbers[:1]
        assert [found.id for found in store.latest(state=InboundState.WAITING)] == numbers[:0:-1]
        assert store.record(99) is None
        assert store.stored(99) is None


def test_old_mails_go_and_their_figures_stay_for_a_while(database: Database) -> None:
    settled, waiting = keep(database, b"settled", sender="ada@example.org").id, keep(database, b"waiting").id
    settle(database, claimed(database), Handled("command.done", SubscriberId(7), "papers"))
    with database.write() as session:
        store = InboundStore(session)
        assert store.blank_old(MONDAY, limit=10) == 0
        assert store.blank_old(MONDAY + timedelta(seconds=1), limit=10) == 1
        assert store.blank_old(MONDAY + timedelta(seconds=1), limit=10) == 0
    old = row(database, settled)
    assert (old.raw, old.envelope_from, old.recipients, old.outcome, old.subscriber_id) == (None, None, [], "command.done", 7)
    assert not record(database, settled).is_kept
    with database.write() as session:
        assert InboundStore(session).replay([settled], now=MONDAY) == []
        assert InboundStore(session).drop_old(MONDAY + timedelta(seconds=1), limit=1) == 1
    assert claimed(database).stored.id == waiting


def test_a_person_is_told_what_they_wrote_and_forgotten_with_it(database: Database) -> None:
    ada, bob = add_readers(database, 2)
    theirs = keep(database, b"from Ada", sender="x@example.org").id
    settle(database, claimed(database), Handled("human.kept", ada, "papers", facts={"commands": ["follow"]}))
    others = keep(database, b"from Bob").id
    settle(database, claimed(database), Handled("human.kept", bob))
    unproven = keep(database, b"perhaps from Ada", sender=address(ada).upper()).id
    with database.read() as session:
        assert inbound_of(session, ada) == [
            {
                "received_at": MONDAY.isoformat(),
                "kind": "command",
                "newsletter": "papers",
                "outcome": "human.kept",
                "mail": "from Ada",
            }
        ]
    with database.write() as session:
        ForgetInbound(HASHER)(session, ada)
    assert [row(database, number).raw is None for number in (theirs, others, unproven)] == [True, False, True]
    assert (row(database, theirs).envelope_from, row(database, theirs).facts) == (None, {})
    assert (record(database, unproven).state, claim(database)) == (InboundState.HANDLED, None)
    with database.read() as session:
        assert inbound_of(session, ada)[0]["mail"] is None


def test_what_is_at_work_when_its_person_is_erased_is_not_kept_by_its_result(database: Database) -> None:
    (ada,) = add_readers(database, 1)
    number = keep(database, b"a late bounce that names an address").id
    held = claimed(database)
    set_reader(database, ada, SubscriberState.ERASED)
    assert settle(database, held, Handled("bounce.nobody", ada))
    assert row(database, number).raw is None

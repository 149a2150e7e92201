"""A furnished database and a small composer for the tests of this room."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import func, insert, select, update

from newsletter.clock import Clock
from newsletter.config import DeliveryConfig, SmtpConfig
from newsletter.database import Database
from newsletter.delivery.ledger.account import Account
from newsletter.delivery.ledger.journal import FileJournal
from newsletter.delivery.ledger.ledger import Ledger
from newsletter.delivery.model import Claim, Delivery, DeliveryId, DeliveryState, Draft, OutgoingMessage
from newsletter.delivery.pacing.relays import Relay
from newsletter.delivery.sending.sender import Composer, Sender
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.model import IssueId, IssueState
from newsletter.digest.snapshot import paper_to_json, receipt_to_json
from newsletter.digest.store import IssueStore
from newsletter.digest.tables import DigestRow, IssuePaperRow, IssueRow
from newsletter.papers.model import PaperSeq
from newsletter.papers.tables import PaperRow
from subscribers.model import Cadence, SubscriberId, SubscriberState, SuppressionReason
from subscribers.tables import SubscriberRow, SubscriptionRow, SuppressionRow
from tests.conftest import MONDAY
from tests.samples import paper, receipt

NEWSLETTER = "papers"


def address(subscriber_id: int) -> str:
    return f"reader{subscriber_id}@example.org"


def add_papers(database: Database, seqs: Sequence[int]) -> None:
    with database.write() as session:
        for seq in seqs:
            values = paper_to_json(paper(seq))
            columns = [column.name for column in PaperRow.__table__.columns]
            fields = {name: values[name] for name in columns if name in values}
            fields |= {"listed_at": MONDAY, "first_seen_at": MONDAY, "published_at": None, "changed_at": MONDAY}
            session.add(PaperRow(**{**fields, "withdrawn_at": None}))


def add_readers(database: Database, count: int, *, newsletter: str = NEWSLETTER) -> list[SubscriberId]:
    with database.write() as session:
        first = (session.scalar(select(func.max(SubscriberRow.id))) or 0) + 1
        ids = range(first, first + count)
        session.execute(
            insert(SubscriberRow),
            [
                {
                    "id": number,
                    "address": address(number),
                    "address_key": address(number),
                    "state": SubscriberState.ACTIVE,
                    "token_epoch": 0,
                    "created_at": MONDAY,
                    "changed_at": MONDAY,
                }
                for number in ids
            ],
        )
    subscribe(database, ids, newsletter=newsletter)
    return [SubscriberId(number) for number in ids]


def subscribe(database: Database, ids: Sequence[int], *, newsletter: str) -> None:
    with database.write() as session:
        session.execute(
            insert(SubscriptionRow),
            [
                {
                    "subscriber_id": number,
                    "newsletter": newsletter,
                    "cadence": Cadence.DAILY,
                    "local_hour": 7,
                    "zone": "UTC",
                    "interests": {},
                    "size": None,
                    "paused_until": None,
                    "created_at": MONDAY,
                    "changed_at": MONDAY,
                }
                for number in ids
            ],
        )


def set_domain(database: Database, ids: Sequence[int], domain: str) -> list[str]:
    """Let readers have their mailboxes in ``domain``; return their addresses."""
    moved = [f"reader{number}@{domain}" for number in ids]
    with database.write() as session:
        for number, new in zip(ids, moved, strict=True):
            change = update(SubscriberRow).where(SubscriberRow.id == number)
            session.execute(change.values(address=new, address_key=new))
    return moved


def set_reader(database: Database, subscriber_id: int, state: SubscriberState) -> None:
    with database.write() as session:
        session.execute(update(SubscriberRow).where(SubscriberRow.id == subscriber_id).values(state=state))


def add_issue(
    database: Database,
    *,
    slot: str = "2026-08-17",
    seqs: Sequence[int] = (),
    newsletter: str = NEWSLETTER,
    state: IssueState = IssueState.BUILDING,
) -> IssueId:
    """An issue with these papers as its pool."""
    with database.write() as session:
        number = (session.scalar(select(func.max(IssueRow.number)).where(IssueRow.newsletter == newsletter)) or 0) + 1
        row = IssueRow(
            newsletter=newsletter, number=number, cadence=Cadence.DAILY, slot=slot, state=state, frozen_at=MONDAY, expanded_to=0
        )
        session.add(row)
        session.flush()
        for rank, seq in enumerate(seqs, 1):
            session.add(
                IssuePaperRow(
                    issue_id=row.id,
                    rank=rank,
                    paper_seq=seq,
                    score=1.0,
                    receipt=receipt_to_json(receipt()),
                    snapshot=paper_to_json(replace(paper(seq), seq=PaperSeq(seq))),
                )
            )
        return IssueId(row.id)


def open_issue(database: Database, readers: Sequence[SubscriberId], *, slot: str = "2026-08-17") -> IssueId:
    """An open issue with one digest and a due delivery for each of ``readers``."""
    issue_id = add_issue(database, slot=slot, state=IssueState.OPEN)
    with database.write() as session:
        digest = DigestRow(issue_id=issue_id, key="k", entries=[[1, ""]])
        session.add(digest)
        session.flush()
        if readers:
            session.execute(
                insert(DeliveryRow),
                [
                    {
                        "issue_id": issue_id,
                        "subscriber_id": reader,
                        "digest_id": digest.id,
                        "state": DeliveryState.PENDING,
                        "not_before": MONDAY,
                        "changed_at": MONDAY,
                    }
                    for reader in readers
                ],
            )
        session.execute(update(IssueRow).where(IssueRow.id == issue_id).values(audience=len(readers)))
    return issue_id


@contextmanager
def ledger(database: Database) -> Iterator[Ledger]:
    with database.write() as session:
        yield Ledger(session)


def account(database: Database, issue_id: IssueId) -> Account:
    with database.read() as session:
        return Ledger(session).account(issue_id)


def counts(database: Database, issue_id: IssueId) -> dict[str, int]:
    """The states that occur, with their numbers."""
    return {state.value: count for state, count in account(database, issue_id).by_state.items() if count}


def issue_state(database: Database, issue_id: IssueId) -> IssueState:
    with database.read() as session:
        issue = IssueStore(session).get(issue_id)
    assert issue is not None
    return issue.state


def row(database: Database, delivery_id: DeliveryId | int) -> DeliveryRow:
    with database.read() as session:
        return session.get_one(DeliveryRow, delivery_id)


def deliveries(database: Database, issue_id: IssueId) -> list[Delivery]:
    """All deliveries of an issue as they stand."""
    with database.read() as session:
        return Ledger(session).deliveries(issue_id)


def claim(delivery_id: int = 1, **changes: object) -> Claim:
    """A claim that stands in no database."""
    from newsletter.digest.model import DigestId

    made = Claim(
        delivery_id=DeliveryId(delivery_id),
        issue_id=IssueId(1),
        digest_id=DigestId(1),
        subscriber_id=SubscriberId(1),
        address=address(1),
        token_epoch=0,
        attempts=0,
        epoch=1,
        dated_at=MONDAY,
        address_hash=hash_of(address(1)),
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names real fields


class PlainComposer:
    """Makes small messages that depend on nothing but the claim."""

    def prepare(self, claims: Sequence[Claim]) -> list[Draft | Exception]:
        return [partial(self.compose, claim) for claim in claims]

    def compose(self, claim: Claim) -> OutgoingMessage:
        data = (
            f"From: papers@example.org\r\nTo: {claim.address}\r\nDate: {claim.dated_at:%a, %d %b %Y %H:%M:%S +0000}\r\n"
            f"Message-ID: <{claim.issue_id}.{claim.subscriber_id}@example.org>\r\nSubject: Digest\r\n\r\n"
            ".A line with a leading dot\r\n..and two\r\n.\r\nThe end\r\n"
        )
        return OutgoingMessage("bounces@example.org", claim.address, data.encode())


def hash_of(key: str) -> str:
    """What a suppression of an address key is kept under, in these tests."""
    return f"hash of {key}"


def suppress(database: Database, *addresses: str) -> None:
    with database.write() as session:
        for one in addresses:
            session.add(SuppressionRow(address_hash=hash_of(one), reason=SuppressionReason.COMPLAINED, detail="", at=MONDAY))


def smtp_config(port: int, **changes: object) -> SmtpConfig:
    values: dict[str, object] = {"host": "127.0.0.1", "port": port, "security": "none", "helo_name": "test.example.org"}
    return SmtpConfig.model_validate({**values, **changes})


def relays(*ports: int, **changes: object) -> list[Relay]:
    return [Relay(f"relay{number}", smtp_config(port, **changes)) for number, port in enumerate(ports, 1)]


def sender(
    database: Database,
    clock: Clock,
    to: int | Sequence[Relay],
    *,
    check_room: Callable[[], object] = lambda: None,
    composer: Composer | None = None,
    journal: Path | None = None,
    smtp: dict[str, object] | None = None,
    patience: timedelta = timedelta(seconds=20),
    **delivery: object,
) -> Sender:
    """A sender to relays, or to one on a port."""
    folder = journal or Path(tempfile.mkdtemp(prefix="journal-"))
    return Sender(
        database,
        clock,
        relays(to, **(smtp or {})) if isinstance(to, int) else to,
        DeliveryConfig.model_validate(delivery),
        composer=composer or PlainComposer(),
        hash_of=hash_of,
        journal=lambda: FileJournal(folder),
        check_room=check_room,
        jitter=lambda: 0.0,
        patience=patience,
    )

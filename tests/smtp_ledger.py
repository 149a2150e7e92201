"""Compares what a scripted SMTP server accepted with who was to get something, and with what the database says of it.

A ledger has one line for each accepted message, appended before the server's 250: recipient, SHA-256 of the message,
Message-ID. ``python -m tests.smtp_ledger LEDGER --expected FILE [--database URL --issue N]`` prints what is wrong and exits
with 1 if anything is.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select

from newsletter.database import Database
from newsletter.delivery.model import DeliveryState, Reason
from newsletter.delivery.tables import DeliveryRow
from subscribers.tables import SubscriberRow

_MESSAGE_ID = re.compile(rb"^message-id:[ \t]*(?:\r\n[ \t]+)?(\S+)", re.IGNORECASE | re.MULTILINE)
_HEAD = 16_384


class Copy(NamedTuple):
    """One accepted message."""

    recipient: str
    digest: str
    message_id: str


def message_id_of(data: bytes) -> str:
    """Return the Message-ID of a message; ``-`` if it has none."""
    found = _MESSAGE_ID.search(data, 0, _HEAD)
    return found.group(1).decode(errors="replace") if found else "-"


def ledger_line(recipient: str, digest: str, message_id: str) -> bytes:
    """Return the line of a ledger for one accepted message."""
    return f"{recipient}\t{digest}\t{message_id}\n".encode(errors="surrogateescape")


def read_ledger(path: Path) -> list[Copy]:
    """Read a ledger, oldest line first; an unfinished last line is left out."""
    if not path.exists():
        return []
    *lines, _unfinished = path.read_text(encoding="utf-8").split("\n")
    return [Copy(*line.split("\t")) for line in lines]


@dataclass(frozen=True)
class Verdict:
    """What is wrong: addresses, sorted. ``copies`` counts messages of all who have more than one.

    ``lost``: expected and without a message. ``unexpected``: with a message, and not expected. ``altered``: two copies that
    differ, or one Message-ID for two people. ``misreported``: the database says otherwise than the server.
    """

    accepted: int
    expected: int
    lost: Sequence[str] = ()
    doubled: Sequence[str] = ()
    unexpected: Sequence[str] = ()
    altered: Sequence[str] = ()
    misreported: Sequence[str] = ()
    copies: Counter[str] = field(default_factory=Counter)

    @property
    def extra(self) -> int:
        """How many messages were one too many."""
        return sum(self.copies.values()) - len(self.copies)

    @property
    def is_clean_but_for_doubles(self) -> bool:
        """Whether nothing is wrong but what a crash cannot spare us: messages that came twice."""
        return not (self.lost or self.unexpected or self.altered or self.misreported)

    @property
    def is_clean(self) -> bool:
        """Whether nothing at all is wrong."""
        return self.is_clean_but_for_doubles and not self.doubled

    def __str__(self) -> str:
        lines = [f"accepted    {self.accepted} messages, {self.expected} people expected"]
        for name in ("lost", "doubled", "unexpected", "altered", "misreported"):
            found: Sequence[str] = getattr(self, name)
            shown = ", ".join(found[:5]) + (", …" if len(found) > 5 else "")
            lines.append(f"{name:<11} {len(found)}{'  ' + shown if found else ''}")
        return "\n".join(lines)


def check(copies: Sequence[Copy], expected: Iterable[str], said: dict[str, str] | None = None) -> Verdict:
    """Compare a ledger with who was to get one message each.

    Args:
        copies: the server's ledger.
        expected: addresses.
        said: what the database says of each address, see :func:`said_of`; None leaves that out.
    """
    wanted = set(expected)
    counts = Counter(copy.recipient for copy in copies)
    digests, owners = defaultdict(set), defaultdict(set)
    for copy in copies:
        digests[copy.recipient].add((copy.digest, copy.message_id))
        if copy.message_id != "-":
            owners[copy.message_id].add(copy.recipient)
    altered = {recipient for recipient, kinds in digests.items() if len(kinds) > 1}
    altered |= {recipient for people in owners.values() if len(people) > 1 for recipient in people}
    doubtful = {address for address, state in (said or {}).items() if state == DeliveryState.DOUBTFUL}
    multiple = Counter({recipient: count for recipient, count in counts.items() if count > 1})
    return Verdict(
        accepted=len(copies),
        expected=len(wanted),
        # Who is listed as doubtful is accounted for: that is what the list is for.
        lost=sorted(wanted - counts.keys() - doubtful),
        doubled=sorted(multiple),
        unexpected=sorted(counts.keys() - wanted),
        altered=sorted(altered),
        misreported=[] if said is None else sorted(_misreported(counts, said)),
        copies=multiple,
    )


#: States that say nothing about whether a message has arrived.
_OPEN_QUESTION = frozenset({DeliveryState.DOUBTFUL.value, DeliveryState.DOT_SENT.value})


def _misreported(counts: Counter[str], said: dict[str, str]) -> Iterable[str]:
    for address, state in said.items():
        if state in _OPEN_QUESTION:
            continue
        if (state == DeliveryState.SENT) != bool(counts[address]):
            yield f"{address} ({state}, {counts[address]} accepted)"
    yield from (f"{address} (unknown, {count} accepted)" for address, count in counts.items() if address not in said)


def said_of(database: Database, issue_id: int) -> dict[str, str]:
    """Return what the database says of each reader of an issue: the delivery's state, ``doubtful`` while it is in doubt."""
    with database.read() as session:
        rows = session.execute(
            select(SubscriberRow.address, DeliveryRow.state, DeliveryRow.reason)
            .join(DeliveryRow, DeliveryRow.subscriber_id == SubscriberRow.id)
            .where(DeliveryRow.issue_id == issue_id)
        ).all()
    return {
        address: DeliveryState.DOUBTFUL.value if reason == Reason.IN_DOUBT and state != DeliveryState.SENT else state
        for address, state, reason in rows
    }


def main() -> int:
    """Check a ledger from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ledger", type=Path)
    parser.add_argument("--expected", type=Path, required=True, help="file with one address a line")
    parser.add_argument("--database", help="URL of the database that sent")
    parser.add_argument("--issue", type=int, help="which issue it sent")
    arguments = parser.parse_args()
    said = said_of(Database(arguments.database), arguments.issue) if arguments.database else None
    verdict = check(read_ledger(arguments.ledger), arguments.expected.read_text(encoding="utf-8").split(), said)
    print(verdict)
    return 0 if verdict.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())

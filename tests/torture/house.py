"""Readers to send to, processes that send, and what must hold whatever was done to them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from sqlalchemy import select, update

from newsletter.database import Database
from newsletter.delivery.model import DeliveryState
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.model import IssueId, IssueState
from tests.conftest import ROOT
from tests.delivery.house import account, add_readers, address, issue_state, open_issue
from tests.smtp_ledger import Copy, Verdict, check, read_ledger, said_of
from tests.smtp_server import Fault

TORTURE = bool(os.environ.get("TORTURE"))
PATIENCE = 120.0
#: Who is silent for so long is taken for dead: short, so that the tests are. Who is so by mistake does no harm either.
LEASE = "1s"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Mailing:
    """An open issue with a due delivery for each address."""

    database: Database
    issue: IssueId
    addresses: Sequence[str]

    @classmethod
    def to(cls, database: Database, count: int) -> Mailing:
        """Furnish ``database`` with so many readers."""
        readers = add_readers(database, count)
        issue = open_issue(database, readers)
        with database.write() as session:
            session.execute(update(DeliveryRow).values(not_before=LONG_AGO))
        return cls(database, issue, [address(reader) for reader in readers])

    @property
    def in_doubt(self) -> Counter[int | None]:
        """How many dots have left whose result is not known, by the worker that sent them."""
        with self.database.read() as session:
            return Counter(session.scalars(select(DeliveryRow.worker_id).where(DeliveryRow.state == DeliveryState.DOT_SENT)))

    def is_finished(self) -> bool:
        """Whether nothing of it is open."""
        return issue_state(self.database, self.issue) is IssueState.FINISHED

    @property
    def adds_up(self) -> bool:
        """Whether everybody is accounted for."""
        return account(self.database, self.issue).adds_up

    def verdict(self, ledger: Path) -> Verdict:
        """Compare a server's ledger with the audience and with the account."""
        return check(read_ledger(ledger), self.addresses, said_of(self.database, self.issue))


@dataclass(frozen=True)
class Job:
    """What a sending process is told; ``journal`` is the folder where it keeps what the database does not take."""

    url: str
    port: int
    journal: Path
    on_doubt: str = "resend"
    connections: int = 4
    batch: int = 20

    @contextlib.contextmanager
    def started(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run a sending process; whatever happens, it is gone in the end."""
        delivery = {
            "on_doubt": self.on_doubt,
            "connections": self.connections,
            "batch": self.batch,
            "lease": LEASE,
            "retry_first": "1s",
        }
        job = json.dumps({"url": self.url, "port": self.port, "journal": str(self.journal), "delivery": delivery})
        process = subprocess.Popen([sys.executable, "-m", "tests.torture.sending_process", job], cwd=ROOT)
        with gone_in_the_end(process):
            yield process

    def finish(self) -> None:
        """Send the rest: recovery needs nothing but a restart."""
        with self.started() as process:
            assert process.wait(PATIENCE) == 0


@contextlib.contextmanager
def gone_in_the_end(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Leave no process behind, not even a stopped one."""
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(30)
        if process.stdout is not None:
            process.stdout.close()


def send_signal(process: subprocess.Popen[bytes], signum: signal.Signals, *, after: float = 0.0) -> Callable[[], None]:
    """Return what sends ``signum`` to ``process`` when called, or ``after`` seconds later."""

    def strike() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signum)

    def strike_later() -> None:
        timer = threading.Timer(after, strike)
        timer.daemon = True
        timer.start()

    return strike_later if after else strike


def wait_for(condition: Callable[[], object], *, seconds: float = PATIENCE) -> None:
    """Wait until ``condition`` holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def wait_until_reached(reached: threading.Event, process: subprocess.Popen[bytes]) -> None:
    """Wait for an event that comes only while ``process`` lives."""
    wait_for(lambda: reached.is_set() or process.poll() is not None)
    assert reached.is_set(), "the process ended before"


def at_message(number: int, act: Callable[[], None]) -> Fault:
    """Call ``act`` when the final dot of the message after ``number`` others is there, and answer as usual."""
    return Fault("dot", skip=number, times=1, act=act, usual=True)


def doubles_per_session(copies: Sequence[Copy], ends: Sequence[int]) -> list[int]:
    """Say for each sending process how many messages that the server took from it were sent once more by a later one.

    Args:
        copies: the server's ledger.
        ends: how long the ledger was when each process ended, ascending.
    """
    bounds = [0, *ends, len(copies)]
    sessions = [{copy.recipient for copy in copies[start:end]} for start, end in pairwise(bounds)]
    doubles = []
    for number, session in enumerate(sessions):
        later = set().union(*sessions[number + 1 :])
        doubles.append(len(session & later))
    return doubles

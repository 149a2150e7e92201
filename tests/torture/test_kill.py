"""``kill -9`` at any instant: nobody lost, nobody altered, and no more doubled than there were open connections."""

from __future__ import annotations

import random
import signal
import subprocess
from pathlib import Path

import pytest

from newsletter.database import Database
from tests.delivery.house import counts
from tests.smtp_ledger import read_ledger
from tests.smtp_server import Fault, Script, smtp_server
from tests.torture.house import PATIENCE, TORTURE, Job, Mailing, at_message, doubles_per_session, send_signal

READERS, KILLS, CONNECTIONS, BATCH = (20_000, 200, 16, 100) if TORTURE else (120, 3, 4, 20)

pytestmark = pytest.mark.torture


def stroke(dice: random.Random, after: int, process: subprocess.Popen[bytes]) -> Fault:
    """A kill somewhere in the message after ``after`` others, or in what follows its reply."""
    # Up to 5 ms later: while the reply is read, written down, and the next messages are on their way.
    kill = send_signal(process, signal.SIGKILL, after=dice.choice([0.0, dice.uniform(0.0, 0.005)]))
    phase = dice.choice(["connect", "mail", "rcpt", "data", "body", "dot", "dot", "dot"])
    if phase == "connect":
        return Fault("connect", skip=dice.randrange(CONNECTIONS), times=1, act=kill, usual=True)
    # A message that was taken may have been answered or not; one that was not taken must not be lost for it.
    return Fault(phase, skip=after, times=1, act=kill, usual=dice.random() < 0.7, store=phase == "dot" and dice.random() < 0.5)


@pytest.mark.parametrize("on_doubt", ["resend", "hold"])
def test_kills_at_any_instant_lose_nobody(database: Database, database_url: str, tmp_path: Path, on_doubt: str) -> None:
    dice = random.Random(f"{database.is_sqlite} {on_doubt}")  # noqa: S311 - instants to kill at, the same in every run
    mailing = Mailing.to(database, READERS)
    ledger = tmp_path / "accepted"
    script = Script(delay=0.001, ledger=ledger, keeps=False)
    ends: list[int] = []
    with smtp_server(script) as server:
        job = Job(database_url, server.port, tmp_path, on_doubt, CONNECTIONS, BATCH)
        for _ in range(KILLS):
            script.faults.clear()
            with job.started() as process:
                script.faults.append(stroke(dice, dice.randrange(1 + READERS // KILLS), process))
                assert process.wait(PATIENCE) == -signal.SIGKILL
            assert all(count <= CONNECTIONS for count in mailing.in_doubt.values())
            assert mailing.adds_up
            ends.append(len(read_ledger(ledger)))
        script.faults.clear()
        job.finish()
    verdict = mailing.verdict(ledger)
    assert mailing.is_finished()
    assert verdict.is_clean_but_for_doubles, str(verdict)
    states = counts(database, mailing.issue)
    if on_doubt == "resend":
        assert states == {"sent": READERS}
        assert max(doubles_per_session(read_ledger(ledger), ends)) <= CONNECTIONS
    else:
        assert not verdict.doubled, str(verdict)
        assert states["sent"] + states.get("doubtful", 0) == READERS
        assert states.get("doubtful", 0) <= CONNECTIONS * KILLS
    print(f"{KILLS} kills, {states}, {verdict.extra} doubled\n{verdict}")


def test_sigterm_leaves_nothing_in_doubt(database: Database, database_url: str, tmp_path: Path) -> None:
    mailing = Mailing.to(database, READERS // 4)
    terms = max(KILLS // 10, 2)
    ledger = tmp_path / "accepted"
    script = Script(delay=0.001, ledger=ledger, keeps=False)
    with smtp_server(script) as server:
        job = Job(database_url, server.port, tmp_path, connections=CONNECTIONS, batch=BATCH)
        for _ in range(terms):
            with job.started() as process:
                script.faults[:] = [at_message(READERS // 8 // terms, send_signal(process, signal.SIGTERM))]
                assert process.wait(PATIENCE) == 0
            assert not mailing.in_doubt
            assert not mailing.is_finished()
        script.faults.clear()
        job.finish()
    verdict = mailing.verdict(ledger)
    assert verdict.is_clean, str(verdict)
    assert mailing.is_finished()


def test_a_second_process_takes_over_from_one_that_was_killed(database: Database, database_url: str, tmp_path: Path) -> None:
    mailing = Mailing.to(database, READERS // 2)
    ledger = tmp_path / "accepted"
    script = Script(delay=0.002, ledger=ledger, keeps=False)
    with smtp_server(script) as server:
        job = Job(database_url, server.port, tmp_path, connections=CONNECTIONS, batch=BATCH)
        with job.started() as first, job.started() as second:
            script.faults.append(at_message(READERS // 8, send_signal(first, signal.SIGKILL)))
            assert first.wait(PATIENCE) == -signal.SIGKILL
            # Within seconds of the lease, which is usually twenty.
            assert second.wait(PATIENCE) == 0
    verdict = mailing.verdict(ledger)
    assert mailing.is_finished()
    assert verdict.is_clean_but_for_doubles, str(verdict)
    assert verdict.extra <= CONNECTIONS
    assert counts(database, mailing.issue) == {"sent": READERS // 2}

"""A relay that says "later" to many for a while: everybody gets the issue in the end, and it is not called finished before."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.clock import ManualClock
from newsletter.database import Database
from tests.delivery.house import counts, sender
from tests.smtp_server import Fault, Script, smtp_server
from tests.torture.house import TORTURE, Mailing

READERS = 20_000 if TORTURE else 200
ROUNDS = 3


@pytest.mark.torture
@pytest.mark.parametrize("phase", ["rcpt", "dot"])
def test_one_in_five_deferred_for_a_while(database: Database, clock: ManualClock, tmp_path: Path, phase: str) -> None:
    mailing = Mailing.to(database, READERS)
    unlucky = frozenset(mailing.addresses[::5])
    ledger = tmp_path / "accepted"
    script = Script(ledger=ledger, keeps=False, faults=[Fault(phase, unlucky, "451 4.7.1 try again later")])
    with smtp_server(script) as server:
        sending = sender(database, clock, server.port, connections=4)
        for tries in range(ROUNDS):
            report = asyncio.run(sending.run())
            assert (report.sent, report.deferred) == (0 if tries else READERS - len(unlucky), len(unlucky))
            assert not mailing.is_finished()
            assert mailing.adds_up
            clock.advance(timedelta(hours=12))
        script.faults.clear()
        assert asyncio.run(sending.run()).finished == (mailing.issue,)
    verdict = mailing.verdict(ledger)
    assert verdict.is_clean, str(verdict)
    assert counts(database, mailing.issue) == {"sent": READERS}

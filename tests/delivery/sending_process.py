"""A process that sends until everything is settled; the crash tests kill it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from newsletter.clock import SystemClock
from newsletter.database import Database
from newsletter.delivery.ledger.ledger import Ledger
from tests.delivery.house import sender


async def main(url: str, port: str, on_doubt: str, lease: str, journal: str) -> None:
    database = Database(url)
    sending = sender(
        database,
        SystemClock(),
        int(port),
        journal=Path(journal),
        smtp={"final_timeout": "1s"},
        connections=4,
        batch=20,
        on_doubt=on_doubt,
        lease=lease,
        retry_first="1s",
    )
    while True:
        await sending.run()
        with database.read() as session:
            if not Ledger(session).count_unsettled():
                return
        await asyncio.sleep(0.1)  # what a dead process held is free when its lease ends


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

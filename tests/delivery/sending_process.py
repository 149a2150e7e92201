"""A process that sends until everything is settled; the crash tests kill it."""

from __future__ import annotations

import asyncio
import sys

from newsletter.clock import SystemClock
from newsletter.config import DeliveryConfig
from newsletter.database import Database
from newsletter.delivery.ledger import Ledger
from newsletter.delivery.sender import Sender
from tests.delivery.house import PlainComposer, smtp_config


async def main(url: str, port: str, on_doubt: str, lease: str) -> None:
    database = Database(url)
    sending = Sender(
        database,
        SystemClock(),
        smtp_config(int(port), final_timeout="1s"),
        DeliveryConfig.model_validate({"connections": 4, "batch": 20, "on_doubt": on_doubt, "lease": lease}),
        composer=PlainComposer(),
        is_suppressed=lambda _address: False,
    )
    while True:
        await sending.run()
        with database.read() as session:
            if not Ledger(session).count_unsettled():
                return
        await asyncio.sleep(0.1)  # what a dead process held is free when its lease ends


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

"""A process that sends notices until all are settled; the crash test kills it."""

from __future__ import annotations

import asyncio
import sys

from sqlalchemy import select

from newsletter.clock import SystemClock
from newsletter.database import Database
from newsletter.delivery.model import SETTLED
from newsletter.notices.tables import NoticeRow
from tests.notices.house import sender


async def main(url: str, port: str, on_doubt: str) -> None:
    database = Database(url)
    sending = sender(database, SystemClock(), int(port), smtp={"final_timeout": "1s"}, on_doubt=on_doubt, retry_first="1s")
    while True:
        await sending.run()
        with database.read() as session:
            if session.scalar(select(NoticeRow.id).where(NoticeRow.state.not_in(SETTLED)).limit(1)) is None:
                return
        await asyncio.sleep(0.1)  # what is in doubt is tried again a second later


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

"""A process that sends until everything is settled, whatever is done to it and to its database meanwhile.

It is called with a JSON object: ``url`` of the database, ``port`` of the server, ``journal``: a folder, ``delivery``: settings.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from newsletter.clock import SystemClock
from newsletter.database import Database
from newsletter.delivery.ledger.ledger import Ledger
from newsletter.errors import NewsletterError
from tests.delivery.house import sender

log = logging.getLogger(__name__)


async def main(job: str) -> None:
    """Send until nothing is left, or until SIGTERM."""
    settings = json.loads(job)
    database = Database(settings["url"])
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    journal = Path(settings["journal"])
    sending = sender(database, SystemClock(), settings["port"], journal=journal, **settings["delivery"])
    while not stop.is_set():
        try:
            await sending.run(stop=stop)
            with database.read() as session:
                if not Ledger(session).count_unsettled():
                    return
        except (NewsletterError, SQLAlchemyError) as error:  # unattended, as the daemon: the next look tries again
            log.warning("halted: %s", str(error).splitlines()[0])
        await asyncio.sleep(0.1)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(process)d %(levelname)s %(message)s")
    asyncio.run(main(sys.argv[1]))

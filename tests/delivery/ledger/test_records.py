"""What a group of results and intents costs the database."""

from __future__ import annotations

from contextlib import closing

import pytest
from sqlalchemy import text

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.delivery.ledger.records import record
from tests.delivery.house import add_readers, claim, open_issue

READERS = 300
#: Rows of readers' tables that were read, by whatever way.
READ = text(
    "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0) + coalesce(idx_scan, 0)) FROM pg_stat_user_tables"
    " WHERE relname IN ('subscriber', 'subscription', 'suppression', 'issue')"
)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_readers_are_looked_up_by_their_keys_although_nothing_is_known_of_the_tables_yet(
    database: Database, clock: ManualClock
) -> None:
    open_issue(database, add_readers(database, READERS))
    claims = [claim(number) for number in (1, 2, 3)]
    with database.write() as session:
        session.execute(text("UPDATE delivery SET state = 'claimed', epoch = :epoch WHERE id <= 3"), {"epoch": claims[0].epoch})
    with closing(database.keep()) as kept:

        def read() -> int:
            kept.run_alone("SELECT pg_stat_force_next_flush()", ())
            with database.read() as session:
                return int(session.scalar(READ) or 0)

        before = read()
        assert len(record(kept, results=[], intents=claims, now=clock.now())) == len(claims)
        assert read() - before < READERS

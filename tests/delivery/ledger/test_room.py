"""Nothing is sent where the disk is nearly full."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.delivery.ledger.room import check_room
from newsletter.errors import NewsletterError
from tests.delivery.house import add_readers, counts, open_issue, sender
from tests.smtp_server import smtp_server

#: More than any disk has.
TOO_MUCH = 10**15


def test_a_disk_with_too_little_room_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NewsletterError, match="make room") as refused:
        check_room([tmp_path], TOO_MUCH)
    assert str(tmp_path) in str(refused.value)


def test_room_enough_no_wish_for_room_and_no_such_folder_are_all_right(tmp_path: Path) -> None:
    check_room([tmp_path], 1)
    check_room([tmp_path], 0)
    check_room([tmp_path / "none"], TOO_MUCH)


def test_a_run_without_room_sends_nothing_and_the_next_with_room_goes_on(
    database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    issue = open_issue(database, add_readers(database, 3))
    with smtp_server() as server:
        full = sender(database, clock, server.port, check_room=partial(check_room, [tmp_path], TOO_MUCH))
        with pytest.raises(NewsletterError, match="make room"):
            asyncio.run(full.run())
        assert server.accepted == []
        assert counts(database, issue) == {"pending": 3}
        assert asyncio.run(sender(database, clock, server.port).run()).sent == 3

"""The house every test of a page starts from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from newsletter.clock import ManualClock
from newsletter.database import Database
from tests.web.house import House, house


@pytest.fixture
def home(database: Database, clock: ManualClock) -> Iterator[House]:
    """The pages of one newsletter, on either database."""
    with house(database, clock) as made:
        yield made

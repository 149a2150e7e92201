from __future__ import annotations

import pytest

from newsletter.clock import ManualClock
from newsletter.database import Database
from tests.delivery.returns.house import ReturnHouse


@pytest.fixture
def home(database: Database, clock: ManualClock) -> ReturnHouse:
    return ReturnHouse(database, clock)

"""The service on either database, with a secret of its own."""

from __future__ import annotations

import pytest

from newsletter.clock import ManualClock
from newsletter.database import Database
from subscribers.service import SubscriberService

SECRET = b"0123456789abcdef0123456789abcdef"


@pytest.fixture
def service(database: Database, clock: ManualClock) -> SubscriberService:
    return SubscriberService(database, clock, SECRET)

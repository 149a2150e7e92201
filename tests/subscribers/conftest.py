"""The service and the links on either database, with a secret of their own."""

from __future__ import annotations

import pytest

from newsletter.clock import ManualClock
from newsletter.database import Database
from subscribers.keys import LinkKeys
from subscribers.links import Links
from subscribers.service import SubscriberService
from subscribers.tokens import KeyRing
from tests.subscribers.fakes import NoNotices

SECRET = b"0123456789abcdef0123456789abcdef"


@pytest.fixture
def service(database: Database, clock: ManualClock) -> SubscriberService:
    return SubscriberService(database, clock, SECRET, notices=NoNotices())


@pytest.fixture
def keys() -> LinkKeys:
    return LinkKeys(KeyRing.of(SECRET))


@pytest.fixture
def links(database: Database, clock: ManualClock, keys: LinkKeys) -> Links:
    return Links(database, clock, keys, NoNotices())

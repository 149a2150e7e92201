"""Which suppressed addresses may still be asked whether they want to come back."""

from __future__ import annotations

import pytest

from newsletter.database import Database
from newsletter.notices.permission import MayWrite
from subscribers.address import parse_address
from subscribers.model import NoticeKind, SuppressionReason
from subscribers.suppression import Hasher, SuppressionStore
from tests.conftest import MONDAY

HASHER = Hasher(b"a secret of at least thirty-two bytes")
COMES_BACK = {SuppressionReason.UNSUBSCRIBED, SuppressionReason.BOUNCED, SuppressionReason.ERASED}


@pytest.mark.parametrize("reason", SuppressionReason)
def test_only_the_question_to_come_back_reaches_a_suppressed_address(database: Database, reason: SuppressionReason) -> None:
    with database.write() as session:
        SuppressionStore(session, HASHER).add(parse_address("gone@example.org"), reason, detail="", at=MONDAY)
    may_write = MayWrite(database, HASHER)
    for kind in NoticeKind:
        assert may_write("Gone@example.org", kind) is (kind is NoticeKind.CONFIRM and reason in COMES_BACK)
        assert may_write("here@example.org", kind)
        assert not may_write("no address", kind)

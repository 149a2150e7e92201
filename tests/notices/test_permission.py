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
def test_only_what_was_asked_for_from_there_reaches_a_suppressed_address(database: Database, reason: SuppressionReason) -> None:
    with database.write() as session:
        SuppressionStore(session, HASHER).add(parse_address("gone@example.org"), reason, detail="", at=MONDAY)
    may_write = MayWrite(database, HASHER)
    for kind in set(NoticeKind) - {NoticeKind.OPERATOR}:
        asked_for = kind in {NoticeKind.CONFIRM, NoticeKind.ANSWER}
        assert may_write("Gone@example.org", kind) is (asked_for and reason in COMES_BACK)
        assert may_write("here@example.org", kind)
        assert not may_write("no address", kind)


@pytest.mark.parametrize("reason", SuppressionReason)
def test_whoever_runs_the_newsletter_hears_of_it_in_any_case(database: Database, reason: SuppressionReason) -> None:
    with database.write() as session:
        SuppressionStore(session, HASHER).add(parse_address("gone@example.org"), reason, detail="", at=MONDAY)
    assert MayWrite(database, HASHER)("gone@example.org", NoticeKind.OPERATOR)

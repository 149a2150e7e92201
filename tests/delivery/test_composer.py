"""Messages of claims: whose links they hold, and that an issue survives an upgrade half-way."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from sqlalchemy import insert

from newsletter.clock import ManualClock
from newsletter.config import NewsletterConfig
from newsletter.database import Database
from newsletter.delivery.bodies import BodyStore
from newsletter.delivery.composer import DigestComposer
from newsletter.delivery.model import Claim
from newsletter.digest.model import DigestId
from newsletter.digest.tables import DigestRow
from newsletter.rendering.message import ComposedBody
from newsletter.rendering.renderer import Renderer
from subscribers.keys import LinkKeys
from subscribers.model import Subscriber, SubscriberId, SubscriberState
from subscribers.tokens import KeyRing, TokenPurpose
from tests.conftest import MONDAY
from tests.delivery.house import NEWSLETTER, add_issue, add_papers, claim

SECRET = b"a secret of the tests, 32 bytes."
BASE_URL = "https://papers.example.org"
KEYS = LinkKeys(KeyRing.of(SECRET))
STORED_BEFORE = Path(__file__).parent.parent / "golden" / "composed-body-1.bin"


@pytest.fixture
def composer(database: Database, clock: ManualClock) -> DigestComposer:
    renderer = Renderer(None, base_url=BASE_URL, secret=SECRET)
    return DigestComposer(database, clock, renderer, KEYS, SECRET, {NEWSLETTER: NewsletterConfig()})


@pytest.fixture
def claimed(database: Database) -> Claim:
    """A reader's claim of a digest of two papers."""
    add_papers(database, [1, 2])
    issue_id = add_issue(database, seqs=[1, 2])
    with database.write() as session:
        session.execute(insert(DigestRow), [{"id": 1, "issue_id": issue_id, "key": "k", "entries": [[1, ""], [2, ""]]}])
    return claim(issue_id=issue_id, digest_id=DigestId(1), subscriber_id=SubscriberId(7), token_epoch=3)


def links_in(data: bytes) -> dict[str, set[str]]:
    """The tokens in both parts of a message, by the page they lead to."""
    parts = [part.get_content() for part in message_from_bytes(data, policy=policy.default).iter_parts()]
    found: dict[str, set[str]] = {}
    for page, token in re.findall(rf"{BASE_URL}/([a-z]+)/([A-Za-z0-9_-]{{32}})", "\n".join(parts)):
        found.setdefault(page, set()).add(token)
    return found


def test_a_message_holds_its_readers_own_links_each_for_one_thing(composer: DigestComposer, claimed: Claim) -> None:
    found = links_in(composer.compose(claimed).data)
    assert set(found) == {"unsubscribe", "preferences", "feedback"}
    reader = Subscriber(SubscriberId(7), "reader@example.org", SubscriberState.ACTIVE, 3, MONDAY, MONDAY)
    for page, tokens in found.items():
        (token,) = tokens
        for purpose in TokenPurpose:
            known = KEYS.claim(token, purpose)
            assert known is not None
            assert KEYS.verify(known, reader, newsletter=NEWSLETTER) is (purpose.value == page)


def test_each_lead_and_card_asks_for_an_opinion_on_its_own_paper(composer: DigestComposer, claimed: Claim) -> None:
    parts = [
        part.get_content() for part in message_from_bytes(composer.compose(claimed).data, policy=policy.default).iter_parts()
    ]
    assert re.findall(r"\?paper=(\d+)&amp;like=(more|less)", parts[1]) == [
        ("1", "more"),
        ("1", "less"),
        ("2", "more"),
        ("2", "less"),
    ]
    assert re.findall(r"\?paper=(\d+)&like=more", parts[0]) == ["1", "2"]


def test_an_issue_that_is_open_during_an_upgrade_goes_on_with_the_body_it_began_with(
    database: Database, clock: ManualClock, composer: DigestComposer, claimed: Claim
) -> None:
    stored = STORED_BEFORE.read_bytes()
    with database.write() as session:
        BodyStore(session).store(claimed.digest_id, stored, at=clock.now())
    data = composer.compose(claimed).data
    assert set(links_in(data)) == {"unsubscribe"}
    assert data.startswith(ComposedBody.from_bytes(stored).pieces[0])
    assert composer.compose(claimed).data == data

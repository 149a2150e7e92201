"""Messages of claims: whose links they hold, and that an issue survives an upgrade half-way."""

from __future__ import annotations

import re
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from sqlalchemy import delete, insert

from newsletter.clock import ManualClock
from newsletter.config import NewsletterConfig
from newsletter.database import Database
from newsletter.delivery.composing.bodies import BodyStore
from newsletter.delivery.composing.composer import DigestComposer
from newsletter.delivery.identity.dkim import DkimSigner
from newsletter.delivery.identity.verp import Signed, SignedAddresses, SignedKind
from newsletter.delivery.model import Claim, DeliveryId
from newsletter.delivery.tables import ComposedBodyRow
from newsletter.digest.model import DigestId
from newsletter.digest.tables import DigestRow
from newsletter.errors import NewsletterError
from newsletter.rendering.errors import MessageRefused
from newsletter.rendering.message.message import FEEDBACK, PREFERENCES, UNSUBSCRIBE, ComposedBody, Personal, message_id
from newsletter.rendering.message.pieces import PiecedBody, own_piece, read_piece, read_recipe
from newsletter.rendering.renderer import Renderer
from subscribers.keys import LinkKeys
from subscribers.model import Subscriber, SubscriberId, SubscriberState
from subscribers.tokens import KeyRing, TokenPurpose
from tests.conftest import MONDAY
from tests.delivery.house import NEWSLETTER, add_issue, add_papers, claim
from tests.delivery.keys import ed25519_signer, rsa_signer, verifies

SECRET = b"a secret of the tests, 32 bytes."
BASE_URL = "https://papers.example.org"
KEYS = LinkKeys(KeyRing.of(SECRET))
STORED_BEFORE = Path(__file__).parents[2] / "golden" / "composed-body-1.bin"


def make_composer(database: Database, *signers: DkimSigner, newsletter: NewsletterConfig | None = None) -> DigestComposer:
    renderer = Renderer(None, base_url=BASE_URL, secret=SECRET)
    newsletters = {NEWSLETTER: newsletter or NewsletterConfig(envelope_from="bounces@example.org")}
    return DigestComposer(
        database,
        ManualClock(MONDAY),
        renderer,
        KEYS,
        SECRET,
        newsletters,
        bounces=SignedAddresses(SECRET),
        signers={NEWSLETTER: signers},
    )


@pytest.fixture
def composer(database: Database) -> DigestComposer:
    return make_composer(database)


@pytest.fixture
def claimed(database: Database) -> Claim:
    """A reader's claim of a digest of two papers."""
    add_papers(database, [1, 2])
    issue_id = add_issue(database, seqs=[1, 2])
    with database.write() as session:
        session.execute(insert(DigestRow), [{"id": 1, "issue_id": issue_id, "key": "k", "entries": [[1, ""], [2, ""]]}])
    return claim(issue_id=issue_id, digest_id=DigestId(1), subscriber_id=SubscriberId(7), token_epoch=3)


def stored_body(database: Database, claim: Claim) -> PiecedBody:
    """The body of a claim's digest as the database has it."""
    with database.read() as session:
        store = BodyStore(session)
        stored = store.load(claim.digest_id)
        assert stored is not None
        recipe = read_recipe(stored)
        pieces = store.pieces(claim.issue_id, recipe.keys)
    return recipe.body({key: read_piece(key, content) for key, content in pieces.items()})


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


def test_a_message_is_the_one_its_body_would_be_spliced_into(
    database: Database, composer: DigestComposer, claimed: Claim
) -> None:
    made = composer.compose(claimed)
    reader = Subscriber(SubscriberId(7), claimed.address, SubscriberState.ACTIVE, 3, MONDAY, MONDAY)
    tokens = {
        UNSUBSCRIBE: KEYS.make_unsubscribe(reader, NEWSLETTER),
        PREFERENCES: KEYS.make_preferences(reader),
        FEEDBACK: KEYS.make_feedback(reader),
    }
    personal = Personal(claimed.address, message_id(SECRET, claimed.issue_id, 7, "example.org"), MONDAY, tokens)
    assert made.data == stored_body(database, claimed).gapped().fill(personal.encoded())
    assert made.is_checked


def test_each_delivery_has_its_own_envelope(composer: DigestComposer, claimed: Claim) -> None:
    other = replace(claimed, delivery_id=DeliveryId(2), subscriber_id=SubscriberId(8))
    made = [composer.compose(claimed), composer.compose(other)]
    assert [SignedAddresses(SECRET).read(message.envelope_from) for message in made] == [
        Signed(SignedKind.DELIVERY, 1),
        Signed(SignedKind.DELIVERY, 2),
    ]
    assert [message.envelope_id for message in made] == ["d1", "d2"]
    assert {message.recipient for message in made} == {claimed.address}


ANSWERED = NewsletterConfig(inbound_address="papers@example.org")


def test_who_replies_to_a_message_names_the_delivery_and_so_does_who_leaves_by_mail(database: Database, claimed: Claim) -> None:
    made = make_composer(database, rsa_signer(), newsletter=ANSWERED).compose(claimed)
    message = message_from_bytes(made.data, policy=policy.default)
    assert made.is_checked
    assert verifies(made.data)
    [reply_to] = [address.addr_spec for address in message["Reply-To"].addresses]
    assert reply_to.startswith("papers+")
    assert SignedAddresses(SECRET).read(reply_to) == Signed(SignedKind.DELIVERY_REPLY, claimed.delivery_id)
    page, by_mail = message["List-Unsubscribe"].split(", ")
    assert page.startswith("<http")
    assert by_mail == f"<mailto:{reply_to}?subject=unsubscribe>"
    assert message["List-Help"] == f"<mailto:{reply_to}?subject=help>"
    for field in (b"Reply-To: ", b"<mailto:", b"List-Help: "):
        assert not verifies(made.data.replace(field, field + b"x", 1))
    for part in message.iter_parts():
        assert "Or just reply: weekly, less 2, pause 2w, stop, help." in part.get_content()


def test_each_delivery_has_its_own_address_for_answers(database: Database, claimed: Claim) -> None:
    composer = make_composer(database, newsletter=ANSWERED)
    other = replace(claimed, delivery_id=DeliveryId(2))
    first, second = [composer.compose(each).data for each in (claimed, other)]
    token = SignedAddresses(SECRET).token(SignedKind.DELIVERY_REPLY, 2).encode()
    assert token not in first
    assert second.count(token) == 3
    assert make_composer(database, newsletter=ANSWERED).compose(claimed).data == first


def test_an_issue_that_is_open_while_answers_are_switched_on_or_off_goes_on_as_it_began(
    database: Database, claimed: Claim
) -> None:
    plain = make_composer(database).compose(claimed).data
    assert make_composer(database, newsletter=ANSWERED).compose(claimed).data == plain
    with database.write() as session:
        session.execute(delete(ComposedBodyRow))
    answered = make_composer(database, newsletter=ANSWERED).compose(claimed).data
    assert b"papers+" in answered
    assert make_composer(database).compose(claimed).data == answered


def test_a_newsletter_without_an_address_for_bounces_gets_them_where_its_mail_comes_from(
    database: Database, claimed: Claim
) -> None:
    assert make_composer(database, newsletter=NewsletterConfig()).compose(claimed).envelope_from == "papers@example.org"


def test_a_signed_message_is_believed_and_repeated_to_the_byte(database: Database, claimed: Claim) -> None:
    signers = (rsa_signer(), ed25519_signer())
    made = make_composer(database, *signers).compose(claimed)
    assert verifies(made.data, 0)
    assert verifies(made.data, 1)
    assert made.is_checked
    assert make_composer(database, *signers).compose(claimed) == made
    bare = make_composer(database).compose(claimed)
    assert made.data.endswith(b"\r\n" + bare.data)
    assert b"DKIM-Signature" not in bare.data


def test_a_local_part_beyond_ascii_is_written_in_utf8_and_looked_at_again(database: Database, claimed: Claim) -> None:
    made = make_composer(database, rsa_signer()).compose(replace(claimed, address="adá@bücher.example.org"))
    assert "\r\nTo: adá@xn--bcher-kva.example.org\r\n".encode() in made.data
    assert not made.is_checked
    assert verifies(made.data)


@pytest.mark.parametrize("address", ["ada@exa\u2028mple.org", "ad a@example.org", "ada@example.org\r\nBcc: eve@example.org"])
def test_an_address_that_would_say_more_is_never_written(composer: DigestComposer, claimed: Claim, address: str) -> None:
    with pytest.raises((ValueError, NewsletterError), match=r"one plain address|cannot be written"):
        composer.compose(replace(claimed, address=address))


def test_the_linter_looks_at_the_first_message_of_an_issue_as_it_leaves(
    database: Database, composer: DigestComposer, claimed: Claim
) -> None:
    composer.compose(claimed)
    body = stored_body(database, claimed)
    spoilt = [piece.content.replace(b"\r\nList-Id:", b"\r\nX-Other:") for piece in body.pieces]
    pieces = tuple(own_piece(content) for content in spoilt)
    with database.write() as session:
        session.execute(delete(ComposedBodyRow))
        BodyStore(session).store(claimed.digest_id, replace(body, pieces=pieces).to_bytes(), at=MONDAY)
    for _ in range(2):
        with pytest.raises(MessageRefused, match="delivery 1"):
            make_composer(database).compose(claimed)

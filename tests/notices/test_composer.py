"""What notices say: the right link for each, who filled in the form, and nothing a stranger wrote."""

from __future__ import annotations

from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from sqlalchemy import update

from newsletter.clock import ManualClock
from newsletter.config import NewsletterConfig
from newsletter.database import Database
from newsletter.delivery.identity.dkim import DkimSigner
from newsletter.delivery.identity.verp import Signed, SignedAddresses, SignedKind
from newsletter.notices.composer import NoticeComposer, notice_message_id
from newsletter.notices.model import NoticeClaim
from newsletter.notices.store import NoticeStore
from newsletter.rendering.renderer import Renderer
from subscribers.keys import LinkKeys
from subscribers.model import Cadence, Choices, ConsentMethod, Interests, Notice, NoticeKind, Subscriber, SubscriberId
from subscribers.tables import AddressChangeRow, SubscriptionRow
from subscribers.tokens import KeyRing, TokenPurpose
from tests.conftest import MONDAY
from tests.delivery.house import NEWSLETTER, add_readers, address, subscribe
from tests.delivery.keys import ed25519_signer, rsa_signer, verifies
from tests.notices.house import WEEK, add_person, add_wish, put

SECRET = b"a secret of at least thirty-two bytes"
BASE = "https://papers.example.org"
KEYS = LinkKeys(KeyRing.of(SECRET))
BOUNCES = SignedAddresses(SECRET)
NEWSLETTERS = {
    NEWSLETTER: NewsletterConfig(from_address="papers@example.org", envelope_from="bounces@example.org"),
    "robots": NewsletterConfig(name="Robots", from_address="robots@example.org"),
}


def composer(
    database: Database,
    *signers: DkimSigner,
    confirm_within: timedelta = WEEK,
    size: int = 10,
    language: str = "en",
    inbound_address: str = "",
) -> NoticeComposer:
    renderer = Renderer(None, base_url=BASE, secret=SECRET)
    changes = {"size": size, "language": language, "inbound_address": inbound_address}
    newsletters = {slug: newsletter.model_copy(update=changes) for slug, newsletter in NEWSLETTERS.items()}
    return NoticeComposer(
        database,
        renderer,
        KEYS,
        SECRET,
        newsletters,
        confirm_within=confirm_within,
        base_url=BASE,
        bounces=BOUNCES,
        signers=dict.fromkeys(newsletters, signers),
    )


def claim(database: Database, *, at: datetime = MONDAY) -> NoticeClaim:
    with database.write() as session:
        found, _ = NoticeStore(session).claim(now=at, lease=timedelta(minutes=2), asked_after=at - WEEK)
    assert found is not None
    return found


def person_of(claim: NoticeClaim) -> Subscriber:
    assert claim.subscriber is not None
    return claim.subscriber


def parse(data: bytes) -> EmailMessage:
    return message_from_bytes(data, policy=policy.default)


def texts(message: EmailMessage) -> str:
    return "\n".join(part.get_content() for part in message.walk() if part.get_content_maintype() == "text")


def confirm_notice(database: Database, *, client: str = "192.0.2.7", method: ConsentMethod = ConsentMethod.WEB) -> SubscriberId:
    person = add_person(database)
    choices = Choices(cadence=Cadence.WEEKLY, interests=Interests(keywords=("buy pills at evil.example",)))
    wish = add_wish(database, person, choices=choices, method=method)
    put(database, Notice(NoticeKind.CONFIRM, person, address(person), NEWSLETTER, reference=wish, client=client))
    return person


def test_the_mail_to_confirm_has_one_link_and_nothing_the_stranger_wrote(database: Database) -> None:
    person = confirm_notice(database)
    asked = claim(database)
    made = composer(database).compose(asked)
    message = parse(made.data)
    assert BOUNCES.read(made.envelope_from) == Signed(SignedKind.NOTICE, asked.notice_id)
    assert made.envelope_id == f"n{asked.notice_id}"
    assert made.recipient == address(person)
    assert message["To"] == address(person)
    assert message["Form-Sub"] == "v=1; ip=192.0.2.7; dom=papers.example.org"
    assert message["Message-ID"] == notice_message_id(SECRET, asked.notice_id, "example.org")
    assert message["Auto-Submitted"] == "auto-generated"
    assert "List-Unsubscribe" not in message
    said = texts(message)
    token = KEYS.make_confirm(person_of(asked), asked.reference)
    assert f"{BASE}/confirm/{token}" in said
    assert "/unsubscribe/" not in said
    assert "/preferences/" not in said
    assert "7 days" in said
    assert "every week" in said
    assert "pills" not in said


def test_the_same_notice_gives_the_same_bytes(database: Database) -> None:
    confirm_notice(database)
    asked = claim(database)
    assert composer(database).compose(asked) == composer(database).compose(asked)


def test_who_replies_to_a_notice_names_it(database: Database) -> None:
    confirm_notice(database)
    asked = claim(database)
    made = composer(database, rsa_signer(), inbound_address="papers@example.org").compose(asked)
    message = parse(made.data)
    [reply_to] = [address.addr_spec for address in message["Reply-To"].addresses]
    assert BOUNCES.read(reply_to) == Signed(SignedKind.NOTICE_REPLY, asked.notice_id)
    assert reply_to.startswith("papers+")
    assert BOUNCES.read(made.envelope_from) == Signed(SignedKind.NOTICE, asked.notice_id)
    assert "Or just reply to this mail" in texts(message)
    assert verifies(made.data)
    assert not verifies(made.data.replace(reply_to.encode(), b"eve@example.org"))


def test_a_welcome_can_be_left_by_mail(database: Database) -> None:
    [reader] = add_readers(database, 1)
    put(database, Notice(NoticeKind.WELCOME, reader, address(reader), NEWSLETTER))
    asked = claim(database)
    message = parse(composer(database, inbound_address="papers@example.org").compose(asked).data)
    _, by_mail = message["List-Unsubscribe"].split(", ")
    to = by_mail.removeprefix("<mailto:").removesuffix("?subject=unsubscribe>")
    assert BOUNCES.read(to) == Signed(SignedKind.NOTICE_REPLY, asked.notice_id)


def test_a_signed_notice_is_believed(database: Database) -> None:
    confirm_notice(database)
    asked = claim(database)
    made = composer(database, rsa_signer(), ed25519_signer()).compose(asked)
    assert verifies(made.data, 0)
    assert verifies(made.data, 1)
    assert made.data.endswith(b"\r\n" + composer(database).compose(asked).data)
    assert not verifies(made.data.replace(b"\r\nForm-Sub: v=1; ip=192.0.2.7", b"\r\nForm-Sub: v=1; ip=192.0.2.8"))
    assert not verifies(made.data.replace(b"\r\nAuto-Submitted: auto-generated", b""))


@pytest.mark.parametrize(
    ("client", "method", "field"),
    [
        ("2001:DB8:0:0::7", ConsentMethod.WEB, "v=1; ip=2001:db8::7; dom=papers.example.org"),
        ("::ffff:192.0.2.7", ConsentMethod.WEB, "v=1; ip=192.0.2.7; dom=papers.example.org"),
        ("", ConsentMethod.WEB, "v=1; dom=papers.example.org"),
        ("fe80::1%eth0 x=y", ConsentMethod.WEB, "v=1; dom=papers.example.org"),
        ("192.0.2.7\r\nBcc: all@example.org", ConsentMethod.WEB, "v=1; dom=papers.example.org"),
        ("", ConsentMethod.MAIL, None),
    ],
)
def test_only_what_is_a_plain_address_is_named_as_the_form_s_sender(
    database: Database, client: str, method: ConsentMethod, field: str | None
) -> None:
    confirm_notice(database, client=client, method=method)
    message = parse(composer(database).compose(claim(database)).data)
    assert message["Form-Sub"] == field
    assert "Bcc" not in message


def test_who_gets_it_already_is_told_so_with_a_way_to_choose_and_to_leave(database: Database) -> None:
    [reader] = add_readers(database, 1)
    put(database, Notice(NoticeKind.KNOWN, reader, address(reader), NEWSLETTER, client="192.0.2.7"))
    asked = claim(database)
    message = parse(composer(database).compose(asked).data)
    assert message["Form-Sub"] is not None
    unsubscribe = f"{BASE}/unsubscribe/{KEYS.make_unsubscribe(person_of(asked), NEWSLETTER)}"
    assert message["List-Unsubscribe"] == f"<{unsubscribe}>"
    said = texts(message)
    assert unsubscribe in said
    assert f"{BASE}/preferences/{KEYS.make_preferences(person_of(asked))}" in said
    assert "/confirm/" not in said


def test_a_welcome_before_the_first_issue_says_when_it_comes(database: Database) -> None:
    [reader] = add_readers(database, 1)
    put(database, Notice(NoticeKind.WELCOME, reader, address(reader), NEWSLETTER))
    message = parse(composer(database).compose(claim(database)).data)
    assert "Form-Sub" not in message
    said = texts(message)
    assert "07:00" in said
    assert "every day" in said
    assert "/unsubscribe/" in said


def test_a_change_of_address_is_asked_in_the_name_of_a_newsletter_they_get(database: Database) -> None:
    person = add_person(database)
    subscribe(database, [person], newsletter="robots")
    with database.write() as session:
        change = AddressChangeRow(subscriber_id=person, address="new@example.org", asked_at=MONDAY)
        session.add(change)
        session.flush()
        reference = change.id
    put(database, Notice(NoticeKind.CONFIRM_ADDRESS, person, "new@example.org", "", reference=reference))
    asked = claim(database)
    made = composer(database).compose(asked)
    message = parse(made.data)
    assert made.envelope_from == "robots@example.org"
    assert "Robots" in message["From"]
    token = KEYS.make_address(person_of(asked), reference)
    assert f"{BASE}/confirm/{token}" in texts(message)
    found = KEYS.claim(token, TokenPurpose.ADDRESS)
    assert found is not None
    assert KEYS.verify(found, person_of(asked), change_id=reference)


def test_the_old_address_is_told_and_given_no_link(database: Database) -> None:
    person = add_person(database)
    put(database, Notice(NoticeKind.ADDRESS_CHANGED, person, "old@example.org", ""))
    message = parse(composer(database).compose(claim(database)).data)
    assert "Trending Papers" in str(message["From"]), "of no newsletter they get, the first there is"
    said = texts(message)
    assert not any(f"/{page}/" in said for page in ("confirm", "unsubscribe", "preferences", "feedback"))
    assert address(person) not in said, "the new address is nobody else's business"


def test_an_address_with_letters_of_its_own_domain_is_written_in_ascii(database: Database) -> None:
    person = add_person(database)
    put(database, Notice(NoticeKind.ADDRESS_CHANGED, person, "old@bücher.example", ""))
    made = composer(database).compose(claim(database))
    assert parse(made.data)["To"] == "old@xn--bcher-kva.example"


def test_an_address_with_letters_of_its_own_before_the_at_is_written_in_utf8(database: Database) -> None:
    person = add_person(database)
    put(database, Notice(NoticeKind.ADDRESS_CHANGED, person, "öld@bücher.example", ""))
    made = composer(database, rsa_signer()).compose(claim(database))
    assert "\r\nTo: öld@xn--bcher-kva.example\r\n".encode() in made.data
    assert verifies(made.data)


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (WEEK, "7 days"),
        (timedelta(hours=36), "36 hours"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(minutes=90), "90 minutes"),
    ],
)
def test_how_long_a_link_works_is_said_as_it_is(database: Database, clock: ManualClock, length: timedelta, words: str) -> None:
    confirm_notice(database)
    message = parse(composer(database, confirm_within=length).compose(claim(database, at=clock.now())).data)
    assert words in texts(message)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("de", ("jeden Tag um 07:00 Uhr (Tokio)", "Willkommen")),
        ("fr", ("tous les jours à 07:00 (Tokyo)", "Bienvenue")),
        ("ar", ("كل يوم في الساعة 7:00 ص (طوكيو)", "مرحبًا بك")),
    ],
)
def test_a_welcome_says_when_it_comes_in_the_newsletters_language(
    database: Database, language: str, words: tuple[str, ...]
) -> None:
    [reader] = add_readers(database, 1)
    with database.write() as session:
        session.execute(update(SubscriptionRow).values(zone="Asia/Tokyo"))
    put(database, Notice(NoticeKind.WELCOME, reader, address(reader), NEWSLETTER))
    message = parse(composer(database, language=language).compose(claim(database)).data)
    said = " ".join(texts(message).split())
    assert all(word in said for word in words)


def test_how_long_a_link_works_is_said_in_the_newsletters_language(database: Database) -> None:
    confirm_notice(database)
    message = parse(composer(database, language="de").compose(claim(database)).data)
    assert message["Subject"] == "Bitte bestätigen: Trending Papers"
    assert "Der Link gilt 7 Tage." in texts(message)

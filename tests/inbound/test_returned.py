from __future__ import annotations

from datetime import datetime

import pytest

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.delivery.identity.verp import Signed, SignedAddresses, SignedKind
from newsletter.delivery.returns.reasons import REASONS, About, about
from newsletter.digest.model import IssueId
from newsletter.inbound.handling import Addressed, Handled, Received
from newsletter.inbound.model import Arrival, BounceReason, Door, InboundId, Stored, Via
from newsletter.inbound.reading.mail import read_mail
from newsletter.inbound.returned import ReturnedMail
from newsletter.inbound.sorting.sort import sort
from newsletter.rendering.message.message import message_id
from subscribers.address import parse_address
from subscribers.keys import LinkKeys
from subscribers.leaving import Leaving
from subscribers.links import Links
from subscribers.model import Choices, NoticeKind, SubscriberId, SubscriberState
from subscribers.store import SubscriberStore
from subscribers.tokens import KeyRing
from subscribers.wishes import ChangeStore
from tests.delivery.house import address
from tests.delivery.returns.house import SECRET, ReturnHouse, at
from tests.subscribers.fakes import NoNotices

SIGNED = SignedAddresses(SECRET)
KEYS = LinkKeys(KeyRing.of(SECRET))
BOUNCES = "bounces@news.example.org"


class Desk(ReturnHouse):
    """A handler on a desk, and the mails that are brought to it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        links = Links(self.database, self.clock, KEYS, NoNotices())
        self.handler = ReturnedMail(self.desk, SIGNED, links.holder_of)
        (self.reader,) = self.readers(1)
        self.issue: IssueId = self.send([self.reader])

    def take(self, raw: str, *, to: Signed | None = None, number: int = 1, came: datetime | None = None) -> Handled:
        """Have a mail handled that came to the address for bounces, or to one that was signed."""
        mail = read_mail(raw.replace("\n", "\r\n").encode())
        stored = Stored(InboundId(number), Arrival(b"", Via.PIPE), came or self.clock.now())
        addressed = Addressed(Door.BOUNCES, to, "papers")
        verdict = sort(mail, envelope_from="", door=Door.BOUNCES)
        return self.handler.handle(Received(stored, mail, verdict, addressed), now=self.clock.now())

    @property
    def signed(self) -> Signed:
        """What the envelope sender of the reader's delivery was signed for."""
        return self.delivery(self.issue, self.reader)

    @property
    def state(self) -> SubscriberState:
        return self.person(self.reader).state

    @property
    def newsletters(self) -> list[str]:
        """What the reader gets."""
        with self.database.read() as session:
            return Leaving(session).newsletters(self.reader)


@pytest.fixture
def home(database: Database, clock: ManualClock) -> Desk:
    return Desk(database, clock)


def report(status: str = "5.1.1", action: str = "failed", said: str = "550 5.1.1 no such user here", more: str = "") -> str:
    return f"""From: MAILER-DAEMON@mx.example.net
To: {BOUNCES}
Subject: Delivery status notification
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="x"

--x
Content-Type: text/plain

The message was not delivered. {more}

--x
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; reader1@example.org
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {said}

--x
Content-Type: text/rfc822-headers

Return-Path: <{more or BOUNCES}>
Subject: Papers

--x--
"""


def complaint(*header: str, kind: str = "abuse", fields: tuple[str, ...] = (), body: str = "") -> str:
    said = "".join(f"\n{line}" for line in fields)
    enclosed = "".join(f"{line}\n" for line in header)
    return f"""From: feedback@provider.example.net
To: abuse@news.example.org
Subject: Abuse report
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="x"

--x
Content-Type: text/plain

This is an abuse report. {body}

--x
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: Feedback/1.0
Version: 1{said}

--x
Content-Type: message/rfc822

{enclosed}Subject: Papers
From: papers@news.example.org

{body}

--x--
"""


def test_a_bounce_to_a_signed_address_counts_once_however_often_it_is_handled(home: Desk, clock: ManualClock) -> None:
    handled = home.take(report(), to=home.signed)
    assert (handled.outcome, handled.subscriber_id, handled.newsletter) == ("bounce.counted", home.reader, "papers")
    assert handled.facts == {"reason": "userunknown", "hard": True, "status": "5.1.1"}
    at(clock, 1)
    assert home.take(report(), to=home.signed).outcome == "bounce.known"
    assert home.score(home.reader) == 1.0
    assert [row.inbound_id for row in home.rows()] == [1]


def test_a_bounce_without_a_signature_changes_nothing_whatever_it_quotes(home: Desk) -> None:
    genuine = SIGNED.make(BOUNCES, home.signed.kind, home.signed.number)
    assert home.take(report(more=genuine)).outcome == "bounce.unsigned"
    answers = Signed(SignedKind.DELIVERY_REPLY, home.signed.number)
    assert home.take(report(), to=answers).outcome == "bounce.unsigned", "that address is in every copy of the mail"
    assert home.rows() == []


def test_a_bounce_of_what_never_left_or_left_long_ago_changes_nothing(home: Desk, clock: ManualClock) -> None:
    assert home.take(report(), to=Signed(SignedKind.DELIVERY, 10**9)).outcome == "bounce.unknown"
    at(clock, 11)
    assert home.take(report(), to=home.signed).outcome == "bounce.too_old"
    assert home.rows() == []
    assert home.mailbox(home.reader) is None


def test_a_delay_and_a_refusal_for_our_sake_are_no_step(home: Desk) -> None:
    delayed = report("4.4.1", "delayed", "451 4.4.1 connection timed out, will keep trying")
    assert home.take(delayed, to=home.signed).outcome == "delayed.noted"
    policy = report("5.7.26", said="550 5.7.26 this mail has been blocked because the sender is unauthenticated")
    assert home.take(policy, to=home.signed).outcome == "bounce.noted"
    assert home.mailbox(home.reader) is None
    assert [row.kind for row in home.rows()] == ["delayed", "bounce"]


def test_a_mailbox_that_goes_on_bouncing_is_asked_and_then_left_alone(home: Desk, clock: ManualClock) -> None:
    outcomes = []
    for _ in range(3):
        outcomes.append(home.take(report(), to=home.delivery(home.send([home.reader]), home.reader)).outcome)
        at(clock, 1)
    probe = home.notice(home.reader, NoticeKind.PROBE)
    outcomes.append(home.take(report("4.2.2", said="452 4.2.2 mailbox full"), to=probe).outcome)
    assert outcomes == ["bounce.counted", "bounce.counted", "bounce.probed", "bounce.ended"]
    assert home.state is SubscriberState.BOUNCED


def enclosed_fields(home: Desk) -> dict[str, str]:
    """Each of the fields by which a provider's copy of our message says which one it was."""
    reply = SIGNED.make("papers@news.example.org", SignedKind.DELIVERY_REPLY, home.signed.number)
    token = KEYS.make_unsubscribe(home.person(home.reader), "papers")
    return {
        "return path": f"Return-Path: <{SIGNED.make(BOUNCES, home.signed.kind, home.signed.number)}>",
        "in capitals": f"Return-Path: {SIGNED.make(BOUNCES, home.signed.kind, home.signed.number).upper()}",
        "reply-to": f"Reply-To: Papers <{reply}>",
        "mailto": f"List-Unsubscribe: <https://news.example.org/>, <mailto:{reply}?subject=unsubscribe>",
        "link": f"List-Unsubscribe: <https://news.example.org/unsubscribe/{token}>",
    }


@pytest.mark.parametrize("field", ["return path", "in capitals"])
def test_a_genuine_complaint_suppresses_at_once_by_the_header_of_the_enclosed_message(home: Desk, field: str) -> None:
    line = enclosed_fields(home)[field]
    handled = home.take(complaint(line))
    assert (handled.outcome, handled.subscriber_id) == ("complaint.suppressed", home.reader)
    assert home.state is SubscriberState.COMPLAINED
    assert home.take(complaint(line), number=2).outcome == "complaint.known"


@pytest.mark.parametrize("field", ["reply-to", "mailto", "link"])
def test_a_complaint_that_only_proves_to_have_a_copy_ends_the_newsletter_and_suppresses_nobody(home: Desk, field: str) -> None:
    line = enclosed_fields(home)[field]
    with home.database.write() as session:
        SubscriberStore(session).subscribe(home.reader, "robots", Choices(), now=home.clock.now())
    handled = home.take(complaint(line))
    assert (handled.outcome, handled.subscriber_id, handled.newsletter) == ("complaint.unsubscribed", home.reader, "papers")
    assert home.newsletters == ["robots"]
    assert home.state is SubscriberState.ACTIVE
    assert home.rows() == [], "nor does it count in the rates"
    assert home.take(complaint(line), number=2).outcome == "complaint.unsubscribed"


@pytest.mark.parametrize("field", ["reply-to", "mailto", "link"])
def test_our_message_id_beside_it_proves_the_complaint_though_nobody_is_named(home: Desk, field: str) -> None:
    made = message_id(SECRET, home.issue, home.reader, "news.example.org")
    handled = home.take(complaint(enclosed_fields(home)[field], f"Message-ID: {made}"))
    assert handled.outcome == "complaint.suppressed"


def test_a_plain_mail_to_an_address_for_answers_that_calls_itself_a_complaint_suppresses_nobody(home: Desk) -> None:
    answers = Signed(SignedKind.DELIVERY_REPLY, home.signed.number)
    handled = home.take("From: eve@example.com\nTo: x@news.example.org\nSubject: x\nX-ARF: yes\n\nhello\n", to=answers)
    assert handled.outcome == "complaint.unsubscribed"
    assert home.state is SubscriberState.UNSUBSCRIBED


def test_a_complaint_about_a_mail_to_the_old_address_does_nothing_to_the_reader(home: Desk, clock: ManualClock) -> None:
    fields, moved = enclosed_fields(home), parse_address("new@example.net")
    at(clock, 1)
    with home.database.write() as session:
        ChangeStore(session).ask(home.reader, moved, now=clock.now())
        ChangeStore(session).make(home.reader, moved, now=clock.now())
    at(clock, 1)
    assert home.take(complaint(fields["return path"])).outcome == "complaint.noted"
    assert home.take(complaint(fields["reply-to"]), number=2).outcome == "complaint.unknown"
    assert home.state is SubscriberState.ACTIVE
    assert home.newsletters == ["papers"]


def test_a_complaint_by_the_reports_own_fields_or_the_address_it_came_to(home: Desk) -> None:
    sender = SIGNED.make(BOUNCES, home.signed.kind, home.signed.number)
    assert home.take(complaint(fields=(f"Original-Mail-From: <{sender}>",))).outcome == "complaint.suppressed"
    assert home.take(complaint(), to=home.signed).outcome == "complaint.known"


def test_a_complaint_by_our_message_id_and_the_recipient_it_names(home: Desk) -> None:
    made = message_id(SECRET, home.issue, home.reader, "news.example.org")
    line = f"Message-ID: {made}"
    assert home.take(complaint(line)).outcome == "complaint.unsigned", "nobody is named"
    handled = home.take(complaint(line, fields=(f"Original-Rcpt-To: {address(home.reader)}",)))
    assert handled.outcome == "complaint.suppressed"


def test_a_complaint_whose_signature_stands_in_a_text_or_is_forged_changes_nothing(home: Desk) -> None:
    sender = SIGNED.make(BOUNCES, home.signed.kind, home.signed.number)
    forged = SignedAddresses(b"x" * 32).make(BOUNCES, home.signed.kind, home.signed.number)
    link = LinkKeys(KeyRing.of(b"x" * 32)).make_unsubscribe(home.person(home.reader), "papers")
    guessed = (f"Original-Envelope-Id: {home.signed.number}", f"Original-Rcpt-To: {address(home.reader)}")
    for raw in (
        complaint(body=f"Return-Path: <{sender}> {enclosed_fields(home)['link']}"),
        complaint(f"Return-Path: <{forged}>", fields=(f"Original-Mail-From: <{forged}>",)),
        complaint(f"List-Unsubscribe: <https://news.example.org/unsubscribe/{link}>"),
        complaint(f"To: {address(home.reader)}", fields=guessed),
        complaint(f"Subject: {sender}"),
    ):
        assert home.take(raw).outcome == "complaint.unsigned"
    assert home.rows() == []
    assert home.state is SubscriberState.ACTIVE


@pytest.mark.parametrize("kind", ["auth-failure", "not-spam"])
def test_reports_that_are_no_complaint_change_nothing(home: Desk, kind: str) -> None:
    handled = home.take(complaint(kind=kind), to=home.signed)
    assert handled.outcome == "complaint.harmless"
    assert home.rows() == []


@pytest.mark.parametrize("kind", ["fraud", "opt-out", "other", "something-new"])
def test_every_other_type_of_complaint_suppresses(home: Desk, kind: str) -> None:
    assert home.take(complaint(kind=kind), to=home.signed).outcome == "complaint.suppressed"


def test_a_complaint_about_what_is_gone_changes_nothing_and_one_about_what_is_old_acts(home: Desk, clock: ManualClock) -> None:
    assert home.take(complaint(), to=Signed(SignedKind.NOTICE, 10**9)).outcome == "complaint.unknown"
    at(clock, 11)
    assert home.state is SubscriberState.ACTIVE
    assert home.take(complaint(), to=home.signed).outcome == "complaint.suppressed"


def test_a_bounce_that_waited_with_us_is_not_too_old_for_that(home: Desk, clock: ManualClock) -> None:
    came = at(clock, 9)
    at(clock, 3)
    assert home.take(report(), to=home.signed, came=came).outcome == "bounce.counted"


def test_a_flood_of_signatures_in_one_complaint_ends_nobody_but_the_first(home: Desk) -> None:
    others = home.readers(3)
    issue = home.send(others)
    lines = [f"Return-Path: <{SIGNED.make(BOUNCES, SignedKind.DELIVERY, home.delivery(issue, who).number)}>" for who in others]
    assert home.take(complaint(*lines)).outcome == "complaint.suppressed"
    assert [home.person(SubscriberId(who)).state for who in others].count(SubscriberState.COMPLAINED) == 1


def test_every_reason_is_told_apart_and_only_those_about_the_mailbox_count() -> None:
    assert {reason.value for reason in BounceReason} == REASONS
    assert about("userunknown") is about("something new") is About.MAILBOX
    for ours in ("authfailure", "badreputation", "blocked", "spamdetected", "policyviolation", "requireptr", "speeding"):
        assert about(ours) is About.US

import json

from hypothesis import given
from hypothesis import strategies as st

from newsletter.inbound.bounces.failures import read_bounce
from newsletter.inbound.bounces.ses_notices import reports_in_notice
from newsletter.inbound.reading.mail import read_mail
from tests.inbound.bounces.sample import ADA, ALAN, Sample

SENDER = "AWS Notifications <no-reply@sns.example.com>"
FOOTER = "\n\n--\nIf you wish to stop receiving notifications from this topic, please click or visit the link below\n"


def bounce(
    *, kind: str = "Permanent", subkind: str = "General", diagnostic: str = "smtp; 550 5.1.1 user unknown"
) -> dict[str, object]:
    return {
        "notificationType": "Bounce",
        "bounce": {
            "bounceType": kind,
            "bounceSubType": subkind,
            "bouncedRecipients": [
                {"emailAddress": ADA, "action": "failed", "status": "5.1.1", "diagnosticCode": diagnostic},
                {"emailAddress": ALAN},
            ],
        },
        "mail": {"source": "news@example.com", "destination": [ADA, ALAN]},
    }


def mail(text: str) -> bytes:
    return Sample("SES", text, "AWS Notification Message", SENDER).raw()


def test_a_notice_in_a_mail_is_a_bounce() -> None:
    found = read_bounce(read_mail(mail(json.dumps(bounce()) + FOOTER)))
    assert found is not None
    assert [failure.report.recipient for failure in found.failures] == [ADA, ALAN]
    first = found.failures[0].report
    assert (first.status, first.reply_code, first.diagnostic) == ("5.1.1", "550", "550 5.1.1 user unknown")


def test_a_notice_inside_a_notification_of_sns_is_read() -> None:
    reports = reports_in_notice(json.dumps({"Type": "Notification", "Message": json.dumps(bounce())}))
    assert [report.recipient for report in reports] == [ADA, ALAN]


def test_a_notice_whose_lines_were_broken_on_the_way_is_read() -> None:
    text = json.dumps(bounce())
    for end in ("!\n ", "\n"):
        assert len(reports_in_notice(text[:300] + end + text[300:])) == 2


def test_events_are_read_like_notifications() -> None:
    event = bounce() | {"eventType": "Bounce"}
    del event["notificationType"]
    assert len(reports_in_notice(json.dumps(event))) == 2


def test_the_type_of_a_bounce_says_what_no_server_said() -> None:
    (report, _) = reports_in_notice(json.dumps(bounce(kind="Transient", subkind="MailboxFull", diagnostic="")))
    assert report.diagnostic == "mailbox full"


def test_a_delay_is_one() -> None:
    notice = {"eventType": "DeliveryDelay", "deliveryDelay": {"delayedRecipients": [{"emailAddress": ADA, "status": "4.4.1"}]}}
    found = read_bounce(read_mail(mail(json.dumps(notice) + FOOTER)))
    assert found is not None
    assert found.is_delayed


def test_deliveries_and_complaints_are_no_bounces() -> None:
    delivery = {"notificationType": "Delivery", "delivery": {"recipients": [ADA]}}
    complaint = {"notificationType": "Complaint", "complaint": {"complainedRecipients": [{"emailAddress": ADA}]}}
    assert read_bounce(read_mail(mail(json.dumps(delivery)))) is None
    assert read_bounce(read_mail(mail(json.dumps(complaint)))) is None


def test_a_notice_that_a_person_pastes_is_no_bounce() -> None:
    letter = Sample("a letter", f"What is this?\n\n{json.dumps(bounce())}\n", "Re: Papers", f"Ada Example <{ADA}>")
    assert read_bounce(read_mail(letter.raw())) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("bounce", "bouncedRecipients", "emailAddress", "status", "bounceType", "Message")),
            inner,
            max_size=4,
        )
    ),
)


@given(JSON)
def test_no_notice_is_too_odd_to_be_read(value: object) -> None:
    reports_in_notice(json.dumps({"notificationType": "Bounce", "bounce": value, "Message": value}))
    reports_in_notice(json.dumps({"notificationType": "Bounce", "bounce": {"bouncedRecipients": value}}))


def test_deep_nesting_is_left_alone() -> None:
    assert reports_in_notice('{"notificationType": ' + "[" * 50_000) == ()

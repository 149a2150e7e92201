import re
from dataclasses import replace

import pytest

from newsletter.inbound.bounces.failures import Bounce, read_bounce
from newsletter.inbound.reading.mail import read_mail
from tests.inbound.bounces.dialects import DIALECTS
from tests.inbound.bounces.letters import LETTERS, WHOLE_LETTERS
from tests.inbound.bounces.sample import ADA, ALAN, Sample

TEAM = "team@example.net"
FROM_MAIL_SYSTEMS = [sample for sample in DIALECTS if not sample.sender.lower().startswith(("no-reply@", "smtp@"))]

#: How servers of several languages say it: subject, and the words above the address.
LANGUAGES = {
    "English": ("Undeliverable: Papers", "Your message could not be delivered to the following recipients:"),
    "German": ("Unzustellbar: Papers", "Ihre Nachricht konnte nicht zugestellt werden:"),
    "French": ("Non remis : Papers", "Votre message n'a pas pu être remis aux destinataires suivants :"),
    "Spanish": ("No se puede entregar: Papers", "No se pudo entregar el mensaje a estos destinatarios:"),
    "Italian": ("Non recapitabile: Papers", "Impossibile recapitare il messaggio ai seguenti destinatari:"),
    "Portuguese": ("Não é possível entregar: Papers", "A sua mensagem não pôde ser entregue a estes destinatários:"),
    "Dutch": ("Onbestelbaar: Papers", "Uw bericht kan niet worden bezorgd bij de volgende geadresseerden:"),
    "Swedish": ("Olevererbar: Papers", "Meddelandet kunde inte levereras till följande mottagare:"),
    "Danish": ("Kunne ikke leveres: Papers", "Meddelelsen kunne ikke leveres til følgende modtagere:"),
    "Polish": ("Niedostarczone: Papers", "Nie można dostarczyć wiadomości do następujących adresatów:"),
    "Czech": ("Nedoručitelné: Papers", "Zprávu se nepodařilo doručit těmto příjemcům:"),
    "Russian": ("Недоставленное сообщение", "Ваше сообщение не удалось доставить следующим получателям:"),
    "Turkish": ("Teslim edilemedi: Papers", "İletiniz teslim edilemedi:"),
    "Japanese": ("配信不能: Papers", "次の受信者へのメッセージは配信できませんでした。"),
    "Chinese": ("未送达: Papers", "无法将您的邮件传递给以下收件人，邮件无法送达。"),  # noqa: RUF001 - Chinese has a comma of its own
}


def read(raw: bytes | str, *, envelope_from: str | None = None) -> Bounce | None:
    return read_bounce(read_mail(raw.encode() if isinstance(raw, str) else raw), envelope_from=envelope_from)


def recipients(bounce: Bounce | None) -> tuple[str, ...]:
    assert bounce is not None
    return tuple(failure.report.recipient for failure in bounce.failures if failure.report.recipient)


def report_of(*fields: str, text: str = "See below.", subject: str = "Undelivered Mail Returned to Sender") -> str:
    """A multipart/report with these per-recipient blocks."""
    blocks = "\n\n".join(("Reporting-MTA: dns; mx.example.net", *fields))
    return (
        f"From: MAILER-DAEMON@mx.example.net\nTo: news@example.com\nSubject: {subject}\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
        f"--b\nContent-Type: text/plain\n\n{text}\n\n--b\nContent-Type: message/delivery-status\n\n{blocks}\n\n"
        f"--b\nContent-Type: text/rfc822-headers\n\nFrom: news@example.com\nTo: {ADA}\nSubject: Papers\n\n--b--\n"
    )


@pytest.mark.parametrize("sample", DIALECTS, ids=lambda sample: sample.name)
def test_each_dialect_tells_who_failed(sample: Sample) -> None:
    bounce = read(sample.raw())
    assert recipients(bounce) == sample.failed
    assert bounce is not None
    assert bounce.is_delayed is sample.is_delayed
    assert {failure.report.action for failure in bounce.failures} == {"delayed" if sample.is_delayed else "failed"}
    if sample.codes:
        assert tuple(failure.report.reply_code for failure in bounce.failures) == sample.codes


@pytest.mark.parametrize("sample", DIALECTS, ids=lambda sample: sample.name)
def test_a_dialect_is_known_with_any_line_ends(sample: Sample) -> None:
    whole = read(sample.raw())
    assert read(sample.raw().replace(b"\n", b"\r\n")) == whole
    assert read(sample.raw().replace(b"\n", b"\r")) == whole


@pytest.mark.parametrize("sample", FROM_MAIL_SYSTEMS, ids=lambda sample: sample.name)
def test_a_dialect_is_known_by_its_words_if_its_subject_says_nothing(sample: Sample) -> None:
    assert recipients(read(replace(sample, subject="Papers").raw())) == sample.failed


@pytest.mark.parametrize("sample", DIALECTS, ids=lambda sample: sample.name)
def test_a_persons_answer_that_quotes_a_dialect_is_no_bounce(sample: Sample) -> None:
    quoted = "\n".join(f"> {line}" for line in sample.text.splitlines())
    answer = Sample("an answer", f"What is this?\n\n{quoted}\n", f"Re: {sample.subject}", f"Ada Example <{ADA}>")
    assert read(answer.raw()) is None
    assert read(replace(answer, text=sample.text, subject=f"Fwd: {sample.subject}").raw()) is None


@pytest.mark.parametrize("letter", LETTERS, ids=lambda letter: letter.name)
def test_letters_are_no_bounces(letter: Sample) -> None:
    assert read(letter.raw()) is None


@pytest.mark.parametrize("raw", WHOLE_LETTERS.values(), ids=WHOLE_LETTERS)
def test_reports_of_other_things_are_no_bounces(raw: str) -> None:
    assert read(raw) is None
    assert read(raw, envelope_from="") is None


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("sender", ["postmaster@example.net", "MAILER-DAEMON"])
def test_failures_are_known_in_many_languages(language: str, sender: str) -> None:
    subject, words = LANGUAGES[language]
    plain = Sample(language, f"{words}\n\n{ADA}\n", subject, sender)
    assert recipients(read(plain.raw())) == (ADA,)
    assert recipients(read(replace(plain, subject="Papers").raw())) == (ADA,)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_null_sender_is_enough_where_the_from_field_says_nothing(language: str) -> None:
    subject, words = LANGUAGES[language]
    plain = Sample(language, f"{words}\n\n{ADA}\n", subject, "somebody@example.net")
    assert recipients(read(plain.raw(), envelope_from="")) == (ADA,)


def test_a_report_tells_each_recipient_with_what_was_said() -> None:
    bounce = read(
        report_of(
            f"Final-Recipient: rfc822; {ADA}\nAction: failed\nStatus: 5.0.0\nRemote-MTA: dns; MX.example.org\n"
            "Diagnostic-Code: smtp; 550 5.1.1 User\n unknown",
            f"Final-Recipient: rfc822; {ALAN}\nAction: failed\nStatus: 5.2.2",
        )
    )
    assert bounce is not None
    first, second = (failure.report for failure in bounce.failures)
    assert (first.recipient, first.status, first.reply_code) == (ADA, "5.1.1", "550")
    assert (first.remote, first.diagnostic) == ("mx.example.org", "550 5.1.1 User unknown")
    assert (second.recipient, second.status, second.reply_code) == (ALAN, "5.2.2", "")


def test_a_delay_is_one_only_if_nobody_has_failed() -> None:
    late = f"Final-Recipient: rfc822; {ADA}\nAction: delayed\nStatus: 4.4.1"
    failed = f"Final-Recipient: rfc822; {ALAN}\nAction: failed\nStatus: 5.1.1"
    delayed = read(report_of(late))
    assert delayed is not None
    assert delayed.is_delayed
    assert recipients(delayed) == (ADA,)
    both = read(report_of(late, failed))
    assert both is not None
    assert not both.is_delayed
    assert recipients(both) == (ALAN,)


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
def test_a_report_that_all_went_well_is_no_bounce(action: str) -> None:
    assert read(report_of(f"Final-Recipient: rfc822; {ADA}\nAction: {action}\nStatus: 2.0.0")) is None


def test_the_words_fill_in_what_the_fields_leave_out() -> None:
    text = f"<{ADA}>: host mx.example.org[192.0.2.7] said: 550 5.1.1 no such user (in reply to RCPT TO command)"
    bounce = read(report_of(f"Final-Recipient: rfc822; {ADA}\nAction: failed\nStatus: 5.0.0", text=text))
    assert bounce is not None
    report = bounce.failures[0].report
    assert (report.reply_code, report.status, report.remote) == ("550", "5.1.1", "mx.example.org")


def test_fields_without_a_recipient_are_about_whom_the_words_or_the_message_itself_name() -> None:
    assert recipients(read(report_of("Action: failed\nStatus: 5.0.0", text=f"It did not reach:\n\n{ALAN}\n"))) == (ALAN,)
    assert recipients(read(report_of("Action: failed\nStatus: 5.0.0"))) == (ADA,)


def test_a_report_without_its_boundary_is_read_from_the_text() -> None:
    raw = report_of(f"Final-Recipient: rfc822; {ADA}\nAction: failed\nStatus: 5.1.1").replace("boundary=b", "boundary=c")
    assert recipients(read(raw)) == (ADA,)


def test_a_report_that_a_gateway_wrapped_is_read() -> None:
    inner = report_of(f"Final-Recipient: rfc822; {ADA}\nAction: failed\nStatus: 5.1.1")
    raw = (
        "From: postmaster@example.org\nTo: news@example.com\nSubject: Delivery Status Notification (Failure)\n"
        f"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: message/rfc822\n\n{inner}\n"
        "--a\nContent-Type: text/plain\n\nThis mail is confidential.\n\n--a--\n"
    )
    assert recipients(read(raw)) == (ADA,)


def test_an_address_is_reported_once_with_what_says_most() -> None:
    block = f"Final-Recipient: rfc822; {ADA}\nAction: failed\nStatus: 5.1.1"
    bounce = read(report_of(block, f"{block}\nDiagnostic-Code: smtp; 550 5.1.1 User unknown"))
    assert bounce is not None
    assert len(bounce.failures) == 1
    assert bounce.failures[0].report.reply_code == "550"


def test_whoever_sent_the_message_or_hears_of_it_did_not_fail() -> None:
    text = f"""
    The message from news@example.com to {ADA} could not be delivered.
    It is returned to news-bounces@example.com. Questions? Please write to help@example.net.
    """
    assert recipients(read(Sample("prose", text, sender="postmaster@example.net").raw())) == (ADA,)


def test_addresses_of_an_alias_are_not_taken_for_the_one_written_to() -> None:
    text = f"""
       ----- The following addresses had permanent fatal errors -----
    <{ADA}>
        (reason: 550 5.1.1 User unknown)
        (expanded from: <{TEAM}>)
    """
    assert recipients(read(Sample("an alias", text, "Returned mail: see transcript for details").raw())) == (ADA,)


def test_a_bounce_that_names_nobody_is_one_nevertheless() -> None:
    bounce = read(Sample("nobody", "Your message could not be delivered.\n", "Undeliverable mail").raw())
    assert bounce is not None
    assert [failure.report.recipient for failure in bounce.failures] == [""]


def test_at_most_100_recipients_are_reported() -> None:
    blocks = [f"Final-Recipient: rfc822; reader{number}@example.org\nAction: failed\nStatus: 5.1.1" for number in range(200)]
    assert len(recipients(read(report_of(*blocks)))) == 100


def test_what_is_said_never_holds_a_line_end() -> None:
    for sample in DIALECTS:
        bounce = read(sample.raw())
        assert bounce is not None
        for failure in bounce.failures:
            assert not re.search(r"[\r\n]", failure.report.diagnostic + failure.report.recipient + failure.report.remote)


def test_what_is_said_of_one_recipient_is_not_held_against_another() -> None:
    text = f"""
    The following addresses failed:

      {ADA}
        550 5.1.1 User unknown
      {ALAN}
        retry timeout exceeded
    """
    bounce = read(Sample("two", text, "Mail delivery failed").raw())
    assert bounce is not None
    assert [failure.report.reply_code for failure in bounce.failures] == ["550", ""]


def test_an_address_far_from_the_margin_is_at_the_head_of_its_line() -> None:
    text = "Your message could not be delivered to\n\n" + " " * 60 + ADA + "\n\nas that is full.\n"
    assert recipients(read(Sample("far", text).raw())) == (ADA,)


def test_a_letter_of_a_shop_is_no_bounce() -> None:
    text = f"Your order was not sent yet, as your payment was refused. It is for:\n\n{ALAN}\n"
    assert read(Sample("a shop", text, "Your order", "Shop <noreply@example.com>").raw()) is None


def test_a_report_is_one_whatever_its_subject_and_sender() -> None:
    raw = report_of(f"Final-Recipient: rfc822; {ADA}\nAction: failed\nStatus: 5.1.1", subject="Re: Papers")
    assert recipients(read(raw.replace("MAILER-DAEMON@mx.example.net", "robot@example.net"))) == (ADA,)

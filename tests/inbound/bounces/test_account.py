from newsletter.inbound.bounces.account import account_of, fold
from newsletter.inbound.reading.mail import read_mail
from tests.inbound.bounces.sample import ADA, ALAN, Sample

HEADER = (
    f"Received: from mx.example.com by mx.example.net for <{ADA}>; Mon, 2 Nov 2026\nFrom: news@example.com\nTo: Ada <{ADA}>\n"
)


def account(text: str) -> tuple[str, ...]:
    return tuple(line for line in account_of(read_mail(Sample("a text", text).raw())).lines if line)


def test_the_returned_message_is_cut_off_below_its_label() -> None:
    for label in (
        "--- Below this line is a copy of the message.",
        "------ This is a copy of the message, including all the headers. ------",
        "   ----- Original message -----",
        "   ----- Unsent message follows -----",
        "Ursprüngliche Nachrichtenkopfzeilen:\n\nReceived: from mx.example.com",
        "Message headers follow.",
        "Content-Type: message/rfc822",
    ):
        assert account(f"It failed.\n\n{label}\n\nTo: {ADA}\n")[0] == "It failed."
        assert not any(ADA in line for line in account(f"It failed.\n\n{label}\n\nTo: {ADA}\n"))


def test_a_header_that_is_pasted_without_a_label_is_cut_off() -> None:
    assert account(f"It failed.\n\n{HEADER}\nthe body\n") == ("It failed.",)


def test_what_only_resembles_a_label_is_kept() -> None:
    lines = (
        "The original message was received at Mon, 2 Nov 2026",
        "Below is the list of recipients:",
        "delete your own text from the attached returned message.",
        "Received-From-MTA: dns; mx.example.net",
    )
    for line in lines:
        assert account(f"{line}\n{ADA}\n") == (line, ADA)


def test_quoted_lines_are_left_out_but_transcripts_are_not() -> None:
    assert account(f"> <{ADA}>:\n>>> RCPT TO:<{ADA}>\n<<< 550 no\n") == (f">>> RCPT TO:<{ADA}>", "<<< 550 no")


def test_whom_the_message_was_for_is_read_from_its_header() -> None:
    found = account_of(read_mail(Sample("a text", f"It failed.\n\n----- Original message -----\n\n{HEADER}").raw()))
    assert found.sent_to == (ADA,)
    assert {"news@example.com", "news-bounces@example.com"} <= found.senders
    received = HEADER.replace(f"To: Ada <{ADA}>\n", "")
    assert account_of(read_mail(Sample("a text", f"It failed.\n\n{received}").raw())).sent_to == (ADA,)


def test_the_header_of_an_enclosed_message_counts() -> None:
    raw = (
        "From: MAILER-DAEMON\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nIt failed.\n--b\n"
        f"Content-Type: message/rfc822\n\nFrom: news@example.com\nTo: {ADA}, {ALAN}\n\nx\n--b--\n"
    )
    assert account_of(read_mail(raw.encode())).sent_to == (ADA, ALAN)


def test_texts_are_folded_alike() -> None:
    assert fold("N\u2019a  pas\nété  REMIS\u00a0:") == "n'a pas ete remis :"

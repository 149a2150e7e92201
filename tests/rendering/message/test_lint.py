from __future__ import annotations

from dataclasses import replace

import pytest

from newsletter.rendering.findings import Severity, errors_in
from newsletter.rendering.message.assembly import AUTO_GENERATED, AUTO_REPLIED, assemble
from newsletter.rendering.message.lint import Expectation, lint
from newsletter.rendering.message.message import CONFIRM, UNSUBSCRIBE, Slots
from tests.rendering.message.test_message import NONCE, composed, content, with_inbound
from tests.rendering.samples import BASE_URL, PERSONAL, TOKEN

GOOD = composed().splice(PERSONAL)
EXPECTED = composed().expectation(PERSONAL)
LINK = f'<a href="{BASE_URL}/unsubscribe/{TOKEN}">x</a>'


def rules(data: bytes, expected: Expectation = EXPECTED) -> set[str]:
    return {finding.rule for finding in errors_in(lint(data, expected))}


def with_html(html: str) -> bytes:
    slots = Slots(NONCE)
    url = f"{BASE_URL}/unsubscribe/{slots.placeholder(UNSUBSCRIBE)}"
    return assemble(content(slots, html=f'{html}<a href="{url}">x</a>'), slots).splice(PERSONAL)


def test_a_good_message_has_no_findings() -> None:
    assert lint(GOOD, EXPECTED) == []


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (b"MIME-Version", b"Bcc: eve@example.org\r\nMIME-Version", "unexpected-header"),
        (b"To: ada", b"To: eve@example.org\r\nTo: ada", "unexpected-header"),
        (b"MIME-Version: 1.0\r\n", b"", "missing-header"),
        (b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b"", "missing-header"),
        (b"To: ada@", b"To: eve@", "recipient"),
        (b"To: ada@example.org", b"To: ada@example.org, eve@example.org", "recipient"),
        (b"<papers@example.org>", b"<other@example.org>", "from"),
        (b'From: "Trending', b'From: "Blending', "from"),
        (b"Subject: Lantern", b"Subject: =?utf-8?q?L?=", "subject"),
        (b"Date: Fri, 21 Aug 2026 05:30:00 +0000", b"Date: yesterday", "date"),
        (b"List-Unsubscribe: <https", b"List-Unsubscribe: <http", "list-unsubscribe"),
        (b"List-Unsubscribe: <", b"List-Unsubscribe: <https://other.example.org/>, <", "list-unsubscribe"),
        (b"=One-Click", b"=Two-Clicks", "list-unsubscribe-post"),
        (b"<papers.example.org>", b"<papers>", "list-id"),
        (b"multipart/alternative", b"multipart/mixed", "structure"),
        (b"text/plain", b"text/html", "structure"),
        (b"Hello", b"H\xc3\xa9llo", "eight-bit"),
        (b"Hello", b"Hel\0lo", "nul"),
        (b"Hello\r\n", b"Hello\n", "bare-line-end"),
        (b"Hello", b"Hel\rlo", "bare-line-end"),
        (b"Hello", b"Hello" + b"x" * 1000, "long-line"),
        (b"Hello", b"Hel=1Blo", "control-character"),
        (b"Hello", b"Hel=FFlo", "part-encoding"),
        (b"quoted-printable", b"base64", "part-encoding"),
        (b"Unsubscribe: https", b"Unsubscribe: http", "unsubscribe-link"),
        (b'href=3D"https', b'href=3D"http', "unsubscribe-link"),
    ],
)
def test_a_broken_rule_is_found(old: bytes, new: bytes, rule: str) -> None:
    assert old in GOOD
    assert rule in rules(GOOD.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (b"auto-generated", b"no", "auto-submitted"),
        (b"Auto-Submitted: auto-generated\r\n", b"", "missing-header"),
        (b"Form-Sub: v=1; ", b"Form-Sub: v=2; ", "form-sub"),
        (b"Form-Sub", b"Form-Sum", "unexpected-header"),
        (b"Form-Sub", b"List-Unsubscribe: <https://papers.example.org/>\r\nForm-Sub", "unexpected-header"),
        (b"/confirm/", b"/deny/", "confirm-link"),
    ],
)
def test_a_broken_rule_is_found_in_a_letter(old: bytes, new: bytes, rule: str) -> None:
    slots = Slots(NONCE)
    url = f"{BASE_URL}/confirm/{slots.placeholder(CONFIRM)}"
    words = {"text": url, "html": f'<a href="{url}">x</a>'}
    body = assemble(
        content(slots, links={CONFIRM: url}, **words, auto_submitted=AUTO_GENERATED, form_sub="v=1; ip=192.0.2.1"), slots
    )
    expected, letter = body.expectation(PERSONAL), body.splice(PERSONAL)
    assert rules(letter, expected) == set()
    assert old in letter
    assert rule in rules(letter.replace(old, new, 1), expected)


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (b"<papers+1300", b"<papers+1400", "reply-to"),
        (b'Reply-To: "Trending Papers"', b"Reply-To: eve@example.org,", "reply-to"),
        (b"subject=unsubscribe", b"subject=subscribe", "list-unsubscribe"),
        (b"<mailto:papers+", b"<mailto:eve+", "list-unsubscribe"),
        (b"List-Help: <mailto:papers+", b"List-Help: <mailto:eve+", "list-help"),
        (b"List-Help", b"List-Post", "unexpected-header"),
    ],
)
def test_an_address_for_answers_of_another_message_is_found(old: bytes, new: bytes, rule: str) -> None:
    body = with_inbound()
    data = body.splice(PERSONAL)
    assert old in data
    assert rule in rules(data.replace(old, new, 1), body.expectation(PERSONAL))


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (b"auto-replied", b"auto-generated", "auto-submitted"),
        (b"In-Reply-To: <1@example.net>", b"In-Reply-To: 1@example.net", "in-reply-to"),
        (b"References: <1@example.net>", b"References: <1@example.net> <2@example.net>", "references"),
        (b"References: <1@example.net>\r\n", b"", "missing-header"),
    ],
)
def test_a_broken_rule_is_found_in_an_answer(old: bytes, new: bytes, rule: str) -> None:
    slots = Slots(NONCE)
    own = {"auto_submitted": AUTO_REPLIED, "in_reply_to": "<1@example.net>"}
    body = assemble(content(slots, **own), slots)
    expected, letter = body.expectation(PERSONAL), body.splice(PERSONAL)
    assert rules(letter, expected) == set()
    assert old in letter
    assert rule in rules(letter.replace(old, new, 1), expected)


@pytest.mark.parametrize(
    ("html", "rule"),
    [
        ("<script>x</script>", "forbidden-element"),
        ("<SCRIPT src=//evil.example>", "forbidden-element"),
        ("<svg onload=x></svg>", "forbidden-element"),
        ('<link rel="stylesheet" href="https://evil.example/x.css">', "forbidden-element"),
        ("<iframe></iframe>", "forbidden-element"),
        ('<p onclick="x">', "event-handler"),
        ("<img src=x onerror=x>", "event-handler"),
        ('<a href="javascript:x">', "link"),
        ('<a href=" jAvAsCrIpT:x">', "link"),
        ('<a href="/relative">', "link"),
        ('<a href="data:text/html,x">', "link"),
        ('<td background="https://evil.example/x.png">', "link"),
        ('<img src="https://evil.example/pixel.gif">', "outside-picture"),
        (f'<img src="{BASE_URL}.evil.example/pixel.gif">', "outside-picture"),
        ('<!--[if mso]><td><IMG src="https://evil.example/pixel.gif"></td><![endif]-->', "outside-picture"),
        ('<p style="background: url(https://evil.example/x)">', "outside-style"),
        ("<style>@import 'https://evil.example/x.css';</style>", "outside-style"),
        ("<style>@font-face { src: url(x) }</style>", "outside-style"),
    ],
)
def test_html_that_has_no_place_in_a_mail_is_found(html: str, rule: str) -> None:
    assert rule in rules(with_html(html))


def test_hostile_words_that_are_text_are_no_finding() -> None:
    assert (
        rules(with_html("&lt;script&gt;alert(1)&lt;/script&gt; javascript:x onclick=x @import url(x) {{ 7*7 }} {% raw %}"))
        == set()
    )


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ("", set()),
        (f' srcset="{BASE_URL}/pictures/1.png 1x, {BASE_URL}/pictures/2.png 2x"', set()),
        (f' srcset="{BASE_URL}/pictures/1.png 1x, https://evil.example/2.png 2x"', {"outside-picture"}),
        (f' srcset="{BASE_URL}/pictures/1.png 1x,https://evil.example/2.png 2x"', {"outside-picture"}),
    ],
)
def test_pictures_may_come_from_our_own_pages_and_from_nowhere_else(more: str, found: set[str]) -> None:
    html = f'<img src="{BASE_URL}/pictures/1.png" alt=""{more}>'
    assert rules(with_html(html), replace(EXPECTED, picture_base=BASE_URL)) == found


def test_an_empty_part_is_found() -> None:
    slots = Slots(NONCE)
    assert {"empty-part", "unsubscribe-link"} <= rules(assemble(content(slots, text=" \n"), slots).splice(PERSONAL))


def test_a_slot_that_was_not_filled_is_found() -> None:
    assert rules(GOOD.replace(b"Hello", EXPECTED.forbidden[0].encode())) == {"unfilled-slot"}


def test_the_clip_limit_is_an_error_and_coming_near_it_a_warning() -> None:
    # 60 bytes a line with its line end.
    near, over = (with_html(("x" * 58 + "\n") * lines) for lines in (1550, 1720))
    assert [(finding.rule, finding.severity) for finding in lint(near, EXPECTED)] == [("big", Severity.WARNING)]
    assert rules(over) == {"too-big"}


@pytest.mark.parametrize(
    ("base", "found"),
    [
        ("http://127.0.0.1:8080", set()),
        ("https://papers.example.org", set()),
        ("http://papers.example.org", {"unsubscribe-https"}),
        ("http://127.0.0.1.example.org", {"unsubscribe-https"}),
    ],
)
def test_the_unsubscribe_url_needs_tls_but_on_this_machine(base: str, found: set[str]) -> None:
    slots = Slots(NONCE)
    url = f"{base}/unsubscribe/{slots.placeholder(UNSUBSCRIBE)}"
    body = assemble(content(slots, links={UNSUBSCRIBE: url}, text=url, html=f'<a href="{url}">x</a>'), slots)
    assert {finding.rule for finding in lint(body.splice(PERSONAL), body.expectation(PERSONAL))} == found


def test_findings_hold_neither_the_address_nor_the_token() -> None:
    findings = lint(GOOD.replace(b"To: ada@", b"To: eve@").replace(b"<https", b"<http"), EXPECTED)
    words = " ".join(map(str, findings))
    assert findings
    assert TOKEN not in words
    assert "ada@" not in words
    assert "eve@" not in words


@pytest.mark.parametrize("data", [b"", b"\r\n", b"x", GOOD[:300], GOOD[:-200], b"\xff" * 100, b"Subject: x\r\n\r\n"])
def test_no_message_is_too_broken_to_be_judged(data: bytes) -> None:
    assert rules(data)

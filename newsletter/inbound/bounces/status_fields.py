"""The fields of a delivery report (RFC 3464, RFC 6533), also out of order, broken, or pasted into a text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

from newsletter.inbound.bounces.addresses import decoded, reported_address
from newsletter.inbound.bounces.replies import completed, one_line
from newsletter.inbound.model import Report

MAX_REPORTS = 100
#: Lines that are looked at.
MAX_LINES = 20_000
_MAX_FIELD_LINES = 60
_MAX_STATUS = 1000

_RECIPIENT_FIELDS = frozenset(
    {
        "original-recipient",
        "final-recipient",
        "x-actual-recipient",
        "action",
        "status",
        "remote-mta",
        "diagnostic-code",
    }
)
_KNOWN = _RECIPIENT_FIELDS | {
    "reporting-mta",
    "received-from-mta",
    "dsn-gateway",
    "original-envelope-id",
    "arrival-date",
    "last-attempt-date",
    "will-retry-until",
    "final-log-id",
    "localized-diagnostic",
}
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]{1,60})[ \t]{0,8}:")
_COMMENTED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})(?:[\s(]+(.*?)\)?\s*)?$", re.DOTALL)
_LOOSE_STATUS = re.compile(r"([245])[ .]{1,3}(\d{1,3})[ .]{1,3}(\d{1,3})")
_TYPED = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]{0,29})\s*;")
_ACTIONS = (
    ("fail", "failed"),
    ("undeliver", "failed"),
    ("bounce", "failed"),
    ("reject", "failed"),
    ("delay", "delayed"),
    ("defer", "delayed"),
    ("relay", "relayed"),
    ("expand", "expanded"),
    ("deliver", "delivered"),
)
# sysexits(3), which some servers give as ``x-unix; 67``.
_EXIT_CODES = {
    "64": "usage error",
    "65": "data format error",
    "67": "user unknown",
    "68": "host unknown",
    "69": "service unavailable",
    "70": "internal software error",
    "71": "system error",
    "73": "cannot create output file",
    "74": "input/output error",
    "75": "temporary failure",
    "77": "permission denied",
    "78": "configuration error",
}

Block = dict[str, str]


def reports_in_fields(lines: Iterable[str]) -> tuple[Report, ...]:
    """Read the reports from the lines of a delivery-status part, or of a text that has its fields in it.

    One per recipient in the order of the text, at most ``MAX_REPORTS``. A block without a recipient counts only if no block
    has one. Of fields that come twice in a block the first counts.
    """
    blocks = [block for block in _blocks(lines) if not _RECIPIENT_FIELDS.isdisjoint(block)]
    reports = [report for report in (_report(block) for block in blocks[:MAX_REPORTS]) if report is not None]
    named = [report for report in reports if report.recipient]
    return tuple(named or reports[:1])


def _blocks(lines: Iterable[str]) -> list[Block]:
    """Cut the lines into blocks of fields, at most one more than ``MAX_REPORTS``."""
    cutter = _Cutter()
    for line in islice(lines, MAX_LINES):
        if len(cutter.blocks) > MAX_REPORTS:
            break
        cutter.take(line)
    cutter.close()
    return cutter.blocks


class _Cutter:
    """Cuts lines into blocks.

    An empty line ends a block that is complete. Where servers put one into the middle of a recipient's fields the next ones
    still belong to it, up to a field it has already.
    """

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._block: dict[str, list[str]] = {}
        self._name = ""
        self._is_after_gap = False

    def take(self, line: str) -> None:
        if not line.strip():
            self._is_after_gap = True
            return
        found = _FIELD.match(line.lstrip())
        is_indented = line[0] in " \t"
        if found and (not is_indented or found[1].lower() in _KNOWN):
            self._begin(found[1].lower(), line.lstrip()[found.end() :])
        elif not (_goes_on(self._name, line) or (is_indented and not self._is_after_gap)):
            self._name = ""
        elif self._name and len(self._block[self._name]) < _MAX_FIELD_LINES:
            self._block[self._name].append(line)
        self._is_after_gap = False

    def close(self) -> None:
        if self._block:
            self.blocks.append({name: " ".join(part.strip() for part in parts).strip() for name, parts in self._block.items()})
        self._block = {}

    def _begin(self, name: str, value: str) -> None:
        is_repeated = name in self._block and name in _RECIPIENT_FIELDS
        if is_repeated or (self._is_after_gap and self._is_complete(name)):
            self.close()
        self._name = "" if name in self._block else name
        self._block.setdefault(name, [value])

    def _is_complete(self, next_name: str) -> bool:
        if "final-recipient" in self._block or "original-recipient" in self._block:
            return "action" in self._block or "status" in self._block
        # What stands before the first recipient is about the whole message.
        return next_name in _RECIPIENT_FIELDS and _RECIPIENT_FIELDS.isdisjoint(self._block)


def _goes_on(name: str, line: str) -> bool:
    """Whether a line without indent is more of a diagnostic: the further lines of a reply (``550-…``) often are."""
    return name == "diagnostic-code" and line[:1] in "245" and line[1:3].isdigit()


def _report(block: Block) -> Report | None:
    """Read a block; None if it is about nobody and says nothing."""
    status, comment = _status(block.get("status", ""))
    action = _action(block.get("action", ""), status)
    diagnostic = _diagnostic(block.get("diagnostic-code", ""))
    recipient = _recipient(block)
    if not recipient and not action:
        return None
    return completed(
        Report(
            recipient,
            action=action,
            status=status,
            diagnostic=diagnostic or comment,
            remote=_server(block.get("remote-mta", "")),
        )
    )


def _recipient(block: Block) -> str:
    """Choose the address that was written to: the original one, if the report tells it (RFC 3464 section 2.3.1)."""
    original = reported_address(block.get("original-recipient", ""))
    final = reported_address(block.get("final-recipient", ""))
    if final and decoded(original).casefold() == final.casefold():
        return final
    if "@" in original:
        return original
    return final or original or reported_address(block.get("x-actual-recipient", ""))


def _status(value: str) -> tuple[str, str]:
    """Return the status code and the comment behind it, both ``""`` if there is none."""
    found = _COMMENTED.match(value[:_MAX_STATUS])
    if found:
        return found[1], one_line(found[2] or "")
    loose = _LOOSE_STATUS.search(value[:_MAX_STATUS])
    return (f"{loose[1]}.{loose[2]}.{loose[3]}", "") if loose else ("", "")


def _action(value: str, status: str) -> str:
    """Return the action in its registered name; where it is missing, what the class of the status means."""
    word = value.strip().lower().lstrip("<\"'(")
    for start, action in _ACTIONS:
        if word.startswith(start):
            return action
    return {"2": "delivered", "4": "failed", "5": "failed"}.get(status[:1], "")


def _diagnostic(value: str) -> str:
    typed = _TYPED.match(value)
    rest = one_line(value[typed.end() :] if typed else value)
    if typed and typed[1].lower() == "x-unix" and rest in _EXIT_CODES:
        return f"{_EXIT_CODES[rest]} (exit code {rest})"
    return rest


def _server(value: str) -> str:
    """Return the name of a server field: ``dns; mx.example.org (192.0.2.1)``."""
    rest = value.partition(";")[2] or value
    words = rest.split()
    return words[0].strip("<>.,;[]").lower()[:255] if words else ""

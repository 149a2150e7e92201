"""Whom an account names as failed, and what it says of each.

There are hundreds of dialects and few ways to say it: an address at the head of a line with the reason behind or below it; a
label or a sentence of failure with an address in it; a transcript in which the recipient is refused. What is surest is taken;
what is less sure counts only where nothing surer is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property
from itertools import islice

from newsletter.inbound.bounces.account import Account, fold
from newsletter.inbound.bounces.addresses import Named, addresses_in, is_daemon
from newsletter.inbound.bounces.replies import one_line, reply_code_in, status_in
from newsletter.inbound.bounces.sayings import BULLETS, is_head, reply_below, said_after, said_below
from newsletter.inbound.bounces.sentences import landmarks, telling

_MAX_NAMED = 500
#: Addresses of one line that are looked at, and letters of a label and of a neighbouring line.
_MAX_IN_LINE = 20
_MAX_LABEL = 80
_MAX_NEAR = 300

# The wide colon of Chinese and Japanese texts counts like the other.
_LABEL = re.compile("([^:\uff1a@]{0,80})[:\uff1a=]\\s{0,20}[<\"'(\\[]{0,3}$")
_LABEL_OF_LINE = re.compile("[*> -]{0,8}([^:\uff1a@]{1,40}?)\\s{0,4}[:\uff1a]")
_FROM = (" from", " von", " sent by")
_RCPT = re.compile(r"rcpt\s{1,3}to\s{0,3}:\s{0,3}<?$", re.IGNORECASE)
_REPLY_FIRST = re.compile(
    r"(?:[<>]{3}\s{0,3})?(?:[245]\d\d[ \-](?:#?[245]\.\d{1,3}\.\d{1,3}[ :-]{0,3})?|#?[245]\.\d{1,3}\.\d{1,3}[ :-]{1,3})<?\"?$"
)
_HEAD = re.compile(r"<[^<>\s@]{1,128}@[^<>\s@]{1,255}>\s{0,2}:")
_LOCAL_HEAD = re.compile(r"\s{0,20}(?:<([^<>\s@]{1,64})>\s{0,2}:|[45]\d\d \d\.\d\.\d{1,3} <?([A-Za-z0-9._+-]{1,64})>?\.\.\. )")


class Certainty(IntEnum):
    """How sure it is that an address named is one that failed."""

    MENTIONED = 1
    IN_A_SENTENCE = 2
    AT_THE_HEAD = 3
    REFUSED = 4


@dataclass(frozen=True, slots=True)
class Mention:
    """An address an account names as failed, with what is said of it on one line, ``""`` if nothing is."""

    recipient: str
    certainty: Certainty
    said: str


def mentions_in(account: Account) -> tuple[Mention, ...]:
    """Find the recipients an account names, the surest only, in order and each once.

    Who sent the message or gets this mail is named only if nobody else is. Where addresses are named with less certainty, among
    them some the message was sent to, it is these.
    """
    found = list(islice(_all_mentions(account.lines), _MAX_NAMED))
    others = [mention for mention in found if mention.certainty is Certainty.REFUSED or not _is_sender(mention, account)]
    found = others or [mention for mention in found if mention.certainty >= Certainty.AT_THE_HEAD]
    surest = max((mention.certainty for mention in found), default=Certainty.MENTIONED)
    if surest < Certainty.AT_THE_HEAD:
        found = [mention for mention in found if mention.recipient.lower() in account.sent_to] or found
        surest = max((mention.certainty for mention in found), default=surest)
    floor = min(surest, Certainty.AT_THE_HEAD)
    named = _each_once([mention for mention in found if mention.certainty >= floor])
    if len(named) == 1 and not named[0].said:
        return (replace(named[0], said=said_after(account.lines, named[0].recipient)),)
    return named


def local_names_in(account: Account) -> tuple[Mention, ...]:
    """Find recipients that are named without their domain, as servers do for their own users."""
    found: list[Mention] = []
    for number, line in enumerate(account.lines):
        match = _LOCAL_HEAD.match(line)
        if match and len(found) < _MAX_NAMED:
            name, behind = match[1] or match[2], line[match.end() :]
            whole = next((address for address in account.sent_to if address.partition("@")[0] == name.lower()), name)
            said = one_line(behind) if match[2] else said_below(account.lines, number, behind, of=whole)
            found.append(Mention(whole, Certainty.AT_THE_HEAD, said))
    return _each_once(found)


def _is_sender(mention: Mention, account: Account) -> bool:
    address = mention.recipient.lower()
    return address not in account.sent_to and (address in account.senders or is_daemon(address))


def _all_mentions(lines: Sequence[str]) -> Iterator[Mention]:
    told: tuple[str, ...] | None = None
    for number, text in enumerate(lines):
        head = _HEAD.match(text)
        # What a line like "<ada@example.org>: …" says goes on below it, and may name further addresses that did not fail.
        if head or not text.strip() or (told is not None and not text.startswith(told)):
            told = None
        if told is not None or "@" not in text:
            continue
        line = _Line(lines, number)
        if not line.is_of_others:
            for named in islice(addresses_in(text), 1 if head else _MAX_IN_LINE):
                mention = _mention(line, named)
                if mention is not None:
                    yield mention
        if head:
            told = (" ", "\t") if text[head.end() :].strip() else ("",)


class _Line:
    """A line of an account with what its surroundings say."""

    def __init__(self, lines: Sequence[str], number: int) -> None:
        self.lines, self.number, self.text = lines, number, lines[number]

    @cached_property
    def is_of_others(self) -> bool:
        """Whether its label says that it is about somebody who did not fail."""
        match = _LABEL_OF_LINE.match(self.text)
        label = fold(match[1]) if match else ""
        return (
            label in landmarks().labels_of_others
            or label.partition(" ")[2] in landmarks().labels_of_others
            or label.startswith("x-")
        )

    @cached_property
    def is_below_pointer(self) -> bool:
        """Whether the line before points to somebody who helps."""
        before = fold(self.lines[self.number - 1][-_MAX_NEAR:]) if self.number else ""
        return any(pointer in before for pointer in landmarks().pointers_to_others)

    @cached_property
    def is_near_failure(self) -> bool:
        """Whether it, or the line before or behind it, tells of a failure."""
        before = self.lines[max(0, self.number - 1) : self.number]
        near = fold(" ".join(line[:_MAX_NEAR] for line in (*before, self.text, *self.lines[self.number + 1 : self.number + 2])))
        return any(stem in near for stem in telling().failure_stems)


def _mention(line: _Line, named: Named) -> Mention | None:
    """Judge one address on its line; None if it is certainly not one that failed."""
    before, behind = line.text[: named.start], line.text[named.end :]
    if _RCPT.search(before[-20:]):
        reply = reply_below(line.lines, line.number)
        if reply.startswith("2"):
            return None
        if reply:
            return Mention(named.address, Certainty.REFUSED, reply)
        return Mention(named.address, Certainty.AT_THE_HEAD, said_below(line.lines, line.number, behind, of=named.address))
    if _REPLY_FIRST.match(before.strip()):
        return Mention(named.address, Certainty.AT_THE_HEAD, one_line(line.text.strip("<> \t")))
    certainty = _certainty(line, named, before)
    if certainty is None:
        return None
    said = "" if certainty is Certainty.MENTIONED else said_below(line.lines, line.number, behind, of=named.address)
    return Mention(named.address, certainty, said)


def _certainty(line: _Line, named: Named, before: str) -> Certainty | None:
    """Say how sure it is that an address failed, by where it stands; None if it is certainly another's."""
    if is_head(before) or _is_name(before, line.text[named.end :]):
        is_entry = before.endswith("<") and line.text[named.end :].lstrip("> ").startswith(":")
        return Certainty.MENTIONED if line.is_below_pointer and not is_entry else Certainty.AT_THE_HEAD
    near = fold(before[-_MAX_NEAR:])
    if (
        line.is_below_pointer
        or near.rstrip("< ").endswith(_FROM)
        or any(pointer in near for pointer in landmarks().pointers_to_others)
    ):
        return None
    match = _LABEL.match(before) if len(before) <= _MAX_LABEL else None
    label = fold(match[1].strip(BULLETS)) if match else ""
    if label in landmarks().labels_of_addressees:
        return Certainty.MENTIONED
    if any(part in label for part in landmarks().labels_of_failed):
        return Certainty.AT_THE_HEAD
    return Certainty.IN_A_SENTENCE if line.is_near_failure else Certainty.MENTIONED


def _is_name(before: str, behind: str) -> bool:
    """Whether what stands before ``<address>`` is the name of its owner: ``"Ada Example" <``."""
    if not (before.endswith("<") and behind.startswith(">")):
        return False
    name = before[:-1].strip()
    return name.startswith('"') or (len(name.split()) <= 4 and ":" not in name and before[0] in " \t")


def _each_once(mentions: Sequence[Mention]) -> tuple[Mention, ...]:
    """Keep one mention of each address, in the order they first stand: the one that is surest and says most."""
    best: dict[str, Mention] = {}
    for mention in mentions:
        held = best.get(mention.recipient.lower())
        if held is None or _value(mention) > _value(held):
            best[mention.recipient.lower()] = mention
    return tuple(best.values())


def _value(mention: Mention) -> tuple[Certainty, bool, bool]:
    return mention.certainty, bool(reply_code_in(mention.said) or status_in(mention.said)), bool(mention.said)

"""A mail with commands as it is dealt with, and the limits of answering it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from newsletter.config import NewsletterConfig
from newsletter.database import Database
from newsletter.errors import NewsletterError
from newsletter.inbound.commands.answers import Answer
from newsletter.inbound.commands.choosing import first_choices
from newsletter.inbound.commands.model import Command, Read
from newsletter.inbound.commands.writer import Writer
from newsletter.inbound.handling import Handled, Received
from subscribers.address import Address, parse_address
from subscribers.answers import AnswerKind, AnswerStore
from subscribers.desk import SignUpDesk
from subscribers.model import ConsentMethod, Notice, NoticeKind, SignUp, Subscriber, Verdict
from subscribers.suppression import Hasher

#: Automatic answers a day to an address whose mails anybody could have written, or a machine (RFC 3834 section 2). A mail that
#: asks to confirm a sign-up is one of them; the desk's own limits hold for these besides.
_UNASKED = 1
_MESSAGE_ID = re.compile(r"<[!#-;=?A-~]{1,200}@[!#-;=?A-~]{1,200}>")


class DeskBusyError(NewsletterError):
    """Too many sign-ups came in lately; the mail is dealt with later."""

    def __init__(self) -> None:
        super().__init__("too many sign-ups came in lately; nothing to do, the mail is tried again")


@dataclass(frozen=True, slots=True)
class Case:
    """A mail with commands.

    Attributes:
        received: the mail.
        newsletter: slug of the one it is about, which exists.
        writer: who wrote it, as far as that can be read.
        words: their own words.
        read: what they ask for.
        is_automatic: whether a machine wrote it: then it is never answered.
        now: aware UTC.
    """

    received: Received
    newsletter: str
    writer: Writer | None
    words: str
    read: Read
    is_automatic: bool
    now: datetime

    @property
    def number(self) -> int:
        """Number of the mail."""
        return self.received.stored.id

    @property
    def message_id(self) -> str:
        """Message-ID of the mail, with its angle brackets; ``""`` if it has none that is fit for a header."""
        named = self.received.mail.header.get("message-id").strip()
        return named if _MESSAGE_ID.fullmatch(named) else ""

    @property
    def proof(self) -> str:
        """What the records of consent call the mail."""
        return f"inbound {self.number}"

    def end(self, outcome: str, *, about: Subscriber | None = None, notice: Notice | None = None) -> Handled:
        """Return what was done, with the names of the commands as facts."""
        commands = [command.verb.value for command in self.read.commands]
        facts = {"commands": commands, "not_understood": self.read.not_understood}
        notices = () if notice is None else (notice,)
        return Handled(outcome, None if about is None else about.id, self.newsletter, facts, notices)

    def answer(self, answer: Answer, *, to: str, about: Subscriber | None) -> Notice:
        """Return the mail that answers it.

        Args:
            answer: what it says.
            to: where it goes.
            about: the reader whose links may be in it; ``to`` is their address then.
        """
        whole = replace(answer, in_reply_to=self.message_id)
        return Notice(
            NoticeKind.ANSWER,
            None if about is None else about.id,
            to,
            self.newsletter,
            reference=self.number,
            details=whole.as_json(),
        )


class Counter:
    """Where sign-ups are handed in, and answers are counted.

    Args:
        database: where answers are counted.
        newsletters: by slug.
        desk: takes sign-ups.
        hasher: of addresses.
        per_day: answers to a reader whose mails are certainly theirs.
    """

    def __init__(
        self,
        database: Database,
        newsletters: Mapping[str, NewsletterConfig],
        desk: SignUpDesk,
        hasher: Hasher,
        *,
        per_day: int,
    ) -> None:
        self._database = database
        self._newsletters = newsletters
        self._desk = desk
        self._hasher = hasher
        self._most = dict.fromkeys(AnswerKind, _UNASKED) | {AnswerKind.READER: per_day}

    def may_answer(self, case: Case, address: Address, kind: AnswerKind) -> bool:
        """Count an answer; False if there is to be none: a machine wrote the mail, or the address got enough of them."""
        if case.is_automatic:
            return False
        with self._database.write() as session:
            answers = AnswerStore(session, self._hasher)
            return answers.may_answer(
                address, case.number, kind=kind, most=self._most[kind], now=case.now, message_id=case.message_id
            )

    def end(self, case: Case, outcome: str, answer: Answer, subscriber: Subscriber) -> Handled:
        """Return what was done for a reader who is certain, with the answer to the address that we have."""
        if not self.may_answer(case, parse_address(subscriber.address), AnswerKind.READER):
            return case.end(outcome, about=subscriber)
        return case.end(outcome, about=subscriber, notice=case.answer(answer, to=subscriber.address, about=subscriber))

    def sign_up(self, case: Case, address: Address, commands: tuple[Command, ...], kind: AnswerKind) -> str:
        """Hand a sign-up in, whoever asked for it: the mail that asks to confirm it goes to the address, if it may have one.

        Args:
            case: the mail that asks for it.
            address: whose sign-up it is.
            commands: choices among them are its choices.
            kind: how the mail that asks to confirm it is counted.

        Returns:
            What was done, as an outcome.

        Raises:
            DeskBusyError: the budget of all sign-ups by mail is used up.
        """
        if not self.may_answer(case, address, kind):
            return "subscribe.limited"
        newsletter = self._newsletters[case.newsletter]
        choices = first_choices(commands, newsletter)
        sign_up = SignUp(address.value, case.newsletter, choices, ConsentMethod.MAIL, newsletter.wording)
        if self._desk.receive([sign_up]) != [Verdict.TAKEN]:
            raise DeskBusyError
        return "subscribe.taken"

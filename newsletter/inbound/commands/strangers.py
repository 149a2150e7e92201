"""Mails whose writer is not certain: nothing is done before the mailbox itself has answered."""

from __future__ import annotations

from newsletter.database import Database
from newsletter.inbound.commands.acting import Acting, Asker, pause_line
from newsletter.inbound.commands.answers import Answer, Line, Result, Status
from newsletter.inbound.commands.case import Case, Counter
from newsletter.inbound.commands.choosing import written
from newsletter.inbound.commands.model import Command, Pause, Plain, Subscribe, Verb
from newsletter.inbound.handling import Handled
from subscribers.address import Address, parse_address
from subscribers.answers import AnswerKind
from subscribers.errors import AddressError
from subscribers.limits import mailbox_of
from subscribers.model import Subscriber, Subscription
from subscribers.store import SubscriberStore

#: How it ended where a reader was asked to reply; a reply carries the commands of such a mail out.
ASKED = "command.asked"
#: Read-only: they tell the reader's own mailbox what is its reader's own.
_HARMLESS = frozenset({Verb.STATUS, Verb.HELP, Verb.EXPORT, Verb.CONFIRM, Verb.REFUSE})


class Strangers:
    """Answers whoever wrote under an address, at most once a day.

    A reader's address is told what was asked, and that a reply does it; links to leave go there too. Any other address is told
    what can be written. A sign-up is handed in, and asked about by mail as one from the page is.
    """

    def __init__(self, database: Database, counter: Counter, acting: Acting) -> None:
        self._database = database
        self._counter = counter
        self._acting = acting

    def handle(self, case: Case) -> Handled:
        """Answer a mail of somebody who is not certain."""
        if case.writer is None:
            return case.end("command.no_writer")
        if case.is_automatic:
            return case.end("command.automatic")
        address = case.writer.address
        if any(isinstance(command, Subscribe) for command in case.read.commands):
            # Who certainly wrote asked for the mail that comes.
            kind = AnswerKind.READER if case.writer.is_vouched else AnswerKind.SIGN_UP
            return case.end(self._counter.sign_up(case, _reply_to(case, address), case.read.commands, kind))
        with self._database.read() as session:
            store = SubscriberStore(session)
            person = store.by_address(address)
            subscription = None if person is None else store.subscription(person.id, case.newsletter)
        if person is None or subscription is None:
            return self._help(case, address)
        return self._ask(case, person, subscription)

    def _help(self, case: Case, address: Address) -> Handled:
        to = _reply_to(case, address)
        if not self._counter.may_answer(case, to, AnswerKind.ANYBODY):
            return case.end("command.limited")
        wants = case.read.has(Verb.STATUS) or case.read.has(Verb.STOP)
        status = Status(is_subscribed=False) if wants else None
        answer = Answer(not_understood=case.read.not_understood, help=True, status=status)
        return case.end("command.help", notice=case.answer(answer, to=to.value, about=None))

    def _ask(self, case: Case, person: Subscriber, subscription: Subscription) -> Handled:
        # Who it certainly was about is not known, so the mail is not noted as theirs.
        if not self._counter.may_answer(case, parse_address(person.address), AnswerKind.ANYBODY):
            return case.end("command.limited")
        commands, came_at = case.read.commands, case.received.stored.received_at
        asked = [line for command in commands for line in _asked(command, subscription, case)]
        asker = Asker(person, case.newsletter, None, came_at, case.proof)
        exported = Plain(Verb.EXPORT) in commands
        answer = Answer(
            done=(Line(Verb.EXPORT, Result.DONE),) if exported else (),
            asked=tuple(asked),
            asks_reply=bool(asked),
            offers_leaving=Plain(Verb.STOP) in commands,
            not_understood=case.read.not_understood,
            help=case.read.has(Verb.HELP) or not (asked or exported or case.read.has(Verb.STATUS)),
            status=self._acting.status(asker) if case.read.has(Verb.STATUS) else None,
        )
        notice = case.answer(answer, to=person.address, about=person)
        return case.end(ASKED if asked else "command.answered", notice=notice)


def _asked(command: Command, subscription: Subscription, case: Case) -> list[Line]:
    if command.verb in _HARMLESS:
        return []
    if isinstance(command, Pause):
        return [pause_line(command, asked_at=case.received.stored.received_at, zone=subscription.zone)]
    return written(command)


def _reply_to(case: Case, address: Address) -> Address:
    """Return where an answer goes: to the envelope sender (RFC 3834 section 4) if that is the mailbox in From, else to From."""
    try:
        sender = parse_address(case.received.stored.arrival.envelope_from or "")
    except AddressError:
        return address
    return sender if mailbox_of(sender) == mailbox_of(address) else address

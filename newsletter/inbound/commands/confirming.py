"""Replies to mails that ask to confirm a sign-up or another address."""

from __future__ import annotations

import re
from dataclasses import replace
from enum import StrEnum

from newsletter.database import Database
from newsletter.inbound.commands.answers import Answer, Line, Result
from newsletter.inbound.commands.case import Case, Counter
from newsletter.inbound.commands.folding import words_of
from newsletter.inbound.commands.grammar import is_greeting, read_commands
from newsletter.inbound.commands.lines import lines_of
from newsletter.inbound.commands.model import Read, Verb
from newsletter.inbound.commands.threads import Message
from newsletter.inbound.commands.vocabulary import vocabulary
from newsletter.inbound.handling import Handled, Handler
from newsletter.inbound.sorting.intent import is_yes
from subscribers.address import parse_address
from subscribers.answers import AnswerKind
from subscribers.confirming import Confirmations, Outcome
from subscribers.keys import LinkKeys
from subscribers.model import ConsentMethod, NoticeKind, Subscriber
from subscribers.service import SubscriberService
from subscribers.wishes import ChangeStore

#: How it ended where something was confirmed.
CONFIRMED = "confirm.done"
#: How it ended where a reply said neither yes nor no.
UNCLEAR = "confirm.unclear"
#: Among the facts of such a mail: number of the notice that it answers.
ASKED_BY = "asked_by"
#: Letters of a reply that are looked at.
_LOOKED_AT = 600
#: Words of a reply that needs no yes, and of a sentence that begins with one. What machines write is longer.
_MOST_WORDS, _MOST_WORDS_OF_YES = 5, 8
_SENTENCE_END = re.compile(r"[.!\u3002\uff01]")
#: What a machine's answer has, and hardly one that says yes: a number, an address, a link, a question.
_NO_YES = re.compile(r"[\d@?\u061f\u00bf\uff1f]|://|www\.")
#: Letters from here on are mostly of scripts without blanks between words: each counts as one.
_WITHOUT_BLANKS = "\u0e00"


class Reply(StrEnum):
    """What a reply to a mail that asks to confirm says."""

    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"


def reply_of(words: str, read: Read) -> Reply:
    """Decide what a reply says.

    "No", "not me" and whatever asks to leave says no. Just replying says yes: without a word, with a yes in front, or with few
    words that ask and deny nothing. All else is neither, for many answering machines do not say that they are such.

    Args:
        words: the writer's own.
        read: the commands in them.
    """
    if read.has(Verb.REFUSE) or read.has(Verb.STOP):
        return Reply.NO
    start = words[:_LOOKED_AT]
    if _may_be_yes(start, _MOST_WORDS):
        return Reply.YES
    first = next((line for line in lines_of(start) if not is_greeting(line)), "")
    sentence = _SENTENCE_END.split(first, maxsplit=1)[0]
    is_affirmed = is_yes(sentence) or read_commands(sentence).has(Verb.CONFIRM)
    return Reply.YES if is_affirmed and _may_be_yes(sentence, _MOST_WORDS_OF_YES) else Reply.UNCLEAR


def _may_be_yes(text: str, most: int) -> bool:
    """Whether a text has so few words, and nothing in it asks, denies, or looks like a machine's."""
    words = words_of(text)
    count = sum(1 if word.text < _WITHOUT_BLANKS else len(word.text) for word in words)
    return count <= most and not _NO_YES.search(text) and not any(word.text in vocabulary().sets["denials"] for word in words)


class Confirming:
    """Does what such a reply says. The signed address it came to is what counts, never From.

    Args:
        database: where changes of address are.
        confirmations: make true what is confirmed.
        subscribers: end what is refused.
        keys: make the token that the link in the mail has.
        counter: counts answers.
        people: is handed what says neither yes nor no.
    """

    def __init__(
        self,
        database: Database,
        confirmations: Confirmations,
        subscribers: SubscriberService,
        keys: LinkKeys,
        counter: Counter,
        people: Handler,
    ) -> None:
        self._database = database
        self._confirmations = confirmations
        self._subscribers = subscribers
        self._keys = keys
        self._counter = counter
        self._people = people

    def handle(self, case: Case, message: Message, subscriber: Subscriber) -> Handled:
        """Do what a reply says.

        Args:
            case: the reply.
            message: the mail that asked.
            subscriber: whom it was for.
        """
        if case.is_automatic:
            return case.end("confirm.automatic", about=subscriber)
        match reply_of(case.words, case.read):
            case Reply.YES:
                return self._confirm(case, message, subscriber)
            case Reply.NO:
                return self._refuse(case, message, subscriber)
            case Reply.UNCLEAR:
                return self._ask_again(case, message, subscriber)

    def _confirm(self, case: Case, message: Message, subscriber: Subscriber) -> Handled:
        is_move = message.notice is NoticeKind.CONFIRM_ADDRESS
        make = self._keys.make_address if is_move else self._keys.make_confirm
        found = self._confirmations.confirm(make(subscriber, message.reference))
        if found is not None and found.outcome is Outcome.DONE:
            return case.end(CONFIRMED, about=subscriber)  # the welcome, or what the old address is told, is the answer
        if is_move:
            # It came from the new address, which is nobody's yet: an answer has nowhere certain to go.
            return case.end("confirm.too_late", about=subscriber)
        answer = Answer(done=(Line(Verb.CONFIRM, Result.TOO_LATE),))
        return self._counter.end(case, "confirm.too_late", answer, subscriber)

    def _ask_again(self, case: Case, message: Message, subscriber: Subscriber) -> Handled:
        """Tell the reader once a day that a plain yes is wanted, and whoever runs the newsletter what was written."""
        handled = case.end(UNCLEAR, about=subscriber)
        notices = self._people.handle(case.received, now=case.now).notices
        signed = case.received.addressed.signed
        # A new address is nobody's yet: an answer has nowhere certain to go.
        if signed is None or message.notice is not NoticeKind.CONFIRM:
            return replace(handled, notices=notices)
        if self._counter.may_answer(case, parse_address(subscriber.address), AnswerKind.DOUBTFUL):
            answer = Answer(asked=(Line(Verb.SUBSCRIBE, Result.ASKED),), asks_reply=True)
            notices = (*notices, case.answer(answer, to=subscriber.address, about=subscriber))
        return replace(handled, facts={**handled.facts, ASKED_BY: signed.number}, notices=notices)

    def _refuse(self, case: Case, message: Message, subscriber: Subscriber) -> Handled:
        if message.notice is NoticeKind.CONFIRM_ADDRESS:
            with self._database.write() as session:
                changes = ChangeStore(session)
                waiting = changes.of(subscriber.id)
                if waiting is not None and waiting.id == message.reference:
                    changes.drop(subscriber.id)
            return case.end("confirm.refused", about=subscriber)
        ended = self._subscribers.unsubscribe(subscriber.id, message.newsletter, method=ConsentMethod.MAIL, detail=case.proof)
        if not ended:
            return case.end("confirm.refused", about=subscriber)
        return self._counter.end(case, "confirm.refused", Answer(done=(Line("forget", Result.DONE),)), subscriber)

"""Replies to mails that ask to confirm a sign-up or another address."""

from __future__ import annotations

from enum import StrEnum

from newsletter.database import Database
from newsletter.inbound.commands.answers import Answer, Line, Result
from newsletter.inbound.commands.case import Case, Counter
from newsletter.inbound.commands.folding import words_of
from newsletter.inbound.commands.model import Read, Verb
from newsletter.inbound.commands.threads import Message
from newsletter.inbound.commands.vocabulary import vocabulary
from newsletter.inbound.handling import Handled
from subscribers.confirming import Confirmations, Outcome
from subscribers.keys import LinkKeys
from subscribers.model import ConsentMethod, NoticeKind, Subscriber
from subscribers.service import SubscriberService
from subscribers.wishes import ChangeStore

#: How it ended where something was confirmed.
CONFIRMED = "confirm.done"
#: Letters of a reply in which a denial is looked for.
_LOOKED_AT = 600


class Reply(StrEnum):
    """What a reply to a mail that asks to confirm says."""

    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"


def reply_of(words: str, read: Read) -> Reply:
    """Decide what a reply says.

    Any says yes, as it comes from the mailbox itself, also one without a word. "No", "not me" and whatever asks to leave says
    no. One that asks or denies something besides is neither: nobody is signed up by asking what this is.

    Args:
        words: the writer's own.
        read: the commands in them.
    """
    if read.has(Verb.REFUSE) or read.has(Verb.STOP):
        return Reply.NO
    if read.has(Verb.CONFIRM):
        return Reply.YES
    start = words[:_LOOKED_AT]
    denies = any(word.text in vocabulary().sets["denials"] for word in words_of(start))
    return Reply.UNCLEAR if denies or any(mark in start for mark in "?\u061f\u00bf") else Reply.YES


class Confirming:
    """Does what such a reply says. The signed address it came to is what counts, never From.

    Args:
        database: where changes of address are.
        confirmations: make true what is confirmed.
        subscribers: end what is refused.
        keys: make the token that the link in the mail has.
        counter: counts answers.
    """

    def __init__(
        self,
        database: Database,
        confirmations: Confirmations,
        subscribers: SubscriberService,
        keys: LinkKeys,
        counter: Counter,
    ) -> None:
        self._database = database
        self._confirmations = confirmations
        self._subscribers = subscribers
        self._keys = keys
        self._counter = counter

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
                return case.end("confirm.unclear", about=subscriber)

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

"""Acts on mails with commands, on replies that confirm, and on mails that unsubscribe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from newsletter.config import InboundConfig, NewsletterConfig
from newsletter.database import Database
from newsletter.delivery.identity.verp import Signed, SignedKind
from newsletter.inbound.commands.acting import Acting, Asker
from newsletter.inbound.commands.answers import Answer
from newsletter.inbound.commands.case import Case, Counter
from newsletter.inbound.commands.confirming import ASKED_BY, CONFIRMED, UNCLEAR, Confirming
from newsletter.inbound.commands.folding import words_of
from newsletter.inbound.commands.grammar import read_commands
from newsletter.inbound.commands.later import LaterStore
from newsletter.inbound.commands.model import Command, Plain, Read, Subscribe, Verb
from newsletter.inbound.commands.strangers import ASKED, Strangers
from newsletter.inbound.commands.threads import Message, ThreadStore
from newsletter.inbound.commands.writer import Writer, writer_of
from newsletter.inbound.handling import Handled, Handler, Received
from newsletter.inbound.model import MailKind
from newsletter.inbound.reading.mail import Mail, read_mail
from newsletter.inbound.reading.quoting import own_words
from newsletter.inbound.sorting.automatic import is_automatic
from newsletter.inbound.store import InboundStore
from subscribers.address import parse_address
from subscribers.answers import AnswerKind
from subscribers.confirming import Confirmations
from subscribers.desk import SignUpDesk
from subscribers.keys import LinkKeys
from subscribers.links import Links
from subscribers.model import NoticeKind, Subscriber, SubscriberState
from subscribers.service import SubscriberService
from subscribers.store import SubscriberStore
from subscribers.suppression import Hasher

_TO_CONFIRM = frozenset({NoticeKind.CONFIRM, NoticeKind.CONFIRM_ADDRESS})
#: How it ended where all that was asked for had been made void by something later.
OVERTAKEN = "command.overtaken"
_CHANGES_NOTHING = frozenset({Verb.STATUS, Verb.HELP, Verb.EXPORT, Verb.CONFIRM, Verb.REFUSE})
#: Commands of which the last one counts, whatever came before, and those that set the same.
_SET_TOGETHER = {
    **{verb: frozenset({verb.value}) for verb in (Verb.CADENCE, Verb.SIZE, Verb.HOUR, Verb.ZONE)},
    **dict.fromkeys((Verb.PAUSE, Verb.RESUME), frozenset({Verb.PAUSE.value, Verb.RESUME.value})),
}
_SAID_BY_CONFIRMING = frozenset({Verb.CONFIRM, Verb.REFUSE, Verb.SUBSCRIBE})


class CommandHandler:
    """Handler of commands, confirmations and mails that unsubscribe.

    Who writes is certain if the mail came to an address that was signed for one message of ours, or if our own mail server
    vouches for the domain in From. Only then anything is changed at once; see
    :class:`~newsletter.inbound.commands.strangers.Strangers` for all others. Machines and we ourselves are never answered.

    Args:
        database: where it looks who somebody is, and what they answer to.
        newsletters: by slug.
        config: says whose Authentication-Results are believed, and how many answers a reader gets.
        is_own: tells addresses of ours.
        subscribers: change, pause and end what readers get.
        desk: takes sign-ups.
        confirmations: make true what is confirmed.
        links: store opinions.
        keys: make the token that the link in a mail to confirm has.
        hasher: of addresses.
        people: is handed replies to mails that ask to confirm which say neither yes nor no.
    """

    def __init__(
        self,
        database: Database,
        newsletters: Mapping[str, NewsletterConfig],
        config: InboundConfig,
        *,
        is_own: Callable[[str], bool],
        subscribers: SubscriberService,
        desk: SignUpDesk,
        confirmations: Confirmations,
        links: Links,
        keys: LinkKeys,
        hasher: Hasher,
        people: Handler,
    ) -> None:
        self._database = database
        self._subscribers = subscribers
        self._newsletters = newsletters
        self._trusted = config.trusted_results
        self._is_own = is_own
        self._ours = [newsletter.inbound_address for newsletter in newsletters.values() if newsletter.inbound_address]
        self._counter = Counter(database, newsletters, desk, hasher, per_day=config.answers_per_day)
        self._acting = Acting(database, newsletters, subscribers, links)
        self._strangers = Strangers(database, self._counter, self._acting)
        self._confirming = Confirming(database, confirmations, subscribers, keys, self._counter, people)

    def handle(self, received: Received, *, now: datetime) -> Handled:
        """Act on a mail; again changes nothing more and answers the same.

        Raises:
            DeskBusyError: it is a sign-up, and too many came lately; to be called again later.
        """
        message, subscriber = self._thread(received)
        case = self._case(received, message, now)
        if case is None:
            return Handled("command.no_newsletter", None if subscriber is None else subscriber.id)
        if case.writer is not None and self._is_own(case.writer.address.value):
            return case.end("command.ourselves")
        is_leaving = received.verdict.kind is MailKind.UNSUBSCRIBE
        if subscriber is not None and message is not None:
            asks = self._asked_again(message, subscriber) or message
            if asks.notice in _TO_CONFIRM and not is_leaving:
                return self._confirm(case, asks, subscriber)
            return self._certain(case, subscriber, message)
        subscriber = self._vouched(case)
        return self._strangers.handle(case) if subscriber is None else self._certain(case, subscriber, None)

    def _thread(self, received: Received) -> tuple[Message | None, Subscriber | None]:
        """Return the message of ours that is answered, and whose it was; both None unless the address was signed for one."""
        signed = received.addressed.signed
        if signed is None:
            return None, None
        with self._database.read() as session:
            message = ThreadStore(session).answered(signed)
            if message is None or message.subscriber_id is None:
                return message, None
            person = SubscriberStore(session).get(message.subscriber_id)
        return message, None if person is None or person.state is SubscriberState.ERASED else person

    def _asked_again(self, message: Message, subscriber: Subscriber) -> Message | None:
        """Return the mail that asked to confirm, where an answer that asked for a plain yes is answered."""
        if message.notice is not NoticeKind.ANSWER:
            return None
        with self._database.read() as session:
            record = InboundStore(session).record(message.reference)
            if record is None or record.outcome != UNCLEAR or record.subscriber_id != subscriber.id:
                return None
            number = record.facts.get(ASKED_BY)
            return None if number is None else ThreadStore(session).answered(Signed(SignedKind.NOTICE_REPLY, number))

    def _case(self, received: Received, message: Message | None, now: datetime) -> Case | None:
        writer = self._writer(received.mail, received.stored.received_at)
        slug = (message.newsletter if message is not None else "") or self._newsletter_at(received.addressed.newsletter, writer)
        if slug not in self._newsletters:
            return None
        words, read = _read(received.mail)
        if received.verdict.kind is MailKind.UNSUBSCRIBE and not read.has(Verb.STOP):
            read = replace(read, commands=(*read.commands, Plain(Verb.STOP)))
        automatic = is_automatic(received.mail, received.stored.arrival.envelope_from)
        return Case(received, slug, writer, words, read, automatic, now)

    def _newsletter_at(self, named: str, writer: Writer | None) -> str:
        """Return the newsletter that is meant: of several with one address for commands the one that the writer gets."""
        if named not in self._newsletters or writer is None:
            return named
        address = self._newsletters[named].inbound_address.lower()
        alike = [slug for slug, newsletter in self._newsletters.items() if newsletter.inbound_address.lower() == address]
        if len(alike) == 1:
            return named
        with self._database.read() as session:
            store = SubscriberStore(session)
            person = store.by_address(writer.address)
            gets = set() if person is None else {found.newsletter for found in store.subscriptions([person.id])}
        return next((slug for slug in alike if slug in gets), named)

    def _writer(self, mail: Mail, received_at: datetime) -> Writer | None:
        return writer_of(mail.header, trusted=self._trusted, ours=self._ours, received_at=received_at)

    def _vouched(self, case: Case) -> Subscriber | None:
        """Return the reader whose address a mail certainly comes from."""
        if case.writer is None or not case.writer.is_vouched:
            return None
        with self._database.read() as session:
            store = SubscriberStore(session)
            person = store.by_address(case.writer.address)
            if person is None or store.subscription(person.id, case.newsletter) is None:
                return None
        return person

    def _confirm(self, case: Case, message: Message, subscriber: Subscriber) -> Handled:
        handled = self._confirming.handle(case, message, subscriber)
        # "Yes, but weekly please": the welcome says that they are on the list, and an answer says the rest.
        more = tuple(command for command in case.read.commands if command.verb not in _SAID_BY_CONFIRMING)
        if handled.outcome != CONFIRMED or message.notice is not NoticeKind.CONFIRM or not more:
            return handled
        asker = Asker(subscriber, case.newsletter, None, case.received.stored.received_at, case.proof)
        return replace(self._carry_out(case, more, asker), outcome=CONFIRMED)

    def _certain(self, case: Case, subscriber: Subscriber, message: Message | None) -> Handled:
        # Mail programs unsubscribe for their users, and some say that they did it by themselves.
        is_leaving = case.received.verdict.kind is MailKind.UNSUBSCRIBE
        if case.is_automatic and not is_leaving:
            return case.end("command.automatic", about=subscriber)
        if message is not None:
            # Somebody there reads our mails and answers them, whatever came back before.
            self._subscribers.heard_from(subscriber.id)
        commands, asked_at = case.read.commands, case.received.stored.received_at
        if message is not None and message.notice is NoticeKind.ANSWER:
            if case.read.has(Verb.REFUSE):
                return case.end("command.refused", about=subscriber)
            commands, asked_at = self._meant(case, subscriber, message) or (commands, asked_at)
        asker = Asker(
            subscriber,
            case.newsletter,
            None if message is None else message.digest_id,
            asked_at,
            case.proof,
            goodbye=not _wants_answer(case),
        )
        if any(isinstance(command, Subscribe) for command in commands) and not self._acting.is_subscribed(asker):
            address = parse_address(subscriber.address)
            return case.end(self._counter.sign_up(case, address, commands, AnswerKind.READER), about=subscriber)
        still = self._not_overtaken(case, commands, subscriber)
        return self._carry_out(case, still, asker) if still or not commands else case.end(OVERTAKEN, about=subscriber)

    def _not_overtaken(self, case: Case, commands: tuple[Command, ...], subscriber: Subscriber) -> tuple[Command, ...]:
        """Return the commands without those that something later made void; a mail may be handled long after it came."""
        with self._database.read() as session:
            later = LaterStore(session)
            if later.signed_up(subscriber.id, case.newsletter, mail=case.received.stored):
                return tuple(command for command in commands if command.verb in _CHANGES_NOTHING)
            set_since = later.commands(subscriber.id, case.newsletter, after=case.received.stored.id)
        return tuple(command for command in commands if set_since.isdisjoint(_SET_TOGETHER.get(command.verb, ())))

    def _carry_out(self, case: Case, commands: tuple[Command, ...], asker: Asker) -> Handled:
        lines = self._acting.carry_out(commands, asker)
        is_left = Plain(Verb.STOP) in commands
        outcome = "unsubscribe.done" if is_left else "command.done" if lines else "command.answered"
        if not _wants_answer(case):
            return case.end(outcome, about=asker.subscriber)
        wants_status = not is_left and (
            Plain(Verb.STATUS) in commands or (not lines and any(isinstance(command, Subscribe) for command in commands))
        )
        answer = Answer(
            done=tuple(lines),
            left=is_left,
            not_understood=case.read.not_understood,
            help=not is_left and (Plain(Verb.HELP) in commands or not (lines or wants_status)),
            status=self._acting.status(asker) if wants_status else None,
        )
        return self._counter.end(case, outcome, answer, asker.subscriber)

    def _meant(self, case: Case, subscriber: Subscriber, message: Message) -> tuple[tuple[Command, ...], datetime] | None:
        """Return the commands a reader was asked about and says yes to, and when they came; None if there are none.

        A reply says yes with that word, or without any of its own. Commands in it are carried out instead: whoever forged the
        mail that was asked about must not profit from what its victim writes back.
        """
        says_yes = not case.words.strip() or case.read.commands == (Plain(Verb.CONFIRM),)
        if not says_yes:
            return None
        with self._database.read() as session:
            store = InboundStore(session)
            record, stored = store.record(message.reference), store.stored(message.reference)
        if record is None or stored is None or record.outcome != ASKED:
            return None
        mail = read_mail(stored.arrival.raw)
        writer = self._writer(mail, stored.received_at)
        if writer is None or writer.address.key != parse_address(subscriber.address).key:
            return None
        commands = _read(mail)[1].commands
        if record.kind == MailKind.UNSUBSCRIBE and Plain(Verb.STOP) not in commands:
            commands = (*commands, Plain(Verb.STOP))
        return commands, stored.received_at


def _read(mail: Mail) -> tuple[str, Read]:
    words = own_words(mail)
    return words, read_commands(words, subject=mail.header.get("subject"))


def _wants_answer(case: Case) -> bool:
    """Whether a person waits for an answer: not if a mail program unsubscribed for its user, by a subject and nothing else."""
    if case.received.verdict.kind is not MailKind.UNSUBSCRIBE:
        return True
    return read_commands(case.words).has(Verb.STOP) and len(words_of(case.words[:200])) > 1

"""Carrying out what a reader certainly asked for. Each step is one transaction, safe to repeat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from newsletter.config import NewsletterConfig
from newsletter.database import Database
from newsletter.digest.model import DigestId
from newsletter.inbound.commands.answers import Line, Result, Status
from newsletter.inbound.commands.choosing import changed, pause_end, written
from newsletter.inbound.commands.model import Command, Pause, Plain, Say, Verb
from newsletter.inbound.commands.threads import ThreadStore
from newsletter.papers.model import Paper
from newsletter.rendering.view.views import title_of
from subscribers.errors import HasLeftError, NotConfirmedError, NotSubscribedError, SuppressedError, UnknownSubscriberError
from subscribers.links import Links
from subscribers.model import ConsentMethod, Subscriber, SubscriberState, Subscription
from subscribers.service import SubscriberService
from subscribers.store import SubscriberStore

#: What is answered rather than done.
_ANSWERED = frozenset({Verb.STATUS, Verb.HELP, Verb.CONFIRM, Verb.REFUSE})
#: What changes nothing, so that mails which were stopped stay so.
_READ_ONLY = _ANSWERED | {Verb.EXPORT}


@dataclass(frozen=True, slots=True)
class Asker:
    """A reader who certainly asks for something.

    Attributes:
        subscriber: the reader.
        newsletter: slug of what it is about.
        digest_id: papers of the mail that was answered; None: those of the last one.
        asked_at: aware UTC; when the mail with the commands came.
        proof: names that mail in the records of consent.
        goodbye: whether the newsletter's own last mail is wanted when they leave.
    """

    subscriber: Subscriber
    newsletter: str
    digest_id: DigestId | None
    asked_at: datetime
    proof: str
    goodbye: bool = False


class Acting:
    """Carries out commands by the services of the subscriber store."""

    def __init__(
        self, database: Database, newsletters: Mapping[str, NewsletterConfig], subscribers: SubscriberService, links: Links
    ) -> None:
        self._database = database
        self._newsletters = newsletters
        self._subscribers = subscribers
        self._links = links

    def carry_out(self, commands: Sequence[Command], asker: Asker) -> list[Line]:
        """Do what is asked for; return what came of each command, in their order.

        Who leaves has opinions stored, and nothing else changed that ends with the subscription anyway. Signing up is not done
        here: for somebody who gets the newsletter it is a change of choices, and for others nothing. To a reader whose mails
        were stopped as they came back they come again, as on the page of choices: who writes has a mailbox that lives.
        """
        if Plain(Verb.STOP) in commands:
            said = [line for command in commands if isinstance(command, Say) for line in self._say(command, asker)]
            return [*said, self._leave(asker)]
        try:
            return self._change(commands, asker)
        except (NotSubscribedError, UnknownSubscriberError):  # by another link, a moment ago
            wanted = [line for command in commands if command.verb not in _ANSWERED for line in written(command)]
            return [replace(line, result=Result.NOT_SUBSCRIBED) for line in wanted]

    def status(self, asker: Asker) -> Status:
        """Return what the reader has chosen."""
        with self._database.read() as session:
            store = SubscriberStore(session)
            found = store.subscription(asker.subscriber.id, asker.newsletter)
            person = store.get(asker.subscriber.id) or asker.subscriber
        if found is None:
            return Status(is_subscribed=False, state=person.state)
        paused = found.paused_until if found.paused_until is not None and found.paused_until > asker.asked_at else None
        interests = found.interests
        choices = {
            "cadence": found.cadence.value,
            "hour": found.local_hour,
            "zone": found.zone,
            "size": found.size or self._newsletters[asker.newsletter].size,
            "categories": list(interests.categories),
            "keywords": list(interests.keywords),
            "authors": list(interests.authors),
            "labs": list(interests.labs),
            "muted": list(interests.muted),
            "paused_until": None if paused is None else paused.astimezone(ZoneInfo(found.zone)).isoformat(),
        }
        return Status(is_subscribed=True, state=person.state, choices=choices)

    def is_subscribed(self, asker: Asker) -> bool:
        """Whether the reader gets the newsletter."""
        return self._subscription(asker) is not None

    def _change(self, commands: Sequence[Command], asker: Asker) -> list[Line]:
        found = self._subscription(asker)
        if found is None:
            raise NotSubscribedError(asker.newsletter)
        newsletter = self._newsletters[asker.newsletter]
        back = self._bring_back(commands, asker, found)
        choices, lines = found.choices, []
        for command in commands:
            choices, told = changed(choices, command, newsletter)
            lines.append((command, told))
        if choices != found.choices:
            self._subscribers.set_choices(asker.subscriber.id, asker.newsletter, choices)
        done = [line for command, told in lines for line in (told or self._do(command, asker, choices.zone))]
        return [*back, *(line for line in done if not (back and line.command == Verb.RESUME))]

    def _bring_back(self, commands: Sequence[Command], asker: Asker, found: Subscription) -> list[Line]:
        """Let mails come again that were stopped as they came back, if more is asked for than an answer; return what came.

        Choices stay as they are.
        """
        person = self._subscribers.find(asker.subscriber.id)
        if person.state is not SubscriberState.BOUNCED or all(command.verb in _READ_ONLY for command in commands):
            return []
        try:
            self._subscribers.subscribe_again(
                person.id,
                asker.newsletter,
                found.choices,
                method=ConsentMethod.MAIL,
                wording=self._newsletters[asker.newsletter].wording,
                detail=asker.proof,
            )
        except SuppressedError:
            return [Line(Verb.RESUME, Result.REFUSED)]
        return [Line(Verb.RESUME, Result.DONE)]

    def _do(self, command: Command, asker: Asker, zone: str) -> list[Line]:
        match command:
            case Say():
                return self._say(command, asker)
            case Pause():
                return [self._pause(command, asker, zone)]
            case Plain(Verb.RESUME):
                return [self._resume(asker)]
            case Plain(Verb.EXPORT):
                return [Line(command.verb, Result.DONE)]
            case _:
                return []

    def _say(self, command: Say, asker: Asker) -> list[Line]:
        papers = self._papers(asker)
        if papers is None:
            return [Line(command.verb, Result.NO_DIGEST, (str(number),)) for number in command.numbers]
        lines = []
        for number in command.numbers:
            if not 1 <= number <= len(papers):
                last = (str(len(papers)),) if papers else ()
                lines.append(Line(command.verb, Result.NO_SUCH_NUMBER, (str(number), *last)))
                continue
            paper = papers[number - 1]
            self._links.say(asker.subscriber.id, paper.seq, command.taste)
            lines.append(Line(command.verb, Result.DONE, (str(number), title_of(paper))))
        return lines

    def _papers(self, asker: Asker) -> list[Paper] | None:
        with self._database.read() as session:
            threads = ThreadStore(session)
            digest_id = asker.digest_id
            if digest_id is None:
                digest_id = threads.last_digest(asker.subscriber.id, asker.newsletter, until=asker.asked_at)
            return None if digest_id is None else threads.papers(digest_id)

    def _pause(self, command: Pause, asker: Asker, zone: str) -> Line:
        until = pause_end(command, asked_at=asker.asked_at, zone=zone)
        if until is None:
            return Line(command.verb, Result.OUT_OF_RANGE)
        try:
            self._subscribers.pause(asker.subscriber.id, asker.newsletter, until=until)
        except (HasLeftError, NotConfirmedError):
            return Line(command.verb, Result.NOT_SUBSCRIBED)
        return Line(command.verb, Result.DONE, (until.isoformat(),))

    def _resume(self, asker: Asker) -> Line:
        # Who was paused as a person, by hand, means all of it: on the page too.
        is_person = self._subscribers.find(asker.subscriber.id).state is SubscriberState.PAUSED
        self._subscribers.resume(asker.subscriber.id, None if is_person else asker.newsletter)
        return Line(Verb.RESUME, Result.DONE)

    def _leave(self, asker: Asker) -> Line:
        wants_goodbye = asker.goodbye and self._newsletters[asker.newsletter].goodbye
        self._subscribers.unsubscribe(
            asker.subscriber.id,
            asker.newsletter,
            method=ConsentMethod.MAIL,
            detail=asker.proof,
            goodbye_from=(asker.newsletter,) if wants_goodbye else (),
        )
        return Line(Verb.STOP, Result.DONE)

    def _subscription(self, asker: Asker) -> Subscription | None:
        with self._database.read() as session:
            return SubscriberStore(session).subscription(asker.subscriber.id, asker.newsletter)


def pause_line(command: Pause, *, asked_at: datetime, zone: str) -> Line:
    """Return a pause as it was asked for: with its end, if there can be such a pause."""
    until = pause_end(command, asked_at=asked_at, zone=zone)
    return written(command)[0] if until is None else Line(command.verb, Result.ASKED, (until.isoformat(),))

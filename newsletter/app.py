"""Wiring by hand: from a configuration to the objects that do the work. The only place that knows everybody."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from newsletter.clock import Clock, SystemClock
from newsletter.config import Config, NewsletterConfig, RelayConfig, SmtpConfig
from newsletter.config_file import secret_from_file
from newsletter.database import Database, lock
from newsletter.delivery.audience.expansion import Expander
from newsletter.delivery.composing.composer import DigestComposer
from newsletter.delivery.identity.dkim import DkimSigner, load_signers
from newsletter.delivery.identity.verp import SignedAddresses
from newsletter.delivery.ledger.account import Accounts
from newsletter.delivery.ledger.journal import FileJournal
from newsletter.delivery.ledger.ledger import Ledger
from newsletter.delivery.ledger.personal import forget_replies, sent_to
from newsletter.delivery.ledger.room import check_room
from newsletter.delivery.pacing.relays import Relay
from newsletter.delivery.returns.desk import ReturnDesk
from newsletter.delivery.returns.judging import Judging
from newsletter.delivery.returns.personal import forget_returns, mailbox_of, returns_of
from newsletter.delivery.returns.refusals import Refusals
from newsletter.delivery.sending.handout import Scope
from newsletter.delivery.sending.sender import Sender
from newsletter.delivery.tables import DeliveryRow, ReturnRow
from newsletter.digest.builder import IssueBuilder
from newsletter.digest.model import Issue, IssueState
from newsletter.digest.store import IssueStore
from newsletter.errors import ConfigError
from newsletter.inbound.addressing import Addressing
from newsletter.inbound.alarm import Alarm
from newsletter.inbound.bounces.reasons import reason_of_reply
from newsletter.inbound.commands.grammar import looks_like_command
from newsletter.inbound.commands.handler import CommandHandler
from newsletter.inbound.entrances.imap import ImapPoller
from newsletter.inbound.entrances.listener import Listener
from newsletter.inbound.forwarding import Forwarder
from newsletter.inbound.handling import Handler
from newsletter.inbound.model import MailKind
from newsletter.inbound.noted import Noted
from newsletter.inbound.origins import Origins
from newsletter.inbound.personal import ForgetInbound, inbound_of
from newsletter.inbound.returned import ReturnedMail
from newsletter.inbound.service import InboundService
from newsletter.inbound.tables import InboundMailRow
from newsletter.inbound.webhooks.door import HookDoor
from newsletter.inbound.webhooks.fetching import GuardedFetch
from newsletter.inbound.webhooks.handler import ProviderHandler
from newsletter.notices.composer import NoticeComposer, notice_message_id
from newsletter.notices.permission import MayWrite
from newsletter.notices.queue import NoticeQueue
from newsletter.notices.sender import NoticeSender
from newsletter.notices.store import NoticeStore
from newsletter.notices.tables import NoticeRow
from newsletter.papers.history import History
from newsletter.papers.intake import LOCK
from newsletter.papers.model import Paper, PaperSeq
from newsletter.pictures.service import PictureService
from newsletter.pictures.shelf import PictureShelf
from newsletter.pictures.store import PictureStore
from newsletter.preview.inbox.store import InboxStore
from newsletter.preview.studio.service import Studio
from newsletter.rendering.renderer import Renderer
from newsletter.rendering.template.folder import TemplateFolder
from newsletter.schedule.gate import Gate
from newsletter.schedule.notes import Notes
from newsletter.schedule.slots import Slot, due_at, due_since, slot_named
from newsletter.schedule.status import StatusBoard
from newsletter.schedule.ticker import Ticker
from newsletter.sources.base import Period
from newsletter.sources.service import FetchService, SourceOutcome
from newsletter.summaries.endpoint import Endpoint
from newsletter.summaries.service import SummaryService, WrittenSummaries
from newsletter.taste.service import TasteService
from newsletter.taste.store import forget_taste
from newsletter.taste.tables import TasteRow
from newsletter.web.archive import Archive, latest_issue, listed_paper
from newsletter.web.model import Masthead, WebDeps
from newsletter.web.pages import Pages
from subscribers import erasure
from subscribers.answers import PERIOD, AnswerStore
from subscribers.confirming import Confirmations
from subscribers.desk import SignUpDesk
from subscribers.holdings import holdings_as_json
from subscribers.keys import LinkKeys
from subscribers.links import Links
from subscribers.model import Cadence, Reader, SubscriberId
from subscribers.secrets import load_keys, load_or_create_secret
from subscribers.service import SubscriberService
from subscribers.store import SubscriberStore, readers_query
from subscribers.suppression import Hasher
from subscribers.tables import MailboxRow
from subscribers.transfer.importing import AddressImport
from subscribers.upkeep import Upkeep

#: Settled notices are kept that long, for whoever asks what became of a mail.
NOTICES_KEPT = timedelta(days=30)
#: Papers looked after for each that a digest holds: readers choose, and the ranking moves on until it is built.
LIKELY = 3

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Built:
    """What became of a call to build: no issue where there was no paper; ``is_new`` if this call froze it."""

    issue: Issue | None
    is_new: bool


class App:
    """The program on one configuration. Parts are made when first asked for; nothing connects before it is used."""

    def __init__(self, config: Config, *, clock: Clock | None = None, database: Database | None = None) -> None:
        self.config = config
        self.clock: Clock = clock or SystemClock()
        self.database = database or Database(config.database.url)

    def close(self) -> None:
        """Let go of the database."""
        self.database.dispose()

    def newsletter(self, slug: str | None) -> tuple[str, NewsletterConfig]:
        """Return a newsletter by its slug; None takes the first.

        Raises:
            ConfigError: no newsletter of that name.
        """
        newsletters = self.config.newsletters
        if slug is None:
            return next(iter(newsletters.items()))
        if slug not in newsletters:
            raise ConfigError("newsletters", [f"there is no {slug!r}; there is {', '.join(newsletters)}"])
        return slug, newsletters[slug]

    @cached_property
    def secret(self) -> bytes:
        """The secret behind links and hashes."""
        security = self.config.security
        if security.secret_key is not None:
            return security.secret_key.get_secret_value().encode()
        return load_or_create_secret(security.secret_key_file)

    @cached_property
    def subscribers(self) -> SubscriberService:
        """Readers, their choices, consent and suppression."""
        return SubscriberService(self.database, self.clock, self.secret, notices=self.notice_queue, on_erase=self.forgetting)

    @cached_property
    def link_keys(self) -> LinkKeys:
        """Signs the links in mails."""
        return LinkKeys(load_keys(self.secret, self.config.security.link_keys_file))

    @cached_property
    def links(self) -> Links:
        """Does what the links in mails are for."""
        return Links(self.database, self.clock, self.link_keys, self.notice_queue)

    @cached_property
    def notice_queue(self) -> NoticeQueue:
        """Takes mails to single people."""
        return NoticeQueue()

    @cached_property
    def hasher(self) -> Hasher:
        """Makes keyed hashes of addresses and networks."""
        return Hasher(self.secret)

    @cached_property
    def forgetting(self) -> tuple[Callable[[Session, SubscriberId], None], ...]:
        """What forgets a person elsewhere than in the store of subscribers."""
        return forget_replies, forget_returns, ForgetInbound(self.hasher), forget_taste

    @cached_property
    def desk(self) -> SignUpDesk:
        """Takes sign-ups in, and looks at them later."""
        return SignUpDesk(self.database, self.clock, self.hasher, self.config.signup.limits, self.notice_queue)

    @cached_property
    def confirmations(self) -> Confirmations:
        """Does what the links to confirm are for."""
        return Confirmations(
            self.database,
            self.clock,
            self.link_keys,
            self.hasher,
            self.config.signup.limits,
            self.notice_queue,
            on_erase=self.forgetting,
        )

    @cached_property
    def importer(self) -> AddressImport:
        """Takes files of addresses in."""
        return AddressImport(self.database, self.clock, self.hasher)

    @cached_property
    def fetching(self) -> FetchService:
        """Papers and signals, from the sources into the store."""
        return FetchService(self.database, self.clock, self.config.http, self.config.sources)

    @cached_property
    def pictures(self) -> PictureShelf:
        """Pictures of papers and logos, as mails and pages show them."""
        return PictureShelf(self.database, self.clock, max_bytes=self.config.pictures.max_bytes)

    @cached_property
    def picture_service(self) -> PictureService:
        """Fetches pictures of papers."""
        return PictureService(self.database, self.clock, self.config.pictures, self.config.http)

    def fetch(self, sources: Sequence[str] = (), *, period: Period | None = None) -> list[SourceOutcome]:
        """Take in what sources have, as :meth:`FetchService.run` does, and then what the best papers lack."""
        outcomes = self.fetching.run(sources, period=period)
        self.enrich()
        return outcomes

    def enrich(self) -> None:
        """Get what the papers that are likely to be sent lack. A part that fails is logged and stops nothing."""
        parts = {
            "pictures": self._add_pictures,
            "summaries": self._add_summaries,
        }
        for part, add in parts.items():
            try:
                add()
            except SQLAlchemyError as error:
                # Its text may hold values of rows.
                log.error("app.enrich_failed part=%s error=%s", part, type(error).__name__)  # noqa: TRY400 - a traceback would log values of rows, such as addresses
            except Exception:
                log.exception("app.enrich_failed part=%s", part)

    def _add_pictures(self) -> None:
        self.picture_service.run(self.likely_papers(lambda newsletter: newsletter.look.pictures != "none"))

    def _add_summaries(self) -> None:
        if self.config.summaries.url:
            self.summaries.run(self.likely_papers(lambda _: True))

    def likely_papers(self, wanted: Callable[[NewsletterConfig], bool]) -> list[Paper]:
        """Return the papers that the next issues of the newsletters that are ``wanted`` are likely to show, best first."""
        now = self.clock.now()
        found: dict[PaperSeq, Paper] = {}
        for newsletter in filter(wanted, self.config.newsletters.values()):
            for ranked in self.builder.rank(newsletter, at=now)[: LIKELY * newsletter.size]:
                found.setdefault(ranked.paper.seq, ranked.paper)
        return list(found.values())

    @cached_property
    def builder(self) -> IssueBuilder:
        """Freezes issues."""
        config = self.config.summaries
        written = WrittenSummaries(self.database, config.model).of if config.url else None
        return IssueBuilder(self.database, self.config.trending, summaries=written)

    @cached_property
    def taste(self) -> TasteService:
        """What readers' feedback teaches."""
        return TasteService(self.database, self.clock, self.config.taste)

    @cached_property
    def summaries(self) -> SummaryService:
        """Has summaries written where sources have none, if a service is configured."""
        config = self.config.summaries
        api_key = config.api_key
        if api_key is None and config.api_key_file is not None:
            api_key = secret_from_file(config.api_key_file, "summaries.api_key_file")
        endpoint = Endpoint(config, api_key=api_key, contact=self.config.http.contact)
        return SummaryService(self.database, self.clock, config, endpoint)

    @cached_property
    def renderer(self) -> Renderer:
        """Composes messages."""
        return Renderer(
            self.config.paths.templates, base_url=self.config.web.base_url, secret=self.secret, pictures=self.pictures
        )

    def build(self, slug: str, slot: Slot, *, at: datetime | None = None, new_since: datetime | None = None) -> Built:
        """Freeze a slot's issue and list its readers' deliveries; goes on where an earlier call stopped.

        Args:
            slug: the newsletter.
            slot: whose issue.
            at: aware UTC: rank as known then; None for now.
            new_since: aware UTC: only papers first seen after it; None for all of the pool.
        """
        newsletter = self.config.newsletters[slug]
        frozen = self.builder.build(
            slug, newsletter, cadence=slot.cadence, slot=slot.key, at=at or self._behind_intake(), new_since=new_since
        )
        issue = frozen.issue
        if issue is not None and issue.state is IssueState.BUILDING:
            issue = self._expand(issue, newsletter, slot, is_short=new_since is not None)
        return Built(issue, frozen.is_new)

    def _behind_intake(self) -> datetime:
        """Return the present instant, when all papers that were first seen before it are stored."""
        with self.database.write() as session:
            lock(session, LOCK)
            return self.clock.now()

    def resume_building(self) -> list[Issue]:
        """Finish issues whose building was cut short, however long ago."""
        with self.database.read() as session:
            unfinished = IssueStore(session).in_state(IssueState.BUILDING)
        return [
            self._expand(issue, newsletter, slot_named(newsletter, issue.cadence, issue.slot))
            for issue in unfinished
            if (newsletter := self.config.newsletters.get(issue.newsletter)) is not None
        ]

    def readers(self, slug: str, cadence: Cadence, *, after: int = 0, limit: int = 1000) -> list[Reader]:
        """Return the next page of a newsletter's readers at a cadence, ascending id."""
        with self.database.read() as session:
            return SubscriberStore(session).readers(slug, cadence, after=after, limit=limit, now=self.clock.now())

    def count_unsettled(self, scope: Scope) -> int:
        """Return how many deliveries a sending run with ``scope`` has before it, as far as is known now."""
        with self.database.read() as session:
            return Accounts(session).count_unsettled(
                issue_id=scope.issue_id, due_by=self.clock.now() if scope.due_only else None
            )

    def is_mail_due(self) -> bool:
        """Whether a sending run would find anything to do."""
        with self.database.read() as session:
            return Ledger(session).has_work(due_by=self.clock.now())

    def relays(self, smtp: SmtpConfig | None = None) -> list[Relay]:
        """Return the next hops; ``smtp`` stands in for all of them (the built-in inbox's address)."""
        if smtp is not None and smtp is not self.config.smtp:
            return [Relay("smtp", smtp)]
        named = {"smtp": self.config.smtp, **self.config.relays}
        return [Relay(name, _with_password(name, relay)) for name, relay in named.items()]

    def sender(self, smtp: SmtpConfig | None = None) -> Sender:
        """Return a sender; ``smtp`` stands in for the configured relays (the built-in inbox's address)."""
        return Sender(
            self.database,
            self.clock,
            self.relays(smtp),
            self.config.delivery,
            composer=self.composer,
            hash_of=self.hasher,
            journal=lambda: FileJournal(self.config.paths.data / "journal"),
            check_room=lambda: check_room(self.places, self.config.delivery.least_free_mb),
        )

    @property
    def places(self) -> list[Path]:
        """The folders that sending writes to."""
        file = self.database.url.database
        return [self.config.paths.data, *([Path(file).parent] if self.database.is_sqlite and file else [])]

    def notice_sender(self, smtp: SmtpConfig) -> NoticeSender:
        """Return a sender of notices."""
        return NoticeSender(
            self.database,
            self.clock,
            self.relays(smtp),
            self.config.delivery,
            composer=self.notice_composer,
            may_write=MayWrite(self.database, self.hasher),
            confirm_within=self.config.signup.confirm_within,
        )

    @cached_property
    def notice_composer(self) -> NoticeComposer:
        """Makes a notice's message."""
        return NoticeComposer(
            self.database,
            self.renderer,
            self.link_keys,
            self.secret,
            self.config.newsletters,
            confirm_within=self.config.signup.confirm_within,
            base_url=self.config.web.base_url,
            bounces=self.bounces,
            signers=self.signers,
        )

    def held_of(self, subscriber_id: SubscriberId) -> dict[str, object]:
        """Return everything that is held about a person, as plain JSON values: what the store knows, what was sent, what came.

        Raises:
            UnknownSubscriberError: nobody of that number.
        """
        with self.database.read() as session:
            mails = {
                "deliveries": sent_to(session, subscriber_id),
                "notices": NoticeStore(session).of(subscriber_id),
                "mailbox": mailbox_of(session, subscriber_id),
                "returned": returns_of(session, subscriber_id),
                "inbound": inbound_of(session, subscriber_id),
            }
        return holdings_as_json(self.subscribers.held(subscriber_id), **mails, taste=self.taste.held(subscriber_id))

    def forget_deleted(self) -> bool:
        """Make what was erased unreadable in the database's files; False if somebody was in the way, to be called again."""
        return self.database.forget_deleted(
            *erasure.TABLES,
            *(row.__tablename__ for row in (NoticeRow, DeliveryRow, ReturnRow, MailboxRow, InboundMailRow, TasteRow)),
        )

    def clear_away(self) -> None:
        """Delete what nobody confirmed, old mails, notices and pictures no mail is likely to show; thin old snapshots out."""
        History(self.database, self.clock, self.config.history).thin()
        cleaned = Upkeep(self.database, self.clock, self.config.signup.limits).run()
        forgotten = self.inbound.clear_away()
        with self.database.write() as session:
            NoticeStore(session).drop_settled(before=self.clock.now() - NOTICES_KEPT)
            AnswerStore(session, self.hasher).drop(before=self.clock.now() - PERIOD)
            PictureStore(session).drop(before=self.clock.now() - self.config.pictures.keep)
        # SQLite's log may have been in use when somebody was erased, and emptying it costs little.
        if cleaned.people or forgotten or self.database.is_sqlite:
            self.forget_deleted()

    @cached_property
    def composer(self) -> DigestComposer:
        """Makes a claim's message."""
        return DigestComposer(
            self.database,
            self.clock,
            self.renderer,
            self.link_keys,
            self.secret,
            self.config.newsletters,
            bounces=self.bounces,
            signers=self.signers,
        )

    @cached_property
    def bounces(self) -> SignedAddresses:
        """Signs envelope senders, so that a bounce says what it is about."""
        return SignedAddresses(self.secret)

    @cached_property
    def returns(self) -> ReturnDesk:
        """Takes what comes back of messages."""
        return ReturnDesk(
            self.database,
            self.hasher,
            self.notice_queue,
            self.config.bounces,
            secret=self.secret,
            newsletters=self.config.newsletters,
            notice_message_id=partial(notice_message_id, self.secret),
        )

    def look_at_returns(self) -> bool:
        """Count what servers refused, and pause issues of which too much comes back; whether any was."""
        now, config = self.clock.now(), self.config
        Refusals(self.database, self.returns, reason_of_reply, config.bounces.act_within).sweep(now)
        alarm = Alarm(config.newsletters, note_to=config.schedule.note_to, notices=self.notice_queue, secret=self.secret)
        return bool(Judging(self.database, config.bounces, alarm).judge(now))

    @cached_property
    def origins(self) -> Origins:
        """Finds the messages that signed addresses name."""
        return Origins(self.database)

    @cached_property
    def addressing(self) -> Addressing:
        """Tells our own addresses."""
        return Addressing(self.config.newsletters, self.bounces, self.origins)

    @cached_property
    def inbound(self) -> InboundService:
        """Keeps mails that come in, and acts on them."""
        config = self.config.inbound
        return InboundService(
            self.database,
            self.clock,
            addressing=self.addressing,
            handlers=self._handlers(),
            otherwise=Noted(self.origins),
            reports=ProviderHandler(self.returns, self.bounces, self.subscribers),
            notices=self.notice_queue,
            hasher=self.hasher,
            looks_like_command=looks_like_command,
            max_bytes=config.max_bytes,
            keep_for=config.keep,
        )

    def _handlers(self) -> dict[MailKind, Handler]:
        forwarder = Forwarder(
            self.config.newsletters,
            forward_to=self.config.inbound.forward_to,
            is_own=self.addressing.is_own,
            origin=self.origins,
            secret=self.secret,
            may_forward=self._may_forward,
            heard_from=self.subscribers.heard_from,
        )
        commands = CommandHandler(
            self.database,
            self.config.newsletters,
            self.config.inbound,
            is_own=self.addressing.is_own,
            subscribers=self.subscribers,
            desk=self.desk,
            confirmations=self.confirmations,
            links=self.links,
            keys=self.link_keys,
            hasher=self.hasher,
            people=forwarder,
        )
        returned = ReturnedMail(self.returns, self.bounces, self.links.holder_of)
        return {
            **dict.fromkeys((MailKind.COMMAND, MailKind.CONFIRM, MailKind.UNSUBSCRIBE), commands),
            **dict.fromkeys((MailKind.BOUNCE, MailKind.DELAYED, MailKind.COMPLAINT), returned),
            MailKind.HUMAN: forwarder,
        }

    def _may_forward(self, number: int, now: datetime) -> bool:
        with self.database.write() as session:
            return AnswerStore(session, self.hasher).may_forward(number, now=now)

    def mailbox(self, *, kept: Callable[[], None] = lambda: None) -> ImapPoller:
        """Return what takes the mail out of the mailbox of ``[inbound.imap]``; ``kept`` has it acted upon, from any thread."""
        config = self.config.inbound
        return ImapPoller(config.imap, self.inbound.keep, kept=kept, max_bytes=config.max_bytes)

    def listener(self, *, kept: Callable[[], None]) -> Listener:
        """Return what an MTA hands mail to, by ``[inbound.listen]``; ``kept`` has it acted upon, from any thread."""
        config = self.config.inbound
        return Listener(
            config.listen,
            self.inbound.keep,
            self.addressing.accepts,
            kept=kept,
            hostname=urlsplit(self.config.web.base_url).hostname or "localhost",
            max_bytes=config.max_bytes,
        )

    @cached_property
    def signers(self) -> dict[str, tuple[DkimSigner, ...]]:
        """The DKIM keys of each newsletter."""
        return {slug: load_signers(newsletter) for slug, newsletter in self.config.newsletters.items()}

    @cached_property
    def gate(self) -> Gate:
        """Tells which slots are open, and whether their issues are made, wait, or are left out."""
        return Gate(self.database, self.clock, self.config.schedule, self.config.newsletters, enabled=self.fetching.enabled)

    @cached_property
    def ticker(self) -> Ticker:
        """Decides what is due."""
        return Ticker(
            self.clock,
            self.config.schedule,
            self.config.newsletters,
            gate=self.gate,
            last_fetch=self._last_fetch,
            fetch=self.fetch,
            wanted=lambda slug, cadence: bool(self.readers(slug, cadence, limit=1)),
            build=lambda slug, slot, new_since: self.build(slug, slot, new_since=new_since).issue is not None,
        )

    @cached_property
    def notes(self) -> Notes:
        """Tells the operator about slots without an issue."""
        return Notes(
            self.database,
            self.clock,
            self.config.newsletters,
            note_to=self.config.schedule.note_to,
            base_url=self.config.web.base_url,
        )

    @cached_property
    def inbox(self) -> InboxStore:
        """What the built-in inbox caught."""
        return InboxStore(self.config.paths.data / "inbox", keep=self.config.inbox.keep)

    @cached_property
    def pages(self) -> Pages:
        """Makes the web pages."""
        _, newsletter = self.newsletter(None)
        folder = TemplateFolder(self.config.paths.templates)
        return Pages(folder, base_url=self.config.web.base_url, masthead=Masthead(newsletter.name, newsletter.tagline))

    def web_deps(self, *, wake: Callable[[], None], kept: Callable[[], None] = lambda: None) -> WebDeps:
        """Return what the public pages show and do.

        Args:
            wake: has sign-ups that were taken in looked at, and notices sent; from any thread.
            kept: has reports that were stored acted upon; from any thread. By default whoever looks for them finds them.
        """
        _, newsletter = self.newsletter(None)
        return WebDeps(
            base_url=self.config.web.base_url,
            masthead=Masthead.of(newsletter),
            newsletters=self.config.newsletters,
            latest_issue=lambda slug=None: latest_issue(self.database, self.config.newsletters, slug),
            paper=lambda seq: listed_paper(self.database, seq),
            archive=Archive(self.database, self.config.newsletters, self.config.web.base_url, self.pictures),
            trending=self.config.trending,
            is_ready=self.database.is_current,
            desk=self.desk,
            links=self.links,
            confirmations=self.confirmations,
            subscribers=self.subscribers,
            held_of=self.held_of,
            clock=self.clock,
            form_secret=self.secret,
            signup=self.config.signup,
            forget_deleted=self.forget_deleted,
            wake=wake,
            trusted_proxies=self.config.web.trusted_proxies,
            pictures=self.pictures,
            taste=self.taste,
            hooks=HookDoor(
                self.config.inbound.webhooks, self.inbound.keep, self.clock, kept=kept, fetch=GuardedFetch(self.config.http)
            ),
            status=StatusBoard(self.database, self.clock, self.config.newsletters, enabled=self.fetching.enabled).status,
        )

    def studio(self) -> Studio:
        """Return what makes samples of mails, for editors."""
        return Studio(
            self.database,
            self.renderer,
            self.builder,
            self.config.newsletters,
            pictures=self.pictures,
            templates=TemplateFolder(self.config.paths.templates),
            base_url=self.config.web.base_url,
            now=self.clock.now,
        )

    def _last_fetch(self) -> datetime | None:
        runs = self.fetching.last_runs()
        return max((runs[name].started_at for name in self.fetching.enabled if name in runs), default=None)

    def _expand(self, issue: Issue, newsletter: NewsletterConfig, slot: Slot, *, is_short: bool = False) -> Issue:
        self.taste.learn()
        due_from = due_since(slot, issue.frozen_at, waited=self.config.schedule.deadline)
        expander = Expander(
            self.database,
            self.clock,
            readers=lambda after, limit: readers_query(
                issue.newsletter, issue.cadence, now=self.clock.now(), after=after, limit=limit
            ),
            size=newsletter.size,
            late=newsletter.late_bloomers,
            due_at=partial(due_at, due_from),
            due_from=due_from,
            replaces=not is_short,
        )
        return expander.expand(issue)


R = TypeVar("R", bound=RelayConfig)


def _with_password(name: str, relay: R) -> R:
    if relay.password_file is None or relay.password is not None:
        return relay
    key = f"{'' if name == 'smtp' else 'relays.'}{name}.password_file"
    return relay.model_copy(update={"password": secret_from_file(relay.password_file, key)})

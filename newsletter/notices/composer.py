"""Makes the message of a notice: a letter, or the latest issue with a welcome above it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from sqlalchemy import select

from newsletter.config import NewsletterConfig
from newsletter.database import Database
from newsletter.delivery.composing.composer import written_recipient
from newsletter.delivery.identity.dkim import BodySigner, DkimSigner
from newsletter.delivery.identity.verp import EnvelopeSenders, SignedAddresses, SignedKind
from newsletter.delivery.model import OutgoingMessage
from newsletter.digest.store import IssueStore
from newsletter.errors import NewsletterError
from newsletter.notices.model import NoticeClaim
from newsletter.notices.welcome import Welcomes
from newsletter.rendering.errors import MessageRefused
from newsletter.rendering.findings import errors_in
from newsletter.rendering.message.lint import lint
from newsletter.rendering.message.message import (
    CONFIRM,
    FEEDBACK,
    PREFERENCES,
    REPLY,
    UNSUBSCRIBE,
    ComposedBody,
    Gapped,
    Personal,
    is_message_id,
)
from newsletter.rendering.renderer import Renderer
from newsletter.rendering.view.letters import WELCOME, Letter
from newsletter.rendering.words.answers import answer_values
from newsletter.rendering.words.sentences import return_words, rhythm
from subscribers.choices_json import choices_from_json
from subscribers.keys import LinkKeys
from subscribers.model import Choices, ConsentMethod, NoticeKind, Subscription
from subscribers.store import SubscriberStore
from subscribers.tables import WishRow

#: How a message begins that was signed.
_SIGNATURE = b"DKIM-Signature:"


@dataclass(frozen=True, slots=True)
class _Whole:
    """A message without slots."""

    data: bytes

    def gapped(self) -> Gapped:
        return Gapped([self.data], [])


class NoticeComposer:
    """Composes notices. Not for use from several threads at once."""

    def __init__(
        self,
        database: Database,
        renderer: Renderer,
        keys: LinkKeys,
        secret: bytes,
        newsletters: Mapping[str, NewsletterConfig],
        *,
        confirm_within: timedelta,
        base_url: str,
        bounces: SignedAddresses,
        signers: Mapping[str, Sequence[DkimSigner]] | None = None,
    ) -> None:
        """Make a composer.

        Args:
            database: where issues, wishes and subscriptions are.
            renderer: makes bodies.
            keys: sign the links.
            secret: the installation's key; Message-IDs depend on it.
            newsletters: by slug, the first one first.
            confirm_within: how long a link to confirm works; said in the mail.
            base_url: of the public pages, without a slash at its end; its host is named in the Form-Sub field.
            bounces: sign the addresses that answers come to, and the envelope senders of newsletters that want it.
            signers: DKIM keys by slug, the first to sign first; None, or none for a newsletter: the relay signs, or nobody.
        """
        self._database = database
        self._renderer = renderer
        self._keys = keys
        self._secret = secret
        self._newsletters = newsletters
        self._confirm_within = confirm_within
        self._base_url = base_url
        self._host = urlsplit(base_url).hostname or ""
        self._welcomes = Welcomes(database)
        self._addresses = bounces
        self._senders = EnvelopeSenders(newsletters, bounces)
        self._signers = signers or {}

    def compose(self, claim: NoticeClaim) -> OutgoingMessage:
        """Return the message of ``claim``. The papers of a welcome are chosen, and kept with the notice, the first time.

        Raises:
            MessageRefused: the linter would not let it leave.
            TemplateError: a template cannot be used.
            NewsletterError: its newsletter is not in the configuration any more, or its address cannot be written in a message.
        """
        if claim.kind is NoticeKind.OPERATOR:
            return self._to_operator(claim)
        slug, newsletter = self._newsletter(claim)
        body = self._body(claim, slug, newsletter)
        personal = Personal(
            recipient=written_recipient(claim.address, claim.label),
            message_id=notice_message_id(self._secret, claim.notice_id, newsletter.from_address.rpartition("@")[2]),
            dated_at=claim.dated_at,
            tokens=self._tokens(claim, slug),
        )
        data = body.splice(personal)
        findings = lint(data, body.expectation(personal))
        if errors_in(findings):
            raise MessageRefused(f"notice {claim.notice_id}", findings)
        if signers := self._signers.get(slug):
            data = BodySigner(body, signers).fields(personal.encoded(), at=claim.dated_at) + data
        # Nobody is to answer an answer, not even by a bounce (RFC 3834 section 3.3).
        is_answer = claim.kind is NoticeKind.ANSWER
        return outgoing(claim, "" if is_answer else self._senders.of(slug, SignedKind.NOTICE, claim.notice_id), data)

    def _to_operator(self, claim: NoticeClaim) -> OutgoingMessage:
        data = claim.content or b""
        signers = self._signers.get(claim.newsletter)
        # The DKIM fields come first: where there is one, it was signed in an earlier try.
        if signers and not data.startswith(_SIGNATURE):
            data = BodySigner(_Whole(data), signers).fields({}, at=claim.dated_at) + data
        return outgoing(claim, "", data)

    def _body(self, claim: NoticeClaim, slug: str, newsletter: NewsletterConfig) -> ComposedBody:
        if claim.kind is NoticeKind.WELCOME:
            return self._welcome(claim, slug, newsletter)
        if claim.kind is NoticeKind.ANSWER:
            return self._answer(claim, slug, newsletter)
        language = self._renderer.language(newsletter)
        valid_for = language.lasting(self._confirm_within)
        values: dict[str, object] = {}
        form_sub = ""
        if claim.kind is NoticeKind.CONFIRM:
            choices, method = self._wish(claim)
            values = {"rhythm": rhythm(choices.cadence, language), "valid_for": valid_for}
            form_sub = self._form_sub(claim) if method is ConsentMethod.WEB else ""
        elif claim.kind is NoticeKind.KNOWN:
            values = {"rhythm": rhythm(self._subscription(claim).cadence, language)}
            form_sub = self._form_sub(claim) if claim.client else ""
        elif claim.kind is NoticeKind.CONFIRM_ADDRESS:
            values = {"valid_for": valid_for}
        elif claim.kind is NoticeKind.GOODBYE:
            values = {"signup_url": f"{self._base_url}/"}
        elif claim.kind is NoticeKind.PROBE:
            values = {"reason": return_words(str(claim.details.get("reason", "")), language)}
        letter = Letter(claim.kind.replace("_", "-"), f"notice {claim.notice_id}", values, form_sub)
        return self._renderer.compose_letter(newsletter, slug, letter)

    def _answer(self, claim: NoticeClaim, slug: str, newsletter: NewsletterConfig) -> ComposedBody:
        is_reader = self._found_subscription(claim, slug) is not None
        values = answer_values(
            claim.details,
            self._renderer.language(newsletter),
            name=newsletter.name,
            cadences=newsletter.cadences,
            signup_url=f"{self._base_url}/",
            is_reader=is_reader,
        )
        answered = str(claim.details.get("in_reply_to", ""))
        letter = Letter(
            "answer",
            f"notice {claim.notice_id}",
            values,
            in_reply_to=answered if is_message_id(answered) else "",
            is_to_reader=is_reader,
        )
        return self._renderer.compose_letter(newsletter, slug, letter)

    def _welcome(self, claim: NoticeClaim, slug: str, newsletter: NewsletterConfig) -> ComposedBody:
        subscription = self._subscription(claim)
        language = self._renderer.language(newsletter)
        values: dict[str, object] = {
            "rhythm": rhythm(subscription.cadence, language),
            "hour": language.hour(subscription.local_hour),
            "zone": language.zone(subscription.zone),
        }
        chosen = self._welcomes.choose(claim, subscription, size=newsletter.size, late=newsletter.late_bloomers)
        if chosen is None:
            return self._renderer.compose_letter(newsletter, slug, Letter("welcome-early", f"notice {claim.notice_id}", values))
        issue, pool, digest_id = chosen
        with self._database.read() as session:
            digest = IssueStore(session).digest(digest_id)
        if digest is None:
            raise NewsletterError(f"digest {digest_id} is missing from the database; restore it from a backup")
        return self._renderer.compose(newsletter, slug, issue, pool.entries, digest, template=WELCOME, values=values)

    def _tokens(self, claim: NoticeClaim, slug: str) -> dict[str, str]:
        tokens = {REPLY: self._addresses.token(SignedKind.NOTICE_REPLY, claim.notice_id)}
        person = claim.subscriber
        if person is None:
            return tokens
        match claim.kind:
            case NoticeKind.CONFIRM:
                tokens[CONFIRM] = self._keys.make_confirm(person, claim.reference)
            case NoticeKind.CONFIRM_ADDRESS:
                tokens[CONFIRM] = self._keys.make_address(person, claim.reference)
            case NoticeKind.KNOWN | NoticeKind.WELCOME | NoticeKind.ANSWER | NoticeKind.PROBE:
                tokens |= {
                    UNSUBSCRIBE: self._keys.make_unsubscribe(person, slug),
                    PREFERENCES: self._keys.make_preferences(person),
                    FEEDBACK: self._keys.make_feedback(person),
                }
        return tokens

    def _newsletter(self, claim: NoticeClaim) -> tuple[str, NewsletterConfig]:
        slug = claim.newsletter
        if not slug:  # it concerns all of them, and comes in the name of one they get
            people = [] if claim.subscriber is None else [claim.subscriber.id]
            with self._database.read() as session:
                gets = {subscription.newsletter for subscription in SubscriberStore(session).subscriptions(people)}
            slug = next((known for known in self._newsletters if known in gets), next(iter(self._newsletters)))
        if slug not in self._newsletters:
            raise NewsletterError(
                f"notice {claim.notice_id} is about newsletter {slug!r}, which the configuration does not have; put it back"
            )
        return slug, self._newsletters[slug]

    def _wish(self, claim: NoticeClaim) -> tuple[Choices, ConsentMethod]:
        with self._database.read() as session:
            found = session.execute(select(WishRow.choices, WishRow.method).where(WishRow.id == claim.reference)).first()
        if found is None:
            raise NewsletterError(f"notice {claim.notice_id}: its wish was taken back; nothing to do")
        return choices_from_json(found[0]), ConsentMethod(found[1])

    def _subscription(self, claim: NoticeClaim) -> Subscription:
        subscription = self._found_subscription(claim, claim.newsletter)
        if subscription is None:
            raise NewsletterError(f"notice {claim.notice_id}: its reader left; nothing to do")
        return subscription

    def _found_subscription(self, claim: NoticeClaim, slug: str) -> Subscription | None:
        if claim.subscriber is None:
            return None
        with self._database.read() as session:
            return SubscriberStore(session).subscription(claim.subscriber.id, slug)

    def _form_sub(self, claim: NoticeClaim) -> str:
        """Return who filled in the form (draft-levine-mailbomb-header), for receivers to see a flood of sign-ups as one."""
        client = _plain_ip(claim.client)
        return f"v=1; {f'ip={client}; ' if client else ''}dom={self._host}"


def outgoing(claim: NoticeClaim, envelope_from: str, data: bytes) -> OutgoingMessage:
    """Return the message of a notice; reports are asked for unless there is nobody to send them to."""
    return OutgoingMessage(envelope_from, claim.address, data, f"n{claim.notice_id}" if envelope_from else "")


def notice_message_id(secret: bytes, notice_id: int, domain: str) -> str:
    """Return the Message-ID of a notice: always the same, and telling nothing to others, as that of an issue is."""
    mac = hmac.digest(secret, f"message-id notice {notice_id}".encode(), hashlib.sha256)
    return f"<{mac[:16].hex()}@{domain}>"


def _plain_ip(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        return ""
    if isinstance(address, IPv6Address):
        # A zone is any text at all, and of this machine only.
        return str(address.ipv4_mapped or address) if address.scope_id is None else ""
    return str(address)

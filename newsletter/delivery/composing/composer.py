"""Makes the message of a claim: the digest's stored body, spliced for its reader."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from typing import NamedTuple

import idna
from sqlalchemy.exc import SQLAlchemyError

from newsletter.clock import Clock
from newsletter.config import NewsletterConfig
from newsletter.database import Database
from newsletter.delivery.composing.making import Body, BodyMaker, newsletter_of, slots_of
from newsletter.delivery.identity.dkim import BodySigner, DkimSigner
from newsletter.delivery.identity.verp import EnvelopeSenders, SignedAddresses, SignedKind
from newsletter.delivery.model import Claim, Draft, OutgoingMessage
from newsletter.digest.model import DigestId, IssueId
from newsletter.digest.store import IssueStore
from newsletter.errors import NewsletterError
from newsletter.rendering.errors import MessageRefused
from newsletter.rendering.findings import errors_in
from newsletter.rendering.message.lint import lint
from newsletter.rendering.message.message import (
    DATE,
    FEEDBACK,
    MESSAGE_ID,
    PREFERENCES,
    REPLY,
    TO,
    UNSUBSCRIBE,
    Gapped,
    MessageIds,
    Personal,
    date_field,
    encoded_recipient,
)
from newsletter.rendering.message.pieces import PiecedBody
from newsletter.rendering.renderer import Renderer
from subscribers.keys import LinkKeys

#: Bodies kept in memory, the last ones used: many issues have few distinct digests. Those with pictures are large, and of all
#: together this many octets are kept at most.
BODIES_KEPT, OCTETS_KEPT = 256, 32_000_000
#: What is small: issues without their pools, and the written form of domains and dates.
_ISSUES_KEPT, _DOMAINS_KEPT, _DATES_KEPT = 1024, 4096, 64
#: Of the messages of one issue, the first and then every so many are looked at by the linter. A look takes as long as
#: composing 700 messages, and every piece of a body was looked at when it was made.
SAMPLE_EVERY = 5000


class _Reader(NamedTuple):
    """Whom links are made for."""

    id: int
    token_epoch: int


@dataclass(slots=True)
class _Sending:
    """What the messages of one issue have in common, and how many there were."""

    newsletter: str
    ids: MessageIds
    count: int = 0


@dataclass(slots=True)
class _Body:
    """A composed body, ready to be filled in.

    ``signer`` is None where the relay signs. ``takes_replies``: it has a signed address for answers; bodies that were stored
    before the newsletter had one do not.
    """

    sending: _Sending
    composed: Body
    is_wire_safe: bool
    signer: BodySigner | None
    takes_replies: bool
    _uses: int = 0
    _message: Gapped | None = None

    def fill(self, values: Mapping[str, bytes]) -> bytes:
        """Return the message with these values in its slots."""
        if self._message is None:
            self._uses += 1
            if self._uses == 1 and isinstance(self.composed, PiecedBody):
                return self.composed.fill(values)  # it may be the only one
            self._message = self.composed.gapped()
        return self._message.fill(values)


class DigestComposer:
    """Composes claims' messages; equal claims give equal bytes, today and after a restart (if the DKIM keys are the same).

    A digest's body is made once, of pieces checked by the linter, and stored before the first message is cut from it; every
    worker then uses the stored bytes. Not for use from several threads at once; only what :meth:`prepare` returns may be called
    in another one meanwhile: it reads, and that a body is made ready twice does no harm.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        renderer: Renderer,
        keys: LinkKeys,
        secret: bytes,
        newsletters: Mapping[str, NewsletterConfig],
        *,
        bounces: SignedAddresses,
        signers: Mapping[str, Sequence[DkimSigner]] | None = None,
    ) -> None:
        """Make a composer.

        Args:
            database: where issues, digests and their bodies are.
            clock: says when a body was composed.
            renderer: makes bodies.
            keys: sign the links.
            secret: the installation's key; Message-IDs depend on it.
            newsletters: by slug.
            bounces: sign the addresses that answers come to, and the envelope senders of newsletters that want it.
            signers: DKIM keys by slug, the first to sign first; None, or none for a newsletter: the relay signs, or nobody.
        """
        self._database = database
        self._maker = BodyMaker(database, clock, renderer, newsletters)
        self._keys = keys
        self._secret = secret
        self._newsletters = newsletters
        self._addresses = bounces
        self._senders = EnvelopeSenders(newsletters, bounces)
        self._signers = signers or {}
        self._bodies: OrderedDict[DigestId, _Body] = OrderedDict()
        self._octets = 0
        self._sending = lru_cache(_ISSUES_KEPT)(self._begin)

    def compose(self, claim: Claim) -> OutgoingMessage:
        """Return the message of ``claim``.

        Raises:
            MessageRefused: the linter would not let it leave.
            TemplateError: a template cannot be used.
            NewsletterError: its newsletter is not in the configuration any more, or its address cannot be written in a message.
        """
        (draft,) = self.prepare([claim])
        if isinstance(draft, Exception):
            raise draft
        return draft()

    def prepare(self, claims: Sequence[Claim]) -> list[Draft | Exception]:
        """Return what makes the message of each claim, in their order; what :meth:`compose` would raise may stand in its place.

        The bodies that they are cut from and that are not known yet are read in one transaction, and those that were not
        stored before are stored in another, for each issue. What is signed is made here and now, as that takes long.

        Raises:
            SQLAlchemyError: the database is in trouble.
        """
        bodies = self._bodies_of(claims)
        return [self._draft(claim, bodies[claim.digest_id]) for claim in claims]

    def _draft(self, claim: Claim, body: _Body | Exception) -> Draft | Exception:
        if isinstance(body, Exception):
            return body
        body.sending.count += 1
        is_sample = body.sending.count % SAMPLE_EVERY == 1
        if body.signer is None and not is_sample:
            return partial(self._message, claim, body)
        try:
            message = self._message(claim, body, is_sample=is_sample)
        except (NewsletterError, ValueError) as error:
            return error
        return lambda: message

    def _message(self, claim: Claim, body: _Body, *, is_sample: bool = False) -> OutgoingMessage:
        sending = body.sending
        reader = _Reader(claim.subscriber_id, claim.token_epoch)
        recipient = encoded_recipient(written_recipient(claim.address, claim.label))
        values = {
            TO: recipient,
            MESSAGE_ID: sending.ids.of(claim.issue_id, claim.subscriber_id).encode(),
            DATE: _encoded_date(claim.dated_at),
            UNSUBSCRIBE: self._keys.make_unsubscribe(reader, sending.newsletter).encode(),
            PREFERENCES: self._keys.make_preferences(reader).encode(),
            FEEDBACK: self._keys.make_feedback(reader).encode(),
        }
        if body.takes_replies:
            values[REPLY] = self._addresses.token(SignedKind.DELIVERY_REPLY, claim.delivery_id).encode()
        data = body.fill(values)
        if is_sample:
            _look_at(claim, body.composed, values, data)
        if body.signer is not None:
            data = body.signer.fields(values, at=claim.dated_at) + data
        return OutgoingMessage(
            self._senders.of(sending.newsletter, SignedKind.DELIVERY, claim.delivery_id),
            claim.address,
            data,
            f"d{claim.delivery_id}",
            body.is_wire_safe and recipient.isascii(),
        )

    def _bodies_of(self, claims: Sequence[Claim]) -> dict[DigestId, _Body | Exception]:
        found: dict[DigestId, _Body | Exception] = {}
        missing: dict[IssueId, dict[DigestId, None]] = {}
        for claim in claims:
            if claim.digest_id in found:
                continue
            known = self._bodies.get(claim.digest_id)
            if known is None:
                missing.setdefault(claim.issue_id, {})[claim.digest_id] = None
            else:
                self._bodies.move_to_end(claim.digest_id)
                found[claim.digest_id] = known
        for issue_id, digest_ids in missing.items():
            found |= self._prepared(issue_id, digest_ids)
        return found

    def _prepared(self, issue_id: IssueId, digest_ids: Collection[DigestId]) -> dict[DigestId, _Body | Exception]:
        """Make the bodies of digests ready, and keep the last of them."""
        try:
            sending = self._sending(issue_id)
            bodies = self._maker.bodies(issue_id, digest_ids)
        except SQLAlchemyError:
            raise
        except Exception as error:  # of any kind: a claim of another issue can do nothing for it
            return dict.fromkeys(digest_ids, error)
        prepared: dict[DigestId, _Body | Exception] = {}
        for digest_id, composed in bodies.items():
            if isinstance(composed, Exception):
                prepared[digest_id] = composed
                continue
            signers = self._signers.get(sending.newsletter)
            signer = BodySigner(composed, signers) if signers else None
            takes_replies = REPLY in slots_of(composed)
            body = prepared[digest_id] = _Body(sending, composed, composed.is_wire_safe(), signer, takes_replies)
            self._bodies[digest_id] = body
            self._octets += composed.size
        while len(self._bodies) > BODIES_KEPT or (self._octets > OCTETS_KEPT and len(self._bodies) > 1):
            _, dropped = self._bodies.popitem(last=False)
            self._octets -= dropped.composed.size
        return prepared

    def _begin(self, issue_id: IssueId) -> _Sending:
        with self._database.read() as session:
            issue = IssueStore(session).get(issue_id)
        if issue is None:
            raise NewsletterError(f"issue {issue_id} is missing from the database; restore it from a backup")
        domain = newsletter_of(issue, self._newsletters).from_address.rpartition("@")[2]
        return _Sending(issue.newsletter, MessageIds(self._secret, domain))


def written_recipient(address: str, label: str) -> str:
    """Return an address as a message's To field names it: the domain as A-labels (RFC 5891), before the @ as it is.

    Args:
        address: a subscriber's.
        label: what is being sent, for the error.

    Raises:
        NewsletterError: the domain has no A-labels.
    """
    if address.isascii():
        return address
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{_a_labels(domain)}"
    except idna.IDNAError as error:
        raise NewsletterError(f"{label}: the domain of the address cannot be written in a message ({error})") from error


@lru_cache(_DOMAINS_KEPT)
def _a_labels(domain: str) -> str:
    return domain if domain.isascii() else idna.encode(domain, uts46=True).decode()


@lru_cache(_DATES_KEPT)
def _encoded_date(moment: datetime) -> bytes:
    return date_field(moment).encode()


def _look_at(claim: Claim, body: Body, values: Mapping[str, bytes], data: bytes) -> None:
    tokens = {name: values[name].decode() for name in (UNSUBSCRIBE, PREFERENCES, FEEDBACK, REPLY) if name in values}
    personal = Personal(values[TO].decode(), values[MESSAGE_ID].decode(), claim.dated_at, tokens)
    findings = lint(data, body.expectation(personal))
    if errors_in(findings):
        raise MessageRefused(f"delivery {claim.delivery_id}", findings)

"""Makes the message of a claim: the digest's stored body, spliced for its reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

import idna

from newsletter.clock import Clock
from newsletter.config import NewsletterConfig
from newsletter.database import Database
from newsletter.delivery.composing.bodies import BodyStore
from newsletter.delivery.identity.dkim import BodySigner, DkimSigner
from newsletter.delivery.identity.verp import BounceAddresses, BounceKind, EnvelopeSenders
from newsletter.delivery.model import Claim, OutgoingMessage
from newsletter.digest.model import DigestId, Issue, IssueId, PoolEntry
from newsletter.digest.store import IssueStore
from newsletter.errors import NewsletterError
from newsletter.rendering.errors import MessageRefused
from newsletter.rendering.lint import errors_in, lint
from newsletter.rendering.message import (
    DATE,
    FEEDBACK,
    MESSAGE_ID,
    PREFERENCES,
    TO,
    UNSUBSCRIBE,
    ComposedBody,
    Gapped,
    MessageIds,
    Personal,
    date_field,
    encoded_recipient,
)
from newsletter.rendering.renderer import Renderer
from subscribers.keys import LinkKeys

#: Bodies and pools kept in memory: an issue has few distinct digests, and claims come in the order of readers.
BODIES_KEPT, POOLS_KEPT = 256, 4
#: What is small: issues without their pools, and the written form of domains and dates.
_ISSUES_KEPT, _DOMAINS_KEPT, _DATES_KEPT = 1024, 4096, 64
#: Of the messages of one issue, the first and then every so many are looked at by the linter. A look takes as long as
#: composing 700 messages, and every body was looked at when it was made.
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


@dataclass(frozen=True, slots=True)
class _Body:
    """A composed body, ready to be filled in: ``signer`` is None where the relay signs."""

    composed: ComposedBody
    message: Gapped
    is_wire_safe: bool
    signer: BodySigner | None


class DigestComposer:
    """Composes claims' messages; equal claims give equal bytes, today and after a restart (if the DKIM keys are the same).

    A digest's body is rendered once, checked by the linter, and stored before the first message is cut from it; every worker
    then uses the stored bytes. Not for use from several threads at once.
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
        bounces: BounceAddresses,
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
            bounces: sign the envelope senders of newsletters that want it.
            signers: DKIM keys by slug, the first to sign first; None, or none for a newsletter: the relay signs, or nobody.
        """
        self._database = database
        self._clock = clock
        self._renderer = renderer
        self._keys = keys
        self._secret = secret
        self._newsletters = newsletters
        self._senders = EnvelopeSenders(newsletters, bounces)
        self._signers = signers or {}
        self._body = lru_cache(BODIES_KEPT)(self._prepare)
        self._issue = lru_cache(POOLS_KEPT)(self._load_issue)
        self._sending = lru_cache(_ISSUES_KEPT)(self._begin)

    def compose(self, claim: Claim) -> OutgoingMessage:
        """Return the message of ``claim``.

        Raises:
            MessageRefused: the linter would not let it leave.
            TemplateError: a template cannot be used.
            NewsletterError: its newsletter is not in the configuration any more, or its address cannot be written in a message.
        """
        sending = self._sending(claim.issue_id)
        body = self._body(claim.digest_id, claim.issue_id)
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
        data = body.message.fill(values)
        if sending.count % SAMPLE_EVERY == 0:
            _look_at(claim, body.composed, values, data)
        sending.count += 1
        if body.signer is not None:
            data = body.signer.fields(values, at=claim.dated_at) + data
        return OutgoingMessage(
            self._senders.of(sending.newsletter, BounceKind.DELIVERY, claim.delivery_id),
            claim.address,
            data,
            f"d{claim.delivery_id}",
            body.is_wire_safe and recipient.isascii(),
        )

    def _prepare(self, digest_id: DigestId, issue_id: IssueId) -> _Body:
        composed = self._load_or_render(digest_id, issue_id)
        message = composed.gapped()
        if unknown := set(message.names) - {TO, MESSAGE_ID, DATE, UNSUBSCRIBE, PREFERENCES, FEEDBACK}:
            raise NewsletterError(
                f"the stored body of digest {digest_id} has the slot {min(unknown)!r}, which this version does not know; "
                "was it written by a newer version?"
            )
        signers = self._signers.get(self._sending(issue_id).newsletter)
        signer = BodySigner(composed, signers) if signers else None
        return _Body(composed, message, composed.is_wire_safe(), signer)

    def _begin(self, issue_id: IssueId) -> _Sending:
        issue, _ = self._issue(issue_id)
        domain = self._newsletter(issue).from_address.rpartition("@")[2]
        return _Sending(issue.newsletter, MessageIds(self._secret, domain))

    def _load_or_render(self, digest_id: DigestId, issue_id: IssueId) -> ComposedBody:
        with self._database.read() as session:
            stored = BodyStore(session).load(digest_id)
            digest = IssueStore(session).digest(digest_id) if stored is None else None
        if stored is None:
            if digest is None:
                raise NewsletterError(f"digest {digest_id} is missing from the database; restore it from a backup")
            issue, pool = self._issue(issue_id)
            body = self._renderer.compose(self._newsletter(issue), issue.newsletter, issue, pool, digest)
            with self._database.write() as session:
                stored = BodyStore(session).store(digest_id, body.to_bytes(), at=self._clock.now())
        return ComposedBody.from_bytes(stored)

    def _load_issue(self, issue_id: IssueId) -> tuple[Issue, list[PoolEntry]]:
        with self._database.read() as session:
            store = IssueStore(session)
            issue = store.get(issue_id)
            if issue is None:
                raise NewsletterError(f"issue {issue_id} is missing from the database; restore it from a backup")
            return issue, store.pool(issue_id)

    def _newsletter(self, issue: Issue) -> NewsletterConfig:
        try:
            return self._newsletters[issue.newsletter]
        except KeyError as error:
            raise NewsletterError(
                f"issue {issue.id} belongs to newsletter {issue.newsletter!r}, which the configuration does not have; "
                "put it back, or cancel the issue"
            ) from error


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


def _look_at(claim: Claim, body: ComposedBody, values: Mapping[str, bytes], data: bytes) -> None:
    tokens = {name: values[name].decode() for name in (UNSUBSCRIBE, PREFERENCES, FEEDBACK)}
    personal = Personal(values[TO].decode(), values[MESSAGE_ID].decode(), claim.dated_at, tokens)
    findings = lint(data, body.expectation(personal))
    if errors_in(findings):
        raise MessageRefused(f"delivery {claim.delivery_id}", findings)

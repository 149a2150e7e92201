"""Makes the message of a claim: the digest's stored body, spliced for its reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import idna

from newsletter.clock import Clock
from newsletter.config import NewsletterConfig
from newsletter.database import Database
from newsletter.delivery.bodies import BodyStore
from newsletter.delivery.model import Claim, OutgoingMessage
from newsletter.digest.model import DigestId, Issue, IssueId, PoolEntry
from newsletter.digest.store import IssueStore
from newsletter.errors import NewsletterError
from newsletter.rendering.errors import MessageRefused
from newsletter.rendering.lint import errors_in, lint
from newsletter.rendering.message import FEEDBACK, PREFERENCES, UNSUBSCRIBE, ComposedBody, Personal, message_id
from newsletter.rendering.renderer import Renderer
from subscribers.keys import LinkKeys

#: Bodies and pools kept in memory: an issue has few distinct digests, and claims come in the order of readers.
BODIES_KEPT, POOLS_KEPT = 256, 4
#: Of the messages of one body, the first and then every so many are looked at by the linter as they will leave.
SAMPLE_EVERY = 500


@dataclass(frozen=True, slots=True)
class _Reader:
    """Whom links are made for."""

    id: int
    token_epoch: int


class DigestComposer:
    """Composes claims' messages; equal claims give equal bytes, today and after a restart.

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
    ) -> None:
        self._database = database
        self._clock = clock
        self._renderer = renderer
        self._keys = keys
        self._secret = secret
        self._newsletters = newsletters
        self._spliced: dict[DigestId, int] = {}
        self._body = lru_cache(BODIES_KEPT)(self._load_or_render)
        self._issue = lru_cache(POOLS_KEPT)(self._load_issue)

    def compose(self, claim: Claim) -> OutgoingMessage:
        """Return the message of ``claim``.

        Raises:
            MessageRefused: the linter would not let it leave.
            TemplateError: a template cannot be used.
            NewsletterError: its newsletter is not in the configuration any more, or its address cannot be written in a message.
        """
        issue, _ = self._issue(claim.issue_id)
        newsletter = self._newsletter(issue)
        body = self._body(claim.digest_id, claim.issue_id)
        recipient = ascii_recipient(claim.address, claim.label)
        reader = _Reader(claim.subscriber_id, claim.token_epoch)
        domain = newsletter.from_address.rpartition("@")[2]
        personal = Personal(
            recipient=recipient,
            message_id=message_id(self._secret, claim.issue_id, claim.subscriber_id, domain),
            dated_at=claim.dated_at,
            tokens={
                UNSUBSCRIBE: self._keys.make_unsubscribe(reader, issue.newsletter),
                PREFERENCES: self._keys.make_preferences(reader),
                FEEDBACK: self._keys.make_feedback(reader),
            },
        )
        data = body.splice(personal)
        count = self._spliced.get(claim.digest_id, 0)
        self._spliced[claim.digest_id] = count + 1
        if count % SAMPLE_EVERY == 0:
            findings = lint(data, body.expectation(personal))
            if errors_in(findings):
                raise MessageRefused(f"delivery {claim.delivery_id}", findings)
        return OutgoingMessage(newsletter.envelope_from or newsletter.from_address, claim.address, data)

    def _load_or_render(self, digest_id: DigestId, issue_id: IssueId) -> ComposedBody:
        with self._database.read() as session:
            stored = BodyStore(session).load(digest_id)
            digest = IssueStore(session).digest(digest_id)
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


def ascii_recipient(address: str, label: str) -> str:
    """Return an address as a message's To field and envelope can name it: the domain as A-labels (RFC 5891).

    Args:
        address: a subscriber's.
        label: what is being sent, for the error.

    Raises:
        NewsletterError: letters beyond ASCII before the @, or a domain that has no A-labels.
    """
    local, _, domain = address.rpartition("@")
    if not local.isascii():
        raise NewsletterError(
            f"{label}: the address has letters beyond ASCII before the @, which this version cannot write to; "
            "ask for another address"
        )
    try:
        return f"{local}@{domain if domain.isascii() else idna.encode(domain, uts46=True).decode()}"
    except idna.IDNAError as error:
        raise NewsletterError(f"{label}: the domain of the address cannot be written in a message ({error})") from error

"""Bodies of digests, as they were stored or else made and stored now: many of an issue in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache

from newsletter.clock import Clock
from newsletter.config import NewsletterConfig
from newsletter.database import Database
from newsletter.delivery.composing.bodies import BodyStore
from newsletter.digest.model import Digest, DigestId, Issue, IssueId
from newsletter.digest.store import IssueStore
from newsletter.errors import NewsletterError
from newsletter.rendering.bodies import IssueBodies
from newsletter.rendering.errors import RenderingError
from newsletter.rendering.message.message import DATE, FEEDBACK, MESSAGE_ID, PREFERENCES, REPLY, TO, UNSUBSCRIBE, ComposedBody
from newsletter.rendering.message.pieces import Piece, PiecedBody, is_pieced, read_piece, read_recipe
from newsletter.rendering.renderer import Renderer

#: Issues whose pools and pieces are kept in memory, and of each the pieces that were read, and names of those stored.
ISSUES_KEPT, PIECES_KEPT, NAMES_KEPT = 4, 4096, 100_000

#: What the messages of an issue are filled in with: the slots that a body may have.
SLOTS = frozenset({TO, MESSAGE_ID, DATE, UNSUBSCRIBE, PREFERENCES, FEEDBACK, REPLY})

Body = ComposedBody | PiecedBody


class _Issue:
    """An issue being sent: what makes its bodies, the pieces known from its stored ones, and the keys of those stored.

    Among the keys is ``""``, that of pieces which go with the bodies.
    """

    def __init__(self, issue_id: IssueId, bodies: IssueBodies) -> None:
        self.id = issue_id
        self.bodies = bodies
        self.read: dict[str, Piece] = {}
        self.stored = {""}


class BodyMaker:
    """Makes bodies. Not for use from several threads at once.

    Args:
        database: where issues, digests and their bodies are.
        clock: says when a body was composed.
        renderer: has the templates.
        newsletters: by slug.
    """

    def __init__(
        self, database: Database, clock: Clock, renderer: Renderer, newsletters: Mapping[str, NewsletterConfig]
    ) -> None:
        self._database = database
        self._clock = clock
        self._renderer = renderer
        self._newsletters = newsletters
        self._issue = lru_cache(ISSUES_KEPT)(self._load_issue)

    def bodies(self, issue_id: IssueId, digest_ids: Collection[DigestId]) -> dict[DigestId, Body | Exception]:
        """Return the bodies of digests of one issue; in the place of one that cannot be had stands why.

        They are read in one transaction. Those that are not there yet are rendered, checked by the linter, and stored in one
        more before this returns. After a crash in between, they are made again.

        Raises:
            SQLAlchemyError: the database is in trouble.
        """
        with self._database.read() as session:
            found = BodyStore(session).digests(digest_ids)
        bodies: dict[DigestId, Body | Exception] = {
            number: NewsletterError(f"digest {number} is missing from the database; restore it from a backup")
            for number in digest_ids
            if number not in found
        }
        bodies |= self._read(issue_id, {number: content for number, (_, content) in found.items() if content is not None})
        if missing := [digest for digest, content in found.values() if content is None]:
            try:
                bodies |= self._make(issue_id, missing)
            except NewsletterError as error:  # of the templates: what is stored does not need them
                bodies |= {digest.id: error for digest in missing}
        return bodies

    def _read(self, issue_id: IssueId, stored: Mapping[DigestId, bytes]) -> dict[DigestId, Body | Exception]:
        bodies: dict[DigestId, Body | Exception] = {}
        recipes = {}
        for number, content in stored.items():
            try:
                if is_pieced(content):
                    recipes[number] = read_recipe(content)
                else:
                    bodies[number] = _known(ComposedBody.from_bytes(content))
            except NewsletterError as error:
                bodies[number] = error
        if recipes:
            pieces = self._pieces(issue_id, {key for recipe in recipes.values() for key in recipe.keys})
        for number, recipe in recipes.items():
            try:
                bodies[number] = _known(recipe.body(pieces))
            except NewsletterError as error:
                bodies[number] = error
        return bodies

    def _pieces(self, issue_id: IssueId, keys: Collection[str]) -> dict[str, Piece]:
        known = self._issue(issue_id).read
        pieces = {key: known[key] for key in keys if key in known}
        if wanted := [key for key in keys if key not in pieces]:
            with self._database.read() as session:
                found = BodyStore(session).pieces(issue_id, wanted)
            if len(known) + len(found) > PIECES_KEPT:
                known.clear()
            for key, content in found.items():
                pieces[key] = known[key] = read_piece(key, content)
        return pieces

    def _make(self, issue_id: IssueId, digests: list[Digest]) -> dict[DigestId, Body | Exception]:
        issue = self._issue(issue_id)
        bodies: dict[DigestId, Body | Exception] = {}
        made: dict[DigestId, Body] = {}
        for digest, body in zip(digests, issue.bodies.compose(digests), strict=True):
            if isinstance(body, Exception):
                bodies[digest.id] = body
            else:
                made[digest.id] = body
        written = {number: body.to_bytes() for number, body in made.items()}
        kept = self._store(issue, made, written)
        others = {number: content for number, content in kept.items() if content != written[number]}
        return bodies | made | self._read(issue_id, others)

    def _store(
        self, issue: _Issue, made: Mapping[DigestId, Body], written: Mapping[DigestId, bytes]
    ) -> Mapping[DigestId, bytes]:
        if not made:
            return {}
        pieced = [body for body in made.values() if isinstance(body, PiecedBody)]
        with self._database.write() as session:
            store = BodyStore(session)
            # They may have been dropped since, with all bodies of the issue, and it is open again.
            if len(issue.stored) > NAMES_KEPT or not store.has_pieces(issue.id):
                issue.stored = {""}
            stored = issue.stored
            new = {piece.key: piece for body in pieced for piece in (body.common, *body.pieces) if piece.key not in stored}
            store.store_pieces(issue.id, {key: piece.content for key, piece in new.items()})
            kept = store.store_all(written, at=self._clock.now())
        stored.update(new)
        return kept

    def _load_issue(self, issue_id: IssueId) -> _Issue:
        with self._database.read() as session:
            store = IssueStore(session)
            issue = store.get(issue_id)
            if issue is None:
                raise NewsletterError(f"issue {issue_id} is missing from the database; restore it from a backup")
            pool, corrections = store.pool(issue_id), store.corrections(issue_id)
        newsletter = newsletter_of(issue, self._newsletters)
        return _Issue(issue_id, IssueBodies(self._renderer, newsletter, issue.newsletter, issue, pool, corrections))


def _known(body: Body) -> Body:
    """Return a body if all of its slots can be filled.

    Raises:
        RenderingError: not all of them.
    """
    if unknown := set(slots_of(body)) - SLOTS:
        raise RenderingError(
            f"a stored message body has the slot {min(unknown)!r}, which this version does not know; "
            "was it written by a newer version?"
        )
    return body


def slots_of(body: Body) -> Iterator[str]:
    """Yield the slots of a body, in order, each as often as it is there."""
    if isinstance(body, PiecedBody):
        return (name for piece in body.pieces for name in piece.names)
    return (name for _, name in body.slots)


def newsletter_of(issue: Issue, newsletters: Mapping[str, NewsletterConfig]) -> NewsletterConfig:
    """Return the newsletter that an issue belongs to.

    Raises:
        NewsletterError: the configuration does not have it any more.
    """
    try:
        return newsletters[issue.newsletter]
    except KeyError as error:
        raise NewsletterError(
            f"issue {issue.id} belongs to newsletter {issue.newsletter!r}, which the configuration does not have; "
            "put it back, or cancel the issue"
        ) from error

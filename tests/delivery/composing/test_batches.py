"""Many claims composed at once: what is stored, by whom, and what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, update

from newsletter.clock import ManualClock
from newsletter.config import LookConfig, NewsletterConfig
from newsletter.database import Database
from newsletter.delivery.composing import composer as composing
from newsletter.delivery.composing.bodies import BodyStore
from newsletter.delivery.composing.composer import DigestComposer
from newsletter.delivery.identity.dkim import DkimSigner
from newsletter.delivery.identity.verp import SignedAddresses
from newsletter.delivery.model import Claim, DeliveryState, Draft, OutgoingMessage
from newsletter.delivery.tables import ComposedBodyRow, ComposedPieceRow, DeliveryRow
from newsletter.digest.model import DigestId, IssueId
from newsletter.digest.tables import DigestRow
from newsletter.errors import NewsletterError
from newsletter.pictures.model import Pictures
from newsletter.rendering.errors import RenderingError, TemplateError
from newsletter.rendering.renderer import Renderer
from subscribers.base import Base
from subscribers.model import SubscriberId
from tests.conftest import MONDAY
from tests.delivery.composing.test_composer import BASE_URL, KEYS, SECRET, make_composer
from tests.delivery.house import NEWSLETTER, add_issue, add_papers, claim
from tests.delivery.keys import rsa_signer, verifies
from tests.rendering.pictures import EMBEDDED, MadeUpPictures

#: The papers of each digest of the issue; the last one names a paper that is not in the pool.
CHOSEN = [[1, 2, 3], [2, 1], [3], [1, 2, 3, 4, 5, 6, 7, 8], [8, 7, 6], [2, 99]]


@pytest.fixture
def claims(database: Database) -> list[Claim]:
    """A claim of a reader for each digest, and one more for the first."""
    add_papers(database, range(1, 9))
    issue_id = add_issue(database, seqs=range(1, 9))
    with database.write() as session:
        rows = [
            {
                "id": number,
                "issue_id": issue_id,
                "key": str(number),
                "entries": [[seq, "keyword:maps" if seq == 2 else ""] for seq in seqs],
            }
            for number, seqs in enumerate(CHOSEN, start=1)
        ]
        session.execute(insert(DigestRow), rows)
    return [
        claim(number, issue_id=issue_id, digest_id=DigestId(digest), subscriber_id=SubscriberId(number))
        for number, digest in enumerate([1, 2, 3, 4, 5, 6, 1], start=1)
    ]


def with_templates(
    database: Database, folder: Path | None, pictures: Pictures | None = None, signer: DkimSigner | None = None
) -> DigestComposer:
    """A composer of an operator who has templates, or pictures in his mails, of his own."""
    look = LookConfig(theme="rich") if pictures is None else EMBEDDED.model_copy(update={"theme": "rich"})
    newsletters = {NEWSLETTER: NewsletterConfig(envelope_from="bounces@example.org", look=look)}
    renderer = Renderer(folder, base_url=BASE_URL, secret=SECRET, pictures=pictures)
    bounces, signers = SignedAddresses(SECRET), {NEWSLETTER: [] if signer is None else [signer]}
    clock = ManualClock(MONDAY)
    return DigestComposer(database, clock, renderer, KEYS, SECRET, newsletters, bounces=bounces, signers=signers)


def count(database: Database, table: type[Base]) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def all_of(composer: DigestComposer, claims: Sequence[Claim]) -> list[OutgoingMessage | Exception]:
    """The messages of claims, or why there is none."""
    return [tried(draft) for draft in composer.prepare(claims)]


def tried(draft: Draft | Exception) -> OutgoingMessage | Exception:
    if isinstance(draft, Exception):
        return draft
    try:
        return draft()
    except (NewsletterError, ValueError) as error:
        return error


def data_of(made: Sequence[OutgoingMessage | Exception]) -> list[bytes]:
    return [message.data for message in made if isinstance(message, OutgoingMessage)]


def test_what_is_composed_together_is_what_is_composed_alone(database: Database, claims: list[Claim]) -> None:
    together = all_of(make_composer(database), claims)
    wrong = together.pop(5)
    assert isinstance(wrong, ValueError)
    assert "not in the pool" in str(wrong)
    alone = make_composer(database)
    assert together == [alone.compose(each) for each in claims if each.digest_id != 6]
    with pytest.raises(ValueError, match="not in the pool"):
        alone.compose(claims[5])
    assert count(database, ComposedBodyRow) == 5


def test_a_repeat_is_made_of_what_was_stored_whatever_became_of_the_templates(
    database: Database, claims: list[Claim], tmp_path: Path
) -> None:
    before = all_of(make_composer(database), claims[:3])
    (tmp_path / "digest.txt").write_text("{{ view.name }} of our own\n{{ view.unsubscribe_url }}")
    after = with_templates(database, tmp_path)
    assert all_of(after, claims[:3]) == before
    (other,) = data_of(all_of(after, claims[3:4]))
    assert b"of our own" in other
    (tmp_path / "digest.txt").write_text("{{ view.name")
    broken = all_of(with_templates(database, tmp_path), claims[:5])
    assert broken[:3] == before
    assert data_of(broken[3:4]) == [other]
    assert isinstance(broken[4], TemplateError)


def test_of_two_who_compose_the_same_digest_both_send_what_was_stored_first(
    database: Database, claims: list[Claim], tmp_path: Path
) -> None:
    (tmp_path / "digest.txt").write_text("{{ view.name }} of our own\n{{ view.unsubscribe_url }}")
    first, second = make_composer(database), with_templates(database, tmp_path)
    stored = all_of(first, claims[:1])
    with database.write() as session:
        kept = BodyStore(session).load(DigestId(1))
        assert kept is not None
        assert BodyStore(session).store_all({DigestId(1): b"another", DigestId(2): b"new"}, at=MONDAY) == {1: kept, 2: b"new"}
    assert all_of(second, claims[:1]) == stored


def test_pieces_are_stored_once_and_go_with_the_last_body_of_their_issue(database: Database, claims: list[Claim]) -> None:
    composer = make_composer(database)
    all_of(composer, claims[:4])
    pieces = count(database, ComposedPieceRow)
    all_of(composer, claims[:5])
    assert pieces < count(database, ComposedPieceRow) < 2 * pieces
    doubtful = {"issue_id": 1, "subscriber_id": 1, "digest_id": 1, "not_before": MONDAY, "changed_at": MONDAY}
    with database.write() as session:
        session.execute(insert(DeliveryRow), [{**doubtful, "state": DeliveryState.DOUBTFUL}])
        BodyStore(session).drop(IssueId(1))
    assert count(database, ComposedBodyRow) == 1
    assert data_of(all_of(make_composer(database), claims[:1])) == data_of(all_of(composer, claims[:1]))
    with database.write() as session:
        session.execute(update(DeliveryRow).values(state=DeliveryState.SENT))
        BodyStore(session).drop(IssueId(1))
    assert count(database, ComposedBodyRow) == count(database, ComposedPieceRow) == 0


def test_an_issue_that_was_finished_and_is_open_again_stores_its_pieces_again(database: Database, claims: list[Claim]) -> None:
    composer = make_composer(database)
    all_of(composer, claims[:2])
    with database.write() as session:
        BodyStore(session).drop(IssueId(1))
    again = all_of(composer, claims[2:5])
    assert all_of(make_composer(database), claims[2:5]) == again


def test_a_lost_piece_stops_the_digests_that_have_it_and_no_others(database: Database, claims: list[Claim]) -> None:
    made = all_of(make_composer(database), claims[:5])
    with database.write() as session:
        for row in session.scalars(select(ComposedPieceRow)).all():
            if b"2608.00006" in row.content:
                session.delete(row)
    found = all_of(make_composer(database), claims[:5])
    assert [isinstance(message, RenderingError) for message in found] == [False, False, False, True, True]
    assert found[:3] == made[:3]


def test_pictures_in_mails_are_stored_once_and_a_repeat_needs_them_no_more(database: Database, claims: list[Claim]) -> None:
    pictures = MadeUpPictures([1, 2, 3])
    made = all_of(with_templates(database, None, pictures), claims[:5])
    for data, shown in zip(data_of(made), (3, 2, 1, 3, 0), strict=True):
        message = message_from_bytes(data, policy=policy.default)
        assert [part.get_content_maintype() for part in message.walk()].count("image") == shown
    with database.read() as session:
        stored = [content for content in session.scalars(select(ComposedPieceRow.content)) if b"\nContent-ID: " in content]
        bodies = session.scalars(select(ComposedBodyRow.content)).all()
    assert len(stored) == 6  # of nine that are shown: large where a paper leads, small on a card
    assert max(map(len, bodies)) < 10_000 < sum(map(len, stored))
    for seq in (1, 2, 3):
        pictures.lose(seq)
    assert all_of(with_templates(database, None, pictures), claims[:5]) == made
    assert all_of(with_templates(database, None), claims[:5]) == made


def test_claims_of_a_lost_digest_and_of_a_lost_issue_are_told_so(database: Database, claims: list[Claim]) -> None:
    lost = claim(8, issue_id=claims[0].issue_id, digest_id=DigestId(77))
    nowhere = claim(9, issue_id=IssueId(55), digest_id=DigestId(78))
    first, second, third = all_of(make_composer(database), [lost, claims[0], nowhere])
    assert isinstance(first, NewsletterError)
    assert isinstance(second, OutgoingMessage)
    assert isinstance(third, NewsletterError)
    assert "digest 77 is missing" in str(first)
    assert "issue 55 is missing" in str(third)


def test_an_address_that_cannot_be_written_stops_its_own_message_only(database: Database, claims: list[Claim]) -> None:
    odd = claim(8, issue_id=claims[0].issue_id, digest_id=DigestId(1), address="ad a@example.org")
    first, second = all_of(make_composer(database), [odd, claims[0]])
    assert isinstance(first, ValueError)
    assert isinstance(second, OutgoingMessage)


def test_the_last_bodies_are_kept_in_memory_and_no_more(database: Database, claims: list[Claim]) -> None:
    add_papers(database, range(9, 10))
    more = composing.BODIES_KEPT + 20
    with database.write() as session:
        rows = [
            {"id": number, "issue_id": 1, "key": str(number), "entries": [[1, f"keyword:{number}"]]}
            for number in range(100, 100 + more)
        ]
        session.execute(insert(DigestRow), rows)
    composer = make_composer(database)
    made = all_of(
        composer, [claim(number, issue_id=claims[0].issue_id, digest_id=DigestId(number)) for number in range(100, 100 + more)]
    )
    assert len(data_of(made)) == more
    assert len(composer._bodies) == composing.BODIES_KEPT


def test_of_large_bodies_fewer_are_kept_in_memory(database: Database, claims: list[Claim]) -> None:
    numbers = range(100, 100 + composing.BODIES_KEPT)
    with database.write() as session:
        entries = [[2, ""], [3, ""], [4, ""], [5, ""]]
        rows = [
            {"id": number, "issue_id": 1, "key": str(number), "entries": [[1, f"keyword:{number}"], *entries]}
            for number in numbers
        ]
        session.execute(insert(DigestRow), rows)
    composer = with_templates(database, None, MadeUpPictures(range(1, 6), size=65_000))
    made = all_of(composer, [claim(number, issue_id=claims[0].issue_id, digest_id=DigestId(number)) for number in numbers])
    assert len(data_of(made)) == len(numbers)
    kept = [body.composed.size for body in composer._bodies.values()]
    assert 0 < len(kept) < len(numbers)
    assert composing.OCTETS_KEPT - max(kept) < sum(kept) <= composing.OCTETS_KEPT


def test_a_digest_of_pieces_is_signed_and_believed(database: Database, claims: list[Claim]) -> None:
    for data in data_of(all_of(make_composer(database, rsa_signer()), claims)):
        assert verifies(data)


def test_a_digest_with_its_pictures_is_signed_and_believed(database: Database, claims: list[Claim]) -> None:
    composer = with_templates(database, None, MadeUpPictures([1, 2]), rsa_signer())
    (data,) = data_of(all_of(composer, claims[:1]))
    assert b"multipart/related" in data
    assert verifies(data)

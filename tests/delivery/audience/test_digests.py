"""What was learned of a reader's taste counts when issues are listed."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from newsletter.database import Database
from newsletter.delivery.audience.digests import store_digests
from newsletter.digest.model import DigestEntry
from newsletter.digest.store import IssueStore
from newsletter.papers.model import PaperSeq
from newsletter.taste.tables import TasteRow
from newsletter.trending.model import RankedPaper
from newsletter.trending.vectors import DIM, Vectors
from subscribers.model import Cadence, SubscriberId
from tests.conftest import MONDAY
from tests.delivery.audience.test_expansion import Audience, expander, sent_papers
from tests.delivery.audience.test_telling import papers_of
from tests.delivery.house import NEWSLETTER, add_issue, add_papers, add_readers
from tests.samples import paper, receipt

TITLES = ("Oceans", "Deserts", "Volcanoes", "Forests", "Glaciers")
PAPERS = [paper(seq, title=title, abstract="", categories=(), organization="") for seq, title in enumerate(TITLES, 1)]


def likes(database: Database, reader: SubscriberId, seq: int) -> None:
    """Have it learned that a reader wants papers like ``seq``."""
    [weights] = Vectors().matrix([PAPERS[seq - 1]])
    learned = {"opinions": 1, "newest_at": MONDAY, "learned_at": MONDAY, "weights": weights.astype("<f2").tobytes()}
    assert len(weights) == DIM
    with database.write() as session:
        session.execute(insert(TasteRow), [{"subscriber_id": reader, **learned}])


@pytest.mark.parametrize("page", [1, 3, 10])
def test_each_reader_s_own_taste_counts_and_nobody_else_s(database: Database, page: int) -> None:
    readers = add_readers(database, 6)
    add_papers(database, range(1, 6))
    for reader, seq in ((readers[1], 4), (readers[2], 5), (readers[4], 4)):
        likes(database, reader, seq)
    with database.write() as session:
        ranked = [RankedPaper(rank, each, receipt()) for rank, each in enumerate(PAPERS, 1)]
        issue, _ = IssueStore(session).freeze(newsletter=NEWSLETTER, cadence=Cadence.DAILY, slot="a", ranked=ranked, at=MONDAY)
    expander(database, Audience(readers), size=2, page=page).expand(issue)
    common = [1, 2]
    assert papers_of(database, issue) == dict(zip(readers, [common, [4, 1], [5, 1], common, [4, 1], common], strict=True))
    expander(database, Audience(readers), size=2, page=page).expand(issue)
    assert sent_papers(database)[readers[1]] == [4, 1]


def test_digests_are_stored_once_and_corrections_make_another(database: Database) -> None:
    issue_id = add_issue(database)
    choice = (DigestEntry(PaperSeq(1), "keyword:x"), DigestEntry(PaperSeq(2)))
    with database.write() as session:
        first = store_digests(session, issue_id, [(choice, ()), (choice, (0, 2))])
        again = store_digests(session, issue_id, [(choice, (0, 2)), (choice, ()), (choice[:1], ())])
        assert len(set(first.values())) == 2
        assert {content: again[content] for content in first} == first
        stored = IssueStore(session).digest(first[choice, (0, 2)])
    assert stored is not None
    assert (stored.entries, stored.corrections) == (choice, (0, 2))

"""What a reader gets of a pool."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from newsletter.digest.selection import Pool, choose
from newsletter.papers.model import PaperSeq
from subscribers.model import Interests
from tests.samples import entry

NOTHING: frozenset[PaperSeq] = frozenset()


def _seqs(pool: Pool, interests: Interests, *, size: int = 10, excluded: frozenset[PaperSeq] = NOTHING) -> list[int]:
    return [chosen.paper_seq for chosen in choose(pool, interests, size=size, excluded=excluded)]


def test_without_interests_a_reader_gets_the_best_of_the_pool() -> None:
    pool = Pool([entry(rank) for rank in (3, 1, 2)])
    assert _seqs(pool, Interests(), size=2) == [1, 2]


def test_what_was_sent_is_left_out() -> None:
    pool = Pool([entry(rank) for rank in range(1, 6)])
    assert _seqs(pool, Interests(), excluded=frozenset({PaperSeq(1), PaperSeq(3)})) == [2, 4, 5]


def test_nothing_new_is_an_empty_choice() -> None:
    pool = Pool([entry(1)])
    assert choose(pool, Interests(), size=5, excluded={PaperSeq(1)}) == ()


def test_papers_that_answer_an_interest_stand_first_and_say_which() -> None:
    pool = Pool([entry(1), entry(2), entry(3, title="Planning with World Models")])
    chosen = choose(pool, Interests(keywords=("world models",)), size=3, excluded=NOTHING)
    assert [(item.paper_seq, item.match) for item in chosen] == [(3, "keyword:world models"), (1, ""), (2, "")]


def test_a_keyword_is_a_whole_word() -> None:
    pool = Pool([entry(1, title="A World of Reagents", abstract="")])
    assert choose(pool, Interests(keywords=("rl", "agents")), size=1, excluded=NOTHING)[0].match == ""


def test_a_muted_word_keeps_a_paper_out() -> None:
    pool = Pool([entry(1, title="Yet Another Benchmark"), entry(2)])
    assert _seqs(pool, Interests(muted=("benchmark",))) == [2]


def test_authors_labs_and_categories_are_found() -> None:
    pool = Pool(
        [entry(1, categories=("cs.CL",)), entry(2, organization="Quiet Lab"), entry(3, authors=("Eve Rare",)), entry(4)],
    )
    interests = Interests(categories=("CS.cl",), labs=("quiet",), authors=("eve rare",))
    chosen = choose(pool, interests, size=10, excluded=NOTHING)
    assert {item.paper_seq: item.match for item in chosen} == {1: "category:CS.cl", 2: "lab:quiet", 3: "author:eve rare", 4: ""}


def test_a_share_of_the_digest_stays_common() -> None:
    pool = Pool([*(entry(rank) for rank in range(1, 6)), *(entry(rank, title="robots") for rank in range(6, 30))])
    chosen = _seqs(pool, Interests(keywords=("robots",)), size=10)
    assert chosen == [6, 7, 8, 9, 10, 11, 1, 2, 3, 4]


@given(
    st.sets(st.integers(1, 40)),
    st.integers(1, 30),
    st.lists(st.sampled_from(["sample 3", "study", "nothing here", "things", ""]), max_size=3),
    st.sets(st.integers(1, 40)),
)
def test_a_choice_is_new_unmuted_unique_and_bounded(ranks: set[int], size: int, words: list[str], sent: set[int]) -> None:
    pool = Pool([entry(rank) for rank in ranks])
    excluded = frozenset(PaperSeq(seq) for seq in sent)
    chosen = [item.paper_seq for item in choose(pool, Interests(keywords=tuple(words)), size=size, excluded=excluded)]
    assert len(chosen) == len(set(chosen)) == min(size, len(ranks - sent))
    assert not set(chosen) & excluded

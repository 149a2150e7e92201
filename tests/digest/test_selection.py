"""What a reader gets of a pool."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from newsletter.digest.model import PoolEntry, Section
from newsletter.digest.pool import Pool
from newsletter.digest.selection import Wish, choose, choose_all
from newsletter.papers.model import PaperSeq
from newsletter.trending.vectors import DIM
from subscribers.model import Interests
from tests.samples import entry

NOTHING: frozenset[PaperSeq] = frozenset()


def _seqs(
    pool: Pool,
    interests: Interests,
    *,
    size: int = 10,
    excluded: frozenset[PaperSeq] = NOTHING,
    taste: NDArray[np.float32] | None = None,
    late: int = 0,
) -> list[int]:
    chosen = choose(pool, interests, size=size, excluded=excluded, taste=taste, late=late)
    return [item.paper_seq for item in chosen]


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


def test_followed_authors_and_labs_come_first_and_leave_a_place_in_five() -> None:
    pool = Pool(
        [
            *(entry(rank) for rank in range(1, 6)),
            *(entry(rank, title="robots") for rank in range(6, 20)),
            *(entry(rank, organization="Quiet Lab") for rank in range(20, 40)),
            entry(40, authors=("Eve Rare",)),
        ]
    )
    interests = Interests(keywords=("robots",), authors=("Eve Rare",))
    assert _seqs(pool, interests) == [40, 6, 7, 8, 9, 10, 1, 2, 3, 4]
    followed = Interests(keywords=("robots",), authors=("Eve Rare",), labs=("Quiet Lab",))
    assert _seqs(pool, followed) == [*range(20, 28), 1, 2]
    assert _seqs(pool, followed, size=1) == [20]


def test_the_strongest_reason_is_named() -> None:
    pool = Pool([entry(rank, title="agents at play", categories=("cs.CL",), organization="Quiet Lab") for rank in (1, 2)])
    for interests, match in (
        (
            Interests(categories=("cs",), keywords=("agents",), labs=("Quiet Lab",), authors=("Ada Example",)),
            "author:Ada Example",
        ),
        (Interests(categories=("cs",), keywords=("agents",), labs=("Quiet Lab",)), "lab:Quiet Lab"),
        (Interests(categories=("cs",), keywords=("agents",)), "keyword:agents"),
        (Interests(categories=("cs",)), "category:cs"),
    ):
        assert choose(pool, interests, size=1, excluded=NOTHING)[0].match == match


def test_of_two_keywords_the_one_that_says_more_is_named() -> None:
    pool = Pool([entry(1, title="agents that plan"), entry(2, title="agents")])
    for keywords in (("agents", "plan"), ("plan", "agents")):
        assert choose(pool, Interests(keywords=keywords), size=1, excluded=NOTHING)[0].match == "keyword:plan"


def _model(pool: Pool, **weights: float) -> NDArray[np.float32]:
    """A model that says so much of the papers whose title is that word alone."""
    model = np.zeros(DIM, dtype=np.float32)
    for entry_, features in zip(pool.entries, pool.features, strict=True):
        model += np.float32(weights.get(entry_.paper.title, 0.0)) * features
    return model


def _plain(rank: int, title: str) -> PoolEntry:
    return entry(rank, title=title, abstract="", categories=(), organization="", authors=())


def test_what_feedback_speaks_for_is_chosen_and_says_by_which_word() -> None:
    pool = Pool([_plain(1, "oceans"), _plain(2, "deserts"), _plain(3, "volcanoes"), _plain(4, "forests")])
    chosen = choose(pool, Interests(), size=3, excluded=NOTHING, taste=_model(pool, forests=0.9))
    assert [(item.paper_seq, item.match) for item in chosen] == [(4, "taste:forests"), (1, ""), (2, "")]
    wanted = choose(pool, Interests(keywords=("forest",)), size=1, excluded=NOTHING, taste=_model(pool, forests=0.9))
    assert wanted[0].match == "keyword:forest", "what was asked for is the stronger reason"


def test_what_feedback_speaks_against_gets_a_common_place_only_if_it_leads_or_nothing_else_is_left() -> None:
    titles = ("oceans", "deserts", "volcanoes", "forests", "glaciers")
    pool = Pool([_plain(rank, title) for rank, title in enumerate(titles, 1)])
    against = _model(pool, oceans=-0.9, forests=-0.9)
    assert _seqs(pool, Interests(), size=4, taste=against) == [1, 2, 3, 5]
    assert _seqs(pool, Interests(), size=5, taste=against) == [1, 2, 3, 5, 4]


def test_late_bloomers_follow_and_never_take_a_place_of_the_others() -> None:
    late = [replace(entry(rank, title=f"late {rank}"), section=Section.LATE) for rank in (4, 5, 6)]
    pool = Pool([entry(1), entry(2), entry(3), *late])
    assert _seqs(pool, Interests(keywords=("late",)), size=2, late=2) == [1, 2, 4, 5]
    assert _seqs(pool, Interests(), size=2) == [1, 2]
    assert _seqs(pool, Interests(), size=5, late=2, excluded=frozenset({PaperSeq(4)})) == [1, 2, 3, 5, 6]
    assert _seqs(pool, Interests(muted=("late 5",)), size=5, late=9) == [1, 2, 3, 4, 6]
    match = choose(pool, Interests(keywords=("late",)), size=1, excluded=NOTHING, late=1)[-1].match
    assert match == "keyword:late"


def test_a_pool_without_papers_gives_nothing() -> None:
    assert _seqs(Pool([]), Interests(keywords=("agents",)), late=2) == []
    alone = Pool([replace(entry(1), section=Section.LATE)])
    assert _seqs(alone, Interests(keywords=("agents",)), late=2) == [1]


WORDS = ["sample 3", "study", "nothing here", "things", "", "sample -study", '"small', "sample 1"]
INTERESTS = st.builds(
    Interests,
    categories=st.lists(st.sampled_from(["cs", "cs.LG", "math"]), max_size=2).map(tuple),
    keywords=st.lists(st.sampled_from(WORDS), max_size=3).map(tuple),
    authors=st.lists(st.sampled_from(["Ada Example", "A. Example", "Eve"]), max_size=2).map(tuple),
    labs=st.lists(st.sampled_from(["Example", "Nowhere"]), max_size=2).map(tuple),
    muted=st.lists(st.sampled_from(["sample 2", "sample 5"]), max_size=2).map(tuple),
)
SEQS = st.frozensets(st.integers(1, 30).map(PaperSeq))
WISHES = st.lists(st.builds(Wish, INTERESTS, st.integers(1, 12), SEQS, st.none() | st.integers(0, 1)), min_size=1, max_size=8)


@settings(deadline=None)
@given(st.dictionaries(st.integers(1, 30), st.sampled_from(Section)), WISHES, st.integers(0, 3), st.integers(0, 99))
def test_a_choice_is_new_unmuted_unique_bounded_and_nobody_else_s_business(
    ranks: dict[int, Section], wishes: list[Wish], late: int, seed: int
) -> None:
    pool = Pool([replace(entry(rank), section=section) for rank, section in ranks.items()])
    tastes = np.random.default_rng(seed).normal(0, 1, (2, DIM)).astype(np.float32)
    together = choose_all(pool, wishes, tastes, late=late)
    for wish, choice in zip(wishes, together, strict=True):
        seqs = [item.paper_seq for item in choice]
        muted = {int(word.split()[1]) for word in wish.interests.muted}
        is_open = {seq: ranks[seq] for seq in ranks if seq not in wish.excluded and seq not in muted}
        top = [seq for seq in seqs if ranks[seq] is Section.TOP]
        assert set(seqs) <= set(is_open)
        assert len(seqs) == len(set(seqs))
        assert len(top) == min(wish.size, sum(section is Section.TOP for section in is_open.values()))
        assert seqs[len(top) :] == sorted(seq for seq, section in is_open.items() if section is Section.LATE)[:late]
        if wish.taste is None:
            assert choose(pool, wish.interests, size=wish.size, excluded=wish.excluded, late=late) == choice


@given(st.permutations(range(1, 30)), st.integers(5, 20))
def test_two_places_in_five_go_to_the_pool_s_best(order: list[int], size: int) -> None:
    pool = Pool([entry(rank, title="robots" if order.index(rank) % 3 else "plants") for rank in order])
    chosen = _seqs(pool, Interests(keywords=("robots",)), size=size)
    personal = round(size * 0.6)
    assert chosen[personal:] == [rank for rank in range(1, 30) if rank not in chosen[:personal]][: size - personal]


def test_equal_choices_are_one() -> None:
    pool = Pool([entry(rank) for rank in range(1, 9)])
    wishes = [Wish(Interests(keywords=(word,)), 3) for word in ("here not", "nowhere", "study", "study")]
    choices = choose_all(pool, wishes)
    assert choices[0] is choices[1]
    assert choices[2] is choices[3]
    assert choices[0] != choices[2]

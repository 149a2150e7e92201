from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from newsletter.config import NewsletterConfig
from newsletter.digest.model import Digest, DigestId, Issue, PoolEntry
from newsletter.rendering.view.detail import DETAILS, Detail
from newsletter.rendering.view.views import DigestView, Link, Views
from newsletter.rendering.words.language import ENGLISH
from newsletter.rendering.words.sentences import subject, trend_bar
from subscribers.model import Cadence
from tests.rendering.samples import ISSUE, NEWSLETTER, RECEIPT, SETTING, SHORT_PAPER, digest_of, paper, pool_of, sample_pool


def view_of(
    pool: list[PoolEntry],
    matches: tuple[str, ...] = (),
    *,
    newsletter: NewsletterConfig = NEWSLETTER,
    issue: Issue = ISSUE,
    detail: Detail = DETAILS[0],
) -> DigestView:
    by_seq = {entry.paper.seq: entry for entry in pool}
    return Views(newsletter, issue, by_seq, SETTING).view(digest_of(pool, matches), detail)


def test_the_masthead_counts_and_dates_the_issue_in_the_newsletters_zone() -> None:
    late = replace(ISSUE, frozen_at=datetime(2026, 8, 20, 22, 30, tzinfo=UTC))
    view = view_of(sample_pool(), issue=late)
    assert (view.number, view.date) == ("No. 14", "Friday 21 August 2026")
    assert view_of(sample_pool(), issue=late, newsletter=NewsletterConfig(zone="UTC")).date == "Thursday 20 August 2026"


def test_subject_and_preheader_name_the_first_three_papers() -> None:
    view = view_of(sample_pool())
    assert view.subject == "Lantern, and 6 more papers new to you"
    assert view.preheader == "Also: Tide and What Do Sample Models Forget First?"
    assert subject(["Lantern: A", "Tide: B"], ENGLISH) == "Lantern, and 1 more paper new to you"
    assert subject(["Lantern: A Model"], ENGLISH) == "Lantern: A Model"


def test_a_very_long_title_is_cut_in_the_subject_and_whole_in_the_mail() -> None:
    title = "word " * 2000
    view = view_of(pool_of([paper(1, title=title), paper(2)]))
    assert len(view.subject) <= 120
    assert view.subject.endswith("…, and 1 more paper new to you")
    assert view.lead.title == title.strip()
    assert len(subject([title], ENGLISH)) <= 120


def test_a_right_to_left_title_does_not_turn_the_words_around_it() -> None:
    view = view_of(pool_of([paper(1, title="\u05e9\u05dc \u202eevil"), paper(2)]))
    assert view.subject == "\u2068\u05e9\u05dc \u202eevil\u202c\u2069, and 1 more paper new to you"


def test_the_intro_counts_names_the_lead_and_the_readers_topic() -> None:
    view = view_of(sample_pool(), ("", "keyword:planning", "keyword:planning", "category:cs.CL"))
    assert view.intro == "Seven papers new to you. Lantern leads with 92 votes. Your topic “planning” has two."
    assert view_of(pool_of([SHORT_PAPER])).intro == "One paper new to you."


def test_a_digest_is_a_lead_cards_and_a_list() -> None:
    view = view_of(sample_pool())
    places = [[each.place for each in group] for group in ([view.lead], view.cards, view.rising)]
    assert places == [[1], [2, 3, 4, 5], [6, 7]]
    assert view.count == 7
    assert view_of(pool_of([SHORT_PAPER])).cards == ()


def test_authors_are_three_and_how_many_more() -> None:
    def authors(*names: str, count: int | None = None) -> str:
        entry = paper(1, authors=names, author_count=len(names) if count is None else count)
        return view_of(pool_of([entry])).lead.authors

    assert authors("A B") == "A B"
    assert authors("A B", "C D") == "A B and C D"
    assert authors("A B", "C D", "E F") == "A B, C D and E F"
    assert authors("A B", "C D", "E F", "G H") == "A B, C D, E F and 1 more"
    assert authors("A B", count=1500) == "A B and 1,499 more"
    assert authors(count=5) == "5 authors"
    assert authors(count=1) == "1 author"
    assert authors() == ""


def test_the_receipt_says_figures_with_their_meaning() -> None:
    def facts(**changes: object) -> tuple[str, ...]:
        receipt = replace(RECEIPT, **changes)  # type: ignore[arg-type]  # a test names real fields
        return view_of(pool_of([SHORT_PAPER], receipt)).lead.facts

    assert facts() == ("+58 votes since yesterday", "152 stars on its code", "4 comments")
    assert facts(votes_gained=1, stars=1, comments=1) == ("+1 vote since yesterday", "1 star on its code", "1 comment")
    assert facts(votes_gained=92, stars=None, comments=0) == ("all since yesterday",)
    nothing = {"votes_gained": None, "stars": None, "comments": None}
    assert facts(**nothing, at=SHORT_PAPER.listed_at + timedelta(hours=9)) == ("listed 9 hours ago",)
    assert facts(**nothing, at=SHORT_PAPER.listed_at + timedelta(days=3)) == ("listed 3 days ago",)
    assert facts(**nothing, at=SHORT_PAPER.listed_at - timedelta(days=3)) == ("listed 1 minute ago",)
    assert facts(**nothing, votes=None, parts=()) == ("listed 1 minute ago",)


def test_the_receipt_says_from_where_a_paper_rose_and_not_that_it_fell() -> None:
    def facts(rank_before: int | None, *, rank: int = 2) -> tuple[str, ...]:
        receipt = replace(RECEIPT, rank_before=rank_before)
        return view_of([replace(pool_of([SHORT_PAPER], receipt)[0], rank=rank)]).lead.facts

    assert facts(9)[:2] == ("+58 votes since yesterday", "rank 9 → 2")
    assert facts(1200)[1] == "rank 1,200 → 2"
    for before in (None, 1, 2):
        assert facts(before) == ("+58 votes since yesterday", "152 stars on its code", "4 comments")


def test_a_paper_without_votes_shows_none() -> None:
    lead = view_of(pool_of([SHORT_PAPER], replace(RECEIPT, votes=None, votes_gained=None, history=()))).lead
    assert (lead.votes, lead.trend, lead.trend_words) == ("", "", "")


def test_the_trend_bar_grows_with_the_votes() -> None:
    assert trend_bar((3, 9, 20, 34, 51, 70, 84, 92)) == "▁▂▃▄▅▆▇█"
    assert trend_bar((0, 10)) == "▁█"
    assert trend_bar((5,)) == trend_bar(()) == trend_bar((0, 0)) == ""
    assert trend_bar((-5, 10)) == "▁█"


@pytest.mark.parametrize("history", [(23, 23), (23, 24), (7, 7, 7)])
def test_votes_that_hardly_changed_have_no_trend_bar(history: tuple[int, ...]) -> None:
    assert trend_bar(history) == ""
    assert view_of(pool_of([SHORT_PAPER], replace(RECEIPT, history=history))).lead.trend == ""


@pytest.mark.parametrize(
    ("match", "words"),
    [
        ("keyword:planning", "matches your topic “planning”"),
        ("category:cs.CL", "matches your topic “cs.CL”"),
        ("author:Ada Example", "by Ada Example, whom you follow"),
        ("lab:Sample Institute", "from Sample Institute, which you follow"),
        ("", ""),
        ("keyword:", ""),
        ('keyword:"video generation" -"world model"', "matches your topic “video generation”"),
        ('keyword:"diffusion" "planning"', "matches your topic “diffusion + planning”"),
        ("keyword:diffusion models -image", "matches your topic “diffusion models”"),
        ("keyword:vision-language", "matches your topic “vision-language”"),
        ('keyword:an "open mark', 'matches your topic “an "open mark”'),
        ("keyword:-benchmark", "matches your topic “-benchmark”"),
    ],
)
def test_a_match_says_why_this_reader_gets_the_paper(match: str, words: str) -> None:
    assert view_of(pool_of([SHORT_PAPER]), (match,)).lead.match == words


def test_the_intro_says_a_topic_without_the_signs_it_is_written_in() -> None:
    view = view_of(sample_pool(), ('keyword:"video generation" -image',))
    assert view.intro.endswith("Your topic “video generation” has one.")


@pytest.mark.parametrize(
    ("keywords", "chips"),
    [
        (("planning", "agents", "maps"), ("planning", "agents")),
        (("of exactly these letters",), ("of exactly these letters",)),
        (("multi-view reconstruction of scenes", "maps"), ("multi-view…", "maps")),
        (("reinforcement learning from feedback",), ("reinforcement learning…",)),
        # Of two long words too little would be left.
        (
            ("counterfactuallyaugmentedsets", "a counterfactually-augmented set"),
            ("counterfactuallyaugment…", "a counterfactually-augm…"),
        ),
        ((" \u202e",), ("\u202e\u202c",)),
        ((), ()),
    ],
)
def test_a_chip_is_cut_between_words_where_that_leaves_enough(keywords: tuple[str, ...], chips: tuple[str, ...]) -> None:
    assert view_of(pool_of([paper(1, categories=(), keywords=keywords)])).lead.chips == chips


def test_links_lead_to_the_abstract_the_paper_its_code_and_its_discussion() -> None:
    assert view_of(pool_of([SHORT_PAPER])).lead.links == (
        Link("Abstract", "https://arxiv.org/abs/2608.00001", "abstract"),
        Link("PDF", "https://arxiv.org/pdf/2608.00001", "pdf"),
        Link("Code", "https://code.example.org/lantern", "code"),
        Link("Project", "https://lantern.example.org/", "project"),
        Link("Discuss", "https://talk.example.org/2608.00001", "discussion"),
    )


def test_hostile_links_are_left_out_and_a_doi_is_quoted() -> None:
    hostile = paper(
        1, arxiv_id=None, doi='10.1/"><x', code_url="javascript:x", project_url="//evil.example", discussion_url="file:///etc/passwd"
    )  # fmt: skip
    assert view_of(pool_of([hostile])).lead.links == (Link("Abstract", "https://doi.org/10.1/%22%3E%3Cx", "abstract"),)
    assert view_of(pool_of([paper(1, arxiv_id=None, discussion_url="")])).lead.title_url == "https://lantern.example.org/"


def test_the_summary_is_the_sources_or_the_first_sentences_of_the_abstract() -> None:
    assert view_of(pool_of([SHORT_PAPER])).lead.summary == SHORT_PAPER.summary
    abstract = "First sentence here. " * 40
    summary = view_of(pool_of([SHORT_PAPER, paper(2, summary="", abstract=abstract)])).cards[0].summary
    assert summary.startswith("First sentence here.")
    assert summary.endswith("here.")
    assert 150 < len(summary) <= DETAILS[0].card_summary


def test_the_lead_and_the_cards_can_be_given_an_opinion_on_where_there_is_room() -> None:
    for detail in DETAILS:
        view = view_of(sample_pool(), detail=detail)
        for each in (view.lead, *view.cards):
            base = f"https://papers.example.org/feedback/x?paper={each.place}&like="
            assert (each.more_url, each.less_url) == ((f"{base}more", f"{base}less") if detail.feedback else ("", ""))
        assert not any(each.more_url or each.less_url for each in view.rising)
    assert [detail.feedback for detail in DETAILS] == [True] * 5 + [False] * 3


def test_less_detail_never_drops_a_paper() -> None:
    pool = sample_pool()
    for detail in DETAILS:
        view = view_of(pool, detail=detail)
        assert [each.place for each in (view.lead, *view.cards, *view.rising)] == list(range(1, 8))


def test_the_footer_knows_the_rhythm() -> None:
    assert [view_of(sample_pool(), issue=replace(ISSUE, cadence=cadence)).rhythm for cadence in Cadence] == [
        "every day",
        "on weekdays",
        "every week",
        "every month",
    ]


def test_an_empty_digest_and_a_paper_outside_the_pool_are_refused() -> None:
    with pytest.raises(ValueError, match="gets no mail"):
        Views(NEWSLETTER, ISSUE, {}, SETTING).view(Digest(DigestId(1), ISSUE.id, ()))
    with pytest.raises(ValueError, match="not in the pool"):
        Views(NEWSLETTER, ISSUE, {}, SETTING).view(digest_of(sample_pool()))

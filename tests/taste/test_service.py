from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from newsletter.config import TasteConfig
from newsletter.papers.model import Observation
from newsletter.papers.store import PaperStore
from newsletter.taste.service import LASTS, TasteService
from newsletter.taste.store import TasteStore, Voice, forget_taste
from newsletter.taste.tables import TasteRow
from newsletter.trending.vectors import DIM
from subscribers.model import Choices, Interests, SubscriberId, Taste
from subscribers.tables import OpinionRow, SubscriberRow
from tests.samples import record
from tests.taste.conftest import Study


def test_more_like_this_brings_more_like_this(study: Study) -> None:
    who = study.reader()
    study.say(who, "robots", Taste.MORE)
    study.say(who, "images", Taste.LESS)
    assert study.service.learn() == 1
    likes = study.likes(who)
    assert likes is not None
    assert likes["robots"] > 0.3
    assert likes["images"] < min(likes["speech"], likes["proofs"]) < likes["robots"]


def test_readers_who_said_nothing_have_no_model(study: Study) -> None:
    who = study.reader(interests=Interests(categories=("cs.RO",)))
    assert study.service.learn() == 0
    assert study.likes(who) is None
    with study.database.read() as session:
        found, weights = TasteStore(session).weights([who])
    assert found.tolist() == []
    assert weights.shape == (0, DIM)


def test_models_come_in_the_order_of_the_readers_numbers(study: Study) -> None:
    readers = [study.reader(f"reader{number}@example.org") for number in range(5)]
    for who in readers[1:4]:
        study.say(who, "speech", Taste.MORE, 1)
    study.service.learn()
    with study.database.read() as session:
        found, weights = TasteStore(session).weights(reversed(readers))
    assert found.tolist() == readers[1:4]
    assert weights.shape == (3, DIM)
    assert (weights == weights[0]).all()


def test_a_model_is_made_once_and_anew_when_something_changed(study: Study) -> None:
    who = study.reader()
    study.say(who, "robots", Taste.MORE, 2)
    assert [study.service.learn(), study.service.learn()] == [1, 0]
    study.clock.advance(timedelta(minutes=1))
    study.say(who, "robots", Taste.LESS, 1)
    assert [study.service.learn(), study.service.learn()] == [1, 0]
    study.clock.advance(timedelta(minutes=1))
    study.links.say(who, study.papers["robots"][0], None)
    assert [study.service.learn(), study.service.learn()] == [1, 0]
    study.clock.advance(timedelta(minutes=1))
    study.subscribers.set_choices(who, "papers", Choices(interests=Interests(keywords=("speech",))))
    assert [study.service.learn(), study.service.learn()] == [1, 0]
    study.clock.advance(LASTS + timedelta(seconds=1))
    assert [study.service.learn(), study.service.learn()] == [1, 0]


def test_learning_again_gives_the_same_model(study: Study) -> None:
    who = study.reader()
    study.say(who, "proofs", Taste.MORE)
    study.service.learn()
    first = study.likes(who)
    with study.database.write() as session:
        forget_taste(session, who)
    TasteService(study.database, study.clock, TasteConfig()).learn()
    assert study.likes(who) == first


def test_many_readers_are_learned_about_page_by_page(study: Study) -> None:
    now = study.clock.now()
    with study.database.write() as session:
        for number in range(1, 451):
            address = f"reader{number}@example.org"
            session.add(
                SubscriberRow(id=number, address=address, address_key=address, state="active", created_at=now, changed_at=now)
            )
        session.flush()
        session.add_all(
            OpinionRow(subscriber_id=number, paper_seq=study.papers["robots"][0], taste="more", at=now)
            for number in range(1, 451)
        )
    assert study.service.learn() == 450


def test_what_is_asked_for_counts_like_a_vote(study: Study) -> None:
    plain, eager = study.reader(), study.reader("eager@example.org", Interests(keywords=("speech", '"unclosed')))
    for who in (plain, eager):
        study.say(who, "robots", Taste.MORE, 1)
    study.service.learn()
    before, after = study.likes(plain), study.likes(eager)
    assert before is not None
    assert after is not None
    assert after["speech"] > 0 > before["speech"]
    assert after["robots"] > max(after["proofs"], after["images"])


def test_older_opinions_count_for_less(study: Study) -> None:
    who = study.reader()
    study.say(who, "robots", Taste.MORE)
    study.clock.advance(timedelta(days=720))
    study.say(who, "speech", Taste.MORE)
    study.service.learn()
    likes = study.likes(who)
    assert likes is not None
    assert likes["speech"] > likes["robots"]


def test_a_paper_that_is_unknown_or_became_part_of_another_does_no_harm(study: Study) -> None:
    who = study.reader()
    with study.database.write() as session:
        store = PaperStore(session)
        title = "Robots That Were Listed Twice"
        store.ingest([Observation(record("2608.09000", title=title))], source="a", now=study.clock.now())
        store.ingest([Observation(record("2608.09001", title="Other", doi="10.1/x"))], source="b", now=study.clock.now())
        seqs = [paper.seq for paper in store.latest(2)]
    for seq in (*seqs, 999_999):
        study.links.say(who, seq, Taste.MORE)
    with study.database.write() as session:
        both = record("2608.09000", title=title, doi="10.1/x")
        PaperStore(session).ingest([Observation(both)], source="c", now=study.clock.now())
    assert study.service.learn() == 1
    assert study.likes(who) is not None
    told = study.service.told(who)
    assert len(told.said) == 3
    assert [each.paper is None for each in told.said] == [True, False, False]


def test_a_reader_whose_papers_are_all_unknown_gets_a_model_that_says_nothing(study: Study) -> None:
    who = study.reader()
    study.links.say(who, 999_999, Taste.MORE)
    assert [study.service.learn(), study.service.learn()] == [1, 0]
    assert study.likes(who) == dict.fromkeys(study.papers, 0.0)


def test_who_takes_everything_back_has_no_model_any_more(study: Study) -> None:
    who, other = study.reader(), study.reader("other@example.org")
    for reader in (who, other):
        study.say(reader, "robots", Taste.MORE, 1)
    study.service.learn()
    study.links.say(who, study.papers["robots"][0], None)
    study.service.learn()
    assert study.likes(who) is None
    assert study.likes(other) is not None


def test_forgetting_takes_the_model_and_nobody_elses(study: Study) -> None:
    who, other = study.reader(), study.reader("other@example.org")
    for reader in (who, other):
        study.say(reader, "robots", Taste.MORE)
    study.service.learn()
    for _ in range(2):
        study.service.forget(who)
        assert study.likes(who) is None
    assert study.likes(other) is not None


def test_an_erased_person_leaves_no_model(study: Study) -> None:
    who = study.reader()
    study.say(who, "robots", Taste.MORE)
    study.service.learn()
    study.subscribers.erase(who)
    study.service.learn()
    with study.database.read() as session:
        assert session.scalar(select(func.count()).select_from(TasteRow)) == 0


def test_what_was_taken_back_while_it_was_learned_is_not_stored(study: Study) -> None:
    who = study.reader()
    study.say(who, "robots", Taste.MORE, 2)
    with study.database.read() as session:
        (voice,) = TasteStore(session).to_learn(after=0, limit=10, before=study.clock.now())
        _, weights = TasteStore(session).weights([who])
    assert voice == Voice(who, 2, study.clock.now())
    study.links.say(who, study.papers["robots"][0], None)
    with study.database.write() as session:
        assert TasteStore(session).put([(voice, weights.sum(axis=0))], now=study.clock.now()) == 0
    assert study.likes(who) is None


def test_a_model_of_another_version_is_not_used_and_made_anew(study: Study) -> None:
    who = study.reader()
    study.say(who, "robots", Taste.MORE)
    study.service.learn()
    with study.database.write() as session:
        row = session.get(TasteRow, who)
        assert row is not None
        row.weights = row.weights[:-2]
    assert study.likes(who) is None
    assert study.service.learn() == 1
    assert study.likes(who) is not None


def test_a_reader_is_told_in_words(study: Study) -> None:
    who = study.reader()
    first = study.clock.now()
    study.say(who, "robots", Taste.MORE)
    study.clock.advance(timedelta(days=1))
    study.say(who, "images", Taste.LESS)
    told = study.service.told(who)
    assert "robots" in {word.casefold() for word in told.more}
    assert {word.casefold() for word in told.less} & {"pictures", "pixels", "images", "photograph", "denoiser", "painter"}
    assert not {*told.more} & {*told.less}
    assert told.since == first
    assert [(each.taste, each.at > first) for each in told.said] == [(Taste.LESS, True)] * 3 + [(Taste.MORE, False)] * 3
    assert study.likes(who) is None  # looking stores nothing


@pytest.mark.parametrize("number", [0, 12345])
def test_nobody_is_told_nothing(study: Study, number: int) -> None:
    told = study.service.told(SubscriberId(number))
    assert (told.more, told.less, told.said, told.since) == ((), (), (), None)
    study.service.forget(SubscriberId(number))


def test_the_download_names_what_was_learned(study: Study) -> None:
    who = study.reader()
    study.say(who, "robots", Taste.MORE)
    assert study.service.held(who) is None
    study.service.learn()
    now = study.clock.now().isoformat()
    held = study.service.held(who)
    assert held is not None
    assert held["more"]
    assert {**held, "more": []} == {"opinions": 3, "newest_at": now, "learned_at": now, "more": [], "less": []}

from __future__ import annotations

from sqlalchemy import update

from newsletter.delivery.model import DeliveryState, Reason
from newsletter.delivery.returns.figures import By, Figures, FigureStore, fold
from newsletter.delivery.returns.model import ReturnKind
from newsletter.delivery.tables import DeliveryRow
from subscribers.model import SubscriberState
from tests.delivery.house import set_domain, set_reader
from tests.delivery.returns.house import ReturnHouse


def test_figures_are_told_by_issue_domain_and_relay_and_add_up(home: ReturnHouse) -> None:
    readers = home.readers(8)
    set_domain(home.database, readers[:5], "one.example")
    set_domain(home.database, readers[5:], "sub.two.example")
    issue, empty = home.send(readers[:7], relay="main"), home.send([])
    later = home.send(readers[6:], relay="backup")
    home.bounce(issue, readers[0], is_hard=True)
    home.bounce(issue, readers[1], is_hard=False)
    home.bounce(issue, readers[2], reason="spamdetected")
    home.complain(issue, readers[5])
    home.complain(later, readers[7])
    sent = home.sent(home.delivery(issue, readers[3]))
    home.desk.record(sent, kind=ReturnKind.DELAYED, now=home.clock.now())
    home.refuse(issue, readers[4], code=550, status="5.1.1")
    home.desk.record(sent, kind=ReturnKind.REFUSAL, is_hard=True, reason="userunknown", now=home.clock.now())
    with home.database.write() as session:
        waits = update(DeliveryRow).where(DeliveryRow.issue_id == issue, DeliveryRow.subscriber_id == readers[6])
        session.execute(waits.values(state=DeliveryState.DEFERRED, reason=Reason.POLICY, reply_code=550))
        slowed = update(DeliveryRow).where(DeliveryRow.issue_id == issue, DeliveryRow.subscriber_id == readers[3])
        session.execute(slowed.values(state=DeliveryState.DEFERRED, reason=Reason.POLICY, reply_code=421))
    with home.database.read() as session:
        store = FigureStore(session)
        of_issues = store.of_issues([issue, empty, later])
        domains = store.told_apart([issue, empty, later], By.DOMAIN)
        relays = store.told_apart([issue, empty, later], By.RELAY)
        nothing = store.told_apart([], By.DOMAIN)
    assert of_issues == {
        issue: Figures(taken=4, refused=1, hard=1, soft=1, complaints=1, policy=2),
        empty: Figures(),
        later: Figures(taken=2, complaints=1),
    }
    assert domains == {
        "one.example": Figures(taken=3, refused=1, hard=1, soft=1, policy=1),
        "sub.two.example": Figures(taken=3, complaints=2, policy=1),
    }
    assert relays["backup"] == Figures(taken=2, complaints=1)
    assert sum(relays.values(), Figures()) == sum(domains.values(), Figures()) == sum(of_issues.values(), Figures())
    assert nothing == {}


def test_who_was_erased_counts_under_no_domain(home: ReturnHouse) -> None:
    readers = home.readers(2)
    issue = home.send(readers)
    set_reader(home.database, readers[0], SubscriberState.ERASED)
    with home.database.read() as session:
        assert FigureStore(session).told_apart([issue], By.DOMAIN) == {"": Figures(taken=1), "example.org": Figures(taken=1)}


def test_rates_are_of_what_was_tried_and_of_what_was_taken() -> None:
    figures = Figures(taken=90, refused=10, hard=5, soft=40, complaints=9, policy=100)
    assert figures.bounce_rate == 0.15
    assert figures.complaint_rate == 0.1
    assert figures.return_rate == 1.0
    assert Figures(taken=100, hard=1, policy=2).return_rate == 0.03
    assert Figures().bounce_rate is Figures().return_rate is None
    assert Figures(policy=3).complaint_rate is None


def test_small_domains_stand_together_so_that_none_names_a_person() -> None:
    figures = {
        "b.example": Figures(taken=9),
        "own.example": Figures(taken=4, complaints=1),
        "a.example": Figures(taken=9),
        "c.example": Figures(taken=7),
        "": Figures(hard=2),
    }
    folded = fold(figures, least=5, most=2)
    assert list(folded) == ["a.example", "b.example", ""]
    assert folded[""] == Figures(taken=11, complaints=1, hard=2)
    assert fold({}, least=5, most=2) == {}

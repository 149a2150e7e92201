"""Import: every line accounted for, nobody brought back, safe to repeat."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest

from newsletter.clock import ManualClock
from newsletter.database import Database
from subscribers.address import parse_address
from subscribers.errors import FileFormatError
from subscribers.import_lines import Defaults, Refusal
from subscribers.importing import AddressImport, ImportResult
from subscribers.model import Cadence, Choices, ConsentEvent, ConsentMethod, Interests, SubscriberState, SuppressionReason
from subscribers.service import SubscriberService
from subscribers.store import SubscriberStore
from subscribers.suppression import Hasher
from tests.subscribers.conftest import SECRET

DEFAULTS = Defaults("papers", Choices(zone="Europe/Berlin"), {"papers": tuple(Cadence), "other": (Cadence.WEEKLY,)})


class Importing:
    """Imports texts and keeps what was refused."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        self.database, self.clock = database, clock
        self.refused: list[Refusal] = []
        self.positions: list[int] = []

    def __call__(self, content: str | bytes, *, batch: int = 50_000) -> ImportResult:
        raw = io.BytesIO(content.encode() if isinstance(content, str) else content)
        self.refused, self.positions = [], []
        return AddressImport(self.database, self.clock, Hasher(SECRET), batch=batch).run(
            raw,
            DEFAULTS,
            wording="Signed up at the desk",
            source="desk.csv",
            on_progress=self.positions.append,
            on_refused=self.refused.append,
        )

    def addresses(self) -> list[str]:
        with self.database.read() as session:
            return [person.address for person in SubscriberStore(session).list(limit=None)]


@pytest.fixture
def importing(database: Database, clock: ManualClock) -> Importing:
    return Importing(database, clock)


def test_a_plain_list_is_taken_with_the_defaults_and_consent(importing: Importing, service: SubscriberService) -> None:
    assert importing("Ann@example.org\nbob@bücher.example\n") == ImportResult(added=2, known=0, refused=0)
    held = service.held("ann@example.org")
    assert held.subscriber.state is SubscriberState.ACTIVE
    assert (held.subscriptions[0].newsletter, held.subscriptions[0].cadence, held.subscriptions[0].zone) == (
        "papers", Cadence.DAILY, "Europe/Berlin",
    )  # fmt: skip
    (consent,) = held.consents
    assert (consent.event, consent.method, consent.wording, consent.detail, consent.newsletter) == (
        ConsentEvent.CONFIRMED, ConsentMethod.IMPORT, "Signed up at the desk", "desk.csv", "papers",
    )  # fmt: skip
    assert service.find("bob@xn--bcher-kva.example").address == "bob@bücher.example"


def test_a_line_says_what_it_wants(importing: Importing, service: SubscriberService, clock: ManualClock) -> None:
    until = clock.now() + timedelta(days=3)
    content = (
        "email;Newsletter;cadence;hour;zone;topics;authors;muted;size;paused_until;state;name\n"
        f'ann@example.org;other;Weekly;23;Asia/Tokyo;"cs.CL; agents";Ada;"a;b";5;{until.isoformat()};;Ann\n'
        "bob@example.org;;;;;;;;;;paused;Bob\n"
        "eve@example.org\n"
    )
    assert importing(content) == ImportResult(3, 0, 0)
    (found,) = service.held("ann@example.org").subscriptions
    assert (found.newsletter, found.cadence, found.local_hour, found.zone, found.size, found.paused_until) == (
        "other", Cadence.WEEKLY, 23, "Asia/Tokyo", 5, until,
    )  # fmt: skip
    assert found.interests == Interests(("cs.CL",), ("agents",), ("Ada",), (), ("a", "b"))
    assert service.find("bob@example.org").state is SubscriberState.PAUSED
    assert service.held("eve@example.org").subscriptions[0].zone == "Europe/Berlin"


def test_every_refused_line_has_its_number_and_reason(importing: Importing) -> None:
    content = (
        "address,newsletter,cadence,hour,zone,size,state,paused_until,topics\n"
        "ann@example.org,,,,,,,,\n"
        "no address,,,,,,,,\n"
        "a@example.org,nothing,,,,,,,\n"
        "b@example.org,other,daily,,,,,,\n"
        "c@example.org,,hourly,,,,,,\n"
        "d@example.org,,,25,,,,,\n"
        "e@example.org,,,x,,,,,\n"
        "f@example.org,,,,Mars,,,,\n"
        "g@example.org,,,,,99,,,\n"
        "h@example.org,,,,,,unsubscribed,,\n"
        "i@example.org,,,,,,,tomorrow,\n"
        "j@example.org,,,,,,,2026-09-01T00:00,\n"
        f"k@example.org,,,,,,,,{'x' * 200}\n"
        'l@example.org,"\n'
        ",,,,\n"
    ).encode() + b"\xff@example.org\n"
    assert importing(content) == ImportResult(added=1, known=0, refused=15)
    assert [refusal.line for refusal in importing.refused] == list(range(3, 18))
    for refusal, reason in zip(
        importing.refused,
        [
            "a space", "there is no newsletter 'nothing'; there is papers, other",
            "'other' does not come daily; it comes weekly", "the cadence is not one of daily", "the hour is not one",
            "not a number", "no such time zone", "from 1 to 60", "active or paused", "ISO 8601", "has no zone",
            "more than 200 words", "quotation marks", "nothing was written", "invisible",
        ],
        strict=True,
    ):  # fmt: skip
        assert reason in refusal.reason
    assert importing.addresses() == ["ann@example.org"]


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_duplicates_are_merged_and_the_first_line_wins(importing: Importing, service: SubscriberService, batch: int) -> None:
    content = "email,hour\nann@example.org,5\nbob@example.org,6\nANN@example.org,7\nann@Example.org,8\n"
    assert importing(content, batch=batch) == ImportResult(added=2, known=2, refused=0)
    assert service.held("ann@example.org").subscriptions[0].local_hour == 5
    assert len(service.held("ann@example.org").consents) == 1


def test_the_same_file_again_finds_everybody_known(importing: Importing, service: SubscriberService) -> None:
    content = "".join(f"r{place}@example.org\n" for place in range(25))
    assert importing(content, batch=10) == ImportResult(25, 0, 0)
    assert importing(content, batch=10) == ImportResult(0, 25, 0)
    assert len(service.held("r7@example.org").consents) == 1


def test_an_import_cut_short_is_finished_by_running_it_again(importing: Importing) -> None:
    lines = [f"r{place}@example.org\n" for place in range(30)]

    def stop(_position: int) -> None:
        raise KeyboardInterrupt

    run = AddressImport(importing.database, importing.clock, Hasher(SECRET), batch=10).run
    with pytest.raises(KeyboardInterrupt):
        run(io.BytesIO("".join(lines).encode()), DEFAULTS, wording="", source="", on_progress=stop)
    assert len(importing.addresses()) == 10
    assert importing("".join(lines), batch=10) == ImportResult(added=20, known=10, refused=0)


def test_one_person_may_get_two_newsletters_by_two_lines(importing: Importing, service: SubscriberService) -> None:
    content = "email,newsletter,cadence\nann@example.org,papers,daily\nann@example.org,other,weekly\n"
    assert importing(content) == ImportResult(2, 0, 0)
    assert [found.newsletter for found in service.held("ann@example.org").subscriptions] == ["other", "papers"]
    assert len(importing.addresses()) == 1


def test_suppressed_addresses_are_never_revived(importing: Importing, service: SubscriberService) -> None:
    for reason in SuppressionReason:
        service.suppress(f"{reason}@example.org", reason)
    content = "".join(f"{reason.upper()}@example.org\n" for reason in SuppressionReason) + "ann@example.org\n"
    assert importing(content) == ImportResult(added=1, known=0, refused=5)
    assert {refusal.reason for refusal in importing.refused} == {"the address is suppressed"}
    assert importing.addresses() == ["ann@example.org"]


def test_who_left_is_never_brought_back(importing: Importing, service: SubscriberService, database: Database) -> None:
    importing(
        "email,newsletter,cadence\nann@example.org,papers,daily\nann@example.org,other,weekly\nbob@example.org,papers,daily\n"
    )
    service.unsubscribe("ann@example.org", "other", method=ConsentMethod.WEB)
    service.unsubscribe("bob@example.org", method=ConsentMethod.WEB)
    for state in (SubscriberState.BOUNCED, SubscriberState.COMPLAINED):
        with database.write() as session:
            SubscriberStore(session).add(parse_address(f"{state}@example.org"), state, now=importing.clock.now())
    content = (
        "email,newsletter,cadence\nann@example.org,papers,daily\nann@example.org,other,weekly\n"
        "bob@example.org,papers,daily\nbob@example.org,other,weekly\nbounced@example.org\ncomplained@example.org\n"
    )
    assert importing(content) == ImportResult(added=0, known=1, refused=5)
    assert [refusal.line for refusal in importing.refused] == [3, 4, 5, 6, 7]
    assert all("they have left" in refusal.reason for refusal in importing.refused)
    assert service.find("bob@example.org").state is SubscriberState.UNSUBSCRIBED
    assert len(service.held("ann@example.org").subscriptions) == 1


def test_erased_people_stay_erased(importing: Importing, service: SubscriberService) -> None:
    importing("ann@example.org\n")
    service.erase("ann@example.org")
    assert importing("ann@example.org\n") == ImportResult(0, 0, 1)


def test_known_readers_may_be_given_another_newsletter(importing: Importing, service: SubscriberService) -> None:
    importing("ann@example.org\n")
    service.pause("ann@example.org")
    assert importing("email,newsletter,cadence\nann@example.org,other,weekly\n") == ImportResult(1, 0, 0)
    held = service.held("ann@example.org")
    assert held.subscriber.state is SubscriberState.PAUSED
    assert len(held.subscriptions) == 2


def test_an_import_activates_who_never_confirmed(importing: Importing, service: SubscriberService, database: Database) -> None:
    with database.write() as session:
        store = SubscriberStore(session)
        person, _ = store.add(parse_address("ann@example.org"), SubscriberState.PENDING, now=importing.clock.now())
        store.subscribe(person.id, "papers", Choices(local_hour=5), now=importing.clock.now())
    assert importing("ann@example.org\n") == ImportResult(1, 0, 0)
    held = service.held("ann@example.org")
    assert held.subscriber.state is SubscriberState.ACTIVE
    assert held.subscriptions[0].local_hour == 5
    assert len(held.consents) == 1


def test_progress_ends_at_the_size_of_the_file(importing: Importing) -> None:
    content = "".join(f"r{place}@example.org\n" for place in range(2000))
    importing(content, batch=500)
    assert importing.positions == sorted(importing.positions)
    assert importing.positions[-1] == len(content)


def test_a_file_that_is_no_list_is_refused_as_a_whole(importing: Importing) -> None:
    with pytest.raises(FileFormatError):
        importing("name,city\nAnn,Bonn\n")
    assert importing.addresses() == []


def test_many_different_wishes_in_one_batch(importing: Importing, service: SubscriberService) -> None:
    content = "email,hour,topics\n" + "".join(f"r{place}@example.org,{place % 24},word {place}\n" for place in range(300))
    assert importing(content) == ImportResult(300, 0, 0)
    found = service.held("r299@example.org").subscriptions[0]
    assert (found.local_hour, found.interests) == (11, Interests(keywords=("word 299",)))

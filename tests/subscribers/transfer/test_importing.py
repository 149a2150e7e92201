"""Import: every line accounted for, nobody brought back, safe to repeat."""

from __future__ import annotations

import io
import multiprocessing
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete

from newsletter.clock import ManualClock
from newsletter.database import Database
from subscribers.address import parse_address
from subscribers.desk import SignUpDesk
from subscribers.errors import FileFormatError
from subscribers.fields import FieldKind, OwnField
from subscribers.model import (
    Cadence,
    Choices,
    ConsentEvent,
    ConsentMethod,
    Interests,
    SignUp,
    SignUpLimits,
    SubscriberState,
    SuppressionReason,
)
from subscribers.service import SubscriberService
from subscribers.store import SubscriberStore
from subscribers.suppression import Hasher
from subscribers.tables import ConsentRow, SubscriberRow, SubscriptionRow
from subscribers.transfer.import_lines import Defaults, Refusal
from subscribers.transfer.import_reader import ReaderError
from subscribers.transfer.importing import AddressImport, ImportResult
from tests.conftest import ROOT
from tests.subscribers.conftest import SECRET
from tests.subscribers.fakes import NoNotices

FIELDS = (
    OwnField("city", "City", FieldKind.TEXT, required=True),
    OwnField("seats", "Seats", FieldKind.NUMBER),
    OwnField("member", "Member", FieldKind.YES_NO),
)
DEFAULTS = Defaults(
    "papers",
    Choices(zone="Europe/Berlin"),
    {"papers": tuple(Cadence), "other": (Cadence.WEEKLY,)},
    {"papers": FIELDS},
)
WORDING = "Signed up at the desk"


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
            wording=WORDING,
            source="desk.csv",
            on_progress=self.positions.append,
            on_refused=self.refused.extend,
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
        ConsentEvent.CONFIRMED, ConsentMethod.IMPORT, "Signed up at the desk", "desk.csv, line 1", "papers",
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


def test_words_that_cannot_be_looked_for_are_refused_with_the_reason(importing: Importing) -> None:
    content = (
        "address,topics,keywords,muted,authors\n"
        "a@example.org,agents; -benchmark,,,\n"
        "b@example.org,,-survey,,\n"
        "c@example.org,,,-,\n"
        'd@example.org,,"agents, planning",,\n'
        'e@example.org,"cs.CL, cs.CV",,,\n'
        'f@example.org,,,,"Example, Ada"\n'
    )
    assert importing(content) == ImportResult(added=1, known=0, refused=5)
    reasons = [
        "-benchmark cannot be looked for: it only leaves out",
        "-survey cannot be looked for: it only leaves out",
        "- cannot be looked for: it has no word",
        "agents, planning cannot be looked for: it has a comma; write semicolons",
        "cs.CL, cs.CV cannot be looked for: it has a comma; write semicolons",
    ]
    assert [refusal.reason.startswith(reason) for refusal, reason in zip(importing.refused, reasons, strict=True)] == [True] * 5


def test_categories_are_kept_as_arxiv_spells_them(importing: Importing, service: SubscriberService) -> None:
    assert importing("address,topics,categories\nann@example.org,CS.lg,cs.cl; CS.LG\n") == ImportResult(1, 0, 0)
    (found,) = service.held("ann@example.org").subscriptions
    assert found.interests == Interests(categories=("cs.LG", "cs.CL"))


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
        run(io.BytesIO("".join(lines).encode()), DEFAULTS, wording=WORDING, source="desk.csv", on_progress=stop)
    assert len(importing.addresses()) == 10
    assert importing("".join(lines), batch=10) == ImportResult(30, 0, 0, continued_from_line=11)


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


def test_a_strangers_sign_up_does_not_let_a_file_bring_back_who_left(
    importing: Importing, service: SubscriberService, database: Database
) -> None:
    importing("email,newsletter\nann@example.org,papers\nann@example.org,other\n")
    service.unsubscribe("ann@example.org", "other", method=ConsentMethod.WEB)
    desk = SignUpDesk(database, importing.clock, Hasher(SECRET), SignUpLimits(), NoNotices())
    desk.receive([SignUp("ann@example.org", "other", Choices(), ConsentMethod.WEB, "Yes, please.", "192.0.2.7")])
    assert desk.process() == 1
    assert importing("email,newsletter\nann@example.org,other\n") == ImportResult(added=0, known=0, refused=1)


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


def test_a_long_file_is_read_by_a_process_of_its_own_with_the_same_end(
    importing: Importing, service: SubscriberService, tmp_path: Path
) -> None:
    service.suppress("r5@example.org", SuppressionReason.OPERATOR)
    path = tmp_path / "long.csv"
    path.write_text("email,hour\n" + "".join(f"r{place}@example.org,{place % 25}\n" for place in range(100)))
    refused: list[Refusal] = []
    run = AddressImport(importing.database, importing.clock, Hasher(SECRET), batch=30, worth_a_process=0).run
    with path.open("rb") as raw:
        result = run(raw, DEFAULTS, wording=WORDING, source=path.name, on_refused=refused.extend)
    assert result == ImportResult(added=95, known=0, refused=5)
    assert [refusal.line for refusal in refused] == [7, 26, 51, 76, 101]
    assert service.held("r7@example.org").consents[0].detail == "long.csv, line 9"


def test_when_the_reading_process_dies_the_import_says_so_and_goes_on_later(importing: Importing, tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("".join(f"r{place}@example.org\n" for place in range(3000)))
    run = AddressImport(importing.database, importing.clock, Hasher(SECRET), batch=500, worth_a_process=0).run

    def kill(_offset: int) -> None:
        for child in multiprocessing.active_children():
            child.kill()
            child.join()

    with path.open("rb") as raw:
        with pytest.raises(ReaderError, match="import the file again"):
            run(raw, DEFAULTS, wording=WORDING, source=path.name, on_progress=kill)
        assert 50 <= len(importing.addresses()) < 3000
        result = run(raw, DEFAULTS, wording=WORDING, source=path.name)
    assert (result.added, result.known, result.refused) == (3000, 0, 0)
    assert result.continued_from_line > 1
    assert len(importing.addresses()) == 3000


KILLED = """
import os, signal, sys
from newsletter.clock import SystemClock
from newsletter.database import Database
from subscribers.transfer.importing import AddressImport
from subscribers.suppression import Hasher
from subscribers.tables import ConsentRow, SubscriberRow, SubscriptionRow
from tests.conftest import ROOT
from tests.subscribers.conftest import SECRET
from tests.subscribers.transfer.test_importing import DEFAULTS, WORDING

url, path, moment = sys.argv[1:]
seen = []

def die(_what):
    seen.append(None)
    if len(seen) == 3:
        os.kill(os.getpid(), signal.SIGKILL)

run = AddressImport(Database(url), SystemClock(), Hasher(SECRET), batch=10).run
run(open(path, "rb"), DEFAULTS, wording=WORDING, source="desk.csv", **{moment: die})
"""
#: Quoted line breaks, blank lines, line ends of two kinds, letters of several bytes, a record that is none, doubles.
CRABBED = "\ufeffemail,note\r\n" + "".join(
    f'r{place % 57}@example.org,"é, ""x""\n\nmore"\r\n' if place % 3 else f'\nb\u00fccher{place}@example.org,"\n'
    if place % 7 == 0
    else f"q{place}@b\u00fccher.example,y\n"
    for place in range(90)
)  # fmt: skip


@pytest.mark.parametrize("moment", ["on_progress", "on_refused"])
def test_an_import_that_was_killed_ends_like_one_that_was_not(
    importing: Importing, database_url: str, tmp_path: Path, moment: str
) -> None:
    path = tmp_path / "desk.csv"
    path.write_text(CRABBED, encoding="utf-8", newline="")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, database_url, str(path), moment], cwd=ROOT, capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    before = importing.addresses()
    assert before
    result = importing(CRABBED, batch=10)
    assert result.continued_from_line > 1
    together = (result.added, result.known, result.refused, importing.addresses())
    assert importing.addresses()[: len(before)] == before
    again = importing(CRABBED, batch=10)  # finished, so it begins anew
    assert again == ImportResult(0, result.added + result.known, result.refused)
    with importing.database.write() as session:
        for table in (SubscriptionRow, ConsentRow, SubscriberRow):
            session.execute(delete(table))
    assert importing(CRABBED, batch=1000) == ImportResult(*together[:3])
    assert sorted(importing.addresses()) == sorted(together[3])


def test_refused_lines_come_again_from_the_line_an_import_goes_on_at(importing: Importing) -> None:
    content = "".join(f"r{place}@example.org\nnobody\n" for place in range(20))
    starts: list[int] = []
    refused: list[Refusal] = []

    def stop(refusals: Sequence[Refusal]) -> None:
        refused.extend(refusals)
        if len(refused) == 10:
            raise KeyboardInterrupt

    run = AddressImport(importing.database, importing.clock, Hasher(SECRET), batch=10).run
    for take in (stop, refused.extend):
        raw = io.BytesIO(content.encode())
        with suppress(KeyboardInterrupt):
            run(raw, DEFAULTS, wording=WORDING, source="x", on_start=starts.append, on_refused=take)
    assert starts == [1, 11]
    kept = refused[:5] + refused[10:]
    assert [refusal.line for refusal in kept] == list(range(2, 41, 2))


def test_an_import_of_another_kind_or_with_restart_begins_anew(importing: Importing) -> None:
    content = "".join(f"r{place}@example.org\n" for place in range(30))

    def stop(_offset: int) -> None:
        raise KeyboardInterrupt

    run = AddressImport(importing.database, importing.clock, Hasher(SECRET), batch=10).run
    with pytest.raises(KeyboardInterrupt):
        run(io.BytesIO(content.encode()), DEFAULTS, wording=WORDING, source="desk.csv", on_progress=stop)
    other = replace(DEFAULTS, newsletter="other", choices=Choices(Cadence.WEEKLY))
    assert run(io.BytesIO(content.encode()), other, wording=WORDING, source="desk.csv") == ImportResult(30, 0, 0)
    assert importing(content + "new@example.org\n") == ImportResult(21, 10, 0)
    result = run(io.BytesIO(content.encode()), DEFAULTS, wording=WORDING, source="desk.csv", restart=True)
    assert result == ImportResult(0, 30, 0)


def test_positions_nobody_came_back_for_are_forgotten(importing: Importing, clock: ManualClock) -> None:
    content = "".join(f"r{place}@example.org\n" for place in range(30))

    def stop(_offset: int) -> None:
        raise KeyboardInterrupt

    run = AddressImport(importing.database, clock, Hasher(SECRET), batch=10).run
    with pytest.raises(KeyboardInterrupt):
        run(io.BytesIO(content.encode()), DEFAULTS, wording=WORDING, source="desk.csv", on_progress=stop)
    clock.advance(timedelta(days=31))
    importing("ann@example.org\n")
    assert importing(content) == ImportResult(20, 10, 0)


def test_own_fields_are_taken_from_their_columns(importing: Importing, service: SubscriberService) -> None:
    content = (
        "email,newsletter,cadence,field:city,field:seats,field:member\n"
        "ann@example.org,papers,daily,Bonn,3,yes\n"
        "bob@example.org,papers,daily,,,\n"
        "eve@example.org,papers,daily,Bonn,many,\n"
        "fay@example.org,other,weekly,Bonn,,\n"
    )
    assert importing(content) == ImportResult(added=2, known=0, refused=2)
    assert service.held("ann@example.org").subscriptions[0].fields == (("city", "Bonn"), ("member", True), ("seats", 3))
    assert service.held("bob@example.org").subscriptions[0].fields == ()
    assert [refusal.reason.partition(" ")[0] for refusal in importing.refused] == ["seats:", "city:"]


def test_default_fields_fill_in_what_a_line_leaves_out_and_belong_to_their_newsletter(
    importing: Importing, service: SubscriberService
) -> None:
    defaults = replace(DEFAULTS, choices=Choices(fields=(("city", "Bonn"), ("seats", 2))))
    content = "email,newsletter,cadence,field:seats\nann@example.org,,,5\nbob@example.org,other,weekly,\n"
    run = AddressImport(importing.database, importing.clock, Hasher(SECRET)).run
    assert run(io.BytesIO(content.encode()), defaults, wording=WORDING, source="x") == ImportResult(2, 0, 0)
    assert service.held("ann@example.org").subscriptions[0].fields == (("city", "Bonn"), ("seats", 5))
    assert service.held("bob@example.org").subscriptions[0].fields == ()


def test_twins_of_a_new_person_stand_as_their_first_line_says(importing: Importing, service: SubscriberService) -> None:
    content = "email,newsletter,cadence,state\nann@example.org,papers,,paused\nann@example.org,other,weekly,active\n"
    assert importing(content) == ImportResult(2, 0, 0)
    assert service.find("ann@example.org").state is SubscriberState.PAUSED

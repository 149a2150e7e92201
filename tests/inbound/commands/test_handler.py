"""Readers who are certain: what they write is done, once, and answered to the address we have."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.inbound.handling import Addressed, Received
from newsletter.inbound.model import Arrival, Door, InboundId, MailKind, Stored, Verdict, Via
from newsletter.inbound.reading.mail import read_mail
from subscribers.model import Cadence, Choices, ConsentMethod, Interests, NoticeKind, SubscriberState, Taste
from subscribers.opinions import OpinionStore
from subscribers.tables import ConsentRow
from tests.conftest import MONDAY
from tests.inbound.commands.house import ADA, COMMANDS, OURS, PAPERS, SLUG, House, letter, passed


@pytest.fixture
def house(database: Database, clock: ManualClock) -> House:
    return House(database, clock)


def test_a_reply_to_a_digest_changes_what_its_reader_chose_whatever_from_says(house: House) -> None:
    ada = house.add_reader()
    to = house.send_issue(ada, [], slot="2026-08-17", at=MONDAY)
    house.add_papers(1)
    record = house.receive(letter("weekly\ntopics +cs.CL\nfollow Ada Example\nhour 7\nsize 5\n", sender="x@example.com"), to)
    assert (record.outcome, record.subscriber_id) == ("command.done", ada)
    gets = house.gets(ada)
    assert gets is not None
    assert (gets.cadence, gets.local_hour, gets.size) == (Cadence.WEEKLY, 7, 5)
    assert gets.interests == Interests(categories=("cs.CL",), authors=("Ada Example",))
    answer = house.answer()
    assert (answer.address, answer.subscriber_id, answer.newsletter, answer.reference) == (ADA, ada, SLUG, record.id)
    assert answer.details["in_reply_to"].startswith("<one.")
    assert house.done() == [
        ("cadence", "done", ["weekly"]),
        ("topics", "done", ["cs.CL"]),
        ("follow", "done", ["Ada Example"]),
        ("hour", "done", ["7"]),
        ("size", "done", ["5"]),
    ]


def test_numbers_count_in_the_mail_that_is_answered(house: House) -> None:
    house.add_papers(1, 2, 3, 4)
    ada = house.add_reader()
    first = house.send_issue(ada, [1, 2], slot="2026-08-17", at=MONDAY)
    house.send_issue(ada, [3, 4], slot="2026-08-18", at=MONDAY + timedelta(days=1))
    house.clock.advance(timedelta(days=2))
    house.receive(letter("less 2\nmore 7"), first)
    assert house.done() == [
        ("less", "done", ["2", "Sample 2: A Study of Small Things"]),
        ("more", "no_such_number", ["7", "2"]),
    ]
    with house.database.read() as session:
        assert [(said.paper_seq, said.taste) for said in OpinionStore(session).of(ada)] == [(2, Taste.LESS)]


def test_numbers_in_a_mail_of_its_own_mean_the_last_one_that_had_been_sent(house: House) -> None:
    house.add_papers(1, 2, 3)
    ada = house.add_reader()
    house.send_issue(ada, [1, 2], slot="2026-08-17", at=MONDAY - timedelta(hours=1))
    house.send_issue(ada, [3], slot="2026-08-18", at=MONDAY + timedelta(hours=1))
    house.receive(letter("more 1", subject="digest", more=passed()))
    assert house.done() == [("more", "done", ["1", "Sample 1: A Study of Small Things"])]


def test_late_bloomers_have_the_last_numbers_as_in_the_mail(house: House) -> None:
    house.add_papers(1, 2, 3)
    ada = house.add_reader()
    to = house.send_issue(ada, [1, 2, 3], slot="2026-08-17", at=MONDAY, late=[1])
    house.receive(letter("more 3"), to)
    assert house.done() == [("more", "done", ["3", "Sample 1: A Study of Small Things"])]


def test_numbers_without_any_mail_yet_are_told_so(house: House) -> None:
    house.add_reader()
    house.receive(letter("more 1", more=passed()))
    assert house.done() == [("more", "no_digest", ["1"])]


def test_a_pause_ends_where_the_reader_lives_and_can_be_lifted(house: House) -> None:
    ada = house.add_reader()
    house.receive(letter("pause until 2026-12-24", more=passed()))
    assert house.done() == [("pause", "done", ["2026-12-24T00:00:00+01:00"])]
    gets = house.gets(ada)
    assert gets is not None
    assert gets.paused_until is not None
    house.receive(letter("resume", more=passed()))
    gets = house.gets(ada)
    assert gets is not None
    assert gets.paused_until is None
    house.receive(letter("pause until 2025-12-24", more=passed()))
    assert house.done() == [("pause", "out_of_range", [])]


def test_resume_lifts_the_pause_of_the_person_too(house: House) -> None:
    house.add_reader()
    house.subscribers.pause(ADA)
    house.receive(letter("resume", more=passed()))
    assert house.state(ADA) is SubscriberState.ACTIVE


def test_what_cannot_be_had_is_told_with_the_reason_and_the_rest_is_done(house: House) -> None:
    ada = house.add_reader()
    house.receive(letter("monthly\nhour 25\nzone Atlantis\nsize 100\nmute surveys\npause 900d", more=passed()))
    assert house.done() == [
        ("cadence", "not_offered", ["monthly"]),
        ("hour", "out_of_range", ["25"]),
        ("zone", "no_such_zone", ["Atlantis"]),
        ("size", "out_of_range", ["100"]),
        ("mute", "done", ["surveys"]),
        ("pause", "out_of_range", []),
    ]
    gets = house.gets(ada)
    assert gets is not None
    assert gets.interests == Interests(muted=("surveys",))


def test_status_says_what_was_chosen(house: House) -> None:
    interests = Interests(categories=("cs.CL",), keywords=("agents",), authors=("Bo Sample",), labs=("MOSS",), muted=("x",))
    house.add_reader(choices=Choices(Cadence.WEEKLY, 9, "Europe/Berlin", interests))
    house.receive(letter("status", more=passed()))
    assert house.answer().details["status"] == {
        "is_subscribed": True,
        "state": "active",
        "cadence": "weekly",
        "hour": 9,
        "zone": "Europe/Berlin",
        "size": PAPERS.size,
        "categories": ["cs.CL"],
        "keywords": ["agents"],
        "authors": ["Bo Sample"],
        "labs": ["MOSS"],
        "muted": ["x"],
        "paused_until": None,
    }


def test_other_commands_are_answered(house: House) -> None:
    house.add_reader()
    wanted: dict[str, dict[str, object]] = {
        "help": {"help": True},
        "export": {"done": [{"command": "export", "result": "done", "values": []}], "help": False},
        "yes": {"help": True, "done": []},
        "weekly\nwekly digestive pls": {"not_understood": 1, "help": False},
        "subscribe": {"status": "there", "done": []},
    }
    for text, answer in wanted.items():
        house.receive(letter(text, more=passed()))
        details = dict(house.answer().details)
        details["status"] = "there" if details["status"] else ""
        assert details | answer == details


def test_subscribe_of_a_reader_changes_what_comes_with_it(house: House) -> None:
    ada = house.add_reader()
    house.receive(letter("subscribe weekly topics cs.CV", more=passed()))
    gets = house.gets(ada)
    assert gets is not None
    assert (gets.cadence, gets.interests.categories) == (Cadence.WEEKLY, ("cs.CV",))
    assert not house.notices(NoticeKind.CONFIRM)


def test_stop_ends_it_and_is_answered_once(house: House) -> None:
    ada = house.add_reader()
    record = house.receive(letter("STOP sending me this!"), house.send_issue(ada, [], slot="2026-08-17", at=MONDAY))
    assert record.outcome == "unsubscribe.done"
    assert house.gets(ada) is None
    assert house.state(ADA) is SubscriberState.UNSUBSCRIBED
    [answer] = house.notices()
    assert (answer.kind, answer.details["left"], answer.details["help"]) == (NoticeKind.ANSWER, True, False)
    with house.database.read() as session:
        line = session.scalars(select(ConsentRow).order_by(ConsentRow.id.desc()).limit(1)).one()
        assert (line.event, line.method, line.detail) == ("withdrawn", ConsentMethod.MAIL, f"inbound {record.id}")


def test_a_mail_program_that_unsubscribes_is_not_answered(house: House) -> None:
    for day, body in enumerate(["", "unsubscribe", "This message was automatically generated by Mail."], 1):
        reader = house.add_reader(f"reader{day}@example.net")
        to = house.send_issue(reader, [], slot=f"2026-08-{day:02d}", at=MONDAY)
        record = house.receive(letter(body, subject="unsubscribe"), to)
        assert (record.kind, record.outcome) == ("unsubscribe", "unsubscribe.done")
        assert house.gets(reader) is None
    assert house.notices() == []


def test_a_machine_may_unsubscribe_for_its_user_and_is_not_answered(house: House) -> None:
    ada = house.add_reader()
    to = house.send_issue(ada, [], slot="2026-08-17", at=MONDAY)
    house.receive(letter("", subject="unsubscribe", more="Precedence: bulk\r\n"), to)
    assert house.gets(ada) is None
    assert house.notices() == []


def test_a_newsletter_that_says_goodbye_says_it_once(database: Database, clock: ManualClock) -> None:
    house = House(database, clock, newsletter=PAPERS.model_copy(update={"goodbye": True}))
    ada, bo = house.add_reader(), house.add_reader("bo@example.net")
    house.receive(letter("", subject="unsubscribe"), house.send_issue(ada, [], slot="2026-08-17", at=MONDAY))
    assert [notice.kind for notice in house.notices()] == [NoticeKind.GOODBYE]
    house.receive(letter("unsubscribe me, please"), house.send_issue(bo, [], slot="2026-08-18", at=MONDAY))
    assert [notice.kind for notice in house.notices()] == [NoticeKind.GOODBYE, NoticeKind.ANSWER]


def test_who_left_already_is_answered_as_before(house: House) -> None:
    ada = house.add_reader()
    to = house.send_issue(ada, [], slot="2026-08-17", at=MONDAY)
    house.receive(letter("stop"), to)
    house.receive(letter("stop!"), to)
    assert [notice.details["left"] for notice in house.notices()] == [True, True]
    house.receive(letter("weekly"), to)
    assert house.done() == [("cadence", "not_subscribed", ["weekly"])]


def test_handled_again_a_mail_changes_nothing_more_and_says_the_same(house: House) -> None:
    ada = house.add_reader()
    to = house.send_issue(ada, [], slot="2026-08-17", at=MONDAY)
    record = house.receive(letter("pause 2w\ntopics +cs.CL"), to)
    before = house.gets(ada)
    house.clock.advance(timedelta(hours=3))
    house.service.replay([record.id])
    house.service.work()
    assert house.gets(ada) == before
    assert len(house.notices()) == 1


def test_a_reader_gets_so_many_answers_a_day_and_all_is_done_nevertheless(database: Database, clock: ManualClock) -> None:
    house = House(database, clock, answers_per_day=3)
    ada = house.add_reader()
    for size in range(1, 7):
        house.receive(letter(f"size {size}", more=passed()))
    gets = house.gets(ada)
    assert gets is not None
    assert gets.size == 6
    assert len(house.notices()) == 3


def test_machines_change_nothing_and_are_not_answered(house: House) -> None:
    ada = house.add_reader()
    before = house.gets(ada)
    to = house.send_issue(ada, [], slot="2026-08-17", at=MONDAY)
    for field in ("Auto-Submitted: auto-replied", "Precedence: list", "List-Id: <x.example.com>", "X-Loop: papers"):
        house.receive(letter("weekly", more=f"{field}\r\n"), to)
    assert house.gets(ada) == before
    assert house.notices() == []


def test_the_null_sender_is_never_answered(house: House) -> None:
    ada = house.add_reader()
    house.receive(letter("weekly"), house.send_issue(ada, [], slot="2026-08-17", at=MONDAY), sender="")
    assert house.notices() == []


def test_we_do_not_answer_ourselves(house: House) -> None:
    for sender in (COMMANDS, "news@example.org", "PAPERS+0@example.org"):
        record = house.receive(letter("help", sender=sender), sender=sender)
        assert record.outcome == "command.ourselves"
    assert house.notices() == []


def test_results_of_our_server_make_a_writer_certain_and_those_of_others_do_not(house: House) -> None:
    ada = house.add_reader()
    house.receive(letter("weekly", more=passed(server="mx.example.com")))
    gets = house.gets(ada)
    assert gets is not None
    assert gets.cadence is Cadence.DAILY
    more = f"Authentication-Results: {OURS}; dkim=fail header.d=example.net\r\n{passed()}"
    house.receive(letter("weekly", more=more))
    gets = house.gets(ada)
    assert gets is not None
    assert gets.cadence is Cadence.DAILY
    house.receive(letter("weekly", more=passed()))
    gets = house.gets(ada)
    assert gets is not None
    assert gets.cadence is Cadence.WEEKLY


def test_an_erased_reader_is_a_stranger(house: House) -> None:
    ada = house.add_reader()
    to = house.send_issue(ada, [], slot="2026-08-17", at=MONDAY)
    house.subscribers.erase(ada)
    record = house.receive(letter("weekly"), to)
    assert (record.outcome, record.subscriber_id) == ("command.help", None)


def test_subjects_count_when_nothing_else_is_written(house: House) -> None:
    ada = house.add_reader()
    house.receive(letter("", subject="weekly", more=passed()))
    gets = house.gets(ada)
    assert gets is not None
    assert gets.cadence is Cadence.WEEKLY


def test_html_only_and_quoted_mails_are_read(house: House) -> None:
    ada = house.add_reader()
    to = house.send_issue(ada, [], slot="2026-08-17", at=MONDAY)
    html = (
        f"From: {ADA}\r\nTo: {to}\r\nSubject: Re: papers\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
        '<html><body><div dir="auto">Weekly,&nbsp;please.</div><br><div class="gmail_quote"><div>On Mon, Papers wrote:</div>'
        "<blockquote>stop</blockquote></div></body></html>\r\n"
    )
    house.receive(html.encode(), to)
    assert house.done() == [("cadence", "done", ["weekly"])]
    top = "less 1\n\nSent from my phone\n\nOn Mon, 17 Aug 2026 at 08:00, Papers <news@example.org> wrote:\n> stop\n> weekly\n"
    house.receive(letter(top), to)
    assert house.done() == [("less", "no_such_number", ["1"])]
    assert house.gets(ada) is not None


def test_of_newsletters_with_one_address_the_one_is_meant_that_the_writer_gets(database: Database, clock: ManualClock) -> None:
    house = House(database, clock, before={"other": PAPERS.model_copy(update={"name": "Other"})})
    ada = house.add_reader()
    record = house.receive(letter("weekly", more=passed()))
    assert (record.newsletter, record.outcome) == (SLUG, "command.done")
    gets = house.gets(ada)
    assert gets is not None
    assert gets.cadence is Cadence.WEEKLY
    assert house.receive(letter("help", sender="x@example.com"), sender="x@example.com").newsletter == "other"


def test_an_answer_that_was_counted_and_lost_is_made_again(database: Database, clock: ManualClock) -> None:
    """The process dies after the handler is through, and before its result is written."""
    house = House(database, clock, answers_per_day=1)
    house.add_reader()
    raw = letter("weekly", more=passed())
    stored = Stored(InboundId(1), Arrival(raw, Via.PIPE, ADA, (COMMANDS,)), clock.now())
    received = Received(stored, read_mail(raw), Verdict(MailKind.COMMAND), Addressed(Door.PLAIN, None, SLUG))
    first = house.handler.handle(received, now=clock.now())
    assert house.handler.handle(received, now=clock.now()) == first
    assert len(first.notices) == 1


def test_a_mail_that_came_on_several_ways_is_answered_once(house: House) -> None:
    ada = house.add_reader()
    to = house.send_issue(ada, [], slot="2026-08-17", at=MONDAY)
    raw = letter("status", to=f"{to}, {COMMANDS}")
    for arrival in (Arrival(raw, Via.LMTP, ADA, (to,)), Arrival(raw, Via.PIPE, ADA, (COMMANDS,)), Arrival(raw, Via.IMAP)):
        house.service.keep(arrival)
    house.service.work()
    assert len(house.notices(NoticeKind.ANSWER)) == 1
    house.receive(letter("status, please"), to)
    assert len(house.notices(NoticeKind.ANSWER)) == 2


def test_an_old_stop_does_not_end_what_its_reader_came_back_to(house: House) -> None:
    ada = house.add_reader()
    to = house.send_issue(ada, [], slot="2026-08-17", at=MONDAY)
    record = house.receive(letter("stop"), to)
    assert house.gets(ada) is None
    house.clock.advance(timedelta(days=3))
    house.subscribers.resubscribe(ADA, SLUG, Choices(), method=ConsentMethod.WEB, wording="Yes.")
    house.service.replay([record.id])
    house.service.work()
    again = house.service.record(record.id)
    assert again is not None
    assert again.outcome == "command.overtaken"
    assert house.gets(ada) is not None
    assert house.receive(letter("Stop, now."), to).outcome == "unsubscribe.done"


def test_a_value_that_a_later_mail_set_stays_when_an_earlier_one_is_tried_again(house: House) -> None:
    ada = house.add_reader()
    to = house.send_issue(ada, [], slot="2026-08-17", at=MONDAY)
    early = [house.receive(letter(text), to).id for text in ("weekly", "pause 2w\nmute surveys")]
    for text in ("daily", "resume"):
        house.receive(letter(text), to)
    house.service.replay(early)
    house.service.work()
    outcomes = [record.outcome for number in early if (record := house.service.record(number))]
    assert outcomes == ["command.overtaken", "command.done"]
    gets = house.gets(ada)
    assert gets is not None
    assert (gets.cadence, gets.paused_until, gets.interests.muted) == (Cadence.DAILY, None, ("surveys",))


def test_mails_in_quick_succession_all_act_in_their_order(house: House) -> None:
    ada = house.add_reader()
    to = house.send_issue(ada, [], slot="2026-08-17", at=MONDAY)
    for text in ("weekly", "size 5", "daily", "hour 7"):
        house.service.keep(Arrival(letter(text), Via.LMTP, ADA, (to,)))
        house.clock.advance(timedelta(seconds=1))
    house.clock.advance(timedelta(seconds=5))
    house.service.work()
    gets = house.gets(ada)
    assert gets is not None
    assert (gets.cadence, gets.size, gets.local_hour) == (Cadence.DAILY, 5, 7)
    assert {record.outcome for record in house.service.latest()} == {"command.done"}


def test_a_newsletter_that_is_gone_takes_no_commands(house: House) -> None:
    raw = letter("weekly")
    stored = Stored(InboundId(1), Arrival(raw, Via.PIPE, ADA, (COMMANDS,)), house.clock.now())
    received = Received(stored, read_mail(raw), Verdict(MailKind.COMMAND), Addressed(Door.PLAIN, None, "gone"))
    assert house.handler.handle(received, now=house.clock.now()).outcome == "command.no_newsletter"

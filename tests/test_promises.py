"""The promises, held against any order of events: people come and leave, issues are built, sent, interrupted and repeated.

Hypothesis draws the histories. All parts are the real ones: the whole program on SQLite, a scripted SMTP server, and for a
crash a process that is killed at a message.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import signal
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select

from newsletter.app import App
from newsletter.clock import ManualClock
from newsletter.config_file import load
from newsletter.delivery.model import DeliveryState, Reason
from newsletter.delivery.tables import DeliveryRow
from newsletter.digest.model import Issue, IssueId, IssueState
from newsletter.digest.store import IssueStore
from subscribers.model import Choices, ConsentMethod
from tests.conftest import MONDAY
from tests.flow import SETTINGS, account, build, numbered, send, take_in, text_of, wait_for
from tests.smtp_server import Accepted, Fault, Script, SmtpServer
from tests.test_readers import tables_of
from tests.torture.house import TORTURE

CONNECTIONS = 2
NEWSLETTERS = ("papers", "robots")
#: Kills are done to processes of this kind: they begin with the program loaded, and with no thread.
PROCESSES = multiprocessing.get_context("forkserver")
people = st.integers(0, 3)
newsletters = st.sampled_from(NEWSLETTERS)


@dataclass
class Person:
    """Somebody as the test knows them; ``gets`` are the newsletters they want now."""

    address: str
    number: int
    gets: set[str] = field(default_factory=set)


def work(config: Path, at: datetime, issue_id: int) -> None:
    """Send an issue, in a process that will not live to see the end of it."""
    app = App(load(config), clock=ManualClock(at))
    with app.database.read() as session:
        issue = IssueStore(session).get(IssueId(issue_id))
    send(app, issue)
    app.close()


class Promises(RuleBasedStateMachine):
    """One history. What is checked is what was promised; what is kept here is only what a stranger would see."""

    #: A migrated, empty database to copy.
    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="promises-"))
        self.clock = ManualClock(MONDAY)
        self.script = Script()
        self.server = SmtpServer(self.script)
        self.people: dict[int, Person] = {}
        self.gone: list[Person] = []
        self.looked_at = 0
        self.papers = 0
        self.doubts = 0

    @initialize(on_doubt=st.sampled_from(["resend", "hold"]))
    def begin(self, on_doubt: str) -> None:
        self.server.start()
        self.may_double = on_doubt == "resend"
        database = self.folder / "newsletter.db"
        shutil.copyfile(self.template, database)
        relay = f'[smtp]\nhost = "127.0.0.1"\nport = {self.server.port}\nsecurity = "none"\n'
        delivery = f'[delivery]\nconnections = {CONNECTIONS}\nbatch = 3\non_doubt = "{on_doubt}"\nleast_free_mb = 0\n'
        text = SETTINGS.format(url=f"sqlite:///{database}", base_url="https://papers.example.org")
        self.config = self.folder / "config.toml"
        self.config.write_text(text + relay + delivery, encoding="utf-8")
        self.app = App(load(self.config), clock=self.clock)
        for who in range(3):
            self.subscribe(who, NEWSLETTERS[0])
        self.subscribe(0, NEWSLETTERS[1])
        self.build(NEWSLETTERS[0], days=0, papers=8)

    # What happens

    @rule(newsletter=newsletters, days=st.sampled_from([0, 1, 1, 1, 2, 5]), papers=st.integers(0, 6))
    def build(self, newsletter: str, days: int, papers: int) -> None:
        self.clock.advance(timedelta(days=days))
        if papers:
            take_in(self.app, self.folder, numbered(self.papers + 1, self.papers + papers))
            self.papers += papers
        built = build(self.app, newsletter=newsletter)
        if built.issue is None:
            return
        if built.is_new:
            assert built.issue.audience == sum(newsletter in person.gets for person in self.people.values())
        again = build(self.app, newsletter=newsletter)
        assert (again.is_new, again.issue and again.issue.id) == (False, built.issue.id), "a slot has one issue"

    @rule(who=people, newsletter=newsletters)
    def subscribe(self, who: int, newsletter: str) -> None:
        address = self.people[who].address if who in self.people else f"reader{who}-{len(self.gone)}@example.org"
        self.app.subscribers.resubscribe(
            address, newsletter, Choices(), method=ConsentMethod.OPERATOR, wording="asked for it in person"
        )
        person = self.people.setdefault(who, Person(address, self.app.subscribers.find(address).id))
        person.gets.add(newsletter)

    @precondition(lambda self: self.people)
    @rule(who=people, newsletter=st.one_of(st.none(), newsletters))
    def unsubscribe(self, who: int, newsletter: str | None) -> None:
        if person := self.people.get(who):
            self.app.subscribers.unsubscribe(person.address, newsletter, method=ConsentMethod.OPERATOR)
            person.gets -= {newsletter} if newsletter else set(NEWSLETTERS)

    @rule(who=people)
    def erase(self, who: int) -> None:
        if person := self.people.pop(who, None):
            assert self.app.subscribers.erase(person.address)
            person.gets.clear()
            self.gone.append(person)

    @precondition(lambda self: self.issues(IssueState.OPEN))
    @rule(
        who=people,
        fault=st.sampled_from(
            [
                ("rcpt", {"reply": "451 4.2.1 later"}),
                ("dot", {"reply": "451 4.3.1 later"}),
                ("rcpt", {"reply": "550 5.1.1 no such user"}),
                ("body", {"drop": True}),
                ("dot", {"drop": True}),
                ("dot", {"drop": True, "store": True}),
            ]
        ),
    )
    def send_to_a_server_with_moods(self, who: int, fault: tuple[str, dict[str, object]]) -> None:
        if who not in self.people:
            return
        phase, mood = fault

        def doubt() -> None:
            self.doubts += phase == "dot" and "drop" in mood

        self.script.faults[:] = [Fault(phase, self.people[who].address, times=1, act=doubt, **mood)]  # type: ignore[arg-type]  # as written above
        self.send()

    @precondition(lambda self: self.issues(IssueState.OPEN))
    @rule()
    def send(self) -> None:
        for issue in self.issues(IssueState.OPEN):
            send(self.app, issue)
        self.script.faults.clear()
        self.look_at_what_arrived()

    @precondition(lambda self: self.issues(IssueState.OPEN))
    @rule(after=st.integers(0, 2), phase=st.sampled_from(["mail", "body", "dot", "dot"]), is_taken=st.booleans())
    def crash(self, after: int, phase: str, is_taken: bool) -> None:
        for issue in self.issues(IssueState.OPEN)[:1]:
            process = PROCESSES.Process(target=work, args=(self.config, self.clock.now(), issue.id), daemon=True)
            process.start()
            kill = partial(os.kill, process.pid or 0, signal.SIGKILL)
            self.script.faults[:] = [Fault(phase, skip=after, times=1, usual=is_taken, act=kill)]
            process.join(60)
            assert process.exitcode in {0, -signal.SIGKILL}
            self.doubts += CONNECTIONS if process.exitcode else 0
            self.script.faults.clear()
            wait_for(lambda: not self.server.sessions)
            self.look_at_what_arrived()

    @rule()
    def restart(self) -> None:
        self.app.close()
        self.app = App(load(self.config), clock=self.clock)

    # What is promised

    @invariant()
    def everybody_is_accounted_for(self) -> None:
        if hasattr(self, "app"):
            for issue in self.issues():
                assert account(self.app, issue).adds_up

    def look_at_what_arrived(self) -> None:
        """Hold what the server took since the last look against who wanted it, and against all it took before."""
        wanted = {person.address: person.gets for person in self.people.values()}
        new = self.server.accepted[self.looked_at :]
        self.looked_at = len(self.server.accepted)
        for message in new:
            newsletter = str(_parsed(message)["List-Id"])
            assert any(slug in newsletter for slug in wanted.get(message.recipient, ())), "nobody gets what they do not want"
        by_reader: dict[str, dict[str, set[bytes]]] = defaultdict(lambda: defaultdict(set))
        for message in self.server.accepted:
            by_reader[message.recipient][str(_parsed(message)["Message-ID"])].add(message.data)
        for messages in by_reader.values():
            assert all(len(kinds) == 1 for kinds in messages.values()), "a repeat is byte-identical"
            papers = [set(re.findall(r"Paper \d+", _text(kinds))) for kinds in messages.values()]
            assert sum(map(len, papers)) == len(set().union(*papers)), "nobody gets a paper twice"
        copies = len(self.server.accepted) - sum(map(len, by_reader.values()))
        assert copies <= (self.doubts if self.may_double else 0), "nobody is doubled but where it was in doubt"

    def teardown(self) -> None:
        try:
            if hasattr(self, "app"):
                self.come_to_rest()
                self.app.close()
        finally:
            self.server.stop()
            shutil.rmtree(self.folder)
        assert not self.server.breaches

    def come_to_rest(self) -> None:
        """With a server in a good mood every issue ends, and the account says what the server took."""
        for _ in range(3):
            self.send()
        assert not self.issues(IssueState.OPEN)
        with self.app.database.read() as session:
            rows = session.execute(select(DeliveryRow.subscriber_id, DeliveryRow.state, DeliveryRow.reason)).all()
        taken = Counter(recipient for recipient, _ in {(m.recipient, _parsed(m)["Message-ID"]) for m in self.server.accepted})
        for person in [*self.people.values(), *self.gone]:
            mine = [(state, reason) for number, state, reason in rows if number == person.number]
            sent = sum(state == DeliveryState.SENT for state, _ in mine)
            doubtful = sum(state == DeliveryState.DOUBTFUL for state, _ in mine)
            assert all(reason != Reason.IN_DOUBT for state, reason in mine if state == DeliveryState.FAILED)
            assert sent <= taken[person.address] <= sent + doubtful, "sent is what arrived"
        everything = repr(tables_of(self.app))
        assert not [person.number for person in self.gone if person.address in everything], "who is erased is forgotten"

    def issues(self, state: IssueState | None = None) -> list[Issue]:
        with self.app.database.read() as session:
            found = IssueStore(session).latest(limit=None)
        return sorted((issue for issue in found if state in (None, issue.state)), key=lambda issue: issue.id)


def _parsed(message: Accepted) -> EmailMessage:
    parsed = message_from_bytes(message.data, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def _text(kinds: set[bytes]) -> str:
    (data,) = kinds
    parsed = message_from_bytes(data, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return text_of(parsed)


@pytest.mark.torture
def test_any_history_keeps_the_promises(sqlite_template: Path) -> None:
    PROCESSES.set_forkserver_preload(["newsletter.app", "tests.flow", __name__])

    class Here(Promises):
        template = sqlite_template

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=300 if TORTURE else 10,
            stateful_step_count=30 if TORTURE else 16,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

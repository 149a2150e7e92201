"""The whole program on real days: fetches over HTTP, builds at its slots, sends over SMTP, while readers come, pause and go."""

from __future__ import annotations

import asyncio
import email
import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from email.policy import default as parsed
from pathlib import Path

from newsletter.app import App
from newsletter.clock import ManualClock
from newsletter.config import SmtpConfig
from newsletter.config_file import load
from newsletter.digest.model import Issue
from newsletter.digest.store import IssueStore
from newsletter.papers.model import Paper
from newsletter.papers.store import PaperStore
from subscribers.model import ConsentMethod, Taste
from subscribers.opinions import OpinionStore
from tests.replay.readers import Event, Plan, events
from tests.replay.recorded_days import RecordedDays
from tests.smtp_server import Accepted, Script, SmtpServer
from tests.sources.replay import Asked, Reply, serving

SLUG = "papers"
#: The program looks for what is due at every quarter of an hour: no zone's hours begin at other times.
TICK = timedelta(minutes=15)
_ONLINE = re.compile(rf"/issues/{SLUG}/(\d+)")
_LINK = re.compile(r"(?:huggingface\.co/papers|arxiv\.org/abs)/(\d{4}\.\d{4,5})")
CONFIG = """\
[database]
url = "{url}"
[web]
base_url = "https://papers.example.org"
[pictures]
fetch = false
[sources.hf_daily_papers]
url = "{source}"
[delivery]
connections = 8
[newsletters.papers]
postal_address = "Example Lab, 1 Sample Street"
zone = "Europe/Berlin"
{extra}
[newsletters.papers.look]
theme = "compact"
pictures = "none"
"""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as it arrived: for whom, when, the number of its issue, and the arXiv ids of its papers, in their order."""

    recipient: str
    at: datetime
    number: int
    papers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Played:
    """What came of it, to be checked. ``app`` is still open; ``listed`` are its issues, oldest first."""

    app: App
    readers: Sequence[Plan]
    mails: Sequence[Mail]
    listed: Sequence[Issue]
    start: datetime
    end: datetime


class _Mailbox(SmtpServer):
    """Takes note of which papers each mail brings, by the replay's clock."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(Script(extensions=("PIPELINING", "8BITMIME"), keeps=False))
        self.mails: list[Mail] = []
        self._clock = clock

    def store(self, message: Accepted) -> None:
        mail = email.message_from_bytes(message.data, policy=parsed)
        part = mail.get_body(("plain",))
        assert part is not None
        text = part.get_content()
        online = _ONLINE.search(text)
        assert online is not None
        papers = dict.fromkeys(_LINK.findall(text))
        self.mails.append(Mail(message.recipient, self._clock.now(), int(online[1]), tuple(papers)))


def play(
    folder: Path,
    url: str,
    recorded: RecordedDays,
    readers: Sequence[Plan],
    *,
    start: datetime,
    end: datetime,
    check: Callable[[Played], None],
    extra: str = "",
    on_day: Callable[[date, int], None] = lambda _day, _mails: None,
) -> None:
    """Play from ``start`` to ``end`` (aware) and hand what came of it to ``check``.

    Args:
        folder: for everything but the database.
        url: of an empty, migrated database.
        recorded: what the source answers.
        readers: see :func:`tests.replay.readers.plans`.
        start: the first tick.
        end: of the last tick.
        check: called while the program is still open.
        extra: further keys of the newsletter.
        on_day: told each new day and how many mails arrived so far.
    """
    clock = ManualClock(start)

    def answer(asked: Asked) -> Reply:
        if "date" not in asked.query:
            return Reply(400)
        is_first = asked.query.get("p", "0") == "0"
        page = recorded.answer(date.fromisoformat(asked.query["date"]), at=clock.now()) if is_first else b"[]"
        return Reply(body=page, headers={"Content-Type": "application/json"})

    with serving() as source:
        source.answer("/api/daily_papers", answer)
        settings = CONFIG.format(url=url, source=source.url("/api/daily_papers"), extra=extra)
        (folder / "config.toml").write_text(settings, encoding="utf-8")
        app = App(load(folder / "config.toml", environ={}), clock=clock)
        mailbox = _Mailbox(clock)
        mailbox.start()
        try:
            _Player(app, clock, mailbox, readers).run(end, on_day)
            assert mailbox.breaches == []
            with app.database.read() as session:
                listed = IssueStore(session).latest()[::-1]
            check(Played(app, readers, mailbox.mails, listed, start, end))
        finally:
            mailbox.stop()
            app.close()


class _Player:
    def __init__(self, app: App, clock: ManualClock, mailbox: _Mailbox, readers: Sequence[Plan]) -> None:
        self._app, self._clock, self._mailbox = app, clock, mailbox
        self._to_come = deque(events(readers))
        self._by_address = {plan.address: plan for plan in readers}
        self._choices = {plan.address: plan.choices for plan in readers}
        self._smtp = SmtpConfig(host=mailbox.host, port=mailbox.port, security="none")
        self._read = 0

    def run(self, end: datetime, on_day: Callable[[date, int], None]) -> None:
        """Tick until ``end``."""
        app, clock, today = self._app, self._clock, None
        while clock.now() < end:
            if clock.now().date() != today:
                today = clock.now().date()
                on_day(today, len(self._mailbox.mails))
                app.clear_away()
            while self._to_come and self._to_come[0].at <= clock.now():
                self._happen(self._to_come.popleft())
            app.ticker.fetch_if_due()
            app.ticker.build_due()
            if app.is_mail_due():
                report = asyncio.run(app.sender(self._smtp).run())
                assert not report.problem, report.problem
                self._opine()
            clock.advance(TICK)

    def _happen(self, event: Event) -> None:
        people, plan = self._app.subscribers, event.plan
        if event.kind == "join":
            people.add(plan.address, SLUG, plan.choices, method=ConsentMethod.OPERATOR, wording="told us in person")
        elif event.kind == "pause":
            assert plan.pause is not None
            people.pause(plan.address, SLUG, until=plan.pause[1])
        elif event.kind == "resume":
            people.resume(plan.address, SLUG)
        elif event.kind == "change":
            assert plan.change is not None
            self._choices[plan.address] = replace(self._choices[plan.address], cadence=plan.change[1])
            people.set_choices(plan.address, SLUG, self._choices[plan.address])
        else:
            people.unsubscribe(plan.address, SLUG, method=ConsentMethod.WEB)

    def _opine(self) -> None:
        """Let readers say of what they just got whether they want more or less of it."""
        fresh = [mail for mail in self._mailbox.mails[self._read :] if self._by_address[mail.recipient].taste]
        self._read = len(self._mailbox.mails)
        if not fresh:
            return
        papers = self._papers({paper for mail in fresh for paper in mail.papers})
        for mail in fresh:
            wanted = self._by_address[mail.recipient].taste
            who = self._app.subscribers.find(mail.recipient).id
            with self._app.database.write() as session:
                for number in mail.papers[:4]:
                    paper = papers[number]
                    taste = Taste.MORE if wanted in f"{paper.title} {paper.abstract}".lower() else Taste.LESS
                    OpinionStore(session).say(who, paper.seq, taste, at=self._clock.now())

    def _papers(self, numbers: set[str]) -> dict[str, Paper]:
        with self._app.database.read() as session:
            found = {number: PaperStore(session).get(number) for number in numbers}
        return {number: paper for number, paper in found.items() if paper is not None}


def at(year: int, month: int, day: int, hour: int = 0) -> datetime:
    """An instant in UTC."""
    return datetime(year, month, day, hour, tzinfo=UTC)

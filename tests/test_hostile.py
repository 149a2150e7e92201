"""Hostile text from a source stays text: in the mails of every theme, on the pages, in the preview and in the inbox.

Everything is made twice, of the hostile papers and of their harmless twins, and read by parsers that are not the program's.
What a page or a mail is built of has to be the same both times; only words may differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import cycle
from pathlib import Path
from shutil import copyfile
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

import html5lib
import httpx
import pytest
from playwright.sync_api import Dialog

from newsletter.app import App
from newsletter.clock import ManualClock
from newsletter.digest.model import Digest, DigestEntry, DigestId, Issue, PoolEntry
from newsletter.digest.store import IssueStore
from newsletter.rendering.message.message import FEEDBACK, PREFERENCES, TOKEN_LENGTH, UNSUBSCRIBE, Personal
from subscribers.model import Choices, ConsentMethod
from tests.browser import Chromium, Visit
from tests.flow import HEADERS, build, mails, program, send, served, text_of
from tests.hostile import HOSTILE, TEXTS, mark, words, write_papers

THEMES = ("quiet", "rich", "compact")
#: Papers in a mail: a lead, cards, and lines below them.
SHOWN = 7
#: Papers that lead a mail in the inbox: in these, each has its place.
MAILED = range(0, len(HOSTILE), SHOWN)
#: The digest of the newsletter holds all, so that its page shows every paper as a card.
ALL = '[newsletters.all]\nname = "All Papers"\nlist_id = "all.example.org"\nsize = 60\n'
#: The order is that of the votes, whatever the texts are like.
BY_VOTES = "[trending]\ndiversity = 0\nprior_votes = 1e-9\n"
#: Attributes whose values are words or addresses; those of all others have to be the same.
OPEN_ATTRIBUTES = {"href", "src", "alt", "title", "aria-label", "content", "value"}
ADDRESSES = {"href", "src", "srcset", "action", "formaction", "background", "data", "poster", "cite", "xlink:href", "ping"}
COMMENT = "(comment)"
STUDIO_VIEWS = ("mail", "no-pictures", "no-styles", "word", "text", "aloud", "headers", "source", "checks")
#: What a list of findings is made of, and its attributes; none of it does anything.
STILL = {"class", "scope", "role", "aria-label", "tabindex"}
PROSE = {
    "div",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "ul",
    "ol",
    "li",
    "p",
    "span",
    "code",
    "bdi",
    "b",
    "small",
    "h2",
    "h3",
}
#: Stands for the address of either program, which has a port of its own.
OWN = "http://127.0.0.1"
PERSONAL = Personal(
    "reader@example.org",
    "<sample.1@example.org>",
    datetime(2026, 8, 17, 6, 0, tzinfo=UTC),
    dict.fromkeys((UNSUBSCRIBE, PREFERENCES, FEEDBACK), "t" * TOKEN_LENGTH),
)


def parsed(html: str) -> Element:
    """The document as a browser would build it."""
    document: Element = html5lib.parse(html, namespaceHTMLElements=False)
    return document


def name_of(element: Element) -> str:
    """The tag of an element; a comment has a function for one."""
    return element.tag if isinstance(element.tag, str) else COMMENT


def skeleton(element: Element, depth: int = 0) -> list[tuple[int, str, tuple[tuple[str, str], ...]]]:
    """Every element with its attributes, and every comment and style sheet whole; without words and addresses."""
    if name_of(element) == COMMENT:
        return [(depth, COMMENT, (("text", element.text or ""),))]
    attributes = tuple((name, "" if name in OPEN_ATTRIBUTES else value) for name, value in sorted(element.items()))
    if element.tag in {"style", "script"}:
        attributes += (("text", element.text or ""),)
    below = [line for child in element for line in skeleton(child, depth + 1)]
    return [(depth, element.tag, attributes), *below]


def kinds(element: Element) -> set[tuple[str, frozenset[str]]]:
    """The kinds of element there are, each with the names of its attributes."""
    return {(name_of(each), frozenset(each.keys())) for each in element.iter()}


def read_aloud(element: Element) -> str:
    """The text of a document, without comments and style sheets."""
    if name_of(element) in {COMMENT, "style", "script"}:
        return ""
    return (element.text or "") + "".join(read_aloud(child) + (child.tail or "") for child in element)


def letters(text: str) -> str:
    """What is left of a text however it is wrapped, cut into lines or given direction."""
    return re.sub(r"[\W_]", "", text)


def assert_leads_nowhere_else(document: Element, own: str, what: str) -> None:
    """Every address in a page or mail is our own, of a page of arXiv, or within the page."""
    for element in document.iter():
        for name, value in element.items():
            if name in ADDRESSES:
                parts = urlsplit(value)
                is_ours = value.startswith(f"{own}/") or (not parts.scheme and not parts.netloc)
                assert is_ours or (parts.scheme, parts.netloc) == ("https", "arxiv.org"), (what, value)
            assert not name.startswith("on"), (what, name)


def said_by(number: int) -> str:
    """The letters of paper ``number``'s text, less half characters, which no encoding has."""
    return letters(words(number, hostile=True).encode("utf-8", "ignore").decode())


@dataclass(frozen=True)
class Twin:
    """A program with hostile papers, or with harmless ones, and an issue of them all."""

    app: App
    address: str
    issue: Issue
    pool: list[PoolEntry]

    def page(self, path: str) -> str:
        """A page of it, with its own address taken for that of the other."""
        answer = httpx.get(self.address + path)
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.text.replace(self.address, OWN)


def prepare(app: App, folder: Path, *, hostile: bool) -> tuple[Issue, list[PoolEntry]]:
    """Take the papers in and freeze an issue of all of them."""
    path = folder / "papers.jsonl"
    write_papers(path, app.clock, hostile=hostile)
    outcome = app.fetching.take_file(path)
    assert not outcome.problem, outcome.problem
    issue = build(app, newsletter="all").issue
    assert issue is not None
    with app.database.read() as session:
        pool = IssueStore(session).pool(issue.id)
    assert len(pool) == len(HOSTILE)
    return issue, pool


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[tuple[Twin, Twin]]:
    """The hostile one and the harmless one; nothing that is looked at here depends on the kind of database."""
    with ExitStack() as stack:
        made = []
        for name, hostile in (("hostile", True), ("plain", False)):
            folder = tmp_path_factory.mktemp(name)
            copyfile(sqlite_template, folder / "newsletter.db")
            clock = ManualClock(datetime(2026, 8, 17, 6, 0, tzinfo=UTC))
            url = f"sqlite:///{folder}/newsletter.db"
            app, address = stack.enter_context(served(folder, url, clock, extra=ALL + BY_VOTES, with_studio=True))
            issue, pool = prepare(app, folder, hostile=hostile)
            made.append(Twin(app, address, issue, pool))
        for number in MAILED:
            for twin in made:
                data = mail_of(twin, number, "quiet").as_bytes()
                twin.app.inbox.add(data, mail_from="", rcpt_tos=["reader@example.org"], received_at=twin.app.clock.now())
        yield made[0], made[1]


def mail_of(twin: Twin, number: int, theme: str) -> EmailMessage:
    """The mail that paper ``number`` leads, in a theme."""
    newsletter = twin.app.config.newsletters["papers"]
    newsletter = newsletter.model_copy(update={"look": newsletter.look.model_copy(update={"theme": theme})})
    chosen = [twin.pool[(number + place) % len(twin.pool)].paper.seq for place in range(SHOWN)]
    digest = Digest(DigestId(number + 1), twin.issue.id, tuple(DigestEntry(seq) for seq in chosen))
    data = twin.app.renderer.compose(newsletter, "papers", twin.issue, twin.pool, digest).splice(PERSONAL)
    message = message_from_bytes(data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def assert_alike(twins: tuple[Twin, Twin], path: str) -> Element:
    """Look at a page of both programs, and return the hostile one's."""
    page, plain = (parsed(twin.page(path)) for twin in twins)
    assert skeleton(page) == skeleton(plain), path
    assert_leads_nowhere_else(page, OWN, path)
    return page


def frames(page: Element) -> list[str]:
    """The addresses of what a page shows in frames."""
    return [frame.get("src", "") for frame in page.iter("iframe")]


@pytest.mark.parametrize("theme", THEMES)
def test_a_mail_is_built_of_the_same_whatever_its_papers_say(twins: tuple[Twin, Twin], theme: str) -> None:
    plain = mail_of(twins[1], 0, theme)
    own, other = (twin.address for twin in twins)
    built = skeleton(parsed(text_of(plain, "html").replace("\r\n", "\n").replace(other, own)))
    for number in range(len(HOSTILE)):
        message = mail_of(twins[0], number, theme)
        assert message.keys() == HEADERS, number
        for name in set(HEADERS) - {"Subject", "Content-Type"}:
            assert message[name] == plain[name].replace(other, own), (number, name)
        assert message.defects == []
        assert [(part.get_content_type(), part.keys()) for part in message.walk()] == [
            (part.get_content_type(), part.keys()) for part in plain.walk()
        ]
        html, text = (text_of(message, kind).replace("\r\n", "\n") for kind in ("html", "plain"))
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", text + html)
        document = parsed(html)
        assert skeleton(document) == built, number
        assert_leads_nowhere_else(document, own, f"mail {number}")
        shown, read = letters(read_aloud(document)), letters(text)
        for each in ((number + place) % len(HOSTILE) for place in range(SHOWN)):
            expected = said_by(each) if each < len(TEXTS) else mark(each)
            assert expected in shown, (number, each)
            assert expected in read, (number, each)


@pytest.mark.parametrize("path", ["/issues?newsletter=all", "/issues/all/1", "/ranking", "/?newsletter=all"])
def test_the_public_pages_show_it_as_text(twins: tuple[Twin, Twin], path: str) -> None:
    page = assert_alike(twins, path)
    if path == "/issues/all/1":
        shown = letters(read_aloud(page))
        assert [number for number in range(len(TEXTS)) if said_by(number) not in shown] == []


@pytest.mark.parametrize("view", STUDIO_VIEWS)
def test_the_preview_shows_it_as_text(twins: tuple[Twin, Twin], view: str) -> None:
    page, plain = (parsed(twin.page(f"/preview?newsletter=papers&view={view}")) for twin in twins)
    # What the page says of a mail may well depend on the papers: a list of findings is longer, or a table.
    findings = {kind for kind in kinds(page) if kind[0] in PROSE and kind[1] <= STILL}
    assert kinds(page) - findings <= kinds(plain)
    assert_leads_nowhere_else(page, OWN, "preview")
    for path in frames(page):
        assert mark(0) in read_aloud(assert_alike(twins, path))
    assert frames(page) or mark(0) in read_aloud(page) or view == "checks"


def test_the_inbox_shows_it_as_text(twins: tuple[Twin, Twin]) -> None:
    assert_alike(twins, "/inbox")
    for number in range(1, len(MAILED) + 1):
        for view in ("html", "text", "headers", "source"):
            page = assert_alike(twins, f"/inbox/{number}?view={view}")
            for frame in frames(page):
                assert mark(MAILED[number - 1]) in read_aloud(assert_alike(twins, frame))


def test_the_whole_way_each_reader_gets_one_mail_and_nobody_else_any(
    tmp_path: Path, database_url: str, clock: ManualClock
) -> None:
    with program(tmp_path, database_url, clock, extra=ALL + BY_VOTES) as app:
        app.subscribers.add(
            "reader@example.org", "all", Choices(size=SHOWN), method=ConsentMethod.OPERATOR, wording="told us in person"
        )
        issue, _ = prepare(app, tmp_path, hostile=True)
        assert send(app, issue).sent == 1
        (caught,) = app.inbox.messages()
        assert caught.rcpt_tos == ("reader@example.org",)
        (mail,) = mails(app)
        assert mail.keys() == HEADERS
        assert mail["To"] == "reader@example.org"
        assert [part.get_content_type() for part in mail.walk()] == ["multipart/alternative", "text/plain", "text/html"]
        for number in range(SHOWN):
            assert said_by(number) in letters(text_of(mail))


@pytest.mark.browser
def test_in_a_browser_nothing_of_it_runs_or_leaves(chromium: Chromium, twins: tuple[Twin, Twin], tmp_path: Path) -> None:
    twin, _ = twins
    paths = ["/issues?newsletter=all", "/issues/all/1", "/ranking", "/?newsletter=all", "/inbox"]
    paths += [f"/preview?newsletter=papers&view={view}" for view in STUDIO_VIEWS]
    paths += [f"/inbox/{number}?view=html" for number in range(1, len(MAILED) + 1)]
    paths += [f"/inbox/1?view={view}" for view in ("text", "headers", "source")]
    mail = tmp_path / "mail.html"

    def look(visit: Visit) -> None:
        dialogs: list[str] = []

        def refuse(dialog: Dialog) -> None:
            dialogs.append(dialog.message)
            dialog.dismiss()

        visit.page.on("dialog", refuse)
        for path in paths:
            visit.page.goto(twin.address + path, wait_until="load")
            assert visit.page.title() != "taken", path
        # As a mail program without any of our locks would show it.
        for number, theme in zip(MAILED, cycle(THEMES), strict=False):
            mail.write_text(text_of(mail_of(twin, number, theme), "html"), encoding="utf-8")
            visit.page.goto(mail.as_uri(), wait_until="load")
            assert visit.page.title() != "taken", number
        assert dialogs == []
        assert [url for url in visit.requests_beyond(twin.address) if url != mail.as_uri()] == []
        assert visit.complaints == []

    chromium.visit(look)

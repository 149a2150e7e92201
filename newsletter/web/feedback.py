"""More or less like this: what a reader says of a paper, and what all of it says."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool

from newsletter.rendering.view.views import paper_url, title_of
from newsletter.rendering.words.language import ENGLISH
from newsletter.taste.model import Told
from newsletter.web.forms import read_form
from newsletter.web.model import ListedPaper, WebDeps
from newsletter.web.pages import Pages
from newsletter.web.routes import BAD_BODY, TOKEN, UNKNOWN, Doc, Routes
from subscribers.model import Subscriber, Taste
from subscribers.tokens import TokenPurpose

_TASTES: dict[str, Taste | None] = {"more": Taste.MORE, "less": Taste.LESS, "none": None}
#: Opinions listed on the page of choices.
MOST_LISTED = 100


@dataclass(frozen=True, slots=True)
class SaidLine:
    """An opinion in a list: of which paper (title and address ``""`` if it is unknown), which one, and on what day (UTC)."""

    number: int
    title: str
    url: str
    taste: Taste
    date_label: str


@dataclass(frozen=True, slots=True)
class SaidInWords:
    """What a reader's feedback says: words it wants more and less of, since when, and the newest opinions.

    ``further`` is how many older ones there are besides.
    """

    more: tuple[str, ...]
    less: tuple[str, ...]
    since: str
    lines: tuple[SaidLine, ...]
    further: int


def said_in_words(told: Told) -> SaidInWords:
    """Return what was learned as the page of choices shows it."""
    lines = tuple(
        SaidLine(
            each.paper_seq,
            title_of(each.paper) if each.paper else "",
            paper_url(each.paper) if each.paper else "",
            each.taste,
            ENGLISH.date(each.at),
        )
        for each in told.said[:MOST_LISTED]
    )
    since = ENGLISH.date(told.since) if told.since else ""
    return SaidInWords(told.more, told.less, since, lines, len(told.said) - len(lines))


def paper_number(text: str) -> int | None:
    """Return the ingest number that ``text`` says, None if it says none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None


class Feedback:
    """The page behind the links under each paper: looking at it says nothing, its buttons do."""

    def __init__(self, deps: WebDeps, pages: Pages) -> None:
        self._deps = deps
        self._pages = pages

    def add_to(self, routes: Routes) -> None:
        """Serve the page."""
        paper = {"name": "paper", "in": "query", "required": True, "schema": {"type": "integer", "minimum": 1}}
        like = {"name": "like", "in": "query", "required": False, "schema": {"type": "string", "enum": ["more", "less"]}}
        look = Doc("Asks what the reader says of a paper; changes nothing", {200: "the page", **UNKNOWN}, [TOKEN, paper, like])
        act = Doc(
            "Say more or less like this, or take it back",
            {200: "stored", **UNKNOWN, **BAD_BODY},
            [TOKEN, paper],
            {"like": {"type": "string", "enum": list(_TASTES)}},
        )
        routes.add("/feedback/{token}", get=(self.ask, look), post=(self.act, act))

    def ask(self, request: Request) -> Response:
        """The page with the buttons; the one the mail's link asked for comes first."""
        reader, seq, paper = self._asked(request)
        asked = _TASTES.get(request.query_params.get("like", ""))
        return self._page(paper, self._deps.links.opinion(reader.id, seq), asked=asked)

    async def act(self, request: Request) -> Response:
        """Store what was said."""
        said = (await read_form(request)).one("like")
        if said not in _TASTES:
            raise HTTPException(400)
        return await run_in_threadpool(self._store, request, _TASTES[said])

    def _store(self, request: Request, taste: Taste | None) -> Response:
        reader, seq, paper = self._asked(request)
        self._deps.links.say(reader.id, seq, taste)
        return self._page(paper, taste, asked=taste, was_stored=True)

    def _page(self, paper: ListedPaper, said: Taste | None, *, asked: Taste | None, was_stored: bool = False) -> Response:
        return self._pages.page("feedback.html", {"paper": paper, "said": said, "asked": asked, "was_stored": was_stored})

    def _asked(self, request: Request) -> tuple[Subscriber, int, ListedPaper]:
        holder = self._deps.links.holder_of(request.path_params["token"], TokenPurpose.FEEDBACK)
        number = paper_number(request.query_params.get("paper", ""))
        paper = None if holder is None or number is None else self._deps.paper(number)
        if holder is None or number is None or paper is None:
            raise HTTPException(404)
        return holder.subscriber, number, paper

"""The digests of one issue, put together from pieces that are rendered and encoded once."""

from __future__ import annotations

import binascii
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from newsletter.digest.model import Correction, Digest, DigestEntry
from newsletter.rendering.digests.looks import Looks, Made, mark_of
from newsletter.rendering.errors import MessageRefused, RenderingError
from newsletter.rendering.message.assembly import Frame
from newsletter.rendering.message.enclosed import Enclosure, shown_in
from newsletter.rendering.message.encode import quoted_printable, unstructured
from newsletter.rendering.message.lint import BUDGET_BYTES, Expectation
from newsletter.rendering.message.message import Slots
from newsletter.rendering.message.pieces import PiecedBody, common_piece, own_piece, shared_piece
from newsletter.rendering.template.parts import (
    CARDS,
    CORRECTIONS,
    INTRO,
    LATE,
    LEAD,
    PREHEADER,
    RISING,
    SHAPE,
    SUBJECT,
    Branch,
    IndivisibleError,
    Loop,
    Part,
    Parts,
    Step,
)
from newsletter.rendering.view.detail import DETAILS, Shape, shape_of
from newsletter.rendering.view.views import CorrectionView, DigestView, PaperView, Views, Words

#: Kept in memory for an issue; when there are more, they are made anew. A piece has some kilobytes.
PIECES_KEPT, ROWS_KEPT = 4096, 16_384
#: What is another in many digests; a piece that needs it is stored with each of them.
_OWN = frozenset({PREHEADER, INTRO})
#: What takes the papers of a digest.
_PAPERS = frozenset({LEAD, SHAPE})

#: A piece that all digests of a shape have, or what is filled in from the digest.
Item = Made | Part | Loop
#: The pieces of one paper or correction, for each loop that it stands in.
Row = Mapping[Loop, Sequence[Made]]


class Check(Protocol):
    """Lets the linter look at a body, or at its header only; raises :class:`MessageRefused`."""

    def __call__(self, body: PiecedBody, what: str, *, head_only: bool = False) -> object: ...


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the pieces of a digest depend on: what it says as a whole, by what parts call it, at one level of detail."""

    digest: Digest
    level: int
    shape: Shape
    words: Words
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class _Assembled:
    """A digest put together: its pieces in order, of which ``rows`` are those of its papers, by the field of the view.

    ``has_links``: the links that every message must have stand in its text and in its HTML.
    """

    facts: _Facts
    rows: Mapping[str, Sequence[Row]]
    subject: Made
    made: Sequence[Made]
    body: PiecedBody
    has_links: bool


class Kit:
    """Puts digests of one issue together. Not for use from several threads at once.

    Args:
        views: of the issue, with links that hold placeholders of ``slots``.
        html: the template of the page, in parts.
        text: that of the plain text.
        whole: renders text and HTML of a view with the templates as a whole.
        enclosure: returns a picture by its name, of those that the images of ``views`` show.
        frame: what stands around the words.
        common: what all messages must say but for the subject.
        slots: where tokens go.
        check: the linter.
    """

    def __init__(
        self,
        views: Views,
        html: Parts,
        text: Parts,
        whole: Callable[[DigestView], tuple[str, str]],
        enclosure: Callable[[str], Enclosure | None],
        frame: Frame,
        common: Expectation,
        slots: Slots,
        check: Check,
    ) -> None:
        self._views = views
        self._html, self._text = html, text
        self._whole = whole
        self._enclosure = enclosure
        self._slots = slots
        self._check = check
        self._common = common_piece(common)
        self._links = [name for name, _ in common.links]
        self._top, self._fields = self._of_frame(frame.top), self._of_frame(frame.fields)
        self._page = self._of_frame(frame.page.between), self._of_frame(frame.page.end)
        self._album = self._of_frame(frame.album.between), self._of_frame(frame.album.end)
        self._before_picture = frame.album.before_picture
        self._line_end = self._of_frame("\r\n")
        self._enclosed: dict[str, Made] = {}
        self._skeletons: dict[Shape, tuple[Sequence[Item], Sequence[Item]]] = {}
        self._pieces: dict[tuple[object, ...], Made] = {}
        self._rows: dict[tuple[object, ...], Row] = {}
        self._looks = Looks()
        self._shapes_seen: set[Shape] = set()
        self._any_view: DigestView | None = None

    def compose(self, digests: Sequence[Digest]) -> list[PiecedBody | RenderingError | ValueError]:
        """Compose bodies, in the order of ``digests``; an error stands in the place of the one it is about.

        Each of their pieces was seen by the linter in a whole message.

        Raises:
            IndivisibleError: put together, digests do not say what the templates say of them.
        """
        assembled = [self._tried(digest) for digest in digests]
        waiting = [each for each in assembled if isinstance(each, _Assembled) and self._looks.unseen(each.made)]
        return [self._looked_at(each, waiting) if isinstance(each, _Assembled) else each for each in assembled]

    def _tried(self, digest: Digest) -> _Assembled | RenderingError | ValueError:
        try:
            return self._assemble(digest)
        except (RenderingError, ValueError) as error:
            return error

    def _assemble(self, digest: Digest) -> _Assembled:
        """Put a digest together with as much detail as fits the byte budget; with the least if nothing fits."""
        for level, detail in enumerate(DETAILS):
            words = self._views.words(digest, detail)
            sections = self._views.sections(digest)
            shape = shape_of(sections, detail)
            lead, *others = sections.top
            cards, lines = others[: shape.cards], others[shape.cards : shape.cards + shape.rising]
            late, corrections = sections.late[: shape.late], sections.corrections[: shape.corrections]
            facts = _Facts(
                digest,
                level,
                shape,
                words,
                {
                    SUBJECT: words.subject,
                    PREHEADER: words.preheader,
                    INTRO: words.intro,
                    LEAD: (level, lead.paper_seq, lead.match),
                    SHAPE: shape,
                },
            )
            rows = {
                CARDS: [self._row(CARDS, facts, place, entry) for place, entry in enumerate(cards, 2)],
                RISING: [self._row(RISING, facts, place, entry) for place, entry in enumerate(lines, 2 + shape.cards)],
                LATE: [self._row(LATE, facts, place, entry) for place, entry in enumerate(late, 1 + len(sections.top))],
                CORRECTIONS: [self._row(CORRECTIONS, facts, 0, correction) for correction in corrections],
            }
            is_new = shape not in self._skeletons
            text, html = self._filled(facts, rows)
            if is_new:
                self._compare(facts, text, html)
            html_bytes = sum([made.size for made in html])
            if html_bytes <= BUDGET_BYTES:
                break
        subject = self._subject(words.subject)
        made = self._message(subject, text, html)
        has_links = all(any(name in one.piece.names for one in side) for name in self._links for side in (text, html))
        return _Assembled(facts, rows, subject, made, self._body(words.subject, html_bytes, made), has_links)

    def _filled(self, facts: _Facts, rows: Mapping[str, Sequence[Row]]) -> tuple[list[Made], list[Made]]:
        """Return the pieces of text and HTML."""
        filled: list[list[Made]] = []
        for template, items in self._sides(facts):
            made: list[Made] = []
            for item in items:
                if isinstance(item, Made):
                    made.append(item)
                elif isinstance(item, Part):
                    made.append(self._of_digest(template, item, facts))
                else:
                    for row in rows[item.over]:
                        made += row[item]
            filled.append(made)
        text, html = filled
        return text, html

    def _skeleton_of(self, facts: _Facts) -> tuple[Sequence[Item], Sequence[Item]]:
        """Return what text and HTML of digests of a shape are made of."""
        skeleton = self._skeletons.get(facts.shape)
        if skeleton is None:
            skeleton = self._skeletons[facts.shape] = self._skeleton(self._text, facts), self._skeleton(self._html, facts)
        return skeleton

    def _message(self, subject: Made, text: Sequence[Made], html: Sequence[Made]) -> list[Made]:
        pictures = self._pictures_of(html)
        between, end = self._album if pictures else self._page
        page = [between, *html, *self._ended(html), *pictures, end]
        return [self._top, subject, self._fields, *text, *self._ended(text), *page]

    def _ended(self, made: Sequence[Made]) -> list[Made]:
        """Return what ends the last line of ``made``, before a boundary, if it goes on."""
        return [self._line_end] if _is_open(made) else []

    def _pictures_of(self, html: Sequence[Made]) -> list[Made]:
        """Return the pictures that a page shows, each once, in order; one that is not there is for the linter to find."""
        shown = dict.fromkeys([name for made in html if made.shows for name in made.shows])
        return [made for made in map(self._picture, shown) if made is not None]

    def _picture(self, name: str) -> Made | None:
        made = self._enclosed.get(name)
        if made is None and (enclosure := self._enclosure(name)) is not None:
            content = f"{self._before_picture}{enclosure.encoded()}".encode("ascii")
            # The linter sees it with the first piece that shows it; the name in that is of its content.
            made = self._enclosed[name] = Made(shared_piece(content), 0, b"", is_seen=True)
        return made

    def _body(self, subject: str, html_bytes: int, made: Iterable[Made]) -> PiecedBody:
        return PiecedBody(html_bytes, subject, self._common, tuple([each.piece for each in made]))

    def _skeleton(self, template: Parts, facts: _Facts) -> list[Item]:
        """Return what all digests of a shape have in common, and where the rest goes."""
        view = self._view(facts)
        items: list[Item] = []
        same: list[Part] = []
        for step in [*_steps(template.steps, lambda test: bool(template.render(test, view, {}))), None]:
            if isinstance(step, Part) and set(step.needs) <= {SHAPE}:
                same.append(step)
                continue
            if same:
                text = "".join(template.render(part, view, {}) for part in same)
                items.append(self._made(template, same, text))
                same = []
            if step is not None:
                items.append(step)
        return items

    def _of_digest(self, template: Parts, part: Part, facts: _Facts) -> Made:
        key = (part, *[facts.values[need] for need in part.needs])
        made = self._pieces.get(key)
        if made is None:
            view = self._view(facts) if not _PAPERS.isdisjoint(part.needs) else self._worded(facts)
            text = template.render(part, view, {})
            made = self._kept(key, self._made(template, [part], text, is_own=not _OWN.isdisjoint(part.needs)))
        return made

    def _row(self, over: str, facts: _Facts, place: int, entry: DigestEntry | Correction) -> Row:
        key = over, facts.level, place, *_key_of(entry)
        row = self._rows.get(key)
        if row is None:
            if len(self._rows) >= ROWS_KEPT:
                self._rows.clear()
            row = self._rows[key] = {
                loop: [self._of_paper(template, loop, part, facts, place, entry) for part in loop.parts]
                for template in (self._text, self._html)
                for loop in template.loops
                if loop.over == over
            }
        return row

    def _of_paper(
        self, template: Parts, loop: Loop, part: Part, facts: _Facts, place: int, entry: DigestEntry | Correction
    ) -> Made:
        key: tuple[object, ...] = (part,)
        if part.is_of_paper:
            key += facts.level, *_key_of(entry)
        if part.is_of_place:
            key += (place,)
        made = self._pieces.get(key)
        if made is None:
            detail = DETAILS[facts.level]
            shown: PaperView | CorrectionView
            if isinstance(entry, Correction):
                shown = self._views.correction(entry, detail)
            else:
                shown = self._views.paper(place, entry, detail, is_late=loop.over == LATE)
            text = template.render(part, self._worded(facts), {loop.target: shown})
            made = self._kept(key, self._made(template, [part], text))
        return made

    def _kept(self, key: tuple[object, ...], made: Made) -> Made:
        if len(self._pieces) >= PIECES_KEPT:
            self._pieces.clear()
        self._pieces[key] = made
        return made

    def _made(self, template: Parts, parts: Sequence[Part], text: str, *, is_own: bool = False) -> Made:
        if "\r" in text:
            raise IndivisibleError("holds a carriage return")
        encoded = quoted_printable(text, unbroken=self._slots.placeholders, goes_on=True)
        content = self._slots.mark(encoded).encode("ascii")
        place = " ".join([str(template.is_html), *(part.name for part in parts)])
        piece = own_piece(content) if is_own else shared_piece(content)
        shows = shown_in(text) if template.is_html else ()
        return Made(piece, len(encoded), mark_of(place, text, is_html=template.is_html), shows=shows)

    def _of_frame(self, lines: str) -> Made:
        return Made(shared_piece(self._slots.mark(lines).encode("ascii")), 0, mark_of(lines, "", is_html=False))

    def _subject(self, subject: str) -> Made:
        key = (SUBJECT, subject)
        made = self._pieces.get(key)
        if made is None:
            field = unstructured("Subject", subject)
            made = self._kept(key, Made(shared_piece(field.encode("ascii")), 0, mark_of(field, "", is_html=False)))
        return made

    def _view(self, facts: _Facts) -> DigestView:
        return self._views.view(facts.digest, DETAILS[facts.level])

    def _worded(self, facts: _Facts) -> DigestView:
        """Return a view for parts that ask for no papers: they are those of any digest."""
        if self._any_view is None:
            self._any_view = self._view(facts)
        words = facts.words
        return replace(self._any_view, subject=words.subject, preheader=words.preheader, intro=words.intro)

    def _compare(self, facts: _Facts, text: Sequence[Made], html: Sequence[Made]) -> None:
        """Make sure that text and HTML, put together, are what the templates as a whole give."""
        for made, whole in zip((text, html), self._whole(self._view(facts)), strict=True):
            together = binascii.a2b_qp(b"".join([each.piece.content for each in made])).replace(b"\r\n", b"\n")
            if together != self._slots.mark(whole).encode():
                raise IndivisibleError("put together, says something else than rendered as a whole")

    def _looked_at(self, each: _Assembled, waiting: list[_Assembled]) -> PiecedBody | MessageRefused:
        """Return the body of a digest, once the linter has seen all of its pieces and its size."""
        what = f"issue {each.facts.digest.issue_id}, digest {each.facts.digest.id}"
        unseen = self._looks.unseen(each.made)
        try:
            if each.body.html_bytes > BUDGET_BYTES or not each.has_links or each.facts.shape not in self._shapes_seen:
                # What the linter says of a whole, pieces cannot vouch for: its size, its links, what a shape leaves out.
                self._check(each.body, what)
                self._looks.saw(each.made)
                self._shapes_seen.add(each.facts.shape)
            elif unseen == [each.subject]:
                self._check(each.body, what, head_only=True)
                self._looks.saw(unseen)
            elif unseen:
                self._show(each, waiting, what)
        except MessageRefused as error:
            return error
        return each.body

    def _show(self, each: _Assembled, waiting: list[_Assembled], what: str) -> None:
        """Show the linter a digest with only those papers that it has not seen, and where there is room, those of others."""
        shown = {id(made) for made in self._looks.unseen(each.made)}
        room = BUDGET_BYTES - each.body.html_bytes
        company = [each]
        waiting[:] = [other for other in waiting if self._looks.unseen(other.made)]
        for other in waiting:
            more = {id(made): made.size for made in self._looks.unseen(other.made) if id(made) not in shown}
            if more and other.facts.shape == each.facts.shape and sum(more.values()) <= room:
                room -= sum(more.values())
                shown |= more.keys()
                company.append(other)
        text, html = (list(dict.fromkeys(self._together(company, *side, shown))) for side in self._sides(each.facts))
        made = self._message(each.subject, text, html)
        try:
            self._check(self._body(each.facts.words.subject, sum(one.size for one in html), made), what)
        except MessageRefused:
            # It may be that the fault is another's: then each has to show itself alone.
            waiting.clear()
            self._check(each.body, what)
            made = list(each.made)
        self._looks.saw(made)

    def _sides(self, facts: _Facts) -> Iterable[tuple[Parts, Sequence[Item]]]:
        return zip((self._text, self._html), self._skeleton_of(facts), strict=True)

    def _together(
        self, company: Sequence[_Assembled], template: Parts, items: Sequence[Item], shown: Container[int]
    ) -> Iterator[Made]:
        """Yield the pieces of the first digest of a company without its rows, and of all of them what is to be shown."""
        for item in items:
            if isinstance(item, Made):
                yield item
            elif isinstance(item, Part):
                yield self._of_digest(template, item, company[0].facts)
                yield from (
                    made for made in (self._of_digest(template, item, one.facts) for one in company) if id(made) in shown
                )
            else:
                rows = [row[item] for one in company for row in one.rows[item.over]]
                yield from (made for row in rows if any(id(made) in shown for made in row) for made in row)


def _steps(steps: Iterable[Step], holds: Callable[[Part], bool]) -> Iterator[Part | Loop]:
    for step in steps:
        if isinstance(step, Branch):
            yield from _steps(step.yes if holds(step.test) else step.no, holds)
        else:
            yield step


def _key_of(entry: DigestEntry | Correction) -> tuple[object, ...]:
    """Return what tells apart what stands in one row; rows of papers and of corrections have no parts in common."""
    return (entry.position,) if isinstance(entry, Correction) else (entry.paper_seq, entry.match)


def _is_open(made: Sequence[Made]) -> bool:
    """Whether the last line of ``made`` goes on."""
    return next((each.piece.content for each in reversed(made) if each.piece.content), b"").endswith(b"=\r\n")

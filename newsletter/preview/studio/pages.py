"""The studio's pages: a mail as each reader would see it, and everything that is known about it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Protocol
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, HTTPException, Response
from fastapi.responses import JSONResponse, StreamingResponse

from newsletter.errors import NewsletterError
from newsletter.preview.checks.spoken import reading_order
from newsletter.preview.frames import MEASURED, Scheme, mail_frame
from newsletter.preview.here import PageWriter, one_of, only_from_these_pages, only_on_this_machine
from newsletter.preview.inbox.reading import printable, read_message
from newsletter.preview.linked import with_images
from newsletter.preview.studio.difference import difference
from newsletter.preview.studio.looking import Looking, Variant
from newsletter.preview.studio.personas import PERSONAS
from newsletter.preview.studio.service import MAIL_KINDS, Shown, UnknownChoiceError, Wanted
from newsletter.preview.studio.watching import Watch
from newsletter.preview.studio.worst_cases import WORST_CASES
from newsletter.rendering.errors import TemplateError
from newsletter.rendering.message.lint import BUDGET_BYTES, CLIP_BYTES
from newsletter.rendering.message.sample import SampleMessage

log = logging.getLogger(__name__)

#: What the page shows of a mail, and what that is called.
VIEWS: Mapping[str, str] = {
    "mail": "Mail",
    "no-pictures": "Pictures off",
    "no-styles": "Gmail, no styles",
    "word": "Outlook (Word)",
    "text": "Text",
    "aloud": "Read aloud",
    "headers": "Headers",
    "source": "Source",
    "checks": "Checks",
    "compare": "Last issue",
}
_FRAMED: Mapping[str, Variant] = {
    "mail": Variant.WHOLE,
    "no-pictures": Variant.NO_PICTURES,
    "no-styles": Variant.NO_STYLES,
    "word": Variant.WORD,
}
#: Which frames stand side by side: width and colours of each.
LAYOUTS: Mapping[str, tuple[tuple[str, Scheme], ...]] = {
    "light": (("phone", "light"), ("desktop", "light")),
    "dark": (("phone", "dark"), ("desktop", "dark")),
    "all": (("phone", "light"), ("phone", "dark"), ("desktop", "light"), ("desktop", "dark")),
}
_SOURCE_BYTES = 500_000
#: The page listens for changes, which the policy of other pages does not let it.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; frame-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class Outside(Protocol):
    """What the studio does beyond this process, each only when its button is pressed."""

    async def send(self, wanted: Wanted, address: str) -> str:
        """Send a sample to one address; return what to say of it.

        Raises:
            NewsletterError: it was not sent.
        """
        ...

    async def fetch_abilities(self) -> str:
        """Fetch caniemail's table; return what to say of it.

        Raises:
            NewsletterError: it could not be had.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request asks for: a mail, and how to show it."""

    wanted: Wanted
    view: str
    layout: str

    @property
    def query(self) -> dict[str, str]:
        """The same as fields of a query."""
        wanted = self.wanted
        fields = {
            "newsletter": wanted.newsletter,
            "reader": wanted.reader,
            "date": wanted.day.isoformat() if wanted.day else "",
            "kind": wanted.kind,
            "case": wanted.case,
            "theme": wanted.theme,
            "language": wanted.language,
            "view": self.view,
            "layout": self.layout,
        }
        return {name: value for name, value in fields.items() if value}

    def link(self, **changes: str) -> str:
        """Return the query of the same with other fields; ``""`` leaves a field out."""
        fields = {**self.query, **changes}
        return "?" + urlencode({name: value for name, value in fields.items() if value})


def _asked(
    newsletter: str = "",
    reader: str = "",
    date: str = "",
    kind: str = "",
    case: str = "",
    theme: str = "",
    language: str = "",
    view: str = "",
    layout: str = "",
) -> _Asked:
    wanted = Wanted(newsletter, reader or PERSONAS[0].key, _day(date), kind or MAIL_KINDS[0], case, theme, language)
    return _Asked(wanted, one_of(tuple(VIEWS), view), one_of(tuple(LAYOUTS), layout))


Asked = Annotated[_Asked, Depends(_asked)]


def studio_pages(looking: Looking, watch: Watch, outside: Outside, writer: PageWriter) -> APIRouter:
    """Return the routes of the studio: ``/preview`` and what lies below it."""
    router = APIRouter(prefix="/preview", include_in_schema=False, dependencies=[Depends(only_on_this_machine)])

    @router.api_route("", methods=["GET", "HEAD"])
    def show(asked: Asked) -> Response:
        return _page(looking, writer, asked)

    @router.api_route("/mail", methods=["GET", "HEAD"])
    def show_mail(asked: Asked, scheme: str = "auto") -> Response:
        sample = _sample(looking, asked.wanted)
        html = looking.html(sample, _FRAMED.get(asked.view, Variant.WHOLE))
        shown = with_images(html, looking.images(sample).items())
        return mail_frame(shown, scheme=one_of(("auto", "light", "dark"), scheme), sandbox=MEASURED)

    @router.api_route("/raw", methods=["GET", "HEAD"])
    def show_raw(asked: Asked) -> Response:
        data = _sample(looking, asked.wanted).data
        headers = {"Content-Disposition": 'attachment; filename="sample.eml"'}
        return Response(data, media_type="message/rfc822", headers=headers)

    @router.api_route("/state", methods=["GET", "HEAD"])
    def state(asked: Asked) -> Response:
        shown, problem = _tried(looking, asked.wanted)
        return JSONResponse({"mark": _mark(shown), "problem": problem})

    @router.get("/events")
    async def events() -> Response:
        return StreamingResponse(_events(watch), media_type="text/event-stream")

    @router.post("/send", dependencies=[Depends(only_from_these_pages)])
    async def send(asked: Asked, address: Annotated[str, Form(max_length=320)] = "") -> Response:
        return await _done(looking, writer, asked, lambda: outside.send(asked.wanted, address))

    @router.post("/abilities", dependencies=[Depends(only_from_these_pages)])
    async def abilities(asked: Asked) -> Response:
        return await _done(looking, writer, asked, outside.fetch_abilities)

    return router


async def _done(looking: Looking, writer: PageWriter, asked: _Asked, act: Callable[[], Awaitable[str]]) -> Response:
    try:
        said, failed = await act(), False
    except UnknownChoiceError as error:
        raise HTTPException(404) from error
    except NewsletterError as error:
        said, failed = str(error), True
    return await asyncio.to_thread(_page, looking, writer, asked, said=said, failed=failed)


async def _events(watch: Watch) -> AsyncIterator[str]:
    """Yield server-sent events (HTML standard, section 9.2): ``changed``, or a comment where nothing happened."""
    async for generation in watch.changes():
        yield ": quiet\n\n" if generation is None else f"event: changed\ndata: {generation}\n\n"


def _mark(shown: Shown | None) -> str:
    """Return what tells one picture from the next; ``""``: there is none."""
    if shown is None:
        return ""
    return hashlib.sha256(shown.sample.data).hexdigest()[:16] if shown.sample else "nothing"


def _tried(looking: Looking, wanted: Wanted) -> tuple[Shown | None, str]:
    """Return a mail, or why there is none: all that is wrong, with the lines of templates that are to blame."""
    try:
        return looking.show(wanted), ""
    except UnknownChoiceError as error:
        raise HTTPException(404) from error
    except TemplateError as error:
        return None, "\n".join(_with_its_line(looking, wanted, each) for each in (error, *error.further))
    except NewsletterError as error:
        log.warning("preview.failed error=%s", type(error).__name__)
        return None, str(error)


def _with_its_line(looking: Looking, wanted: Wanted, error: TemplateError) -> str:
    try:
        lines = looking.studio.sources(wanted, [error.template])[error.template].splitlines()
    except (NewsletterError, UnknownChoiceError):
        lines = []
    if error.line is None or not 0 < error.line <= len(lines):
        return str(error)
    return f"{error}\n  {error.line} | {lines[error.line - 1].strip()}"


def _sample(looking: Looking, wanted: Wanted) -> SampleMessage:
    shown, problem = _tried(looking, wanted)
    if problem:
        # Where a picture is replaced, the last good one stays.
        raise HTTPException(409)
    if shown is None or shown.sample is None:
        raise HTTPException(404)
    return shown.sample


def _page(looking: Looking, writer: PageWriter, asked: _Asked, *, said: str = "", failed: bool = False) -> Response:
    shown, problem = _tried(looking, asked.wanted)
    values = {
        "asked": asked,
        "views": VIEWS,
        "layouts": tuple(LAYOUTS),
        "frames": _frames(asked),
        "shown": shown,
        "mark": _mark(shown),
        "problem": problem,
        "said": said,
        "failed": failed,
        "personas": PERSONAS,
        "cases": WORST_CASES,
        "kinds": MAIL_KINDS,
        "sandbox": MEASURED,
        "clip_bytes": CLIP_BYTES,
        "goal_bytes": BUDGET_BYTES,
        **_choices(looking, asked),
        **_details(looking, asked, shown),
    }
    response = writer.page("preview.html", values, status=500 if problem else 200)
    response.headers["Content-Security-Policy"] = _POLICY
    # Where no page may be named as the one before, browsers name no Origin with a form either (Fetch standard, section 3.2).
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def _frames(asked: _Asked) -> Sequence[tuple[str, Scheme]]:
    if asked.view == "word":
        # It is on no phone, and turns colours around by itself.
        return (("desktop", "light"),)
    return LAYOUTS[asked.layout] if asked.view in _FRAMED else ()


def _choices(looking: Looking, asked: _Asked) -> dict[str, object]:
    try:
        studio = looking.studio
        slug, newsletter = studio.newsletter(replace(asked.wanted, theme="", language=""))
    except NewsletterError:
        return {"newsletters": (), "readers": (), "themes": (), "languages": (), "own": ("", "", "")}
    own = (slug, newsletter.look.theme, newsletter.language)
    return {
        "newsletters": studio.newsletters,
        "readers": studio.readers(slug),
        "themes": studio.themes(),
        "languages": studio.languages(),
        "own": own,
    }


def _details(looking: Looking, asked: _Asked, shown: Shown | None) -> dict[str, object]:
    """Return what only one view shows."""
    if shown is None or shown.sample is None:
        return {}
    sample = shown.sample
    match asked.view:
        case "aloud":
            return {"spoken": reading_order(sample.html)}
        case "headers":
            return {"headers": read_message(sample.data).headers}
        case "source":
            source = printable(sample.data[:_SOURCE_BYTES].decode("utf-8", "replace"))
            return {"source": source, "source_is_cut": len(sample.data) > _SOURCE_BYTES}
        case "checks":
            return {"report": looking.report(asked.wanted, sample), "table_file": looking.table_file.name}
        case "compare":
            before = looking.studio.last(asked.wanted)
            return {"difference": None if before is None else difference(before, shown)}
        case _:
            return {}


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise HTTPException(404) from error

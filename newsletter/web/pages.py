"""Pages out of the templates in ``templates/web``, and the files that go with them."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

import jinja2
from fastapi import Request, Response

from newsletter.rendering.errors import TemplateError
from newsletter.rendering.template.folder import TemplateFolder, make_environment
from newsletter.web.model import Masthead

_STATIC_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
_STATIC_NAME = re.compile(r"[a-z0-9-]{1,60}\.([a-z]{2,5})")
_ERROR_WORDS = {
    400: ("That did not work", "The request was not one this page understands. Go back and use the button on the page."),
    404: (
        "Nothing here",
        "There is no such page. If a link in a mail brought you here, it may have lost its end on the way: copy it whole.",
    ),
    405: ("Not like this", "This page cannot be used in that way."),
    413: ("Too much", "The request was larger than this page takes."),
    415: ("Not in this form", "Send the fields as a form (urlencoded or multipart) or, to sign up, as JSON."),
    500: ("Our mistake", "Something went wrong on our side and was written to the log. Try again in a few minutes."),
    503: ("Just a moment", "There is a crowd at the door, and nothing was taken in. Try again in a minute."),
}
#: Seconds for which templates, and pages that depend on nothing else, are used without another look at their files.
_LOOK_EVERY = 1.0


class Pages:
    """Makes pages. Templates are read from ``folder``, and again a second after they change.

    Args:
        folder: where ``web/*.html`` and ``web/static/*`` are.
        base_url: how readers reach the pages. Links use only its path; what a request claims in Host is never looked at.
        masthead: name and tagline on every page.
    """

    def __init__(self, folder: TemplateFolder, *, base_url: str, masthead: Masthead) -> None:
        self._folder = folder
        self._environment = make_environment(_Unhurried(folder.jinja_loader()))
        self._environment.globals.update(root=urlsplit(base_url).path.rstrip("/"), masthead=masthead)
        self._environment.filters["bytes"] = size_in_words
        self._environment.filters["instant"] = instant_in_words
        self._environment.tests["web_address"] = is_web_address
        self._fixed: dict[tuple[str, Masthead | None], tuple[bytes, float]] = {}

    def page(
        self, template: str, values: Mapping[str, object], *, status: int = 200, masthead: Masthead | None = None
    ) -> Response:
        """Return the page of ``templates/web/<template>``.

        Args:
            template: its name.
            values: what it shows.
            status: of the answer.
            masthead: of the newsletter the page is about; None for the one of all pages.

        Raises:
            jinja2.TemplateError: the template is missing or broken.
        """
        return _html(self._render(template, values, masthead), status)

    def fixed(self, template: str, *, masthead: Masthead | None = None) -> Response:
        """Return a page that shows the same to everybody; it is made once a second at most, however often it is asked for."""
        now = time.monotonic()
        content, made_at = self._fixed.get((template, masthead), (b"", -_LOOK_EVERY))
        if now - made_at >= _LOOK_EVERY:
            content = self._render(template, {}, masthead)
            self._fixed[template, masthead] = (content, now)
        return _html(content, 200)

    def error(self, status: int) -> Response:
        """Return the page for an HTTP error."""
        title, words = _ERROR_WORDS.get(status, ("That did not work", "The request could not be answered."))
        return self.page("error.html", {"status": status, "title": title, "words": words}, status=status)

    def static(self, request: Request, name: str) -> Response | None:
        """Return a file of ``web/static``, or 304 where the browser has it already; None if there is no such file."""
        match = _STATIC_NAME.fullmatch(name)
        media_type = _STATIC_TYPES.get(match[1]) if match else None
        if media_type is None:
            return None
        try:
            content = self._folder.read(f"web/static/{name}").encode()
        except TemplateError:
            return None
        tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache"}  # asked again each time, answered in a few bytes
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=media_type, headers=headers)

    def _render(self, template: str, values: Mapping[str, object], masthead: Masthead | None) -> bytes:
        own = {} if masthead is None else {"masthead": masthead}
        text = self._environment.get_template(f"web/{template}").render({**own, **values})
        # Text from outside may hold lone surrogates, which no encoding takes.
        return text.encode("utf-8", "replace")


class _Unhurried(jinja2.BaseLoader):
    """A loader that looks for a newer file once in a while and not at each use, which costs more than a small page."""

    def __init__(self, loader: jinja2.BaseLoader) -> None:
        self._loader = loader

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        source, path, is_unchanged = self._loader.get_source(environment, template)
        looked_at = time.monotonic()

        def is_fresh() -> bool:
            nonlocal looked_at
            now = time.monotonic()
            if now - looked_at < _LOOK_EVERY:
                return True
            looked_at = now
            return is_unchanged is None or is_unchanged()

        return source, path, is_fresh


def _html(content: bytes, status: int) -> Response:
    return Response(content, status, media_type="text/html; charset=utf-8")


def is_web_address(text: str) -> bool:
    """Whether ``text`` may stand in a link: absolute http or https."""
    return re.match(r"https?://[^\s/]", text) is not None


def instant_in_words(instant: datetime) -> str:
    """Return an instant as people say it, in UTC: ``21 Aug 2026, 06:00 UTC``."""
    utc = instant.astimezone(UTC)
    return f"{utc.day} {utc:%b %Y, %H:%M} UTC"


def size_in_words(count: int) -> str:
    """Return a size in bytes as people say it: ``824 bytes``, ``31.4 kB``, ``2.0 MB``."""
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"

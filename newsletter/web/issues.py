"""What mails lead to besides a reader's own choices: past issues, each issue in full, and how the ranking works."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from fastapi import HTTPException, Request, Response

from newsletter.config import NewsletterConfig, TrendingConfig
from newsletter.digest.selection import COMMON_SHARE, INTEREST_SHARE
from newsletter.rendering.words.language import ENGLISH
from newsletter.trending.arithmetic import points, said
from newsletter.trending.model import ReceiptPart
from newsletter.web.model import Masthead, WebDeps
from newsletter.web.pages import Pages
from newsletter.web.routes import UNKNOWN, Doc, Routes

#: Seconds for which browsers and caches may show a page without asking: an issue that is cancelled is gone that soon.
_KEPT = 300
#: The largest number that a column holds has ten digits.
_DIGITS = 9


class Issues:
    """Pages that show the same to everybody: nothing in them comes from a token, a cookie or a reader."""

    def __init__(self, deps: WebDeps, pages: Pages) -> None:
        self._deps = deps
        self._pages = pages

    def add_to(self, routes: Routes) -> None:
        """Serve the pages."""
        number = {"type": "integer", "minimum": 1}
        whose = {"name": "newsletter", "in": "query", "required": False, "schema": {"type": "string"}}
        before = {"name": "before", "in": "query", "required": False, "schema": number}
        after = {"name": "after", "in": "query", "required": False, "schema": number}
        parts = [
            {"name": "newsletter", "in": "path", "required": True, "schema": {"type": "string"}},
            {"name": "number", "in": "path", "required": True, "schema": number},
        ]
        answers = {200: "the page", 304: "the one the client has is still right", **UNKNOWN}
        routes.add("/issues", get=(self.all, Doc("Past issues, newest first", answers, [whose, before])))
        routes.add("/issues/{newsletter}/{number}", get=(self.one, Doc("One issue in full", answers, [*parts, after])))
        routes.add("/ranking", get=(self.ranking, Doc("How the ranking works", {200: "the page", 304: answers[304]})))

    def all(self, request: Request) -> Response:
        """The list of a newsletter's issues."""
        slug, newsletter = self._newsletter(request.query_params.get("newsletter"))
        before = _number(request.query_params.get("before"))
        values = {
            "slug": slug,
            "newsletters": self._deps.newsletters,
            "list": self._deps.archive.issues(slug, before=before),
            "is_first_page": before is None,
            "canonical": self._canonical(f"/issues?newsletter={slug}"),
        }
        return self._page(request, "issues.html", values, newsletter)

    def one(self, request: Request) -> Response:
        """One issue."""
        slug, newsletter = self._newsletter(request.path_params["newsletter"])
        number, after = _number(request.path_params["number"]), _number(request.query_params.get("after")) or 0
        issue = None if number is None else self._deps.archive.issue(slug, number, after=after)
        if issue is None:
            raise HTTPException(404)
        values = {"issue": issue, "first": after + 1, "canonical": self._canonical(f"/issues/{slug}/{number}")}
        return self._page(request, "issue.html", values, newsletter)

    def ranking(self, request: Request) -> Response:
        """How the ranking works, with this installation's weights."""
        trending, newsletters = self._deps.trending, self._deps.newsletters
        fresh_for = ENGLISH.lasting(trending.fresh_for)
        example = self._deps.archive.example(next(iter(newsletters)))
        values = {
            "trending": trending,
            "addends": _addends(trending, fresh_for),
            "half_life": ENGLISH.lasting(trending.half_life),
            "fresh_for": fresh_for,
            "faded": _faded(trending, (0.5, 2)),
            "newsletters": newsletters,
            "interest_percent": round(100 * INTEREST_SHARE),
            "common_percent": round(100 * COMMON_SHARE),
            "example": example,
            "sums": [(one, _worked_out(one)) for one in example.receipt.parts] if example else [],
            "canonical": self._canonical("/ranking"),
        }
        return self._page(request, "ranking.html", values)

    def _newsletter(self, slug: str | None) -> tuple[str, NewsletterConfig]:
        newsletters = self._deps.newsletters
        slug = next(iter(newsletters)) if slug is None else slug
        if slug not in newsletters:
            raise HTTPException(404)
        return slug, newsletters[slug]

    def _canonical(self, path: str) -> str:
        return f"{self._deps.base_url}{path}"

    def _page(
        self, request: Request, template: str, values: Mapping[str, object], newsletter: NewsletterConfig | None = None
    ) -> Response:
        """Return the page; 304 where the browser or a cache has it already."""
        response = self._pages.page(template, values, masthead=None if newsletter is None else Masthead.of(newsletter))
        tag = f'"{hashlib.sha256(response.body).hexdigest()[:16]}"'
        headers = {"ETag": tag, "Cache-Control": f"public, max-age={_KEPT}"}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        response.headers.update(headers)
        return response


def _addends(trending: TrendingConfig, fresh_for: str) -> list[tuple[str, float, str]]:
    """Return the lines of the formula: sign, weight, and what it is times."""
    return [
        ("+", trending.forecast_weight, "log₂(1 + votes on course for)"),
        ("or", trending.prior_weight, "log₂(1 + votes expected)"),
        ("+", trending.velocity_weight, "log₂(1 + votes of late)"),
        ("+", trending.attention_weight, "log₂(1 + votes)"),
        ("+", trending.discussion_weight, "log₂(1 + comments)"),
        ("+", trending.stars_weight, "log₂(1 + stars of late)"),
        ("+", trending.agreement_weight, "log₂(1 + further sources)"),
        ("\u2212", trending.freshness_weight, f"log₂(1 + (age \u00f7 {fresh_for})³)"),
        ("\u2212", trending.diversity, "what better papers told"),
    ]


def _faded(trending: TrendingConfig, shares: Sequence[float]) -> list[float]:
    """Return the points that papers lose whose ages are these shares of ``fresh_for``."""
    same = [1.0] * len(shares)
    worth = points("freshness", {"weight": [trending.freshness_weight] * len(shares), "hours": shares, "fresh_hours": same})
    return [-lost for lost in worth]


def _worked_out(one: ReceiptPart) -> str:
    """Return the arithmetic of a part with the signs that pages have and command lines lack."""
    words = said(one)
    for plain, sign in (("log2(", "log₂("), (" x ", " \u00d7 "), (")^3", ")³")):
        words = words.replace(plain, sign)
    return words.replace("-", "\u2212", 1) if words.startswith("-") else words


def _number(text: str | None) -> int | None:
    """Return a number from 1 as an address of ours writes it; None for none.

    Raises:
        HTTPException: 404; nothing of ours leads there.
    """
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS and not text.startswith("0")):
        raise HTTPException(404)
    return int(text)

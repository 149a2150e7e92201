"""Confirming: a sign-up, or a new address. The page asks, its button acts."""

from __future__ import annotations

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool

from newsletter.papers.categories import name_of
from newsletter.web.choosing import rhythm_words
from newsletter.web.model import Masthead, WebDeps
from newsletter.web.pages import Pages
from newsletter.web.routes import TOKEN, Doc, Routes
from subscribers.confirming import Confirmation, ConfirmationKind

_GONE = {404: "no such link, or it is older than it may be"}


class Confirming:
    """What a link to confirm opens, and nothing else: from here nobody gets to choices or data."""

    def __init__(self, deps: WebDeps, pages: Pages) -> None:
        self._deps = deps
        self._pages = pages

    def add_to(self, routes: Routes) -> None:
        """Serve the page."""
        look = Doc("Asks whether to confirm; changes nothing", {200: "the page", **_GONE}, [TOKEN])
        act = Doc(
            "Confirm a sign-up or a new address; again does no harm",
            {200: "confirmed, now or before", **_GONE, 413: "larger than 16 kB"},
            [TOKEN],
        )
        routes.add("/confirm/{token}", get=(self.ask, look), post=(self.act, act))

    def ask(self, request: Request) -> Response:
        """The page with the button."""
        return self._page(self._deps.confirmations.peek(request.path_params["token"]))

    async def act(self, request: Request) -> Response:
        """Confirm."""
        return await run_in_threadpool(self._confirm, request.path_params["token"])

    def _confirm(self, token: str) -> Response:
        found = self._deps.confirmations.confirm(token)
        if found is not None:
            self._deps.wake()
        return self._page(found)

    def _page(self, found: Confirmation | None) -> Response:
        if found is None:
            days = self._deps.signup.confirm_within.days
            return self._pages.page("confirm_gone.html", {"days": days}, status=404)
        if found.kind is ConfirmationKind.ADDRESS:
            return self._pages.page("confirm_address.html", {"outcome": found.outcome})
        newsletter = self._deps.newsletters.get(found.newsletter)
        if newsletter is None or found.choices is None:  # taken out of the configuration meanwhile
            return self._pages.page("confirm_gone.html", {"days": 0}, status=404)
        values = {
            "outcome": found.outcome,
            "when": rhythm_words(newsletter, found.choices),
            "topics": [name_of(category) for category in found.choices.interests.categories],
        }
        return self._pages.page("confirm.html", values, masthead=Masthead.of(newsletter))

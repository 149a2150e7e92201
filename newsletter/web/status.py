"""How things stand: what went out lately, what did not and why, what comes next, and how the sources are."""

from __future__ import annotations

import threading

from fastapi import Request, Response

from newsletter.schedule.status import Status
from newsletter.web.model import WebDeps
from newsletter.web.pages import Pages
from newsletter.web.routes import Doc, Routes

#: Seconds for which a status is shown without another look at the database, and for which caches may keep the page.
KEPT = 30


class StatusPage:
    """A page for readers and operators alike. It names nobody and counts no reader."""

    def __init__(self, deps: WebDeps, pages: Pages) -> None:
        self._deps = deps
        self._pages = pages
        self._lock = threading.Lock()
        self._status = Status()
        self._looked_at: float | None = None

    def add_to(self, routes: Routes) -> None:
        """Serve the page."""
        routes.add("/status", get=(self.show, Doc("How things stand: issues, slots and sources", {200: "the page"})))

    def show(self, _request: Request) -> Response:
        """The page."""
        status = self._current()
        values = {
            "status": status,
            "several": len(self._deps.newsletters) > 1,
            "canonical": f"{self._deps.base_url}/status",
        }
        response = self._pages.page("status.html", values)
        response.headers["Cache-Control"] = f"public, max-age={KEPT}"
        return response

    def _current(self) -> Status:
        # One request looks, the others that come meanwhile wait for what it finds.
        with self._lock:
            now = self._deps.clock.monotonic()
            if self._looked_at is None or now - self._looked_at >= KEPT:
                self._status, self._looked_at = self._deps.status(), now
            return self._status

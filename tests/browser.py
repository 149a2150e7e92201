"""A real Chromium for tests that look at pages.

Playwright's plain interface keeps an event loop running on the thread that uses it, which would break every test that runs a
loop of its own. So the browser lives on a thread, and a test hands it what to do.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

Result = TypeVar("Result")
PHONE, DESKTOP = 390, 1280
#: Widths and colours at which slow looks are taken: each once, or with ``TORTURE`` set, each with each.
LOOKS: list[tuple[int, Literal["light", "dark"]]] = (
    [(PHONE, "light"), (PHONE, "dark"), (DESKTOP, "light"), (DESKTOP, "dark")]
    if os.environ.get("TORTURE")
    else [(PHONE, "dark"), (DESKTOP, "light")]
)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Visit:
    """A page in the browser, and what it did while it was open."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def requests_beyond(self, address: str) -> list[str]:
        """Return what was asked of anybody but ``address``."""
        return [url for url in self.requests if not url.startswith((address, "data:", "about:", "blob:"))]

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        # A page that a click has just opened may be there by its address alone.
        self.page.wait_for_load_state()
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


class Chromium:
    """One browser; every visit has a fresh profile."""

    def __init__(self, executable: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="chromium")
        self._playwright = self._thread.submit(lambda: sync_playwright().start()).result()
        self._browser: Browser = self._thread.submit(
            lambda: self._playwright.chromium.launch(executable_path=executable, args=FLAGS)
        ).result()

    def visit(
        self,
        look: Callable[[Visit], Result],
        *,
        width: int = DESKTOP,
        height: int = 900,
        scheme: Literal["light", "dark"] = "light",
        javascript: bool = True,
    ) -> Result:
        """Run ``look`` in the browser's thread, with a window of ``width`` pixels, and return what it returns."""

        def body() -> Result:
            context = self._browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme, java_script_enabled=javascript
            )
            try:
                visit = Visit(context.new_page())
                context.on("request", lambda request: visit.requests.append(request.url))
                context.on("console", lambda line: visit.complaints.append(line.text) if line.type == "error" else None)
                context.on("weberror", lambda error: visit.complaints.append(str(error.error)))
                return look(visit)
            finally:
                context.close()

        return self._thread.submit(body).result()

    def close(self) -> None:
        """End the browser."""
        self._thread.submit(self._browser.close).result()
        self._thread.submit(self._playwright.stop).result()
        self._thread.shutdown()


def find_chromium() -> str | None:
    """Return the path of this machine's Chromium; ``CHROMIUM`` names another."""
    named = os.environ.get("CHROMIUM")
    if named and Path(named).is_file():
        return named
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """A running Chromium; without one the test is skipped, and on CI it fails. Mark tests that use it ``browser``."""
    executable = find_chromium()
    if executable is None:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing("Chromium not found: apt-get install chromium")
    with closing(Chromium(executable)) as browser:
        yield browser

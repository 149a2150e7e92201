"""Pictures of mails, as a real browser shows them at the widths and in the colours that readers have.

The browser is a Chromium on the machine, driven by Playwright; both come with the extra ``studio`` or not at all.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Literal

from newsletter.preview.errors import NoBrowserError

if TYPE_CHECKING:
    from playwright.sync_api import Browser

#: Widths in CSS pixels.
WIDTHS: Mapping[str, int] = {"phone": 390, "desktop": 700}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_HEIGHT = 900
#: Its own sandbox cannot be had by root or in most containers; what it shows runs no scripts and asks nobody for anything.
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture of a mail. ``name`` is like ``phone-dark``."""

    name: str
    png: bytes


class Camera:
    """Takes pictures with a browser that runs."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    def take(self, html: str) -> Iterator[Shot]:
        """Yield a picture of all of a mail for every width and scheme. Nothing is fetched from anywhere.

        Args:
            html: of the mail, with its pictures in it as ``data:`` URLs.
        """
        for (name, width), scheme in product(WIDTHS.items(), SCHEMES):
            context = self._browser.new_context(
                viewport={"width": width, "height": _HEIGHT}, color_scheme=scheme, java_script_enabled=False, offline=True
            )
            try:
                page = context.new_page()
                page.set_content(html)
                png = page.screenshot(full_page=True)
            finally:
                context.close()
            yield Shot(f"{name}-{scheme}", png)


@contextmanager
def camera() -> Iterator[Camera]:
    """Start a browser, and end it.

    Raises:
        NoBrowserError: Playwright or Chromium is missing.
    """
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise NoBrowserError("pictures of mails need Playwright: install the program with its extra 'studio'") from error
    executable = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    if executable is None:
        raise NoBrowserError("pictures of mails need a Chromium on this machine (Debian, Ubuntu: apt-get install chromium)")
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=executable, args=_FLAGS)
        except Error as error:
            problem = error.message.partition("\n")[0]
            raise NoBrowserError(f"pictures of mails need a Chromium that starts; {executable} does not: {problem}") from error
        try:
            yield Camera(browser)
        finally:
            browser.close()

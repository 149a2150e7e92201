"""The studio on a real server, with what an editor has around it: a folder of templates and a config.toml."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
import httpx

from newsletter.app import App
from newsletter.clock import ManualClock
from newsletter.packaging import default_templates
from tests.flow import numbered, served, subscribe, take_in

READER = "reader@example.org"


@dataclass(frozen=True)
class Site:
    """A program whose studio is open at ``address``; everything it reads lies in ``folder``."""

    app: App
    address: str
    folder: Path
    client: httpx.Client

    @property
    def config(self) -> Path:
        """The configuration."""
        return self.folder / "config.toml"

    def get(self, path: str = "", **fields: str) -> httpx.Response:
        """Ask for a page below ``/preview``."""
        return self.client.get(f"/preview{path}", params=fields)

    def post(
        self, path: str, data: dict[str, str] | None = None, *, origin: str | None = None, **fields: str
    ) -> httpx.Response:
        """Press a button as the page's own form does, or as one at ``origin`` would."""
        headers = {"origin": self.address if origin is None else origin}
        return self.client.post(f"/preview{path}", data=data, params=fields, headers=headers)

    def page(self, path: str = "", **fields: str) -> Element:
        """Return a page as a browser would build it."""
        return parsed(self.get(path, **fields).text)

    def mail(self, **fields: str) -> str:
        """Return what a frame shows."""
        answer = self.get("/mail", **fields)
        assert answer.status_code == 200, answer.status_code
        return answer.text

    def state(self, **fields: str) -> dict[str, Any]:
        """Return what the page's script asks for."""
        found: dict[str, Any] = self.get("/state", **fields).json()
        return found

    def own(self, name: str, *, replace: tuple[str, str] | None = None) -> Path:
        """Put a packaged template into the operator's folder, with one change; return its path."""
        path = self.folder / "templates" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = (default_templates() / name).read_text(encoding="utf-8")
        if replace is not None:
            assert replace[0] in text
            text = text.replace(*replace)
        path.write_text(text, encoding="utf-8")
        return path


def parsed(html: str) -> Element:
    """The document as a browser would build it."""
    document: Element = html5lib.parse(html, namespaceHTMLElements=False)
    return document


def words(element: Element | None) -> str:
    """All text in an element."""
    assert element is not None
    return " ".join("".join(element.itertext()).split())


@contextmanager
def studio_site(folder: Path, url: str, clock: ManualClock, *, extra: str = "", base_url: str = "") -> Iterator[Site]:
    """Serve a program with twelve papers and one reader."""
    with served(folder, url, clock, base_url=base_url, extra=extra, with_studio=True) as (app, address):
        take_in(app, folder, numbered(1, 12))
        subscribe(app, READER)
        with httpx.Client(base_url=address, timeout=60) as client:
            yield Site(app, address, folder, client)


@contextmanager
def small_site(folder: Path, template: Path, clock: ManualClock, *, extra: str = "", base_url: str = "") -> Iterator[Site]:
    """The same on a copy of an empty SQLite file, where the kind of database makes no difference."""
    copyfile(template, folder / "newsletter.db")
    with studio_site(folder, f"sqlite:///{folder}/newsletter.db", clock, extra=extra, base_url=base_url) as site:
        yield site

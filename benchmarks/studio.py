"""How long the studio takes: from a saved template to its picture in a real Chromium, for a page, and for the checks.

The picture is there when every frame on the page shows the new words and the browser has drawn them. The time is that of one
clock, of the machine that both run on.

Run: python benchmarks/studio.py [--saves N]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpx

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.packaging import default_templates, sample_papers
from tests.browser import Chromium, Visit, find_chromium
from tests.flow import served

#: Milliseconds, as the studio promises.
GOAL = 300
TEMPLATE = "partials/masthead.mjml"
#: Resolves when all frames show the words and the frame after that is drawn: to milliseconds since 1970.
DRAWN = """(words) => new Promise((resolve) => {
    const look = () => {
        const frames = [...document.querySelectorAll(".desk iframe")];
        const says = (frame) => frame.contentDocument?.body?.innerText.includes(words);
        const isThere = (frame) => !frame.classList.contains("coming") && says(frame);
        const done = () => resolve(performance.timeOrigin + performance.now());
        requestAnimationFrame(frames.length && frames.every(isThere) ? done : look);
    };
    look();
})"""


def save_to_picture(chromium: Chromium, address: str, query: str, template: Path, text: str, saves: int) -> list[float]:
    """Return the milliseconds from each save to its picture."""

    def look(visit: Visit) -> list[float]:
        page = visit.page
        page.goto(f"{address}/preview{query}")
        page.wait_for_selector("#live.live")
        page.evaluate(DRAWN, "Trending Papers")
        measured = []
        for number in range(saves):
            words = f"Save {time.monotonic_ns()} {number}"
            content = text.replace("</mj-text>", f" {words}</mj-text>", 1)
            saved_at = time.time() * 1000
            template.write_text(content, encoding="utf-8")
            measured.append(page.evaluate(DRAWN, words) - saved_at)
            page.wait_for_timeout(150 + 37 * (number % 5))
        return measured

    return chromium.visit(look, width=1440)


def page_seconds(address: str, query: str) -> float:
    """Return the seconds that one page takes, without its frames."""
    start = time.perf_counter()
    answer = httpx.get(f"{address}/preview{query}", timeout=120)
    answer.raise_for_status()
    return time.perf_counter() - start


def line(what: str, measured: Sequence[float]) -> str:
    """Return a line of figures in milliseconds."""
    return f"{what:<44} median {statistics.median(measured):6.0f} ms   max {max(measured):6.0f} ms"


def main() -> int:
    """Run it; the exit code is 1 if the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--saves", type=int, default=20, help="how often the template is saved")
    saves = parser.parse_args().saves
    executable = find_chromium()
    if executable is None:
        print("no Chromium here; set CHROMIUM, or: apt-get install chromium")
        return 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = Database(f"sqlite:///{folder}/newsletter.db")
        database.upgrade()
        database.dispose()
        clock = ManualClock(datetime(2026, 8, 21, 8, 30, tzinfo=UTC))
        template = folder / "templates" / TEMPLATE
        template.parent.mkdir(parents=True)
        text = (default_templates() / TEMPLATE).read_text(encoding="utf-8")
        template.write_text(text, encoding="utf-8")
        url = f"sqlite:///{folder}/newsletter.db"
        with served(folder, url, clock, with_studio=True) as (app, address), closing(Chromium(executable)) as chromium:
            app.fetching.take_file(sample_papers())
            print(f"first page, templates compiled for it: {page_seconds(address, '') * 1000:.0f} ms")
            print(f"the same page again: {page_seconds(address, '') * 1000:.0f} ms")
            print(f"checks, first time: {page_seconds(address, '?view=checks') * 1000:.0f} ms")
            worst = 0.0
            for what, query in (("save to picture, phone and desktop", ""), ("the same, all four", "?layout=all")):
                measured = save_to_picture(chromium, address, query, template, text, saves)
                worst = max(worst, statistics.median(measured))
                print(line(f"{what}, {saves} saves", measured))
    print(f"goal: {GOAL} ms")
    return 0 if worst < GOAL else 1


if __name__ == "__main__":
    sys.exit(main())

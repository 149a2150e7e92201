"""Take the pictures in ``docs/images/themes``: the demo's digest in every theme, at two widths, in light and dark.

``make pictures`` calls it after a change of a theme. It needs the tools for tests and a Chromium.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from newsletter.app import App
from newsletter.clock import ShiftedClock
from newsletter.config_file import load
from newsletter.demo.drawing import draw_figure
from newsletter.demo.service import DRAWN_HERE, TODAY
from newsletter.packaging import sample_papers
from newsletter.pictures.making import make_pictures
from newsletter.pictures.store import PictureStore
from newsletter.preview.studio.looking import Looking, with_images
from newsletter.preview.studio.service import Wanted
from newsletter.preview.studio.shots import camera

FOLDER = Path(__file__).resolve().parent / "images" / "themes"
THEMES = ("quiet", "rich", "compact")
CONFIG = """\
[web]
base_url = "https://papers.example.org"

[newsletters.papers]
postal_address = "Example Lab, 1 Sample Street, 10115 Berlin"
zone = "Europe/Berlin"
"""
#: Shown of a mail, in CSS pixels: enough to see the lead, the cards and the list below.
HEIGHT = 2600
COLOURS = 256


def main() -> int:
    """Write the pictures; return the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_text(CONFIG, encoding="utf-8")
        app = App(load(path, environ={}), clock=ShiftedClock(TODAY))
        app.database.ready()
        app.fetching.take_file(sample_papers())
        draw(app)
        looking = Looking(app.studio, generation=lambda: 0, data=Path(folder))
        FOLDER.mkdir(parents=True, exist_ok=True)
        with camera() as pictures:
            for theme in THEMES:
                sample = looking.show(Wanted(theme=theme)).sample
                if sample is None:
                    raise SystemExit("the bundled sample has no papers; install the program again")
                for shot in pictures.take(with_images(sample.html, looking.images(sample).items())):
                    (FOLDER / f"{theme}-{shot.name}.png").write_bytes(smaller(shot.png))
        app.close()
    return 0


def draw(app: App) -> None:
    """Give the papers of the sample pictures, as the demo does."""
    _, newsletter = app.newsletter(None)
    for entry in app.builder.rank(newsletter, at=app.clock.now())[: newsletter.size]:
        made = make_pictures(draw_figure(entry.paper.key))
        with app.database.write() as session:
            PictureStore(session).keep(entry.paper.seq, DRAWN_HERE, made, now=app.clock.now())


def smaller(png: bytes) -> bytes:
    """Return the upper part of a picture in few colours: a tenth of the octets, and nobody sees it."""
    with Image.open(io.BytesIO(png)) as image:
        shown = image.convert("RGB").crop((0, 0, image.width, min(image.height, HEIGHT)))
    packed = io.BytesIO()
    shown.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(packed, "PNG", optimize=True)
    return packed.getvalue()


if __name__ == "__main__":
    sys.exit(main())

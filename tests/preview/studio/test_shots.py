"""Pictures of mails, in a real browser."""

from __future__ import annotations

import io
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from newsletter.preview.errors import NoBrowserError
from newsletter.preview.studio.shots import WIDTHS, camera
from tests.browser import find_chromium

PAGE = """<!doctype html><html><head><style>body {{ margin: 0; background: #ffffff; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #101010; }} }}</style></head>
<body><div style="height: 2000px">{body}</div><script>document.body.style.background = "#00ff00"</script></body></html>"""


def taken(html: str) -> Mapping[str, Image.Image]:
    """The pictures of a mail, by name; the browser lives in a thread of its own, as it keeps its event loop."""

    def body() -> dict[str, Image.Image]:
        with camera() as lens:
            return {shot.name: Image.open(io.BytesIO(shot.png)).convert("RGB") for shot in lens.take(html)}

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(body).result()


@pytest.mark.browser
@pytest.mark.skipif(find_chromium() is None, reason="Chromium not found: apt-get install chromium")
def test_a_picture_for_each_width_and_scheme_shows_all_of_the_mail_and_asks_nobody() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.settimeout(0)
        port = listening.getsockname()[1]
        shots = taken(PAGE.format(body=f'<img src="http://127.0.0.1:{port}/pixel.png" width="10" height="10">'))
        with pytest.raises(BlockingIOError):
            listening.accept()
    assert {name: shot.size for name, shot in shots.items()} == {
        f"{name}-{scheme}": (width, 2000) for name, width in WIDTHS.items() for scheme in ("light", "dark")
    }
    # No script ran, and the mail was told which colours the reader prefers.
    assert shots["phone-light"].getpixel((200, 1000)) == (255, 255, 255)
    assert shots["desktop-dark"].getpixel((200, 1000)) == (16, 16, 16)


def test_without_a_browser_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NoBrowserError, match="apt-get install chromium"), camera():
        pass

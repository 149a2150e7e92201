"""What is written for review: all of a mail, pictures of it, and what the checks say."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import html5lib
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

from newsletter.app import App
from newsletter.clock import ManualClock
from newsletter.digest.model import Issue
from newsletter.digest.store import IssueStore
from newsletter.pictures.making import make_pictures
from newsletter.pictures.store import PictureStore
from newsletter.preview.checks.abilities import Abilities
from newsletter.preview.checks.spam import SpamReport, SpamRule
from newsletter.preview.studio.output import Review, everything, write_review
from newsletter.preview.studio.service import DIGEST, MAIL_KINDS, UnknownChoiceError, Wanted
from newsletter.preview.studio.shots import camera
from newsletter.preview.studio.worst_cases import HOSTILE, WORST_CASES
from newsletter.rendering.errors import TemplateError
from newsletter.rendering.template.folder import TemplateFolder
from tests.browser import Chromium, Visit
from tests.flow import build, numbered, take_in
from tests.preview.studio.house import contents, looking

ENDINGS = (".eml", ".html", ".json", ".txt")
SPAM = SpamReport(1.5, (SpamRule("MADE_UP", 1.5, "of this test"),))
ABILITIES = json.dumps({"last_update_date": "2026-08-01T00:00:00Z", "data": []}).encode()


def write(app: App, folder: Path, *wanteds: Wanted, spam: SpamReport | None = None, with_table: bool = False) -> Review:
    """Write a review without a browser."""

    def score(messages: Sequence[bytes]) -> list[SpamReport]:
        return [] if spam is None else [spam] * len(messages)

    abilities = Abilities.read(ABILITIES) if with_table else None
    templates = TemplateFolder(app.config.paths.templates)
    return write_review(looking(app), wanteds, folder, templates=templates, abilities=abilities, score=score)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_mail_is_written_as_it_would_be_sent_with_what_the_checks_say(one_app: App, tmp_path: Path) -> None:
    review = write(one_app, tmp_path / "new" / "review", Wanted(), spam=SPAM, with_table=True)
    written = files(tmp_path / "new" / "review")
    assert set(written) == {"index.html", "findings.json", *(f"digest-quiet{ending}" for ending in ENDINGS)}
    sample = one_app.studio().show(Wanted()).sample
    assert sample is not None
    assert written["digest-quiet.eml"] == sample.data
    assert written["digest-quiet.html"].decode() == sample.html
    assert written["digest-quiet.txt"].decode() == sample.text
    said = json.loads(written["digest-quiet.json"])
    assert (said["subject"], said["preheader"], said["papers"]) == (sample.subject, sample.preheader, 5)
    assert said["size"]["html_bytes"] == sample.html_bytes
    assert said["spam"] == SPAM.to_json()
    assert said["compatibility"]["updated_on"] == "2026-08-01"
    assert [finding["problem"] for finding in said["findings"]] == [
        finding.problem for finding in review.mails[0].report.findings
    ]
    assert json.loads(written["findings.json"]) == {"mails": [said], "nothing_to_send": []}


def test_everything_is_every_kind_and_every_worst_case(one_app: App, tmp_path: Path) -> None:
    review = write(one_app, tmp_path / "review", *everything(Wanted(theme="compact")))
    names = [mail.name for mail in review.mails]
    papers = [case.key for case in WORST_CASES if case.key != "none"]
    assert names == [*(f"{kind}-compact" for kind in MAIL_KINDS), *(f"{DIGEST}-compact-{key}" for key in papers)]
    assert review.nothing == ("Worst case: No papers",)
    written = files(tmp_path / "review")
    assert set(written) == {"index.html", "findings.json", *(name + ending for name in names for ending in ENDINGS)}
    found = json.loads(written["findings.json"])
    assert [mail["name"] for mail in found["mails"]] == names
    assert found["nothing_to_send"] == ["Worst case: No papers"]


def test_two_runs_write_the_same_bytes(one_app: App, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(one_app, tmp_path / name, *everything(Wanted()), spam=SPAM)
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_an_earlier_run_is_replaced_and_what_else_is_there_stays(one_app: App, tmp_path: Path) -> None:
    write(one_app, tmp_path, Wanted(kind="confirm"))
    for name in ("digest-quiet.txt", "digest-quiet-phone-dark.png", "digest-quiet-notes.md", "index.html"):
        (tmp_path / name).write_text("from before", encoding="utf-8")
    write(one_app, tmp_path, Wanted())
    assert "from before" not in (tmp_path / "digest-quiet.txt").read_text(encoding="utf-8")
    assert "from before" not in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert not (tmp_path / "digest-quiet-phone-dark.png").exists()
    assert (tmp_path / "digest-quiet-notes.md").exists()
    assert (tmp_path / "confirm-quiet.eml").exists()


def test_a_mail_that_cannot_be_made_leaves_the_folder_as_it_was(one_app: App, tmp_path: Path) -> None:
    broken = one_app.config.paths.templates / "confirm.txt"
    broken.parent.mkdir()
    broken.write_text("{{ nothing }}", encoding="utf-8")
    with pytest.raises(TemplateError, match=r"confirm\.txt:1"):
        write(one_app, tmp_path / "review", *everything(Wanted()))
    with pytest.raises(UnknownChoiceError):
        write(one_app, tmp_path / "review", Wanted(), Wanted(theme="../.."))
    assert not (tmp_path / "review").exists()


def test_nothing_to_send_is_said(app: App, tmp_path: Path) -> None:
    review = write(app, tmp_path / "review", Wanted())
    assert review.mails == ()
    assert "Nothing to send: Digest." in (tmp_path / "review" / "index.html").read_text(encoding="utf-8")


def test_writing_changes_no_table(app: App, tmp_path: Path) -> None:
    take_in(app, tmp_path, numbered(1, 4))
    before = contents(app.database)
    write(app, tmp_path / "review", *everything(Wanted()))
    assert contents(app.database) == before


def test_hostile_text_is_text_on_the_page(one_app: App, tmp_path: Path) -> None:
    review = write(one_app, tmp_path, Wanted(), Wanted(case="hostile"))
    page = html5lib.parse(review.index.read_text(encoding="utf-8"), namespaceHTMLElements=False)
    assert not [element.tag for element in page.iter() if element.tag in {"script", "img", "iframe", "svg"}]
    assert not [name for element in page.iter() for name in element.attrib if name.startswith("on")]
    assert HOSTILE[0] in "".join(page.itertext())
    links = {element.get("href", "") for element in page.iter("a")}
    assert links == {
        "findings.json",
        *(f"{name}{ending}" for name in ("digest-quiet", "digest-quiet-hostile") for ending in ENDINGS),
        *("#digest-quiet", "#digest-quiet-hostile"),
    }


def colour_of(png: Path, colour: tuple[int, int, int]) -> bool:
    """Whether there is a pixel about of this colour in a picture."""
    picture = Image.open(io.BytesIO(png.read_bytes())).convert("RGB")
    found = picture.getcolors(picture.width * picture.height) or []
    return any(
        max(abs(a - b) for a, b in zip(pixel, colour, strict=True)) < 16 for _, pixel in found if isinstance(pixel, tuple)
    )


def add_picture(app: App, clock: ManualClock, colour: tuple[int, int, int]) -> Issue:
    """Keep a picture of one colour of the best paper."""
    issue = build(app).issue
    assert issue is not None
    drawn = io.BytesIO()
    Image.new("RGB", (1200, 600), colour).save(drawn, "PNG")
    with app.database.write() as session:
        lead = IssueStore(session).pool(issue.id)[0].paper
        PictureStore(session).keep(lead.seq, "made here", make_pictures(drawn.getvalue()), now=clock.now())
    return issue


@pytest.mark.browser
@pytest.mark.parametrize("placed", ["linked", "embedded"])
def test_pictures_of_mails_show_the_papers_pictures_and_the_page_shows_them(
    one_app: App, clock: ManualClock, tmp_path: Path, chromium: Chromium, placed: str
) -> None:
    colour = (20, 140, 230)
    add_picture(one_app, clock, colour)
    newsletters = {
        slug: newsletter.model_copy(update={"look": newsletter.look.model_copy(update={"theme": "rich", "pictures": placed})})
        for slug, newsletter in one_app.config.newsletters.items()
    }
    config = one_app.config.model_copy(update={"newsletters": newsletters})
    app = App(config, clock=clock)
    folder = tmp_path / "review"

    def body() -> Review:
        with camera() as lens:
            templates = TemplateFolder(config.paths.templates)
            return write_review(
                looking(app), [Wanted(), Wanted(kind="goodbye")], folder, templates=templates, camera=lens, score=lambda _: []
            )

    with ThreadPoolExecutor(1) as thread:
        review = thread.submit(body).result()
    app.close()
    for mail in review.mails:
        assert len(mail.pictures) == 4
        for file in mail.pictures.values():
            assert colour_of(folder / file, colour) == (mail.name == "digest-rich"), file

    def look(visit: Visit) -> None:
        visit.page.goto(review.index.resolve().as_uri())
        visit.page.evaluate("for (const image of document.images) image.loading = 'eager'")
        visit.page.wait_for_function("[...document.images].every(image => image.complete)")
        shown = visit.page.evaluate("[...document.images].map(image => image.naturalWidth)")
        assert shown == [390, 390, 700, 700] * 2
        assert visit.overflow() == 0
        assert visit.complaints == []
        assert Axe().run(visit.page).response["violations"] == []

    chromium.visit(look, width=390)
    chromium.visit(look, width=1440, scheme="dark")

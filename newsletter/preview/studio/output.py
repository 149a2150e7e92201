"""Writes mails into a folder for review: each as it would be sent, as pictures, and with everything the checks say of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from newsletter.preview.checks.abilities import Abilities
from newsletter.preview.checks.report import Report, examine
from newsletter.preview.checks.spam import SpamReport, spam_scores
from newsletter.preview.linked import with_images
from newsletter.preview.studio.looking import Looking
from newsletter.preview.studio.service import DIGEST, MAIL_KINDS, Shown, Studio, Wanted
from newsletter.preview.studio.shots import SCHEMES, WIDTHS, Camera
from newsletter.preview.studio.worst_cases import WORST_CASES, worst_case
from newsletter.rendering.findings import Severity
from newsletter.rendering.message.sample import SampleMessage
from newsletter.rendering.template.folder import TemplateFolder, make_environment

#: The page to open, and its template; what the checks found in all mails.
INDEX, TEMPLATE, FINDINGS = "index.html", "web/review.html", "findings.json"


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One mail in the folder.

    Attributes:
        name: what its files are called before the dot.
        label: what it is, in words.
        shown, sample: the mail.
        report: what the checks say.
        pictures: files of its pictures, by what they show, like ``phone-dark``; empty without a browser.
    """

    name: str
    label: str
    shown: Shown
    sample: SampleMessage
    report: Report
    pictures: dict[str, str]

    def count(self, severity: str) -> int:
        """Return how many findings there are of a severity."""
        return sum(finding.severity == severity for finding in self.report.findings)

    def to_json(self) -> dict[str, object]:
        """Return it as plain values, without the bytes of the mail and of the pictures."""
        return {
            "name": self.name,
            "label": self.label,
            "issue": self.shown.issue_label,
            "reader": self.shown.reader_label,
            "subject": self.sample.subject,
            "preheader": self.sample.preheader,
            "papers": len(self.shown.digest),
            "detail_level": self.sample.detail_level,
            "message_bytes": len(self.sample.data),
            **self.report.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Review:
    """What was written: the mails, and in words the ones of which there is nothing to send."""

    index: Path
    mails: tuple[Reviewed, ...]
    nothing: tuple[str, ...]

    def count(self, severity: Severity) -> int:
        """Return how many findings there are of a severity in all mails."""
        return sum(mail.count(severity) for mail in self.mails)


def everything(wanted: Wanted) -> tuple[Wanted, ...]:
    """Return every kind of mail and every worst case, otherwise as ``wanted``."""
    kinds = [replace(wanted, kind=kind, case="") for kind in MAIL_KINDS]
    return (*kinds, *(replace(wanted, kind=DIGEST, case=case.key) for case in WORST_CASES))


def write_review(
    looking: Looking,
    wanteds: Sequence[Wanted],
    folder: Path,
    *,
    templates: TemplateFolder,
    camera: Camera | None = None,
    abilities: Abilities | None = None,
    score: Callable[[Sequence[bytes]], Sequence[SpamReport]] = spam_scores,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Review:
    """Write mails into a folder, with a page to look at them.

    All of them are made before the first is written. Equal mails give equal files but for the pictures, which are as the
    browser draws them. Files of an earlier run are replaced where they have the same name; the others stay.

    Args:
        looking: makes the mails.
        wanteds: which, in the order of the page; of one newsletter and reader, no two of one kind, theme and case.
        folder: made where it is missing.
        templates: where the page's template is found.
        camera: takes the pictures; None: there are none.
        abilities: caniemail's table, if there.
        score: returns what SpamAssassin says of whole messages, in order; nothing where it is not installed.
        on_progress: told how many of how many mails are written.

    Raises:
        UnknownChoiceError, NewsletterError: as :meth:`~newsletter.preview.studio.service.Studio.show`.
        OSError: the folder cannot be written.
    """
    made = [(wanted, looking.show(wanted)) for wanted in wanteds]
    mails = [(wanted, shown, shown.sample) for wanted, shown in made if shown.sample is not None]
    scores = score([sample.data for _, _, sample in mails])
    spam: Iterable[SpamReport | None] = scores or [None] * len(mails)
    folder.mkdir(parents=True, exist_ok=True)
    reviewed: list[Reviewed] = []
    for (wanted, shown, sample), spam_report in zip(mails, spam, strict=True):
        on_progress(len(reviewed), len(mails))
        report = examine(looking.sample_of(wanted, sample), abilities=abilities, spam=spam_report)
        name = _name(looking.studio, wanted)
        pictures = _write_pictures(looking, sample, folder, name, camera)
        mail = Reviewed(name, _label(wanted), shown, sample, report, pictures)
        _write_mail(mail, folder)
        reviewed.append(mail)
    on_progress(len(mails), len(mails))
    nothing = tuple(_label(wanted) for wanted, shown in made if shown.sample is None)
    review = Review(folder / INDEX, tuple(reviewed), nothing)
    _write_json(folder / FINDINGS, {"mails": [mail.to_json() for mail in reviewed], "nothing_to_send": list(nothing)})
    _write(review.index, make_environment(templates.jinja_loader()).get_template(TEMPLATE).render(review=review))
    return review


def _name(studio: Studio, wanted: Wanted) -> str:
    _, newsletter = studio.newsletter(wanted)
    return "-".join(filter(None, (wanted.kind, newsletter.look.theme, wanted.case)))


def _label(wanted: Wanted) -> str:
    case = worst_case(wanted.case)
    return wanted.kind.capitalize().replace("-", " ") if case is None else f"Worst case: {case.label}"


def _write_mail(mail: Reviewed, folder: Path) -> None:
    (folder / f"{mail.name}.eml").write_bytes(mail.sample.data)
    _write(folder / f"{mail.name}.html", mail.sample.html)
    _write(folder / f"{mail.name}.txt", mail.sample.text)
    _write_json(folder / f"{mail.name}.json", mail.to_json())


def _write_pictures(looking: Looking, sample: SampleMessage, folder: Path, name: str, camera: Camera | None) -> dict[str, str]:
    files = {f"{width}-{scheme}": folder / f"{name}-{width}-{scheme}.png" for width in WIDTHS for scheme in SCHEMES}
    for file in files.values():
        # A picture of what the mail was in an earlier run would be taken for one of this.
        file.unlink(missing_ok=True)
    if camera is None:
        return {}
    for shot in camera.take(with_images(sample.html, looking.images(sample).items())):
        files[shot.name].write_bytes(shot.png)
    return {shows: file.name for shows, file in files.items()}


def _write_json(path: Path, value: object) -> None:
    _write(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def _write(path: Path, text: str) -> None:
    # Text from outside may hold lone surrogates, which no encoding takes.
    path.write_bytes(text.encode("utf-8", "replace"))

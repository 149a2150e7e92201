"""What the studio's page shows of a mail: as each kind of mail program shows it, and what the checks say of it."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from newsletter.preview.checks.abilities import Abilities
from newsletter.preview.checks.model import MailSample
from newsletter.preview.checks.report import Report, examine
from newsletter.preview.checks.spam import spam_score
from newsletter.preview.checks.variants import without_pictures, without_style_blocks
from newsletter.preview.checks.word import word_engine
from newsletter.preview.errors import AbilitiesError
from newsletter.preview.inbox.reading import read_message
from newsletter.preview.linked import linked_images
from newsletter.preview.studio.service import Shown, Studio, Wanted
from newsletter.rendering.message.sample import SampleMessage

#: Mails and reports kept, so that the frames of one page are made once.
_KEPT = 32
#: Seconds for which they are: what is made of them moves on with the time of day, and with what no generation tells of.
_FRESH = 5.0


K = TypeVar("K")
V = TypeVar("V")


class Variant(StrEnum):
    """How a mail program shows a mail."""

    WHOLE = "whole"
    NO_PICTURES = "no-pictures"
    NO_STYLES = "no-styles"
    WORD = "word"


_MADE: Mapping[Variant, Callable[[str], str]] = {
    Variant.WHOLE: lambda html: html,
    Variant.NO_PICTURES: without_pictures,
    Variant.NO_STYLES: without_style_blocks,
    Variant.WORD: word_engine,
}


class Looking:
    """Looks at mails.

    Args:
        studio: returns what makes them, of the configuration as it is now.
        generation: returns something that is another after anything changed.
        data: folder where caniemail's table is kept.
    """

    def __init__(self, studio: Callable[[], Studio], *, generation: Callable[[], object], data: Path) -> None:
        self._studio = studio
        self._generation = generation
        self.table_file = data / "caniemail.json"
        # All frames of a page ask at the same time for the same mail.
        self._making = threading.Lock()
        self._shown: OrderedDict[tuple[Wanted, object], tuple[Shown, float]] = OrderedDict()
        # Of its own: SpamAssassin takes a second, which no mail has to wait for.
        self._examining = threading.Lock()
        self._reports: OrderedDict[tuple[str, object, object], Report] = OrderedDict()

    @property
    def studio(self) -> Studio:
        """What makes mails.

        Raises:
            ConfigError: the configuration cannot be used.
        """
        return self._studio()

    def show(self, wanted: Wanted) -> Shown:
        """Return a mail as it is now.

        Raises:
            UnknownChoiceError, NewsletterError: as :meth:`Studio.show`.
        """
        with self._making:
            key = wanted, self._generation()
            shown, made_at = self._shown.get(key, (None, 0.0))
            if shown is None or time.monotonic() - made_at > _FRESH:
                shown = self.studio.show(wanted)
                self._shown[key] = shown, time.monotonic()
                _keep_newest(self._shown)
            return shown

    def html(self, sample: SampleMessage, variant: Variant) -> str:
        """Return a mail's HTML as a kind of mail program shows it."""
        return _MADE[variant](sample.html)

    def images(self, sample: SampleMessage) -> dict[str, str]:
        """Return ``data:`` URLs of the mail's pictures by the address it has for them, wherever that is."""
        embedded = {f"cid:{name}": url for name, url in read_message(sample.data).images}
        return embedded | linked_images(sample.html, self.studio.picture)

    def report(self, wanted: Wanted, sample: SampleMessage) -> Report:
        """Return what all checks say of a mail. SpamAssassin, where it is, takes a second."""
        key = hashlib.sha256(sample.data).hexdigest(), self._generation(), _modified(self.table_file)
        with self._examining:
            report = self._reports.get(key)
            if report is None:
                report = self._reports[key] = examine(
                    self.sample_of(wanted, sample), abilities=self._abilities(), spam=spam_score(sample.data)
                )
                _keep_newest(self._reports)
            return report

    def sample_of(self, wanted: Wanted, sample: SampleMessage) -> MailSample:
        """Return a mail in the form that checks look at."""
        return MailSample(
            subject=sample.subject,
            preheader=sample.preheader,
            html=sample.html,
            text=sample.text,
            data=sample.data,
            html_bytes=sample.html_bytes,
            lint=sample.findings,
            files=self.studio.sources(wanted, sample.files),
        )

    def _abilities(self) -> Abilities | None:
        try:
            return Abilities.load(self.table_file)
        except AbilitiesError:
            return None


def _modified(file: Path) -> int | None:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return None


def _keep_newest(kept: OrderedDict[K, V]) -> None:
    while len(kept) > _KEPT:
        kept.popitem(last=False)

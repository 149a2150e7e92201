"""Every kind of packaged mail, as the checks look at it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from newsletter.preview.checks.model import MailSample
from newsletter.rendering.message.sample import SampleMessage
from newsletter.rendering.renderer import DIGEST, Renderer
from newsletter.rendering.template.folder import TemplateFolder
from newsletter.rendering.view.letters import KINDS, WELCOME
from tests.rendering.samples import (
    BASE_URL,
    ISSUE,
    NEWSLETTER,
    SECRET,
    SHORT_PAPER,
    THEMES,
    KeptPictures,
    digest_of,
    letter_of,
    pool_of,
    sample_pool,
    values_of,
)

ADDRESS = "ada@example.org"
ONE_PAPER, FROM_RIGHT = "one-paper", "ar"
#: Kinds of mails: digests, a welcome with papers, and letters.
KINDS_OF_MAILS = (DIGEST, ONE_PAPER, *KINDS)


@cache
def packaged_mails() -> dict[str, MailSample]:
    """Every kind of mail in every theme, by its name, ``quiet confirm``, and the digest from right to left."""
    mails = {f"{theme} {kind}": packaged_mail(theme, kind) for theme in THEMES for kind in KINDS_OF_MAILS}
    return mails | {f"{theme} {DIGEST} {FROM_RIGHT}": packaged_mail(theme, DIGEST, language=FROM_RIGHT) for theme in THEMES}


def packaged_mail(theme: str, kind: str, *, language: str = "en") -> MailSample:
    """One mail of made-up papers in a packaged theme, with pictures where the theme shows them; the digest with a logo."""
    look = NEWSLETTER.look.model_copy(update={"theme": theme, "logo": Path("logo.png") if kind == DIGEST else None})
    newsletter = NEWSLETTER.model_copy(update={"look": look, "language": language})
    renderer = Renderer(None, base_url=BASE_URL, secret=SECRET, pictures=KeptPictures())
    if kind in {DIGEST, ONE_PAPER, WELCOME}:
        pool = pool_of([SHORT_PAPER]) if kind == ONE_PAPER else sample_pool()
        digest = digest_of(pool, () if kind == ONE_PAPER else ("", "keyword:forgetting", "keyword:maps"))
        template, values = (WELCOME, values_of(WELCOME)) if kind == WELCOME else (None, None)
        sample = renderer.sample(newsletter, "papers", ISSUE, pool, digest, address=ADDRESS, template=template, values=values)
    else:
        sample = renderer.sample_letter(newsletter, "papers", letter_of(kind), address=ADDRESS)
    return as_sample(sample, TemplateFolder().themed(theme))


def as_sample(message: SampleMessage, folder: TemplateFolder) -> MailSample:
    """What the checks are given of a message, with the texts of its templates from ``folder``."""
    return MailSample(
        subject=message.subject,
        preheader=message.preheader,
        html=message.html,
        text=message.text,
        data=message.data,
        html_bytes=message.html_bytes,
        lint=message.findings,
        files={name: folder.read(name) for name in message.files},
    )

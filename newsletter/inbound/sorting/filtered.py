"""What a filter in front of us said of a mail. Nothing is guessed here: spam is what was called spam."""

from __future__ import annotations

from newsletter.inbound.reading.header import Header

#: Fields whose first word says it, and that word.
_SAID = {
    "x-spam-flag": ("yes", "true"),
    "x-spam-status": ("yes",),
    "x-spam": ("yes", "true", "spam"),
    "x-bogosity": ("spam", "yes"),
    "x-dspam-result": ("spam", "blacklisted"),
    "x-barracuda-spam-flag": ("yes",),
    "x-rspamd-action": ("reject", "add", "rewrite", "soft"),
    "x-ses-spam-verdict": ("fail",),
    "x-ses-virus-verdict": ("fail",),
    "x-virus-status": ("infected", "yes"),
    "x-amavis-alert": ("infected", "banned"),
    "x-virus-infected": ("yes", "true"),
    "x-purgate-type": ("spam", "virus"),
    "x-gmx-antispam": ("1", "2", "3", "4", "5"),
}
#: Stars of ``X-Spam-Level`` that make spam where no other field says whether it is (the usual threshold of SpamAssassin).
STARS = 5
#: Confidence of Exchange (0 to 9) from which a mail goes to the junk folder.
CONFIDENCE = 5


def is_spam(header: Header) -> bool:
    """Say whether a filter called the mail spam, or said that it carries a virus."""
    for name, words in _SAID.items():
        first = header.get(name).strip().lower().replace(",", " ").replace(";", " ").split(" ", 1)[0]
        if first in words:
            return True
    if not header.get("x-spam-status") and header.get("x-spam-level").strip().startswith("*" * STARS):
        return True
    confidence = header.get("x-ms-exchange-organization-scl").strip()
    return confidence in {str(value) for value in range(CONFIDENCE, 10)}

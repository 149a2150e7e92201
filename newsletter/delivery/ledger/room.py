"""Room on the disk: nothing is sent where its result might find no place to be written to."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from newsletter.errors import NewsletterError


def check_room(folders: Iterable[Path], least_mb: int) -> None:
    """Make sure that there is room to write.

    Args:
        folders: those that exist are looked at.
        least_mb: megabytes (10**6 octets) that must be free; 0 switches the check off.

    Raises:
        NewsletterError: there is less.
    """
    for folder in folders:
        if not least_mb or not folder.is_dir():
            continue
        free = shutil.disk_usage(folder).free // 1_000_000
        if free < least_mb:
            raise NewsletterError(
                f"sending waits, as the disk of {folder} has {free} MB left and delivery.least_free_mb asks for {least_mb}; "
                "make room, and it goes on by itself"
            )

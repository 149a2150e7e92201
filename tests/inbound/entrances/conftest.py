"""Dovecot is not asked of anybody's machine: where it is installed, it takes part."""

from __future__ import annotations

from tests.inbound.entrances.dovecot import IS_THERE

collect_ignore = [] if IS_THERE else ["test_imap.py"]

"""Bounces in the dialects of mail systems."""

from __future__ import annotations

from tests.inbound.bounces.dialects_office import OFFICE
from tests.inbound.bounces.dialects_providers import PROVIDERS
from tests.inbound.bounces.dialects_short import SHORT
from tests.inbound.bounces.dialects_unix import UNIX

DIALECTS = (*UNIX, *OFFICE, *PROVIDERS, *SHORT)

"""Keys that services give out: from the configuration to the request, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import httpx
from pydantic import SecretStr

from newsletter.config import IndexConfig
from newsletter.config_file import secret_from_file
from newsletter.errors import ConfigError
from newsletter.sources.base import SourceError


@dataclass(frozen=True, slots=True)
class Credential:
    """What shows a service who asks: a header, or with ``in_query`` a parameter, of this name.

    It is sent to the origin that the operator configured and to no other; it is not remembered with the address and not logged.
    """

    name: str
    secret: SecretStr
    in_query: bool = False

    def on(self, url: httpx.URL, headers: Mapping[str, str]) -> tuple[httpx.URL, dict[str, str]]:
        """Return address and headers of a request that shows it."""
        value = self.secret.get_secret_value()
        if self.in_query:
            return url.copy_set_param(self.name, value), dict(headers)
        return url, {**headers, self.name: value}


def credential_of(config: IndexConfig, *, source: str, name: str, in_query: bool = False) -> Credential | None:
    """Return the key of ``config`` as the service takes it, under ``name``; None if there is no key.

    Raises:
        SourceError: the file of the key cannot be read, or holds no key.
    """
    key = config.api_key
    if key is None and config.api_key_file is not None:
        try:
            key = secret_from_file(config.api_key_file, f"sources.{source}.api_key_file")
        except ConfigError as error:
            raise SourceError(source, str(error), hint="it was not asked", transient=False) from error
    if key is None:
        return None
    if not re.fullmatch(r"[!-~]{1,500}", key.get_secret_value()):
        hint = f"write sources.{source}.api_key or its file again"
        raise SourceError(source, "the key holds characters that no key has", hint=hint, transient=False)
    return Credential(name, key, in_query=in_query)

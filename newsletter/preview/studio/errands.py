"""What the studio does beyond this process, each only when its button is pressed: send a sample, fetch caniemail's table."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from newsletter.config import RelayConfig
from newsletter.errors import NewsletterError
from newsletter.preview.checks.abilities import Abilities
from newsletter.preview.studio.looking import Looking
from newsletter.preview.studio.sending import send_sample
from newsletter.preview.studio.service import Wanted
from newsletter.rendering.findings import errors_in
from subscribers.address import parse_address
from subscribers.errors import AddressError


class NotSentError(NewsletterError):
    """There is no mail to send, or it may not go there."""


class NotKeptError(NewsletterError):
    """What was fetched could not be written to this machine's disk."""


class Errands:
    """Runs errands.

    Args:
        looking: makes samples, and knows where the table is kept.
        relay: returns where mail goes, its password read.
        may_write: whether an address may be written to.
        fetch: returns caniemail's table; may take as long as a request over the network may.
    """

    def __init__(
        self,
        looking: Looking,
        *,
        relay: Callable[[], RelayConfig],
        may_write: Callable[[str], bool],
        fetch: Callable[[], bytes],
    ) -> None:
        self._looking = looking
        self._relay = relay
        self._may_write = may_write
        self._fetch = fetch
        self._fetching = asyncio.Lock()

    async def send(self, wanted: Wanted, address: str) -> str:
        """Send a sample to one address, marked as a test; return what to say of it.

        Raises:
            NewsletterError: it was not sent; says why.
        """
        try:
            parsed = parse_address(address.strip())
        except AddressError as error:
            raise NotSentError(str(error)) from error
        to = f"{parsed.value.rpartition('@')[0]}@{parsed.key.rpartition('@')[2]}"
        if not await asyncio.to_thread(self._may_write, to):
            raise NotSentError("this address is suppressed: nothing may be sent to it")
        studio = self._looking.studio
        shown = await asyncio.to_thread(studio.show, wanted, address=to)
        if shown.sample is None:
            raise NotSentError("there is nothing to send: no paper is new to this reader")
        refused = errors_in(shown.sample.findings)
        if refused:
            # No issue would leave like this either, and what a mailbox shows of it would say nothing about one.
            problems = "; ".join(dict.fromkeys(f"{finding.rule} ({finding.problem})" for finding in refused))
            raise NotSentError(f"not sent, as the check of every mail refuses it: {problems}; mend the template")
        _, newsletter = studio.newsletter(wanted)
        sender = newsletter.envelope_from or newsletter.from_address
        reply = await send_sample(self._relay(), shown.sample, sender=sender, address=to)
        return f"sent to {to}; the server said {reply.code} {reply.text}".rstrip()

    async def fetch_abilities(self) -> str:
        """Fetch caniemail's table, and keep it if it can be read; return what to say of it.

        Raises:
            NewsletterError: it could not be had, or is not what it should be.
        """
        async with self._fetching:
            updated_on = await asyncio.to_thread(self._fetch_and_keep)
        return f"caniemail's table of {updated_on} is there now"

    def _fetch_and_keep(self) -> object:
        content = self._fetch()
        updated_on = Abilities.read(content).updated_on
        file = self._looking.table_file
        fresh = file.with_suffix(".new")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(content)
            fresh.replace(file)
        except OSError as error:
            problem = os.strerror(error.errno or 0)
            raise NotKeptError(f"{file}: cannot be written ({problem}); check the folder and its rights") from error
        return updated_on

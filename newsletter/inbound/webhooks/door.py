"""Where providers' posts arrive: who sent one is proven, then it is kept, and only then answered."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Protocol

from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError

from newsletter.clock import Clock
from newsletter.config import WebhookConfig
from newsletter.config_file import secret_from_file
from newsletter.errors import ConfigError
from newsletter.inbound.errors import InboundTooLarge
from newsletter.inbound.model import Arrival, Kept, Via
from newsletter.inbound.webhooks.mailgun import MailgunCheck
from newsletter.inbound.webhooks.model import Check, Post, Proof
from newsletter.inbound.webhooks.postmark import PostmarkCheck
from newsletter.inbound.webhooks.sendgrid import SendgridCheck
from newsletter.inbound.webhooks.sns import SnsCheck

log = logging.getLogger(__name__)

#: Between two lines in the log about posts of one name that are not genuine.
QUIET = timedelta(minutes=1)


class Hooks(Protocol):
    """Takes what is posted to ``/hooks/NAME``; from any thread."""

    def knows(self, name: str) -> bool:
        """Whether there is a webhook of that name."""
        ...

    def may_take(self, name: str, headers: Mapping[str, str]) -> bool:
        """Whether a post with these headers, by their names in lower case, may be genuine; if not, its body is not read."""
        ...

    def take(self, name: str, post: Post) -> HTTPStatus:
        """Return the status to answer with: 200 if whoever sent it may forget it."""
        ...


class NoHooks:
    """There are none."""

    def knows(self, name: str) -> bool:  # noqa: ARG002 - the interface has it
        return False

    def may_take(self, name: str, headers: Mapping[str, str]) -> bool:  # noqa: ARG002 - the interface has it
        return False

    def take(self, name: str, post: Post) -> HTTPStatus:  # noqa: ARG002 - the interface has it
        return HTTPStatus.NOT_FOUND


class HookDoor:
    """Takes posts of the configured providers.

    A post that is not proven is answered 403, and nothing in it is believed; a genuine one is stored before it is answered
    200. While that cannot be done the answer is 503, and the provider tries again. A crash between storing and answering makes
    it come again, which is the same post then.

    Args:
        webhooks: by name.
        keep: stores a post durably.
        kept: has what was stored looked at; returns at once.
        clock: says how old a post is.
        fetch: gets what is at an https address; raises FetchError.

    Raises:
        ConfigError: a webhook lacks what its provider's posts are proven with.
    """

    def __init__(
        self,
        webhooks: Mapping[str, WebhookConfig],
        keep: Callable[[Arrival], Kept],
        clock: Clock,
        *,
        kept: Callable[[], None],
        fetch: Callable[[str], bytes],
    ) -> None:
        self._keep, self._kept, self._clock = keep, kept, clock
        self._checks = {name: (Via(config.provider), check_of(name, config, fetch)) for name, config in webhooks.items()}
        self._said_at: dict[str, datetime] = {}
        self._unsaid: dict[str, int] = {}
        self._lock = threading.Lock()

    def knows(self, name: str) -> bool:
        return name in self._checks

    def may_take(self, name: str, headers: Mapping[str, str]) -> bool:
        if name not in self._checks:
            return False
        _, check = self._checks[name]
        if check.may_be(headers):
            return True
        self._note_forged(name)
        return False

    def take(self, name: str, post: Post) -> HTTPStatus:
        if name not in self._checks:
            return HTTPStatus.NOT_FOUND
        via, check = self._checks[name]
        proof = check(post, now=self._clock.now())
        if proof is Proof.FORGED:
            self._note_forged(name)
            return HTTPStatus.FORBIDDEN
        if proof is not Proof.GENUINE:
            return HTTPStatus.OK if proof is Proof.SETTLED else HTTPStatus.SERVICE_UNAVAILABLE
        try:
            self._keep(Arrival(post.body, via, named=check.name_of(post)))
        except InboundTooLarge:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        except SQLAlchemyError as error:
            # Its text may hold values of rows.
            log.error("hooks.not_stored hook=%s error=%s", name, type(error).__name__)  # noqa: TRY400 - see above
            return HTTPStatus.SERVICE_UNAVAILABLE
        self._kept()
        return HTTPStatus.OK

    def _note_forged(self, name: str) -> None:
        now = self._clock.now()
        with self._lock:
            self._unsaid[name] = self._unsaid.get(name, 0) + 1
            before = self._said_at.get(name)
            if before is not None and now - before < QUIET:
                return
            self._said_at[name], count = now, self._unsaid.pop(name)
        log.warning("hooks.not_genuine hook=%s posts=%d hint=check-secret-and-clock", name, count)


def check_of(name: str, config: WebhookConfig, fetch: Callable[[str], bytes]) -> Check:
    """Return what proves the posts of a webhook.

    Raises:
        ConfigError: what that takes is missing, or is none.
    """
    key = f"inbound.webhooks.{name}"
    try:
        if config.provider == "ses":
            return SnsCheck(config.topic_arn, fetch)
        if config.provider == "sendgrid":
            return SendgridCheck(config.public_key)
    except ValueError as error:
        setting = "topic_arn" if config.provider == "ses" else "public_key"
        raise ConfigError(key, [f"{setting}: {error}; copy it from the provider's pages"]) from error
    secret = _secret_of(key, config).get_secret_value()
    if config.provider == "mailgun":
        return MailgunCheck(secret)
    if ":" not in secret:
        raise ConfigError(key, ["secret: must be USER:PASSWORD, as they stand in the webhook's address at the provider"])
    return PostmarkCheck(secret)


def _secret_of(key: str, config: WebhookConfig) -> SecretStr:
    if config.secret is not None and config.secret.get_secret_value():
        return config.secret
    if config.secret_file is None:
        raise ConfigError(key, [f"{config.provider} needs a secret; set secret_file"])
    return secret_from_file(config.secret_file, f"{key}.secret_file")

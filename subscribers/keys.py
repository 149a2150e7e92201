"""Which links people are given, and what each is signed for: scopes and epochs in one place."""

from __future__ import annotations

from typing import Protocol

from subscribers.tokens import Claim, KeyRing, TokenPurpose

#: An unsubscribe link works for ever, so no epoch ends it; see :meth:`LinkKeys.verify`.
_FOR_EVER = 0


class Holds(Protocol):
    """Somebody links can be made for."""

    @property
    def id(self) -> int:
        """The subscriber's number."""
        ...

    @property
    def token_epoch(self) -> int:
        """Grows with every change of address and with the erasure."""
        ...


class LinkKeys:
    """Makes and checks the tokens of links.

    A link to unsubscribe names its newsletter and works for ever. All others end when the person's ``token_epoch`` grows. A
    link to confirm names the wish or the change of address it is about.
    """

    def __init__(self, ring: KeyRing) -> None:
        self.ring = ring

    def make_unsubscribe(self, subscriber: Holds, newsletter: str) -> str:
        """Return the token that ends ``newsletter`` (its slug) for a person."""
        return self.ring.make(TokenPurpose.UNSUBSCRIBE, subscriber.id, _FOR_EVER, scope=newsletter)

    def make_preferences(self, subscriber: Holds) -> str:
        """Return the token of a person's page of choices."""
        return self.ring.make(TokenPurpose.PREFERENCES, subscriber.id, subscriber.token_epoch)

    def make_feedback(self, subscriber: Holds) -> str:
        """Return the token a person says "more" or "less like this" with."""
        return self.ring.make(TokenPurpose.FEEDBACK, subscriber.id, subscriber.token_epoch)

    def make_confirm(self, subscriber: Holds, wish_id: int) -> str:
        """Return the token that confirms a sign-up."""
        return self.ring.make(TokenPurpose.CONFIRM, subscriber.id, subscriber.token_epoch, scope=f"wish:{wish_id}")

    def make_address(self, subscriber: Holds, change_id: int) -> str:
        """Return the token that confirms a change of address."""
        return self.ring.make(TokenPurpose.ADDRESS, subscriber.id, subscriber.token_epoch, scope=f"change:{change_id}")

    def claim(self, token: str, purpose: TokenPurpose) -> Claim | None:
        """Return whose token this claims to be; None for what is no token at all. Not yet verified."""
        return self.ring.subscriber_of(token, purpose)

    def verify(self, claim: Claim, subscriber: Holds, *, newsletter: str = "", wish_id: int = 0, change_id: int = 0) -> bool:
        """Whether ``claim`` was signed by us for ``subscriber`` and for what is named, as its purpose asks for."""
        if claim.subscriber_id != subscriber.id:
            return False
        epoch = _FOR_EVER if claim.purpose is TokenPurpose.UNSUBSCRIBE else subscriber.token_epoch
        scope = {
            TokenPurpose.UNSUBSCRIBE: newsletter,
            TokenPurpose.CONFIRM: f"wish:{wish_id}",
            TokenPurpose.ADDRESS: f"change:{change_id}",
        }.get(claim.purpose, "")
        return self.ring.verify(claim, epoch, scope=scope)

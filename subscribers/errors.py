"""The root of the subscriber store's errors. Every error says what to do; none carries an address."""

from __future__ import annotations

from subscribers.model import SubscriberState, SuppressionReason


class SubscribersError(Exception):
    """Something the person at the other end can act on: the message names the problem and the next step."""


class AddressError(SubscribersError):
    """A text is no e-mail address that can be taken.

    Attributes:
        problem: what is wrong, without the text itself, so that it may be logged.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(f"not an e-mail address: {problem}; write it like name@example.org")
        self.problem = problem


class SecretError(SubscribersError):
    """The secret key cannot be read, made or used."""


class UnknownSubscriberError(SubscribersError):
    """Nobody with that address or number is in the store."""

    def __init__(self) -> None:
        super().__init__("no such subscriber; 'newsletter subscribers list' shows who is there")


class NotSubscribedError(SubscribersError):
    """The person does not get that newsletter."""

    def __init__(self, newsletter: str) -> None:
        super().__init__(f"not subscribed to {newsletter!r}; 'newsletter subscribers show' lists what they get")
        self.newsletter = newsletter


class NotConfirmedError(SubscribersError):
    """The person signed up and has not confirmed it."""

    def __init__(self) -> None:
        super().__init__("they have not confirmed their sign-up yet and get nothing; there is nothing to pause")


class SuppressedError(SubscribersError):
    """The address must never be written to."""

    def __init__(self, reason: SuppressionReason) -> None:
        super().__init__(
            f"the address is suppressed ({reason}); if that is wrong, lift it with 'newsletter suppressions remove' first"
        )
        self.reason = reason


class HasLeftError(SubscribersError):
    """The person left, and only their own wish brings them back."""

    def __init__(self, state: SubscriberState) -> None:
        super().__init__(f"they have left ({state}); if they asked to come back, add them with --asked-again")
        self.state = state


class FileFormatError(SubscribersError):
    """A file of addresses cannot be read as one at all; nothing of it was taken."""

"""Whether an address may be written to, by what the notice is about."""

from __future__ import annotations

from newsletter.database import Database
from subscribers.address import parse_address
from subscribers.admission import LIFTED_BY_OWN_WISH
from subscribers.errors import AddressError
from subscribers.model import NoticeKind
from subscribers.suppression import Hasher, SuppressionStore

#: What goes out only because somebody at the address asked for it.
_ASKED_FOR = frozenset({NoticeKind.CONFIRM, NoticeKind.ANSWER})


class MayWrite:
    """Asks the suppression list.

    A mail to confirm a sign-up may go to an address that is suppressed for a reason the person's own wish can lift: it is how
    people come back; so may the answer to a mail that came from there. Nothing else goes to a suppressed address, not even a
    goodbye, and nothing at all where somebody complained or the operator said so. Who left is not suppressed by that, so a
    goodbye may go to them. The operator is always written to.
    """

    def __init__(self, database: Database, hasher: Hasher) -> None:
        self._database = database
        self._hasher = hasher

    def __call__(self, address: str, kind: NoticeKind) -> bool:
        """Whether a notice of ``kind`` may go to ``address``; what is no address never."""
        if kind is NoticeKind.OPERATOR:
            return True
        try:
            mailbox = parse_address(address)
        except AddressError:
            return False
        with self._database.read() as session:
            suppression = SuppressionStore(session, self._hasher).get(mailbox)
        return suppression is None or (kind in _ASKED_FOR and suppression.reason in LIFTED_BY_OWN_WISH)

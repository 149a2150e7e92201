"""One session with a mailbox on an IMAP server: what is in its folder, and where that goes."""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Self

from imapclient import DELETED
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

from newsletter.config import ImapConfig
from newsletter.config_file import secret_from_file
from newsletter.errors import NewsletterError
from newsletter.inbound.entrances.connection import LiteralTooLargeError, Patience, PatientClient
from newsletter.inbound.entrances.errors import ImapError, MoveRefusedError, OversizedError, StoppedError

_AGAIN = "it is asked again; if that stays, look at the server"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message in the folder: its number (UID) and size in bytes, as the server says."""

    uid: int
    size: int


class Mailbox:
    """A session, as a context: logged in at its beginning, over at its end.

    Args:
        config: the server, the login, the folders.
        max_bytes: largest message that is fetched.
        stop: ends every wait with StoppedError once it is set.
    """

    def __init__(self, config: ImapConfig, max_bytes: int, stop: threading.Event) -> None:
        self._config, self._max_bytes = config, max_bytes
        self._patience = Patience(config.timeout.total_seconds(), max_bytes + 1, stop)

    def __enter__(self) -> Self:
        logging.getLogger("imapclient").setLevel(logging.WARNING)  # below that it writes what is said
        config = self._config
        hint = "check inbound.imap.host, port and security"
        with _edge("it cannot be reached", hint):
            context = None if config.security == "none" else ssl.create_default_context(cafile=config.ca_file)
            self._client = PatientClient(config.host, config.port, self._patience, context, is_tls=config.security == "tls")
        try:
            if config.security == "starttls":
                with _edge("it does not go on under TLS", hint):
                    self._client.start_tls()
            self._log_in()
            self._processed, self._refused = self._folder(config.processed), self._folder(config.refused)
        except BaseException:
            self._hang_up()
            raise
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:  # it may well be that the server does not answer any more
            self._hang_up()
            return
        try:
            self._client.logout()
        except (IMAPClientError, OSError, StoppedError):
            self._hang_up()

    def _hang_up(self) -> None:
        with suppress(OSError):
            self._client.shutdown()

    @property
    def is_emptied(self) -> bool:
        """Whether a message that is moved leaves its place in the folder; else it stays there, marked as deleted."""
        return any(self._client.has_capability(name) for name in ("MOVE", "UIDPLUS"))

    def select(self) -> tuple[int, int]:
        """Open the folder; return how many messages are in it, and what their numbers are good for (UIDVALIDITY)."""
        with _edge("the folder cannot be opened", "check inbound.imap.folder"):
            found = self._client.select_folder(self._config.folder)
            return int(found[b"EXISTS"]), int(found.get(b"UIDVALIDITY", 0))

    def waiting(self, first: int, last: int) -> list[Waiting]:
        """Return the messages at these places of the folder, in its order, but for those marked as deleted."""
        with _edge("the folder cannot be read", _AGAIN):
            self._client.use_uid = False
            try:
                found = self._client.fetch(range(first, last + 1), ["UID", "RFC822.SIZE", "FLAGS"])
            finally:
                self._client.use_uid = True
            return [
                Waiting(int(items[b"UID"]), int(items[b"RFC822.SIZE"]))
                for _, items in sorted(found.items())
                if DELETED not in items.get(b"FLAGS", ())
            ]

    def fetch(self, uid: int) -> bytes | None:
        """Return a message, and of one that is too large what is more than may be; None if it is gone.

        It stays as unread as it was.

        Raises:
            OversizedError: the server sends much more than it was asked for; the session is over.
        """
        with _edge("a message cannot be read", _AGAIN):
            try:
                found = self._client.fetch([uid], [f"BODY.PEEK[]<0.{self._max_bytes + 1}>"])
            except LiteralTooLargeError as error:
                raise OversizedError("a message is larger than the server says", hint="it is refused next time") from error
            body = next((value for key, value in found.get(uid, {}).items() if key.startswith(b"BODY[")), None)
            return body if isinstance(body, bytes) else None

    def move_processed(self, uids: Sequence[int]) -> None:
        """Move messages to where stored ones go.

        Raises:
            MoveRefusedError: they stay.
        """
        self._move(uids, self._processed)

    def move_refused(self, uids: Sequence[int]) -> None:
        """Move messages to where those go that are too large.

        Raises:
            MoveRefusedError: they stay.
        """
        self._move(uids, self._refused)

    def wait(self, seconds: float) -> bool:
        """Wait until something happens in the folder, at most so long; return at once, and False, if the server has no IDLE."""
        if not self._client.has_capability("IDLE"):
            return False
        with _edge("it does not wait", _AGAIN):
            if not self._client.is_told_of_more():
                self._client.begin_idle()
                if not self._client.is_told_of_more():
                    self._patience.wait(self._client.is_told_something, seconds)
                self._client.idle_done()
        return True

    def _log_in(self) -> None:
        config = self._config
        secret = config.password
        if secret is None and config.password_file is not None:
            secret = secret_from_file(config.password_file, "inbound.imap.password_file")
        password = "" if secret is None else secret.get_secret_value()
        with _edge("the login failed", "check inbound.imap.username and password_file"):
            # LOGIN takes ASCII only.
            if self._client.has_capability("AUTH=PLAIN"):
                self._client.plain_login(config.username, password)
            else:
                self._client.login(config.username, password)

    def _folder(self, name: str) -> str:
        """Return how the server calls a folder of ours; made if it is missing."""
        with _edge(f"the folder {name!r} cannot be made", "make it yourself, or name another in inbound.imap"):
            names = [name]
            if self._client.has_capability("NAMESPACE"):
                personal = self._client.namespace().personal
                prefix = personal[0][0] if personal else ""
                if prefix and not name.startswith(prefix):
                    names.insert(0, prefix + name)
            for known in names:
                if self._client.folder_exists(known):
                    return known
            self._client.create_folder(names[0])
            return names[0]

    def _move(self, uids: Sequence[int], folder: str) -> None:
        if not uids:
            return
        with _edge("messages cannot be moved", _AGAIN):
            try:
                if self._client.has_capability("MOVE"):
                    self._client.move(uids, folder)
                    return
                self._client.copy(uids, folder)
                self._client.add_flags(uids, DELETED, silent=True)
                # Without UIDPLUS everything that is marked would go, what other people marked too: so it stays, marked.
                if self._client.has_capability("UIDPLUS"):
                    self._client.uid_expunge(uids)
            except IMAPClientAbortError:
                raise
            except IMAPClientError as error:
                hint = f"look at the folder {folder!r} and at the mailbox's quota"
                raise MoveRefusedError("the server does not move messages", hint=hint, said=str(error)) from error


@contextmanager
def _edge(problem: str, hint: str) -> Iterator[None]:
    """Turn what the library and the network raise into ImapError."""
    try:
        yield
    except (NewsletterError, StoppedError):
        raise
    except ssl.SSLCertVerificationError as error:
        hint = "set inbound.imap.host to the name it is for, or inbound.imap.ca_file to who signed it"
        raise ImapError("the server's certificate is not trusted", hint=hint, said=error.verify_message) from error
    except IMAPClientAbortError as error:
        raise ImapError("the session broke off", hint=_AGAIN, said=str(error)) from error
    except IMAPClientError as error:
        raise ImapError(problem, hint=hint, said=str(error)) from error
    except OSError as error:
        raise ImapError(problem, hint=hint, said=error.strerror or str(error)) from error
    except Exception as error:  # the library's parser fails in many ways at what is no IMAP
        raise ImapError(f"{problem}, as the server's answer makes no sense", hint=hint) from error

"""Opening an SMTP connection: connect, greet, secure, log in."""

from __future__ import annotations

import asyncio
import base64
import re
import socket
import ssl
from dataclasses import dataclass

from newsletter.config import RelayConfig
from newsletter.delivery.model import Phase
from newsletter.delivery.transport.errors import SmtpUnavailable
from newsletter.delivery.transport.replies import to_reply
from newsletter.delivery.transport.wire import Wire


async def open_session(config: RelayConfig) -> tuple[Wire, dict[str, str]]:
    """Open a connection as ``config`` asks, ready for the first message.

    The certificate is verified, and there is no fall-back to clear text: what cannot be secured is not used.

    Args:
        config: where to and how; ``password_file`` was read into ``password``.

    Returns:
        The connection, and the extensions the server offers on it: EHLO keyword to parameters, upper case.

    Raises:
        SmtpUnavailable: any step failed; the message says what to check.
    """
    where = f"{config.host}:{config.port}"
    tls = _tls_context(config)
    try:
        async with asyncio.timeout(config.connect_timeout.total_seconds()):
            transport, wire = await asyncio.get_running_loop().create_connection(
                Wire,
                config.host,
                config.port,
                ssl=tls if config.security == "tls" else None,
                server_hostname=config.host if config.security == "tls" else None,
            )
    except ssl.SSLError as error:
        raise _no_tls(where, error, Phase.CONNECT) from error
    except (OSError, TimeoutError) as error:
        why = str(error) or "no answer in time"
        raise SmtpUnavailable(f"{where}: {why}; check smtp.host, smtp.port and the network", phase=Phase.CONNECT) from error
    # The dot is a small packet behind a large one: Nagle's algorithm would hold it back and widen the window of doubt.
    transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        handshake = _Handshake(config, wire, where)
        return wire, await handshake.run(tls)
    except BaseException:
        wire.abort()
        raise


@dataclass(frozen=True, slots=True)
class _Handshake:
    config: RelayConfig
    wire: Wire
    where: str

    async def run(self, tls: ssl.SSLContext | None) -> dict[str, str]:
        await self.wire.expect(220, Phase.CONNECT, within=self.config.reply_timeout)
        extensions = await self._hello()
        if self.config.security == "starttls" and tls is not None:
            await self._start_tls(tls, extensions)
            # What was offered in clear text may have been forged (RFC 3207 section 4.2).
            extensions = await self._hello()
        if self.config.username:
            await self._login(extensions)
        return extensions

    async def _hello(self) -> dict[str, str]:
        name = self._own_name()
        self.wire.write_line(b"EHLO " + name)
        self.wire.allow(self.config.reply_timeout.total_seconds())
        lines = await self.wire.read(Phase.HELLO)
        if lines[0].startswith("5"):
            # RFC 5321 section 3.2: an old server; it has no extensions.
            await self._command(b"HELO " + name, 250, Phase.HELLO)
            return {}
        reply = to_reply(lines)
        if reply.code != 250:
            raise SmtpUnavailable(
                f"{self.where}: the server answered {reply.code} {reply.text} at {Phase.HELLO}", phase=Phase.HELLO
            )
        # Lines read "250-SIZE 10240000"; the first one greets.
        words = [line[4:].upper().split(maxsplit=1) for line in lines[1:]]
        return {parts[0]: parts[1] if len(parts) == 2 else "" for parts in words if parts}

    def _own_name(self) -> bytes:
        name = self.config.helo_name
        if name:
            if not re.fullmatch(r"[A-Za-z0-9._:\[\]-]{1,255}", name):
                raise SmtpUnavailable(f"smtp.helo_name {name!r} is not a host name", phase=Phase.HELLO)
            return name.encode("ascii")
        # No look-up in the DNS: a name with a dot is taken as it is, else the address stands for it (RFC 5321 section 4.1.3).
        name = socket.gethostname()
        if re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", name):
            return name.encode("ascii")
        address = str(self.wire.transport.get_extra_info("sockname")[0]).partition("%")[0]
        return (f"[IPv6:{address}]" if ":" in address else f"[{address}]").encode("ascii")

    async def _start_tls(self, tls: ssl.SSLContext, extensions: dict[str, str]) -> None:
        if "STARTTLS" not in extensions:
            raise SmtpUnavailable(
                f"{self.where}: the server does not offer STARTTLS; set smtp.security to 'tls' (port 465), or mend the server",
                phase=Phase.STARTTLS,
            )
        await self._command(b"STARTTLS", 220, Phase.STARTTLS)
        if not self.wire.is_silent:
            # Put in by somebody on the way, to be taken for an answer over TLS (CVE-2011-0411).
            raise SmtpUnavailable(f"{self.where}: the server went on in clear text after STARTTLS", phase=Phase.STARTTLS)
        try:
            transport = await asyncio.get_running_loop().start_tls(
                self.wire.transport,
                self.wire,
                tls,
                server_hostname=self.config.host,
                ssl_handshake_timeout=self.config.connect_timeout.total_seconds(),
            )
        except ssl.SSLError as error:
            raise _no_tls(self.where, error, Phase.STARTTLS) from error
        except OSError as error:
            raise SmtpUnavailable(f"{self.where}: the TLS handshake broke off ({error})", phase=Phase.STARTTLS) from error
        if transport is None:
            raise SmtpUnavailable(f"{self.where}: the connection ended during the TLS handshake", phase=Phase.STARTTLS)
        self.wire.connection_made(transport)

    async def _login(self, extensions: dict[str, str]) -> None:
        if self.config.security == "none":
            raise SmtpUnavailable("a login needs TLS; set smtp.security to 'starttls' or 'tls'", phase=Phase.AUTH)
        user = self.config.username.encode()
        password = self.config.password.get_secret_value().encode() if self.config.password else b""
        offered = extensions.get("AUTH", "").split()
        if "PLAIN" in offered:
            token = base64.b64encode(b"\0" + user + b"\0" + password)
            await self._command(b"AUTH PLAIN " + token, 235, Phase.AUTH)
        elif "LOGIN" in offered:
            await self._command(b"AUTH LOGIN", 334, Phase.AUTH)
            await self._command(base64.b64encode(user), 334, Phase.AUTH)
            await self._command(base64.b64encode(password), 235, Phase.AUTH)
        else:
            raise SmtpUnavailable(
                f"{self.where}: PLAIN or LOGIN is needed to log in, and the server offers {' '.join(offered) or 'neither'}",
                phase=Phase.AUTH,
            )

    async def _command(self, command: bytes, wanted: int, phase: Phase) -> None:
        self.wire.write_line(command)
        await self.wire.expect(wanted, phase, within=self.config.reply_timeout)


def _tls_context(config: RelayConfig) -> ssl.SSLContext | None:
    if config.security == "none":
        return None
    try:
        return ssl.create_default_context(cafile=config.ca_file)
    except OSError as error:
        raise SmtpUnavailable(f"{config.ca_file}: {error}; check smtp.ca_file", phase=Phase.CONNECT) from error


def _no_tls(where: str, error: ssl.SSLError, phase: Phase) -> SmtpUnavailable:
    why = getattr(error, "verify_message", "") or error.reason or str(error)
    return SmtpUnavailable(
        f"{where}: no secure connection ({why}); check smtp.host against the certificate, smtp.ca_file and smtp.port",
        phase=phase,
    )

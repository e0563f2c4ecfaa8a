"""E-mail over SMTP (RFC 5321), on connections that are kept from one message to the next."""

from __future__ import annotations

import asyncio
import email.policy
import re
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Literal
from urllib.parse import unquote, urlsplit

from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from smsbot.gateways.base import SendInDoubt, SendLater, SendRefused
from smsbot.messages.email_addresses import parse_address

_DEFAULT_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
_ADDRESS = re.compile(r"[^\s@<>]+@[^\s@<>]+")
_WANTS_A_LOGIN = frozenset({530, 534, 535, 538})  # RFC 4954, 6: our settings are wrong, not the message
_START_INPUT, _COMPLETED = 354, 250
_SHUTTING_DOWN = 421  # the server closes the connection (RFC 5321, 3.8), which says nothing about the message
_MARGIN_SECONDS = 5.0
_UNREADABLE = "The mail server's answer could not be read."
_LINE_END = re.compile(rb"\r\n|\r|\n")
_LEADING_DOT = re.compile(rb"(?m)^\.")  # RFC 5321, 4.5.2
# Servers must wait five minutes (RFC 5321, 4.5.3.2). Most of those that wait less still wait longer than this.
_KEEP_IDLE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """The mail server that takes our e-mails.

    `encryption` is None, `tls` (TLS from the first byte) or `starttls`.
    """

    host: str
    port: int
    encryption: Literal["tls", "starttls"] | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)


def smtp_server(url: str) -> SmtpServer:
    """Read `smtp://`, `smtps://` or `smtp+starttls://user:password@host:port`. User and password are percent-encoded.

    Raises ValueError with one sentence. The sentence does not quote the URL, which may contain a password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("an SMTP URL has a port between 1 and 65535") from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError(
            "an SMTP URL is smtp://host:port, smtps://… or smtp+starttls://…, with user:password@ if needed"
        )
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("an SMTP URL ends after the port; in a password, / ? # @ : are percent-encoded")
    encryption: dict[str, Literal["tls", "starttls"]] = {"smtps": "tls", "smtp+starttls": "starttls"}
    return SmtpServer(
        host=parts.hostname,
        port=port or _DEFAULT_PORTS[parts.scheme],
        encryption=encryption.get(parts.scheme),
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )


class Mailer:
    """Hands e-mails to one server, over at most `connections` connections at once.

    `tls` replaces the certificate authorities that the system trusts. Each step, from connecting to the answer after
    the text, may take `seconds`. All steps before the text together, including the wait for a free connection, may take
    `opening_seconds`.
    """

    name = "smtp"

    def __init__(
        self,
        server: SmtpServer,
        *,
        connections: int = 8,
        seconds: float = 20.0,
        opening_seconds: float = 35.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._server = server
        self._seconds = seconds
        self._opening_seconds = opening_seconds
        self._tls = tls
        self._slots = asyncio.Semaphore(connections)
        self._idle: list[tuple[SMTP, float]] = []

    @property
    def longest_send(self) -> float:
        """The most seconds that `send` can take."""
        return self._opening_seconds + self._seconds + _MARGIN_SECONDS

    async def send(self, message: EmailMessage, recipient: str) -> None:
        """Hand over `message`, from the address in its From header, to `recipient`, a bare address.

        The recipient is not taken from the To header, because parsing a header could give another address.

        Raises `SendRefused`, `SendLater` or `SendInDoubt`. Only a failure after the text was sent is in doubt: before
        that, the server cannot have taken the message.
        """
        envelope = _Envelope(message["From"].addresses[0].addr_spec, _bare(recipient))
        policy = email.policy.SMTPUTF8 if envelope.is_international else email.policy.SMTP
        content = message.as_bytes(policy=policy.clone(cte_type="7bit"))
        try:
            async with asyncio.timeout(self._opening_seconds) as opening, self._slots:
                connection = await self._ready_for(envelope)
                with _closing_on_failure(connection):
                    await _open_text(connection)
                    opening.reschedule(None)  # from now on only `seconds` applies
                    await _hand_over(connection, content, self._seconds)
                self._idle.append((connection, time.monotonic()))
        except TimeoutError as error:
            raise SendLater("timeout", "The mail server took too long before it asked for the text.") from error

    async def connect(self) -> None:
        """Connect and sign in, and keep the connection for the next message. Raises `SendLater`."""
        self._idle.append((await self._connect(), time.monotonic()))

    async def close(self) -> None:
        """Close all connections, with QUIT."""
        while self._idle:
            connection, _ = self._idle.pop()
            try:
                await connection.quit(timeout=1.0)
            except SMTPException:
                connection.close()

    async def _ready_for(self, envelope: _Envelope) -> SMTP:
        """A connection on which the server has accepted sender and recipient. The message itself is not sent yet.

        A kept connection may be dead. Then the next one is tried, and the message has not failed.
        """
        while kept := self._take_kept():
            try:
                with _closing_on_failure(kept):
                    await _open(kept, envelope)
            except _ConnectionLost:
                continue
            return kept
        fresh = await self._connect()
        with _closing_on_failure(fresh):
            await _open(fresh, envelope)
        return fresh

    def _take_kept(self) -> SMTP | None:
        while self._idle:
            connection, since = self._idle.pop()
            if connection.is_connected and time.monotonic() - since < _KEEP_IDLE_SECONDS:
                return connection
            connection.close()
        return None

    async def _connect(self) -> SMTP:
        server = self._server
        connection = SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.encryption == "tls",
            start_tls=server.encryption == "starttls",
            username=server.user,
            password=server.password,
            timeout=self._seconds,
            tls_context=self._tls,
        )
        try:
            await connection.connect()
        except SMTPResponseException as answer:  # at the greeting or login, so it is not about the message
            raise SendLater(str(answer.code), "The mail server refuses the connection or the login.") from answer
        except (SMTPException, OSError) as error:
            raise SendLater(type(error).__name__, "The mail server cannot be reached.") from error
        return connection


@dataclass(frozen=True, slots=True)
class _Envelope:
    sender: str
    recipient: str

    @property
    def is_international(self) -> bool:
        """Addresses outside ASCII need the SMTPUTF8 extension (RFC 6531)."""
        return not (self.sender + self.recipient).isascii()


def _bare(recipient: str) -> str:
    """The address with its domain in ASCII, which every server accepts. Raises SendRefused if it is not an address."""
    try:
        if _ADDRESS.fullmatch(recipient):
            return parse_address(recipient).addr_spec
    except ValueError:
        pass
    raise SendRefused("address", "The recipient is not an e-mail address.")


class _ConnectionLost(SendLater):
    """The connection ended before the server could take the message."""

    def __init__(self) -> None:
        super().__init__("disconnected", "The mail server closed the connection.")


async def _open(connection: SMTP, envelope: _Envelope) -> None:
    """Send MAIL and RCPT: sender and recipient."""
    options, encoding = (["SMTPUTF8"], "utf-8") if envelope.is_international else ([], "ascii")
    with _before_the_text():
        if connection.is_ehlo_or_helo_needed:
            await connection.ehlo()
        if envelope.is_international and not connection.supports_extension("smtputf8"):
            raise SendRefused("smtputf8", "The mail server does not accept addresses with accents.")
        try:
            await connection.mail(envelope.sender, options=options, encoding=encoding)
            await connection.rcpt(envelope.recipient, encoding=encoding)
        except ValueError as error:  # aiosmtplib refuses characters that could end the command
            raise SendRefused("address", "The address cannot be written to.") from error


async def _open_text(connection: SMTP) -> None:
    """Send DATA, to which the server answers that it waits for the text."""
    with _before_the_text():
        answer = await connection.execute_command(b"DATA")
        if answer.code != _START_INPUT:
            raise SMTPResponseException(answer.code, answer.message)


async def _hand_over(connection: SMTP, content: bytes, seconds: float) -> None:
    """Send the text and the dot that ends it. If the answer is lost after this point, the message is in doubt."""
    if connection.protocol is None:
        raise _ConnectionLost
    text = _LEADING_DOT.sub(b"..", _LINE_END.sub(b"\r\n", content))
    try:
        # aiosmtplib's `data` sends DATA and the text in one call. After a time-out we would not know which one failed.
        connection.protocol.write(text + (b"" if text.endswith(b"\r\n") else b"\r\n") + b".\r\n")
        answer = await connection.protocol.read_response(timeout=seconds)
    except SMTPResponseException as unreadable:
        raise SendInDoubt(str(unreadable.code), _UNREADABLE, answered=True) from unreadable
    except (SMTPException, OSError) as error:
        raise SendInDoubt(type(error).__name__, "The mail server did not answer after the text.") from error
    if answer.code == _COMPLETED:
        return
    raise _refusal(answer.code) or SendInDoubt(str(answer.code), _UNREADABLE, answered=True)


@contextmanager
def _before_the_text() -> Iterator[None]:
    """Turns errors before the text into SendLater or SendRefused, never into doubts: the server has no text yet."""
    try:
        yield
    except SMTPResponseException as answer:
        if answer.code == _SHUTTING_DOWN:
            raise _ConnectionLost from answer
        raise (_refusal(answer.code) or SendLater(str(answer.code), _UNREADABLE)) from answer
    except (SMTPException, OSError) as error:
        raise _ConnectionLost from error


def _refusal(code: int) -> SendLater | SendRefused | None:
    """The error for this code (RFC 5321, 4.2.1: 4yz is temporary, 5yz is permanent); None if it is not a refusal.

    The server's own words are left out, because they quote the address.
    """
    if code in _WANTS_A_LOGIN:
        return SendLater(str(code), "The mail server asks for another login: see SMSBOT_SMTP_URL.")
    if 400 <= code < 500:
        return SendLater(str(code), f"The mail server answered {code}: not now.")
    if 500 <= code < 600:
        return SendRefused(str(code), f"The mail server answered {code}: refused.")
    return None


@contextmanager
def _closing_on_failure(connection: SMTP) -> Iterator[None]:
    """Close the connection on any error, because we do not know at which step of the dialogue the server is then."""
    try:
        yield
    except BaseException:
        connection.close()
        raise

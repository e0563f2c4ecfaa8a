"""A stand-in for an SMTP server (aiosmtpd): takes every e-mail, keeps it parsed and in order, and fails on demand."""

from __future__ import annotations

import asyncio
import email
import email.policy
import ssl
import threading
import time
from collections import deque
from dataclasses import dataclass
from email.message import EmailMessage
from types import TracebackType
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from smsbot.demo.stand_ins.loop_thread import LOOPBACK, LoopThread, loopback_socket


@dataclass(frozen=True, slots=True)
class ReceivedMail:
    """One e-mail as it was taken: the addresses of the envelope, and the parsed message."""

    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage


@dataclass(frozen=True, slots=True)
class MailFault:
    """What goes wrong with one e-mail.

    `stage` is the command at which it happens, `MAIL`, `RCPT` or `DATA` (after the text has come). `reply` is the line
    that is answered in place of 250; with None and `hangs_seconds` the usual answer comes late. `takes` keeps the
    e-mail all the same, `cuts` closes the connection without an answer.
    """

    stage: str
    reply: str | None = None
    hangs_seconds: float = 0.0
    takes: bool = False
    cuts: bool = False


class SmtpStandIn:
    """The server. Use it as a context manager, or `start` and `stop` it; `url` is for `SMSBOT_SMTP_URL`.

    With `credentials` (user, password) it takes mail only after that login. With `tls` it uses TLS from the first byte
    (`smtps`); with `starttls` too, it uses and requires STARTTLS.
    """

    def __init__(
        self,
        *,
        credentials: tuple[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        starttls: bool = False,
    ) -> None:
        self._credentials = credentials
        self._tls = tls
        self._starttls = starttls
        self._faults: deque[MailFault] = deque()
        self._messages: list[ReceivedMail] = []
        self._arrived = threading.Condition()
        self._thread = LoopThread("smtp-stand-in")
        self._server: asyncio.Server | None = None
        self.connections = 0
        self.port = 0

    @property
    def url(self) -> str:
        scheme = "smtp" if self._tls is None else "smtp+starttls" if self._starttls else "smtps"
        login = "" if self._credentials is None else "{}:{}@".format(*self._credentials)
        return f"{scheme}://{login}{LOOPBACK}:{self.port}"

    @property
    def messages(self) -> list[ReceivedMail]:
        """All e-mails taken so far, oldest first."""
        with self._arrived:
            return list(self._messages)

    def wait_for(self, count: int, seconds: float = 10.0) -> list[ReceivedMail]:
        """Wait until `count` e-mails were taken, and return them. Raises `TimeoutError` after `seconds`."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self._messages) >= count, seconds):
                raise TimeoutError(f"{len(self._messages)} of {count} e-mails after {seconds} s")
            return list(self._messages)

    def fail(self, fault: MailFault, times: int = 1) -> None:
        """Let the next `times` e-mails that reach the fault's stage meet it."""
        self._faults.extend([fault] * times)

    def start(self, port: int = 0) -> SmtpStandIn:
        self._thread.start()
        self._thread.submit(self._listen(port)).result()
        return self

    def stop(self) -> None:
        self._thread.submit(self._close()).result()
        self._thread.stop()

    def __enter__(self) -> SmtpStandIn:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def _listen(self, port: int) -> None:
        listening = loopback_socket(port)
        self.port = listening.getsockname()[1]
        implicit = None if self._starttls else self._tls
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._session, sock=listening, ssl=implicit)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()

    def _session(self) -> SMTP:
        self.connections += 1
        return SMTP(
            _Handler(self),
            hostname="localhost",
            enable_SMTPUTF8=True,
            tls_context=self._tls if self._starttls else None,
            require_starttls=self._starttls,
            auth_require_tls=False,
            authenticator=self._authenticate if self._credentials else None,
        )

    def _authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, login: Any) -> AuthResult:
        given = (login.login.decode(), login.password.decode()) if isinstance(login, LoginPassword) else None
        return AuthResult(success=given == self._credentials, handled=False)

    def admits(self, session: Session) -> bool:
        return self._credentials is None or bool(session.authenticated)

    def take(self, mail: ReceivedMail) -> None:
        with self._arrived:
            self._messages.append(mail)
            self._arrived.notify_all()

    def next_fault(self, stage: str) -> MailFault | None:
        return self._faults.popleft() if self._faults and self._faults[0].stage == stage else None


class _Handler:
    """aiosmtpd's hooks. There is one for each stage; each returns the line to send."""

    def __init__(self, stand_in: SmtpStandIn) -> None:
        self._stand_in = stand_in

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not self._stand_in.admits(session):
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return await self._answer(server, "MAIL", "250 OK")

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        reply = await self._answer(server, "RCPT", "250 OK")
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        message = email.message_from_bytes(content, _class=EmailMessage, policy=email.policy.default)
        mail = ReceivedMail(envelope.mail_from or "", tuple(envelope.rcpt_tos), message)
        return await self._answer(server, "DATA", f"250 OK {time.monotonic_ns()}", mail)

    async def _answer(self, server: SMTP, stage: str, ordinary: str, mail: ReceivedMail | None = None) -> str:
        fault = self._stand_in.next_fault(stage)
        if mail is not None and (fault is None or fault.takes or (fault.reply is None and not fault.cuts)):
            self._stand_in.take(mail)
        if fault is None:
            return ordinary
        await asyncio.sleep(fault.hangs_seconds)
        if fault.cuts and isinstance(server.transport, asyncio.WriteTransport):
            server.transport.abort()
        return fault.reply or ordinary

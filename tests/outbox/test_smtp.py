"""SMTP: the URL, the dialogue with a real server (aiosmtpd), and what each of its answers says of the message."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from smsbot.demo.stand_ins.loop_thread import LOOPBACK, loopback_socket
from smsbot.demo.stand_ins.mail_stand_in import MailFault, SmtpStandIn
from smsbot.gateways.base import SendError, SendInDoubt, SendLater, SendRefused
from smsbot.outbox.smtp import Mailer, SmtpServer, smtp_server
from smsbot.outbox.transports import by_mail
from tests.lines import every_line

# A key and certificate for localhost and 127.0.0.1 that nothing but these tests trusts.
LOOPBACK_PEM = Path(__file__).parent / "loopback.pem"


USAGER = "usager@example.fr"


def receipt(body: str = "Votre RDV est annulé.") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "RDV Solidarités <rdv@example.org>"
    message["To"] = USAGER
    message["Subject"] = "Rendez-vous annulé"
    message["Message-ID"] = "<outgoing-7.1@example.org>"
    message.set_content(body)
    return message


class TestUrl:
    @every_line(
        ("url", "server"),
        [
            ("smtp://localhost:1025", SmtpServer("localhost", 1025)),
            ("smtp://mail.example.fr", SmtpServer("mail.example.fr", 25)),
            ("smtps://mail.example.fr", SmtpServer("mail.example.fr", 465, "tls")),
            ("smtp+starttls://mail.example.fr/", SmtpServer("mail.example.fr", 587, "starttls")),
            (
                "smtp+starttls://rdv%40example.fr:p%40ss%3A%2F%23@mail.example.fr:2525",
                SmtpServer("mail.example.fr", 2525, "starttls", "rdv@example.fr", "p@ss:/#"),
            ),
            ("smtp://user@[::1]:25", SmtpServer("::1", 25, None, "user")),
        ],
    )
    def test_what_is_read(self, url: str, server: SmtpServer) -> None:
        assert smtp_server(url) == server

    @every_line(
        "url",
        [
            "",
            "localhost:1025",
            "http://localhost",
            "smtp://",
            "smtp://host:port",
            "smtp://host:99999",
            "smtp://user:se/cret@host",
            "smtp://user:se#cret@host",
            "smtp://host/path",
            "smtp://[::1",
        ],
    )
    def test_what_is_not_is_told_without_the_password(self, url: str) -> None:
        with pytest.raises(ValueError, match="an SMTP URL") as raised:
            smtp_server(url)
        assert "cret" not in str(raised.value)

    def test_the_password_is_not_shown(self) -> None:
        assert "secret" not in repr(smtp_server("smtp://user:secret@host"))


@pytest.fixture
def server() -> Iterator[SmtpStandIn]:
    with SmtpStandIn() as running:
        yield running


@pytest.fixture
async def mailer(server: SmtpStandIn) -> AsyncIterator[Mailer]:
    one = Mailer(smtp_server(server.url), seconds=2.0)
    yield one
    await one.close()


@pytest.mark.anyio
class TestDialogue:
    async def test_it_arrives_as_it_was_written(self, mailer: Mailer, server: SmtpStandIn) -> None:
        body = "Votre RDV est annulé.\n.\n.. un point\nŒuvre 😀\n" + "x" * 2000
        await mailer.send(receipt(body), USAGER)
        mail = server.wait_for(1)[0]
        assert (mail.sender, mail.recipients) == ("rdv@example.org", ("usager@example.fr",))
        assert mail.message["Subject"] == "Rendez-vous annulé"
        assert mail.message["From"] == "RDV Solidarités <rdv@example.org>"
        assert mail.message["Message-ID"] == "<outgoing-7.1@example.org>"
        assert mail.message.get_content().splitlines() == body.splitlines()

    async def test_one_connection_serves_many(self, mailer: Mailer, server: SmtpStandIn) -> None:
        for _ in range(5):
            await mailer.send(receipt(), USAGER)
        assert len(server.messages) == 5
        assert server.connections == 1

    async def test_many_at_once_have_one_each_and_no_more_than_allowed(self, server: SmtpStandIn) -> None:
        mailer = Mailer(smtp_server(server.url), connections=3)
        await asyncio.gather(*(mailer.send(receipt(), f"u{n}@example.fr") for n in range(12)))
        await mailer.close()
        assert sorted(mail.recipients[0] for mail in server.messages) == sorted(f"u{n}@example.fr" for n in range(12))
        assert server.connections <= 3

    async def test_an_address_with_accents(self, mailer: Mailer, server: SmtpStandIn) -> None:
        await mailer.send(receipt(), "zoé@exemple.fr")
        assert server.wait_for(1)[0].recipients == ("zoé@exemple.fr",)

    @pytest.mark.parametrize(
        "address",
        [
            "nobody",
            "a b@example.fr",
            "",
            "<>",
            "x@y\u2028z.fr",
            "a@b.fr, c@d.fr",
            "<a@b.fr>",
            "a@b.fr\r\nRCPT TO:<c@d.fr>",
        ],
    )
    async def test_an_address_that_is_none_is_refused(self, mailer: Mailer, server: SmtpStandIn, address: str) -> None:
        with pytest.raises(SendRefused):
            await mailer.send(receipt(), address)
        assert server.messages == []

    async def test_a_dead_kept_connection_is_replaced(self, mailer: Mailer, server: SmtpStandIn) -> None:
        await mailer.send(receipt(), USAGER)
        server.fail(MailFault("MAIL", cuts=True))
        await mailer.send(receipt(), USAGER)
        server.fail(MailFault("MAIL", reply="421 4.4.2 Idle for too long"))
        await mailer.send(receipt(), USAGER)
        assert len(server.messages) == 3

    async def test_a_server_that_came_back_is_found_again(self) -> None:
        first = SmtpStandIn().start()
        mailer = Mailer(smtp_server(first.url), seconds=2.0)
        await mailer.send(receipt(), USAGER)
        first.stop()
        with pytest.raises(SendLater):
            await mailer.send(receipt(), USAGER)
        with SmtpStandIn() as second:
            mailer._server = smtp_server(second.url)
            await mailer.send(receipt(), USAGER)
            assert len(second.messages) == 1
            await mailer.close()


@pytest.mark.anyio
class TestAnswers:
    @pytest.mark.parametrize(
        ("fault", "kind", "code", "taken"),
        [
            (MailFault("MAIL", reply="451 4.3.0 Later"), SendLater, "451", 0),
            (MailFault("MAIL", reply="421 4.3.2 Going down"), SendLater, "disconnected", 0),
            (MailFault("MAIL", reply="550 5.7.1 Not you"), SendRefused, "550", 0),
            (MailFault("MAIL", cuts=True), SendLater, "disconnected", 0),
            (MailFault("RCPT", reply="450 4.2.0 Greylisted"), SendLater, "450", 0),
            (MailFault("RCPT", reply="550 5.1.1 usager@example.fr unknown"), SendRefused, "550", 0),
            (MailFault("RCPT", cuts=True), SendLater, "disconnected", 0),
            (MailFault("RCPT", hangs_seconds=9), SendLater, "disconnected", 0),
            (MailFault("MAIL", reply="299 Hm"), SendLater, "299", 0),
            (MailFault("RCPT", reply="299 Hm"), SendLater, "299", 0),
            (MailFault("DATA", reply="452 4.3.1 Full"), SendLater, "452", 0),
            (MailFault("DATA", reply="554 5.6.0 Spam"), SendRefused, "554", 0),
            (MailFault("DATA", cuts=True), SendInDoubt, "SMTPServerDisconnected", 0),
            (MailFault("DATA", cuts=True, takes=True), SendInDoubt, "SMTPServerDisconnected", 1),
            (MailFault("DATA", hangs_seconds=9), SendInDoubt, "SMTPReadTimeoutError", 1),
            (MailFault("DATA", reply="299 Hm"), SendInDoubt, "299", 0),
        ],
    )
    async def test_each(
        self, server: SmtpStandIn, fault: MailFault, kind: type[SendError], code: str, taken: int
    ) -> None:
        mailer = Mailer(smtp_server(server.url), seconds=0.5)
        server.fail(fault)
        with pytest.raises(SendError) as raised:
            await mailer.send(receipt(), USAGER)
        assert isinstance(raised.value, kind)
        assert raised.value.code == code
        assert "usager" not in raised.value.sentence
        assert len(server.messages) == taken
        await mailer.send(receipt(), USAGER)
        assert len(server.messages) == taken + 1
        await mailer.close()

    async def test_nobody_there(self) -> None:
        with pytest.raises(SendLater, match="cannot be reached"):
            await Mailer(smtp_server("smtp://127.0.0.1:9")).send(receipt(), USAGER)

    async def test_a_server_that_says_nothing(self) -> None:
        listening = loopback_socket()
        mailer = Mailer(smtp_server(f"smtp://{LOOPBACK}:{listening.getsockname()[1]}"), seconds=0.2)
        with pytest.raises(SendLater, match="cannot be reached"):
            await mailer.send(receipt(), USAGER)
        listening.close()

    async def test_a_cancelled_send_does_not_spoil_the_next(self, mailer: Mailer, server: SmtpStandIn) -> None:
        await mailer.send(receipt(), USAGER)
        server.fail(MailFault("DATA", hangs_seconds=1))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await mailer.send(receipt(), "first@example.fr")
        await mailer.send(receipt(), "second@example.fr")
        assert server.messages[-1].recipients == ("second@example.fr",)


class StallingServer(SMTP):
    """A mail server that stops answering at one step; `after_the_dot` tells whether a whole text has reached it."""

    def __init__(self, stalls_at: str) -> None:
        context = server_tls()
        super().__init__(
            self,
            hostname="localhost",
            tls_context=context,
            auth_require_tls=False,
            authenticator=lambda *_: AuthResult(success=True, handled=True),
        )
        self._stalls_at = stalls_at
        self.after_the_dot = False

    async def _stall(self, step: str) -> None:
        if step == self._stalls_at:
            await asyncio.Event().wait()

    async def _handle_client(self) -> None:
        await self._stall("greeting")
        await super()._handle_client()

    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: N802 - aiosmtpd's names, here and below
        await self._stall("EHLO")
        await super().smtp_EHLO(hostname)

    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802
        await self._stall("STARTTLS")
        await super().smtp_STARTTLS(arg)

    async def smtp_AUTH(self, arg: str) -> None:  # noqa: N802
        await self._stall("AUTH")
        await super().smtp_AUTH(arg)

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        await self._stall("MAIL")
        await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802
        await self._stall("RCPT")
        await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        await self._stall("DATA")
        await super().smtp_DATA(arg)

    async def handle_DATA(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802
        self.after_the_dot = True
        await self._stall("after the dot")
        return "250 OK"


@asynccontextmanager
async def stalling_at(step: str) -> AsyncIterator[tuple[str, list[StallingServer]]]:
    """A server's URL, and its connections."""
    connections: list[StallingServer] = []

    def session() -> StallingServer:
        connections.append(StallingServer(step))
        return connections[-1]

    listening = loopback_socket()
    async with await asyncio.get_running_loop().create_server(session, sock=listening):
        yield f"smtp+starttls://rdv:secret@{LOOPBACK}:{listening.getsockname()[1]}", connections
        for connection in connections:
            if isinstance(connection.transport, asyncio.WriteTransport):
                connection.transport.abort()


BEFORE_THE_TEXT = ("greeting", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA")
A_MOMENT, FOR_EVER = 0.3, 3600.0


@pytest.mark.anyio
class TestAServerThatStopsAnswering:
    @pytest.mark.parametrize("step", BEFORE_THE_TEXT)
    @pytest.mark.parametrize(
        "patience",
        [{"seconds": A_MOMENT}, {"seconds": FOR_EVER, "opening_seconds": A_MOMENT}],
        ids=["one step too slow", "all steps together too slow"],
    )
    async def test_before_the_text_nothing_was_taken(self, step: str, patience: dict[str, Any]) -> None:
        async with stalling_at(step) as (url, connections):
            mailer = Mailer(smtp_server(url), tls=client_tls(), **patience)
            with pytest.raises(SendLater):
                await mailer.send(receipt(), USAGER)
            assert not any(connection.after_the_dot for connection in connections)
            await mailer.close()

    async def test_after_the_text_it_may_have_been_taken(self) -> None:
        async with stalling_at("after the dot") as (url, connections):
            mailer = Mailer(smtp_server(url), tls=client_tls(), seconds=1.0)
            with pytest.raises(SendInDoubt):
                await mailer.send(receipt(), USAGER)
            assert [connection.after_the_dot for connection in connections] == [True]
            await mailer.close()

    async def test_who_waits_for_a_free_connection_has_handed_nothing_over(self) -> None:
        async with stalling_at("after the dot") as (url, connections):
            mailer = Mailer(smtp_server(url), connections=1, tls=client_tls())
            first = asyncio.create_task(mailer.send(receipt(), USAGER))
            while not any(connection.after_the_dot for connection in connections):
                await asyncio.sleep(0.01)
            mailer._opening_seconds = A_MOMENT
            with pytest.raises(SendLater):
                await mailer.send(receipt(), "second@example.fr")
            first.cancel()
            await asyncio.wait([first])
            await mailer.close()

    async def test_delivery_never_has_to_break_off(self) -> None:
        """It would take that for a doubt, wherever in the dialogue the e-mail was."""
        mailer = Mailer(SmtpServer("localhost", 25), seconds=7.0, opening_seconds=11.0)
        assert by_mail(mailer).send_seconds > 7.0 + 11.0


def client_tls() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(LOOPBACK_PEM))


def server_tls() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(LOOPBACK_PEM)
    return context


@pytest.mark.anyio
class TestLoginAndEncryption:
    @pytest.mark.parametrize(
        "start",
        [
            lambda: SmtpStandIn(credentials=("rdv", "secret")),
            lambda: SmtpStandIn(credentials=("rdv", "secret"), tls=server_tls()),
            lambda: SmtpStandIn(credentials=("rdv", "secret"), tls=server_tls(), starttls=True),
        ],
        ids=["plain", "tls", "starttls"],
    )
    async def test_the_right_password_opens(self, start: Callable[[], SmtpStandIn]) -> None:
        with start() as server:
            mailer = Mailer(smtp_server(server.url), tls=client_tls())
            await mailer.send(receipt(), USAGER)
            await mailer.send(receipt(), USAGER)
            await mailer.close()
            assert len(server.messages) == 2
            assert server.connections == 1
            mailer = Mailer(smtp_server(server.url.replace("secret", "wrong")), tls=client_tls())
            with pytest.raises(SendLater, match="login"):
                await mailer.send(receipt(), USAGER)
            assert len(server.messages) == 2

    async def test_without_a_login_nothing_is_taken_where_one_is_asked_for(self) -> None:
        with SmtpStandIn(credentials=("rdv", "secret")) as server:
            with pytest.raises(SendLater, match="530"):
                await Mailer(smtp_server(f"smtp://{LOOPBACK}:{server.port}")).send(receipt(), USAGER)
            assert server.messages == []

    async def test_an_unknown_certificate_is_not_trusted(self) -> None:
        with SmtpStandIn(tls=server_tls()) as server:
            with pytest.raises(SendLater, match="cannot be reached"):
                await Mailer(smtp_server(server.url)).send(receipt(), USAGER)
            assert server.messages == []

    async def test_starttls_is_insisted_on(self, server: SmtpStandIn) -> None:
        url = server.url.replace("smtp://", "smtp+starttls://")
        with pytest.raises(SendLater):
            await Mailer(smtp_server(url), tls=client_tls()).send(receipt(), USAGER)
        assert server.messages == []

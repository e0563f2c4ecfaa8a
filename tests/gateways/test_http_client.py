"""The HTTP client of the gateways, over real sockets: connections, requests, and what a broken exchange means."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from pathlib import Path
from typing import TypeAlias

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from smsbot.demo.stand_ins.loop_thread import LOOPBACK, loopback_socket
from smsbot.gateways.base import OutgoingSms, SendInDoubt, SendLater
from smsbot.gateways.described import DescribedGateway
from smsbot.gateways.http import (
    Http,
    HttpAnswer,
    NoAnswer,
    basic_authorization,
    check_request,
    open_http,
    retry_after,
    without_answer,
)
from smsbot.policy.gateways import GatewayTable
from tests.lines import every_line

pytestmark = pytest.mark.anyio

NOWHERE = "nowhere.example.fr"  # no resolver knows it, so it can only be reached through a proxy
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
METHODS = ["POST", "PUT", "GET"]  # the methods that a description may have

Step: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Request:
    """One request, read from its bytes."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def values(self, name: str) -> list[str]:
        return [value for each, value in self.headers if each.lower() == name.lower()]


@dataclass
class Peer:
    """A server on loopback, and the requests that it got."""

    port: int
    scheme: str = "http"
    connections: int = 0
    requests: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{LOOPBACK}:{self.port}"

    async def has_read(self, requests: int) -> None:
        async with asyncio.timeout(10):
            while len(self.requests) < requests:
                await asyncio.sleep(0.005)


class Cut(Exception):
    """The peer closes the connection."""


def says(content: bytes, *, then_cuts: bool = False) -> Step:
    async def step(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(content)
        await writer.drain()
        if then_cuts:
            raise Cut

    return step


async def cuts(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    raise Cut


async def resets(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reset the connection, as happens if the peer's process is killed."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    raise Cut


async def hangs(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()  # returns when the client closes


async def read_request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    method, target, _version = first.split(" ")
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    request = Request(method, target, headers, b"")
    for length in request.values("Content-Length"):
        request.body = await reader.readexactly(int(length))
    return request


@asynccontextmanager
async def peer_that(*steps: Step, tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    """A peer that reads each request, then does the next of these steps. The last step is repeated."""
    following = chain(steps, repeat(steps[-1]))
    listening = loopback_socket()
    peer = Peer(listening.getsockname()[1], "http" if tls is None else "https")
    open_now: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer.connections += 1
        open_now.add(writer)
        with suppress(Cut, OSError, asyncio.IncompleteReadError):  # IncompleteReadError: the client has closed
            while True:
                peer.requests.append(await read_request(reader))
                await next(following)(reader, writer)
        open_now.discard(writer)
        writer.close()

    server = await asyncio.start_server(serve, sock=listening, ssl=tls)
    try:
        yield peer
    finally:
        server.close()
        for writer in open_now:
            writer.close()


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with open_http() as opened:
        yield opened


@pytest.fixture(autouse=True)
def _no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def post(http: Http, url: str) -> HttpAnswer:
    return await http.request("POST", url, {"Content-Type": "text/plain"}, b"RDV")


async def no_answer(http: Http, url: str, method: str = "POST") -> NoAnswer:
    with pytest.raises(NoAnswer) as raised:
        await http.request(method, url, {}, None if method == "GET" else b"RDV")
    return raised.value


def told(error: NoAnswer) -> tuple[str, bool]:
    return error.code, error.nothing_written


class TestConnections:
    async def test_they_are_kept_and_bounded(self) -> None:
        at_once = most_at_once = 0

        async def answers_after_a_moment(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal at_once, most_at_once
            at_once += 1
            most_at_once = max(most_at_once, at_once)
            await asyncio.sleep(0.01)
            at_once -= 1
            writer.write(OK)

        async with peer_that(answers_after_a_moment) as peer, open_http(connections=3) as http:
            for _ in range(3):
                assert (await post(http, peer.url)).content == b"ok"
            assert peer.connections == 1
            await asyncio.gather(*(post(http, peer.url) for _ in range(12)))
        assert (peer.connections, most_at_once, len(peer.requests)) == (3, 3, 15)

    async def test_one_that_the_peer_closed_meanwhile_is_not_used_again(self, http: Http) -> None:
        async with peer_that(says(OK, then_cuts=True)) as peer:
            for number in range(1, 3):
                assert (await post(http, peer.url)).content == b"ok"
                await asyncio.sleep(0.1)  # so that the end of the connection arrives
                assert peer.connections == number

    async def test_one_that_was_idle_for_long_is_not_used_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("smsbot.gateways.http._KEEP_IDLE_SECONDS", 0.05)
        async with peer_that(says(OK)) as peer, open_http() as http:
            await post(http, peer.url)
            await asyncio.sleep(0.1)
            await post(http, peer.url)
            assert peer.connections == 2

    async def test_waiting_for_a_free_one_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("smsbot.gateways.http.CONNECT_SECONDS", 0.25)
        async with peer_that(hangs) as peer, open_http(connections=1) as http:
            busy = asyncio.create_task(post(http, peer.url))
            await peer.has_read(1)
            assert told(await no_answer(http, peer.url)) == ("TimeoutError", True)
            busy.cancel()
            with pytest.raises(asyncio.CancelledError):
                await busy
            assert len(peer.requests) == 1

    async def test_they_are_closed_at_the_end(self) -> None:
        closed = asyncio.Event()

        async def sees_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(OK)
            if await reader.read() == b"":
                closed.set()

        async with peer_that(sees_the_end) as peer:
            async with open_http() as http:
                await post(http, peer.url)
                assert not closed.is_set()
            async with asyncio.timeout(10):
                await closed.wait()


class TestRequest:
    @pytest.mark.parametrize(
        ("written", "target"),
        [
            ("/sms", "/sms"),
            ("/a%2Bb/%E9?t=%E9%27'+%20%2b~", "/a%2Bb/%E9?t=%E9%27'+%20%2b~"),
            ("/send?pro=1&to=0033612345678&message=RDV+%E0+14h30+%26+%25+%A4", None),
            ("/a/../b//c;d?x=a&x=b;c=(1),*!$:@/?", None),
            ("/%2e%2E/%7Euser?a=%2F&b=%3d&c", None),
            ("?text=x", "/?text=x"),
            ("", "/"),
        ],
    )
    async def test_the_address_is_sent_as_it_is_written(self, http: Http, written: str, target: str | None) -> None:
        async with peer_that(says(OK)) as peer:
            await http.request("GET", f"{peer.url}{written}", {})
            assert [request.target for request in peer.requests] == [written if target is None else target]

    @pytest.mark.parametrize("method", METHODS)
    async def test_headers_and_body_are_the_callers(self, http: Http, method: str) -> None:
        body = None if method == "GET" else "é€ \0".encode()
        headers = {"X-Key": "k & é".encode().hex(), "authorization": basic_authorization("usér", "a:b")}
        async with peer_that(says(OK)) as peer:
            await http.request(method, f"{peer.url}/sms", headers, body)
            [request] = peer.requests
        assert (request.method, request.body) == (method, body or b"")
        for name, value in headers.items():
            assert request.values(name) == [value]
        assert request.values("Host") == [f"{LOOPBACK}:{peer.port}"]
        assert request.values("User-Agent") == ["smsbot"]
        assert not request.values("Transfer-Encoding")

    async def test_a_header_of_the_caller_goes_before_ours(self, http: Http) -> None:
        async with peer_that(says(OK)) as peer:
            await http.request("POST", peer.url, {"user-agent": "mine", "content-type": "text/xml"}, b"x")
            [request] = peer.requests
        assert (request.values("User-Agent"), request.values("Content-Type")) == (["mine"], ["text/xml"])

    async def test_sixty_four_at_once_each_get_their_own_answer(self, http: Http) -> None:
        async with peer_that(says(OK)) as peer:
            await asyncio.gather(*(http.request("POST", peer.url, {}, b"%d" % number) for number in range(64)))
            assert sorted(int(request.body) for request in peer.requests) == list(range(64))


class TestAnswer:
    async def test_headers_are_asked_for_in_any_case_and_the_first_of_a_name_counts(self, http: Http) -> None:
        answer = (
            b"HTTP/1.1 429 Slow down\r\nretry-AFTER: 7\r\nDate: Mon, 04 May 2026 10:00:30 GMT\r\nRetry-After: 9\r\n"
            b"Content-Length: 4\r\n\r\nslow"
        )
        async with peer_that(says(answer)) as peer:
            got = await post(http, peer.url)
        assert (got.status, got.content, got.is_success) == (429, b"slow", False)
        assert [got.headers[name] for name in ("Retry-After", "retry-after", "RETRY-AFTER")] == ["7", "7", "7"]
        assert got.headers.get("date") == "Mon, 04 May 2026 10:00:30 GMT"
        assert got.headers.get("x-none") is None

    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_a_redirection_is_not_followed(self, http: Http, status: int, method: str) -> None:
        moved = f"HTTP/1.1 {status} Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".encode()
        async with peer_that(says(moved)) as peer:
            answer = await http.request(method, peer.url, {})
            assert len(peer.requests) == 1
        assert (answer.status, answer.headers["location"], answer.is_success) == (status, "/elsewhere", False)

    async def test_a_cookie_is_not_kept(self, http: Http) -> None:
        bakes = b"HTTP/1.1 200 OK\r\nSet-Cookie: session=1; Path=/\r\nContent-Length: 0\r\n\r\n"
        async with peer_that(says(bakes)) as peer:
            for _ in range(2):
                await post(http, peer.url)
            assert [request.values("Cookie") for request in peer.requests] == [[], []]

    @pytest.mark.parametrize(
        ("content", "status", "body"),
        [
            (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, b"ok"),
            (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"ok"),
            (b"HTTP/1.0 200 OK\r\n\r\nuntil its end", 200, b"until its end"),
            (b"HTTP/1.1 502 \r\n\r\n<html>", 502, b"<html>"),
        ],
    )
    async def test_each_way_to_end_a_body(self, http: Http, content: bytes, status: int, body: bytes) -> None:
        async with peer_that(says(content, then_cuts=True)) as peer:
            answer = await post(http, peer.url)
        assert (answer.status, answer.content) == (status, body)


@dataclass(frozen=True)
class Tls:
    """TLS for a server with a certificate of its own, and for a client that trusts it."""

    server: ssl.SSLContext
    client: ssl.SSLContext


def tls_for(name: x509.GeneralName, folder: Path) -> Tls:
    key = ec.generate_private_key(ec.SECP256R1())
    itself = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "smsbot test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(itself, itself, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both = folder / "server.pem"
    both.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(both)
    return Tls(server, ssl.create_default_context(cafile=both))


class TestTls:
    HERE = x509.IPAddress(ipaddress.ip_address(LOOPBACK))
    THERE = x509.DNSName(NOWHERE)

    @pytest.fixture
    def trust(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[Tls], None]:
        """Lets aiohttp trust a certificate.

        It must replace aiohttp's own context, which is made when aiohttp is imported.
        """
        return lambda tls: monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", tls.client)

    async def test_a_trusted_peer_is_asked_and_its_connection_kept(
        self, http: Http, tmp_path: Path, trust: Callable[[Tls], None]
    ) -> None:
        trust(tls := tls_for(self.HERE, tmp_path))
        async with peer_that(says(OK), says(OK), cuts, tls=tls.server) as peer:
            for _ in range(2):
                assert (await post(http, peer.url)).content == b"ok"
            assert told(await no_answer(http, peer.url, "GET")) == ("ServerDisconnectedError", False)
            assert (peer.connections, len(peer.requests)) == (1, 3)

    @pytest.mark.parametrize("trusted", [True, False], ids=["another name", "not trusted"])
    async def test_a_wrong_certificate_is_shown_nothing(
        self, http: Http, tmp_path: Path, trust: Callable[[Tls], None], trusted: bool
    ) -> None:
        tls = tls_for(self.THERE if trusted else self.HERE, tmp_path)
        if trusted:
            trust(tls)
        async with peer_that(says(OK), tls=tls.server) as peer:
            assert told(await no_answer(http, peer.url)) == ("ClientConnectorCertificateError", True)
            assert peer.requests == []

    async def test_a_proxys_tunnel_is_kept_and_what_breaks_in_it_is_a_doubt(
        self, http: Http, tmp_path: Path, trust: Callable[[Tls], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        trust(tls := tls_for(self.THERE, tmp_path))
        async with peer_that(says(OK), says(OK), cuts, tls=tls.server) as peer:

            async def passes_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                far_reader, far_writer = await asyncio.open_connection(LOOPBACK, peer.port)
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
                raise Cut

            async with peer_that(passes_on) as proxy:
                monkeypatch.setenv("https_proxy", f"http://user:password@{LOOPBACK}:{proxy.port}")
                for _ in range(2):
                    assert (await http.request("GET", f"https://{NOWHERE}/a?t=%E9", {})).content == b"ok"
                assert told(await no_answer(http, f"https://{NOWHERE}/a?t=%E9", "GET")) == (
                    "ServerDisconnectedError",
                    False,
                )
                [connect] = proxy.requests
        assert [request.target for request in peer.requests] == ["/a?t=%E9"] * 3
        assert not any(request.values("Proxy-Authorization") for request in peer.requests)
        assert connect.values("Proxy-Authorization") == [basic_authorization("user", "password")]


async def pump(source: asyncio.StreamReader, drain: asyncio.StreamWriter) -> None:
    while content := await source.read(65536):
        drain.write(content)
    drain.close()


class TestNotConnected:
    """Nothing was sent, so each of these is tried again without a doubt."""

    async def test_refused(self, http: Http) -> None:
        with socket.create_server((LOOPBACK, 0)) as closed_soon:
            port = closed_soon.getsockname()[1]
        assert told(await no_answer(http, f"http://{LOOPBACK}:{port}/")) == ("ClientConnectorError", True)

    async def test_no_such_name(self, http: Http) -> None:
        assert told(await no_answer(http, "http://nobody.invalid/")) == ("ClientConnectorDNSError", True)

    async def test_nobody_accepts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("smsbot.gateways.http.CONNECT_SECONDS", 0.1)
        with socket.socket() as listening:
            listening.bind((LOOPBACK, 0))
            listening.listen(0)
            async with AsyncExitStack() as stack:
                for _ in range(2):  # they fill the queue, so that one more gets no answer
                    waiting = stack.enter_context(socket.socket())
                    waiting.setblocking(False)
                    with suppress(BlockingIOError):
                        waiting.connect(listening.getsockname())
                http = await stack.enter_async_context(open_http())
                error = await no_answer(http, f"http://{LOOPBACK}:{listening.getsockname()[1]}/")
        assert told(error) == ("TimeoutError", True)

    async def test_tls_where_there_is_none(self, http: Http) -> None:
        listening = loopback_socket()

        async def plain(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(plain, sock=listening)
        error = await no_answer(http, f"https://{LOOPBACK}:{listening.getsockname()[1]}/")
        server.close()
        assert told(error) == ("ClientConnectorSSLError", True)

    async def test_tls_that_is_cut(self, http: Http) -> None:
        listening = loopback_socket()

        async def closes(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        server = await asyncio.start_server(closes, sock=listening)
        error = await no_answer(http, f"https://{LOOPBACK}:{listening.getsockname()[1]}/")
        server.close()
        assert told(error) == ("ClientConnectorError", True)

    async def test_tls_that_hangs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("smsbot.gateways.http.CONNECT_SECONDS", 0.1)
        with loopback_socket() as listening:
            async with open_http() as http:
                error = await no_answer(http, f"https://{LOOPBACK}:{listening.getsockname()[1]}/")
        assert told(error) == ("TimeoutError", True)

    async def test_an_address_that_is_none(self, http: Http) -> None:
        assert told(await no_answer(http, "http://127.1/")) == ("InvalidUrlClientError", True)

    @pytest.mark.parametrize(
        ("path", "value"), [("/\r\nX: 1", "x"), ("/", "x\r\nX: 1"), ("/", "x\nX: 1"), ("/", "x\r")]
    )
    async def test_a_line_break_begins_no_header(self, http: Http, path: str, value: str) -> None:
        async with peer_that(says(OK)) as peer:
            with pytest.raises(NoAnswer) as raised:
                await http.request("GET", f"{peer.url}{path}", {"X-Key": value})
        assert (told(raised.value), peer.requests) == (("ValueError", True), [])

    async def test_it_means_later(self) -> None:
        error = without_answer(NoAnswer("ClientConnectorError", nothing_written=True))
        assert isinstance(error, SendLater)
        assert (error.code, error.sentence, error.retry_after) == (
            "ClientConnectorError",
            "The gateway cannot be reached.",
            None,
        )


class TestBroken:
    """The request was sent, so the gateway may have taken it."""

    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize(
        ("step", "code"),
        [
            (cuts, "ServerDisconnectedError"),
            (resets, "ClientOSError"),
            (says(b"HTTP/1.1 200 OK\r\nConte", then_cuts=True), "ServerDisconnectedError"),
            (says(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok", then_cuts=True), "ClientPayloadError"),
            (
                says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok", then_cuts=True),
                "ClientPayloadError",
            ),
            (says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok"), "ClientResponseError"),
            (says(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), "ClientResponseError"),
            (
                says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"),
                "ClientPayloadError",
            ),
            (says(b"220 smtp.example.fr ESMTP\r\n\r\n"), "ClientResponseError"),
        ],
        ids=["cut", "reset", "half a head", "half a body", "half a chunk", "no chunk", "length", "gzip", "no HTTP"],
    )
    async def test_each_way_on_a_new_and_on_a_kept_connection(
        self, http: Http, method: str, step: Step, code: str
    ) -> None:
        async with peer_that(step) as peer:
            assert told(await no_answer(http, f"{peer.url}/sms", method)) == (code, False)
            assert len(peer.requests) == 1
        async with peer_that(says(OK), step) as peer:
            await post(http, peer.url)
            assert told(await no_answer(http, f"{peer.url}/sms", method)) == (code, False)
            assert (peer.connections, len(peer.requests)) == (1, 2)

    @pytest.mark.parametrize("method", METHODS)
    async def test_a_kept_connection_cut_as_the_request_is_written_is_no_reason_to_repeat_it(
        self, http: Http, method: str
    ) -> None:
        """The peer closes without reading. The client only notices after it has sent the request."""
        closing = asyncio.Event()
        connections = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            await read_request(reader)
            writer.write(OK)
            await closing.wait()
            writer.transport.abort()

        listening = loopback_socket()
        server = await asyncio.start_server(serve, sock=listening)
        url = f"http://{LOOPBACK}:{listening.getsockname()[1]}/sms"
        await post(http, url)
        closing.set()  # the peer acts on it when the client waits next, which is after it has sent
        error = await no_answer(http, url, method)
        server.close()
        assert (error.code in ("ServerDisconnectedError", "ClientOSError"), error.nothing_written) == (True, False)
        assert connections == 1

    @pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"])
    async def test_an_answer_that_does_not_come(self, monkeypatch: pytest.MonkeyPatch, begun: bytes) -> None:
        monkeypatch.setattr("smsbot.gateways.http.ANSWER_SECONDS", 0.25)

        async def begins(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(begun)
            await hangs(reader, writer)

        async with peer_that(begins) as peer, open_http() as http:
            assert told(await no_answer(http, peer.url)) == ("SocketTimeoutError", False)
            assert len(peer.requests) == 1

    async def test_the_next_request_has_a_connection_of_its_own(self, http: Http) -> None:
        async with peer_that(cuts, says(OK)) as peer:
            await no_answer(http, peer.url)
            assert (await post(http, peer.url)).content == b"ok"
            assert peer.connections == 2

    async def test_a_cancelled_request_takes_its_connection_with_it(self, http: Http) -> None:
        async with peer_that(hangs, says(OK)) as peer:
            cancelled = asyncio.create_task(post(http, peer.url))
            await peer.has_read(1)
            cancelled.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cancelled
            assert (await post(http, peer.url)).content == b"ok"
            assert peer.connections == 2

    async def test_the_error_does_not_show_the_address(self, http: Http) -> None:
        async with peer_that(says(b"no HTTP\r\n\r\n")) as peer:
            error = await no_answer(http, f"{peer.url}/sms?to=0033612345678", "GET")
        assert "612345678" not in f"{error!r} {error.__cause__!r}"
        assert error.__suppress_context__

    async def test_it_means_a_doubt(self) -> None:
        error = without_answer(NoAnswer("ServerDisconnectedError", nothing_written=False))
        assert isinstance(error, SendInDoubt)
        assert (error.code, error.answered) == ("ServerDisconnectedError", False)

    async def test_an_sms_that_a_get_hands_over_leaves_once(self, http: Http) -> None:
        """aiohttp's client would repeat a GET after a kept connection broke, even if the peer had read it."""
        async with peer_that(says(OK), cuts, says(OK)) as peer:
            send = {"url": f"{peer.url}/send", "method": "GET", "query": {"to": "{recipient_00}", "text": "{text}"}}
            description = GatewayTable.model_validate({"send": send})
            gateway = DescribedGateway(
                "agregat", description, {}, public_url="https://sms.example.fr", status_key=b"key", http=http
            )
            assert await gateway.send(OutgoingSms(1, "36105", "+33612345678", "first")) == "smsbot-1"
            with pytest.raises(SendInDoubt) as raised:
                await gateway.send(OutgoingSms(2, "36105", "+33612345678", "à 14h30"))
            assert not raised.value.answered
            assert [request.target for request in peer.requests] == [
                "/send?to=0033612345678&text=first",
                "/send?to=0033612345678&text=%C3%A0+14h30",
            ]


class TestRetryAfter:
    @pytest.fixture(autouse=True)
    def away_from_utc(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setenv("TZ", "America/New_York")
        time.tzset()
        yield
        monkeypatch.undo()
        time.tzset()

    @every_line(
        "written",
        [
            "%a, %d %b %Y %H:%M:%S GMT",
            "%A, %d-%b-%y %H:%M:%S GMT",
            "%a %b %d %H:%M:%S %Y",  # the format of asctime, which has no zone
            "%a, %d %b %Y %H:%M:%S -0000",
            "%a, %d %b %Y %H:%M:%S",
        ],
    )
    def test_a_date_is_in_utc(self, written: str) -> None:
        seconds = retry_after((datetime.now(UTC) + timedelta(hours=2)).strftime(written))
        assert seconds is not None
        assert 7100 < seconds <= 7200

    @every_line("written", [None, "", "soon", "-5", "1e9", "Mon, 99 May 2026 10:00:00 GMT"])
    def test_what_says_nothing_is_none(self, written: str | None) -> None:
        assert retry_after(written) is None

    @every_line(("written", "seconds"), [("120", 120.0), (" 5 ", 5.0), ("99999999999", 86_400.0)])
    def test_seconds(self, written: str, seconds: float) -> None:
        assert retry_after(written) == seconds

    def test_what_is_past_is_now(self) -> None:
        assert retry_after("Sun Nov  6 08:49:37 1994") == 0.0


class TestProxy:
    @pytest.mark.parametrize(("no_proxy", "goes_by_proxy"), [("", True), ("example.fr", False), ("other.fr", True)])
    @pytest.mark.parametrize("scheme", ["http://", ""])
    async def test_the_environments_is_used(
        self, monkeypatch: pytest.MonkeyPatch, http: Http, no_proxy: str, goes_by_proxy: bool, scheme: str
    ) -> None:
        async with peer_that(says(OK)) as proxy:
            monkeypatch.setenv("http_proxy", f"{scheme}{LOOPBACK}:{proxy.port}")
            monkeypatch.setenv("no_proxy", no_proxy)
            if goes_by_proxy:
                assert (await post(http, f"http://{NOWHERE}/")).content == b"ok"
            else:
                assert told(await no_answer(http, f"http://{NOWHERE}/")) == ("ClientConnectorDNSError", True)
            assert proxy.connections == int(goes_by_proxy)

    async def test_it_gets_the_address_as_it_is_written_and_its_own_credentials(
        self, monkeypatch: pytest.MonkeyPatch, http: Http
    ) -> None:
        address = f"http://{NOWHERE}/a%2Bb/../c?t=%E9%27'+%20"
        async with peer_that(says(OK)) as proxy:
            monkeypatch.setenv("http_proxy", f"http://us%40er:p%3Aw@{LOOPBACK}:{proxy.port}")
            await http.request("GET", address, {})
            [request] = proxy.requests
        assert (request.target, request.values("Host")) == (address, [NOWHERE])
        assert request.values("Proxy-Authorization") == [basic_authorization("us@er", "p:w")]

    async def test_it_is_looked_up_once_for_a_gateway(self, monkeypatch: pytest.MonkeyPatch, http: Http) -> None:
        looked_up = []
        async with peer_that(says(OK)) as proxy:

            def proxies() -> dict[str, str]:
                looked_up.append(1)
                return {"http": proxy.url}

            monkeypatch.setattr("smsbot.gateways.http.getproxies", proxies)
            for text in ("a", "b"):
                for address in (f"http://{NOWHERE}?text={text}", f"http://{NOWHERE}/sms/{text}"):
                    await http.request("GET", address, {})
            assert len(proxy.requests) == 4
        assert looked_up == [1]

    async def test_loopback_needs_none(self, monkeypatch: pytest.MonkeyPatch, http: Http) -> None:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        async with peer_that(says(OK)) as peer:
            assert (await post(http, peer.url)).content == b"ok"

    async def test_nobody_is_there(self, monkeypatch: pytest.MonkeyPatch, http: Http) -> None:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
        for scheme in ("http", "https"):
            assert told(await no_answer(http, f"{scheme}://{NOWHERE}/")) == ("ClientProxyConnectionError", True)

    @pytest.mark.parametrize(
        ("step", "code"),
        [
            (says(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"), "ClientHttpProxyError"),
            (says(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"), "ClientHttpProxyError"),
            (says(b"HTTP/1.1 502 Bad Gateway\r\n\r\n<html>", then_cuts=True), "ClientHttpProxyError"),
            (says(b"no HTTP\r\n\r\n"), "ClientResponseError"),
            (says(b"HTTP/1.1 200 Connection established\r\n\r\n", then_cuts=True), "ClientConnectorError"),
            (cuts, "ServerDisconnectedError"),
        ],
        ids=["forbids", "wants credentials", "fails", "no HTTP", "cuts the tunnel", "cuts"],
    )
    @pytest.mark.parametrize("method", METHODS)
    async def test_one_that_opens_no_tunnel_has_shown_the_gateway_nothing(
        self, monkeypatch: pytest.MonkeyPatch, http: Http, step: Step, code: str, method: str
    ) -> None:
        async with peer_that(step) as proxy:
            monkeypatch.setenv("https_proxy", proxy.url)
            assert told(await no_answer(http, f"https://{NOWHERE}/sms?text=RDV", method)) == (code, True)
            assert [(request.method, request.target) for request in proxy.requests] == [("CONNECT", f"{NOWHERE}:443")]

    async def test_one_that_never_answers_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("smsbot.gateways.http.CONNECT_SECONDS", 0.1)
        async with peer_that(hangs) as proxy, open_http() as http:
            monkeypatch.setenv("https_proxy", proxy.url)
            assert told(await no_answer(http, f"https://{NOWHERE}/")) == ("TimeoutError", True)

    async def test_one_that_cuts_a_request_in_clear_may_have_passed_it_on(
        self, monkeypatch: pytest.MonkeyPatch, http: Http
    ) -> None:
        async with peer_that(cuts) as proxy:
            monkeypatch.setenv("http_proxy", proxy.url)
            assert told(await no_answer(http, f"http://{NOWHERE}/", "GET")) == ("ServerDisconnectedError", False)
            assert len(proxy.requests) == 1


class TestCheck:
    @every_line(
        "url",
        [
            "https://api.example.fr",
            "http://127.0.0.1:9/v1?a=%E9&b='",
            "https://[::1]:8443/x",
            "HTTPS://api.example.fr/",
        ],
    )
    def test_addresses_that_can_be_asked(self, url: str) -> None:
        check_request(url, {})

    @every_line(
        "url",
        [
            *("", "api.example.fr", "ftp://api.example.fr", "https://", "https:///sms", "https://:443/"),
            *("https://api.example.fr:0/", "https://api.example.fr:70000/", "https://api.example.fr:x/"),
            *("https://[::1/", "https://api.example.fr/é", "https://api.example.fr/a b", "https://api.example.fr/a\tb"),
            *("https://api.example.fr/\r\nX: y", "https://api.example.fr/\0", "https://api.example.fr/\x7f"),
        ],
    )
    def test_addresses_that_cannot(self, url: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            check_request(url, {})

    @every_line("value", ["", "x", "Bearer a b\tc", "!~\"'\\", "=" * 5000])
    def test_values_that_a_header_can_hold(self, value: str) -> None:
        check_request("https://api.example.fr", {"X-Key": value})

    @every_line("value", ["é", "€", "a\r\nX: y", "a\n", "\nb", "a\0", "a\x7f", " a", "a ", "a\t", " "])
    def test_values_that_none_can(self, value: str) -> None:
        with pytest.raises(ValueError, match="header"):
            check_request("https://api.example.fr", {"X-Key": value})

    @every_line("name", ["", "X Key", "X-Clé", "X:", "X\n"])
    def test_names_that_none_can_have(self, name: str) -> None:
        with pytest.raises(ValueError, match="header"):
            check_request("https://api.example.fr", {name: "x"})

"""The server without a proxy in front: how much, how slowly and how often a client may send. And a client that breaks
off is not a failure of ours. All tests use real connections to the real server.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from prometheus_client.parser import text_string_to_metric_families
from starlette.routing import Route
from structlog.testing import capture_logs

from smsbot.app import Service, web_application
from smsbot.demo.stand_ins.loop_thread import LoopThread
from smsbot.gateways.opening_gateways import open_gateways
from smsbot.server import HttpLimits, _JoiningTransport, listening_on, serving
from smsbot.settings import ServiceSettings
from smsbot.store.schema import open_ready

HOST = "127.0.0.1"
TOKEN = "a token for the scraper"
SECRET = "a secret of the tests, of 32 bytes or more"
PATIENT = HttpLimits(head_seconds=60, request_seconds=60, stalled_seconds=60)


class BareServer:
    """The real service on SQLite, which a thread serves."""

    def __init__(self, folder: Path, limits: HttpLimits) -> None:
        settings = ServiceSettings.exactly(
            database_url=f"sqlite:///{folder / 'smsbot.db'}",
            secret_key=SECRET,
            twilio_account_sid="AC" + "0" * 32,
            twilio_auth_token="token",
            twilio_api_url="http://127.0.0.1:9",
            sender="+33937000000",
            mail_from="rdv@example.fr",
            rdvsp_webhook_secret="a shared secret",
            metrics_token=TOKEN,
        )
        self._database = open_ready(settings.database_url)
        self.service = Service(settings, self._database)
        self._limits = limits
        self.listening = listening_on(HOST, 0)
        self.port = self.listening.getsockname()[1]
        self._server: uvicorn.Server | None = None
        self._thread = LoopThread("bare-server")
        self._thread.start()
        self._serving = self._thread.submit(self._serve())
        self._wait_until_ready()

    async def _serve(self) -> None:
        async with serving(self.service, delivery=False, limits=self._limits) as self._server:
            await self._server.serve(sockets=[self.listening])

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self._server is not None and self._server.started:
                return
            if self._serving.done():
                self._serving.result()
            time.sleep(0.01)
        raise TimeoutError

    def close(self) -> None:
        if self._server is not None:
            self._server.should_exit = True
        self._serving.result(30)
        self._thread.stop()
        self.listening.close()
        self._database.close()

    def connect(self) -> socket.socket:
        return socket.create_connection((HOST, self.port), timeout=30)

    def answers(self, *parts: bytes) -> bytes:
        """Send these parts, and return all bytes that come until the server closes the connection."""
        with self.connect() as connection:
            try:
                for part in parts:
                    connection.sendall(part)
            except OSError:
                pass  # the server has closed the connection already
            return everything(connection)

    def counted(self) -> dict[str, float]:
        """How many responses the metrics have counted, by class of status."""
        answer = httpx.get(f"http://{HOST}:{self.port}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        families = {family.name: family for family in text_string_to_metric_families(answer.text)}
        responses = families["smsbot_http_responses"].samples
        return {sample.labels["status"]: sample.value for sample in responses if sample.name.endswith("_total")}

    def wait_until_alone(self, answers: int = 0) -> None:
        """Wait until the server has given so many answers and has no connection any more."""
        assert self._server is not None
        state = self._server.server_state
        deadline = time.monotonic() + 60
        while state.total_requests < answers or state.tasks or state.connections:
            assert time.monotonic() < deadline, "a connection stayed open"
            time.sleep(0.01)

    def is_well(self) -> bool:
        return httpx.get(f"http://{HOST}:{self.port}/health/live").status_code == 200


def everything(connection: socket.socket) -> bytes:
    received = b""
    try:
        while data := connection.recv(65536):
            received += data
    except ConnectionResetError:
        pass  # the server closed it while the client was still sending
    return received


@pytest.fixture
def serve(tmp_path: Path, migrated_sqlite_file: Path) -> Iterator[Callable[..., BareServer]]:
    shutil.copy(migrated_sqlite_file, tmp_path)
    with ExitStack() as stack:
        yield lambda limits=PATIENT: stack.enter_context(closing(BareServer(tmp_path, limits)))


def request(path: str = "/health/live", *headers: str, method: str = "GET") -> bytes:
    lines = (f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", "")
    return "\r\n".join(lines).encode()


class TestHead:
    def test_what_browsers_and_gateways_send_is_taken(self, serve: Callable[..., BareServer]) -> None:
        server = serve()
        headers = [f"X-Header-{number}: {'x' * 200}" for number in range(60)]
        assert server.answers(request("/health/live", *headers)).startswith(b"HTTP/1.1 200 ")

    def test_one_header_without_end_is_not_taken_in(self, serve: Callable[..., BareServer]) -> None:
        server = serve()
        begun = request()[:-2] + b"X-Long: "
        answer = server.answers(begun, *([b"x" * 65536] * 64))
        assert answer.startswith(b"HTTP/1.1 431 ") or answer == b""  # it is lost if the client was still sending
        assert server.is_well()

    def test_one_header_that_is_too_long_is_told_so(self, serve: Callable[..., BareServer]) -> None:
        answer = serve().answers(request("/health/live", f"X-Long: {'x' * 40_000}"))
        assert answer.startswith(b"HTTP/1.1 431 ")

    def test_an_address_that_is_too_long_is_told_so(self, serve: Callable[..., BareServer]) -> None:
        assert serve().answers(request("/r/" + "x" * 40_000)).startswith(b"HTTP/1.1 431 ")

    def test_many_headers_are_not_taken(self, serve: Callable[..., BareServer]) -> None:
        answer = serve().answers(request("/health/live", *[f"X-{number}: 1" for number in range(101)]))
        assert answer.startswith(b"HTTP/1.1 431 ")

    def test_a_trailer_without_end_is_not_taken_in(self, serve: Callable[..., BareServer]) -> None:
        server = serve()
        begun = request("/webhooks/rdvsp", "Transfer-Encoding: chunked", method="POST")
        server.answers(begun, b"1\r\nx\r\n0\r\nX-Long: ", *([b"x" * 65536] * 64))
        assert server.is_well()
        assert server.counted()["5xx"] == 0

    def test_the_body_may_be_longer_than_the_head(self, serve: Callable[..., BareServer]) -> None:
        """Bodies have limits of their own, which depend on the route."""
        body = b"{" + b" " * 200_000 + b"}"
        for framing, sent in (
            (f"Content-Length: {len(body)}", [body]),
            ("Transfer-Encoding: chunked", [f"{len(body):x}\r\n".encode(), body, b"\r\n0\r\n\r\n"]),
        ):
            head = request("/api/v1/appointments/1/cancel", framing, "Content-Type: application/json", method="POST")
            assert serve().answers(head, *sent).startswith(b"HTTP/1.1 401 ")


class TestTime:
    def test_a_connection_that_says_nothing_is_closed(self, serve: Callable[..., BareServer]) -> None:
        server = serve(HttpLimits(head_seconds=0.2))
        assert server.answers().startswith(b"HTTP/1.1 408 ")

    def test_headers_that_trickle_in_are_not_waited_for(self, serve: Callable[..., BareServer]) -> None:
        server = serve(HttpLimits(head_seconds=0.5))
        with server.connect() as connection:
            connection.sendall(request()[:-2])
            connection.settimeout(0.05)
            received = trickled(connection, b"X-A: 1\r\n")
        assert received is None or received.startswith(b"HTTP/1.1 408 ")

    @pytest.mark.parametrize("path", ["/webhooks/rdvsp", "/webhooks/twilio/sms", "/r/token", "/nowhere"])
    def test_a_body_that_trickles_in_is_not_waited_for(self, serve: Callable[..., BareServer], path: str) -> None:
        """Neither a route that reads the body nor one that answers without it waits."""
        server = serve(HttpLimits(head_seconds=0.5, request_seconds=0.5))
        head = request(path, "Content-Length: 10000", method="POST").replace(b"Connection: close\r\n", b"")
        with server.connect() as connection:
            connection.sendall(head)
            connection.settimeout(0.05)
            trickled(connection, b"x")
        assert server.counted()["5xx"] == 0

    def test_blank_lines_between_requests_keep_nothing_open(self, serve: Callable[..., BareServer]) -> None:
        server = serve(HttpLimits(head_seconds=0.5, request_seconds=0.5))
        with server.connect() as connection:
            connection.sendall(request().replace(b"Connection: close\r\n", b""))
            connection.settimeout(0.05)
            trickled(connection, b"\r\n")

    def test_an_answer_that_nobody_reads_is_given_up(self, serve: Callable[..., BareServer]) -> None:
        server = serve(HttpLimits(head_seconds=0.5, request_seconds=60, stalled_seconds=0.3))
        server.listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # accepted connections inherit it
        asked = request("/api/openapi.json").replace(b"Connection: close\r\n", b"") * 20
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect((HOST, server.port))
            connection.sendall(asked)
            server.wait_until_alone(answers=1)

    def test_who_is_quick_keeps_the_connection(self, serve: Callable[..., BareServer]) -> None:
        server = serve(HttpLimits(head_seconds=0.5, request_seconds=1))
        with httpx.Client(base_url=f"http://{HOST}:{server.port}") as client:
            begun = time.monotonic()
            while time.monotonic() - begun < 1.5:
                assert client.get("/health/live").status_code == 200
                time.sleep(0.05)


def trickled(connection: socket.socket, part: bytes) -> bytes | None:
    """Send `part` again and again until the server closes. Returns its answer, or None if that was lost."""
    received = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            connection.sendall(part)
            data = connection.recv(65536)
        except TimeoutError:
            continue
        except OSError:
            return received or None
        if not data:
            return received
        received += data
    raise AssertionError("the connection stayed open")


class TestConnections:
    def test_so_many_are_open_and_no_more(self, serve: Callable[..., BareServer]) -> None:
        server = serve(HttpLimits(connections=5, head_seconds=60))
        with capture_logs() as logs, ExitStack() as stack:
            held = [stack.enter_context(server.connect()) for _ in range(5)]
            held[0].sendall(request().replace(b"Connection: close\r\n", b""))
            assert held[0].recv(65536).startswith(b"HTTP/1.1 200 ")
            for _ in range(3):
                assert server.answers(request()).startswith(b"HTTP/1.1 503 ")
            held[1].sendall(request())
            assert everything(held[1]).startswith(b"HTTP/1.1 200 "), "who is in is served"
            assert server.answers(request()).startswith(b"HTTP/1.1 200 "), "there is room again"
        told = [log["event"] for log in logs if log["log_level"] == "warning"]
        assert told.count("too many connections, further ones are refused") == 1


async def _routes_with_bodies(service: Service) -> list[str]:
    async with open_gateways(service.settings, service.policy) as gateways:
        routes: list[Any] = list(web_application(service, gateways, {}).routes)
    return sorted(
        route.path.replace("{", "").replace("}", "").replace(":path", "")
        for route in routes
        if isinstance(route, Route) and "POST" in (route.methods or ())
    )


def test_who_breaks_off_is_no_failure_of_ours(serve: Callable[..., BareServer]) -> None:
    """Tries every route that takes a body, at every stage of the request, with keys that are valid so that it
    is read.
    """
    server = serve()
    paths = asyncio.run(_routes_with_bodies(server.service))
    assert {"/webhooks/twilio/sms", "/webhooks/rdvsp", "/agents/connexion"} <= set(paths)
    kinds = ("application/x-www-form-urlencoded", "application/json")
    with capture_logs() as logs:
        for path in paths:
            for kind in kinds:
                head = request(
                    path,
                    "Content-Length: 100",
                    f"Content-Type: {kind}",
                    "Authorization: Bearer token",
                    "Origin: http://localhost:8000",
                    "Sec-Fetch-Site: same-origin",
                    method="POST",
                )
                for sent in (head, head + b"a=", head + b"x" * 99):
                    with server.connect() as connection:
                        connection.sendall(sent)
        server.wait_until_alone()
    assert server.counted()["5xx"] == 0
    assert [log for log in logs if log["log_level"] in ("warning", "error")] == []


def test_a_broken_body_is_no_failure_of_ours(serve: Callable[..., BareServer]) -> None:
    server = serve()
    head = request("/webhooks/rdvsp", "Transfer-Encoding: chunked", method="POST")
    assert server.answers(head, b"zz\r\nno chunk\r\n").startswith(b"HTTP/1.1 400 ")
    server.wait_until_alone()
    assert server.counted()["5xx"] == 0


class _Written(asyncio.Transport):
    """A transport that only notes the calls."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[bytes | str] = []

    def write(self, data: Any) -> None:
        self.told.append(bytes(data))

    def close(self) -> None:
        self.told.append("closed")


@pytest.mark.anyio
async def test_what_is_written_in_one_step_is_handed_over_at_once() -> None:
    below = _Written()
    transport = _JoiningTransport(below, asyncio.get_running_loop())
    transport.write(b"head ")
    transport.write(b"body")
    assert below.told == []
    await asyncio.sleep(0)
    assert below.told == [b"head body"]
    transport.write(b"x" * 100_000)
    assert len(below.told) == 2, "what is long does not wait"
    transport.write(b"the last")
    transport.close()
    assert below.told[2:] == [b"the last", "closed"]
    await asyncio.sleep(0)
    assert below.told[2:] == [b"the last", "closed"]

"""Time and size of the usager's pages: `python -m benchmarks.usager_pages`.

Each page is asked for many times on one kept connection, in turn with a bare endpoint that answers the same bytes. The
size is everything that is transferred for the page, headers included.
"""

from __future__ import annotations

import re
import socket
import statistics
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from benchmarks import appointments, servers
from smsbot.signing import Links

ROUNDS = 200


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder))


def measure(folder: Path) -> None:
    database_url = f"sqlite:///{folder / 'smsbot.db'}"
    appointments.fill(database_url, 1)
    with servers.service(database_url, "--no-delivery") as service, servers.floor(folder) as bare:
        url = service.url
        link = Links(servers.SECRET_KEY, url).url_for(1)
        floor = _times(f"{bare.url}/health/ready", "")
        print(f"{'page':<22}{'bytes':>8}{'median ms':>11}{'/ bare endpoint':>17}")
        with httpx.Client(follow_redirects=True) as browser:
            pages = {"letters": browser.get(link)}
            pages["appointment"] = browser.post(link, data={"lettres": "DUP", "letters": "DUP"})
            cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
            action = re.search(r'action="([^"]+)"', pages["appointment"].text)
            if action is not None:
                pages["confirmation"] = browser.post(f"{url}{urlsplit(action[1]).path}")
            for name, page in pages.items():
                times = _times(str(page.url), cookie)
                weight = _weight(str(page.url), cookie)
                ratio = statistics.median(times) / statistics.median(floor)
                print(f"{name:<22}{weight:>8}{statistics.median(times):>11.2f}{ratio:>17.1f}")


def _request(url: str, cookie: str) -> bytes:
    parts = urlsplit(url)
    cookies = f"Cookie: {cookie}\r\n" if cookie else ""
    return f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{cookies}\r\n".encode()


def _times(url: str, cookie: str) -> list[float]:
    """Milliseconds of each of many requests on one connection."""
    request = _request(url, cookie)
    with _connected(url) as connection:
        times = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            connection.sendall(request)
            _answer(connection)
            times.append((time.perf_counter() - began) * 1000)
    return times


def _weight(url: str, cookie: str) -> int:
    with _connected(url) as connection:
        connection.sendall(_request(url, cookie))
        return len(_answer(connection))


def _connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return socket.create_connection((parts.hostname, parts.port))


def _answer(connection: socket.socket) -> bytes:
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(65536)
    head, _, body = answer.partition(b"\r\n\r\n")
    found = re.search(rb"(?i)content-length: (\d+)", head)
    length = int(found[1]) if found else 0
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


if __name__ == "__main__":
    main()

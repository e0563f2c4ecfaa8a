"""Requests to every route that no browser and no gateway would send."""

from __future__ import annotations

import random
import socket
from urllib.parse import quote

import httpx

from smsbot.signing import Links
from tests.attacks.form import TIMES, chance
from tests.walks.running import Service

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "FOO")
NUMBERS = ("0", "-1", "1.", "9" * 20, "9" * 5000, "1e9", "٣", "½", "0x10", "1_000", " 1", "nan", "")
WORDS = (
    "a",
    "é",
    "\x00",
    "%00",
    "../../etc/passwd",
    "'",
    '"',
    "<script>",
    "{{7*7}}",
    "\u202e",
    "\ud7ff",
    "🙈",
    "a" * 3000,
    "",
)
PATHS = (
    "/",
    "/agents",
    "/agents/rdv?apres={0}&q={1}",
    "/agents/rdv/{0}",
    "/agents/messages/{0}",
    "/agents/messages/{0}/reponse",
    "/agents/comptes?page={0}&structure={1}&q={1}",
    "/agents/organisations/fiche?structure={1}",
    "/agents/chiffres?organisation={0}&annee={0}",
    "/agents/connexion",
    "/agents/connexion/retour?code={1}&state={1}",
    "/agents/mot-de-passe/{1}",
    "/api/v1/appointments?limit={0}&cursor={1}&from={1}&phone={1}",
    "/api/v1/appointments/{0}",
    "/api/v1/appointments/{0}/messages?cursor={1}",
    "/api/v1/messages?limit={0}&cursor={1}&since={1}&topic={1}&waiting={1}",
    "/api/v1/appointments/{1}/cancel",
    "/api/openapi.json",
    "/webhooks/twilio/sms?x={1}",
    "/webhooks/twilio/status?message={0}",
    "/webhooks/rdvsp/{1}",
    "/r/{1}",
    "/r/{1}/rdv",
    "/metrics",
    "/health/ready?x={1}",
)
BODIES: tuple[bytes, ...] = (
    b"",
    b"\x00" * 100,
    b"\xff\xfe\xfd",
    b"{" * 2000,
    b"[" * 20000,
    b'{"a":' * 500,
    b"a=1&" * 2000,
    b"Body=%ff%fe&From=%00",
    b'{"meta": {"model": "Rdv"}, "data": {"id": ' + b"9" * 400 + b"}}",
    b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--",
    b"e_mail=a&mot_de_passe=" + b"x" * 4000,
)
TYPES = (
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/xml",
    "",
    "é",
)


def draw_request(draw: random.Random, link: str) -> tuple[str, str, dict[str, str], bytes]:
    path = draw.choice((*PATHS, link, f"{link}/rdv", f"{link}/confirmation"))
    path = path.replace("{0}", quote(draw.choice(NUMBERS)[:6000])).replace("{1}", quote(draw.choice(WORDS)))
    headers = {"Content-Type": draw.choice(TYPES)}
    if draw.random() < 0.3:
        headers["Cookie"] = draw.choice(("session=", "; ".join(["a=b"] * 50), "=;=;=", "lettres=x.y.z"))
    if draw.random() < 0.3:
        headers["Authorization"] = draw.choice(("Bearer", "Bearer " + "x" * 900, "Basic Og==", "bearer ..", ""))
    if draw.random() < 0.2:
        headers["Host"] = draw.choice(("evil.example", "a:b:c", "localhost"))
    return draw.choice(METHODS), path, headers, draw.choice(BODIES)


def test_no_request_is_answered_with_a_failure_of_ours(target: Service) -> None:
    draw = chance("requests")
    link = Links(target.environment["SMSBOT_SECRET_KEY"], target.url).path_for(1)
    with httpx.Client(base_url=target.url, timeout=30) as client:
        for _ in range(600 * TIMES):
            method, path, headers, body = draw_request(draw, link)
            request = client.build_request(
                method,
                path,
                headers=[(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
                content=body,
            )
            answer = client.send(request)
            assert answer.status_code < 500, (method, path[:200], headers, body[:40], answer.status_code)
            assert "evil.example" not in answer.headers.get("location", "")


def test_bytes_that_are_no_http_end_in_a_closed_connection(target: Service) -> None:
    draw = chance("bytes")
    host, port = "127.0.0.1", target.port
    openings = (
        b"",
        b"\x16\x03\x01\x02\x00",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\r\n\r\n",
        b"\r\n\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    )
    for _ in range(40 * TIMES):
        data = draw.choice(openings) + draw.randbytes(draw.randint(0, 400))
        with socket.create_connection((host, port), timeout=20) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(4096)
        assert not answer.startswith(b"HTTP/1.1 5"), data[:80]

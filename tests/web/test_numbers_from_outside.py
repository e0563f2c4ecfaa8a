"""No number from outside can be too large for the database. Every route is tried with huge numbers in every place.

The numbers in the console's own addresses and forms are tested together with its pages.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlencode

import httpx
import pytest
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message
from twilio.request_validator import RequestValidator

from smsbot.cli.operations.importing import import_file
from smsbot.sources.file_lines import UnreadableFile
from smsbot.store.database import Database
from tests.lines import every_line
from tests.web.console_site import ADA, Office
from tests.web.test_console_walls import Building

NUMBERS = ("9" * 20, "9" * 5000, str(2**63), "-9" + "9" * 19, "1e400", "²", "1." + "9" * 30)
QUERY = ("limit", "cursor", "from", "to", "changed_since", "status", "phone", "external_id", "source", "message")
PAGES = ("personne", "apres", "vu", "mois", "organisation", "agent", "jour", "q", "debut", "nombre")
UNKNOWN = b"Extra inputs are not permitted"
WITHOUT_PROVIDER = "/agents/connexion/openid"  # answers 503: there is none
WITHOUT_MIGRATIONS = "/health/ready"


@pytest.fixture
def building(database: Database) -> Building:
    return Building(Office(database))


def routes(building: Building) -> list[tuple[str, str]]:
    found = []
    for route in building.office.app.routes:
        prefix, inner = (route.path, route.routes) if isinstance(route, Mount) else ("", [route])
        for each in inner:
            assert isinstance(each, Route)
            found += [(method, prefix + each.path) for method in sorted(each.methods or ()) if method != "HEAD"]
    return [each for each in found if each[1] not in (WITHOUT_PROVIDER, WITHOUT_MIGRATIONS)]


async def asked(
    app: ASGIApp, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
) -> tuple[int, bytes]:
    """The status and the content of the answer. It does not use httpx, which is slow with long addresses."""
    answer: list[Message] = []
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": quote(path).encode(),
        "root_path": "",
        "query_string": urlencode(query).encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "server": ("rdv.example.fr", 443),
        "client": ("192.0.2.1", 1234),
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    async def send(message: Message) -> None:
        answer.append(message)

    with suppress(Exception):  # Starlette answers 500 first
        await app(scope, receive, send)
    return answer[0]["status"], b"".join(message["body"] for message in answer[1:])


def test_no_route_fails_for_a_number(building: Building) -> None:
    office = building.office
    session = office.at_desk(ADA)
    form_token = session.get("/rdv").forms[0].fields["jeton"]
    names = (*QUERY, *PAGES, *building.fields())
    forms = {number: urlencode(dict.fromkeys(names, number) | {"jeton": form_token}).encode() for number in NUMBERS[:4]}
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in session.client.cookies.jar)
    keys = {"Authorization": f"Bearer {building.tokens[ADA]}", "Cookie": cookies, "Host": "rdv.example.fr"}

    async def walk() -> list[tuple[str, str, int]]:
        failed = []
        for method, route in routes(building):
            # The API refuses unknown parameters, so it gets each one alone. Other routes ignore them.
            is_api = route.startswith("/api")
            alone = list(QUERY) if is_api else []
            known = building.path(route).partition("?")[0]
            headers = keys | {"Content-Type": "application/json" if is_api else "application/x-www-form-urlencoded"}
            for number, form in forms.items():
                path = route
                for name in ("{id}", "{external_id:path}", "{anything:path}", "{token}", "{source}"):
                    path = path.replace(name, number[:1000])
                queries = [*({name: number} for name in alone), dict.fromkeys((*QUERY, *PAGES), number[:3000])]
                body = b"" if method == "GET" else b"{}" if is_api else form
                for each, query in ((path, {}), *((known, query) for query in queries)):
                    status, answer = await asked(office.app, method, each, query, headers, body)
                    if status >= 500:
                        failed.append((method, f"{route} {query}"[:80], status))
                    if len(query) == 1 and UNKNOWN in answer:
                        alone.remove(*query)  # it is known, with any value
        return failed

    assert asyncio.run(walk()) == []


BIG_INTEGER = "9" * 4000
TOO_BIG_FOR_PYTHON = "9" * 5000


@every_line(("id_there", "number"), enumerate([BIG_INTEGER, TOO_BIG_FOR_PYTHON, str(2**63), "1e400", "-1"], 1))
def test_no_number_in_json_is_too_large(building: Building, id_there: int, number: str) -> None:
    whole = (
        '{"data": {"id": %s, "status": "unknown", "starts_at": "2027-05-12T14:30:00+02:00", "duration_in_min": %s,'
        ' "organisation": {"id": %s, "name": "x"}, "motif": {"id": %s, "service_id": %s}, "lieu": {"id": %s},'
        ' "participations": [{"id": %s, "status": "unknown", "user": {"id": %s, "responsible_id": %s}}]},'
        ' "meta": {"model": "Rdv", "event": "created", "timestamp": %s}}'
    )
    stamps = ('"2027-05-01T10:00:00+02:00"', number)
    bodies = [(whole % (*[number] * 9, stamp)).encode() for stamp in stamps]
    bodies.append((whole % (id_there, *[number] * 8, stamps[0])).encode())
    resources = [
        '{"starts_at": %s, "organisation": {"external_id": "1"}, "participations": []}',
        '{"starts_at": "2027-05-12T14:30:00+02:00", "organisation": {"external_id": %s}, "participations": []}',
        '{"starts_at": "2027-05-12T14:30:00+02:00", "organisation": {"external_id": "1"}, "participations":'
        ' [{"external_id": %s, "phone": %s, "status": %s}]}',
    ]
    keys = {"Authorization": f"Bearer {building.tokens[ADA]}", "Content-Type": "application/json"}

    async def post() -> list[tuple[str, int]]:
        transport = httpx.ASGITransport(building.office.app, raise_app_exceptions=False)
        statuses = []
        async with httpx.AsyncClient(transport=transport, base_url=building.office.public_url) as client:
            for body in bodies:
                signature = hmac.new(b"secret", body, hashlib.sha256).hexdigest()
                headers = {"X-Lapin-Signature": signature, "Content-Type": "application/json"}
                answer = await client.post("/webhooks/rdvsp", content=body, headers=headers)
                statuses.append((f"webhook {body[:40]!r}", answer.status_code))
            for resource in resources:
                body = resource.replace("%s", number).encode()
                answer = await client.put(f"/api/v1/appointments/by-external-id/{id_there}", content=body, headers=keys)
                statuses.append((f"api {resource[:40]}", answer.status_code))
            cancelled = f'{{"participation_id": {number}}}'.encode()
            answer = await client.post(
                f"/api/v1/appointments/{building.appointment}/cancel", content=cancelled, headers=keys
            )
            statuses.append(("cancel", answer.status_code))
        return statuses

    assert [each for each in asyncio.run(post()) if each[1] >= 500] == []


@every_line("number", NUMBERS)
def test_no_number_that_a_gateway_posts_is_too_large(building: Building, number: str) -> None:
    message = {"AccountSid": "AC1", "From": "+33611223344", "To": "+33937000000", "Body": "x"}
    first, second, third = (f"SM{NUMBERS.index(number)}{of}" for of in "abc")
    forms = [
        ("/webhooks/twilio/sms", message | {"MessageSid": first, "NumSegments": number, "NumMedia": number}),
        ("/webhooks/twilio/sms", message | {"MessageSid": f"SM{number}"}),
        ("/webhooks/twilio/sms", message | {"MessageSid": second, "Body": number}),
        ("/webhooks/twilio/sms", message | {"MessageSid": third, "From": f"+{number}"}),
        ("/webhooks/twilio/status", {"MessageSid": first, "MessageStatus": "failed", "ErrorCode": number}),
        (f"/webhooks/twilio/status?message={number}", {"MessageSid": first, "MessageStatus": "delivered"}),
    ]

    async def post() -> list[tuple[str, int]]:
        transport = httpx.ASGITransport(building.office.app, raise_app_exceptions=False)
        statuses = []
        async with httpx.AsyncClient(transport=transport, base_url=building.office.public_url) as client:
            for path, form in forms:
                url = client.build_request("POST", path).url
                signature = RequestValidator("secret").compute_signature(str(url), form)
                answer = await client.post(path, data=form, headers={"X-Twilio-Signature": signature})
                statuses.append((path[:60], answer.status_code))
        return statuses

    statuses = asyncio.run(post())
    assert [each for each in statuses if each[1] >= 500] == []
    assert statuses[0][1] != 403, "the signature is right"


@every_line("number", NUMBERS)
def test_no_number_in_a_file_is_too_large(database: Database, tmp_path: Path, number: str) -> None:
    names = ("external_id", "starts_at", "last_name", "phone", "organisation_id", "organisation_phone")
    usual = (f"A{NUMBERS.index(number)}", "12/05/2027 14h30", "Dupont", "06 12 34 56 78", "1", "01 23 45 67 89")
    lines = [";".join([*usual[:place], number, *usual[place + 1 :]]) for place in range(len(names))]
    file = tmp_path / "appointments.csv"
    file.write_text("\n".join([";".join(names), *lines]))
    import_file(database, file)
    json_file = tmp_path / "appointments.json"
    json_file.write_text(f'[{{"id": {number}, "starts_at": "2027-05-12T14:30:00+02:00", "organisation": {{"id": 1}}}}]')
    with suppress(UnreadableFile):
        import_file(database, json_file)

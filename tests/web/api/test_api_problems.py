"""Every error is a problem of RFC 9457, and holds no personal data."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from smsbot.web.api.reading_requests import MOST_BYTES
from tests.web.api.office import ADA, Office, appointment, participation, problem

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}
PUT_PATH = "/by-external-id/7"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "", {"GET", "HEAD"}),
        ("DELETE", "/7", {"GET", "HEAD"}),
        ("OPTIONS", "/7", {"GET", "HEAD"}),
        ("GET", "/7/cancel", {"POST"}),
        ("PATCH", PUT_PATH, {"PUT"}),
        ("POST", PUT_PATH, {"PUT"}),
    ],
)
async def test_another_method(small_office: Office, method: str, path: str, allowed: set[str]) -> None:
    response = await small_office.call(method, path)
    problem(response, 405)
    assert set(response.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize("path", ["/api/", "/api/v1", "/api/v2/appointments", "/api/v1/appointments/7/"])
async def test_another_path(small_office: Office, path: str) -> None:
    """The answer is no redirect either: its address would come from the Host header."""
    problem(await small_office.client.get(path, headers={"Host": "evil.example"}), 404)


@pytest.mark.parametrize("body", [b"", b"{", b"{'a': 1}", b"\xff\xfe{}", b'{"a": "\xe9"}', b'"\\ud800"', b"[" * 5000])
async def test_what_is_no_json(small_office: Office, body: bytes) -> None:
    problem(await small_office.call("PUT", PUT_PATH, content=body, headers=JSON), 400)


@pytest.mark.parametrize("body", [b"null", b"[]", b'"{}"', b"1e999", b"true"])
async def test_what_is_json_but_no_object(small_office: Office, body: bytes) -> None:
    problem(await small_office.call("PUT", PUT_PATH, content=body, headers=JSON), 422)


@pytest.mark.parametrize("content_type", [None, "", "text/plain", "application/x-www-form-urlencoded", "json"])
async def test_another_content_type(small_office: Office, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    for method, path in (("PUT", PUT_PATH), ("POST", "/7/cancel")):
        problem(await small_office.call(method, path, content=b"{}", headers=headers), 415)


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", "application/vnd.rdv+json"]
)
async def test_the_content_types_of_json(small_office: Office, content_type: str) -> None:
    body = json.dumps(appointment()).encode()
    response = await small_office.call("PUT", PUT_PATH, content=body, headers={"Content-Type": content_type})
    assert response.status_code == 201


async def test_an_oversized_body_whatever_length_it_declares(small_office: Office) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 65536

    for method, path in (("PUT", PUT_PATH), ("POST", "/7/cancel")):
        declared = await small_office.call(method, path, content=b" " * (MOST_BYTES + 1), headers=JSON)
        problem(declared, 413)
        problem(await small_office.call(method, path, content=endless(), headers=JSON), 413)


async def test_several_things_wrong_are_all_said(small_office: Office) -> None:
    body = appointment(starts_at="soon", status="gone", participations=[participation("p1", phone="12")])
    details = problem(await small_office.put("7", body), 422)
    assert [each["pointer"] for each in details["errors"]] == ["/starts_at", "/status", "/participations/0/phone"]


async def test_nothing_that_was_sent_is_repeated(small_office: Office) -> None:
    secret = "Grzeszczyk"
    wrong = participation("p1", phone=secret, email=secret, first_name=[secret], responsible={"email": secret})
    body = appointment(
        starts_at=secret, time_zone=secret, status=secret, label={"a": secret}, participations=[wrong, secret]
    )
    for response in (
        await small_office.put("7", body),
        await small_office.get(phone=secret, status=secret, cursor=secret, limit=secret, to=secret),
        await small_office.cancel("7", reason=secret),
    ):
        assert secret not in response.text
        assert len(problem(response, 422)["errors"]) > 0


async def test_what_nobody_foresaw_is_a_problem_too_and_is_logged_without_secrets(small_office: Office) -> None:
    small_office.database.close()  # now every request fails
    with capture_logs() as logs:
        problem(await small_office.get(phone="0612345678"), 500)
    (event,) = logs
    assert event["log_level"] == "error"
    assert small_office.tokens[ADA] not in repr(event["exc_info"].args)

"""A client in Python can be generated from the OpenAPI document, and it works with the real API."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient

from smsbot.agents.tokens import ApiScope
from smsbot.web.api.openapi import openapi_document
from tests.web.api.office import PUBLIC_URL, Office, appointment

NAME = "generated_smsbot_client"


@pytest.fixture
def generated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The client: a process of its own generates it, and it is imported."""
    (tmp_path / "openapi.json").write_text(json.dumps(openapi_document(PUBLIC_URL)), encoding="utf-8")
    (tmp_path / "config.json").write_text(json.dumps({"post_hooks": []}), encoding="utf-8")
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning"]
    options = ["--path", "openapi.json", "--config", "config.json", "--output-path", NAME]
    done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module(NAME)
    for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[name]


def operation(tag: str, name: str) -> Any:
    return importlib.import_module(f"{NAME}.api.{tag}.{name}")


def model(name: str) -> Any:
    return getattr(importlib.import_module(f"{NAME}.models"), name)


@pytest.mark.anyio
async def test_a_generated_client_feeds_reads_and_cancels(small_office: Office, generated: ModuleType) -> None:
    office = small_office
    office.connect("agenda", ApiScope.APPOINTMENTS_READ, ApiScope.APPOINTMENTS_WRITE)
    client = generated.AuthenticatedClient(base_url=PUBLIC_URL, token=office.tokens["agenda"])
    headers = {"Authorization": f"Bearer {office.tokens['agenda']}"}
    async with AsyncClient(transport=ASGITransport(office.app), base_url=PUBLIC_URL, headers=headers) as http:
        client.set_async_httpx_client(http)
        body = model("NewAppointment").from_dict(appointment())
        made = await operation("appointments", "replace_appointment").asyncio("4711", client=client, body=body)
        assert (made.external_id, made.participations[0].last_name) == ("4711", "Dupont")
        reason = model("Cancellation").from_dict({"reason": "service"})
        done = await operation("appointments", "cancel_appointment").asyncio(made.id, client=client, body=reason)
        assert (done.outcome, done.status) == ("cancelled", "revoked")
        page = await operation("appointments", "list_appointments").asyncio(client=client)
        assert [each.id for each in page.appointments] == [made.id]
        refused = await operation("events", "list_events").asyncio(client=client)
        assert (refused.status, refused.detail) == (403, "The token needs the scope events:read for this.")

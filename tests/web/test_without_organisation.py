"""An appointment without an organisation is refused on every way in, with the reason, because no agent could see it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from smsbot.appointments.intake.intakes import NO_ORGANISATION
from smsbot.cli.operations.importing import import_file
from smsbot.sources.file_lines import RefusedLine
from smsbot.store.database import Database
from smsbot.store.tables import appointments
from tests.web.console_site import ADA, ADAS, Office
from tests.web.test_console_walls import Building

RDV = {"id": 7, "starts_at": "2027-05-12T14:30:00+02:00", "status": "unknown"}
META = {"model": "Rdv", "event": "created", "timestamp": "2027-05-01T10:00:00+02:00"}


@pytest.fixture
def building(database: Database) -> Building:
    return Building(Office(database))


def _known(building: Building) -> list[str]:
    statement = select(appointments.c.external_id).where(appointments.c.external_id.in_(["7", "8"]))
    return list(building.office.database.read_now(lambda c: c.execute(statement).scalars().all()))


def _posted(building: Building, data: dict[str, Any]) -> httpx.Response:
    async def post() -> httpx.Response:
        body = json.dumps({"data": data, "meta": META}).encode()
        headers = {"X-Lapin-Signature": hmac.new(b"secret", body, hashlib.sha256).hexdigest()}
        transport = httpx.ASGITransport(building.office.app)
        async with httpx.AsyncClient(transport=transport, base_url=building.office.public_url) as client:
            return await client.post("/webhooks/rdvsp", content=body, headers=headers)

    return asyncio.run(post())


def test_by_the_webhook(building: Building) -> None:
    for _ in range(2):
        response = _posted(building, RDV)
        assert (response.status_code, response.json()) == (200, {"status": "refused", "reason": NO_ORGANISATION})
    assert _known(building) == []
    assert _posted(building, RDV | {"organisation": {"id": int(ADAS), "name": "CCAS"}}).json() == {"status": "new"}
    assert _posted(building, RDV | {"status": "excused"}).json() == {"status": "changed"}, "what is known stays so"
    assert "Nom effacé" not in building.office.at_desk(ADA).get("/rdv").text


def test_by_files(building: Building, tmp_path: Path) -> None:
    database, table, records = building.office.database, tmp_path / "a.csv", tmp_path / "a.json"
    table.write_text(
        "external_id,starts_at,last_name,organisation_id,organisation_name\n"
        "8,2027-05-12 14:30,Dupont,1,CCAS\n"
        "7,2027-05-12 15:30,Roux,,\n"
        "7,2027-05-12 15:30,Petit,,\n"
    )
    report = import_file(database, table)
    assert (report.new, report.refused, report.remarks) == (1, 1, (RefusedLine("line 3", NO_ORGANISATION),))
    records.write_text(json.dumps({"rdvs": [RDV | {"id": 9, "organisation": {"id": 1}}, RDV]}))
    report = import_file(database, records)
    assert list(report.lines())[-1] == f"record 2: {NO_ORGANISATION}"
    assert _known(building) == ["8"]
    table.write_text("external_id,starts_at,last_name\n8,2027-05-12 16:30,Dupont\n")
    assert import_file(database, table).changed == 1


def test_by_the_api(building: Building) -> None:
    async def put(body: dict[str, Any]) -> httpx.Response:
        headers = {"Authorization": f"Bearer {building.tokens[ADA]}"}
        transport = httpx.ASGITransport(building.office.app)
        async with httpx.AsyncClient(transport=transport, base_url=building.office.public_url) as client:
            return await client.put("/api/v1/appointments/by-external-id/7", json=body, headers=headers)

    body: dict[str, Any] = {"starts_at": "2027-05-12T14:30:00+02:00", "participations": []}
    response = asyncio.run(put(body))
    assert (response.status_code, "organisation" in response.text) == (422, True)
    assert _known(building) == []
    assert asyncio.run(put(body | {"organisation": {"external_id": ADAS}})).status_code == 201

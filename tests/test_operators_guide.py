"""The operators' guide has the right names of settings, commands, metrics and log events."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from starlette.applications import Starlette

from smsbot.settings import PREFIX, ServiceSettings
from smsbot.store.database import Database
from smsbot.web.health import BackgroundWatch
from smsbot.web.metrics import HttpCounters, Metrics
from tests.commands_typed import unknown_in
from tests.retention.people import NOW

BACKGROUND = BackgroundWatch(
    ["reminders", "purge"], lambda _connection, now: now - timedelta(minutes=7), ["rdvsp"], ["rdvsp"]
)
ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs" / "guide-operateurs.md").read_text(encoding="utf-8")
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
SETTINGS = {f"{PREFIX}{name.upper()}" for name in ServiceSettings.model_fields}
RENAMED = {f"{PREFIX}TWILIO_{name}" for name in ("SENDER", "TWO_WAY")}
EXAMPLES = re.compile(r"SMSBOT_(AGREGATEUR|RDVSP_MAIRIE)_\w+")  # variables whose names come from smsbot.toml


def test_every_setting_is_told_of_and_no_other() -> None:
    told = {name for name in re.findall(r"SMSBOT_[A-Z0-9_]*[A-Z0-9]\b(?!_)", GUIDE) if not EXAMPLES.fullmatch(name)}
    assert told == SETTINGS
    assert set(re.findall(r"^(?:# )?(SMSBOT_[A-Z0-9_]+)=", EXAMPLE, re.MULTILINE)) == SETTINGS - RENAMED


def test_every_figure_is_told_of_and_no_other(database: Database) -> None:
    there = {_name(metric) for metric in text_string_to_metric_families(asyncio.run(scraped_text(database)))}
    there |= {
        "smsbot_incoming_today",
        "smsbot_outgoing_today",
        "smsbot_deliveries_today",
    }  # with nothing received or sent they have no samples
    told = set(re.findall(r"\bsmsbot_(?:[a-z]+_)*[a-z]+\b(?!…)", GUIDE)) - {"smsbot_restauree", "smsbot_essai"}
    assert told == {name for name in there if name.startswith("smsbot_") and not name.endswith("_created")}


async def scraped_text(database: Database) -> str:
    """What `/metrics` says of this database, with the figures of a process that has answered one request."""
    counters = HttpCounters()
    counters.count(200, 0.1)
    routes = Metrics(database, SecretStr("token"), counters, lambda: NOW, BACKGROUND).routes()
    transport = httpx.ASGITransport(Starlette(routes=routes))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return (await client.get("/metrics", headers={"Authorization": "Bearer token"})).text


def _name(metric: Metric) -> str:
    return f"{metric.name}_total" if metric.type == "counter" else metric.name


def test_every_event_is_one_that_is_logged() -> None:
    table = re.search(r"\| événement \|.*?\n\n", GUIDE, re.DOTALL)
    assert table is not None
    events = re.findall(r"^\| `([^`]+)` \|", table[0], re.MULTILINE)
    assert len(events) > 5
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "smsbot").rglob("*.py"))
    assert [event for event in events if f'"{event}"' not in code] == []


def _commands() -> list[str]:
    """The commands `smsbot …` in the guide's shell blocks, without what is before and after them."""
    blocks = re.findall(r"^ *```\w*\n(.*?)^ *```$", GUIDE, re.DOTALL | re.MULTILINE)
    lines = [line.replace("sudo -u smsbot ", "") for block in blocks for line in block.splitlines()]
    others = ("createdb", "createuser", "useradd", " * * ")  # to them it is a user's name
    ours = [line for line in lines if not any(each in line for each in others)]
    typed = (re.search(r"(?:^|[ /])smsbot ([a-z][^|>#&]*)", line) for line in ours)
    return sorted({found[1].strip() for found in typed if found is not None})


@pytest.mark.parametrize("typed", _commands())
def test_every_command_is_there_with_its_options(typed: str) -> None:
    assert unknown_in(typed) == []


def test_every_link_within_leads_somewhere() -> None:
    headings = re.findall(r"^#+ (.+)$", GUIDE, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", GUIDE)) <= anchors
    files = [link.partition("#")[0] for link in re.findall(r"\]\(([^#)][^)]*)\)", GUIDE)]
    assert [link for link in files if not (ROOT / "docs" / link).exists()] == []

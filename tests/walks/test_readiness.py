"""`/health/ready` and `/metrics` of the running service: a full disk, the schema of another version, and due messages
that nobody delivers."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from smsbot.web import health
from tests.walks.running import Service, rdv

MakeService = Callable[..., Service]
TOKEN = "a token for the scraper"


def ready(service: Service) -> httpx.Response:
    return httpx.get(f"{service.url}/health/ready", timeout=30)


def asked_anew() -> None:
    """Check everything again for each answer. Otherwise a good answer would be repeated for five seconds."""
    patch.object(health, "GOOD_FOR_SECONDS", 0.0).start()


def becomes(service: Service, is_so: Callable[[httpx.Response], bool]) -> httpx.Response:
    """Wait until the answer of `/health/ready` is as `is_so` says, and return it."""
    deadline = time.monotonic() + 60
    while not is_so(answer := ready(service)):
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.02)
    return answer


def figures(service: Service) -> dict[str, float]:
    answer = httpx.get(f"{service.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)
    return {
        " ".join((sample.name, *sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@pytest.mark.skipif(sys.platform != "linux", reason="a limit on another process's files takes Linux (prlimit(2))")
def test_a_disk_on_which_nothing_can_be_written_is_noticed(make_service: MakeService) -> None:
    import resource

    service = make_service().start("--no-delivery", before=asked_anew)
    _, most = resource.prlimit(service.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (4096, most))
    answer = becomes(service, lambda answer: answer.status_code == 503)
    reason = "nothing can be written to the database: is its disk full?"
    assert answer.json() == {"status": "unready", "reason": reason}
    resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (most, most))
    assert becomes(service, lambda answer: answer.status_code == 200).json()["status"] == "ready"


def test_a_later_schema_is_told_apart_from_an_older_one(make_service: MakeService, tmp_path: Path) -> None:
    service = make_service().start("--no-delivery", before=asked_anew)

    def mark(statement: str) -> None:
        with closing(sqlite3.connect(tmp_path / "smsbot.db")) as connection, connection:
            connection.execute(statement)

    mark("UPDATE alembic_version SET version_num = '9999'")
    answer = becomes(service, lambda answer: answer.status_code == 503)
    assert "(revision 9999) was made by a later version of smsbot" in answer.json()["reason"]
    mark("DELETE FROM alembic_version")
    answer = becomes(service, lambda answer: "later" not in answer.text)
    assert answer.status_code == 503
    assert "older than this version of smsbot: run smsbot migrate" in answer.json()["reason"]


def test_what_is_due_while_nobody_delivers_is_seen_and_then_done(make_service: MakeService) -> None:
    settings = {"SMSBOT_METRICS_TOKEN": TOKEN, "SMSBOT_QUIET_HOURS": "off"}
    service = make_service(settings=settings).start("--no-delivery", before=asked_anew)
    service.post_rdv(rdv(in_hours=30))
    assert service.sends("annuler").status_code == 200

    def seconds(answer: httpx.Response) -> Any:
        return answer.json()["seconds"]

    def is_late(answer: httpx.Response) -> bool:
        told = seconds(answer)
        return bool(told["reminders"] > 0 and told["messages"]["sms"] > 0)

    told = seconds(becomes(service, is_late))
    names = {
        "delivery_sms",
        "delivery_email",
        "reminders",
        "purge",
        "figures",
        "sign_in_sweep",
        "inbox_alerts",
        "batches",
        "events",
    }
    names |= {"batches", "catch_up_twilio"}
    assert 0 <= told["heard"]["rdvsp webhook"] < 120
    assert told["since_success"].keys() >= names
    assert {told["since_success"][name] for name in names} == {None}
    scraped = figures(service)
    assert scraped["smsbot_reminders_oldest_seconds"] > 0
    assert max(value for name, value in scraped.items() if name.startswith("smsbot_outgoing_oldest_seconds sms")) > 0
    assert scraped["smsbot_work_last_success_seconds reminders"] == float("inf")

    service.stop()
    service.start(before=asked_anew)
    told = seconds(becomes(service, lambda answer: None not in seconds(answer)["since_success"].values()))
    told = seconds(becomes(service, lambda answer: not is_late(answer)))
    assert told["reminders"] == 0
    scraped = figures(service)
    assert {name for name in names if not 0 <= scraped[f"smsbot_work_last_success_seconds {name}"] < 120} == set()

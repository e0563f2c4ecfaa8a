"""A second process of `smsbot serve` makes the console's pages. If it has ended, the first one makes them."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import httpx
from sqlalchemy import select

from smsbot import process_apart
from smsbot.agents.account_changes import add_agent
from smsbot.agents.tokens import open_session
from smsbot.store.database import Database
from smsbot.store.tables import agent_sessions, calendar_feeds, organisations
from tests.walks.running import Service, rdv

TOKEN = "a token for the scraper"


def made_by(service: Service) -> dict[str, int]:
    """How many pages each process has made."""
    told = httpx.get(f"{service.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    return {name: int(float(n)) for name, n in re.findall(r'smsbot_console_pages_total{process="(\w+)"} (\S+)', told)}


def children(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for thread in threads for child in (thread / "children").read_text().split()]


def is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def wait_until(is_so: Callable[[], bool], service: Service) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline, service.log
        time.sleep(0.02)


def impatient() -> None:
    """Let a process that has ended be replaced at once, even if it lived only briefly."""
    patch.object(process_apart, "_LEAST_SECONDS", 0.0).start()


def test_pages_come_from_a_second_process_and_none_is_lost_with_it(
    make_service: Callable[..., Service], migrated_database_url: str, tmp_path: Path
) -> None:
    service = make_service(database_url=migrated_database_url, settings={"SMSBOT_METRICS_TOKEN": TOKEN})
    service.start(before=impatient)
    service.post_rdv(rdv(1))
    [starter] = children(service.pid)
    with closing(Database(service.database_url)) as database:
        ago = datetime.now(UTC) - timedelta(minutes=5)
        organisation = str(database.read_now(lambda c: c.execute(select(organisations.c.id)).scalar_one()))
        agent = database.write_now(lambda c: add_agent(c, "ada@mairie.fr", "rdvsp", ["12"], ago))
        token = database.write_now(lambda c: open_session(c, agent, ago))
        cookies = {"agent": token}

        def get(path: str) -> httpx.Response:
            return httpx.get(f"{service.url}/agents{path}", cookies=cookies)

        def post(path: str, **fields: str) -> httpx.Response:
            return httpx.post(f"{service.url}/agents{path}", cookies=cookies, data={"jeton": csrf, **fields})

        # The first process makes the first page, while the second one starts.
        first = get("/calendriers")
        csrf = re.findall(r'name="jeton" value="(\w+)"', first.text)[0]
        wait_until(lambda: "a second process is ready" in service.log, service)
        assert made_by(service) == {"pages": 0, "serve": 1}
        [second] = children(starter)

        # The second process shows what the first one has written.
        assert post("/calendriers", organisation=organisation).status_code == 303
        address = re.findall(r"/agents(/calendriers/[^\"<]+\.ics)", get("/calendriers").text)[0]
        assert made_by(service) == {"pages": 1, "serve": 1}

        # The first process writes down that session and calendar are in use.
        assert get(address).text.startswith("BEGIN:VCALENDAR")
        assert made_by(service) == {"pages": 2, "serve": 1}
        noted = select(calendar_feeds.c.read_at, agent_sessions.c.seen_at).where(
            calendar_feeds.c.agent_id == agent_sessions.c.agent_id
        )
        read_at, seen_at = database.read_now(lambda c: c.execute(noted).one())
        assert read_at is not None
        assert seen_at > ago + timedelta(minutes=4)

        # The second process is killed while it makes pages. Each page still comes complete.
        page = get("/calendriers").text
        with ThreadPoolExecutor(8) as pool:
            os.kill(second, signal.SIGSTOP)
            pages = [pool.submit(get, "/calendriers") for _ in range(16)]
            os.kill(second, signal.SIGKILL)
            answers = [each.result() for each in pages]
        assert {(each.status_code, each.text) for each in answers} == {(200, page)}
        wait_until(lambda: "the second process has ended" in service.log, service)
        assert sum(made_by(service).values()) == 20

        # After signing out, which the first process does, the second process refuses, too.
        wait_until(lambda: get("/rdv").is_success and service.log.count("a second process is ready") == 2, service)
        assert post("/deconnexion").status_code == 303
        before = made_by(service)
        assert get("/rdv").headers["location"].startswith("/agents/connexion")
        assert made_by(service)["pages"] == before["pages"] + 1

    # If the first process is killed, the others end too.
    [second] = children(starter)
    service.kill()
    wait_until(lambda: not is_running(starter) and not is_running(second), service)

    # systemd sends a stop to all three. The first process decides, and is the last to close the database.
    service.start()
    [starter] = children(service.pid)
    wait_until(lambda: get("/").is_redirect and bool(children(starter)), service)
    [second] = children(starter)
    wait_until(lambda: service.log.count("a second process is ready") == 3, service)
    for pid in (second, starter):
        os.kill(pid, signal.SIGTERM)
    before = made_by(service)
    assert get("/").is_redirect
    assert made_by(service)["pages"] == before["pages"] + 1
    service.stop()
    assert not is_running(starter)
    assert not is_running(second)
    assert service.process is not None
    assert service.process.exitcode == 0
    assert list(tmp_path.glob("*.db-wal")) == []
    assert '"level": "error"' not in service.log

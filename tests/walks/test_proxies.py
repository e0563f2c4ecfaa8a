"""Behind a proxy: only proxies that the settings name may report from where somebody tries to sign in."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing

import httpx
import pytest
from sqlalchemy import func, select

from smsbot.store.database import Database
from smsbot.store.tables import sign_in_throttles
from tests.walks.running import Service


def ask_for_a_link(service: Service, forwarded_for: str) -> None:
    with httpx.Client(base_url=f"{service.url}/agents", headers={"X-Forwarded-For": forwarded_for}) as client:
        token = re.search(r'name="jeton" value="(\w+)"', client.get("/mot-de-passe").text)
        assert token is not None
        answer = client.post("/mot-de-passe", data={"jeton": token[1], "email": "ada@mairie.fr"})
        assert answer.headers["location"] == "/agents/mot-de-passe?envoye", "the proxy's word changes no address"


@pytest.mark.parametrize(
    ("proxies", "addresses"),
    [("127.0.0.1", 2), ("10.0.0.0/8, 127.0.0.0/8", 2), ("10.0.0.1", 1), ("", 1)],
)
def test_who_calls_is_believed_of_trusted_proxies_alone(
    make_service: Callable[..., Service], proxies: str, addresses: int
) -> None:
    service = make_service(settings={"SMSBOT_TRUSTED_PROXIES": proxies}).start("--no-delivery")
    for forwarded_for in ("198.51.100.1", "203.0.113.1, 198.51.100.2", "192.0.2.1, 198.51.100.1"):
        ask_for_a_link(service, forwarded_for)
    with closing(Database(service.database_url)) as database:
        keys = database.read_now(lambda c: c.execute(select(func.count()).select_from(sign_in_throttles)).scalar_one())
    assert keys == 1 + addresses  # the one account, and each network address that was accepted

"""Services for the walks, stopped at the end whatever happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smsbot.standins.mail import SmtpStandIn
from smsbot.standins.twilio import TwilioStandIn
from tests.walks.running import Service


@pytest.fixture
def twilio() -> Iterator[TwilioStandIn]:
    with TwilioStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def smtp() -> Iterator[SmtpStandIn]:
    with SmtpStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def make_service(tmp_path: Path, twilio: TwilioStandIn, smtp: SmtpStandIn) -> Iterator[Callable[..., Service]]:
    """Makes services on SQLite, or on the database given; each is started by the test."""
    made: list[Service] = []

    def make(**other: Any) -> Service:
        folder = tmp_path / f"service-{len(made)}"
        folder.mkdir()
        other.setdefault("database_url", f"sqlite:///{tmp_path / 'smsbot.db'}")
        service = Service(folder=folder, twilio=twilio, smtp=smtp, **other)
        made.append(service)
        return service

    yield make
    for service in made:
        service.stop()


@pytest.fixture
def service(make_service: Callable[..., Service]) -> Service:
    """A running service on SQLite."""
    return make_service().start()

"""Services for the walks, stopped at the end whatever happened."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smsbot.demo.stand_ins.mail_stand_in import SmtpStandIn
from smsbot.demo.stand_ins.twilio_stand_in import TwilioStandIn
from tests.walks.running import Service

_PHONES = itertools.count(10_000_000)


@pytest.fixture
def twilio() -> Iterator[TwilioStandIn]:
    with TwilioStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def smtp() -> Iterator[SmtpStandIn]:
    with SmtpStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def make_service(
    tmp_path: Path, migrated_sqlite_file: Path, twilio: TwilioStandIn, smtp: SmtpStandIn
) -> Iterator[Callable[..., Service]]:
    """Makes services on SQLite, or on the database given; each is started by the test."""
    made: list[Service] = []
    file = shutil.copy(migrated_sqlite_file, tmp_path)

    def make(**other: Any) -> Service:
        folder = tmp_path / f"service-{len(made)}"
        folder.mkdir()
        other.setdefault("database_url", f"sqlite:///{file}")
        service = Service(folder=folder, twilio=twilio, smtp=smtp, **other)
        made.append(service)
        return service

    yield make
    for service in made:
        service.stop()


TOML = """
[motifs.900]
may_be_cancelled = false

[motifs.901]
warning = "Attention, votre dossier sera clos."

[motifs.902]
label = "RDV passeport"
notice_hours = 24

[channels."+33937000001"]
stop_handled_by = "gateway"
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite_file: Path) -> Iterator[Service]:
    """One running service for the walks that only need phones of their own."""
    folder = tmp_path_factory.mktemp("shared")
    with TwilioStandIn() as twilio, SmtpStandIn() as smtp:
        url = f"sqlite:///{shutil.copy(migrated_sqlite_file, folder)}"
        service = Service(folder=folder, database_url=url, twilio=twilio, smtp=smtp, toml=TOML)
        try:
            yield service.start()
        finally:
            service.stop()


@pytest.fixture
def phone(shared: Service) -> str:
    """A mobile number that nobody has had before."""
    return f"+336{next(_PHONES):08d}"


@pytest.fixture
def service(make_service: Callable[..., Service]) -> Service:
    """A running service on SQLite."""
    return make_service().start()

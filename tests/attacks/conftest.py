from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from smsbot.demo.stand_ins.mail_stand_in import SmtpStandIn
from smsbot.demo.stand_ins.twilio_stand_in import TwilioStandIn
from tests.attacks.form import SEED
from tests.walks.running import Service, rdv, user

PHONE = "+33612340001"


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite_file: Path) -> Iterator[Service]:
    """A running service with one appointment, of Sophie Dupont at `PHONE`."""
    folder = tmp_path_factory.mktemp("target")
    with TwilioStandIn() as twilio, SmtpStandIn() as smtp:
        url = f"sqlite:///{shutil.copy(migrated_sqlite_file, folder)}"
        service = Service(folder=folder, database_url=url, twilio=twilio, smtp=smtp)
        try:
            service.start()
            service.post_rdv(rdv(1, user(1, phone_number=PHONE, phone_number_formatted=PHONE)))
            yield service
        finally:
            service.stop()


@pytest.fixture(autouse=True)
def unharmed(target: Service, request: pytest.FixtureRequest) -> Iterator[None]:
    """After each attack the service is ready, and nothing in it has failed."""
    before = len(target.log)
    yield
    assert httpx.get(f"{target.url}/health/ready", timeout=20).status_code == 200, f"not ready; seed {SEED}"
    assert "Traceback" not in target.log[before:], f"a traceback; seed {SEED}"

"""A stand-in for RDV Service Public for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from smsbot.demo.stand_ins.rdvsp_stand_in import RdvspStandIn
from tests.connected.sources import PASSWORD


@pytest.fixture
def source() -> Iterator[RdvspStandIn]:
    with RdvspStandIn(password=PASSWORD) as stand_in:
        yield stand_in

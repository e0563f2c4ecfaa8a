"""Messages are checked once more when they leave, with the real outbox."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from smsbot.notifications.reminders import LastLook
from smsbot.outbox.messages import Kind
from smsbot.store.database import Database
from smsbot.store.tables import opt_outs
from tests.appointments.records import Desk
from tests.notifications.test_reminders import World
from tests.outbox.outbox_at_work import A, B, Outbox

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)


@pytest.mark.parametrize("kind", ["notification", "reminder"])
def test_stop_holds_for_what_was_written_before_it(database: Database, kind: Kind) -> None:
    outbox, look = Outbox(database), LastLook(World(database).reminders)
    stopped = outbox.put(A, kind=kind)
    outbox.put(B, kind=kind)
    mail = outbox.put(A, kind="notification", channel="email")
    Desk(database).run(opt_outs.insert().values(number=A, opted_out_at=NOW + timedelta(minutes=1)))
    messages = [*outbox.take(), *outbox.take(channel="email")]
    verdicts = database.write_now(lambda connection: look.review(connection, messages, NOW))
    assert {verdict.id: getattr(verdict, "code", None) for verdict in verdicts}[stopped] == "opted_out"
    assert mail not in {verdict.id for verdict in verdicts}
    assert (kind == "notification") == (len(verdicts) == 1)  # a reminder without its appointment is overtaken besides

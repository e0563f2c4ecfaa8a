"""The memory of a process that runs for a long time: `python -m benchmarks.memory`.

It measures the memory of `smsbot serve` on SQLite:

- when it is ready;
- after a million turns (conversations of ANNULER, the letters and NON, with delivery switched off), compared with the
  memory after the first tenth of them;
- after a sync of 100,000 appointments, and the most during it;
- after a reminder to 100,000 people, and the most during it.

`--turns` and `--records` make it smaller.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select

from benchmarks import appointments, servers
from benchmarks.load import Webhooks
from benchmarks.notification import Taken
from benchmarks.outside import Outside, outside
from benchmarks.report import Figure, table
from benchmarks.sync import PASSWORD, source
from benchmarks.turns import MESSAGES_OF_A_PHONE, lanes
from smsbot.store.database import Database
from smsbot.store.tables import connected_sources

CONNECTIONS = 32
PHONES_AT_ONCE = 64  # on each connection
AT_ONCE = CONNECTIONS * PHONES_AT_ONCE * MESSAGES_OF_A_PHONE
LOOKED_AT_EVERY_SECONDS = 0.5


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--turns", type=int, default=1_000_000)
    options.add_argument("--records", type=int, default=100_000, help="of the sync, and of the reminder")
    chosen = options.parse_args()
    print(table(measure(chosen.turns, chosen.records)))


def measure(turns: int = 1_000_000, records: int = 100_000) -> list[Figure]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        around = stack.enter_context(outside())
        return [
            *_through_turns(folder, around, turns),
            _through_sync(folder, records),
            _through_reminder(folder, around, records),
        ]


def _through_turns(folder: Path, around: Outside, turns: int) -> list[Figure]:
    times = -(-turns // AT_ONCE)
    sqlite = f"sqlite:///{folder / 'turns.db'}"
    appointments.fill(sqlite, times * CONNECTIONS * PHONES_AT_ONCE)
    with servers.service(sqlite, "--no-delivery") as service:
        at_start = service.resident_megabytes()
        sids, spare = itertools.count(), map(appointments.phone, itertools.count())
        held = []
        for number in range(1, times + 1):
            load = around.do(Webhooks(lanes([service], CONNECTIONS, PHONES_AT_ONCE, sids, spare)))
            if load.refused:
                raise RuntimeError(f"{load.refused} messages were not answered 200")
            held.append(service.resident_megabytes())
            print(f"{number * AT_ONCE:,} turns: {held[-1]:.1f} MB, {load.per_second:.0f} a second", flush=True)
    first, most = held[len(held) // 10], max(held[len(held) // 10 :])
    what = f"memory of a process after a tenth of {times * AT_ONCE:,} turns, and at most since"
    return [
        Figure("memory of a process when it is ready", f"{at_start:.0f} MB", "1"),
        Figure(what, f"{first:.0f} MB, {most:.0f} MB", f"{most / first:.2f}"),
    ]


def _through_sync(folder: Path, records: int) -> Figure:
    """The service reads all coming appointments by itself, as it does when it starts."""
    url = f"sqlite:///{folder / 'sync.db'}"
    with source(records, 0.0) as there:
        settings = {
            "SMSBOT_RDVSP_URL": there.url,
            "SMSBOT_RDVSP_EMAIL": "sms@example.fr",
            "SMSBOT_RDVSP_PASSWORD": PASSWORD,
        }
        with servers.service(url, **settings) as service, closing(Database(url)) as database:
            return _watched(f"a sync of {records:,}", service, lambda: _is_synced(database))


def _is_synced(database: Database) -> bool:
    synced = select(func.count()).where(connected_sources.c.synced_at.is_not(None))
    return database.read_now(lambda connection: connection.execute(synced).scalar_one()) > 0


def _through_reminder(folder: Path, around: Outside, records: int) -> Figure:
    url = f"sqlite:///{folder / 'reminder.db'}"
    appointments.fill(url, records, starts_in=timedelta(hours=40))
    before = around.do(Taken())
    with servers.service(url, gateway_url=around.gateway_url, SMSBOT_QUIET_HOURS="off") as service:
        what = f"a reminder to {records:,}"
        return _watched(what, service, lambda: around.do(Taken()) - before >= records)


def _watched(what: str, service: servers.Running, is_done: Callable[[], bool]) -> Figure:
    """The memory of the process at first, the most until it is done, and the memory a moment later."""
    held = [service.resident_megabytes()]
    while not is_done():
        time.sleep(LOOKED_AT_EVERY_SECONDS)
        held.append(service.resident_megabytes())
    time.sleep(2 * LOOKED_AT_EVERY_SECONDS)
    held.append(service.resident_megabytes())
    measured = f"{held[0]:.0f} MB, at most {max(held):.0f} MB, {held[-1]:.0f} MB after it"
    return Figure(f"memory of a process through {what}", measured, f"{held[-1] / held[0]:.2f}")


if __name__ == "__main__":
    main()

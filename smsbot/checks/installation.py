"""Checks an installation itself: its settings, `smsbot.toml`, files, time zones and database, without other systems."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from smsbot.checks.findings import CheckFinding, warning, well, wrong
from smsbot.model import DEFAULT_SOURCE, DEFAULT_TIME_ZONE
from smsbot.policy import Policy
from smsbot.policy.values import did_you_mean
from smsbot.settings import ENV_FILE, PREFIX, ServiceSettings, written_names
from smsbot.store.database import Database
from smsbot.store.engines import cause_of
from smsbot.store.schema import SchemaProblem, check_schema, is_current, refuse_a_later_one
from smsbot.store.tables import appointments, organisations

ZONES = (DEFAULT_TIME_ZONE, "America/Guadeloupe", "America/Cayenne", "America/Martinique", "Indian/Reunion")
LITTLE_SPACE, NO_SPACE = 1_000, 100  # megabytes
_READABLE_BY_OTHERS = 0o044
_PERSONAL_MOBILE = ("+336", "+337")
_MEGABYTE = 1_000_000


def look_at_installation(
    settings: ServiceSettings, policy: Policy, database_file: Path | None
) -> Iterator[CheckFinding]:
    """All findings that need neither network nor database. `database_file` is the SQLite file, None for PostgreSQL."""
    yield from look_at_names(policy)
    yield from look_at_address(settings.public_url)
    yield from look_at_sender(settings.sender, policy)
    yield from look_at_policy(policy, settings)
    yield from look_at_files([Path(ENV_FILE), *([database_file] if database_file is not None else [])])
    if database_file is not None:
        yield from look_at_space(database_file)
    yield from look_at_zones()


def look_at_names(policy: Policy | None = None) -> Iterator[CheckFinding]:
    """Variables that begin with SMSBOT_ but are not known. `policy` may name variables of its own, with secrets."""
    known = {f"{PREFIX}{name.upper()}" for name in ServiceSettings.model_fields}
    known |= policy.variables if policy is not None else frozenset()
    unknown = sorted(name for name in written_names() if name.startswith(PREFIX) and name not in known)
    for name in unknown:
        # Compared without the prefix, because all of them have it.
        like = did_you_mean(name.removeprefix(PREFIX), {each.removeprefix(PREFIX) for each in known})
        guess = like.replace('"', f'"{PREFIX}', 1) if like else ": remove it (.env.example has all names)"
        yield warning("settings", f"{name} is not known and changes nothing{guess}")
    if not unknown:
        yield well("settings", "every SMSBOT_ name is known")


def look_at_address(public_url: str) -> Iterator[CheckFinding]:
    """The address to which links and webhooks lead."""
    parts = urlsplit(public_url)
    if _is_of_this_machine(parts.hostname or ""):
        yield warning(
            "public address",
            f"links in messages lead to {public_url}, which no telephone reaches: set SMSBOT_PUBLIC_URL to the address "
            "at which the outside reaches the service",
        )
    elif parts.scheme != "https":
        yield warning(
            "public address",
            f"{public_url} is not encrypted, so others can read names and appointments: serve it over https and set "
            "SMSBOT_PUBLIC_URL to that address",
        )
    else:
        yield well("public address", public_url)


def _is_of_this_machine(host: str) -> bool:
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return "." not in host
    return address.is_private or address.is_loopback


def look_at_sender(sender: str, policy: Policy) -> Iterator[CheckFinding]:
    """The senders: whether the French numbering plan allows them for a service, and whether the main one is two-way."""
    for each in sorted({sender} | policy.senders):
        if each.startswith(_PERSONAL_MOBILE):
            yield warning(
                "sender",
                f"{each} is a personal mobile number: since January 2023 operators may block messages that a service "
                "sends from 06 and 07. Take a short code, or a number that begins with 09 37, 09 38 or 09 39",
            )
    if policy.channel(sender).two_way:
        yield well("sender", f"{sender}, which usagers can answer")
    else:
        yield well("sender", f"{sender}, which nobody can answer: messages contain only the link")


def look_at_policy(policy: Policy, settings: ServiceSettings) -> Iterator[CheckFinding]:
    """What is in `smsbot.toml` and cannot have an effect."""
    for sender in policy.unused_channels:
        yield warning(
            "smsbot.toml",
            f'nothing leaves from {sender}, though [channels."{sender}"] describes it: name it as sender of an '
            "organisation, a brand or [defaults], or remove the table",
        )
    numbered = {source.name for source in policy.sources}
    if settings.rdvsp_url is not None or settings.rdvsp_webhook_secret is not None:
        numbered.add(DEFAULT_SOURCE)
    for source, kind, external_id in policy.named_ids:
        if source in numbered and not external_id.isdecimal():
            yield warning(
                "smsbot.toml",
                f"{kind} {external_id!r} of {source} does not exist: write the whole number that RDV Service Public "
                "uses for it",
            )


def look_at_files(files: Iterable[Path]) -> Iterator[CheckFinding]:
    """The existing files among these that other accounts of the machine can read. Nothing is checked on Windows."""
    if os.name != "posix":
        return
    for file in files:
        try:
            mode = file.stat().st_mode
        except OSError:
            continue
        if mode & _READABLE_BY_OTHERS:
            yield warning("files", f"other accounts of this machine can read {file}: run chmod 600 {file}")


def look_at_space(file: Path) -> Iterator[CheckFinding]:
    """How much space the disk with the SQLite file has."""
    folder = file.absolute().parent
    if not folder.is_dir():
        yield wrong("disk", f"{folder} does not exist: make it, or set SMSBOT_DATABASE_URL")
        return
    free = shutil.disk_usage(folder).free // _MEGABYTE
    if free < NO_SPACE:
        yield wrong("disk", f"only {free} MB are free at {folder}: make room, or messages will be refused")
    elif free < LITTLE_SPACE:
        yield warning("disk", f"only {free} MB are free at {folder}: make room")
    else:
        yield well("disk", f"{free:,} MB are free at {folder}".replace(",", " "))


def look_at_zones() -> Iterator[CheckFinding]:
    """Whether the machine knows the time zones of France."""
    missing = []
    for name in ZONES:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, OSError):
            missing.append(name)
    if missing:
        yield wrong("time zones", f"the machine does not know {', '.join(missing)}: install the package tzdata")
    else:
        yield well("time zones", "those of France are known")


def look_at_database(database_url: str, file: Path | None, policy: Policy) -> Iterator[CheckFinding]:
    """Findings about the database at `database_url`; `file` is the SQLite file, None for PostgreSQL."""
    where = "PostgreSQL" if file is None else str(file.absolute())
    if file is not None and not file.exists():
        yield well("database", f"there is none yet at {where}: smsbot serve creates it")
        return
    try:
        database = Database(database_url)
        try:
            yield from database.read_now(
                lambda connection: list(_of_the_database(connection, where, file is not None, policy))
            )
        finally:
            database.close()
    except SQLAlchemyError as error:
        yield wrong("database", f"{where} cannot be used ({cause_of(error)}): check SMSBOT_DATABASE_URL")


def _of_the_database(connection: Connection, where: str, is_sqlite: bool, policy: Policy) -> Iterator[CheckFinding]:
    try:
        refuse_a_later_one(connection)
        if is_sqlite and not is_current(connection):
            yield well("database", f"{where}, whose schema smsbot serve will bring up to date")
            return
        check_schema(connection)
    except SchemaProblem as problem:
        yield wrong("database", problem.sentence)
        return
    yield well("database", f"{where}, with the schema of this version")
    yield from _named_but_unknown(connection, policy)


def _named_but_unknown(connection: Connection, policy: Policy) -> Iterator[CheckFinding]:
    """Ids in `smsbot.toml` that no record has. If there is no record at all of their source, nothing is said."""
    columns: Mapping[str, tuple[object, object]] = {
        "organisations": (organisations.c.source, organisations.c.external_id),
        "services": (appointments.c.source, appointments.c.service_external_id),
        "motifs": (appointments.c.source, appointments.c.motif_external_id),
    }
    known: dict[str, set[tuple[str, str]]] = {}
    for source, kind, external_id in policy.named_ids:
        if kind not in known:
            rows = connection.execute(select(*columns[kind]).distinct())  # type: ignore[call-overload]
            known[kind] = {(row[0], row[1]) for row in rows if row[1] is not None}
        if any(of == source for of, _ in known[kind]) and (source, external_id) not in known[kind]:
            yield warning("smsbot.toml", f"no appointment has {kind} {external_id} of {source}: is it the right id?")

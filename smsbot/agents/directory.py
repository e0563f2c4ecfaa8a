"""The organisations that an administrator knows, with or without appointments.

An organisation is known from its appointments, from its table in `smsbot.toml`, or because an account may act in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from smsbot.agents.administration import Mandate
from smsbot.agents.permissions import OutOfReach
from smsbot.model import DEFAULT_SOURCE, OrganisationReference
from smsbot.policy import Policy
from smsbot.rules.letters import fold_for_search
from smsbot.store.tables import agent_organisations, organisations

ALL_ORGANISATIONS = "toutes"
"""Means all organisations in a form, in place of the key of a single one."""


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """One organisation. `id` is ours; None before its first appointment.

    `name` is from its records, else from its table in `smsbot.toml`, else it is its id at the source. `is_in_policy`
    says that it has such a table.
    """

    key: OrganisationReference
    name: str
    id: int | None = None
    verticale: str | None = None
    phone_number: str | None = None
    is_in_policy: bool = False

    @property
    def written(self) -> str:
        """The key as one word, for addresses and forms."""
        return written_key(self.key)

    def is_called(self, words: str) -> bool:
        """Whether each of these words is in its name or its id. Case and accents do not matter."""
        folded = f"{fold_for_search(self.name)} {fold_for_search(self.key.external_id)}"
        return all(fold_for_search(word) in folded for word in words.split())


Directory = Mapping[OrganisationReference, DirectoryEntry]
"""The organisations by their keys, sorted by name."""


def read_directory(connection: Connection, policy: Policy, mandate: Mandate) -> Directory:
    """All organisations that somebody with this mandate administers, by name."""
    in_policy = {
        OrganisationReference(source, external_id)
        for source, kind, external_id in policy.named_ids
        if kind == "organisations"
    }
    records = {
        OrganisationReference(row.source, row.external_id): row for row in connection.execute(select(organisations))
    }
    if mandate.everywhere:
        columns = (agent_organisations.c.source, agent_organisations.c.organisation_external_id)
        of_agents = {OrganisationReference(*row) for row in connection.execute(select(*columns).distinct())}
        keys = in_policy | records.keys() | of_agents
    else:
        keys = set(mandate.organisations)
    entries = []
    for key in keys:
        row = records.get(key)
        named = policy.own_keys(key.source, key.external_id).get("name") if key in in_policy else None
        entries.append(
            DirectoryEntry(
                key,
                (row.name if row is not None else None) or named or key.external_id,
                row.id if row is not None else None,
                row.verticale if row is not None else None,
                row.phone_number if row is not None else None,
                key in in_policy,
            )
        )
    return {entry.key: entry for entry in sorted(entries, key=_by_name)}


def _by_name(entry: DirectoryEntry) -> tuple[str, OrganisationReference]:
    """The key for sorting by name, so that "Mairie 9" comes before "Mairie 10"."""
    words = (word.zfill(12) if word.isdecimal() else fold_for_search(word) for word in entry.name.split())
    return " ".join(words), entry.key


def written_key(key: OrganisationReference) -> str:
    """The key as one word, for addresses and forms: "rdvsp:12"."""
    return f"{key.source}:{key.external_id}"


def read_key(text: str) -> OrganisationReference:
    """The key in a text from `written_key`. Without a source, it is of the main source. Raises OutOfReach."""
    source, colon, external_id = text.partition(":")
    if not colon:
        source, external_id = DEFAULT_SOURCE, text
    if not source or not external_id or not text.isprintable():
        raise OutOfReach("no such organisation")
    return OrganisationReference(source, external_id)

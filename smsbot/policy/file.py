"""The tables of `smsbot.toml`. `smsbot.example.toml` describes every key for operators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from smsbot.policy.gateways import GatewayTables, PolicyTable, Routes
from smsbot.policy.values import (
    BaseAddress,
    BrandName,
    ContactLine,
    FilledText,
    Id,
    LabelText,
    MailAddress,
    MessagesPerSecond,
    NoticeHours,
    PatienceSeconds,
    RebookUrl,
    Sender,
    SourceName,
    SyncMinutes,
    Telephone,
    TimeZone,
    Variable,
    Verticale,
    WarningText,
    Website,
)

KeyPath = tuple[str, ...]
"""A place in the file, such as `("motifs", "77", "label")`."""

Finding = tuple[KeyPath, str]
"""A mistake: its place in the file, and the end of a sentence that begins with the name of that place."""


class ScopeTable(PolicyTable):
    """Keys that are allowed in `[defaults]`, a brand, a source, an organisation, a service and a motif."""

    label: LabelText | None = None
    notice_hours: NoticeHours | None = None
    may_be_cancelled: bool | None = None
    warning: WarningText | None = None
    time_zone: TimeZone | None = None
    rebook_url: RebookUrl | None = None
    phone_number: Telephone | None = None
    sender: Sender | None = None
    ask_to_announce: bool | None = None
    notify: bool | None = None
    announce_two_way: bool | None = None


class IdentityTable(PolicyTable):
    """The name and texts of pages and e-mails: in `[operator]`, a brand or an organisation."""

    name: BrandName | None = None
    website: Website | None = None
    contact: ContactLine | None = None
    reply_to: MailAddress | None = None
    accessibility: FilledText | None = None
    legal_notice: FilledText | None = None
    personal_data: FilledText | None = None


class BrandTable(ScopeTable, IdentityTable):
    """A brand, by the `verticale` of its organisations."""


class OrganisationTable(ScopeTable, IdentityTable):
    """An organisation, by its id."""


class ChannelTable(PolicyTable):
    two_way: bool | None = None  # only for a Messaging Service; for other senders their form says it
    stop_handled_by: Literal["bot", "gateway"] = "bot"
    messages_per_second: MessagesPerSecond | None = None
    gateways: Routes = Field(default_factory=list)  # empty: the first gateway with credentials


class Instance(PolicyTable):
    """One numbering of organisations, services and motifs.

    Two instances may use the same number for different things.
    """

    organisations: dict[Id, OrganisationTable] = Field(default_factory=dict)
    services: dict[Id, ScopeTable] = Field(default_factory=dict)
    motifs: dict[Id, ScopeTable] = Field(default_factory=dict)

    def own_scopes(self) -> Iterator[tuple[KeyPath, ScopeTable]]:
        """The scopes of its organisations, services and motifs, each with its place inside this table."""
        for kind in ("organisations", "services", "motifs"):
            for external_id, scope in getattr(self, kind).items():
                yield (kind, external_id), scope


class SourceTable(ScopeTable, Instance):
    """A further instance of RDV Service Public. With `url` it is connected: see the settings SMSBOT_RDVSP_…."""

    secret_env: Variable
    url: BaseAddress | None = None
    client_id: FilledText | None = None
    client_secret_env: Variable | None = None
    email: FilledText | None = None
    password_env: Variable | None = None
    patience_seconds: PatienceSeconds | None = None
    sync_minutes: SyncMinutes | None = None
    notifies: bool | None = None


class PolicyFile(Instance):
    """The whole file. The ids at its top level are those of the main source."""

    operator: IdentityTable = Field(default_factory=IdentityTable)
    defaults: ScopeTable = Field(default_factory=ScopeTable)
    brands: dict[Verticale, BrandTable] = Field(default_factory=dict)
    channels: dict[Sender, ChannelTable] = Field(default_factory=dict)
    sources: dict[SourceName, SourceTable] = Field(default_factory=dict)
    gateways: GatewayTables = Field(default_factory=dict)

    def scopes(self) -> Iterator[tuple[KeyPath, ScopeTable]]:
        """Every scope with its place in the file."""
        yield ("defaults",), self.defaults
        for verticale, brand in self.brands.items():
            yield ("brands", verticale), brand
        instances: list[tuple[KeyPath, Instance]] = [((), self)]
        for name, source in self.sources.items():
            yield ("sources", name), source
            instances.append((("sources", name), source))
        for place, instance in instances:
            yield from (((*place, *below), scope) for below, scope in instance.own_scopes())

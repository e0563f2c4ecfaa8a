"""Looks up in `smsbot.toml` what applies to an appointment, a sender or a brand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache, partial
from pathlib import Path
from string import Formatter
from typing import Any, Self
from urllib.parse import quote

from smsbot.messages.appointment_facts import Brand
from smsbot.messages.fitting import is_told_whole
from smsbot.model import DEFAULT_SOURCE
from smsbot.policy.file import (
    BrandTable,
    ChannelTable,
    IdentityTable,
    Instance,
    OrganisationTable,
    PolicyFile,
    ScopeTable,
    SourceTable,
)
from smsbot.policy.gateways import GatewayTable
from smsbot.policy.loading import read_policy_file
from smsbot.policy.sending_routes import SendingRoute, UsualSender, main_sender, own_routes, routes_of, sender_two_way
from smsbot.policy.values import INSERTION, SOLIDARITES
from smsbot.senders import NUMBERS, sender_kind

_RULES = set(ScopeTable.model_fields)
_IDENTITY = set(IdentityTable.model_fields)
_KEPT = 4096  # combinations of organisation and motif that are cached


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules for one appointment.

    None means that the file says nothing: then the setting or the record counts.
    """

    label: str | None = None  # what messages call the appointment instead of RDV
    notice: timedelta | None = None  # None: SMSBOT_CANCELLATION_NOTICE_HOURS
    may_be_cancelled: bool = True  # by the usager, through the bot
    warning: str | None = None  # said before the last yes
    time_zone: str | None = None  # an IANA name, for appointments without one of their own
    rebook_url: str | None = None  # placeholders filled in
    phone_number: str | None = None  # whom to call, instead of the place or the organisation
    sender: str | None = None  # for notifications and reminders; None: SMSBOT_SENDER
    ask_to_announce: bool = False  # reminders ask for "JE VIENS" if they fit in one segment with it
    notify: bool = False  # we notify, because the connected source does not
    announce_two_way: bool = False  # the connected source notifies: we say once that usagers can answer our number


@dataclass(frozen=True, slots=True)
class SenderRules:
    """One of our senders. `two_way` is False if any of its routes uses a sender that nobody can answer.

    `messages_per_second` is None if the file says nothing: then SMSBOT_RATE_PER_SECOND counts.
    """

    sender: str
    two_way: bool
    messages_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class BrandWords:
    """The name and texts of pages and e-mails. None means that the templates use their own words.

    `website` is an address as people type it, `contact` a line that says whom to ask, and answers to e-mails go to
    `reply_to`. `is_outside` means that the installation is outside RDV Service Public, whose names and addresses are
    then not shown.
    """

    name: str | None = None
    website: str | None = None
    contact: str | None = None
    reply_to: str | None = None
    accessibility: str | None = None
    legal_notice: str | None = None
    personal_data: str | None = None
    is_outside: bool = False

    def over(self, brand: Brand) -> Brand:
        """The brand with these words in place of its own."""
        website = self.website or (None if self.is_outside else brand.website)
        return replace(brand, name=self.name or brand.name, website=website)


@dataclass(frozen=True, slots=True)
class Source:
    """A further instance of RDV Service Public.

    `secret_env` names the variable with the secret of its webhook; the other `_env` name those with the secrets to sign
    in. `url` is None if the instance is not connected. For the last three, None means that the setting counts.
    """

    name: str
    secret_env: str
    url: str | None = None
    client_id: str | None = None
    client_secret_env: str | None = None
    email: str | None = None
    password_env: str | None = None
    patience_seconds: float | None = None
    sync_minutes: float | None = None
    notifies: bool | None = None


class Policy:
    """The content of `smsbot.toml`, or the defaults if there is no file. It does not change while the process runs."""

    def __init__(self, file: PolicyFile | None = None, usual: UsualSender | None = None) -> None:
        self._file = PolicyFile() if file is None else file
        self._usual = UsualSender() if usual is None else usual
        self._kept_rules = lru_cache(maxsize=_KEPT)(self._rules)
        self._kept_channels = lru_cache(maxsize=_KEPT)(self._channel)
        self._kept_brands = lru_cache(maxsize=_KEPT)(self._brand_words)
        self._kept_routes = lru_cache(maxsize=_KEPT)(partial(routes_of, self._file, self._usual))

    @classmethod
    def load(cls, path: Path | None, usual: UsualSender | None = None) -> Self:
        """Read the file at `path`; None means no file. `usual` is the main sender in the settings.

        Raises `PolicyProblem`, whose sentence is one line.
        """
        return cls(None if path is None else read_policy_file(path, usual), usual)

    @property
    def sources(self) -> tuple[Source, ...]:
        """The further instances, without the main one."""
        own = set(SourceTable.model_fields) - set(ScopeTable.model_fields) - set(Instance.model_fields)
        return tuple(Source(name, **table.model_dump(include=own)) for name, table in self._file.sources.items())

    def rules_for(
        self, source: str, *, organisation: str | None, service: str | None, motif: str | None, verticale: str | None
    ) -> Rules:
        """The rules for an appointment of `source` with these external ids.

        For each rule the most specific table counts, in this order: motif, service, organisation, source, brand,
        `[defaults]`. Answers are cached.
        """
        return self._kept_rules(source, organisation, service, motif, verticale)

    @property
    def longest_notice(self) -> timedelta:
        """The longest `notice_hours` in the file; zero if there is none."""
        return timedelta(hours=max((scope.notice_hours or 0.0 for _, scope in self._file.scopes()), default=0.0))

    def channel(self, sender: str) -> SenderRules:
        """The rules for one of our senders.

        A number that is not in the file has the rules of the main sender. Answers are cached.
        """
        return self._kept_channels(sender)

    def _channel(self, sender: str) -> SenderRules:
        channels = self._file.channels
        table = channels.get(sender) or channels.get(self._usual.sender or "") or ChannelTable()
        is_answered = sender_two_way(sender, table, self._usual)
        two_way = is_answered and all(route.two_way for route in own_routes(self._file, self._usual, sender))
        return SenderRules(sender, two_way, table.messages_per_second)

    def gateway_handles_stop(self, gateway: str, number: str) -> bool:
        """Whether `gateway` itself answers STOP, START and HELP written to `number`. Then the bot does not answer.

        A number that is not in the file has the rules of the main sender, if the gateway also sends for that one.
        """
        table = self._file.channels.get(number)
        main = self._usual.sender
        if (
            table is None
            and main is not None
            and (gateway, main) in ((route.gateway, route.sender) for route in self.routes(main))
        ):
            table = self._file.channels.get(main)
        return table is not None and table.stop_handled_by == "gateway"

    @property
    def senders(self) -> frozenset[str]:
        """The main sender, and every sender that the file has a table for or gives to some appointments."""
        named = {scope.sender for _, scope in self._file.scopes()} | {self._usual.sender}
        return frozenset(sender for sender in named if sender is not None).union(self._file.channels)

    @property
    def unused_channels(self) -> tuple[str, ...]:
        """The senders that have a table of their own, but send nothing and cannot be written to."""
        used = {scope.sender for _, scope in self._file.scopes()} | {self._usual.sender}
        used |= {route.sender for table in self._file.channels.values() for route in table.gateways}
        idle = (sender for sender in self._file.channels if sender not in used)
        return tuple(sender for sender in idle if sender_kind(sender) not in NUMBERS)

    @property
    def named_ids(self) -> Iterator[tuple[str, str, str]]:
        """Each id that the file has a table for: source, kind ("organisations", "services", "motifs") and id."""
        for source, instance in {DEFAULT_SOURCE: self._file, **self._file.sources}.items():
            for (kind, external_id), _ in instance.own_scopes():
                yield source, kind, external_id

    @property
    def variables(self) -> frozenset[str]:
        """The environment variables with secrets that the file names."""
        tables = self._file.sources.values()
        of_sources = {name for each in tables for name in (each.secret_env, each.client_secret_env, each.password_env)}
        of_gateways = {variable for table in self._file.gateways.values() for variable in table.secrets.values()}
        return frozenset(name for name in of_sources | of_gateways if name is not None)

    @property
    def gateways(self) -> Mapping[str, GatewayTable]:
        """The described gateways, by name. Twilio and Vonage are not among them."""
        return self._file.gateways

    @property
    def has_pieces(self) -> bool:
        """Whether a described gateway sends us long messages in pieces."""
        return any(table.incoming is not None and table.incoming.pieces for table in self._file.gateways.values())

    @property
    def gateways_in_use(self) -> Mapping[str, str]:
        """The gateways that messages from `senders` may use, each with one of the senders that need it."""
        return {route.gateway: route.sender for sender in sorted(self.senders) for route in self.routes(sender)}

    def numbers_received_by(self, gateway: str) -> frozenset[str]:
        """The numbers and short codes among the `senders` for which this gateway sends and receives."""
        routes = (route for sender in self.senders for route in self.routes(sender))
        return frozenset(
            route.sender for route in routes if route.gateway == gateway and sender_kind(route.sender) in NUMBERS
        )

    def routes(self, sender: str) -> tuple[SendingRoute, ...]:
        """The routes that a message from `sender` may take, in order.

        Empty if there is no gateway. Answers are cached.
        """
        return self._kept_routes(sender)

    def main_sender(self, number: str) -> str:
        """The sender that conversations with `number` belong to: the channel's own sender if `number` is an alternative
        one, otherwise `number`.
        """
        return main_sender(self._file, number)

    def brand(
        self, verticale: str | None, *, source: str = DEFAULT_SOURCE, organisation: str | None = None
    ) -> BrandWords:
        """The name and texts of an organisation's messages, by its `verticale` and by its external id at `source`.

        Each is the organisation's own, or else its brand's, or else the operator's. `rdv_insertion` belongs to the
        brand RDV Solidarités. Answers are cached.
        """
        return self._kept_brands(verticale, source, organisation)

    def has_own_words(self, source: str, organisation: str) -> bool:
        """Whether the table of this organisation itself has a name or texts for its messages."""
        return not _IDENTITY.isdisjoint(self.own_keys(source, organisation))

    def own_keys(self, source: str, organisation: str) -> Mapping[str, Any]:
        """What the table of this organisation says, by key; empty if the file has no such table."""
        table = self._organisation(source, organisation)
        return {} if table is None else table.model_dump(exclude_none=True)

    def _brand_words(self, verticale: str | None, source: str, organisation: str | None) -> BrandWords:
        own = None if organisation is None else self._organisation(source, organisation)
        said: dict[str, Any] = {}
        for table in (self._file.operator, self._brand(verticale), own):
            if table is not None:
                said |= table.model_dump(include=_IDENTITY, exclude_none=True)
        return BrandWords(**said, is_outside=self._file.operator.name is not None)

    def _organisation(self, source: str, external_id: str) -> OrganisationTable | None:
        instance: Instance | None = self._file if source == DEFAULT_SOURCE else self._file.sources.get(source)
        return None if instance is None else instance.organisations.get(external_id)

    def _rules(
        self, source: str, organisation: str | None, service: str | None, motif: str | None, verticale: str | None
    ) -> Rules:
        own = self._file.sources.get(source)
        instance: Instance | None = self._file if source == DEFAULT_SOURCE else own
        nearest_first = [self._brand(verticale), self._file.defaults]
        if own is not None:
            nearest_first.insert(0, own)
        if instance is not None:
            found = (
                instance.motifs.get(motif or ""),
                instance.services.get(service or ""),
                instance.organisations.get(organisation or ""),
            )
            nearest_first[:0] = [scope for scope in found if scope is not None]
        return _merged(nearest_first, {"organisation_id": organisation, "motif_id": motif})

    def _brand(self, verticale: str | None) -> BrandTable:
        brands = self._file.brands
        if verticale == INSERTION and verticale not in brands:
            verticale = SOLIDARITES
        return brands.get(verticale or "", BrandTable())


def _merged(nearest_first: Sequence[ScopeTable], ids: Mapping[str, str | None]) -> Rules:
    said: dict[str, Any] = {}
    for scope in reversed(nearest_first):
        said |= scope.model_dump(include=_RULES, exclude_none=True)
    hours = said.pop("notice_hours", None)
    url = said.pop("rebook_url", None)
    return Rules(
        **said,
        notice=None if hours is None else timedelta(hours=hours),
        rebook_url=None if url is None else _filled_in(url, ids),
    )


def _filled_in(url: str, ids: Mapping[str, str | None]) -> str | None:
    """The address with the ids filled in; None if the appointment lacks an id, or no SMS could contain the address."""
    needed = {name for _, name, _, _ in Formatter().parse(url) if name is not None}
    known = {name: quote(external_id, safe="") for name, external_id in ids.items() if external_id is not None}
    address = url.format_map(known) if needed <= known.keys() else None
    return address if address is not None and is_told_whole(address) else None

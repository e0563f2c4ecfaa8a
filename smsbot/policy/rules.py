"""Looks up what `smsbot.toml` says about one appointment, one channel, one brand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import Any, Self
from urllib.parse import quote

from smsbot.model import DEFAULT_SOURCE
from smsbot.policy.file import BrandTable, ChannelTable, Instance, PolicyFile, Scope
from smsbot.policy.gateways import GatewayTable
from smsbot.policy.loading import read
from smsbot.policy.sending_routes import SendingRoute, main_sender, sender_two_way, ways_of
from smsbot.policy.values import INSERTION, SOLIDARITES

_RULES = set(Scope.model_fields)
_KEPT = 4096  # combinations of organisation and motif that come up at the same time


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for one appointment; None where the file says nothing and the general rule or the record counts."""

    label: str | None = None  # what messages call the appointment instead of RDV
    notice: timedelta | None = None  # None: SMSBOT_CANCELLATION_NOTICE_HOURS
    may_be_cancelled: bool = True  # by the usager, through the bot
    warning: str | None = None  # said before the last yes
    time_zone: str | None = None  # an IANA name, for appointments without one of their own
    rebook_url: str | None = None  # placeholders filled in
    phone_number: str | None = None  # whom to call, instead of the place or the organisation
    sender: str | None = None  # of what is sent unasked; None: SMSBOT_TWILIO_SENDER


@dataclass(frozen=True, slots=True)
class SenderRules:
    """One sender of ours; `two_way` is False as soon as one of its ways out is one that nobody can answer.

    `messages_per_second` is None where the file says nothing and SMSBOT_RATE_PER_SECOND counts.
    """

    sender: str
    two_way: bool
    stop_handled_by_gateway: bool = False
    messages_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class BrandWords:
    """How a brand presents itself; None where the templates have their own words."""

    name: str | None = None
    accessibility: str | None = None
    legal_notice: str | None = None
    personal_data: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A further instance of RDV Service Public; `secret_env` names the variable with its webhook's secret."""

    name: str
    secret_env: str


class Policy:
    """The content of `smsbot.toml`, or of none. It does not change while the process runs."""

    def __init__(self, file: PolicyFile | None = None) -> None:
        self._file = PolicyFile() if file is None else file
        self._kept_rules = lru_cache(maxsize=_KEPT)(self._rules)
        self._kept_channels = lru_cache(maxsize=_KEPT)(self._channel)

    @classmethod
    def load(cls, path: Path | None) -> Self:
        """The policy of the file, or that of no file. Raises `PolicyProblem`, in one line."""
        return cls() if path is None else cls(read(path))

    @property
    def sources(self) -> tuple[Source, ...]:
        """The further instances, without the main one."""
        return tuple(Source(name, table.secret_env) for name, table in self._file.sources.items())

    def rules_for(
        self, source: str, *, organisation: str | None, service: str | None, motif: str | None, verticale: str | None
    ) -> Rules:
        """The rules for an appointment of `source` with these external ids.

        For each rule the nearest word counts: the motif's, then the service's, the organisation's, the source's, the
        brand's and what `[defaults]` says. It is quick: the answers are kept.
        """
        return self._kept_rules(source, organisation, service, motif, verticale)

    @property
    def longest_notice(self) -> timedelta:
        """The longest `notice_hours` in the file; nothing where there is none."""
        return timedelta(hours=max((scope.notice_hours or 0.0 for _, scope in self._file.scopes()), default=0.0))

    def channel(self, sender: str, messaging_service: str | None = None) -> SenderRules:
        """One sender of ours; a number that the file does not name follows the Messaging Service that it belongs to.

        Whether `SMSBOT_TWILIO_SENDER` can be answered is `ServiceSettings.sender_two_way`, should it be a Messaging
        Service; every other Messaging Service in use is in the file. It is quick: the answers are kept.
        """
        return self._kept_channels(sender, messaging_service)

    def _channel(self, sender: str, messaging_service: str | None) -> SenderRules:
        channels = self._file.channels
        table = channels.get(sender) or channels.get(messaging_service or "") or ChannelTable()
        two_way = sender_two_way(sender, table) and self.every_way_is_two_way(sender)
        return SenderRules(sender, two_way, table.stop_handled_by == "gateway", table.messages_per_second)

    @property
    def senders(self) -> frozenset[str]:
        """Every sender that the file names, in a table of its own or for some appointments."""
        named = frozenset(scope.sender for _, scope in self._file.scopes() if scope.sender is not None)
        return named.union(self._file.channels)

    @property
    def gateways(self) -> Mapping[str, GatewayTable]:
        """The gateways that are described, by name; Twilio and Vonage are not among them."""
        return self._file.gateways

    @property
    def gateways_in_use(self) -> frozenset[str]:
        """The names of all gateways that a channel of the file may use; Twilio comes to them for every other sender."""
        return frozenset(way.gateway for table in self._file.channels.values() for way in table.gateways)

    def ways(self, sender: str, messaging_service: str | None = None) -> tuple[SendingRoute, ...]:
        """By which gateways a message from `sender` may leave, in which order, and from which sender each."""
        return ways_of(self._file, sender, messaging_service)

    def every_way_is_two_way(self, sender: str) -> bool:
        """Whether no way that the file lists for `sender` is one-way, so that a text may invite answers."""
        table = self._file.channels.get(sender)
        return table is None or not table.gateways or all(way.two_way for way in self.ways(sender))

    def main_sender(self, number: str) -> str:
        """The sender whose conversations a message to `number` belongs to: another one, if it is an alternative."""
        return main_sender(self._file, number)

    def brand(self, verticale: str | None) -> BrandWords:
        """The brand of an organisation's `verticale`; `rdv_insertion` belongs with RDV Solidarités."""
        table = self._brand(verticale)
        return BrandWords(table.name, table.accessibility, table.legal_notice, table.personal_data)

    def _rules(
        self, source: str, organisation: str | None, service: str | None, motif: str | None, verticale: str | None
    ) -> Rules:
        own = self._file.sources.get(source)
        instance: Instance | None = self._file if source == DEFAULT_SOURCE else own
        nearest_first = [self._brand(verticale), self._file.defaults]
        if own is not None:
            nearest_first.insert(0, own)
        if instance is not None:
            named = ((instance.motifs, motif), (instance.services, service), (instance.organisations, organisation))
            nearest_first[:0] = [table[external_id] for table, external_id in named if external_id in table]
        return _merged(nearest_first, {"organisation_id": organisation, "motif_id": motif})

    def _brand(self, verticale: str | None) -> BrandTable:
        brands = self._file.brands
        if verticale == INSERTION and verticale not in brands:
            verticale = SOLIDARITES
        return brands.get(verticale or "", BrandTable())


def _merged(nearest_first: Sequence[Scope], ids: Mapping[str, str | None]) -> Rules:
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
    """The address with the ids in it; None where one is needed that the appointment does not have."""
    needed = {name for _, name, _, _ in Formatter().parse(url) if name is not None}
    known = {name: quote(external_id, safe="") for name, external_id in ids.items() if external_id is not None}
    return url.format_map(known) if needed <= known.keys() else None

"""What is set for an organisation in `smsbot.toml`, and the defaults for what is not set."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from smsbot.agents.directory import DirectoryEntry
from smsbot.policy import Policy
from smsbot.rules.quiet_hours import QuietHours

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class SetValue(Generic[_Value]):
    """`is_own` says that the value is from the organisation's own table, not from a more general one or a setting."""

    value: _Value
    is_own: bool


@dataclass(frozen=True, slots=True)
class ServiceDefaults:
    """What the settings say for all organisations.

    `notice` is how long before an appointment usagers may no longer cancel it. `reminder_lead` is how long before it
    they are reminded. No reminder leaves in the `quiet_hours`.
    """

    sender: str
    notice: timedelta
    reminder_lead: timedelta
    quiet_hours: QuietHours | None


@dataclass(frozen=True, slots=True)
class OrganisationRules:
    """The rules for the appointments of an organisation, unless their service or motif has others.

    `brand` is the name in which it writes; None where none is set. `is_two_way` says that people can answer the sender.
    """

    sender: SetValue[str]
    is_two_way: bool
    brand: SetValue[str | None]
    notice: SetValue[timedelta]
    may_be_cancelled: SetValue[bool]
    label: SetValue[str | None]
    warning: SetValue[str | None]
    phone_number: SetValue[str | None]
    rebook_url: SetValue[str | None]
    reminder_lead: timedelta
    quiet_hours: QuietHours | None


def rules_of(policy: Policy, defaults: ServiceDefaults, entry: DirectoryEntry) -> OrganisationRules:
    """The rules for this organisation."""
    key = entry.key
    own = policy.own_keys(key.source, key.external_id)
    rules = policy.rules_for(
        key.source, organisation=key.external_id, service=None, motif=None, verticale=entry.verticale
    )
    brand = policy.brand(entry.verticale, source=key.source, organisation=key.external_id)
    sender = rules.sender or defaults.sender
    return OrganisationRules(
        sender=SetValue(sender, "sender" in own),
        is_two_way=policy.channel(sender).two_way,
        brand=SetValue(brand.name, "name" in own),
        notice=SetValue(defaults.notice if rules.notice is None else rules.notice, "notice_hours" in own),
        may_be_cancelled=SetValue(rules.may_be_cancelled, "may_be_cancelled" in own),
        label=SetValue(rules.label, "label" in own),
        warning=SetValue(rules.warning, "warning" in own),
        phone_number=SetValue(rules.phone_number or entry.phone_number, "phone_number" in own),
        rebook_url=SetValue(rules.rebook_url, "rebook_url" in own),
        reminder_lead=defaults.reminder_lead,
        quiet_hours=defaults.quiet_hours,
    )

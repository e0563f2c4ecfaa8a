"""The terms that apply to one appointment, and what a text may say about it.

The terms are what `smsbot.toml` says for its motif, service, organisation or brand, else the general settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from smsbot.appointments.appointment import Appointment, Participation
from smsbot.conversation.facts import Coming
from smsbot.made_often import made_often
from smsbot.messages.appointment_facts import DEFAULT_LABEL, AppointmentText
from smsbot.messages.fitting import told_first_name
from smsbot.model import DEFAULT_TIME_ZONE, LocationType
from smsbot.policy import BrandWords, Policy
from smsbot.policy.rules import Rules
from smsbot.rules.deadline import Refusal, refusal


@made_often
@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one appointment.

    `time_zone` is an IANA name. `telephone` is the number to call: as `smsbot.toml` says, else of the place, else of
    the organisation. `rebook_url` is set only where the motif is bookable by everyone. `sender` is the sender of
    unasked messages, if it is not the usual one. `ask_to_announce` says that reminders ask for "JE VIENS" if they have
    room for it. The last two are for connected sources: `notify` for a source that is silent, `announce_two_way` for
    one that writes to usagers itself.
    """

    notice: timedelta
    may_be_cancelled: bool
    label: str
    warning: str | None
    time_zone: str
    telephone: str | None
    rebook_url: str | None
    sender: str | None
    ask_to_announce: bool
    notify: bool
    announce_two_way: bool

    def refusal(self, starts_at: datetime, now: datetime) -> Refusal | None:
        """Why an usager may not cancel an appointment that begins then; None where they may."""
        return refusal(starts_at, self.notice, now, may_be_cancelled=self.may_be_cancelled)


@dataclass(frozen=True, slots=True)
class TermsBook:
    """Finds the terms of an appointment. `notice` is the general setting: how long before its start it is too late."""

    policy: Policy
    notice: timedelta

    @property
    def longest_notice(self) -> timedelta:
        """The longest notice that any appointment may have."""
        return max(self.notice, self.policy.longest_notice)

    def brand_words(self, appointment: Appointment) -> BrandWords:
        """The brand in whose name its organisation writes, and the address for answers to its e-mails."""
        organisation = appointment.organisation
        if organisation is None:
            return self.policy.brand(None, source=appointment.source)
        return self.policy.brand(
            organisation.verticale, source=appointment.source, organisation=organisation.external_id
        )

    def of(self, participation: Participation) -> Terms:
        return self.of_appointment(participation.appointment)

    def of_appointment(self, appointment: Appointment) -> Terms:
        organisation = appointment.organisation
        rules = self.policy.rules_for(
            appointment.source,
            organisation=organisation.external_id if organisation else None,
            service=appointment.service_external_id,
            motif=appointment.motif_external_id,
            verticale=appointment.verticale,
        )
        return Terms(
            notice=self.notice if rules.notice is None else rules.notice,
            may_be_cancelled=rules.may_be_cancelled,
            label=told_label(appointment.label, rules),
            warning=rules.warning,
            time_zone=told_zone(appointment.time_zone, rules, organisation.time_zone if organisation else None),
            telephone=rules.phone_number or appointment.telephone,
            rebook_url=rules.rebook_url if appointment.bookable_by_everyone else None,
            sender=rules.sender,
            ask_to_announce=rules.ask_to_announce,
            notify=rules.notify,
            announce_two_way=rules.announce_two_way,
        )


def told_zone(own: str | None, rules: Rules, organisations_own: str | None) -> str:
    """The IANA time zone for telling the times of an appointment: its own, else that of `smsbot.toml`, else its
    organisation's, else Paris.
    """
    return own or rules.time_zone or organisations_own or DEFAULT_TIME_ZONE


def told_label(own: str | None, rules: Rules) -> str:
    """The label of an appointment: its own, else that of `smsbot.toml`, else "RDV"."""
    return own or rules.label or DEFAULT_LABEL


def coming_of(
    participation: Participation, terms: Terms, reminded_at: datetime | None = None, *, asks_its_source: bool = False
) -> Coming:
    """What the conversation needs to know of this participation.

    `reminded_at` (UTC) is when a reminder by SMS told its telephone of the appointment as it is now. `asks_its_source`
    says that a connected source owns the appointment.
    """
    return Coming(
        id=participation.id,
        starts_at=participation.appointment.starts_at,
        names=participation.names,
        notice=terms.notice,
        may_be_cancelled=terms.may_be_cancelled,
        wrong_answers=participation.wrong_answers,
        wrong_answer_at=participation.wrong_answer_at,
        locked_until=participation.locked_until,
        first_name=participation.first_name,
        time_zone=terms.time_zone,
        place=participation.appointment.told_place,
        appointment_id=None if participation.appointment.collective else participation.appointment.id,
        asks_its_source=asks_its_source,
        is_requested=participation.is_active and participation.is_with_its_source,
        is_taking_back_requested=participation.taking_back_requested_at is not None,
        cancelled_at=participation.cancelled_at or participation.cancellation_requested_at,
        reminded_at=reminded_at,
    )


def told_address(appointment: Appointment) -> str | None:
    """The address that an usager may be told: of the place, else the appointment's own; None outside a public office.

    For an appointment by telephone, by video or at home, both may be the address of somebody's home, sometimes by
    mistake. For one in a public office they are not.
    """
    if appointment.location_type is not LocationType.PUBLIC_OFFICE:
        return None
    return appointment.place_address or appointment.address


def appointment_text(participation: Participation, terms: Terms, *, named: bool = False) -> AppointmentText:
    """What an SMS or e-mail to this participation's usager may say about its appointment.

    `named` adds the first name. Use it only after the right letters, where two appointments could be confused.
    """
    appointment = participation.appointment
    return AppointmentText(
        starts_at=appointment.starts_at,
        time_zone=terms.time_zone,
        label=terms.label,
        place=appointment.told_place,
        at_home=appointment.location_type is LocationType.HOME,
        collective=appointment.collective,
        telephone=terms.telephone,
        first_name=told_first_name(participation.first_name) if named else None,
    )

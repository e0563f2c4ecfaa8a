"""From an appointment as stored to what a text may say about it."""

from __future__ import annotations

from smsbot.appointments.appointment import Appointment, Participation
from smsbot.appointments.terms import Terms
from smsbot.messages.appointment_facts import AppointmentText
from smsbot.messages.first_names import told_first_name
from smsbot.model import LocationType


def told_address(appointment: Appointment) -> str | None:
    """The address that an usager may be told: of the place, else the appointment's own; None outside a public office.

    Of an appointment by telephone, by video or at home, either may be where somebody lives, given by mistake or not. Of
    one in a public office neither is: that is the only kind of which sources keep an address of its own.
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

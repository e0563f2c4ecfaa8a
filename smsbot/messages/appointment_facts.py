"""What messages may say about an appointment, and in the name of which brand: the facts that the templates are given.

There is no field for the motif, and none for a home address: what is not here cannot be told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from smsbot.made_often import made_often
from smsbot.model import DEFAULT_TIME_ZONE, LocationType

DEFAULT_LABEL = "RDV"
"""What an appointment is called where `smsbot.toml` has no text for its service."""


@dataclass(frozen=True, slots=True)
class Brand:
    """How a brand is named and coloured."""

    key: str
    name: str
    website: str | None  # as people type it; None: no address is told
    colour: str  # #rrggbb of the band, the links and the buttons; on white or under white at 7:1 (WCAG AAA)
    tint: str  # a light ground for black text


RDV_SOLIDARITES = Brand("rdv_solidarites", "RDV Solidarités", "www.rdv-solidarites.fr", "#7a1f4f", "#fbf1f6")
RDV_AIDE_NUMERIQUE = Brand(
    "rdv_aide_numerique", "RDV Aide Numérique", "www.rdv-aide-numerique.fr", "#0b5750", "#eef7f5"
)
RDV_SERVICE_PUBLIC = Brand("rdv_service_public", "RDV Service Public", "rdv.anct.gouv.fr", "#1d4480", "#f0f4fa")

_BY_VERTICALE = {
    "rdv_solidarites": RDV_SOLIDARITES,
    "rdv_insertion": RDV_SOLIDARITES,
    "rdv_aide_numerique": RDV_AIDE_NUMERIQUE,
    "rdv_mairie": RDV_SERVICE_PUBLIC,
}


def brand_of(verticale: str | None) -> Brand:
    """The brand of an organisation; one without a known `verticale` is RDV Service Public's."""
    return _BY_VERTICALE.get(verticale or "", RDV_SERVICE_PUBLIC)


@made_often
@dataclass(frozen=True, slots=True)
class AppointmentText:
    """What a text may say about one appointment.

    `starts_at` is aware and in UTC, and told on the clocks of `time_zone` (an IANA name). `label` is the text that
    `smsbot.toml` gives for the service, else `DEFAULT_LABEL`. `place` is the name of the place, or of the organisation
    where there is none. `telephone` is a number as its organisation wrote it. `first_name` is given only where it is
    needed to tell two appointments of one telephone apart.
    """

    starts_at: datetime
    time_zone: str = DEFAULT_TIME_ZONE
    label: str = DEFAULT_LABEL
    place: str | None = None
    at_home: bool = False
    collective: bool = False
    telephone: str | None = None
    first_name: str | None = None


@dataclass(frozen=True, slots=True)
class PersonalLink:
    """A link to an usager's page, and the first name of the person whose participation it cancels."""

    first_name: str | None
    url: str


@dataclass(frozen=True, slots=True)
class EmailFacts:
    """What an e-mail, with its calendar part, may say beyond the `appointment`.

    `uuid` and `sequence` are the UID and the SEQUENCE of the calendar event; `written_at` (UTC) is its DTSTAMP and
    `organiser` (a bare address of ours) its ORGANIZER. `address` is that of a public office, and only told of one.
    `contact` says whom to ask. `first_names` are the people that the e-mail is for. `links` lead to the usager's page:
    one link, or one for each participation that can be cancelled alone. There is none once it is too late to cancel;
    the telephone number is given instead. `rebook_url` is given only where everyone can book the motif. `rebook` alone
    says that everyone can, but not where. `word` is what an agent adds to a cancellation. `take_back_minutes` is how
    long a cancellation can be taken back by SMS, None where it cannot.
    """

    appointment: AppointmentText
    uuid: str
    sequence: int
    written_at: datetime
    brand: Brand
    contact: str | None = None
    ends_at: datetime | None = None
    location: LocationType = LocationType.PUBLIC_OFFICE
    address: str | None = None
    organisation: str | None = None
    first_names: tuple[str, ...] = ()
    links: tuple[PersonalLink, ...] = ()
    rebook: bool = False
    rebook_url: str | None = None
    organiser: str | None = None
    word: str | None = None
    take_back_minutes: int | None = None

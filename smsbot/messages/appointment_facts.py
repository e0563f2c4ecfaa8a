"""What messages may say about an appointment, and under which brand: the facts that the templates get.

There is no field for the motif, and none for a home address, so no message can contain them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from smsbot.made_often import made_often
from smsbot.model import DEFAULT_TIME_ZONE, LocationType

DEFAULT_LABEL = "RDV"
"""What an appointment is called if `smsbot.toml` has no label for its service."""


@dataclass(frozen=True, slots=True)
class Brand:
    """The name and the colours of a brand."""

    key: str
    name: str
    website: str | None  # as people type it; None: messages give no address
    colour: str  # #rrggbb of the band, the links and the buttons; its contrast with white is 7:1 or more (WCAG AAA)
    tint: str  # a light background for black text


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
    """The brand of an organisation, by its `verticale`. Unknown ones have the brand RDV Service Public."""
    return _BY_VERTICALE.get(verticale or "", RDV_SERVICE_PUBLIC)


@made_often
@dataclass(frozen=True, slots=True)
class AppointmentText:
    """What a text may say about one appointment.

    `starts_at` is aware and in UTC; texts show it in the zone `time_zone` (an IANA name). `label` is the label of the
    service in `smsbot.toml`, or `DEFAULT_LABEL`. `place` is the name of the place, or of the organisation if there is
    no place. `telephone` is a number as its organisation wrote it. `first_name` is set only if it is needed to tell two
    appointments of one telephone apart.
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
    """A link to an usager's page, and the first name of the person whose participation can be cancelled there."""

    first_name: str | None
    url: str


@dataclass(frozen=True, slots=True)
class EmailFacts:
    """What an e-mail, with its calendar part, may say in addition to the `appointment`.

    `uuid` and `sequence` are the UID and the SEQUENCE of the calendar event. `written_at` (UTC) is its DTSTAMP, and
    `organiser` (a bare address of ours) its ORGANIZER. `address` is set only for a public office. `contact` says whom
    to ask. `first_names` are the people whom the e-mail is for. `links` lead to the usager's page: one link, or one for
    each participation that can be cancelled separately. When it is too late to cancel, there is no link, and the
    e-mail gives the telephone number. `rebook` says that everyone can book this motif; `rebook_url` is where, if that
    is known. `word` is what an agent adds to a cancellation. `take_back_minutes` is how long the usager can take a
    cancellation back by SMS; None if they cannot.
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

"""The three brands that RDV Service Public appears under, told apart by an organisation's `verticale`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Brand:
    """How a brand is named and coloured."""

    key: str
    name: str
    website: str  # as people type it
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

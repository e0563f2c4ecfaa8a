from __future__ import annotations

from smsbot.messages.appointment_facts import RDV_AIDE_NUMERIQUE, RDV_SERVICE_PUBLIC, RDV_SOLIDARITES, Brand, brand_of
from tests.lines import every_line


@every_line(
    ("verticale", "brand"),
    [
        ("rdv_solidarites", RDV_SOLIDARITES),
        ("rdv_insertion", RDV_SOLIDARITES),
        ("rdv_aide_numerique", RDV_AIDE_NUMERIQUE),
        ("rdv_mairie", RDV_SERVICE_PUBLIC),
        ("something_new", RDV_SERVICE_PUBLIC),
        (None, RDV_SERVICE_PUBLIC),
    ],
)
def test_the_brand_follows_the_verticale(verticale: str | None, brand: Brand) -> None:
    assert brand_of(verticale) is brand


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    shares = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@every_line("brand", [RDV_SOLIDARITES, RDV_AIDE_NUMERIQUE, RDV_SERVICE_PUBLIC])
def test_colours_can_be_read(brand: Brand) -> None:
    for ground in ("#ffffff", brand.tint):
        assert (luminance(ground) + 0.05) / (luminance(brand.colour) + 0.05) >= 7

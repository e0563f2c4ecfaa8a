"""The headers of every page: no script runs, nothing is loaded, no cache keeps it. And every page is small."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from smsbot.store.database import Database
from smsbot.web.security import page_headers
from tests.web.usager_site import NOW, STARTS_AT, Site, Visitor

MOST_BYTES = 14_000
"""The most bytes of an answer, headers included. A server may send so much before the browser confirms (ten segments
of 1,460 bytes, RFC 6928, minus what TLS adds)."""


@pytest.fixture
def site(sqlite_database: Database) -> Site:
    return Site(sqlite_database)


def _every_answer(site: Site) -> Iterator[httpx.Response]:
    """One answer of every page and every redirect."""
    visitor = site.visitor()
    visitor.client.follow_redirects = False
    appointment = site.appointment(label="RDV social", bookable_by_everyone=True)
    mine = site.participation(appointment)
    url = site.links.url_for(mine)
    yield visitor.client.get(f"{url}/rdv")
    yield visitor.client.post(url, data={"lettres": "XYZ"})
    yield visitor.client.get(f"{url}?lettres=fausses")
    yield visitor.client.post(url, data={"lettres": "?"})
    yield visitor.client.post(url, data={"lettres": "DUP"})
    yield visitor.client.post(url, json={})
    for step in ("", "/rdv", "/confirmation", "/maintenu"):
        yield visitor.client.get(f"{url}{step}")
    yield visitor.client.post(f"{url}/rdv", data={"": ""})
    yield visitor.client.post(f"{url}/confirmation", data={"reponse": "non"})
    told = str(int(STARTS_AT.timestamp()) * 1_000_000)
    yield visitor.client.post(f"{url}/confirmation", data={"reponse": "oui", "debut": "0"})
    yield visitor.client.post(f"{url}/confirmation", data={"reponse": "oui", "debut": told})
    for step in ("/annule", "/rdv"):
        yield visitor.client.get(f"{url}{step}")
    locked = site.participation(locked_until=NOW + timedelta(hours=1))
    late = site.participation(site.appointment(starts_at=NOW + timedelta(hours=1)))
    over = site.participation(site.appointment(starts_at=NOW - timedelta(hours=1)))
    for one in (locked, late, over, 99_999):
        yield visitor.client.get(site.links.url_for(one))
    for page in ("accessibilite", "mentions-legales", "donnees-personnelles"):
        yield visitor.client.get(f"/{page}?marque=rdv_solidarites")


def test_every_answer_keeps_itself_to_itself(site: Site) -> None:
    answers = list(_every_answer(site))
    assert {answer.status_code for answer in answers} == {200, 303, 403, 404, 410, 415}
    for answer in answers:
        headers = answer.headers
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert "noindex" in headers["x-robots-tag"]
        policy = headers["content-security-policy"].split("; ")
        assert policy[0] == "default-src 'none'"
        assert {"form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} <= set(policy)
        assert "unsafe" not in headers["content-security-policy"]
        assert not any(part.startswith("script-src") for part in policy)


def test_every_page_is_whole_in_one_round_trip_and_from_nobody_else(site: Site) -> None:
    pages = [answer for answer in _every_answer(site) if answer.status_code != 303]
    for page in pages:
        head = sum(len(name) + len(value) + 4 for name, value in page.headers.raw) + len("HTTP/1.1 200 OK\r\n\r\n")
        assert head + len(page.content) < MOST_BYTES
        assert not re.search(r"<script|<img|<iframe|\bon\w+=|style=|@import|url\(", page.text)
        assert re.findall(r"<link[^>]*>", page.text) == ['<link rel="icon" href="data:,">']
        style = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(style[0].encode()).digest()).decode()
        assert f"style-src 'sha256-{digest}'" in page.headers["content-security-policy"]


def test_every_page_says_its_language_its_name_and_where_its_parts_are(site: Site) -> None:
    for page in _every_answer(site):
        if page.status_code == 303:
            continue
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert '<html lang="fr"' in page.text
        assert '<meta name="robots" content="noindex, nofollow">' in page.text
        for tag in ("title", "h1", "header", "main", "footer", "nav"):
            assert len(re.findall(rf"<{tag}[ >]", page.text)) == 1, tag


def test_a_redirect_allows_no_style_at_all() -> None:
    assert "style-src" not in page_headers()["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("path", "heading", "words"),
    [
        ("/accessibilite", "Accessibilité", "WCAG 2.2"),
        ("/mentions-legales", "Mentions légales", "l’organisme qui vous a donné ce rendez-vous"),
        ("/donnees-personnelles", "Données personnelles", "effacés 90 jours après le rendez-vous"),
    ],
)
def test_the_legal_pages_have_words_of_their_own(site: Site, path: str, heading: str, words: str) -> None:
    page = site.visitor().get(path)
    assert (page.status, page.heading) == (200, heading)
    assert words in page.text


@pytest.mark.parametrize("verticale", ["rdv_solidarites", "rdv_insertion"])
def test_the_legal_pages_say_what_the_settings_say(sqlite_database: Database, verticale: str) -> None:
    texts = {
        "name": "Mes RDV",
        "accessibility": "Accessibilité : partiellement conforme.\nAudit de 2025.\n\nVoir https://example.fr/audit &.",
        "legal_notice": "Éditeur : <b>Département</b>",
        "personal_data": "Délégué : dpo@example.fr",
    }
    site = Site(sqlite_database, {"brands": {"rdv_solidarites": texts}})
    visitor: Visitor = site.visitor()
    links = visitor.open(site.participation(site.appointment(organisation={"verticale": verticale}))).links
    page = visitor.get(links["Accessibilité"])
    assert page.title == "Accessibilité – Mes RDV"
    assert "<p>Accessibilité : partiellement conforme.<br>Audit de 2025.</p>" in page.response.text
    assert page.links["https://example.fr/audit"] == "https://example.fr/audit"
    assert "Éditeur : <b>Département</b>" in visitor.get(links["Mentions légales"]).text
    assert visitor.get(links["Données personnelles"]).links["dpo@example.fr"] == "mailto:dpo@example.fr"


def test_a_brand_that_does_not_exist_is_passed_over(site: Site) -> None:
    page = site.visitor().get('/accessibilite?marque="><b>x')
    assert page.title == "Accessibilité – RDV Service Public"
    assert "<b>" not in page.response.text

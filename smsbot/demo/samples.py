"""The appointments that the demo begins with, as RDV Service Public would post them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

PHONE = "+33612345678"


def sample_webhooks(now: datetime) -> list[dict[str, Any]]:
    """One phone in a family: Sophie Dupont has one appointment, Karim Benali has two. `now` is aware."""
    sophie = _user(1, "Sophie", "Dupont", "sophie.dupont@example.org")
    karim = _user(2, "Karim", "Benali", None)
    town_hall = {"id": 5, "name": "Mairie du 1er", "address": "1 place de la Comédie, 69001 Lyon"}
    library = {"id": 6, "name": "Médiathèque", "address": "30 boulevard Vivier-Merle, 69003 Lyon"}
    return [
        _webhook(1, _at(now, days=3, hour=14, minute=30), sophie, town_hall, now),
        _webhook(2, _at(now, days=5, hour=9), karim, town_hall, now),
        _webhook(3, _at(now, days=9, hour=16, minute=15), karim, library, now),
    ]


def _at(now: datetime, *, days: int, hour: int, minute: int = 0) -> datetime:
    """That time of day in the zone of `now`."""
    return (now + timedelta(days=days)).replace(hour=hour, minute=minute, second=0, microsecond=0)


def _user(number: int, first_name: str, last_name: str, email: str | None) -> dict[str, Any]:
    return {
        "id": number,
        "first_name": first_name,
        "last_name": last_name,
        "email": email,
        "phone_number_formatted": PHONE,
        "notify_by_sms": True,
        "notify_by_email": True,
    }


def _webhook(
    number: int, starts_at: datetime, user: dict[str, Any], place: dict[str, Any], now: datetime
) -> dict[str, Any]:
    rdv = {
        "id": number,
        "status": "unknown",
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + timedelta(minutes=30)).isoformat(),
        "collectif": False,
        "address": place["address"],
        "created_at": (now - timedelta(days=12)).isoformat(),
        "organisation": {"id": 1, "name": "CCAS", "phone_number": "04 72 00 00 00", "verticale": "rdv_solidarites"},
        "motif": {"id": 1, "location_type": "public_office", "bookable_by": "everyone", "service_id": 1},
        "lieu": place,
        "participations": [
            {
                "id": number,
                "status": "unknown",
                "send_lifecycle_notifications": True,
                "send_reminder_notification": False,
                "user": user,
            }
        ],
    }
    meta = {"model": "Rdv", "event": "created", "webhook_reason": None, "timestamp": now.isoformat()}
    return {"data": rdv, "meta": meta}

"""An Rdv as RDV Service Public sends it, to be bent by the tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

Json = dict[str, Any]


@pytest.fixture
def rdv() -> Json:
    """`data` of an Rdv, with everything in it, much of which is not read."""
    return {
        "id": 4021,
        "uuid": "6c5f8c4e-0f2a-4a53-9a0e-2d1a5b7c9e10",
        "status": "unknown",
        "starts_at": "2027-01-15 10:00:00 +0100",
        "ends_at": "2027-01-15 10:45:00 +0100",
        "duration_in_min": 45,
        "address": "1 place de la Mairie, 62000 Arras",
        "context": "enceinte de 6 mois",
        "cancelled_at": None,
        "max_participants_count": None,
        "users_count": 1,
        "name": None,
        "collectif": False,
        "created_by": "agent",
        "created_at": "2027-01-02T09:00:00.000+01:00",
        "time_zone": "Europe/Paris",
        "organisation": {
            "id": 12,
            "name": "MDS Arras Sud",
            "phone_number": "3949",
            "email": "mds@pasdecalais.fr",
            "verticale": "rdv_solidarites",
        },
        "motif": {
            "id": 77,
            "name": "Suivi RSA",
            "location_type": "public_office",
            "collectif": False,
            "bookable_by": "everyone",
            "service_id": 5,
        },
        "lieu": {
            "id": 9,
            "name": "Mairie d’Arras",
            "address": "1 place de la Mairie",
            "phone_number": "03 21 00 00 00",
        },
        "agents": [{"id": 1, "email": "agent@pasdecalais.fr"}],
        "users": [{"id": 300, "last_name": "Dupont"}],
        "participations": [
            {
                "id": 500,
                "status": "unknown",
                "send_lifecycle_notifications": True,
                "send_reminder_notification": True,
                "user": {
                    "id": 300,
                    "first_name": "Sophie",
                    "last_name": "Dupont",
                    "birth_name": "Martin",
                    "email": "sophie.dupont@exemple.fr",
                    "phone_number": "06 12 34 56 78",
                    "phone_number_formatted": "+33612345678",
                    "notify_by_sms": True,
                    "notify_by_email": False,
                    "responsible_id": None,
                    "responsible": None,
                },
            }
        ],
    }


@pytest.fixture
def body() -> Callable[..., bytes]:
    """Makes the body of a webhook."""

    def make(data: object, model: str = "Rdv", event: str = "updated", **meta: object) -> bytes:
        head = {"model": model, "event": event, "webhook_reason": None, "timestamp": "2027-01-03 12:00:00 +0100"}
        return json.dumps({"data": data, "meta": {**head, **meta}}).encode()

    return make

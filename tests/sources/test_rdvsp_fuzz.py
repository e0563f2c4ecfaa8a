"""Any body of the webhook is an event, or not of interest, or refused with one sentence."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from smsbot.sources.rdvsp import AppointmentEvent, MalformedPayload, NotOfInterest, UsagerEvent, parse_webhook

Json = dict[str, Any]

ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(alphabet=st.characters(), max_size=30)
    | st.sampled_from(["2027-01-15T10:00:00Z", "unknown", "revoked", "+33612345678", "home", "Europe/Paris"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


def read(raw: bytes) -> None:
    try:
        event = parse_webhook(raw)
    except MalformedPayload as refused:
        sentence = str(refused)
        assert sentence.endswith(".")
        assert "\n" not in sentence
        assert len(sentence) < 300
        return
    assert isinstance(event, AppointmentEvent | UsagerEvent | NotOfInterest)
    repr(event).encode()  # what is kept can be stored in the database


@given(st.binary(max_size=400))
def test_any_bytes(raw: bytes) -> None:
    read(raw)


@given(ANY_JSON)
def test_any_json(document: object) -> None:
    read(json.dumps(document).encode())


@given(ANY_JSON, st.sampled_from(["Rdv", "User"]), st.sampled_from(["created", "updated", "destroyed"]))
def test_any_data(data: object, model: str, event: str) -> None:
    read(json.dumps({"data": data, "meta": {"model": model, "event": event}}).encode())


@given(data=st.data())
def test_an_rdv_with_anything_put_anywhere(rdv: Json, body: Callable[..., bytes], data: st.DataObject) -> None:
    payload = json.loads(body(copy.deepcopy(rdv), model=data.draw(st.sampled_from(["Rdv", "User"]))))
    for _ in range(data.draw(st.integers(1, 4))):
        place: Any = payload
        while True:
            keys = list(place) if isinstance(place, dict) else range(len(place))
            key = data.draw(st.sampled_from(list(keys)))
            inner = place[key]
            if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
                break
            place = inner
        place[key] = data.draw(ANY_JSON)
        if not isinstance(payload, dict) or not payload:
            break
    read(json.dumps(payload).encode())


@given(data=st.data())
def test_a_webhook_with_bytes_changed(rdv: Json, body: Callable[..., bytes], data: st.DataObject) -> None:
    raw = bytearray(body(rdv))
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    read(bytes(raw))

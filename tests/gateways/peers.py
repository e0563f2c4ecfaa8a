"""The gateways for one table of tests: how each writes and signs a webhook, and what it answers to a send.

There are three gateways. The described one comes in the three forms that aggregators have: signed JSON, forms with
basic authentication, and everything in the query.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, ClassVar
from urllib.parse import parse_qsl, quote, urlencode

from joserfc import jwt
from joserfc.jwk import OctKey
from starlette.datastructures import FormData, UploadFile
from twilio.request_validator import RequestValidator

from smsbot.demo.stand_ins.aggregator_stand_in import AggregatorStandIn, signed, with_basic, with_parameter
from smsbot.demo.stand_ins.gateway_stand_in import GatewayStandIn
from smsbot.demo.stand_ins.http_stand_in import StandInFault
from smsbot.demo.stand_ins.twilio_stand_in import TwilioStandIn
from smsbot.demo.stand_ins.vonage_stand_in import VonageStandIn
from smsbot.gateways.authentication import StatusAddress
from smsbot.gateways.base import Gateway, IncomingSms, StatusReport, WebhookRequest
from smsbot.gateways.described import DescribedGateway
from smsbot.gateways.http import Http
from smsbot.gateways.twilio import TwilioGateway
from smsbot.gateways.vonage import ApiKey, VonageGateway
from smsbot.policy.gateways import GatewayTable

PUBLIC_URL = "https://sms.example.fr"
SECRET = "a secret with é, % and & of 32 bytes"
KEY = b"a key for the tags of addresses"

USAGER, OURS = "+33612345678", "+33937000000"

Pairs = Iterable[tuple[str, Any]]


LIMITED = StandInFault(status=429, retry_after=3)
BROKEN = StandInFault(status=500)
BROKEN_BUT_TAKEN = StandInFault(status=500, acts=True)
BAD_PROXY = StandInFault(status=502)
UNAVAILABLE = StandInFault(status=503)
MOVED = StandInFault(status=301)
CUT = StandInFault(cuts=True)
CUT_BUT_TAKEN = StandInFault(cuts=True, acts=True)
SILENT = StandInFault(status=200)
REFUSED = StandInFault(status=422)


def message_in(gateway: Gateway, request: WebhookRequest) -> IncomingSms:
    """The only message in a webhook."""
    [message] = gateway.messages(gateway.verify(request)).read
    return message


def status_in(gateway: Gateway, request: WebhookRequest) -> StatusReport:
    """The only status in a webhook."""
    [report] = gateway.statuses(gateway.verify(request)).read
    return report


def query_of(outgoing_id: int) -> str:
    """The query of the address for the statuses of this message, if the gateway does not sign the address."""
    return urlencode(StatusAddress(KEY).parameters(outgoing_id))


class Peer(ABC):
    """One gateway with its stand-in. `roles` are the names of the fields of an incoming message."""

    name: ClassVar[str]
    path: ClassVar[str]
    roles: ClassVar[Mapping[str, str]]
    typed: ClassVar[bool] = False  # whether fields may be other JSON values than text

    @abstractmethod
    def gateway(self, http: Http, api_url: str = "http://127.0.0.1:9") -> Gateway: ...

    @abstractmethod
    def stand_in(self) -> GatewayStandIn[Any]: ...

    @abstractmethod
    def number(self, number: str) -> str:
        """The number in the form in which the gateway writes it."""

    @abstractmethod
    def encoded(self, pairs: Pairs) -> bytes:
        """The body or the query with these fields. A name may come twice."""

    @abstractmethod
    def request(self, content: bytes, kind: str = "sms") -> WebhookRequest:
        """A webhook of the gateway with this content, which may be anything."""

    def incoming(self, **roles: Any) -> dict[str, Any]:
        """The fields of a message. `roles` replace the usual values, and None leaves one out."""
        usual = {
            "id": "message-1",
            "sender": self.number(USAGER),
            "recipient": self.number(OURS),
            "text": "Annuler s'il vous plaît & merci + 1",
        }
        return {self.roles[role]: value for role, value in (usual | roles).items() if value is not None}

    def message(self, **roles: Any) -> WebhookRequest:
        return self.request(self.encoded(self.incoming(**roles).items()))


class TwilioPeer(Peer):
    name = "twilio"
    path = "/webhooks/twilio"
    roles: ClassVar = {"id": "MessageSid", "sender": "From", "recipient": "To", "text": "Body"}

    def gateway(self, http: Http, api_url: str = "http://127.0.0.1:9") -> TwilioGateway:
        return TwilioGateway("AC" + "0" * 32, SECRET, public_url=PUBLIC_URL, http=http, api_url=api_url)

    def stand_in(self) -> TwilioStandIn:
        return TwilioStandIn(auth_token=SECRET)

    def number(self, number: str) -> str:
        return number

    def encoded(self, pairs: Pairs) -> bytes:
        return urlencode(list(pairs), errors="surrogatepass").encode()

    def request(self, content: bytes, kind: str = "sms") -> WebhookRequest:
        path = f"{self.path}/{kind}"
        form: list[tuple[str, str | UploadFile]] = []
        with suppress(ValueError):  # a body that cannot be read needs no right signature
            form += parse_qsl(content.decode(), keep_blank_values=True)
        signature = RequestValidator(SECRET).compute_signature(f"{PUBLIC_URL}{path}", FormData(form))
        return WebhookRequest(path, "", {"x-twilio-signature": signature}, content)


class _JsonPeer(Peer):
    typed = True

    def encoded(self, pairs: Pairs) -> bytes:
        inside = ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in pairs)
        return f"{{{inside}}}".encode()


class VonagePeer(_JsonPeer):
    name = "vonage"
    path = "/webhooks/vonage"
    roles: ClassVar = {"id": "message_uuid", "sender": "from", "recipient": "to", "text": "text"}

    def gateway(self, http: Http, api_url: str = "http://127.0.0.1:9") -> VonageGateway:
        return VonageGateway(
            ApiKey("key", SECRET), SECRET, public_url=PUBLIC_URL, status_key=KEY, http=http, api_url=api_url
        )

    def stand_in(self) -> VonageStandIn:
        return VonageStandIn("key", SECRET, SECRET)

    def number(self, number: str) -> str:
        return number.removeprefix("+")

    def incoming(self, **roles: Any) -> dict[str, Any]:
        return {"channel": "sms", "message_type": "text"} | super().incoming(**roles)

    def request(self, content: bytes, kind: str = "sms") -> WebhookRequest:
        claims = {"iat": int(time.time()), "jti": "1", "payload_hash": hashlib.sha256(content).hexdigest()}
        token = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))
        return WebhookRequest(f"{self.path}/{kind}", "", {"authorization": f"Bearer {token}"}, content)


class SignedJsonPeer(_JsonPeer):
    name = "aggregator"
    path = "/webhooks/aggregator"
    roles: ClassVar = {"id": "id", "sender": "from", "recipient": "to", "text": "text"}
    description: ClassVar = GatewayTable.model_validate(
        {
            "secrets": {"key": "SMSBOT_KEY"},
            "send": {
                "url": "http://127.0.0.1:9/v1/sms",
                "headers": {"X-Api-Key": "{key}"},
                "json": {
                    "from": "{sender}",
                    "to": ["{recipient}"],
                    "text": "{text}",
                    "reference": "{id}",
                    "callback": "{callback_url}",
                },
            },
            "answer": {"id": "ids.0", "result": "status", "taken": [100], "error": "error.code", "refused": ["no"]},
            "webhooks": {
                "format": "json",
                "authentication": {
                    "kind": "hmac",
                    "name": "X-Signature",
                    "secret": "{key}",
                    "algorithm": "sha512",
                    "encoding": "base64",
                },
            },
            "incoming": {"sender": "from", "recipient": "to", "text": "text", "id": "id"},
            "status": {
                "id": "id",
                "reference": "reference",
                "status": "status",
                "words": {"DELIVRD": "delivered", "4": "sent"},
                "error": "error",
            },
        }
    )
    secret = "key-0123"

    def gateway(self, http: Http, api_url: str = "http://127.0.0.1:9") -> DescribedGateway:
        send = self.description.send
        moved = send.model_copy(update={"url": send.url.replace("http://127.0.0.1:9", api_url)})
        description = self.description.model_copy(update={"send": moved})
        secrets = {"key": self.secret}
        return DescribedGateway(self.name, description, secrets, public_url=PUBLIC_URL, status_key=KEY, http=http)

    def stand_in(self) -> AggregatorStandIn:
        return AggregatorStandIn(self.secret, prove=signed("X-Signature", self.secret))

    def number(self, number: str) -> str:
        return number

    def request(self, content: bytes, kind: str = "sms") -> WebhookRequest:
        signature = base64.b64encode(hmac.digest(self.secret.encode(), content, "sha512")).decode()
        return WebhookRequest(f"{self.path}/{kind}", "", {"x-signature": signature}, content)


class _FormPeer(SignedJsonPeer):
    typed = False
    secret = SECRET
    send: ClassVar[Mapping[str, Any]]
    webhooks: ClassVar[Mapping[str, Any]]

    def __init_subclass__(cls) -> None:
        cls.description = GatewayTable.model_validate(
            {
                "charset": "iso-8859-15",
                "secrets": {"key": "SMSBOT_KEY"},
                "send": cls.send,
                "answer": {"id": "id", "result": "resultat", "taken": [1], "error": "erreurs", "refused": ["4"]},
                "webhooks": cls.webhooks,
                "incoming": {"sender": "from", "recipient": "to", "text": "text", "id": "id"},
                "status": {
                    "id": "id",
                    "reference": "reference",
                    "status": "status",
                    "words": {"DELIVRD": "delivered", "4": "sent"},
                    "error": "error",
                },
            }
        )

    def encoded(self, pairs: Pairs) -> bytes:
        return urlencode(list(pairs), encoding="iso-8859-15", errors="replace").encode()


_FIELDS = {
    "key": "{key}",
    "expediteur": "{sender}",
    "destinataires": "{recipient_00}",
    "message": "{text}",
    "reference": "{id}",
    "callback": "{callback_url}",
}


class FormPeer(_FormPeer):
    send: ClassVar = {"url": "http://127.0.0.1:9/send", "form": _FIELDS}
    webhooks: ClassVar = {"format": "form", "authentication": {"kind": "basic", "secret": "usér:{key}"}}

    def stand_in(self) -> AggregatorStandIn:
        return AggregatorStandIn(
            self.secret, webhooks="form", charset="iso-8859-15", prove=with_basic("usér", self.secret)
        )

    def request(self, content: bytes, kind: str = "sms") -> WebhookRequest:
        credentials = base64.b64encode(f"usér:{self.secret}".encode()).decode()
        return WebhookRequest(f"{self.path}/{kind}", "", {"authorization": f"basic {credentials}"}, content)


class QueryPeer(_FormPeer):
    send: ClassVar = {"url": "http://127.0.0.1:9/send?pro=1", "method": "GET", "query": _FIELDS}
    webhooks: ClassVar = {"format": "query", "authentication": {"kind": "query", "name": "token", "secret": "{key}"}}
    secret = "key-0123"  # only ASCII: here a query is read as ISO-8859-15, but the stand-in quotes UTF-8

    def stand_in(self) -> AggregatorStandIn:
        return AggregatorStandIn(
            self.secret, webhooks="query", charset="iso-8859-15", prove=with_parameter("token", self.secret)
        )

    def request(self, content: bytes, kind: str = "sms") -> WebhookRequest:
        query = f"{content.decode('latin-1')}&token={quote(self.secret)}"
        return WebhookRequest(f"{self.path}/{kind}", query, {}, b"")


PEERS: list[Peer] = [TwilioPeer(), VonagePeer(), SignedJsonPeer(), FormPeer(), QueryPeer()]

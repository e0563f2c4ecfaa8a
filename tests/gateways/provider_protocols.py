"""The protocol of each provider that smsbot describes: requests, answers and webhooks, as its public documentation
says.

Each line is written from the page that the description in `smsbot/policy/ready_made` names, and checks what we send
field by field. So description and protocol are two independent readings of the same page.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from smsbot.gateways.http import HttpAnswer
from tests.gateways.scripted import Request, answer, answer_in_bytes

SECRET = "a-secret-of-the-tests"
"""The value of every environment variable that a description names."""

PUBLIC_URL = "https://sms.example.fr"


@dataclass(frozen=True, slots=True)
class Posted:
    """A webhook: what is posted, to which of the two addresses, and further parameters in the address."""

    content: bytes = b""
    kind: str = "application/json"
    method: str = "POST"
    query: str = f"token={SECRET}"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Handed:
    """A message that the provider got: the recipient as it was written, the text, our id and our address for its
    status.
    """

    recipient: str
    text: str
    ours: str | None = None
    callback: str | None = None


Webhook = Callable[[str, str, str, int], Posted]
"""Makes the webhook of a message from its sender, its recipient (both E.164 or a short code), text and count."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """One provider.

    `api` is how its addresses begin. `handed` reads a request to send, and fails if it is not as documented.
    `taken` is the answer to the nth message, and `refusals` are answers that mean an error, each with the error.
    `says` and `reports` make its webhooks, `stop` that of a STOP that the provider has taken itself, and `in_pieces`
    those of one message in pieces, from number, our number and the pieces. `token`
    answers the request for a token. `listed` is its list of messages, from number, text and id of each. Times are far
    ahead, so that no message is late.
    """

    provider: str
    api: str
    handed: Callable[[Request], Handed]
    taken: Callable[[int], HttpAnswer]
    refusals: tuple[tuple[HttpAnswer, str], ...] = ()
    own: str = ""
    ours: str = "36105"
    says: Webhook | None = None
    reports: Callable[[Handed, int], Posted] | None = None
    stop: Webhook | None = None
    in_pieces: Callable[[str, str, Sequence[str]], list[Posted]] | None = None
    token: Callable[[Request], HttpAnswer] | None = None
    listed: Callable[[list[tuple[str, str, str]]], HttpAnswer] | None = None
    acknowledgement: str = ""


def digits(number: str) -> str:
    return number.removeprefix("+")


def form_of(request: Request) -> dict[str, str]:
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    return dict(parse_qsl(request.text, keep_blank_values=True, strict_parsing=True))


def json_of(request: Request) -> Any:
    assert request.headers["content-type"].startswith("application/json")
    return json.loads(request.text)


def is_basic(request: Request, user: str = SECRET, password: str = SECRET) -> bool:
    expected = base64.b64encode(f"{user}:{password}".encode()).decode()
    return request.headers["authorization"] == f"Basic {expected}"


def posts(document: Any, **more: Any) -> Posted:
    return Posted(json.dumps(document).encode(), **more)


def form(fields: Mapping[str, str], **more: Any) -> Posted:
    return Posted(urlencode(fields).encode(), "application/x-www-form-urlencoded", **more)


def of_callback(handed: Handed) -> str:
    """The parameters of the status address that came with the message."""
    assert handed.callback is not None
    assert handed.callback.startswith(f"{PUBLIC_URL}/webhooks/")
    return urlsplit(handed.callback).query


# SMSFactor ------------------------------------------------------------------------------------------------------------


def _smsfactor(request: Request) -> Handed:
    assert (request.method, request.url) == ("POST", "https://api.smsfactor.com/send")
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    sms = json_of(request)["sms"]
    assert sms["message"]["pushtype"] == "alert"
    [recipient] = sms["recipients"]["gsm"]
    return Handed(recipient["value"], sms["message"]["text"], recipient["gsmsmsid"])


def _smsfactor_answer(**counts: Any) -> HttpAnswer:
    usual = {"status": 1, "message": "OK", "ticket": "14672468", "cost": 1, "credits": 642, "total": 1, "sent": 1}
    return answer(200, usual | {"blacklisted": 0, "duplicated": 0, "invalid": 0, "npai": 0} | counts)


def _smsfactor_says(sender: str, _to: str, text: str, number: int, kind: str = "") -> Posted:
    return posts(
        {
            "date": f"2099-08-07T13:01:{number:02}+02:00",
            "message": text,
            "from": digits(sender),
            "account_id": "1234",
            "last_message_id": "smsbot",
        },
        query=f"token={SECRET}{kind}",
    )


SMSFACTOR = Protocol(
    "smsfactor",
    "https://api.smsfactor.com",
    _smsfactor,
    lambda number: _smsfactor_answer(ticket=str(14672468 + number)),
    refusals=(
        (_smsfactor_answer(sent=0, invalid=1), "SendRefused"),
        (_smsfactor_answer(sent=0, blacklisted=1), "SendRefused"),
        (answer(200, {"status": -3, "message": "Not enough credits"}), "SendLater"),
        (answer(200, {"status": -99, "message": "Unknown error"}), "SendInDoubt"),
    ),
    own='incoming.our_number = "OURS"',
    says=_smsfactor_says,
    stop=lambda sender, to, text, number: _smsfactor_says(sender, to, text, number, "&kind=stop"),
    reports=lambda handed, _: posts(
        {
            "date": "2026-01-16T11:55:12+01:00",
            "status": 3,
            "destination": handed.recipient,
            "message_id": handed.ours,
            "campaign_id": "15948909",
            "country_code": "FR",
        }
    ),
)

# SMS Partner ----------------------------------------------------------------------------------------------------------


def _smspartner(request: Request) -> Handed:
    assert request.url == "https://api.smspartner.fr/v1/vn/send"
    asked = json_of(request)
    assert asked["apiKey"] == SECRET
    assert asked["urlResponse"].startswith(f"{PUBLIC_URL}/webhooks/smspartner/sms?token=")
    return Handed(asked["to"], asked["message"])


def _smspartner_short(request: Request) -> Handed:
    assert request.url == "https://api.smspartner.fr/v1/send"
    asked = json_of(request)
    assert asked["apiKey"] == SECRET
    assert "sender" not in asked
    return Handed(asked["phoneNumbers"], asked["message"])


def _smspartner_taken(number: int) -> HttpAnswer:
    return answer(200, {"success": True, "code": 200, "message_id": 307 + number, "nb_sms": 1, "cost": 0.038})


_SMSPARTNER_REFUSALS = (
    (answer(200, {"success": False, "code": 9, "message": "…"}), "SendRefused"),
    (answer(200, {"success": False, "code": 10, "message": "…"}), "SendLater"),
)


def _smspartner_pieces(sender: str, to: str, pieces: Sequence[str]) -> list[Posted]:
    common = {"msisdn": digits(sender), "to": digits(to), "type": "text", "concat": "true", "concat-ref": "54"}
    return [
        posts(
            common
            | {"messageId": f"piece-{part}", "text": text, "message-timestamp": "2099-03-10 09:51:46"}
            | {"concat-part": str(part), "concat-total": str(len(pieces))}
        )
        for part, text in enumerate(pieces, 1)
    ]


SMSPARTNER = Protocol(
    "smspartner",
    "https://api.smspartner.fr/v1/vn",
    _smspartner,
    _smspartner_taken,
    refusals=_SMSPARTNER_REFUSALS,
    ours="+33937000001",
    says=lambda sender, to, text, number: posts(
        {
            "msisdn": digits(sender),
            "to": digits(to),
            "messageId": f"a1b2c3d4-e5f6-40a1-80b2-{number:012}",
            "text": text,
            "type": "text",
            "keyword": text.upper(),
            "message-timestamp": "2099-03-10 09:51:46",
        }
    ),
    in_pieces=_smspartner_pieces,
)

SMSPARTNER_SHORT = Protocol(
    "smspartner_short",
    "https://api.smspartner.fr/v1/send",
    _smspartner_short,
    _smspartner_taken,
    refusals=_SMSPARTNER_REFUSALS,
    own='incoming.our_number = "OURS"',
    says=lambda sender, _to, text, number: posts(
        {"type": "response", "phone_number": sender, "text": text, "message_id": 1111111 + number}
    ),
    stop=lambda sender, _to, text, number: posts(
        {"type": "stop", "phone_number": sender, "text": text, "message_id": 1111111 + number}
    ),
)

# Callr ----------------------------------------------------------------------------------------------------------------


def _callr(request: Request) -> Handed:
    assert request.url == "https://api.callr.com/json-rpc/v1.1/"
    assert is_basic(request)
    asked = json.loads(request.text)
    assert (asked["jsonrpc"], asked["method"]) == ("2.0", "sms.send")
    _sender, recipient, text, _options = asked["params"]
    return Handed(recipient, text)


def _callr_posts(kind: str, data: dict[str, Any]) -> Posted:
    event = {"event_at": "2099-05-04T12:29:32.340Z", "event_id": "9422146236497234056PGNSmlw2sOrjq", "hook_hash": None}
    body = json.dumps({**event, "try": 0, "type": kind, "data": data}).encode()
    signature = base64.b64encode(hmac.digest(SECRET.encode(), body, "sha256")).decode()
    return Posted(body, query="", headers={"X-CALLR-HmacSignature": signature})


CALLR = Protocol(
    "callr",
    "https://api.callr.com",
    _callr,
    lambda number: answer(200, {"jsonrpc": "2.0", "id": 1, "result": f"8242D{number:03}"}),
    refusals=((answer(200, {"jsonrpc": "2.0", "id": 1, "error": {"code": 150, "message": "…"}}), "SendInDoubt"),),
    says=lambda sender, to, text, number: _callr_posts(
        "sms.mo", {"type": "IN", "hash": f"IN{number:06}", "from": sender, "to": to, "text": text}
    ),
    reports=lambda handed, number: _callr_posts(
        "sms.mt.status_update",
        {"type": "OUT", "hash": f"8242D{number:03}", "to": handed.recipient, "status": "delivered"},
    ),
)

# Mtarget --------------------------------------------------------------------------------------------------------------


def _mtarget(request: Request) -> Handed:
    assert request.url == "https://api-public.mtarget.fr/api-sms.json"
    asked = form_of(request)
    assert (asked["username"], asked["password"], asked["allowunicode"]) == (SECRET, SECRET, "true")
    return Handed(asked["msisdn"], asked["msg"])


def _mtarget_answer(code: str, reason: str, number: int = 0) -> HttpAnswer:
    result = {"msisdn": "+33612345678", "smscount": "1", "code": code, "reason": reason}
    return answer(200, {"results": [result | ({"ticket": f"760eeaa0-{number:04}"} if code == "0" else {})]})


def _mtarget_pieces(sender: str, _to: str, pieces: Sequence[str]) -> list[Posted]:
    return [
        form(
            {"Msisdn": sender, "Content": text, "Keyword": "Default", "MsgId": f"piece-{part}"}
            | {"msglong.id": "longmsg", "msglong.msgcount": str(len(pieces)), "msglong.msgref": str(part)}
        )
        for part, text in enumerate(pieces, 1)
    ]


MTARGET = Protocol(
    "mtarget",
    "https://api-public.mtarget.fr",
    _mtarget,
    lambda number: _mtarget_answer("0", "ACCEPTED", number),
    refusals=((_mtarget_answer("3", "…"), "SendInDoubt"),),
    own='incoming.our_number = "OURS"',
    says=lambda sender, _to, text, number: form(
        {"Msisdn": sender, "Content": text, "Keyword": "Default", "MsgId": f"mo-{number}"}
    ),
    stop=lambda sender, _to, text, _number: form({"Msisdn": sender, "Content": text, "Keyword": "Stop"}),
    in_pieces=_mtarget_pieces,
    reports=lambda _, number: form({"MsgId": f"760eeaa0-{number:04}", "Status": "3"}),
)

# Infobip --------------------------------------------------------------------------------------------------------------


def _infobip(request: Request) -> Handed:
    assert request.url == "https://acme.api.infobip.com/sms/2/text/advanced"
    assert request.headers["authorization"] == f"App {SECRET}"
    [message] = json_of(request)["messages"]
    [destination] = message["destinations"]
    return Handed(destination["to"], message["text"], message["callbackData"], message["notifyUrl"])


def _infobip_answer(group: str, number: int = 0) -> HttpAnswer:
    status = {"groupId": 1, "groupName": group, "id": 26, "name": f"{group}_ACCEPTED"}
    message = {"messageId": f"2250be2d4219-{number}", "status": status, "to": "33612345678"}
    return answer(200, {"bulkId": "2034072219640523072", "messages": [message]})


INFOBIP = Protocol(
    "infobip",
    "https://acme.api.infobip.com",
    _infobip,
    lambda number: _infobip_answer("PENDING", number),
    refusals=(
        (_infobip_answer("REJECTED"), "SendRefused"),
        (answer(401, {"requestError": {"serviceException": {"messageId": "UNAUTHORIZED"}}}), "SendLater"),
    ),
    own='send.url = "https://acme.api.infobip.com/sms/2/text/advanced"',
    says=lambda sender, to, text, number: posts(
        {
            "results": [
                {
                    "messageId": f"817790313235066{number:03}",
                    "from": digits(sender),
                    "to": digits(to),
                    "text": text,
                    "cleanText": text,
                    "keyword": "",
                    "receivedAt": "2099-10-06T09:28:39.220+0000",
                    "smsCount": 1,
                    "price": {"pricePerMessage": 0, "currency": "EUR"},
                    "callbackData": "",
                }
            ],
            "messageCount": 1,
            "pendingMessageCount": 0,
        }
    ),
    reports=lambda handed, number: posts(
        {
            "results": [
                {
                    "messageId": f"2250be2d4219-{number}",
                    "to": handed.recipient,
                    "status": {"groupId": 3, "groupName": "DELIVERED", "name": "DELIVERED_TO_HANDSET"},
                    "error": {"groupId": 0, "groupName": "OK", "name": "NO_ERROR"},
                    "callbackData": handed.ours,
                }
            ]
        },
        query=of_callback(handed),
    ),
)

# Octopush -------------------------------------------------------------------------------------------------------------


def _octopush(request: Request) -> Handed:
    assert request.url == "https://api.octopush.com/v1/public/sms-campaign/send"
    assert (request.headers["api-login"], request.headers["api-key"]) == (SECRET, SECRET)
    asked = json_of(request)
    assert (asked["type"], asked["purpose"], asked["with_replies"]) == ("sms_premium", "alert", True)
    [recipient] = asked["recipients"]
    return Handed(recipient["phone_number"], asked["text"])


OCTOPUSH = Protocol(
    "octopush",
    "https://api.octopush.com",
    _octopush,
    lambda number: answer(201, {"sms_ticket": f"sms_5fa275dbf21{number}", "number_of_contacts": 1, "total_cost": 0.1}),
    refusals=(
        (answer(400, {"code": 110, "message": "…"}), "SendRefused"),
        (answer(401, {"code": 101, "message": "…"}), "SendLater"),
    ),
    says=lambda sender, to, text, number: posts(
        {
            "message_id": "sms_5fa275dbf21dc",
            "number": sender,
            "text": text,
            "sim_card_number": to,
            "reception_date": f"2099-11-04 11:11:{number:02}",
        }
    ),
    reports=lambda handed, number: posts(
        {
            "channel": "sms",
            "message_id": f"sms_5fa275dbf21{number}",
            "number": handed.recipient,
            "status": "DELIVERED",
            "delivery_date": "2026-11-04 11:11:45",
        }
    ),
)

# 46elks ---------------------------------------------------------------------------------------------------------------


def _elks(request: Request) -> Handed:
    assert request.url == "https://api.46elks.com/a1/sms"
    assert is_basic(request)
    asked = form_of(request)
    return Handed(asked["to"], asked["message"], callback=asked["whendelivered"])


ELKS = Protocol(
    "46elks",
    "https://api.46elks.com",
    _elks,
    lambda number: answer(200, {"status": "created", "id": f"s70df59406a1b4643b96f3f91e0bfb7b{number}", "parts": 1}),
    refusals=((answer_in_bytes(400, b"Invalid to number"), "SendRefused"),),
    ours="+33937000002",
    says=lambda sender, to, text, number: form(
        {
            "direction": "incoming",
            "id": f"sf8425555e5d8db61dda7a7b3f1b91bd{number}",
            "from": sender,
            "to": to,
            "created": "2099-07-13T13:57:23.741000",
            "message": text,
        }
    ),
    reports=lambda handed, number: form(
        {
            "id": f"s70df59406a1b4643b96f3f91e0bfb7b{number}",
            "status": "delivered",
            "delivered": "2026-07-13T13:57:23.741000",
        },
        query=of_callback(handed),
    ),
)

# smsmode --------------------------------------------------------------------------------------------------------------


def _smsmode(request: Request) -> Handed:
    assert request.url == "https://rest.smsmode.com/sms/v1/messages"
    assert request.headers["x-api-key"] == SECRET
    asked = json_of(request)
    assert asked["callbackUrlMo"].startswith(f"{PUBLIC_URL}/webhooks/smsmode/sms?token=")
    return Handed(asked["recipient"]["to"], asked["body"]["text"], asked["refClient"], asked["callbackUrlStatus"])


SMSMODE = Protocol(
    "smsmode",
    "https://rest.smsmode.com",
    _smsmode,
    lambda number: answer(201, {"messageId": f"a1-{number}", "type": "SMS", "direction": "MT"}),
    refusals=((answer(400, {"status": 400, "detail": "…"}), "SendRefused"), (answer(402, {}), "SendLater")),
    says=lambda sender, to, text, number: posts(
        {
            "messageId": f"mo-{number}",
            "direction": "MO",
            "from": digits(sender),
            "recipient": {"to": to},
            "body": {"text": text},
        }
    ),
    reports=lambda handed, number: posts(
        {
            "messageId": f"a1-{number}",
            "direction": "MT",
            "recipient": {"to": handed.recipient},
            "refClient": handed.ours,
            "status": {"value": "DELIVERED", "deliveryDate": "2026-07-13T13:57:23"},
        },
        query=of_callback(handed),
    ),
)

# LINK and Netsize -----------------------------------------------------------------------------------------------------


def _link(request: Request) -> Handed:
    assert request.url == "https://acme.linkmobility.io/sms/send"
    assert request.headers["authorization"] == "Bearer a-token"
    asked = json_of(request)
    assert (asked["platformId"], asked["platformPartnerId"], asked["ignoreResponse"]) == (SECRET, SECRET, False)
    assert (asked["useDeliveryReport"], asked["deliveryReportGates"]) == (True, [SECRET])
    return Handed(asked["destination"], asked["userData"], asked["refId"])


def _link_token(request: Request) -> HttpAnswer:
    assert request.url == "https://acme.linkmobility.io/auth/token"
    assert is_basic(request)
    assert form_of(request) == {"grant_type": "client_credentials"}
    return answer(200, {"access_token": "a-token", "token_type": "Bearer", "expires_in": 3600})


LINK = Protocol(
    "link",
    "https://acme.linkmobility.io",
    _link,
    lambda number: answer(200, {"messageId": f"Dcshuhod0PMAAAFQ+/Pb{number}", "resultCode": 1005}),
    refusals=(
        (answer(200, {"resultCode": 106200, "description": "…"}), "SendLater"),
        (answer(200, {"resultCode": 106000, "description": "Unknown Error"}), "SendInDoubt"),
    ),
    own='send.url = "https://acme.linkmobility.io/sms/send"\ntoken.url = "https://acme.linkmobility.io/auth/token"',
    token=_link_token,
    says=lambda sender, to, text, number: posts(
        {
            "id": f"mo+/{number}",
            "source": sender,
            "destination": to,
            "userData": text,
            "operator": "fr.orange",
            "timestamp": "2099-11-19T09:37:00Z",
        }
    ),
    reports=lambda handed, number: posts(
        {
            "refId": handed.ours,
            "id": f"Dcshuhod0PMAAAFQ+/Pb{number}",
            "operator": "fr.orange",
            "sentTimestamp": "2026-11-19T09:37:35Z",
            "timestamp": "2026-11-19T09:37:00Z",
            "resultCode": 1001,
            "operatorResultCode": "2",
            "segments": 1,
        }
    ),
)


def _netsize(request: Request) -> Handed:
    assert request.url == "https://europe.ipx.com/restapi/v1/sms/send"
    assert is_basic(request)
    asked = form_of(request)
    assert asked["originatorTON"] == "1"
    return Handed(asked["destinationAddress"], asked["messageText"])


NETSIZE = Protocol(
    "netsize",
    "https://europe.ipx.com",
    _netsize,
    lambda number: answer(200, {"responseCode": 0, "responseMessage": "Success", "messageIds": [f"1-{number}"]}),
    refusals=((answer(200, {"responseCode": 15, "responseMessage": "…"}), "SendInDoubt"),),
    ours="RdvNetsize",
)

# OVH ------------------------------------------------------------------------------------------------------------------


def _ovh(request: Request) -> Handed:
    assert (request.method, request.body) == ("GET", None)
    assert request.url.startswith("https://www.ovh.com/cgi-bin/sms/http2sms.cgi?")
    asked = request.parameters
    assert (asked["account"], asked["login"], asked["password"], asked["noStop"]) == (SECRET, SECRET, SECRET, "1")
    assert asked["to"].startswith("00")
    return Handed(f"+{asked['to'][2:]}", asked["message"])


OVH = Protocol(
    "ovh",
    "https://www.ovh.com/cgi-bin/sms",
    _ovh,
    lambda number: answer_in_bytes(200, f"OK\n1987\n{10867690 + number}".encode()),
    refusals=(
        (answer_in_bytes(200, b"KO\nMissing message"), "SendLater"),
        (answer_in_bytes(200, b"<html>"), "SendInDoubt"),
    ),
    ours="RdvOvh",
)

# Esendex --------------------------------------------------------------------------------------------------------------


def _esendex(request: Request) -> Handed:
    assert request.url == "https://api.esendex.com/v1.0/messagedispatcher"
    assert is_basic(request)
    asked = json_of(request)
    assert asked["accountreference"] == SECRET
    [message] = asked["messages"]
    return Handed(message["to"], message["body"])


def _esendex_posts(root: str, **elements: str) -> Posted:
    inside = "".join(f"<{name}>{text}</{name}>" for name, text in elements.items())
    return Posted(f"<{root}><Id>push</Id><AccountId>account</AccountId>{inside}</{root}>".encode(), "text/xml")


ESENDEX = Protocol(
    "esendex",
    "https://api.esendex.com",
    _esendex,
    lambda number: answer(
        200, {"batch": {"batchid": "b", "messageheaders": [{"uri": "https://…", "id": f"1183c73d-{number}"}]}}
    ),
    refusals=((answer(400, {"errors": [{"code": "invalid_number", "description": "…"}]}), "SendRefused"),),
    ours="+33937000003",
    says=lambda sender, to, text, number: _esendex_posts(
        "InboundMessage", MessageId=f"mo-{number}", MessageText=text, From=digits(sender), To=digits(to)
    ),
    reports=lambda _, number: _esendex_posts(
        "MessageDelivered", MessageId=f"1183c73d-{number}", OccurredAt="2026-07-13T13:57:23"
    ),
)

# Orange Contact Everyone ----------------------------------------------------------------------------------------------

_ORANGE = "https://contact-everyone.orange-business.com/api"


def _orange(request: Request) -> Handed:
    assert request.url == f"{_ORANGE}/v1.2/groups/{SECRET}/diffusion-requests"
    assert request.headers["authorization"] == "Bearer long-access-token"
    asked = json_of(request)
    [recipient] = asked["msisdns"]
    assert asked["smsParam"]["encoding"] == "GSM7"
    return Handed(recipient, asked["smsParam"]["body"])


def _orange_token(request: Request) -> HttpAnswer:
    assert request.url == f"{_ORANGE}/v1.2/oauth/token"
    assert form_of(request) == {"username": SECRET, "password": SECRET}
    return answer(200, {"access_token": "long-access-token", "ttl": 90})


ORANGE = Protocol(
    "orange",
    f"{_ORANGE}/v1.2",
    _orange,
    lambda number: answer(201, {"id": f"595d04e6-{number}"}),
    refusals=((answer(400, [{"code": "…"}]), "SendRefused"), (answer(500, {}), "SendInDoubt")),
    token=_orange_token,
    ours="RdvOrange",
)


def _orange_light(request: Request) -> Handed:
    assert request.url == f"{_ORANGE}/light/diffusions/sms"
    asked = form_of(request)
    assert asked["token"] == SECRET
    return Handed(asked["to"], asked["msg"])


ORANGE_LIGHT = Protocol(
    "orange_light",
    f"{_ORANGE}/light",
    _orange_light,
    lambda number: answer_in_bytes(200, f"44393800-e4b1-11ef-{number}\n".encode()),
    refusals=((answer(400, {"message": "…", "logId": "x"}), "SendRefused"),),
    ours="RdvLight",
)

# Primotexto -----------------------------------------------------------------------------------------------------------


def _primotexto(request: Request) -> Handed:
    assert request.url == "https://api.primotexto.com/v2/notification/messages/send"
    assert request.headers["x-primotexto-apikey"] == SECRET
    asked = json_of(request)
    assert asked["category"] == "smsbot"
    return Handed(asked["number"], asked["message"])


PRIMOTEXTO = Protocol(
    "primotexto",
    "https://api.primotexto.com",
    _primotexto,
    lambda number: answer(200, {"creditsUsed": 1.0, "snapshotId": str(386479 + number)}),
    refusals=((answer(400, {"code": 12, "error": "…"}), "SendRefused"),),
    own='incoming.our_number = "OURS"',
    listed=lambda replies: answer(
        200, [{"id": identifier, "identifier": sender, "message": text} for sender, text, identifier in replies]
    ),
)

# Brevo ----------------------------------------------------------------------------------------------------------------


def _brevo(request: Request) -> Handed:
    assert request.url == "https://api.brevo.com/v3/transactionalSMS/send"
    assert request.headers["api-key"] == SECRET
    asked = json_of(request)
    assert asked["type"] == "transactional"
    return Handed(asked["recipient"], asked["content"], callback=asked["webUrl"])


BREVO = Protocol(
    "brevo",
    "https://api.brevo.com",
    _brevo,
    lambda number: answer(201, {"reference": "ab1cde2fgh3i4jklmno", "messageId": 1511882900176220 + number}),
    refusals=(
        (answer(402, {"code": "not_enough_credits", "message": "…"}), "SendLater"),
        (answer(400, {"code": "invalid_parameter", "message": "…"}), "SendRefused"),
    ),
    ours="RdvBrevo",
    reports=lambda handed, number: posts(
        {
            "id": 26570,
            "to": handed.recipient,
            "sms_count": 1,
            "messageId": 1511882900176220 + number,
            "msg_status": "delivered",
            "date": "2026-07-13 13:57:23",
            "type": "transactional",
            "reference": {"1": "ab1cde2fgh3i4jklmno"},
        },
        query=of_callback(handed),
    ),
)

# HighConnexion --------------------------------------------------------------------------------------------------------


def _highconnexion(request: Request) -> Handed:
    assert request.url == "https://highpushfastapi-v2.hcnx.eu/api"
    asked = form_of(request)
    assert (asked["accountid"], asked["password"]) == (SECRET, SECRET)
    assert asked["ret_mo_url"].startswith(f"{PUBLIC_URL}/webhooks/highconnexion/sms?token=")
    return Handed(asked["to"], asked["text"], asked["ret_id"], asked["ret_url"])


HIGHCONNEXION = Protocol(
    "highconnexion",
    "https://highpushfastapi-v2.hcnx.eu",
    _highconnexion,
    lambda _: answer_in_bytes(200, b""),
    refusals=((answer_in_bytes(503, b""), "SendLater"),),
    says=lambda sender, to, text, number: form(
        {
            "ID": str(515500 + number),
            "FROM": sender,
            "TO": to,
            "MESSAGE": quote(text, encoding="iso-8859-1"),
            "RECEPTION_DATE": "2099-04-02T14:26:06",
        }
    ),
    reports=lambda handed, _: Posted(
        method="GET", query=f"{of_callback(handed)}&ret_id={handed.ours}&status=6", kind="text/plain"
    ),
)

# Jasmin ---------------------------------------------------------------------------------------------------------------


def _jasmin(request: Request) -> Handed:
    assert request.url == "http://jasmin.example.fr:1401/send"
    asked = form_of(request)
    assert (asked["username"], asked["password"], asked["dlr"], asked["dlr-level"]) == (SECRET, SECRET, "yes", "3")
    return Handed(asked["to"], asked["content"], callback=asked["dlr-url"])


JASMIN = Protocol(
    "jasmin",
    "http://jasmin.example.fr:1401",
    _jasmin,
    lambda number: answer_in_bytes(200, f'Success "07033084-5cfd-4812-{number}"'.encode()),
    refusals=(
        (answer_in_bytes(400, b'Error "Mandatory argument [to] is not found."'), "SendRefused"),
        (answer_in_bytes(403, b'Error "Authentication failure for username:foo"'), "SendLater"),
    ),
    own='send.url = "http://jasmin.example.fr:1401/send"',
    says=lambda sender, to, text, number: form(
        {"id": f"mo-{number}", "from": sender, "to": to, "origin-connector": "smpp", "content": text, "coding": "0"}
    ),
    reports=lambda handed, number: form(
        {"id": f"07033084-5cfd-4812-{number}", "level": "2", "message_status": "DELIVRD"}, query=of_callback(handed)
    ),
    acknowledgement="ACK/Jasmin",
)

PROTOCOLS = (
    *(SMSFACTOR, SMSPARTNER, SMSPARTNER_SHORT, CALLR, MTARGET, INFOBIP, OCTOPUSH, ELKS, SMSMODE, LINK, NETSIZE, OVH),
    *(ESENDEX, ORANGE, ORANGE_LIGHT, PRIMOTEXTO, BREVO, HIGHCONNEXION, JASMIN),
)

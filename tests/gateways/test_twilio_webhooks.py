"""Twilio's webhooks: the signature, then the fields. One table of requests, with bad ones."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from smsbot.gateways.base import (
    DeliveryStatus,
    IncomingSms,
    MalformedMessage,
    SignatureRefused,
    StatusReport,
    WebhookRequest,
)
from smsbot.gateways.twilio import STATUSES, TwilioGateway
from tests.gateways.scripted import ScriptedHttp
from tests.lines import every_line

PUBLIC_URL = "https://sms.example.fr"
TOKEN = "0123456789abcdef"
SMS_PATH = "/webhooks/twilio/sms"
STATUS_PATH = "/webhooks/twilio/status"
SID = "SM" + "a1" * 16

INCOMING = {
    "ToCountry": "FR",
    "ToState": "",
    "SmsMessageSid": SID,
    "NumMedia": "0",
    "ToCity": "",
    "FromZip": "",
    "SmsSid": SID,
    "FromState": "",
    "SmsStatus": "received",
    "FromCity": "",
    "Body": "Annuler s'il vous plaît, à bientôt & merci + 1 😀",
    "FromCountry": "FR",
    "To": "+33937000000",
    "ToZip": "",
    "NumSegments": "1",
    "MessageSid": SID,
    "AccountSid": "AC" + "0" * 32,
    "From": "+33612345678",
    "ApiVersion": "2010-04-01",
}

UNUSED_HTTP = ScriptedHttp()

STATUS = {"MessageSid": SID, "MessageStatus": "delivered", "To": "+33612345678", "AccountSid": "AC" + "0" * 32}


@pytest.fixture
def gateway() -> TwilioGateway:
    return gateway_at(PUBLIC_URL)


def gateway_at(public_url: str) -> TwilioGateway:
    return TwilioGateway("AC" + "0" * 32, TOKEN, public_url=public_url, http=UNUSED_HTTP)


def signed(
    form: dict[str, str], *, path: str = SMS_PATH, query: str = "", url: str | None = None, body: bytes | None = None
) -> WebhookRequest:
    """The request as Twilio would post it. `body` replaces the body but keeps the signature of the form."""
    url = url or f"{PUBLIC_URL}{path}" + (f"?{query}" if query else "")
    return WebhookRequest(
        path=path,
        query=query,
        headers={"x-twilio-signature": RequestValidator(TOKEN).compute_signature(url, form)},
        body=urlencode(form).encode() if body is None else body,
    )


def without(form: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in form.items() if name not in names}


class TestSignature:
    def test_a_right_one_opens_the_fields(self, gateway: TwilioGateway) -> None:
        assert gateway.verify(signed(INCOMING)).fields == INCOMING

    @every_line("headers", [{}, {"x-twilio-signature": ""}, {"x-twilio-signature": "é"}])
    def test_none_or_nonsense_is_refused(self, gateway: TwilioGateway, headers: dict[str, str]) -> None:
        with pytest.raises(SignatureRefused):
            gateway.verify(WebhookRequest(SMS_PATH, "", headers, urlencode(INCOMING).encode()))

    @every_line(
        ("case", "body"),
        [
            ("a changed text", {**INCOMING, "Body": "OUI"}),
            ("a blank field dropped", without(INCOMING, "ToCity")),
            ("a field added", {**INCOMING, "OptOutType": "STOP"}),
        ],
    )
    def test_it_covers_every_field(self, gateway: TwilioGateway, case: str, body: dict[str, str]) -> None:
        with pytest.raises(SignatureRefused):
            gateway.verify(signed(INCOMING, body=urlencode(body).encode()))

    def test_it_covers_the_query_as_written(self, gateway: TwilioGateway) -> None:
        query = "message=7&x=%C3%A9+b&y="
        request = signed(STATUS, path=STATUS_PATH, query=query)
        assert gateway.verify(request).query == {"message": "7", "x": "é b", "y": ""}
        with pytest.raises(SignatureRefused):
            gateway.verify(WebhookRequest(request.path, "message=8&x=%C3%A9+b&y=", request.headers, request.body))

    def test_another_path_is_refused(self, gateway: TwilioGateway) -> None:
        request = signed(INCOMING)
        with pytest.raises(SignatureRefused):
            gateway.verify(WebhookRequest(STATUS_PATH, "", request.headers, request.body))

    def test_the_host_header_plays_no_part(self, gateway: TwilioGateway) -> None:
        request = signed(INCOMING)
        headers = {**request.headers, "host": "internal:8000", "x-forwarded-host": "elsewhere"}
        assert gateway.verify(WebhookRequest(request.path, "", headers, request.body)).fields["MessageSid"] == SID

    @every_line(
        ("public_url", "signed_url"),
        [
            ("https://sms.example.fr/", "https://sms.example.fr/webhooks/twilio/sms"),
            ("https://sms.example.fr", "https://sms.example.fr:443/webhooks/twilio/sms"),
            ("https://sms.example.fr:8443", "https://sms.example.fr:8443/webhooks/twilio/sms"),
            ("https://sms.example.fr:8443", "https://sms.example.fr/webhooks/twilio/sms"),
            ("http://localhost:8000", "http://localhost:8000/webhooks/twilio/sms"),
            ("https://example.fr/sms", "https://example.fr/sms/webhooks/twilio/sms"),
        ],
    )
    def test_slashes_ports_and_prefixes(self, public_url: str, signed_url: str) -> None:
        request = signed(INCOMING, url=signed_url)
        assert gateway_at(public_url).verify(request).fields["MessageSid"] == SID

    def test_every_value_of_a_repeated_field_counts(self, gateway: TwilioGateway) -> None:
        # Twilio's own rule: the values of one name are sorted, and repeated values left out.
        text = f"{PUBLIC_URL}{SMS_PATH}" + "".join(name + INCOMING[name] for name in sorted(INCOMING))
        text += "ZTagaZTagb"
        signature = RequestValidator(TOKEN).compute_signature(text, {})
        body = urlencode([*INCOMING.items(), ("ZTag", "b"), ("ZTag", "a")]).encode()
        webhook = gateway.verify(WebhookRequest(SMS_PATH, "", {"x-twilio-signature": signature}, body))
        assert webhook.fields["ZTag"] == "b"
        smuggled = WebhookRequest(SMS_PATH, "", {"x-twilio-signature": signature}, body + b"&ZTag=c")
        with pytest.raises(SignatureRefused):
            gateway.verify(smuggled)

    @every_line(
        ("case", "body"),
        [
            ("a lone percent sign", b"Body=50%&From=%2B33612345678"),
            ("half an escape", b"Body=%C"),
            ("no hexadecimal", b"Body=%zz"),
            ("Latin-1", b"Body=%E9"),
            ("a raw byte", b"Body=\xe9"),
            ("a surrogate", b"Body=%ED%A0%80"),
            ("no pairs", b"just words"),
            ("JSON", b'{"Body": "OUI"}'),
            ("empty pairs", b"Body=OUI&&From=x"),
            ("too many fields", b"&".join(b"f%d=" % n for n in range(300))),
        ],
    )
    def test_what_cannot_be_read_is_malformed(self, gateway: TwilioGateway, case: str, body: bytes) -> None:
        with pytest.raises(MalformedMessage) as raised:
            gateway.verify(signed(INCOMING, body=body))
        assert raised.value.sentence.endswith(".")

    def test_an_empty_body_is_only_unsigned_or_incomplete(self, gateway: TwilioGateway) -> None:
        with pytest.raises(MalformedMessage, match="missing"):
            gateway.parse(gateway.verify(signed({}, body=b"")))


class TestIncoming:
    def test_a_message(self, gateway: TwilioGateway) -> None:
        assert gateway.parse(gateway.verify(signed(INCOMING))) == IncomingSms(
            gateway="twilio",
            gateway_message_id=SID,
            from_number="+33612345678",
            to_number="+33937000000",
            body="Annuler s'il vous plaît, à bientôt & merci + 1 😀",
            opt_out_keyword=None,
        )

    @every_line(
        ("changed", "attribute", "expected"),
        [
            ({"Body": ""}, "body", ""),
            ({"Body": "a\0b\0"}, "body", "ab"),
            ({"Body": "  OUI \r\n"}, "body", "  OUI \r\n"),
            ({"Body": "x" * 39_015}, "body", "x" * 39_015),
            ({"OptOutType": "STOP"}, "opt_out_keyword", "STOP"),
            ({"OptOutType": ""}, "opt_out_keyword", None),
            ({"From": "36123"}, "from_number", "36123"),
            ({"To": "38050"}, "to_number", "38050"),
            ({"To": "RDV S.P."}, "to_number", "RDV S.P."),
            ({"From": "+590690123456"}, "from_number", "+590690123456"),
        ],
    )
    def test_what_differs(
        self, gateway: TwilioGateway, changed: dict[str, str], attribute: str, expected: str | None
    ) -> None:
        message = gateway.parse(gateway.verify(signed({**INCOMING, **changed})))
        assert getattr(message, attribute) == expected

    def test_the_older_name_of_the_id_is_enough(self, gateway: TwilioGateway) -> None:
        message = gateway.parse(gateway.verify(signed(without(INCOMING, "MessageSid"))))
        assert message.gateway_message_id == SID

    @every_line(
        ("form", "sentence"),
        [
            (without(INCOMING, "From"), "From is missing."),
            (without(INCOMING, "To"), "To is missing."),
            (without(INCOMING, "MessageSid", "SmsSid"), "MessageSid is missing."),
            ({**INCOMING, "MessageSid": "", "SmsSid": ""}, "MessageSid is missing."),
            ({**INCOMING, "MessageSid": "SM\0"}, "MessageSid is missing."),
            ({**INCOMING, "MessageSid": "S" * 65}, "MessageSid is missing."),
            *(
                ({**INCOMING, "From": number}, "From is neither a telephone number nor a short code.")
                for number in ["", "0612345678x", "+0612345678", "+33", "+" + "1" * 16, "12", "anonymous", "+33 6 12"]
            ),
            ({**INCOMING, "From": "+３３６１２３４５６７８"}, "From is neither a telephone number nor a short code."),
            ({**INCOMING, "From": "+33612345678\n"}, "From is neither a telephone number nor a short code."),
            ({**INCOMING, "From": "whatsapp:+33612345678"}, "From is neither a telephone number nor a short code."),
            ({**INCOMING, "To": "much too long a sender"}, "To is neither a telephone number nor a short code nor"),
            ({**INCOMING, "To": ""}, "To is neither a telephone number"),
            ({**INCOMING, "Body": "x" * 39_016}, "Body is longer than an SMS can be."),
        ],
    )
    def test_what_is_refused_is_told_in_a_sentence_without_the_content(
        self, gateway: TwilioGateway, form: dict[str, str], sentence: str
    ) -> None:
        with pytest.raises(MalformedMessage) as raised:
            gateway.parse(gateway.verify(signed(form)))
        assert raised.value.sentence.startswith(sentence)
        assert "33612345678" not in raised.value.sentence


class TestStatus:
    @every_line(("word", "status"), [*STATUSES.items(), ("partially_delivered", DeliveryStatus.UNKNOWN)])
    def test_each_word(self, gateway: TwilioGateway, word: str, status: DeliveryStatus) -> None:
        request = signed({**STATUS, "MessageStatus": word}, path=STATUS_PATH, query="message=42")
        assert gateway.status(gateway.verify(request)) == StatusReport("twilio", SID, 42, status, None)

    @every_line(
        ("query", "outgoing_id"),
        [
            ("", None),
            ("message=", None),
            ("message=x", None),
            ("message=-1", None),
            ("message=9" + "9" * 18, None),
            ("message=999999999999999999", 999999999999999999),
            ("message=%D9%A1", None),
        ],
    )
    def test_which_message_it_is_about(self, gateway: TwilioGateway, query: str, outgoing_id: int | None) -> None:
        report = gateway.status(gateway.verify(signed(STATUS, path=STATUS_PATH, query=query)))
        assert report.outgoing_id == outgoing_id

    @every_line(("given", "kept"), [("30005", "30005"), ("", None), ("DROP TABLE", None)])
    def test_the_error_code(self, gateway: TwilioGateway, given: str, kept: str | None) -> None:
        form = {**STATUS, "MessageStatus": "undelivered", "ErrorCode": given}
        assert gateway.status(gateway.verify(signed(form, path=STATUS_PATH))).error_code == kept

    @every_line("missing", ["MessageSid", "MessageStatus"])
    def test_what_is_missing(self, gateway: TwilioGateway, missing: str) -> None:
        with pytest.raises(MalformedMessage, match=f"{missing} is missing"):
            gateway.status(gateway.verify(signed(without(STATUS, missing), path=STATUS_PATH)))

    def test_final_words_outrank_the_others_and_stay(self) -> None:
        finals = {DeliveryStatus.DELIVERED, DeliveryStatus.UNDELIVERED, DeliveryStatus.FAILED, DeliveryStatus.CANCELED}
        assert len({final.rank for final in finals}) == 1
        others = set(DeliveryStatus) - finals - {DeliveryStatus.READ}
        assert all(other.rank < DeliveryStatus.DELIVERED.rank for other in others)
        assert DeliveryStatus.READ.rank > DeliveryStatus.DELIVERED.rank


def _signatures(body: bytes) -> Iterator[str]:
    """Signatures that an attacker may try, and the right one if these bytes are a form."""
    yield "AAAA"
    try:
        pairs = dict(pair.split("=", 1) for pair in body.decode().split("&"))
        yield RequestValidator(TOKEN).compute_signature(f"{PUBLIC_URL}{SMS_PATH}", pairs)
    except (UnicodeDecodeError, ValueError):
        return


@given(body=st.binary(max_size=300) | st.text(max_size=100).map(lambda text: f"Body={text}&From=1".encode()))
def test_any_bytes_end_in_one_of_the_two_refusals(body: bytes) -> None:
    gateway = gateway_at(PUBLIC_URL)
    for signature in _signatures(body):
        try:
            gateway.parse(gateway.verify(WebhookRequest(SMS_PATH, "a=%&b", {"x-twilio-signature": signature}, body)))
        except (SignatureRefused, MalformedMessage):
            continue
        pytest.fail("a message without To and MessageSid was read")


@given(
    st.dictionaries(
        st.sampled_from(["MessageSid", "SmsSid", "From", "To", "Body", "OptOutType", "MessageStatus", "ErrorCode"]),
        st.text(max_size=30) | st.sampled_from(["+33612345678", "36123", SID, "STOP", "delivered"]),
    )
)
def test_any_signed_form_is_a_message_or_malformed(form: dict[str, str]) -> None:
    gateway = gateway_at(PUBLIC_URL)
    body = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in form.items()).encode()
    webhook = gateway.verify(signed(form, body=body))
    try:
        message = gateway.parse(webhook)
    except MalformedMessage:
        message = None
    if message is not None:
        assert "\0" not in message.body
        assert message.from_number.isascii()
    try:
        gateway.status(webhook)
    except MalformedMessage:
        assert "MessageStatus" not in form or (form.get("MessageSid") or form.get("SmsSid")) != SID

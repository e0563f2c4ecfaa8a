"""One table of tests for every gateway: what is read, what is refused and with which error, and how a send can end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsbot.demo.stand_ins.gateway_stand_in import GatewayStandIn
from smsbot.demo.stand_ins.http_stand_in import StandInFault
from smsbot.gateways.base import (
    DeliveryStatus,
    Gateway,
    IncomingSms,
    MalformedMessage,
    OutgoingSms,
    SendError,
    SendInDoubt,
    SendLater,
    SendRefused,
    SignatureRefused,
    WebhookRequest,
)
from smsbot.gateways.http import Http, open_http
from tests.gateways.peers import (
    BAD_PROXY,
    BROKEN,
    BROKEN_BUT_TAKEN,
    CUT,
    CUT_BUT_TAKEN,
    LIMITED,
    MOVED,
    OURS,
    PEERS,
    REFUSED,
    SILENT,
    UNAVAILABLE,
    USAGER,
    Peer,
    QueryPeer,
    SignedJsonPeer,
    message_in,
    query_of,
    status_in,
)
from tests.gateways.scripted import ScriptedHttp
from tests.lines import every_line

UNUSED_HTTP = ScriptedHttp()
SMS = OutgoingSms(outgoing_id=42, sender=OURS, recipient=USAGER, body='RDV annulé à 14h30 & noté : "€ + 1 %"')


@pytest.fixture(params=PEERS, ids=lambda peer: type(peer).__name__)
def peer(request: pytest.FixtureRequest) -> Peer:
    one: Peer = request.param
    return one


@pytest.fixture
def gateway(peer: Peer) -> Gateway:
    return peer.gateway(UNUSED_HTTP)


class TestIncoming:
    def test_a_message(self, peer: Peer, gateway: Gateway) -> None:
        assert replace(message_in(gateway, peer.message()), written_at=None) == IncomingSms(
            gateway=gateway.name,
            gateway_message_id="message-1",
            from_number=USAGER,
            to_number=OURS,
            body="Annuler s'il vous plaît & merci + 1",
        )

    @every_line(
        ("text", "keyword", "with_twilio"),
        [
            ("STOP", "STOP", "STOP"),
            (" start\n", "START", "START"),
            ("Help", "HELP", "HELP"),
            ("CANCEL", None, "STOP"),
            ("yes", None, "START"),
            ("ANNULER", None, None),
            ("STOP svp", None, None),
        ],
    )
    def test_what_a_gateway_takes_for_a_keyword_is_its_own(
        self, peer: Peer, gateway: Gateway, text: str, keyword: str | None, with_twilio: str | None
    ) -> None:
        message = message_in(gateway, peer.message(text=text))
        assert message.reads_as_keyword == (with_twilio if peer.name == "twilio" else keyword)
        assert message.opt_out_keyword is None  # the webhook does not say whether the gateway answers such words

    @every_line(
        ("roles", "attribute", "expected"),
        [
            ({"text": ""}, "body", ""),
            ({"text": "a\0b\0"}, "body", "ab"),
            ({"text": "  OUI \r\n"}, "body", "  OUI \r\n"),
            ({"text": "é" * 39_015}, "body", "é" * 39_015),
            ({"recipient": "36105"}, "to_number", "36105"),
            ({"recipient": "RDV S.P."}, "to_number", "RDV S.P."),
            ({"sender": "36105"}, "from_number", "36105"),
            ({"sender": "3610500"}, "from_number", "3610500"),  # the longest short codes that exist
            ({"recipient": "36105000"}, "to_number", "36105000"),
        ],
    )
    def test_what_differs(
        self, peer: Peer, gateway: Gateway, roles: dict[str, Any], attribute: str, expected: str
    ) -> None:
        assert getattr(message_in(gateway, peer.message(**roles)), attribute) == expected

    def test_a_message_without_text_may_come_without_the_field(self, peer: Peer, gateway: Gateway) -> None:
        if isinstance(peer, SignedJsonPeer):  # the description may have a wrong name of the field
            with pytest.raises(MalformedMessage, match=r"text is missing\."):
                message_in(gateway, peer.message(text=None))
        else:
            assert message_in(gateway, peer.message(text=None)).body == ""

    @every_line("role", ["id", "sender", "recipient"])
    def test_what_is_missing_is_named(self, peer: Peer, gateway: Gateway, role: str) -> None:
        with pytest.raises(MalformedMessage) as raised:
            message_in(gateway, peer.message(**{role: None}))
        assert raised.value.sentence == f"{peer.roles[role]} is missing."

    @every_line(
        "roles",
        [
            *({"sender": number} for number in ("", "0612345678x", "+0612345678", "+33", "+" + "1" * 16, "12")),
            *(
                {"sender": number}
                for number in ("anonymous", "RdvSoli", "+３３６１２３４５６７８", "whatsapp:+33612345678")
            ),
            *({"sender": number} for number in ("+33612345678\n", "+33 612345678", "+33612345678\0")),
            {"recipient": ""},
            {"recipient": "much too long a sender"},
            {"text": "x" * 39_016},
            {"id": ""},
            {"id": "é"},
            {"id": "x" * 129},
            {"id": "a b"},
            {"id": "a\0"},
        ],
    )
    def test_what_is_wrong_is_told_in_a_sentence_without_the_content(
        self, peer: Peer, gateway: Gateway, roles: dict[str, Any]
    ) -> None:
        with pytest.raises(MalformedMessage) as raised:
            message_in(gateway, peer.message(**roles))
        assert raised.value.sentence.endswith(".")
        assert "612345678" not in raised.value.sentence
        assert "x" * 10 not in raised.value.sentence

    def test_a_name_that_stands_twice_is_never_read_two_ways(self, peer: Peer, gateway: Gateway) -> None:
        pairs = [*peer.incoming().items(), (peer.roles["text"], "OUI")]
        if peer.name == "twilio":  # the signature covers both, and the first one counts
            assert message_in(gateway, peer.request(peer.encoded(pairs))).body != "OUI"
        else:
            with pytest.raises(MalformedMessage, match="twice"):
                message_in(gateway, peer.request(peer.encoded(pairs)))

    def test_unknown_fields_are_passed_over(self, peer: Peer, gateway: Gateway) -> None:
        pairs = [*peer.incoming().items(), ("new_one", "x"), ("", "")]
        assert message_in(gateway, peer.request(peer.encoded(pairs))).gateway_message_id == "message-1"

    @every_line(
        ("case", "content"),
        [
            ("empty", b""),
            ("just words", b"just words"),
            ("half an escape", b"Body=%C"),
            ("no hexadecimal", b"Body=%zz"),
            ("Latin-1 in bytes", b"Body=\xe9"),
            ("truncated JSON", b'{"text": "OU'),
            ("a list", b"[1, 2]"),
            ("an empty list", b"[]"),
            ("null", b"null"),
            ("a number", b"12"),
            ("nested out of all reason", b"[" * 60_000),
            ("a number of 60,000 digits", b'{"text": ' + b"1" * 60_000 + b"}"),
            ("not a number", b'{"text": NaN, "from": Infinity}'),
            ("UTF-16", '{"text": "OUI"}'.encode("utf-16")),
            ("a mark before it", b'\xef\xbb\xbf{"text": "OUI"}'),
            ("too many fields", b"&".join(b"f%d=" % n for n in range(300))),
            ("another format", b"<xml/>"),
        ],
    )
    def test_what_cannot_be_read_is_malformed(self, peer: Peer, gateway: Gateway, case: str, content: bytes) -> None:
        with pytest.raises(MalformedMessage) as raised:
            message_in(gateway, peer.request(content))
        assert raised.value.sentence.endswith(".")

    def test_truncated_content_is_never_a_message(self, peer: Peer, gateway: Gateway) -> None:
        content = peer.encoded(peer.incoming(text="OUI").items())
        whole = peer.request(content)
        for end in range(len(content) - len("OUI")):
            body = whole.body[:end]
            query = whole.query.replace(content.decode(), content[:end].decode()) if not whole.body else whole.query
            with pytest.raises((MalformedMessage, SignatureRefused)):
                message_in(gateway, replace(whole, body=body, query=query))

    @every_line("wrong", [[], {}, ["OUI"], {"OUI": 1}, [["+33612345678"]]])
    def test_a_wrong_type_is_malformed(self, peer: Peer, gateway: Gateway, wrong: object) -> None:
        for role in ("id", "sender", "recipient", "text"):
            if peer.typed:
                with pytest.raises(MalformedMessage):
                    message_in(gateway, peer.message(**{role: wrong}))


class TestAnswer:
    def test_only_twilio_reads_a_text_and_only_described_gateways_hear_no_reasons(
        self, peer: Peer, gateway: Gateway
    ) -> None:
        habits = gateway.habits
        assert (b"<Response/>" in habits.answer, habits.content_type) == (
            (True, "text/xml") if peer.name == "twilio" else (False, None)
        )
        assert habits.hears_reasons is (peer.name in ("twilio", "vonage"))
        assert habits.methods == (("GET",) if isinstance(peer, QueryPeer) else ("POST",))


class TestProof:
    def test_none_is_refused(self, peer: Peer, gateway: Gateway) -> None:
        proven = peer.message()
        query = "&".join(pair for pair in proven.query.split("&") if not pair.startswith("token="))
        with pytest.raises(SignatureRefused):
            gateway.verify(WebhookRequest(proven.path, query, {}, proven.body))

    @every_line("forged", ["", "AAAA", "é", "\0", "Bearer ", "Basic AAAA", "Bearer a.b.c", "x" * 5000])
    def test_a_forged_one_is_refused(self, peer: Peer, gateway: Gateway, forged: str) -> None:
        proven = peer.message()
        query = proven.query.replace("token=key-0123", f"token={quote_plus(forged)}")
        headers = dict.fromkeys(("authorization", "x-signature", "x-twilio-signature"), forged)
        with pytest.raises(SignatureRefused):
            gateway.verify(WebhookRequest(proven.path, query, headers, proven.body))

    def test_one_for_another_content_is_refused_where_it_covers_the_content(self, peer: Peer, gateway: Gateway) -> None:
        proven, other = peer.message(), peer.message(text="OUI")
        mixed = WebhookRequest(proven.path, proven.query, proven.headers, other.body)
        if type(peer).__name__ in ("FormPeer", "QueryPeer"):  # a shared secret proves the sender, but not the content
            gateway.verify(mixed)
        else:
            with pytest.raises(SignatureRefused):
                gateway.verify(mixed)


class TestStatus:
    def test_only_a_proven_address_names_our_message(self, peer: Peer, gateway: Gateway) -> None:
        """Twilio signs the address. For the others, a tag in the address has the same effect."""
        names = {"twilio": ("MessageSid", "MessageStatus"), "vonage": ("message_uuid", "status")}
        identifier, word = names.get(peer.name, ("id", "status"))
        posted = peer.request(peer.encoded([(identifier, "m-1"), (word, "delivered")]), "status")

        def about(query: str) -> int | None:
            joined = "&".join(part for part in (posted.query, query) if part)
            return status_in(gateway, replace(posted, query=joined)).outgoing_id

        if peer.name == "twilio":
            with pytest.raises(SignatureRefused):
                about("message=42")
        else:
            assert about(query_of(42)) == 42
            assert about("message=42") is None
            assert about(query_of(42).replace("42", "43", 1)) is None

    def test_a_status_names_the_message(self, peer: Peer, gateway: Gateway) -> None:
        names = {"twilio": ("MessageSid", "MessageStatus"), "vonage": ("message_uuid", "status")}
        identifier, word = names.get(peer.name, ("id", "status"))
        said = "DELIVRD" if peer.name == "aggregator" else "delivered"
        report = status_in(gateway, peer.request(peer.encoded([(identifier, "m-1"), (word, said)]), "status"))
        assert (report.gateway, report.gateway_message_id) == (peer.name, "m-1")
        assert (report.status, report.outgoing_id, report.error_code) == (DeliveryStatus.DELIVERED, None, None)

    @every_line("content", [b"", b"{}", b"[]", b"x=1", b'{"status": {}}', b'{"status": "delivered"}'])
    def test_one_about_nothing_is_malformed(self, peer: Peer, gateway: Gateway, content: bytes) -> None:
        with pytest.raises(MalformedMessage):
            status_in(gateway, peer.request(content, "status"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from([USAGER, "36105"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [
        *("MessageSid", "From", "To", "Body", "MessageStatus", "ErrorCode"),
        *("message_uuid", "from", "to", "text", "channel", "status", "client_ref", "error"),
        *("id", "reference", "message", "token"),
    ]
)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: type(peer).__name__)
@given(content=st.binary(max_size=200))
def test_any_bytes_end_in_a_declared_error(peer: Peer, content: bytes) -> None:
    gateway = peer.gateway(UNUSED_HTTP)
    for kind, verb in (("sms", gateway.messages), ("status", gateway.statuses)):
        with pytest.raises((MalformedMessage, SignatureRefused)):
            verb(gateway.verify(peer.request(content, kind)))


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: type(peer).__name__)
@given(fields=st.dictionaries(NAMES, JSON, max_size=10))
def test_any_proven_fields_are_a_message_or_malformed(peer: Peer, fields: dict[str, Any]) -> None:
    gateway = peer.gateway(UNUSED_HTTP)
    if not peer.typed:
        fields = {name: str(value) for name, value in fields.items()}
    content = peer.encoded(fields.items())
    with suppress(MalformedMessage, SignatureRefused):
        message = message_in(gateway, peer.request(content))
        assert "\0" not in message.body
        assert message.from_number.isascii()
        assert message.body.encode()
    with suppress(MalformedMessage, SignatureRefused):
        report = status_in(gateway, peer.request(content, "status"))
        assert report.gateway_message_id


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with open_http() as opened:
        yield opened


@pytest.fixture
def stand_in(peer: Peer) -> Iterator[GatewayStandIn[Any]]:
    with peer.stand_in() as running:
        yield running


@pytest.mark.anyio
class TestSending:
    async def test_it_arrives_as_it_was_written(self, peer: Peer, stand_in: GatewayStandIn[Any], http: Http) -> None:
        identifier = await peer.gateway(http, stand_in.url).send(SMS)
        [taken] = stand_in.messages
        told = (taken.id, taken.sender, taken.recipient, taken.text, taken.status_url)
        query = "message=42" if peer.name == "twilio" else query_of(42)  # Twilio signs the address, too
        callback = f"https://sms.example.fr{peer.path}/status?{query}"
        assert told[0] == identifier
        assert told[1].removeprefix("+") == OURS.removeprefix("+")
        assert told[2].removeprefix("+").removeprefix("00") == USAGER.removeprefix("+")
        assert told[3] == SMS.body
        assert told[4] in (callback, f"{callback}&token=key-0123")

    @pytest.mark.parametrize(
        ("fault", "kind", "taken"),
        [
            (LIMITED, SendLater, 0),
            (UNAVAILABLE, SendLater, 0),
            (REFUSED, SendRefused, 0),
            (BROKEN, SendInDoubt, 0),
            (BROKEN_BUT_TAKEN, SendInDoubt, 1),
            (BAD_PROXY, SendInDoubt, 0),
            (MOVED, SendInDoubt, 0),
            (SILENT, SendInDoubt, 0),
            (CUT, SendInDoubt, 0),
            (CUT_BUT_TAKEN, SendInDoubt, 1),
        ],
    )
    async def test_faults(
        self,
        peer: Peer,
        stand_in: GatewayStandIn[Any],
        http: Http,
        fault: StandInFault,
        kind: type[SendError],
        taken: int,
    ) -> None:
        gateway = peer.gateway(http, stand_in.url)
        await gateway.send(SMS)  # so that the next send uses a kept connection
        stand_in.fail(fault)
        with pytest.raises(kind) as raised:
            await gateway.send(SMS)
        assert len(stand_in.messages) == 1 + taken
        assert "612345678" not in str(raised.value)
        if isinstance(raised.value, SendInDoubt):
            assert raised.value.answered is (fault not in (CUT, CUT_BUT_TAKEN))
        if fault is LIMITED:
            assert isinstance(raised.value, SendLater)
            assert raised.value.retry_after == 3
        await gateway.send(SMS)
        assert len(stand_in.messages) == 2 + taken

    async def test_nobody_there_means_not_taken(self, peer: Peer, http: Http) -> None:
        with pytest.raises(SendLater):
            await peer.gateway(http).send(SMS)

"""`smsbot.toml` about gateways: the routes of a channel, described gateways, and the sentences about wrong ones."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel

from smsbot.policy import Policy, PolicyProblem, SendingRoute, UsualSender
from smsbot.policy.gateway_values import placeholders
from smsbot.policy.gateways import (
    AcknowledgementTable,
    AnswerTable,
    AuthenticationTable,
    CheckTable,
    GatewayTable,
    IncomingTable,
    PiecesTable,
    PollTable,
    SendTable,
    StatusTable,
    StopTable,
    TokenTable,
    WebhooksTable,
)
from tests.lines import every_line

Load = Callable[..., Policy]

TWILIO = UsualSender(gateways=("twilio",))
OURS, OTHER, ONE_WAY = "+33937000000", "36105", "RdvSoli"
SERVICE = "MG0123456789abcdef0123456789abcdef"

GATEWAY = """
[gateways.agregat]
secrets = { key = "SMSBOT_KEY" }
send = { url = "https://api.fr", json = { to = "{recipient}", text = "{text}" } }
"""
RECEIVING = (
    GATEWAY
    + """
webhooks = { format = "json", authentication = { kind = "header", name = "X-Token", secret = "{key}" } }
incoming = { sender = "from", recipient = "to", text = "text", id = "id" }
"""
)


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Write `smsbot.toml`, and load it with these settings."""
    monkeypatch.chdir(tmp_path)

    def load(content: str, usual: UsualSender = TWILIO) -> Policy:
        path = Path("smsbot.toml")
        path.write_text(content, encoding="utf-8")
        return Policy.load(path, usual)

    return load


class TestWays:
    @every_line(
        ("described", "gateways", "usual"),
        [
            ("", ("twilio",), "twilio"),
            ("", ("vonage",), "vonage"),
            (RECEIVING, (), "agregat"),
            (RECEIVING, ("twilio", "vonage"), "twilio"),
        ],
    )
    def test_without_a_list_there_is_the_first_gateway(
        self, load: Load, described: str, gateways: tuple[str, ...], usual: str
    ) -> None:
        policy = load(f"[channels.'{OURS}']\nstop_handled_by = 'bot'\n{described}", UsualSender(OTHER, True, gateways))
        for sender, two_way in ((OURS, True), (OTHER, True), (ONE_WAY, False)):
            assert policy.routes(sender) == (SendingRoute(usual, sender, two_way),)
        assert policy.gateways_in_use.keys() == {usual}
        assert policy.numbers_received_by(usual) == {OURS, OTHER}

    def test_without_any_gateway_there_is_no_way(self) -> None:
        assert Policy().routes(OURS) == ()

    @every_line(("described", "two_way"), [(RECEIVING, True), (GATEWAY, False)])
    def test_a_text_invites_answers_where_the_only_gateway_brings_them(
        self, load: Load, described: str, two_way: bool
    ) -> None:
        assert load(described, UsualSender(OURS, two_way=True)).channel(OURS).two_way is two_way

    @every_line("two_way", [True, False])
    def test_a_messaging_service_is_twilios_and_the_settings_say_whether_it_is_answered(
        self, load: Load, two_way: bool
    ) -> None:
        policy = load("", UsualSender(SERVICE, two_way, ("vonage",)))
        assert policy.routes(SERVICE) == (SendingRoute("twilio", SERVICE, two_way),)
        assert policy.channel(SERVICE).two_way is two_way
        assert policy.gateways_in_use == {"twilio": SERVICE}
        assert policy.numbers_received_by("twilio") == set()

    def test_a_list_is_followed_with_its_senders(self, load: Load) -> None:
        policy = load(
            RECEIVING
            + f"""
            [channels."{OURS}"]
            gateways = [
                "vonage",
                {{ gateway = "agregat", sender = "{OTHER}" }},
                {{ gateway = "twilio", sender = "36106", two_way = false }},
                {{ gateway = "agregat", sender = "{ONE_WAY}" }},
            ]
        """
        )
        routes = (
            SendingRoute("vonage", OURS, two_way=True),
            SendingRoute("agregat", OTHER, two_way=True),
            SendingRoute("twilio", "36106", two_way=False),
            SendingRoute("agregat", ONE_WAY, two_way=False),
        )
        assert policy.routes(OURS) == routes
        assert policy.routes(OTHER) == (routes[1], routes[0], *routes[2:])  # it answers people who wrote to it
        assert policy.routes(ONE_WAY) == (SendingRoute("twilio", ONE_WAY, two_way=False),)  # nobody writes to it
        assert policy.gateways_in_use == {"vonage": OURS, "agregat": ONE_WAY, "twilio": "36106"}

    def test_a_gateway_without_incoming_messages_brings_no_answers(self, load: Load) -> None:
        policy = load(GATEWAY + f"[channels.'{OURS}']\ngateways = ['twilio', 'agregat']")
        assert [route.two_way for route in policy.routes(OURS)] == [True, False]

    def test_a_list_of_its_own_goes_before_that_of_another(self, load: Load) -> None:
        policy = load(f"""
            [channels."{OURS}"]
            gateways = ["twilio", {{ gateway = "vonage", sender = "{OTHER}" }}]
            [channels.{OTHER}]
            gateways = ["vonage"]
        """)
        assert policy.routes(OTHER) == (SendingRoute("vonage", OTHER, two_way=True),)
        assert policy.main_sender(OTHER) == OURS  # its conversations belong to the main sender

    @every_line("main", [SERVICE, "36100"])
    def test_a_number_follows_the_main_sender(self, load: Load, main: str) -> None:
        said = f"""
            [channels.{main}]
            {"two_way = true" if main == SERVICE else ""}
            gateways = ["twilio", {{ gateway = "vonage", sender = "{OTHER}" }}]
        """
        alternative = SendingRoute("vonage", OTHER, two_way=True)
        policy = load(said, UsualSender(main, two_way=True, gateways=("twilio",)))
        assert policy.routes(main) == (SendingRoute("twilio", main, two_way=True), alternative)
        assert policy.routes(OURS) == (SendingRoute("twilio", OURS, two_way=True), alternative)
        assert load(said).routes(OURS) == (SendingRoute("twilio", OURS, two_way=True),)

    @every_line(("number", "main"), [(OURS, OURS), (OTHER, OURS), (ONE_WAY, ONE_WAY), ("x", "x")])
    def test_whose_conversations_a_number_belongs_to(self, load: Load, number: str, main: str) -> None:
        policy = load(f"""
            [channels."{OURS}"]
            gateways = [
                "twilio",
                {{ gateway = "vonage", sender = "{OTHER}" }},
                {{ gateway = "vonage", sender = "{ONE_WAY}" }},
            ]
        """)
        assert policy.main_sender(number) == main

    @every_line(
        ("routes", "invites"),
        [
            ("['twilio']", True),
            ("['twilio', { gateway = 'vonage', sender = '36105' }]", True),
            ("['twilio', { gateway = 'vonage', sender = 'RdvSoli' }]", False),
            ("['twilio', { gateway = 'vonage', two_way = false }]", False),
        ],
    )
    def test_a_text_invites_answers_only_if_they_arrive_whatever_the_way(
        self, load: Load, routes: str, invites: bool
    ) -> None:
        policy = load(f"[channels.'{OURS}']\ngateways = {routes}")
        assert policy.channel(OURS).two_way is invites
        assert policy.channel(OTHER).two_way is True
        assert policy.channel(ONE_WAY).two_way is False


WRONG_WAYS = [
    ("['vonnage']", '.gateways.0] gateway is not known; did you mean "vonage"?'),
    ("['x']", ".gateways.0] gateway is not known; known are twilio, vonage, agregat"),
    ("'twilio'", "] gateways should be a list, in square brackets"),
    ("[1]", ".gateways] 0 should be a table"),
    ("[{ sender = '36105' }]", ".gateways.0] gateway is missing"),
    ("[{ gateway = 'twilio', sendr = '36105' }]", '.gateways.0] sendr is not known here; did you mean "sender"?'),
    ("[{ gateway = 'twilio', sender = '+33' }]", ".gateways.0] sender should be a number such as +33937000000"),
    (
        f"[{{ gateway = 'vonage', sender = '{SERVICE}' }}]",
        ".gateways.0] sender is a Messaging Service, which only Twilio",
    ),
    (
        "['twilio', { gateway = 'vonage', sender = 'Rdv', two_way = true }]",
        ".gateways.1] two_way cannot be: nobody can",
    ),
    ("['twilio', { gateway = 'agregat', two_way = true }]", ".gateways.1] two_way cannot be: nobody can"),
    ("['twilio', 'twilio']", "] gateways contains the same gateway and sender twice"),
    ("['agregat']", "] gateways has no route for replies"),
    ("[{ gateway = 'vonage', sender = 'RdvSoli' }]", "] gateways has no route for replies"),
]


@every_line(("routes", "sentence"), WRONG_WAYS)
def test_a_wrong_way_is_told_with_its_line(load: Load, routes: str, sentence: str) -> None:
    with pytest.raises(PolicyProblem) as problem:
        load(f"[channels.'{OURS}']\ngateways = {routes}\n{GATEWAY}")
    assert str(problem.value).startswith(f'smsbot.toml, line 2: [channels."{OURS}"'), str(problem.value)
    assert str(problem.value).removeprefix(f'smsbot.toml, line 2: [channels."{OURS}"').startswith(sentence)


def test_a_messaging_service_with_ways_says_whether_it_can_be_answered(load: Load) -> None:
    with pytest.raises(PolicyProblem, match=r"line 2: .* gateways belongs to a Messaging Service: say with two_way"):
        load(f"[channels.{SERVICE}]\ngateways = ['twilio']")


def test_a_number_belongs_to_one_conversation(load: Load) -> None:
    with pytest.raises(PolicyProblem, match=r"line 4: \[channels\.36106\] gateways contains 36105, which belongs to"):
        load("""[channels.36100]
            gateways = ["twilio", { gateway = "vonage", sender = "36105" }]
            [channels.36106]
            gateways = ["twilio", { gateway = "vonage", sender = "36105" }]
        """)


WRONG_GATEWAYS = [
    ("[gateways.twilio]", 1, "[gateways] twilio has its own webhooks: give a described gateway another name"),
    ("[gateways.rdvsp]", 1, "[gateways] rdvsp has its own webhooks"),
    ("[gateways.Agregat]", 1, "[gateways] Agregat should have only small letters, digits, - and _"),
    ("[gateways.a]", 1, "[gateways.a] send is missing"),
    ("[gateways.a.send]\nmethod = 'POST'", 1, "[gateways.a.send] url is missing"),
]

WRONG_SENDS = [
    ("url = 'api.fr'", "[gateways.a.send] url should be an address that begins with https://"),
    ("url = 'https://user@api.fr'", "[gateways.a.send] url should contain its host as it is"),
    ("url = 'https://{recipient}.fr'", "[gateways.a.send] url should contain its host as it is"),
    ("url = 'https://api.fr:x'", "[gateways.a.send] url should be an address that begins with https://"),
    ("url = 'https://api.fr/{'", "[gateways.a.send] url should have braces only around names"),
    ("url = 'https://api.fr/{text.x}'", "[gateways.a.send] url should have braces only around names"),
    ("url = 'https://api.fr/{text!r}'", "[gateways.a.send] url should have braces only around names"),
    ("url = 'https://api.fr/{0}'", "[gateways.a.send] url should have braces only around names"),
    (
        "url = 'https://api.fr/{txt}'",
        '[gateways.a.send] url contains {txt}, which is not filled in here; did you mean "text"?',
    ),
    ("method = 'PATCH'", "[gateways.a.send] method should be 'POST', 'PUT' or 'GET'"),
    ("method = 'GET'", "[gateways.a.send] method is GET, which has no body"),
    ("form = { a = '{text}' }", "[gateways.a.send] json cannot be used together with form"),
    ("headers = { 'X Key' = 'a' }", '[gateways.a.send] headers contains "X Key", which is not the name of a header'),
    ("headers = { X = '{text}' }", "[gateways.a.send.headers] X contains {text}, which is not filled in here"),
    (
        "headers = { Authorization = 'Bearer x' }",
        "[gateways.a.send.headers] Authorization should contain the name of a",
    ),
    ("basic_auth = '{key}'", "[gateways.a.send] basic_auth should be user:password"),
    ("basic_auth = 'user:password'", "[gateways.a.send] basic_auth should be user:password, with the name of a secret"),
    ("basic_auth = 'user:{text}{key}'", "[gateways.a.send] basic_auth contains {text}, which is not filled in here"),
    ("query = { a = '{secret}' }", "[gateways.a.send.query] a contains {secret}, which is not filled in here"),
    ("query = { a = '{callback_url}' }", "[gateways.a] send contains {callback_url}, but [status] does not describe"),
    ("query = { a = 1 }", "[gateways.a.send.query] a should be a text, in quotes"),
]


@every_line(("content", "line", "sentence"), WRONG_GATEWAYS)
def test_a_wrong_gateway_is_told_with_its_line(load: Load, content: str, line: int, sentence: str) -> None:
    with pytest.raises(PolicyProblem) as problem:
        load(content)
    assert f"smsbot.toml, line {line}: {sentence}" in str(problem.value)


@every_line(("line", "sentence"), WRONG_SENDS)
def test_a_wrong_request_is_told_with_its_line(load: Load, line: str, sentence: str) -> None:
    content = {
        "url": "url = 'https://api.fr'",
        "json": "json = { to = '{recipient}', text = '{text}' }",
    } | {line.split(" ")[0]: line}
    lines = [content.pop(line.split(" ")[0]), *content.values()]
    with pytest.raises(PolicyProblem) as problem:
        load("[gateways.a]\nsecrets.key = 'SMSBOT_KEY'\n[gateways.a.send]\n" + "\n".join(lines))
    told = str(problem.value)
    assert sentence in told
    assert re.match(r"smsbot\.toml, line ([3-6]): ", told)


WRONG_TABLES = [
    ("secrets = { text = 'SMSBOT_X' }", "[gateways.a.secrets] text should be another name"),
    ("secrets = { Key = 'SMSBOT_X' }", "[gateways.a.secrets] Key should be another name"),
    ("secrets = { key = 'hunter2' }", "[gateways.a.secrets] key should be the name of an environment variable"),
    ("charset = 'latin1'", "[gateways.a] charset should be 'utf-8', 'iso-8859-1', 'iso-8859-15' or 'windows-1252'"),
    ("answer = { result = 'x' }", "[gateways.a.answer] result and taken need each other"),
    ("answer = { taken = [1] }", "[gateways.a.answer] result and taken need each other"),
    ("answer = { refused = [1] }", "[gateways.a.answer] error is missing: it should say where the codes"),
    (
        "answer = { error = 'e', refused = [1, 2], later = ['2'] }",
        '[gateways.a.answer] later contains "2", which is in',
    ),
    ("answer = { taken_statuses = ['200'] }", "[gateways.a.answer.taken_statuses] 0 should be a whole number"),
    ("answer = { later_statuses = [20] }", "[gateways.a.answer.later_statuses] 0 should be an HTTP status"),
    ("answer = { refused = 'x' }", "[gateways.a.answer] refused should be a list, in square brackets"),
    ("answer = { ids = 'x' }", '[gateways.a.answer] ids is not known here; did you mean "id"?'),
    (
        "answer = { id = 'messages[0].id' }",
        "[gateways.a.answer] id should be names and positions with points between, such as messages.0.id; "
        'did you mean "messages.0.id"?',
    ),
    ("answer = { id = '$.messages.0.id' }", "[gateways.a.answer] id should be names and positions with points between"),
    ("answer = { id = 'messages..id' }", "[gateways.a.answer] id should be names and positions with points between"),
    ("answer = { id = '/messages/0/id' }", "[gateways.a.answer] id should be names and positions with points between"),
    ("answer = { id = 'messages.*.id' }", "[gateways.a.answer] id should be names and positions with points between"),
    ("answer = { id = 'id.' }", "[gateways.a.answer] id should be names and positions with points between"),
    ("answer = { id = ' id' }", "[gateways.a.answer] id should be names and positions with points between"),
    ("answer = { result = 'a[b]', taken = [1] }", "[gateways.a.answer] result should be names and positions"),
    (
        "answer = { error = '.e' }",
        "[gateways.a.answer] error should be names and positions with points between, such as m",
    ),
    ("incoming = { sender = 'f', recipient = 't', text = 'x', id = 'i' }", "[gateways.a] incoming comes by webhook"),
    ("status = { status = 's', words = {} }", "[gateways.a] status comes by webhook: say in webhooks"),
    ("webhooks = { format = 'json' }", "[gateways.a.webhooks] authentication is missing"),
]
AUTHENTICATED = "webhooks = { format = 'json', authentication = { kind = 'header', name = 'X', secret = '{key}' } }\n"
WRONG_WEBHOOKS = [
    ("", "[gateways.a] webhooks has no use: describe incoming, status or both"),
    (
        "incoming = { sender = 'f', text = 'x', id = 'i' }",
        "[gateways.a.incoming] recipient or our_number, one of the two",
    ),
    (
        "incoming = { sender = 'f', recipient = 't', our_number = '36105', text = 'x', id = 'i' }",
        "[gateways.a.incoming] recipient or our_number, one of the two",
    ),
    (
        "incoming = { sender = 'f', recipient = 't', text = 'x' }",
        "[gateways.a.incoming] id or time is needed, or in_reply_to: without any of them, a repeated webhook looks",
    ),
    (
        "incoming = { sender = 'from', recipient = 'to', text = 'x', id = 'i', time_zone = 'Europe/Paris' }",
        "[gateways.a.incoming] time_zone has no meaning without time: remove it",
    ),
    (
        "incoming = { sender = 'from', recipient = 'to', text = 'x', time = 't', time_zone = 'Paris' }",
        "[gateways.a.incoming] time_zone should be an IANA time zone such as Indian/Reunion",
    ),
    *(
        (
            "incoming = { sender = 'f', recipient = 't', text = 'x', id = 'i', time = 'z' }\n".replace(
                f"= '{key}'", "= '$.a[0]'"
            ),
            f"[gateways.a.incoming] {name} should be names and positions with points between, such as messages.0.id; "
            'did you mean "a.0"?',
        )
        for key, name in (("f", "sender"), ("t", "recipient"), ("x", "text"), ("i", "id"), ("z", "time"))
    ),
    *(
        (
            "status = { status = 's', words = {}, id = 'i', reference = 'r', error = 'e' }\n".replace(
                f"= '{key}'", "= '$.a[0]'"
            ),
            f"[gateways.a.status] {name} should be names and positions with points between",
        )
        for key, name in (("s", "status"), ("i", "id"), ("r", "reference"), ("e", "error"))
    ),
    (
        "status = { status = 's', words = {}, id = 'i' }",
        "[gateways.a] status does not say which message it is about",
    ),
    (
        "status = { status = 's', words = { D = 'deliverd' }, id = 'i' }",
        '[gateways.a.status] words translates into "deliverd", which is not a status; did you mean "delivered"?',
    ),
]


@every_line(
    ("lines", "sentence"),
    [*WRONG_TABLES, *((AUTHENTICATED + lines, sentence) for lines, sentence in WRONG_WEBHOOKS)],
)
def test_a_wrong_table_is_told_with_its_line(load: Load, lines: str, sentence: str) -> None:
    secrets = "" if lines.startswith("secrets") else "secrets = { key = 'SMSBOT_KEY' }\n"
    send = "send = { url = 'https://a.fr', json = { to = '{recipient}', text = '{text}' } }\n"
    with pytest.raises(PolicyProblem) as problem:
        load(f"[gateways.a]\n{secrets}{send}{lines}\n")
    assert sentence in str(problem.value)
    line = re.findall(rf"line (\d+): {re.escape(sentence)}", str(problem.value))
    assert line
    assert 1 < int(line[0]) <= 5


@every_line("written", ["form", "query"])
def test_fields_that_are_no_json_may_have_any_name(load: Load, written: str) -> None:
    content = RECEIVING.replace('"json", auth', f'"{written}", auth').replace('id = "id"', 'id = "data[0].id"')
    incoming = load(content).gateways["agregat"].incoming
    assert incoming is not None
    assert incoming.id == "data[0].id"


@every_line("path", ["id", "messages.0.id", "message-id", "@id", "a b.c", "réponse.id", "x:y.$t"])
def test_a_path_that_may_lead_somewhere_is_taken(load: Load, path: str) -> None:
    assert load(f"{GATEWAY}answer = {{ id = '{path}' }}").gateways["agregat"].answer.id == path


@every_line(
    ("authentication", "sentence"),
    [
        ("kind = 'magic', secret = '{key}'", "kind should be 'hmac', 'header', 'query' or 'basic'"),
        ("kind = 'header', secret = '{key}'", "name is missing: it should be the name of the header or of the"),
        ("kind = 'header', name = 'X Y', secret = '{key}'", "name should be the name of a header"),
        (
            "kind = 'header', name = 'X', secret = 'hunter2'",
            "secret should contain the name of a secret in braces, not the",
        ),
        ("kind = 'header', name = 'X', secret = '{text}'", "secret contains {text}, which is not filled in here"),
        ("kind = 'basic', name = 'X', secret = 'u:{key}'", "name has no meaning for basic: remove it"),
        ("kind = 'basic', secret = '{key}'", "secret should be user:password, with the name of a secret"),
        ("kind = 'query', name = 'tag', secret = '{key}'", "name is a parameter that smsbot itself puts into the addr"),
        ("kind = 'hmac', name = 'X', secret = '{key}', algorithm = 'md5'", "algorithm should be 'sha1', 'sha256' or"),
    ],
)
def test_a_wrong_authentication_is_told(load: Load, authentication: str, sentence: str) -> None:
    content = RECEIVING.replace('kind = "header", name = "X-Token", secret = "{key}"', authentication)
    with pytest.raises(PolicyProblem) as problem:
        load(content)
    assert f"line 6: [gateways.agregat.webhooks.authentication] {sentence}" in str(problem.value)


def test_a_field_cannot_be_one_of_our_parameters(load: Load) -> None:
    content = RECEIVING.replace('"json", auth', '"query", auth')
    with pytest.raises(PolicyProblem, match=r"\[gateways\.agregat\.status\] id is a parameter that smsbot itself puts"):
        load(content + 'answer.id = "id"\nstatus = { status = "s", words = {}, id = "message" }')


@every_line("content_type", ["text/plain", "application/json", "text/xml; charset=utf-8"])
def test_what_a_gateway_wants_to_read(load: Load, content_type: str) -> None:
    wanted = f'acknowledgement = {{ text = "ACK/Jasmin", content_type = "{content_type}" }}, authentication'
    webhooks = load(RECEIVING.replace("authentication", wanted)).gateways["agregat"].webhooks
    assert webhooks is not None
    assert webhooks.acknowledgement == AcknowledgementTable(text="ACK/Jasmin", content_type=content_type)


@every_line("content_type", ["", "text", "text/plain\\r\\nX: y", "text/plain; charset=latin-1"])
def test_a_content_type_that_is_none_is_told(load: Load, content_type: str) -> None:
    wanted = f'acknowledgement = {{ text = "OK", content_type = "{content_type}" }}, authentication'
    with pytest.raises(
        PolicyProblem, match=r"acknowledgement\] content_type should be a media type such as text/plain"
    ):
        load(RECEIVING.replace("authentication", wanted))


def test_a_signature_needs_a_body(load: Load) -> None:
    content = RECEIVING.replace('json", auth', 'query", auth').replace("header", "hmac")
    with pytest.raises(PolicyProblem, match="hmac signs a body, but a webhook of the format query has no body"):
        load(content)


@every_line("value", ["2026-05-04", "nan", "[1, { a = inf }]", "10:00:00"])
def test_only_what_json_can_hold_stands_in_json(load: Load, value: str) -> None:
    with pytest.raises(PolicyProblem, match=r"line 5: \[gateways\.a\.send\] json should contain only texts, numbers"):
        load(f"""[gateways.a]
            [gateways.a.send]
            url = 'https://a.fr'

            json = {{ to = '{{recipient}}', text = '{{text}}', at = {value} }}
        """)


@every_line(
    ("template", "names"),
    [("", set()), ("{text}", {"text"}), ("{{text}}", set()), ("a{text}b{id}{text}", {"text", "id"})],
)
def test_names_in_braces(template: str, names: set[str]) -> None:
    assert placeholders(template) == names


EXAMPLE = (Path(__file__).parents[2] / "smsbot.example.toml").read_text(encoding="utf-8")


def test_the_example_describes_a_gateway_that_can_be_used(load: Load) -> None:
    in_use = re.sub(r"^# (?=[\[a-z_]+[\w.\"+]*\]$|[a-z_]+ = |.*\"\"\"$)", "", EXAMPLE, flags=re.MULTILINE)
    policy = load(in_use)
    assert [route.gateway for route in policy.routes("+33937000000")] == ["twilio", "vonage", "aggregator"]
    assert all(route.two_way for route in policy.routes("+33937000000"))
    described = policy.gateways["aggregator"]
    assert described.webhooks is not None
    assert described.incoming is not None
    assert described.status is not None


@every_line(
    "table",
    [
        *(GatewayTable, TokenTable, SendTable, CheckTable, AnswerTable, WebhooksTable, AuthenticationTable, PollTable),
        *(IncomingTable, StopTable, PiecesTable, StatusTable),
    ],
)
def test_the_example_describes_every_key(table: type[BaseModel]) -> None:
    for name, field in table.model_fields.items():
        key = field.alias or name
        of_a_table = rf"^# (  )?{key} = |^# (  )?\[gateways\.aggregator[a-z.]*\.{key}\]$"
        inline = rf"^# (stop|pieces) = .*\b{key} = "
        assert re.search(f"{of_a_table}|{inline}", EXAMPLE, re.MULTILINE), key

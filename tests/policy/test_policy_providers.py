"""`smsbot.toml` about providers with a ready-made table, and the keys that only some gateways need."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smsbot.policy import Policy, PolicyProblem, UsualSender
from smsbot.policy.providers import provider_names, provider_text, with_provider
from tests.lines import every_line

Load = Callable[[str], Policy]

SEND = "send = { url = 'https://api.fr', json = { to = '{recipient}', text = '{text}' } }"
TOKEN_SEND = SEND.replace("json", "headers = { Authorization = 'Bearer {access_token}' }, json")
TOKEN = "token = { url = 'https://api.fr/t', form = { secret = '{key}' } }"
POLL = "poll = { url = 'https://api.fr/l', headers = { X-Key = '{key}' } }"
INCOMING = "incoming = { sender = 'f', recipient = 't', text = 'x', id = 'i' }"
WEBHOOKS = "webhooks = { format = 'json', authentication = { kind = 'header', name = 'X', secret = '{key}' } }"


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    monkeypatch.chdir(tmp_path)

    def load(content: str) -> Policy:
        path = Path("smsbot.toml")
        path.write_text(content, encoding="utf-8")
        return Policy.load(path, UsualSender("36105", True, ("twilio",)))

    return load


def refusal(load: Load, content: str) -> str:
    with pytest.raises(PolicyProblem) as refused:
        load(content)
    return refused.value.sentence


@every_line("name", provider_names())
def test_each_ready_made_table_says_where_it_comes_from(name: str) -> None:
    text = provider_text(name)
    assert re.search(r"^#.*\bSource: |^# Source: ", text, re.MULTILINE)
    variables = tomllib.loads(text)["secrets"].values()
    begins = "SMSBOT_" + name.partition("_")[0].upper() + "_"
    assert all(variable.startswith(begins) for variable in variables)


def test_what_an_operator_writes_wins_key_by_key(load: Load) -> None:
    table = load("""
        [gateways.principal]
        provider = "smsfactor"
        secrets.key = "SMSBOT_OTHER_KEY"
        incoming.our_number = "36105"
        send.json.sms.message.pushtype = "marketing"
    """).gateways["principal"]
    assert table.secrets == {"key": "SMSBOT_OTHER_KEY", "webhook": "SMSBOT_SMSFACTOR_WEBHOOK_SECRET"}
    assert table.incoming is not None
    assert (table.incoming.our_number, table.incoming.sender) == ("36105", "from")
    message: Any = table.send.json_
    assert message["sms"]["message"] == {"text": "{text}", "pushtype": "marketing", "sender": "{sender_digits}"}


@every_line(
    ("own", "merged"),
    [
        ({"incoming": {"our_number": "1"}}, {"our_number": "1"}),  # it replaces the recipient
        ({"incoming": {"recipient": "to"}}, {"recipient": "to"}),
        ({"incoming": {"our_number": "1", "recipient": "to"}}, {"our_number": "1", "recipient": "to"}),
    ],
)
def test_a_key_that_cannot_stand_beside_the_operators_gives_way(own: dict[str, Any], merged: dict[str, str]) -> None:
    incoming = with_provider({"provider": "octopush"} | own)["incoming"]
    assert {key: incoming[key] for key in ("our_number", "recipient") if key in incoming} == merged


@every_line(
    ("content", "sentence"),
    [
        ("provider = 'smsfacto'", 'names the provider "smsfacto", which is not known; did you mean "smsfactor"?'),
        ("provider = 'zzz'", 'names the provider "zzz", which is not known; known are 46elks, brevo, callr'),
        ("provider = 1", "[gateways.a] provider should be a text"),
        ("provider = 'smsfactor'", "or our_number, one of the two, should say which number was written to"),
        ("provider = 'infobip'", "[gateways.a.send] url is missing"),
        ("provider = 'brevo'\nsend.jsn = {}", 'jsn is not known here; did you mean "json"?'),
        ("provider = 'brevo'\nsend = 1", "[gateways.a] send should be a table"),
    ],
)
def test_a_mistake_beside_a_provider_is_told_with_its_line(load: Load, content: str, sentence: str) -> None:
    told = refusal(load, f"# a gateway\n[gateways.a]\n{content}")
    assert sentence in told
    assert re.match(r"smsbot\.toml, line [2-4]: ", told)


@every_line(
    ("lines", "sentence"),
    [
        ([SEND, TOKEN], "token is not used: put {access_token} into send"),
        ([TOKEN_SEND], "contains {access_token}, which is not filled in here"),
        ([SEND.replace("{text}", "{text} {since}")], "contains {since}, which is not filled in here"),
        (
            [TOKEN_SEND, TOKEN.replace("{key}", "{recipient}")],
            "secret contains {recipient}, which is not filled in here",
        ),
        ([TOKEN_SEND, TOKEN.replace("form", "value = '$.x', form")], "token] value should be names and positions"),
        ([SEND, POLL], "poll brings messages: describe in incoming where their parts are found"),
        ([SEND, POLL, INCOMING.replace(" }", ", format = 'form' }")], 'format should be "json" or "xml"'),
        ([SEND, POLL, INCOMING.replace("id = 'i'", "in_reply_to = 'i'")], "or time is needed: without either"),
        ([SEND, WEBHOOKS, INCOMING.replace(" }", ", each = 'a', format = 'query' }")], "each has no meaning in a form"),
        ([SEND, WEBHOOKS, INCOMING.replace("'x'", "'*'")], "text should be names and positions with points between"),
        ([SEND, WEBHOOKS, INCOMING.replace("'x'", "'a[0]'")], 'did you mean "a.0"?'),
        ([SEND, WEBHOOKS, INCOMING.replace(", id = 'i'", "")], "id or time is needed, or in_reply_to"),
        (
            [SEND, WEBHOOKS, INCOMING.replace(" }", ", pieces = { reference = 'r' } }")],
            "incoming.pieces] number is miss",
        ),
        ([SEND, WEBHOOKS, INCOMING.replace(" }", ", stop = { field = 'k' } }")], "incoming.stop] words is missing"),
        ([SEND, WEBHOOKS, INCOMING.replace(" }", ", text_encoded = 'latin1' }")], "text_encoded should be 'utf-8'"),
        (
            [SEND, "answer = { format = 'text', id = 'id' }"],
            "id should be a line and a word in it, both counted from 0",
        ),
        ([SEND, "answer = { refused_when = { '$' = [1] } }"], "should be names and positions with points between"),
        (
            [SEND, WEBHOOKS.replace("header", "hmac"), INCOMING.replace(" }", ", format = 'query' }")],
            "hmac signs a body, but a webhook of the format query has no body",
        ),
    ],
)
def test_a_wrong_table_is_told(load: Load, lines: list[str], sentence: str) -> None:
    told = refusal(load, "\n".join(["[gateways.a]", "secrets = { key = 'SMSBOT_X' }", *lines]))
    assert sentence in told
    assert told.startswith("smsbot.toml, line ")


@every_line("poll", ["every_seconds = 1", "time_format = 'soon'", "next = '$.n'", "method = 'PATCH'"])
def test_a_wrong_poll_is_told(load: Load, poll: str) -> None:
    lines = (SEND, INCOMING, POLL.replace("{ url", f"{{ {poll}, url"))
    told = refusal(load, "\n".join(["[gateways.a]", "secrets = { key = 'SMSBOT_X' }", *lines]))
    assert f"[gateways.a.poll] {poll.split()[0]} " in told

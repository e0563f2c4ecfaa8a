"""`smsbot.toml`: which rule holds for whom, and the sentences about a file that cannot be used."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsbot.messages.gsm7 import septets, to_gsm7
from smsbot.policy import BrandWords, Policy, PolicyProblem, Rules, SenderRules, Source, UsualSender
from smsbot.policy.file import IdentityTable, ScopeTable
from smsbot.policy.loading import Lines
from tests.lines import every_line

Write = Callable[[str | bytes], Policy]
SERVICE = "MG0123456789abcdef0123456789abcdef"


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write `smsbot.toml` and load it."""
    monkeypatch.chdir(tmp_path)

    def load(content: str | bytes) -> Policy:
        path = Path("smsbot.toml")
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return Policy.load(path)

    return load


def rules(
    policy: Policy,
    source: str = "rdvsp",
    organisation: str | None = "12",
    service: str | None = "4",
    motif: str | None = "77",
    verticale: str | None = "rdv_solidarites",
) -> Rules:
    return policy.rules_for(source, organisation=organisation, service=service, motif=motif, verticale=verticale)


def test_without_a_file_the_general_rules_hold() -> None:
    policy = Policy.load(None)
    assert rules(policy) == Rules()
    assert policy.channel("+33937000000") == SenderRules("+33937000000", two_way=True)
    assert policy.channel("RdvSoli") == SenderRules("RdvSoli", two_way=False)
    assert policy.brand("rdv_mairie") == BrandWords()
    assert policy.sources == ()


def test_every_rule_is_read(load: Write) -> None:
    policy = load("""
        [motifs.77]
        label = "RDV PMI"
        notice_hours = 1.5
        may_be_cancelled = false
        warning = "Sans ce RDV, votre dossier peut être suspendu."
        time_zone = "Indian/Reunion"
        rebook_url = "https://rdv.example.fr/prendre?o={organisation_id}&m={motif_id}"
        phone_number = "3949"
        sender = "RdvSoli"
    """)
    assert rules(policy) == Rules(
        label="RDV PMI",
        notice=timedelta(hours=1, minutes=30),
        may_be_cancelled=False,
        warning="Sans ce RDV, votre dossier peut être suspendu.",
        time_zone="Indian/Reunion",
        rebook_url="https://rdv.example.fr/prendre?o=12&m=77",
        phone_number="3949",
        sender="RdvSoli",
    )


NEAREST_FIRST = [
    ("[sources.loire.motifs.77]", "motif"),
    ("[sources.loire.services.4]", "service"),
    ("[sources.loire.organisations.12]", "organisation"),
    ("[sources.loire]\nsecret_env = 'SMSBOT_LOIRE'", "source"),
    ("[brands.rdv_solidarites]", "brand"),
    ("[defaults]", "defaults"),
]


@every_line("nearest", range(len(NEAREST_FIRST)))
def test_the_nearest_word_counts(load: Write, nearest: int) -> None:
    tables = [f"{header}\nlabel = '{label}'" for header, label in NEAREST_FIRST[nearest:]]
    if nearest > 3:
        tables.append("[sources.loire]\nsecret_env = 'SMSBOT_LOIRE'")
    assert rules(load("\n".join(tables)), source="loire").label == NEAREST_FIRST[nearest][1]


def test_each_rule_is_looked_up_for_itself(load: Write) -> None:
    policy = load("""
        [defaults]
        notice_hours = 24
        may_be_cancelled = false
        [organisations.12]
        label = "RDV"
        [motifs.77]
        may_be_cancelled = true
    """)
    assert rules(policy) == Rules(label="RDV", notice=timedelta(hours=24), may_be_cancelled=True)
    assert rules(policy, motif=None) == Rules(label="RDV", notice=timedelta(hours=24), may_be_cancelled=False)


def test_two_sources_may_use_the_same_ids(load: Write) -> None:
    policy = load("""
        [motifs.77]
        label = "main"
        [sources.loire]
        secret_env = "SMSBOT_RDVSP_LOIRE_WEBHOOK_SECRET"
        [sources.loire.motifs.77]
        label = "loire"
    """)
    assert [rules(policy, source).label for source in ("rdvsp", "loire", "file")] == ["main", "loire", None]
    assert policy.sources == (Source("loire", "SMSBOT_RDVSP_LOIRE_WEBHOOK_SECRET"),)


def test_a_notice_of_nothing_is_not_the_general_one(load: Write) -> None:
    assert rules(load("[motifs.77]\nnotice_hours = 0")).notice == timedelta(0)


@every_line(
    ("organisation", "motif", "address"),
    [
        ("12", "77", "https://a.fr/12/77"),
        ("a/b c", "77", "https://a.fr/a%2Fb%20c/77"),
        ("12", None, None),
    ],
)
def test_the_address_to_book_again_is_whole_or_none(
    load: Write, organisation: str, motif: str | None, address: str | None
) -> None:
    policy = load("[defaults]\nrebook_url = 'https://a.fr/{organisation_id}/{motif_id}'")
    assert rules(policy, organisation=organisation, motif=motif).rebook_url == address


@every_line("motif", ["7" * 137, "é" * 22 + "77777"])
def test_an_id_too_long_for_an_sms_leaves_the_address_out(load: Write, motif: str) -> None:
    policy = load("[defaults]\nrebook_url = 'https://a.fr/{motif_id}'")
    assert rules(policy, motif=motif).rebook_url is not None
    assert rules(policy, motif=f"{motif}x").rebook_url is None


def test_brands(load: Write) -> None:
    policy = load("""
        [brands.rdv_solidarites]
        name = "RDV Solidarités"
        accessibility = "a"
        legal_notice = "l"
        personal_data = '''
        p'''
        [brands.rdv_mairie]
        name = "Mairie"
    """)
    solidarites = BrandWords("RDV Solidarités", accessibility="a", legal_notice="l", personal_data="        p")
    assert policy.brand("rdv_solidarites") == policy.brand("rdv_insertion") == solidarites
    assert policy.brand("rdv_mairie") == BrandWords("Mairie")
    assert policy.brand("a_new_one") == policy.brand(None) == BrandWords()


def test_insertion_may_have_a_brand_of_its_own(load: Write) -> None:
    policy = load("[brands.rdv_solidarites]\nlabel = 'S'\n[brands.rdv_insertion]\nlabel = 'I'")
    assert [rules(policy, verticale=name).label for name in ("rdv_solidarites", "rdv_insertion")] == ["S", "I"]


def test_the_longest_notice_anywhere(load: Write) -> None:
    assert load("").longest_notice == timedelta(0)
    policy = load("[defaults]\nnotice_hours = 4\n[motifs.7]\nnotice_hours = 24\n[sources.m]\nsecret_env = 'SMSBOT_M'")
    assert policy.longest_notice == timedelta(hours=24)


def test_channels(load: Write) -> None:
    policy = load(f"""
        [channels."+33937000000"]
        stop_handled_by = "gateway"
        [channels.RdvSoli]
        two_way = false
        messages_per_second = 2.5
        [channels.{SERVICE}]
        two_way = true
        stop_handled_by = "gateway"
    """)
    assert policy.channel("+33937000000") == SenderRules("+33937000000", two_way=True)
    assert policy.channel(SERVICE) == SenderRules(SERVICE, two_way=True)
    assert policy.gateway_handles_stop("twilio", "+33937000000")
    assert policy.gateway_handles_stop("twilio", SERVICE)
    assert not policy.gateway_handles_stop("twilio", "36105")
    assert policy.channel("RdvSoli") == SenderRules("RdvSoli", two_way=False, messages_per_second=2.5)
    assert policy.senders == {"+33937000000", "RdvSoli", SERVICE}
    assert load("[motifs.7]\nsender = '36105'\n[channels.RdvSoli]").senders == {"36105", "RdvSoli"}
    assert policy.channel("whatsapp:+33612345678").two_way is False


def test_a_number_that_the_file_does_not_name_follows_the_main_sender(load: Write) -> None:
    said = f"""
        [channels.{SERVICE}]
        two_way = true
        stop_handled_by = "gateway"
        messages_per_second = 3
    """
    file = load(said)
    assert file.channel("36105") == SenderRules("36105", two_way=True)
    assert not file.gateway_handles_stop("twilio", "36105")
    policy = Policy.load(Path("smsbot.toml"), UsualSender(SERVICE, two_way=True, gateways=("vonage", "twilio")))
    assert policy.channel("36105") == SenderRules("36105", two_way=True, messages_per_second=3)
    assert policy.gateway_handles_stop("twilio", "36105")
    assert not policy.gateway_handles_stop("vonage", "36105")  # the main sender is not a number of this gateway
    assert policy.senders == {SERVICE}


WRONG_VALUES = [
    ("label = 3", "label should be a text, in quotes"),
    ("label = ' '", "label should be a text on one line"),
    ("label = '1234567890123456789012345678901'", "label takes 31 characters of an SMS"),
    (f"warning = '{'é' * 71}'", "warning takes 71 characters of an SMS (€ and brackets take two): shorten it to 70"),
    (f"warning = '{'€' * 36}'", "warning takes 72 characters of an SMS"),
    ('warning = "a\\nb"', "warning should be a text on one line"),
    ("notice_hours = '4'", "notice_hours should be a number of hours from 0 to 8760, without quotes"),
    ("notice_hours = -1", "notice_hours should be a number of hours from 0 to 8760"),
    ("notice_hours = nan", "notice_hours should be a number of hours from 0 to 8760"),
    ("notice_hours = inf", "notice_hours should be a number of hours from 0 to 8760"),
    ("notice_hours = true", "notice_hours should be a number of hours from 0 to 8760"),
    ("may_be_cancelled = 'false'", "may_be_cancelled should be true or false, without quotes"),
    ("may_be_cancelled = 0", "may_be_cancelled should be true or false, without quotes"),
    (
        "time_zone = 'Europe/Pari'",
        'time_zone should be an IANA time zone such as Indian/Reunion; did you mean "Europe/P',
    ),
    ("time_zone = '../x'", "time_zone should be an IANA time zone"),
    ("time_zone = 'Europe'", "time_zone should be an IANA time zone"),
    ("rebook_url = 'rdv.example.fr'", "rebook_url should be an address that begins with https://"),
    ("rebook_url = 'https://a.fr/{org}'", "rebook_url contains {org}, but only {organisation_id} and {motif_id}"),
    ("rebook_url = 'https://a.fr/{'", "rebook_url should be an address, with braces only in"),
    (f"rebook_url = 'https://a.fr/{'a' * 253}'", "rebook_url takes 266 characters of an SMS"),
    (f"rebook_url = 'https://a.fr/{'a' * 118}{{motif_id}}'", "rebook_url takes 151 characters of an SMS"),
    (f"rebook_url = 'https://a.fr/{'~' * 69}'", "rebook_url takes 151 characters of an SMS (ids counted as 20, ~ and"),
    (
        "rebook_url = 'https://a.fr/façade'",
        "rebook_url has characters that an SMS cannot contain: copy it from a browser",
    ),
    ("rebook_url = 'https://a.fr/`'", "rebook_url has characters that an SMS cannot contain"),
    ("rebook_url = 'https://a.fr/{motif_id:>400}'", "rebook_url should have nothing but {organisation_id} and"),
    ("rebook_url = 'https://a.fr/{motif_id!r}'", "rebook_url should have nothing but {organisation_id} and"),
    ("phone_number = 'on demand'", "phone_number should be a telephone number"),
    ("sender = '+33'", "sender should be a number such as +33937000000"),
    (
        f"sender = '{SERVICE}'",
        f"sender is a Messaging Service: say with two_way, true or false, in [channels.{SERVICE}]",
    ),
    ("lable = 'RDV'", 'lable is not known here; did you mean "label"?'),
    ("x = 1", "x is not known here; known are label, notice_hours"),
]


@every_line(("line", "sentence"), WRONG_VALUES)
def test_a_wrong_value_is_told_with_its_line(load: Write, line: str, sentence: str) -> None:
    with pytest.raises(PolicyProblem) as problem:
        load(f"# a comment\n\n[organisations.12]\nlabel = 'RDV'\n[motifs.77]\n\n{line}\n")
    assert str(problem.value).startswith(f"smsbot.toml, line 7: [motifs.77] {sentence}")
    assert "\n" not in str(problem.value)


WRONG_FILES = [
    ("[motif.77]\nlabel = 'RDV'", 1, 'motif is not known here; did you mean "motifs"?'),
    ("[defaults]\n\n[[motifs]]\nlabel = 'RDV'", 3, "motifs should be a table"),
    ("motifs.77 = 3", 1, "[motifs] 77 should be a table"),
    ("[brands.rdv_solidarite]", 1, '[brands] rdv_solidarite is not a brand; did you mean "rdv_solidarites"?'),
    ("[brands.x]", 1, "[brands] x is not a brand; known are rdv_solidarites"),
    (f"[brands.rdv_mairie]\nname = '{'a' * 61}'", 2, "[brands.rdv_mairie] name should be a name on one line, of 60"),
    ('[brands.rdv_mairie]\nname = "a\\nb"', 2, "[brands.rdv_mairie] name should be a name on one line"),
    ("[brands.rdv_mairie]\nname = ' '", 2, "[brands.rdv_mairie] name should be a name on one line"),
    ("[brands.rdv_mairie]\nname = ''", 2, "[brands.rdv_mairie] name should not be empty"),
    ('[channels."+33 9"]', 1, '[channels] "+33 9" should be a number such as +33937000000'),
    (
        "[channels.36105]\nmessages_per_second = 1e-300",
        2,
        "[channels.36105] messages_per_second should be a number from 0.001 to 1000, without quotes",
    ),
    (
        "[channels.36105]\nmessages_per_second = '9'",
        2,
        "[channels.36105] messages_per_second should be a number from 0.001 to 1000, without quotes",
    ),
    ("[channels.36105]\nstop_handled_by = 'me'", 2, "[channels.36105] stop_handled_by should be 'bot' or 'gateway'"),
    ("[channels.36105]\ntwo_way = false", 2, "[channels.36105] two_way contradicts the sender, which can be answered"),
    ("[channels.Rdv]\n\ntwo_way = true", 3, "[channels.Rdv] two_way contradicts the sender, which cannot be answered"),
    (f"[channels.{SERVICE}]\n[defaults]\nsender = '{SERVICE}'", 3, "[defaults] sender is a Messaging Service"),
    ("[sources.rdvsp]\nsecret_env = 'SMSBOT_X'", 1, "[sources] rdvsp is the main source"),
    ("[sources.Loire]\nsecret_env = 'SMSBOT_X'", 1, "[sources] Loire should have only small letters"),
    ("[sources.loire]", 1, "[sources.loire] secret_env is missing"),
    ("[sources.loire]\nsecret_env = 'hunter2'", 2, "[sources.loire] secret_env should be the name of an environment"),
    (
        "[sources.a]\nsecret_env = 'SMSBOT_A'\n[sources.a.services]\n4 = { lable = 'x' }",
        4,
        '[sources.a.services.4] lable is not known here; did you mean "label"?',
    ),
    ("[motifs.77]\nlabel = ", 2, "this is not TOML: invalid value"),
    ("[motifs.77]\nwarning = '''\nabc\n", 3, "this is not TOML:"),
    ("[motifs.77]\nlabel = 'a'\nlabel = 'b'", 3, "this is not TOML: cannot overwrite a value"),
    ("label\n", 1, "this is not TOML: expected '='"),
    (b"[motifs.77]\nlabel = 'd\xe9marche'", 2, "this is not UTF-8 text: save the file as UTF-8"),
]


@every_line(("content", "line", "sentence"), WRONG_FILES)
def test_a_wrong_file_is_told_with_the_line(load: Write, content: str | bytes, line: int, sentence: str) -> None:
    with pytest.raises(PolicyProblem) as problem:
        load(content)
    assert str(problem.value).startswith(f"smsbot.toml, line {line}: {sentence}")


def test_all_that_is_wrong_is_told_from_top_to_bottom(load: Write) -> None:
    with pytest.raises(PolicyProblem) as problem:
        load("[motifs.7]\nlabel = 1\n[services.4]\nwarning = 2\n[defaults]\nx = 3\n")
    assert re.findall(r"line (\d): \[\w+", str(problem.value)) == ["2", "4", "6"]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyProblem, match=r"smsbot\.toml cannot be read: No such file or directory$"):
        Policy.load(tmp_path / "smsbot.toml")


def test_windows_line_ends_and_marks_are_fine(load: Write) -> None:
    assert rules(load("\ufeff[motifs.77]\r\nlabel = 'RDV'\r\n".encode())).label == "RDV"


def test_accents_that_an_sms_replaces_do_not_count_twice(load: Write) -> None:
    warning = "ê" * 70
    assert septets(to_gsm7(warning)) == 70
    assert rules(load(f"[motifs.77]\nwarning = '{warning}'")).warning == warning


VALUES = st.one_of(
    st.integers(-9, 9).map(str),
    st.text("ab\\", max_size=3).map(lambda text: f"'{text}'"),
    st.lists(st.sampled_from(["[x]", "a = 1", "# b", "", "'''"]), max_size=4).map(
        lambda lines: '"""\n' + "\n".join(lines) + '"""'
    ),
    st.lists(st.integers(0, 9).map(str), max_size=3).map(lambda items: "[\n" + ",\n # c\n".join(items) + "]"),
)


@given(
    st.lists(st.lists(VALUES, max_size=4), min_size=1, max_size=5), st.sampled_from(["\n", "\n\n# a = 1\n", " # [b]\n"])
)
def test_lines_are_where_things_stand(tables: list[list[str]], between: str) -> None:
    """The test writes a file and counts its lines. Some values have several lines that look like other statements."""
    text = ""
    expected: dict[tuple[str, ...], int] = {}
    for table, values in enumerate(tables):
        expected[("t", str(table))] = text.count("\n") + 1
        text += f'[t."{table}"]{between}'
        for key, value in enumerate(values):
            expected[("t", str(table), f"k{key}")] = text.count("\n") + 1
            text += f"k{key} = {value}{between}"
    tomllib.loads(text)
    lines = Lines(text)
    assert {path: lines.line(path) for path in expected} == expected
    assert lines.line(("t", "0", "unknown")) == expected[("t", "0")]
    assert lines.line(("unknown",)) == 1


def test_the_example_is_valid_and_describes_every_key(load: Write) -> None:
    example = (Path(__file__).parents[2] / "smsbot.example.toml").read_text(encoding="utf-8")
    load(example)
    in_use = re.sub(r"^# (?=[\[a-z_]+[\w.\"+]*\]$|[a-z_]+ = |.*\"\"\"$)", "", example, flags=re.MULTILINE)
    policy = load(in_use)
    assert policy.sources
    assert policy.gateway_handles_stop("twilio", "+33937000000")
    assert policy.brand("rdv_solidarites").personal_data
    for key in (*ScopeTable.model_fields, *IdentityTable.model_fields):
        assert re.search(rf"^{key} = ", in_use, re.MULTILINE), key


CONNECTED = """
[sources.mairie]
secret_env = "SMSBOT_MAIRIE_SECRET"
url = "https://mairie.example.fr"
client_id = "id"
client_secret_env = "SMSBOT_MAIRIE_CLIENT_SECRET"
"""


@every_line(
    ("content", "line", "sentence"),
    [
        ("[motifs.77]\nnotify = 'yes'\n", 2, "[motifs.77] notify should be true or false, without quotes"),
        ("[motifs.77]\nannounce_two_way = 1\n", 2, "announce_two_way should be true or false, without quotes"),
        (
            "[motifs.77]\nsender = 'RdvSoli'\nannounce_two_way = true\n",
            3,
            "[motifs.77] announce_two_way cannot be: nobody can answer RdvSoli; name another sender beside it",
        ),
        (
            "[defaults]\nsender = 'RdvSoli'\n[organisations.12]\nannounce_two_way = true\n",
            4,
            "[organisations.12] announce_two_way cannot be: nobody can answer RdvSoli",
        ),
        (
            f"{CONNECTED}notifies = true\n[sources.mairie.motifs.77]\nnotify = true\n",
            9,
            "[sources.mairie.motifs.77] notify has an effect only with url and notifies = false in [sources.mairie]",
        ),
        (
            f"{CONNECTED}notifies = false\nannounce_two_way = true\n",
            8,
            "[sources.mairie] announce_two_way has an effect only with url and without notifies = false in",
        ),
        (
            "[sources.mairie]\nsecret_env = 'SMSBOT_MAIRIE_SECRET'\nnotify = true\n",
            3,
            "[sources.mairie] notify has an effect only with url",
        ),
    ],
)
def test_who_writes_is_checked_with_its_line(load: Write, content: str, line: int, sentence: str) -> None:
    with pytest.raises(PolicyProblem) as problem:
        load(content)
    assert f"line {line}: " in problem.value.sentence
    assert sentence in problem.value.sentence


def test_the_main_sender_must_be_answered_too(tmp_path: Path) -> None:
    file = tmp_path / "smsbot.toml"
    file.write_text("[organisations.12]\nannounce_two_way = true\n")
    with pytest.raises(PolicyProblem, match=r"line 2: .*nobody can answer RdvSoli"):
        Policy.load(file, UsualSender("RdvSoli"))
    rules = Policy.load(file, UsualSender("+33937000000")).rules_for(
        "rdvsp", organisation="12", service=None, motif=None, verticale=None
    )
    assert (rules.announce_two_way, rules.notify) == (True, False)

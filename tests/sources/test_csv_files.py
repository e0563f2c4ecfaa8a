"""Appointments in CSV, as spreadsheets and people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsbot.model import AppointmentRecord, OrganisationRecord, ParticipationRecord, PersonRecord, PlaceRecord
from smsbot.sources.csv_appointments import COLUMNS, UnknownColumn, column_names, template
from smsbot.sources.file_lines import Read, RefusedLine, TakenWithout, TakesNoSms, UnreadableFile
from smsbot.sources.files import read_content
from tests.lines import every_line

FULL = (
    "external_id,starts_at,time_zone,last_name,first_name,phone,email,organisation_id,organisation_name,"
    "organisation_phone,place,label\n"
    'A1,2026-05-12 14:30,Indian/Reunion,Hoarau,Éléa,0692 12 34 56,elea@exemple.re,12,CCAS de Saint-Denis,3949,"Mairie, '
    'salle 2",Atelier numérique\n'
)


def records(text: str | bytes) -> list[AppointmentRecord]:
    content = text.encode() if isinstance(text, str) else text
    return [each.record for each in read_content(content) if isinstance(each, Read)]


def refusals(text: str | bytes) -> list[tuple[str, str]]:
    content = text.encode() if isinstance(text, str) else text
    return [(each.where, each.reason) for each in read_content(content) if isinstance(each, RefusedLine)]


def left_out(text: str) -> list[tuple[str, str]]:
    return [(each.where, each.what) for each in read_content(text.encode()) if isinstance(each, TakenWithout)]


def test_every_column_is_read() -> None:
    (record,) = records(FULL)
    (participation,) = record.participations
    assert record == AppointmentRecord(
        external_id="A1",
        starts_at=datetime(2026, 5, 12, 10, 30, tzinfo=UTC),
        time_zone="Indian/Reunion",
        organisation=OrganisationRecord("12", "CCAS de Saint-Denis", "3949"),
        label="Atelier numérique",
        place=PlaceRecord("Mairie, salle 2"),
        participations=(participation,),
    )
    assert participation == ParticipationRecord(
        external_id=participation.external_id,
        first_name="Éléa",
        last_name="Hoarau",
        surnames=("Hoarau",),
        first_names=("Éléa",),
        phone="+262692123456",
        email="elea@exemple.re",
        send_lifecycle_notifications=True,  # no column for it: people who gave a number want to know of changes
        send_reminder_notification=True,
        own=PersonRecord("Éléa", "Hoarau", phone="+262692123456", email="elea@exemple.re"),
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_it_is_read_however_it_was_saved(delimiter: str, ends: str, encoding: str) -> None:
    rows = [
        ("external_id", "starts_at", "last_name", "place"),
        ("1", "12/05/2026 14h30", "Éluard", "Médiathèque"),
        ("2", "12/05/2026 15h", "Noël", "Œuvre"),
    ]
    text = ends.join(delimiter.join(row) for row in rows)
    first, second = records(text.encode(encoding))
    assert first.participations[0].surnames == ("Éluard",)
    assert (first.place, second.place) == (PlaceRecord("Médiathèque"), PlaceRecord("Œuvre"))
    assert second.starts_at == datetime(2026, 5, 12, 13, tzinfo=UTC)


def test_headers_may_be_written_as_people_do() -> None:
    (record,) = records(' External ID ;STARTS_AT;"Last-Name";unheard of\nA;2026-05-12 14:30;Roux;x\n')
    assert record.participations[0].surnames == ("Roux",)


FRENCH = (
    "Identifiant;Date du RDV;Heure;Nom de famille;Prénom;N° de téléphone;Courriel;Structure;Lieu\n"
    "A;12/05/2026;14h30;Éluard;Paul;06 12 34 56 78;paul@exemple.fr;CCAS;Mairie\n"
)


@pytest.mark.parametrize("before", ["", "sep=;\r\n", '"sep=;"\n', "\ufeffsep=;\n"])
def test_french_headings_and_date_and_hour_apart(before: str) -> None:
    (record,) = records(before + FRENCH)
    assert (record.external_id, record.starts_at) == ("A", datetime(2026, 5, 12, 12, 30, tzinfo=UTC))
    assert (record.organisation, record.place) == (OrganisationRecord("CCAS", "CCAS"), PlaceRecord("Mairie"))
    [person] = record.participations
    assert (person.surnames, person.phone, person.email) == (("Éluard",), "+33612345678", "paul@exemple.fr")


def test_the_reason_of_an_appointment_is_no_label() -> None:
    for heading in ("Motif", "Objet", "Contexte", "Adresse"):
        (record,) = records(f"external_id;starts_at;{heading}\nA;2026-05-12 14:30;RSA\n")
        assert (record.label, record.place) == (None, None)


def test_a_half_told_moment_is_refused() -> None:
    text = "identifiant;date;heure\nA;12/05/2026;\nB;;14h30\nC;2026-05-12;14:30:00\n"
    assert [record.external_id for record in records(text)] == ["C"]
    assert [where for where, _ in refusals(text)] == ["line 2", "line 3"]


def test_the_caller_may_say_which_heading_is_which() -> None:
    columns = column_names("external_id=Dossier n°, starts_at=Quand ?")
    content = "dossier N°;QUAND;Nom\nA;2026-05-12 14:30;Roux\n".encode()
    [entry] = read_content(content, columns)
    assert isinstance(entry, Read)
    assert entry.record.external_id == "A"


@every_line(("written", "told"), [("nom=Nom", "nom=Nom"), ("starts_at", "starts_at"), ("starts_at=", "starts_at=")])
def test_what_names_no_column_is_one_clear_error(written: str, told: str) -> None:
    with pytest.raises(UnknownColumn, match=re.escape(f"{told!r} names no column: write COLUMN=HEADING")):
        column_names(written)


def test_where_a_column_is_missing_the_headings_are_told() -> None:
    with pytest.raises(UnreadableFile) as unreadable:
        read_content(b"Dossier;Date;Heure;Nom\nA;12/05/2026;14h30;Roux\n")
    assert unreadable.value.sentence == (
        "The file is neither JSON nor CSV with the columns external_id and starts_at: external_id is missing, and the "
        'headings are Dossier, Date, Heure, Nom. Say which is which, as --columns "external_id=Dossier", or start from '
        "smsbot import --template."
    )


def test_the_template_is_a_file_that_can_be_imported() -> None:
    (record,) = records(template())
    assert (record.external_id, record.place) == ("A-1024", PlaceRecord("Mairie, salle 2"))
    assert template().splitlines()[0].split(";") == list(COLUMNS)


def test_a_number_that_takes_no_sms_is_told() -> None:
    text = (
        "external_id;starts_at;phone;email\nA;2026-05-12 14:30;01 42 00 00 00;a@b.fr\nB;2026-05-12 14:30;0142000000;\n"
    )
    told = [each.reason for each in read_content(text.encode()) if isinstance(each, TakesNoSms)]
    assert told == [
        "its telephone number cannot get SMS, like a landline: messages go by e-mail only; "
        "give a mobile number and import the file again.",
        "its telephone number cannot get SMS, like a landline: nobody gets a message, as there is no e-mail address; "
        "give a mobile number and import the file again.",
    ]


def test_lines_of_two_encodings_are_each_read_in_theirs() -> None:
    content = "external_id;starts_at;last_name\nA;2026-05-12 14:30;Éluard\n".encode()
    content += "B;2026-05-12 14:30;Éluard\n".encode("cp1252")
    assert [each.participations[0].surnames for each in records(content)] == [("Éluard",), ("Éluard",)]


def test_fields_in_quotation_marks_may_hold_anything() -> None:
    (record,) = records('external_id;starts_at;place\nA;2026-05-12 14:30;"Mairie ""Sud"";\r\n2e étage"\n')
    assert record.place == PlaceRecord('Mairie "Sud"; 2e étage')


def test_short_rows_lack_what_they_lack_and_blank_ones_are_none() -> None:
    (record,) = records("\n\nexternal_id;starts_at;last_name;place\n;;;\nA;2026-05-12 14:30\n\n  \n")
    assert record.place is None
    assert record.participations[0].surnames == ()


def test_an_organisation_without_id_goes_by_its_name() -> None:
    (record,) = records("external_id;starts_at;organisation_name\nA;2026-05-12 14:30;CCAS\n")
    assert record.organisation == OrganisationRecord("CCAS", "CCAS")


def test_each_bad_line_is_refused_by_itself() -> None:
    text = (
        "external_id;starts_at;time_zone;last_name;place\n"
        "A;2026-05-12 14:30;;Roux;Mairie\n"
        ";2026-05-12 14:30;;Roux;Mairie\n"
        "C;demain;;Roux;Mairie\n"
        "D;2026-05-12 14:30;Paris;Roux;Mairie\n"
        "E;2026-05-12 14:30;;Roux;Mairie;salle 2\n"
        "F;29/03/2026 02:30;;Roux;Mairie\n"
        'G;2026-05-12 14:30;;"Roux;Mairie\n'
        "H;;;Roux;Mairie\n"
        f"{'I' * 200};2026-05-12 14:30;;Roux;Mairie\n"
        "Z;2026-05-12 14:30;;Roux;Mairie\n"
    )
    assert [record.external_id for record in records(text)] == ["A", "Z"]
    assert refusals(text) == [
        ("line 3", "external_id is missing: each appointment needs one of its own."),
        ("line 4", "starts_at is not a date and time such as 2026-05-12 14:30 or 12/05/2026 14h30."),
        ("line 5", "time_zone is not a name such as Europe/Paris or Indian/Reunion."),
        ("line 6", "The row has 6 fields, the header 5: put a text that contains the delimiter in quotation marks."),
        ("line 7", "starts_at is an hour that the clocks skip in Europe/Paris: give one that exists."),
        ("line 8", "A quotation mark is not closed: close it, or take it out."),
        ("line 9", "starts_at is not a date and time such as 2026-05-12 14:30 or 12/05/2026 14h30."),
        ("line 10", "external_id is too long: shorten it."),
    ]


def test_a_quotation_mark_left_open_does_not_swallow_the_file() -> None:
    text = "external_id;starts_at;last_name\n" + 'A;2026-05-12 14:30;"Roux\n'
    text += "".join(f"{number};2026-05-12 14:30;Roux\n" for number in range(100))
    assert len(records(text)) == 100
    assert refusals(text) == [("line 2", "A quotation mark is not closed: close it, or take it out.")]


def test_an_endless_field_is_refused() -> None:
    text = f"external_id;starts_at;last_name\nA;2026-05-12 14:30;{'x' * 200_000}\nB;2026-05-12 14:30;Roux\n"
    assert [record.external_id for record in records(text)] == ["B"]
    assert refusals(text) == [("line 2", "A field is too long: shorten it.")]


def test_a_line_in_no_encoding_is_refused() -> None:
    content = b"external_id;starts_at;last_name\nA;2026-05-12 14:30;Ro\x81x\nB;2026-05-12 14:30;Roux\n"
    assert [record.external_id for record in records(content)] == ["B"]
    assert refusals(content) == [("line 2", "The text is neither UTF-8 nor Windows-1252: save the file as UTF-8.")]


@every_line(
    ("cell", "is_told"),
    [
        ("06 12 34 56", True),
        ("3949", True),
        ("06 12 34 56 78 / 07 12 34 56 78", True),
        ("néant", True),
        ("06 12 34 56 78", False),
        ("612345678", False),  # as a spreadsheet writes it
        ("", False),
        (" \u00a0\u200b ", False),
    ],
)
def test_a_cell_that_holds_no_telephone_number_is_told(cell: str, is_told: bool) -> None:
    text = f"external_id;starts_at;phone\nA;2026-05-12 14:30;{cell}\n"
    assert left_out(text) == [("line 2", "telephone number")] * is_told
    assert len(records(text)) == 1


@every_line(
    ("cell", "is_told"),
    [
        ("foo@", True),
        ("a@b.fr c@d.fr", True),
        ("x" * 300 + "@b.fr", True),
        ("foo@exemple.fr", False),
        ("  ", False),
        ("user_12@deleted.rdv-solidarites.fr", False),  # nobody can be reached there anyway
    ],
)
def test_a_cell_that_holds_no_address_is_told(cell: str, is_told: bool) -> None:
    text = f"external_id;starts_at;email\nA;2026-05-12 14:30;{cell}\n"
    assert left_out(text) == [("line 2", "e-mail address")] * is_told
    assert len(records(text)) == 1


def test_what_a_refused_line_would_go_without_is_not_told() -> None:
    text = "external_id;starts_at;phone\nA;2026-05-12 14:30;0612345678\nA;2026-05-12 15:30;x\nB;hier;x\n"
    assert [where for where, _ in refusals(text)] == ["line 3", "line 4"]
    assert left_out(text) == []


def test_what_is_told_repeats_nothing_personal() -> None:
    text = "external_id;starts_at;phone;email\nA;2026-05-12 14:30;06 99 88;sophie@\n"
    told = repr([each for each in read_content(text.encode()) if isinstance(each, TakenWithout)])
    assert "06 99" not in told
    assert "sophie" not in told


HEADER = "external_id;starts_at;last_name;first_name;phone\n"
SOPHIE = "A;2026-05-12 14:30;Dupont;Sophie;06 12 34 56 78\n"
KARIM = "A;2026-05-12 14:30;Benali;Karim;06 12 34 56 79\n"
OTHER_SOPHIE = "A;2026-05-12 14:30;Dupont;Sophie;06 12 34 56 80\n"


def ids(text: str) -> dict[str, str | None]:
    (record,) = records(HEADER + text)
    return {each.external_id: each.phone for each in record.participations}


def test_rows_with_one_id_are_a_collective_appointment() -> None:
    (record,) = records(HEADER + SOPHIE + KARIM)
    assert record.collective is True
    assert [each.surnames for each in record.participations] == [("Dupont",), ("Benali",)]
    (alone,) = records(HEADER + SOPHIE)
    assert alone.collective is None


def test_ids_of_participations_survive_another_order_another_number_and_another_person() -> None:
    assert ids(SOPHIE + KARIM) == ids(KARIM + SOPHIE)
    assert ids(SOPHIE).keys() < ids(SOPHIE + KARIM).keys()
    assert ids(SOPHIE).keys() == ids(OTHER_SOPHIE).keys()
    assert ids(SOPHIE).keys() == ids(SOPHIE.replace("Dupont;Sophie", "DUPONT;sophié")).keys()


def test_namesakes_are_two_and_the_same_row_twice_is_one() -> None:
    assert len(ids(SOPHIE + OTHER_SOPHIE)) == 2
    assert len(ids(SOPHIE + SOPHIE)) == 1


def test_a_row_that_says_another_time_is_refused_and_nobody_is_thought_gone() -> None:
    text = HEADER + SOPHIE + KARIM.replace("14:30", "15:30")
    (record,) = records(text)
    assert not record.participations_complete
    assert refusals(text) == [
        (
            "line 3",
            "starts_at differs from line 2, which has the same external_id: give both the same time, or this one "
            "another external_id.",
        )
    ]


@every_line(
    ("content", "why"),
    [
        (b"\n\n", "neither JSON nor CSV"),
        (b"bonjour", "neither JSON nor CSV"),
        (b"external_id;name\n1;x\n", "neither JSON nor CSV"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "neither JSON nor CSV"),
        (b"\x81;starts_at;external_id\n", "neither JSON nor CSV"),
    ],
)
def test_a_file_of_something_else_is_one_clear_error(content: bytes, why: str) -> None:
    with pytest.raises(UnreadableFile, match=why):
        read_content(content)


CELLS = st.one_of(
    st.text(alphabet=st.characters(), max_size=12),
    st.sampled_from(
        ["A", "2026-05-12 14:30", "12/05/2026 14h30", '"', '"x;y"', "0612345678", "Europe/Paris", "\x00", "é"]
    ),
)


@given(
    st.lists(st.lists(CELLS, max_size=7), max_size=8), st.sampled_from(";,\t"), st.sampled_from(["utf-8", "utf-16-le"])
)
def test_any_cells_are_read_or_refused(rows: list[list[str]], delimiter: str, encoding: str) -> None:
    text = "\n".join(delimiter.join(row) for row in rows)
    header = delimiter.join(["external_id", "starts_at", "time_zone", "last_name", "phone"]) + "\n"
    check(header.encode() + text.encode(encoding, errors="surrogatepass"))


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"external_id,starts_at\n", b"{", b'[{"id": 1, ', b"\xef\xbb\xbf"])
)
def test_any_bytes_are_read_or_refused(raw: bytes, head: bytes) -> None:
    check(head + raw)


def check(content: bytes) -> None:
    try:
        lines = list(read_content(content))
    except UnreadableFile as unreadable:
        lines = [RefusedLine("file", str(unreadable))]
    for line in lines:
        if isinstance(line, RefusedLine | TakenWithout | TakesNoSms):
            assert line.reason.endswith(".")
        else:
            repr(line.record).encode()  # what is kept can be stored in the database

"""Appointments in JSON: webhooks and answers of RDV Service Public, saved to a file."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsbot.sources.file_lines import FileEntry, Read, RefusedLine, TakenWithout, UnreadableFile
from smsbot.sources.files import bytes_of, read_content

Json = dict[str, Any]

AS_THERE = ": write it as RDV Service Public does, or leave it out."
META = {"model": "Rdv", "event": "updated", "webhook_reason": None, "timestamp": "2027-01-03T12:00:00+01:00"}


def read(document: object) -> list[FileEntry]:
    return list(read_content(json.dumps(document).encode()))


def external_ids(document: object) -> list[str]:
    return [each.record.external_id for each in read(document) if isinstance(each, Read)]


def test_one_appointment(rdv: Json) -> None:
    assert external_ids(rdv) == ["4021"]


def test_a_whole_webhook_brings_its_time(rdv: Json) -> None:
    (line,) = read({"data": rdv, "meta": META})
    assert isinstance(line, Read)
    assert line.event_at == datetime(2027, 1, 3, 11, tzinfo=UTC)


def test_a_page(rdv: Json) -> None:
    assert external_ids({"rdvs": [rdv, {**rdv, "id": 2}], "meta": {"current_page": 1}}) == ["4021", "2"]


def test_a_list_of_anything(rdv: Json) -> None:
    assert external_ids([rdv, {"data": {**rdv, "id": 2}, "meta": META}, {"rdvs": [{**rdv, "id": 3}]}]) == [
        "4021",
        "2",
        "3",
    ]


def test_an_empty_page_is_nothing() -> None:
    assert read({"rdvs": [], "meta": {}}) == []
    assert read([]) == []


def test_a_bom_does_not_matter(rdv: Json) -> None:
    assert len(list(read_content(b"\xef\xbb\xbf \n" + json.dumps(rdv).encode()))) == 1


def test_each_bad_record_is_refused_by_itself(rdv: Json) -> None:
    lines = read(
        [
            {**rdv, "starts_at": None},
            rdv,
            None,
            {"data": {"id": 1}, "meta": {**META, "event": "destroyed"}},
            {"data": {"id": 1}, "meta": {**META, "model": "Motif"}},
            {"data": rdv, "meta": None},
        ]
    )
    assert [line.record.external_id if isinstance(line, Read) else line for line in lines] == [
        RefusedLine("record 1", f"data.starts_at is not a date and time such as 2025-01-15T10:00:00+01:00{AS_THERE}"),
        "4021",
        RefusedLine("record 3", f"data is not an object{AS_THERE}"),
        RefusedLine("record 4", f"It is a webhook without an appointment{AS_THERE}"),
        RefusedLine("record 5", f"It is a webhook without an appointment{AS_THERE}"),
        RefusedLine("record 6", f'The body is not an object with "data" and "meta"{AS_THERE}'),
    ]


def test_numbers_and_addresses_that_are_none_are_told_by_record_and_person(rdv: Json) -> None:
    responsible = {"phone_number": "", "email": "kar im@exemple.re"}
    user = {"phone_number": "06 12 34 56", "phone_number_formatted": None, "email": 3, "responsible": responsible}
    page = {"rdvs": [rdv, {**rdv, "participations": [{"id": 1, "user": None}, {"id": 2, "user": user}]}]}
    lines = read([page, {"data": {**rdv, "participations": None, "users": [user]}, "meta": META}])
    assert [
        line.record.external_id if isinstance(line, Read) else f"{line.where}: {line.reason}" for line in lines
    ] == [
        "4021",
        *(f"record 2: {reason('participations.1.user', what)}" for what in ("telephone number", "e-mail address")),
        f"record 2: {reason('participations.1.user.responsible', 'e-mail address')}",
        "4021",
        *(f"record 3: {reason('users.0', what)}" for what in ("telephone number", "e-mail address")),
        f"record 3: {reason('users.0.responsible', 'e-mail address')}",
        "4021",
    ]


def reason(whose: str, what: str) -> str:
    left_out = f"taken without the {what} of {whose}: the value in the file is not a usable {what}"
    return f"{left_out}; correct it and import the file again."


def test_who_has_none_or_was_erased_is_not_told(rdv: Json) -> None:
    erased = {"phone_number": None, "phone_number_formatted": " ", "email": "user_12@deleted.rdv-solidarites.fr"}
    for user in (erased, {}, {"responsible": None}):
        assert not any(
            isinstance(line, TakenWithout) for line in read({**rdv, "participations": [{"id": 1, "user": user}]})
        )


def test_json_that_breaks_off_is_one_clear_error(rdv: Json) -> None:
    with pytest.raises(UnreadableFile, match=r"^The file is not valid JSON: .*line 1.*\.$"):
        read_content(json.dumps(rdv).encode()[:-1])


def test_a_file_that_cannot_be_opened_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"\(No such file or directory\): give the path"):
        bytes_of(tmp_path / "none.json")
    with pytest.raises(UnreadableFile, match=r"\(Is a directory\): give the path"):
        bytes_of(tmp_path)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["id", "starts_at", "rdvs", "data", "meta", "participations"]), inner)
        ),
        max_leaves=15,
    )
)
def test_any_json_is_read_or_refused(document: object) -> None:
    try:
        lines = read(document)
    except UnreadableFile:
        return
    assert all(isinstance(line, Read) or line.reason.endswith(".") for line in lines)

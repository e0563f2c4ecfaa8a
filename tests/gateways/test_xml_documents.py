"""XML from webhooks is read as nested tables, and dangerous XML is refused."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsbot.gateways.base import MalformedMessage
from smsbot.gateways.described.xml_documents import MOST_DEPTH, xml_from
from tests.lines import every_line


@every_line(
    ("written", "read"),
    [
        ("<a/>", {"*": "a", "#": ""}),
        ("<a>b</a>", {"*": "a", "#": "b"}),
        ("<m><From>336</From><Text> é &amp; &lt;3 </Text></m>", {"*": "m", "From": "336", "Text": " é & <3 "}),
        ("<m><Text><![CDATA[<b> & ]]>!</Text></m>", {"*": "m", "Text": "<b> & !"}),
        ("<m><r id='1'>x</r><r id='2'/></m>", {"*": "m", "r": [{"@id": "1", "#": "x"}, {"@id": "2"}]}),
        ("<m>\n  <a><b>1</b></a>\n</m>", {"*": "m", "a": {"b": "1"}}),
        ("<s:E xmlns:s='urn:x' s:n='1'><s:B>t</s:B></s:E>", {"*": "E", "@n": "1", "B": "t"}),
    ],
)
def test_it_is_read(written: str, read: dict[str, Any]) -> None:
    assert xml_from(written.encode()) == read


def test_it_is_read_in_the_encoding_that_it_declares() -> None:
    written = '<?xml version="1.0" encoding="ISO-8859-1"?><m><Text>é</Text></m>'
    assert xml_from(written.encode("iso-8859-1"))["Text"] == "é"


BOMB = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><l>&b;</l>'
FILE = '<!DOCTYPE l [<!ENTITY f SYSTEM "file:///etc/passwd">]><l>&f;</l>'
OUTSIDE = '<!DOCTYPE l SYSTEM "http://127.0.0.1:9/l.dtd"><l/>'


@every_line(
    ("written", "sentence"),
    [
        *((text, "document type") for text in (BOMB, FILE, OUTSIDE, "<!DOCTYPE l><l/>")),
        *((text, "not XML") for text in ("", "<a>", "<a></b>", "x", "<a>&nbsp;</a>", "<a/><b/>", "<a b='1' b='2'/>")),
        ("<a>" * (MOST_DEPTH + 1) + "</a>" * (MOST_DEPTH + 1), "nested too deeply"),
        ('<?xml version="1.0" encoding="unheard-of"?><a/>', "not XML"),
    ],
)
def test_what_is_refused(written: str, sentence: str) -> None:
    with pytest.raises(MalformedMessage, match=sentence):
        xml_from(written.encode())


@given(st.binary(max_size=200) | st.text("<>/=\"' ab&;!?-[]", max_size=60).map(str.encode))
def test_any_bytes_are_a_document_or_refused(content: bytes) -> None:
    try:
        read = xml_from(content)
    except MalformedMessage:
        return
    assert sys.getsizeof(str(read)) < 10_000

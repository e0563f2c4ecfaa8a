"""Reads XML from webhooks into nested tables like those of JSON, so that the same paths work in both.

    <InboundMessage><From>33612345678</From><Part n="1">Bon</Part><Part n="2">jour</Part></InboundMessage>

becomes

    {"*": "InboundMessage", "From": "33612345678", "Part": [{"@n": "1", "#": "Bon"}, {"@n": "2", "#": "jour"}]}

A path begins inside the outermost element, whose name is at "*". Attributes begin with "@". "#" is the text of an
element that has attributes or other elements too. Namespaces are left out.

A document type is refused, because it can define entities, which can grow without limit or read files. Without it, the
parser (expat) knows only the entities of XML itself, so the length of the body limits the result.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from smsbot.gateways.base import MalformedMessage
from smsbot.policy.gateway_values import ROOT_NAME

MOST_DEPTH = 32
TEXT = "#"
ATTRIBUTE = "@"


def xml_from(body: bytes) -> dict[str, Any]:
    """The document in `body`, in the encoding that it declares. Raises `MalformedMessage`."""
    builder = _Builder()
    parser = expat.ParserCreate(namespace_separator=" ")  # no name contains a space
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_document_type
    parser.StartElementHandler = builder.start
    parser.CharacterDataHandler = builder.text
    parser.EndElementHandler = builder.end
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError, LookupError):
        raise MalformedMessage("The body is not XML.") from None
    root = builder.root
    value = _value(root)
    content = value if isinstance(value, dict) else {TEXT: value}
    return {ROOT_NAME: root.name} | content


def _refuse_document_type(*_: object) -> None:
    raise MalformedMessage("The body has a document type, which smsbot does not read.")


@dataclass(slots=True)
class _Element:
    name: str
    content: dict[str, Any]
    texts: list[str] = field(default_factory=list)


class _Builder:
    """Receives the parser's events. `root` exists after the document has been parsed."""

    root: _Element

    def __init__(self) -> None:
        self._open: list[_Element] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= MOST_DEPTH:
            raise MalformedMessage("The elements of the body are nested too deeply.")
        self._open.append(_Element(_local(name), {ATTRIBUTE + _local(key): value for key, value in attributes.items()}))

    def text(self, text: str) -> None:
        self._open[-1].texts.append(text)

    def end(self, _name: str) -> None:
        element = self._open.pop()
        if not self._open:
            self.root = element
            return
        content, value = self._open[-1].content, _value(element)
        if element.name not in content:
            content[element.name] = value
        elif isinstance(content[element.name], list):
            content[element.name].append(value)
        else:
            content[element.name] = [content[element.name], value]


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def _value(element: _Element) -> str | dict[str, Any]:
    """The value of an element: its text, or a table of its attributes, elements and text."""
    text = "".join(element.texts)
    if not element.content:
        return text
    return element.content | ({TEXT: text.strip()} if text.strip() else {})

"""An HTTP client that answers by a script, for tests of the requests of a gateway and of how it reads the answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from multidict import CIMultiDict

from smsbot.gateways.http import HttpAnswer, NoAnswer, check_request


@dataclass(frozen=True, slots=True)
class Request:
    """A request that would have been sent. Names of headers may be in any case."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None

    @property
    def text(self) -> str:
        """The body as text. Every gateway here uses ASCII or UTF-8."""
        return (self.body or b"").decode()

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of the address, read as UTF-8."""
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True, strict_parsing=True, errors="strict"))


class ScriptedHttp:
    """Gives these answers in turn, and repeats the last one. Without any answer, every request is an error.

    It refuses requests that cannot be sent, as the real client does (`smsbot.gateways.http.check_request`).
    """

    def __init__(self, *answers: HttpAnswer | NoAnswer) -> None:
        self._answers = list(answers)
        self.requests: list[Request] = []

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> HttpAnswer:
        check_request(url, headers)
        self.requests.append(Request(method, url, CIMultiDict(headers), body))
        assert self._answers, f"nothing was to be sent, and {method} was"
        answer = self._answers[0] if len(self._answers) == 1 else self._answers.pop(0)
        if isinstance(answer, NoAnswer):
            raise answer
        return answer

    @property
    def request_sent(self) -> Request:
        """The only request."""
        [request] = self.requests
        return request


def answer(status: int, document: Any = None, headers: Mapping[str, str] | None = None) -> HttpAnswer:
    """An answer with `document` as JSON, or without a body if it is None."""
    return answer_in_bytes(status, b"" if document is None else json.dumps(document).encode(), headers)


def answer_in_bytes(status: int, content: bytes, headers: Mapping[str, str] | None = None) -> HttpAnswer:
    return HttpAnswer(status, CIMultiDict(headers or {}), content)

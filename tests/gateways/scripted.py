"""A gateway's end of HTTP that answers by a script, for tests of what a gateway asks and makes of the answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from multidict import CIMultiDict

from smsbot.gateways.http import HttpAnswer, NoAnswer, check


@dataclass(frozen=True, slots=True)
class Request:
    """A request as the gateway would have got it; headers by name in any case."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None

    @property
    def text(self) -> str:
        """The body, which is ASCII or UTF-8 with every gateway."""
        return (self.body or b"").decode()

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters in the address, in UTF-8."""
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True, strict_parsing=True, errors="strict"))


class ScriptedHttp:
    """Gives these answers in turn, the last one for ever; told none, it takes any request for a mistake.

    What no client could send, it refuses as the real one does (`smsbot.gateways.http.check`).
    """

    def __init__(self, *answers: HttpAnswer | NoAnswer) -> None:
        self._answers = list(answers)
        self.requests: list[Request] = []

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> HttpAnswer:
        check(url, headers)
        self.requests.append(Request(method, url, CIMultiDict(headers), body))
        assert self._answers, f"nothing was to be sent, and {method} was"
        answer = self._answers[0] if len(self._answers) == 1 else self._answers.pop(0)
        if isinstance(answer, NoAnswer):
            raise answer
        return answer

    @property
    def request_sent(self) -> Request:
        """The only one."""
        [request] = self.requests
        return request


def answer(status: int, document: Any = None, headers: Mapping[str, str] | None = None) -> HttpAnswer:
    """One with `document` in JSON; with no body where it is None."""
    return answer_in_bytes(status, b"" if document is None else json.dumps(document).encode(), headers)


def answer_in_bytes(status: int, content: bytes, headers: Mapping[str, str] | None = None) -> HttpAnswer:
    return HttpAnswer(status, CIMultiDict(headers or {}), content)

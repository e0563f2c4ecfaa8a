"""`smsbot gateway replay`: shows how a recorded webhook is read, and whether the service would accept it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

from smsbot.cli.common import CommandFailed
from smsbot.cli.operations.gateway_trials import on_gateway, settings_and_policy
from smsbot.gateways.base import (
    Batch,
    Gateway,
    IncomingSms,
    MalformedMessage,
    SignatureRefused,
    StatusReport,
    WebhookRequest,
)
from smsbot.gateways.described import DescribedGateway
from smsbot.policy import Policy

_REQUEST_LINE = re.compile(rb"(GET|POST|PUT) (\S+)(?: HTTP/[0-9.]+)?\r?\n")


def read_webhook(name: str, recorded: bytes, *, is_status: bool) -> Iterator[str]:
    """How a recorded webhook is read. At the end raises `CommandFailed` if the service would refuse it."""
    settings, policy = settings_and_policy()
    is_query = name in policy.gateways and _format_of(policy, name, is_status=is_status) == "query"
    request, is_whole = _request_in(recorded, is_query=is_query)
    reads_status = is_status or request.path.endswith("/status")

    def read(gateway: Gateway) -> list[str]:
        return list(_reading(gateway, request, is_whole=is_whole, is_status=reads_status))

    *lines, last = asyncio.run(on_gateway(settings, policy, name, read))
    yield from lines
    if last:
        raise CommandFailed(last)


def _format_of(policy: Policy, name: str, *, is_status: bool) -> str:
    table = policy.gateways[name]
    return table.status_format if is_status else table.incoming_format


def _request_in(recorded: bytes, *, is_query: bool) -> tuple[WebhookRequest, bool]:
    """The request in a recording, and whether the recording has its headers."""
    line = _REQUEST_LINE.match(recorded)
    if line is None:
        if is_query:
            _, _, query = recorded.decode("latin-1").strip().rpartition("?")
            return WebhookRequest("", query, {}, b""), False
        return WebhookRequest("", "", {}, recorded), False
    head, body = recorded[line.end() :], b""
    if (end := re.search(rb"(?:\A|\r?\n)\r?\n", head)) is not None:
        head, body = head[: end.start()], head[end.end() :]
    pairs = (each.partition(":") for each in head.decode("latin-1").splitlines())
    headers = {field_name.strip().lower(): value.strip() for field_name, _, value in pairs}
    path, _, query = line[2].decode("latin-1").partition("?")
    return WebhookRequest(path, query, headers, body), True


def _reading(gateway: Gateway, request: WebhookRequest, *, is_whole: bool, is_status: bool) -> Iterator[str]:
    """Lines about what is read. The last line says why the service would refuse it; it is empty if it would not."""
    refused = ""
    try:
        webhook = gateway.verify(request)
        yield "proof     right"
    except SignatureRefused as problem:
        if not isinstance(gateway, DescribedGateway):
            yield f"The service would refuse it: {problem.sentence}"
            return
        webhook = gateway.unproven(request)
        if is_whole:
            refused = f"The service would refuse it: {problem.sentence}."
        yield f"proof     {'missing or wrong' if is_whole else 'not checked, as the file contains no headers'}"
    except MalformedMessage as problem:
        yield f"The service would refuse it: {problem.sentence}"
        return
    try:
        yield from _statuses(gateway.statuses(webhook)) if is_status else _messages(gateway.messages(webhook))
    except MalformedMessage as problem:
        yield f"The service would refuse it: {problem.sentence}"
        return
    yield refused


def _messages(batch: Batch[IncomingSms]) -> Iterator[str]:
    for message in batch.read:
        yield ""
        yield f"from      {message.from_number}"
        yield f"to        {message.to_number}"
        yield f"id        {message.gateway_message_id}"
        yield f"written   {message.written_at.isoformat() if message.written_at else 'not told'}"
        if message.piece is not None:
            yield f"piece     {message.piece.number} of {message.piece.total}, reference {message.piece.reference}"
        if message.opt_out_keyword is not None:
            yield f"keyword   {message.opt_out_keyword}, told by the gateway"
        yield f"text      {message.body!r}"
    yield from _unread(batch)


def _statuses(batch: Batch[StatusReport]) -> Iterator[str]:
    for report in batch.read:
        yield ""
        ours = "not told" if report.outgoing_id is None else str(report.outgoing_id)
        yield f"our id    {ours}"
        yield f"its id    {report.gateway_message_id}"
        yield f"status    {report.status.value}"
        if report.error_code is not None:
            yield f"error     {report.error_code}"
    yield from _unread(batch)


def _unread(batch: Batch[IncomingSms] | Batch[StatusReport]) -> Iterator[str]:
    for problem in batch.problems:
        yield ""
        yield f"left out  {problem.sentence}"

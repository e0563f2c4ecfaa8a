"""The pieces that the OpenAPI document is made of: parameters, bodies, answers and problems."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from smsbot.web.api.answering_requests import MEDIA_TYPE, ProblemDetails
from smsbot.web.api.examples import problem_example

REFERENCE = "#/components/schemas/{model}"
"""The address of a model's schema in the document."""

_PROBLEMS: Mapping[int, str] = {
    400: "The body is not JSON.",
    401: "The token is missing, malformed, unknown, revoked or expired.",
    403: "The token does not have the scope that `detail` names, or it may not act in the organisation.",
    404: "There is no such thing in the agent's organisations.",
    409: "It cannot be done in the present state: `detail` says why.",
    413: "The body is too long.",
    415: "The body is not application/json.",
    422: "Something in the request is wrong: `errors` says what, and where.",
    429: "Too many requests came with this token, or without a valid one from this address.",
}
_ANY_TIME = (401, 403, 429)
"""The problems that every operation may answer."""

OF_BODIES = (400, 413, 415, 422)


def parameters_of(model: type[BaseModel], in_path: str | None = None) -> list[Mapping[str, Any]]:
    """Describes the fields of `model` as parameters. All are in the query, except the one named `in_path`."""
    schema = model.model_json_schema(ref_template=REFERENCE)
    return [
        {
            "name": name,
            "in": "path" if name == in_path else "query",
            "required": name in schema.get("required", ()),
            "description": each.pop("description"),
            "schema": _without_null(each),
        }
        for name, each in schema["properties"].items()
    ]


def _without_null(schema: dict[str, Any]) -> Mapping[str, Any]:
    """The schema without null: a parameter can be left out, but it cannot be null."""
    kinds = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name not in ("anyOf", "title") and value is not None}
    return {**rest, **kinds[0]} if len(kinds) == 1 else {**rest, "anyOf": kinds} if kinds else rest


def answer(description: str, model: type[BaseModel]) -> Mapping[str, Any]:
    """Describes an answer whose body is a `model`."""
    return {"description": description, "content": json_body(model)}


def problems_of(*statuses: int) -> Mapping[str, Any]:
    """References to the problems with these statuses, and to those that every operation may answer."""
    told = [*(str(status) for status in sorted({*_ANY_TIME, *statuses})), "default"]
    return {status: {"$ref": f"#/components/responses/{_named(status)}"} for status in told}


def problem_answers() -> Mapping[str, Any]:
    """The answers with problems, as components of the document. `problems_of` refers to them."""
    schema = {"$ref": REFERENCE.format(model=ProblemDetails.__name__)}
    answers: dict[str, Any] = {
        _named(str(status)): {
            "description": description,
            "content": {MEDIA_TYPE: {"schema": schema, "example": problem_example(status)}},
        }
        for status, description in _PROBLEMS.items()
    }
    challenge = {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}}
    answers[_named("401")]["headers"] = challenge
    seconds = {"description": "How many seconds to wait.", "required": True, "schema": {"type": "string"}}
    answers[_named("429")]["headers"] = {"Retry-After": seconds}
    content = {MEDIA_TYPE: {"schema": schema, "example": problem_example(500)}}
    return {**answers, _named("default"): {"description": "Any other problem.", "content": content}}


def _named(status: str) -> str:
    return "Problem" if status == "default" else f"Problem{status}"


def json_body(model: type[BaseModel]) -> Mapping[str, Any]:
    """Describes the content of a body or an answer that is a `model`."""
    return {"application/json": {"schema": {"$ref": REFERENCE.format(model=model.__name__)}}}

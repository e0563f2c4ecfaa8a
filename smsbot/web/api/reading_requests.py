"""Reads a request of the API: its token, its query, its body. Whatever is wrong in them is raised as an ApiProblem."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from http import HTTPStatus
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import to_json
from starlette.requests import Request

from smsbot.diary.appointments_in_reach import AppointmentFilter, ListPosition
from smsbot.diary.messages_in_reach import MessageFilter
from smsbot.events import EventType
from smsbot.http_headers import credentials_of, media_type
from smsbot.model import DEFAULT_SOURCE, DEFAULT_TIME_ZONE, Status
from smsbot.sources import times
from smsbot.subscriptions.event_list import EventFilter
from smsbot.understanding.topics import Topic
from smsbot.web.api.answering_requests import ApiProblem, Violation, wrong_body, wrong_query
from smsbot.web.api.input_kinds import IDENTIFIER_SCHEMA, checked_identifier, checked_phone, described
from smsbot.web.forms import read_body

MOST_BYTES = 512 * 1024
"""The most bytes of a body. The largest collective appointment needs less."""
MOST_BYTES_OF_MANY = 2 * 1024 * 1024
"""The most bytes of a body about many appointments."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,200}=*")  # RFC 6750, 2.1
_JSON = re.compile(r"application/(?:[a-z0-9.-]+\+)?json")

Model = TypeVar("Model", bound=BaseModel)

MOST_IN_A_PAGE = 200
_IN_A_PAGE = 100

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UNESCAPED_PLUS = re.compile(r" (?=[0-9]{2}:?[0-9]{2}$)")


def _first_instant(value: str) -> datetime:
    return _queried_instant(value, days_later=0)


def _last_instant(value: str) -> datetime:
    return _queried_instant(value, days_later=1)


def _queried_instant(value: str, days_later: int) -> datetime:
    if not _DAY.fullmatch(value):
        return times.instant(_UNESCAPED_PLUS.sub("+", value))
    try:
        day = date.fromisoformat(value) + timedelta(days=days_later)
    except (ValueError, OverflowError):
        raise ValueError("is not a day of the calendar") from None
    return times.instant(datetime.combine(day, time(), ZoneInfo(DEFAULT_TIME_ZONE)).isoformat())


def _queried_phone(value: str) -> str:
    return checked_phone(f"+{value[1:]}" if value.startswith(" ") else value)


def _queried_flag(value: str) -> bool:
    if value not in ("true", "false"):
        raise ValueError("is neither true nor false")
    return value == "true"


def _with_a_moment(position: ListPosition) -> ListPosition:
    if position.at is None:
        raise ValueError("is not a cursor of this list")
    return position


def _without_a_moment(position: ListPosition) -> ListPosition:
    if position.at is not None:
        raise ValueError("is not a cursor of this list")
    return position


# In a path and in a query every value is a text. A "+" that the caller did not escape there arrives as a space.

QueriedIdentifier = Annotated[str, BeforeValidator(checked_identifier), WithJsonSchema(IDENTIFIER_SCHEMA)]

FirstInstant = Annotated[datetime, BeforeValidator(_first_instant), described("date-time", "date")]
"""A point in time, or a day. A day means the moment at which it begins in Paris."""

LastInstant = Annotated[datetime, BeforeValidator(_last_instant), described("date-time", "date")]
"""A point in time, or a day. A day means the moment at which it ends in Paris."""

QueriedPhone = Annotated[str, AfterValidator(_queried_phone), described("phone", examples=["06 12 34 56 78"])]

QueriedFlag = Annotated[bool, BeforeValidator(_queried_flag), WithJsonSchema({"type": "boolean"})]

Limit = Annotated[int, Field(ge=1, le=MOST_IN_A_PAGE, description="How many at most in one page.")]

Cursor = Annotated[
    ListPosition, BeforeValidator(ListPosition.read), WithJsonSchema({"type": "string", "maxLength": 200})
]

CursorOfRows = Annotated[
    Annotated[Cursor, AfterValidator(_without_a_moment)] | None, Field(description="Where to go on, as in `next`.")
]
"""The cursor of a list in the order in which its rows were written."""

CursorOfMoments = Annotated[
    Annotated[Cursor, AfterValidator(_with_a_moment)] | None, Field(description="Where to go on, as in `next`.")
]
"""The cursor of a list in the order of time."""


_POSITION = re.compile(r"0|[1-9][0-9]{0,17}")


def _position(value: str) -> int:
    if not _POSITION.fullmatch(value):
        raise ValueError("is not the `after` of an answer")
    return int(value)


EventCursor = Annotated[
    int, BeforeValidator(_position), WithJsonSchema({"type": "string", "pattern": f"^({_POSITION.pattern})$"})
]


def bearer_token(request: Request) -> str:
    """The token in the Authorization header. Raises ApiProblem 401 if there is none, or several."""
    headers = request.headers.getlist("authorization")
    if not headers:
        raise unauthorised("A token is needed: Authorization: Bearer …")
    token = credentials_of(headers[0], "bearer")
    if len(headers) > 1 or token is None or not _TOKEN.fullmatch(token):
        raise unauthorised("The Authorization header is not Bearer and a token.")
    return token


def unauthorised(detail: str, error: str | None = None) -> ApiProblem:
    """The problem 401 with the challenge that it must have (RFC 6750, 3). `error` is an error code of that section."""
    challenge = 'Bearer realm="smsbot"' + (f', error="{error}"' if error else "")
    return ApiProblem(HTTPStatus.UNAUTHORIZED, detail, headers={"WWW-Authenticate": challenge})


def read_query(request: Request, model: type[Model], **path_parameters: str) -> Model:
    """The parameters of the query and of the path as a `model`.

    Raises ApiProblem 422 for wrong, unknown and repeated ones.
    """
    given = request.query_params.multi_items()
    names = [*path_parameters, *(name for name, _ in given)]
    repeated = [Violation(parameter=name, detail="is given twice") for name in set(names) if names.count(name) > 1]
    if repeated:
        raise ApiProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "A query parameter is given twice.", errors=repeated)
    try:
        return model.model_validate({**dict(given), **path_parameters})
    except ValidationError as error:
        raise wrong_query(error) from None


class AppointmentKey(BaseModel):
    """An appointment, named by its id at its source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    external_id: Annotated[QueriedIdentifier, Field(description="The appointment's id at its source.")]
    source: Annotated[QueriedIdentifier, Field(description="The source that gave the id.")] = DEFAULT_SOURCE


class SourceQuery(BaseModel):
    """The source of appointments."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Annotated[QueriedIdentifier, Field(description="The source that gave their ids.")] = DEFAULT_SOURCE


class OrganisationKey(BaseModel):
    """An organisation, named by its id at its source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[QueriedIdentifier, Field(description="The organisation's id at its source.")]
    source: Annotated[QueriedIdentifier, Field(description="The source that gave the id.")] = DEFAULT_SOURCE


async def read_json(
    request: Request, model: type[Model], *, optional: bool = False, most_bytes: int = MOST_BYTES
) -> Model:
    """The body as a `model`. If the body is `optional` and empty: a `model` with its default values.

    Raises ApiProblem 400 (no JSON), 415 (not declared as JSON) or 422 (not what the endpoint takes), and HTTPException
    413 (longer than `most_bytes`).
    """
    body = await read_body(request, most_bytes)
    if optional and not body:
        return model()
    if not _JSON.fullmatch(media_type(request.headers.get("content-type"))):
        raise ApiProblem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body has to be application/json.")
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        if any(each["type"] == "json_invalid" for each in error.errors(include_url=False)):
            raise ApiProblem(HTTPStatus.BAD_REQUEST, "The body is not JSON in UTF-8.") from None
        raise wrong_body(error) from None


def read_one(model: type[Model], value: Any) -> Model:
    """One item of a list in a body as a `model`, read with pydantic's rules for JSON. Raises ApiProblem 422."""
    try:
        return model.model_validate_json(to_json(value))
    except ValidationError as error:
        raise wrong_body(error) from None


class ListQuery(BaseModel):
    """The query parameters of the list of appointments. An appointment is listed if it meets all that are given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    external_id: Annotated[QueriedIdentifier | None, Field(description="The appointment's id at its source.")] = None
    phone: Annotated[
        QueriedPhone | None, Field(description="The number at which one of its usagers is reached, in any spelling.")
    ] = None
    starts_from: Annotated[
        FirstInstant | None,
        Field(alias="from", description="It starts then or later. A day begins at midnight in Paris."),
    ] = None
    starts_to: Annotated[
        LastInstant | None,
        Field(alias="to", description="It starts before then. A day ends at midnight in Paris."),
    ] = None
    status: Annotated[Status | None, Field(description="The status of the appointment as a whole.")] = None
    changed_since: Annotated[
        FirstInstant | None,
        Field(
            description="It has changed then or later, and the list is in the order of changes. If you poll, ask from "
            "a minute before the newest `changed_at` that you have seen: of two changes made at the same time, one can "
            "become visible a moment before the other."
        ),
    ] = None
    limit: Limit = _IN_A_PAGE
    cursor: Annotated[Cursor | None, Field(description="Where to go on, as in `next`.")] = None

    @model_validator(mode="after")
    def _cursor_of_this_list(self) -> ListQuery:
        by_change = self.changed_since is not None
        if self.cursor is not None and (self.cursor.at is not None) is not by_change:
            raise ValueError("cursor is not a cursor of this list")
        return self

    def filter(self) -> AppointmentFilter:
        return AppointmentFilter(**self.model_dump(exclude={"limit", "cursor"}))


class PageQuery(BaseModel):
    """The query parameters of a list that is not filtered."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: Limit = _IN_A_PAGE
    cursor: CursorOfRows = None


class StopsQuery(BaseModel):
    """The query parameters of the STOP list. A number is listed if it meets all that are given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    phone: Annotated[QueriedPhone | None, Field(description="Only this number, in any spelling.")] = None
    since: Annotated[
        FirstInstant | None, Field(description="STOP came then or later. A day begins at midnight in Paris.")
    ] = None
    limit: Limit = _IN_A_PAGE
    cursor: CursorOfMoments = None


class MessagesQuery(BaseModel):
    """The query parameters of a list of messages. A message is listed if it meets all that are given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    topic: Annotated[Topic | None, Field(description="What the message is about.")] = None
    since: Annotated[
        FirstInstant | None,
        Field(
            description="It came then or later. A day begins at midnight in Paris. If you poll, ask from a minute "
            "before the newest `received_at` that you have seen: of two messages that came at the same time, one can "
            "become visible a moment before the other."
        ),
    ] = None
    waiting: Annotated[
        QueriedFlag | None,
        Field(description="Whether it waits in the inbox: no agent has answered it, closed it or put it off."),
    ] = None
    limit: Limit = _IN_A_PAGE
    cursor: CursorOfMoments = None

    def filter(self) -> MessageFilter:
        return MessageFilter(topic=self.topic, since=self.since, waiting=self.waiting)


class EventsQuery(BaseModel):
    """The query parameters of the list of events. An event is listed if it meets all that are given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: Annotated[
        EventCursor, Field(description="The `after` of the last answer. 0 or left out: begin at the oldest kept event.")
    ] = 0
    since: Annotated[
        FirstInstant | None, Field(description="It happened then or later. A day begins at midnight in Paris.")
    ] = None
    type: Annotated[EventType | None, Field(description="What has happened.")] = None
    limit: Limit = _IN_A_PAGE

    def filter(self) -> EventFilter:
        return EventFilter(after=self.after, since=self.since, types=() if self.type is None else (self.type,))

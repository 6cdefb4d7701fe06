"""The requests: what a client may send, and a sentence about the first thing that is wrong with it."""

import difflib
import math
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from recsys_workers.serve.refusal import Refused, bad_request

MAX_ID = 256
MAX_HISTORY = 5_000
MAX_IDS = 10_000
MAX_K = 100

ItemId = Annotated[str, Field(min_length=1, max_length=MAX_ID)]
_CLOSED = ConfigDict(extra="forbid", strict=True)


class HistoryEvent(BaseModel):
    """One thing that the user did. `type` is accepted for clients that have it; sequential models do not use it."""

    model_config = _CLOSED
    id: ItemId
    type: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    ts: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """When, in any unit that grows: it is only used to check that the history is oldest first."""


class RecommendRequest(BaseModel):
    """POST /v1/recommend."""

    model_config = _CLOSED
    userId: Annotated[str, Field(max_length=MAX_ID)] | None = None  # noqa: N815  (the wire's name)
    history: Annotated[list[HistoryEvent], Field(max_length=MAX_HISTORY)] = []
    k: Annotated[int, Field(ge=1, le=MAX_K)] = 10
    excludeSeen: bool | None = None  # noqa: N815
    """None: as the version was evaluated, see the manifest's protocol."""
    excludeIds: Annotated[list[ItemId], Field(max_length=MAX_IDS)] = []  # noqa: N815
    candidates: Annotated[list[ItemId], Field(max_length=MAX_IDS)] | None = None
    filter: dict[str, Any] = {}
    context: dict[str, Any] = {}


def _id_or_number(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


SimpleId = Annotated[ItemId, BeforeValidator(_id_or_number)]
"""Simple clients may send ids that are whole numbers as numbers."""


class SimpleRequest(BaseModel):
    """POST /predict: the user, then the items of the history, oldest first."""

    model_config = _CLOSED
    input: Annotated[list[SimpleId | None], Field(min_length=1, max_length=MAX_HISTORY + 1)]


def parse_recommend(body: bytes) -> RecommendRequest:
    """The request in a body; raises Refused (400) naming the field."""
    request = _parse(RecommendRequest, body)
    for name, value in (("filter", request.filter), ("context", request.context)):
        if value:
            raise bad_request(
                "NotSupported", f"{name} is not supported by this version of the server: leave it out.", name
            )
    latest, latest_at = -math.inf, 0
    for index, event in enumerate(request.history):
        if event.ts is not None:
            if event.ts < latest:
                raise bad_request(
                    "InvalidValue",
                    f"history[{index}].ts is earlier than history[{latest_at}].ts: a history is oldest first.",
                    f"history[{index}].ts",
                )
            latest, latest_at = event.ts, index
    return request


def parse_predict(body: bytes) -> RecommendRequest:
    """The request that `{"input": [user, item, …]}` stands for; raises Refused (400) naming the field."""
    user, *items = _parse(SimpleRequest, body).input
    history = []
    for index, item in enumerate(items, start=1):
        if item is None:
            raise bad_request("InvalidValue", f"input[{index}] is null, but must be an item's id.", f"input[{index}]")
        history.append(HistoryEvent.model_construct(id=item))
    return RecommendRequest.model_construct(userId=user, history=history)


Body = TypeVar("Body", bound=BaseModel)


def _parse(model: type[Body], body: bytes) -> Body:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        problem = _first(error)
    raise _refusal(
        problem["type"], problem["loc"], problem["input"], problem.get("ctx", {}), problem["msg"], _fields_of(model)
    )


def _first(error: ValidationError) -> ErrorDetails:
    """The first problem; one that is unknown comes before one that is missing, which it may be meant to be."""
    problems = error.errors(include_url=False)
    if problems[0]["type"] != "missing":
        return problems[0]
    return next((problem for problem in problems if problem["type"] == "extra_forbidden"), problems[0])


def _fields_of(model: type[BaseModel]) -> tuple[list[str], list[str]]:
    return list(model.model_fields), list(HistoryEvent.model_fields)


def _refusal(
    kind: str,
    location: tuple[int | str, ...],
    found: object,
    limits: dict[str, Any],
    message: str,
    fields: tuple[list[str], list[str]],
) -> Refused:
    field = _path(location)
    if kind == "json_invalid":
        return bad_request("MalformedJSON", f"The body is not JSON: {limits.get('error', 'it cannot be parsed')}.")
    if kind == "extra_forbidden":
        if field == "rows":
            return bad_request(
                "UnknownField",
                f"rows is not a field of the request: this version answers histories, by {', '.join(fields[0])}.",
                field,
            )
        allowed = fields[1] if len(location) > 1 else fields[0]
        near = difflib.get_close_matches(str(location[-1]), allowed, 1)
        hint = f"did you mean {near[0]}?" if near else f"the fields are {', '.join(allowed)}."
        return bad_request("UnknownField", f"{field} is not a field of the request: {hint}", field)
    if kind == "missing":
        return bad_request("MissingField", f"{field} is missing.", field)
    subject = field or "The body"
    wanted = {
        "string_type": "a string",
        "string_unicode": "a string of valid Unicode",
        "int_type": "a whole number",
        "int_from_float": "a whole number",
        "float_type": "a number",
        "finite_number": "a finite number",
        "bool_type": "true or false",
        "list_type": "a list",
        "dict_type": "an object",
        "model_type": "an object",
        "string_too_short": f"a string of at least {limits.get('min_length')} character",
        "string_too_long": f"a string of at most {limits.get('max_length')} characters",
        "too_short": f"a list of at least {limits.get('min_length')} element, the user's id",
        "too_long": f"a list of at most {limits.get('max_length')} elements",
        "greater_than_equal": f"at least {limits.get('ge')}",
        "less_than_equal": f"at most {limits.get('le')}",
    }.get(kind)
    if wanted is None:
        return bad_request("InvalidValue", f"{subject} is not valid: {message}.", field)
    if kind == "string_type" and isinstance(found, int) and not isinstance(found, bool):
        return bad_request("InvalidValue", f'{subject} is a number, but ids are strings: put it in "quotes".', field)
    return bad_request("InvalidValue", f"{subject} is {describe(found)}, but must be {wanted}.", field)


def _path(location: tuple[int | str, ...]) -> str | None:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part[:64]}" if path else part[:64]
    return path or None


def describe(found: object) -> str:
    """What was found, without what it says, for a message."""
    if found is None:
        return "null"
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, int | float):
        return f"{found:g}" if isinstance(found, float) else str(found)[:24]
    if isinstance(found, str):
        return f"a string of {len(found)} characters"
    if isinstance(found, list):
        return f"a list of {len(found)} elements"
    return "an object"

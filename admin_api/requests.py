"""Requests: path ids, JSON bodies, query strings and forms, all refused in the contract's words."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin
from uuid import UUID

from flask import request
from pydantic import BaseModel, BeforeValidator, StringConstraints, ValidationError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest

from ticketing.days import whole_day_start
from ticketing.errors import InvalidInput
from ticketing.instants import Instant

MAX_PAGE_SIZE = 100

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_LISTS = (list, tuple, set, frozenset)

Model = TypeVar("Model", bound=BaseModel)


class InvalidPathId(InvalidInput):
    """An id in an address that is no id: answered 422 on every route, whatever the route answers for bad fields."""


def with_plus(value: Any) -> Any:
    """In a query string the plus of `+02:00` arrives as a space."""
    return re.sub(r" (\d\d:?\d\d)$", r"+\1", value) if isinstance(value, str) else value


Moment = Annotated[Instant, BeforeValidator(whole_day_start), BeforeValidator(with_plus)]
"""A time with a zone, such as `2026-11-22T08:00:00Z` or `2026-11-22T10:00:00+02:00`; a local day is its beginning."""

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
"""Why somebody does something, for those who will ask."""


def parse_uuid(value: str, message: str = "Invalid ID") -> UUID:
    """Return the UUID, given as 8-4-4-4-12 hexadecimal digits in any case; raise InvalidPathId with the message."""
    if not _UUID.fullmatch(value):
        raise InvalidPathId(message, details={"id": "must be a UUID, like 0198c5a2-7e1b-7c3d-9f00-0123456789ab"})
    return UUID(value)


def json_body(*, optional: bool = False) -> Any:
    """Return the parsed JSON body; with `optional` an empty body is None. Raises InvalidInput for what is no JSON."""
    if optional and not request.get_data():
        return None
    try:
        return request.get_json(force=True)
    except (BadRequest, RecursionError) as error:
        raise InvalidInput("Invalid JSON in the request body", details={"body": "must be a JSON document"}) from error


def body_as(model: type[Model], *, optional: bool = False) -> Model:
    """Return the JSON body as the model; raise InvalidInput that lists every field which is not acceptable."""
    body = json_body(optional=optional)
    return parsed(model, {} if body is None and optional else body)


def query_as(model: type[Model]) -> Model:
    """Return the query string as the model: fields that are lists take repeated names."""
    return parsed(model, fields_of(model, request.args))


def form_as(model: type[Model]) -> Model:
    """Return a submitted form as the model, uploaded files included (as werkzeug's FileStorage)."""
    values = fields_of(model, request.form)
    return parsed(model, {**values, **fields_of(model, request.files)})


def parsed(model: type[Model], value: Any) -> Model:
    """Return the value as the model; raise InvalidInput with a message and `details` by field."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise invalid_input(error) from error


def invalid_input(error: ValidationError) -> InvalidInput:
    """Translate pydantic's error: `details` maps each field's path (`steps.2.name`) to what is wrong with it."""
    details: dict[str, Any] = {}
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        field = ".".join(str(part) for part in problem["loc"]) or "body"
        details.setdefault(field, problem["msg"].removeprefix("Value error, "))
    field, wrong = next(iter(details.items()))
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return InvalidInput(f"{field}: {wrong}{more}", details=details)


def fields_of(model: type[BaseModel], values: MultiDict[str, Any]) -> Mapping[str, Any]:
    """Return the values under the names the model knows them by; unknown names are passed on for it to judge."""
    lists = {field.alias or name for name, field in model.model_fields.items() if _is_list(field.annotation)}
    return {name: values.getlist(name) if name in lists else values[name] for name in values}


def _is_list(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return any(_is_list(option) for option in get_args(annotation))
    return annotation in _LISTS or origin in _LISTS

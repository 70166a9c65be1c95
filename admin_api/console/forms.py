"""What people send: query strings of filters and submitted forms, read into the same models that the API reads."""

from __future__ import annotations

from typing import Any, TypeVar

from flask import request
from pydantic import BaseModel
from werkzeug.datastructures import MultiDict

from admin_api.requests import fields_of, parsed

Model = TypeVar("Model", bound=BaseModel)


def query_of(model: type[Model]) -> Model:
    """Return the address's query as the model; a field of a filter form that was left empty does not narrow.

    Names that the model does not know are left out: a link from elsewhere must not end at an error. Raises
    InvalidInput.
    """
    return _read(model, request.args)


def form_of(model: type[Model], **besides: Any) -> Model:
    """Return the submitted form as the model, uploaded files included; fields that were left empty are not given.

    `besides` is what the form does not say: who is signed in, or a list of which nothing was ticked.

    Raises InvalidInput, with `details` by field.
    """
    return _read(model, MultiDict([*request.form.items(multi=True), *request.files.items(multi=True)]), besides)


def _read(model: type[Model], sent: MultiDict[str, Any], besides: dict[str, Any] | None = None) -> Model:
    known = {name for field, info in model.model_fields.items() for name in (field, info.alias)}
    given = MultiDict(
        (name, value) for name, value in sent.items(multi=True) if name in known and value not in ("", None)
    )
    return parsed(model, {**fields_of(model, given), **(besides or {})})

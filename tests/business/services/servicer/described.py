"""Whether answers are as the description of the endpoints says."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import jsonschema_rs

from business.services.servicer.openapi import document

DOCUMENT = document()

Json = dict[str, Any]


def _closed(schemas: Json) -> Json:
    """The same models without room for fields that they do not name: what an answer has and the
    description has not, somebody has forgotten there."""
    return {name: {**schema, "additionalProperties": False} for name, schema in schemas.items()}


_ENVELOPES = {name for name in DOCUMENT["components"]["schemas"] if name.endswith("Success")}
_MODELS = {
    **_closed(DOCUMENT["components"]["schemas"]),
    # These stand beside the data of their endpoint.
    **{name: DOCUMENT["components"]["schemas"][name] for name in _ENVELOPES},
}
_VALIDATORS: dict[str, jsonschema_rs.Draft202012Validator] = {}


async def body_of(response: aiohttp.ClientResponse) -> Any:
    """What an answer holds: JSON, or the text of a file."""
    text = await response.text()
    return json.loads(text) if response.content_type == "application/json" else text


def check(operation: Json, status: int, content_type: str, body: Any) -> None:
    """See that an answer is one of those that an operation describes.

    Args:
        operation: of the document.
        status: of the answer.
        content_type: likewise.
        body: its JSON, or its text.
    """
    name = operation["operationId"]
    responses = operation["responses"]
    answer = responses.get(str(status), responses["default"])
    assert content_type in answer["content"], (name, status, content_type)
    key = f"{name} {status} {content_type}"
    if key not in _VALIDATORS:
        schema = {**answer["content"][content_type]["schema"], "components": {"schemas": _MODELS}}
        _VALIDATORS[key] = jsonschema_rs.Draft202012Validator(schema)
    errors = [error.message for error in _VALIDATORS[key].iter_errors(body)]
    assert not errors, (name, status, body, errors)

"""The OpenAPI document of all endpoints, made from their table."""

from __future__ import annotations

import functools
import inspect
import json
import re
from collections.abc import Iterable
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from shared.version import version

from .doors import DOORS
from .endpoints import TABLE, Endpoint
from .endpoints.storefront import CONTROLLERS
from .endpoints.table import Caller
from .envelope import Family
from .identity import NAME, ORIGINAL

Json = dict[str, Any]

CALLERS = {
    Caller.CUSTOMER: "customers with a token",
    Caller.AGENT: "agents who are logged in",
    Caller.SHOP: "the back office of a shop",
    Caller.PLATFORM: "the back office of the platform",
    Caller.ANYBODY: "anybody",
}
MODULES = {
    "api": "Customers' pages",
    "servicer": "The agents' console",
    "shop": "The back office of a shop",
    "admin": "The back office of the platform",
}
_WITH_COOKIES = (Caller.AGENT, Caller.SHOP, Caller.PLATFORM)
_FORMS = ("application/x-www-form-urlencoded", "application/json")
_TEXT = {"type": "string"}
SUCCESSES: dict[Family, str] = {
    Family.CUSTOMER: "CustomerSuccess",
    Family.RESULT: "AgentSuccess",
    Family.MODEL: "AgentSuccess",
}
_REFUSALS: dict[Family, str] = {
    Family.CUSTOMER: "CustomerRefusal",
    Family.RESULT: "AgentRefusal",
    Family.MODEL: "AgentRefusal",
}
_DONE = {"const": 0}
_REFUSED = {"type": "integer", "maximum": -1}
_CUSTOMER = {
    "message": _TEXT,
    "timestamp": {"type": "integer", "description": "Unix time, seconds."},
    "refreshtoken": {"type": "string", "description": "Instead of one that ends soon."},
}
_AGENT = {"msg": _TEXT, "message": {"type": "string", "description": "The same as `msg`."}}
ENVELOPES: Json = {
    "CustomerSuccess": {
        "type": "object",
        "description": "What customers' pages get. `data` is of the endpoint.",
        "properties": {"code": _DONE, **_CUSTOMER, "data": {}},
        "required": ["code", "message", "data", "timestamp"],
    },
    "CustomerRefusal": {
        "type": "object",
        "description": "Some refusals have their text in `data`, too.",
        "properties": {
            "code": _REFUSED,
            **_CUSTOMER,
            "data": _TEXT,
            "error_code": {
                "enum": ["TOKEN_ERROR", "TOKEN_EXPIRE", "TOKEN_NOT_EXIST"],
                "description": "Why a token is not taken.",
            },
        },
        "required": ["code", "message", "data", "timestamp"],
    },
    "AgentSuccess": {
        "type": "object",
        "description": "What the console and the back offices get. `data` is of the endpoint.",
        "properties": {"code": _DONE, **_AGENT, "data": {}},
        "required": ["code", "msg", "message", "data"],
    },
    "AgentRefusal": {
        "type": "object",
        "properties": {"code": _REFUSED, **_AGENT, "data": _TEXT},
        "required": ["code", "msg", "message", "data"],
    },
    "Failure": {
        "type": "object",
        "description": "Of what came to no endpoint, or found it too busy.",
        "properties": {"code": _REFUSED, "message": _TEXT, "data": {}},
        "required": ["code", "message"],
    },
}


def document() -> Json:
    """The OpenAPI document, version 3.1."""
    data, models = data_schemas()
    return {
        "openapi": "3.1.0",
        "info": {"title": f"kefu: {NAME}", "version": version(), "description": ABOUT},
        "tags": [{"name": tag, "description": text} for tag, text in MODULES.items()],
        "paths": {
            path: _methods(path, row, data.get(row.path, {}))
            for row in TABLE
            for path in paths_of(row)
        },
        "components": {
            "schemas": {**ENVELOPES, **models},
            "securitySchemes": _security_schemes(),
        },
    }


@functools.cache
def document_text() -> str:
    """The same as JSON. The first call takes some tenths of a second."""
    return json.dumps(document(), ensure_ascii=False)


def data_schemas() -> tuple[dict[str, Json], Json]:
    """The schema of each endpoint's data by its path, and the models that these refer to."""
    adapters: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = [
        (row.path, "validation", TypeAdapter(row.data)) for row in TABLE if not row.files
    ]
    schemas, rest = TypeAdapter.json_schemas(adapters, ref_template="#/components/schemas/{model}")
    data = {str(path): _without_titles(schema) for (path, _), schema in schemas.items()}
    return data, _without_titles(rest.get("$defs", {}))


def _without_titles(schema: Any) -> Any:
    """A schema without the titles that are made from the names of its fields."""
    if isinstance(schema, list):
        return [_without_titles(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _without_titles(part)
        for key, part in schema.items()
        if key != "title" or not isinstance(part, str)
    }


ABOUT = """\
Names of endpoints are taken in any case, with or without `.html`, by GET and by POST. Parameters
come in the query, in a form, or as a JSON object, whatever the header says; a number may be a text,
and nothing, `null` and `undefined` are 0. What is not named here is ignored. Refusals have status
200 and a code below 0."""


def _security_schemes() -> Json:
    schemes: Json = {"token": {"type": "apiKey", "in": "query", "name": "token"}}
    for door in DOORS:
        schemes[door.module] = {"type": "apiKey", "in": "cookie", "name": door.cookie}
    return schemes


def paths_of(row: Endpoint) -> Iterable[str]:
    """Where an endpoint is, its own path first."""
    yield f"/{NAME}/{row.spelling}"
    module, controller, _ = row.path.split("/")
    if NAME == ORIGINAL and module == "api" and controller in CONTROLLERS:
        yield f"/{row.spelling}"


def _methods(path: str, row: Endpoint, data: Json) -> Json:
    fields = fields_of(row)
    query = [
        {"name": name, "in": "query", "required": False, "schema": schema}
        for name, schema in fields.items()
    ]
    get = {**_operation("get", path, row, data), "parameters": [*_headers(row), *query]}
    post = {**_operation("post", path, row, data), "parameters": _headers(row)}
    body = {"type": "object", "properties": fields}
    forms = {kind: {"schema": body} for kind in _FORMS} if fields else {}
    if row.takes_file:
        file = {"file": {"type": "string", "contentMediaType": "application/octet-stream"}}
        with_file = {"type": "object", "properties": {**fields, **file}, "required": ["file"]}
        forms = {"multipart/form-data": {"schema": with_file}}
    if forms:
        post["requestBody"] = {"required": False, "content": forms}
    return {"get": get, "post": post}


def _operation(method: str, path: str, row: Endpoint, data: Json) -> Json:
    operation: Json = {
        "operationId": f"{method}{path.replace('/', '_')}",
        "tags": [row.path.partition("/")[0]],
        "summary": summary_of(row),
        "description": f"For {CALLERS[row.caller]}. {about_of(row)}".strip(),
        "responses": _responses(row, data),
    }
    if row.caller is Caller.CUSTOMER:
        operation["security"] = [{"token": []}]
    elif row.caller is not Caller.ANYBODY:
        operation["security"] = [{row.path.partition("/")[0]: []}]
    return operation


def _headers(row: Endpoint) -> list[Json]:
    """A change that a cookie authorises needs a header that no other site's pages can send."""
    if not row.changes or row.caller in (Caller.CUSTOMER, Caller.ANYBODY):
        return []
    schema = {"enum": ["XMLHttpRequest"]}
    header = {"name": "X-Requested-With", "in": "header", "required": True, "schema": schema}
    return [header]


def _responses(row: Endpoint, data: Json) -> Json:
    refusal = _ref(_REFUSALS[row.family])
    success = {"allOf": [_ref(SUCCESSES[row.family]), {"properties": {"data": data}}]}
    answer = refusal if row.files else {"anyOf": [success, refusal]}
    files = {kind.partition(";")[0]: {"schema": {"type": "string"}} for kind in row.files}
    content = {"application/json": {"schema": answer}, **files}
    failure = {"application/json": {"schema": _ref("Failure")}}
    responses: Json = {"200": {"description": "Done, or refused.", "content": content}}
    action = row.path.partition("/login/")[2]
    if row.caller in _WITH_COOKIES or action in ("login", "logout"):
        responses["302"] = {"description": "To a page; to the login's for who is not logged in."}
    if row.changes or action == "login":
        responses["403"] = {"description": "Sent by another site.", "content": failure}
    responses["default"] = {"description": "Too large, too busy.", "content": failure}
    return responses


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def fields_of(row: Endpoint) -> Json:
    """The schema of each parameter."""
    schema = row.params.model_json_schema()
    fields: Json = {}
    for name, field in schema.get("properties", {}).items():
        fields[name] = {key: value for key, value in field.items() if key != "title"}
    return fields


def summary_of(row: Endpoint) -> str:
    """What an endpoint does, in a sentence or two."""
    return inspect.cleandoc(row.handler.__doc__ or "").partition("\n\n")[0].replace("\n", " ")


_OF = re.compile(r"Of (``[^`]*``(,| and)? ?)+\.\s*")
"""How a model of parameters begins that says whose they are."""


def about_of(row: Endpoint) -> str:
    """What else the handler and its parameters say of themselves."""
    more = inspect.cleandoc(row.handler.__doc__ or "").partition("\n\n")[2]
    parameters = (
        inspect.cleandoc(row.params.__dict__.get("__doc__") or "") if fields_of(row) else ""
    )
    parameters = _OF.sub("", parameters)
    return " ".join(f"{more} {parameters}".replace("``", "`").split())

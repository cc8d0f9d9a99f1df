"""The OpenAPI document of all endpoints, made from their table, and a page to read it on."""

from __future__ import annotations

import functools
import html
import inspect
import json
from collections.abc import Iterable, Mapping
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

_CALLERS = {
    Caller.CUSTOMER: "customers with a token",
    Caller.AGENT: "agents who are logged in",
    Caller.SHOP: "the back office of a shop",
    Caller.PLATFORM: "the back office of the platform",
    Caller.ANYBODY: "anybody",
}
_MODULES = {
    "api": "Customers' pages",
    "servicer": "The agents' console",
    "shop": "The back office of a shop",
    "admin": "The back office of the platform",
}
_WITH_COOKIES = (Caller.AGENT, Caller.SHOP, Caller.PLATFORM)
_FORMS = ("application/x-www-form-urlencoded", "application/json")
_TEXT = {"type": "string"}
_SUCCESSES: dict[Family, str] = {
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
_ENVELOPES: Json = {
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
    data, models = _data()
    return {
        "openapi": "3.1.0",
        "info": {"title": f"kefu: {NAME}", "version": version(), "description": _ABOUT},
        "tags": [{"name": tag, "description": text} for tag, text in _MODULES.items()],
        "paths": {
            path: _methods(path, row, data.get(row.path, {}))
            for row in TABLE
            for path in _paths(row)
        },
        "components": {
            "schemas": {**_ENVELOPES, **models},
            "securitySchemes": _security_schemes(),
        },
    }


@functools.cache
def document_text() -> str:
    """The same as JSON. The first call takes some tenths of a second."""
    return json.dumps(document(), ensure_ascii=False)


def _data() -> tuple[dict[str, Json], Json]:
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


_ABOUT = """\
Names of endpoints are taken in any case, with or without `.html`, by GET and by POST. Parameters
come in the query, in a form, or as a JSON object, whatever the header says; a number may be a text,
and nothing, `null` and `undefined` are 0. What is not named here is ignored. Refusals have status
200 and a code below 0."""


def _security_schemes() -> Json:
    schemes: Json = {"token": {"type": "apiKey", "in": "query", "name": "token"}}
    for door in DOORS:
        schemes[door.module] = {"type": "apiKey", "in": "cookie", "name": door.cookie}
    return schemes


def _paths(row: Endpoint) -> Iterable[str]:
    yield f"/{NAME}/{row.spelling}"
    module, controller, _ = row.path.split("/")
    if NAME == ORIGINAL and module == "api" and controller in CONTROLLERS:
        yield f"/{row.spelling}"


def _methods(path: str, row: Endpoint, data: Json) -> Json:
    fields = _fields(row)
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
        "summary": _summary(row),
        "description": f"For {_CALLERS[row.caller]}. {_about(row)}".strip(),
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
    success = {"allOf": [_ref(_SUCCESSES[row.family]), {"properties": {"data": data}}]}
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


def _fields(row: Endpoint) -> Json:
    """The schema of each parameter."""
    schema = row.params.model_json_schema()
    fields: Json = {}
    for name, field in schema.get("properties", {}).items():
        fields[name] = {key: value for key, value in field.items() if key != "title"}
    return fields


def _summary(row: Endpoint) -> str:
    return inspect.cleandoc(row.handler.__doc__ or "").partition("\n\n")[0].replace("\n", " ")


def _about(row: Endpoint) -> str:
    """What else the handler and its parameters say of themselves."""
    more = inspect.cleandoc(row.handler.__doc__ or "").partition("\n\n")[2]
    parameters = inspect.cleandoc(row.params.__dict__.get("__doc__") or "") if _fields(row) else ""
    return " ".join(f"{more} {parameters}".replace("``", "`").split())


@functools.cache
def reference() -> str:
    """A page with all endpoints, complete. The first call takes a moment."""
    sections = []
    for module, title in _MODULES.items():
        rows = sorted((row for row in TABLE if row.path.startswith(f"{module}/")), key=_path_of)
        if rows:
            sections.append(f"<h2>{title}</h2>\n{''.join(map(_entry, rows))}")
    about = f"<p>{_words(_ABOUT)}</p>"
    return _PAGE % {"name": html.escape(NAME), "body": about + "\n".join(sections)}


def _path_of(row: Endpoint) -> str:
    return row.path


def _entry(row: Endpoint) -> str:
    paths = "<br>".join(f"<code>{html.escape(path)}</code>" for path in _paths(row))
    text = f"{_words(_summary(row))} <i>For {_CALLERS[row.caller]}.</i> {_words(_about(row))}"
    cells = "".join(_row(name, field) for name, field in _fields(row).items())
    table = f"<table>{cells}</table>" if cells else ""
    return f"<section><h3>{paths}</h3><p>{text}</p>{table}</section>\n"


def _row(name: str, field: Mapping[str, Any]) -> str:
    default = field.get("default", "")
    shown = f"default {default}" if default not in ("", 0) else ""
    kind = html.escape(str(field.get("type", "")))
    return f"<tr><td><code>{html.escape(name)}</code><td>{kind}<td>{html.escape(shown)}</tr>"


def _words(text: str) -> str:
    """A text whose backticks mark code."""
    parts = html.escape(text.replace("``", "`"), quote=False).split("`")
    return "".join(
        f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts)
    )


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>kefu: %(name)s</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
section { border-top: 1px solid #ccc }
h3 { font-size: 1rem; font-weight: 600 }
td { padding: 0 1.5rem 0 0 }
</style>
</head>
<body>
<h1>%(name)s: endpoints</h1>
<p>The same for programs: <a href="openapi.json">openapi.json</a></p>
%(body)s
</body>
</html>
"""

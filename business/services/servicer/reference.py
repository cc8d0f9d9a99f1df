"""The page to read about all endpoints on, made from the same as the OpenAPI document."""

from __future__ import annotations

import functools
import html
import json
from collections.abc import Mapping
from typing import Any

from .endpoints import TABLE, Endpoint
from .identity import NAME
from .openapi import (
    ABOUT,
    CALLERS,
    ENVELOPES,
    MODULES,
    SUCCESSES,
    Json,
    about_of,
    data_schemas,
    fields_of,
    paths_of,
    summary_of,
)


@functools.cache
def reference() -> str:
    """The page, complete. The first call takes some tenths of a second."""
    data, models = data_schemas()
    contents, sections = [], []
    for module, title in MODULES.items():
        rows = sorted((row for row in TABLE if row.path.startswith(f"{module}/")), key=_path_of)
        contents.append(f'<li><a href="#{module}">{title}</a>: {", ".join(map(_link, rows))}')
        entries = "".join(_entry(row, data.get(row.path, {})) for row in rows)
        sections.append(f'<h2 id="{module}">{title}</h2>\n{entries}')
    contents.append('<li><a href="#envelopes">Envelopes</a> and <a href="#data">data</a>')
    envelopes = "".join(_shape(name, schema) for name, schema in ENVELOPES.items())
    shapes = "".join(_shape(name, models[name]) for name in sorted(models))
    body = [
        f"<p>{_words(ABOUT)}</p>",
        f"<ul>{''.join(contents)}</ul>",
        *sections,
        f'<h2 id="envelopes">Envelopes</h2>\n{envelopes}',
        f'<h2 id="data">Data</h2>\n{shapes}',
    ]
    return _PAGE % {"name": html.escape(NAME), "body": "\n".join(body)}


def _path_of(row: Endpoint) -> str:
    return row.path


def _link(row: Endpoint) -> str:
    return f'<a href="#{row.spelling}">{row.spelling.partition("/")[2]}</a>'


def _entry(row: Endpoint, data: Json) -> str:
    paths = "<br>".join(f"<code>{html.escape(path)}</code>" for path in paths_of(row))
    text = f"{_words(summary_of(row))} {_words(about_of(row))}".strip()
    file = [("file", {"type": "multipart"})] if row.takes_file else []
    cells = "".join(_row(name, field) for name, field in [*fields_of(row).items(), *file])
    parameters = f"<table><caption>Parameters</caption>{cells}</table>" if cells else ""
    success = SUCCESSES[row.family]
    answer = f'<a href="#{success}">{success}</a> with data {_kind(data)}'
    if row.files:
        answer = f"a file, {html.escape(' or '.join(row.files))}"
    return (
        f'<section id="{row.spelling}"><h3>{paths}</h3>\n<p>{text}</p>\n'
        f"<p class=small>For {CALLERS[row.caller]}.</p>\n{parameters}\n"
        f"<p>Answer: {answer}</p></section>\n"
    )


def _shape(name: str, schema: Json) -> str:
    cells = "".join(_row(field, kind) for field, kind in schema.get("properties", {}).items())
    text = _words(" ".join(schema.get("description", "").split()))
    return (
        f'<section id="{html.escape(name)}"><h3>{html.escape(name)}</h3>\n<p>{text}</p>\n'
        f"<table>{cells}</table></section>\n"
    )


def _row(name: str, field: Mapping[str, Any]) -> str:
    default = field.get("default", "")
    words = [_words(field.get("description", ""))]
    if default not in ("", 0, None):
        words.append(f"Default {html.escape(json.dumps(default))}.")
    text = " ".join(words).strip()
    return f"<tr><th><code>{html.escape(name)}</code><td>{_kind(field)}<td>{text}</tr>\n"


def _kind(schema: Mapping[str, Any]) -> str:
    """What a value is, in a few words; models are links."""
    if "$ref" in schema:
        name = html.escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(map(_kind, schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}" if schema.get("items") else "list"
    for key in ("const", "enum"):
        if key in schema:
            values = schema[key] if key == "enum" else [schema[key]]
            return " or ".join(f"<code>{html.escape(json.dumps(value))}</code>" for value in values)
    return html.escape(str(schema.get("type", "any value")))


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
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  overflow-wrap: anywhere }
section { border-top: 1px solid #8886; padding: .25rem 0 }
h3 { font-size: 1rem; font-weight: 600 }
table { border-spacing: 0 }
caption { text-align: start; font-weight: 600 }
th, td { padding: 0 1.5rem 0 0; text-align: start; vertical-align: top; font-weight: normal }
.small { font-size: .875rem }
</style>
</head>
<body>
<h1>%(name)s: endpoints</h1>
<p>The same for programs: <a href="openapi.json">openapi.json</a></p>
%(body)s
</body>
</html>
"""

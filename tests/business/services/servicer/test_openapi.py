"""The description of the endpoints says what there is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from business.services.servicer.endpoints import TABLE
from business.services.servicer.reference import reference

from .described import DOCUMENT, body_of, check
from .support import Desk, sign

OPERATIONS = [
    (path, method, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]


def test_every_endpoint_is_described() -> None:
    """Once per method, with what it does and who may call it."""
    assert DOCUMENT["openapi"] == "3.1.0"
    for row in TABLE:
        assert f"/servicer/{row.spelling}" in DOCUMENT["paths"]
        assert row.spelling.lower() == row.path
    ids = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(ids) == len(set(ids)) >= 2 * len(list(TABLE))
    for path, _, operation in OPERATIONS:
        assert operation["summary"].endswith("."), path
        assert "\n" not in operation["summary"]
        assert operation["description"].startswith("For ")


def test_parameters_are_those_of_the_models() -> None:
    """In the query of GET, in the body of POST."""
    say = DOCUMENT["paths"]["/servicer/api/chat/say"]
    names = {parameter["name"] for parameter in say["get"]["parameters"]}
    assert {"message", "site_id", "client_msg_id"} <= names
    body = say["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"]
    assert body["message"] == {"type": "string", "default": ""}
    assert body["site_id"] == {"type": "integer", "default": 0}
    assert say["get"]["security"] == [{"token": []}]
    upload = DOCUMENT["paths"]["/api/upload/chatimg"]["post"]
    assert "file" in upload["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    answer = DOCUMENT["paths"]["/servicer/servicer/chat/answer"]["post"]
    assert [header["name"] for header in answer["parameters"]] == ["X-Requested-With"]


def test_every_endpoint_says_what_it_answers_with() -> None:
    """The data of a success of each has a schema, which leaves something out, or is a file."""
    for path, _, operation in OPERATIONS:
        content = operation["responses"]["200"]["content"]
        answer = content["application/json"]["schema"]
        if path.endswith("/history/export"):
            assert set(content) == {"application/json", "application/jsonl", "text/csv"}
            assert answer["$ref"].endswith("Refusal")
            continue
        success, refusal = answer["anyOf"]
        data = success["allOf"][1]["properties"]["data"]
        assert set(data) & {"$ref", "type", "anyOf", "const", "enum", "items"}, (path, data)
        assert refusal["$ref"].endswith("Refusal")


def references(value: Any) -> Iterator[str]:
    """What a part of the document refers to."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for part in value.values():
            yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


def test_references_lead_somewhere() -> None:
    """Each schema and each way of logging in that is named exists, and each schema is named."""
    components = DOCUMENT["components"]
    for _, _, operation in OPERATIONS:
        for needed in operation.get("security", []):
            assert set(needed) <= set(components["securitySchemes"])
    named = set(references(DOCUMENT))
    assert named == {f"#/components/schemas/{name}" for name in components["schemas"]}


def test_the_page_names_every_endpoint() -> None:
    """And shows no text of ours as markup."""
    page = reference()
    for row in TABLE:
        assert f"<code>/servicer/{row.spelling}</code>" in page
    assert "``" not in page


@pytest.mark.parametrize("prefix", ["", "/servicer"])
async def test_they_are_served(desk: Desk, prefix: str) -> None:
    """At the root and under the service's name."""
    status, served = await desk.get(f"{prefix}/openapi.json")
    assert (status, served) == (200, DOCUMENT)
    async with desk.http.get(f"{prefix}/openapi.html") as response:
        assert (response.status, response.content_type) == (200, "text/html")
        assert await response.text() == reference()


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("value", [None, "1", "9" * 30, "\0'\"<%_"])
async def test_answers_are_as_described(desk: Desk, method: str, value: str | None) -> None:
    """Of every endpoint, whatever is sent in all parameters; and nothing fails inside."""
    async with desk.agent("alice") as alice:
        for path, verb, operation in OPERATIONS:
            ends = any(word in path for word in ("/login/", "bye", "modifyPassword"))
            if verb != method or ends:
                continue
            parameters = DOCUMENT["paths"][path]["get"]["parameters"]
            names = [parameter["name"] for parameter in parameters if parameter["in"] == "query"]
            params = dict.fromkeys(names, value) if value is not None else {}
            sent = {name: text for name, text in params.items() if text is not None}
            sent["token"] = sign(777_777)
            query, body = (sent, None) if verb == "get" else (None, sent)
            async with alice.browser.request(
                verb, path, params=query, data=body, allow_redirects=False
            ) as response:
                if response.status == 302:
                    assert "302" in operation["responses"], path
                    continue
                check(operation, response.status, response.content_type, await body_of(response))

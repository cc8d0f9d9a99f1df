"""The HTTP push API, of real business processes in front of two real gateways."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from business import push_api
from gateway_client import GatewayClient
from gateway_client.batch import signatures
from tests.support.stack import ROOT, Stack
from tests.support.timing import SECOND, within
from tests.support.ws import Client, connect

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "the key of the shop's own back end"
OTHER_KEY = "a key that is for another service"
PROBE = ROOT / "tests" / "services" / "probe"


def settings(**more: Any) -> dict[str, Any]:
    """Two keys, and the probe as the only service."""
    return {
        "gateway.default_service": "probe",
        "business.only": ["probe"],
        "business.api_keys": [
            {"name": "shop", "key": KEY, "services": ["probe", "absent"]},
            {"name": "other", "key": OTHER_KEY, "services": ["servicer"]},
        ],
        **more,
    }


class Api:
    """What a caller of the API sees."""

    def __init__(self, stack: Stack, session: aiohttp.ClientSession) -> None:
        self.stack = stack
        self.session = session

    async def post(
        self, path: str, body: Any = None, key: str | None = KEY, data: bytes | None = None
    ) -> tuple[int, Any]:
        """Status and body of the answer."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        if data is None:
            data = json.dumps({} if body is None else body).encode()
        url = f"{self.stack.http_url}/gateway/{path}"
        async with self.session.post(url, data=io.BytesIO(data), headers=headers) as response:
            return response.status, await response.json(content_type=None)

    async def call(self, name: str, **arguments: Any) -> Any:
        """The result of a call that succeeds."""
        status, answer = await self.post(name, {"service": "probe", **arguments})
        assert status == 200, answer
        assert answer.keys() == {"code", "data"}
        assert answer["code"] == 0
        return answer["data"]

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[tuple[Client, str]]:
        """A WebSocket client and its id."""
        async with connect(self.stack.ws_url) as client:
            yield client, (await client.recv_json())["data"]["client_id"]

    @contextlib.asynccontextmanager
    async def one_on_each_gateway(self) -> AsyncIterator[dict[str, tuple[Client, str]]]:
        """A client of each of the two gateways, by prefix."""
        found: dict[str, tuple[Client, str]] = {}
        async with contextlib.AsyncExitStack() as others:
            for _ in range(100):  # the kernel decides who gets a connection
                client, client_id = await others.enter_async_context(self.client())
                found.setdefault(client_id[:12], (client, client_id))
                if len(found) == 2:
                    break
            yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """The API of a running stack."""
    directory = tmp_path_factory.mktemp("stack")
    stack = Stack(
        directory,
        settings=settings(),
        services=[PROBE],
        gateways=2,
        environment={"PROBE_EVENTS": str(directory / "events")},
    )
    async with stack, aiohttp.ClientSession() as session:
        yield Api(stack, session)


async def test_call(api: Api) -> None:
    """A call has the arguments and the result that it has in Python."""
    async with api.client() as (client, client_id):
        assert await api.call("bind_uid", client_id=client_id, uid=42) is True
        assert await api.call("send_to_uid", uid="42", message={"type": "支付"}) == 1
        assert await api.call("send_to_client", client_id=client_id, message="文") is True
        assert await api.call("send_to_all", message="none", client_ids=[]) == 0
        assert await api.call("send_to_all", message="ok", client_ids=None, wait=False) is None
        assert await api.call("get_client_ids_by_uids", uids=[42, "no"]) == {
            "42": [client_id],
            "no": [],
        }
        assert await api.call("set_session", client_id=client_id, session={"a": 1}) is True
        assert await api.call("get_all_client_sessions") == {client_id: {"a": 1}}
        assert await client.recv_json() == {"type": "支付"}
        assert [await client.recv(), await client.recv()] == ["文", "ok"]
        assert await api.call("close_client", client_id=client_id, code=4000, reason="再见")
        assert await client.closed() == (4000, "再见")


async def test_every_question_without_arguments(api: Api) -> None:
    """Each is there, and its answer is JSON. PHP's empty array is as good as an empty object."""
    for name, signature in signatures(GatewayClient).items():
        if set(signature.parameters) == {"timeout"}:
            assert not await api.call(name), name
    status, answer = await api.post("get_all_uids", data=b"[]")
    assert status == 403  # of servicer, which this key is not for
    assert answer["code"] == -3


async def test_bytes(api: Api) -> None:
    """Bytes are written in base64, both ways."""
    async with api.client() as (client, client_id):
        message = {"base64": base64.b64encode(b"\x00\xff").decode()}
        assert await api.call("send_to_client", client_id=client_id, message=message)
        assert await client.recv() == b"\x00\xff"


async def test_batch(api: Api) -> None:
    """Results and errors stand in the order of the calls."""
    async with api.client() as (client, client_id):
        calls = [
            ["join_group", {"client_id": client_id, "group": "vip"}],
            ["send_to_group", {"group": "vip", "message": {"base64": "aGk="}}],
            ["send_to_group", {"group": "", "message": "x"}],
            ["get_all_group_ids", []],
            ["get_session", {"client_id": client_id}],
        ]
        results = await api.call("batch", calls=calls)
        assert results[:2] == [{"code": 0, "data": True}, {"code": 0, "data": 1}]
        assert results[2]["code"] == -1
        assert "group" in results[2]["message"]
        assert results[3:] == [{"code": 0, "data": ["vip"]}, {"code": 0, "data": {}}]
        assert await client.recv() == b"hi"


@pytest.mark.parametrize(
    ("path", "body", "part"),
    [
        ("send_to_uid", {"uid": "", "message": "x"}, "uid"),
        ("send_to_uid", {"uid": "1"}, "message"),
        ("send_to_uid", {"uid": "1", "message": "x", "more": 1}, "more"),
        ("send_to_uid", {"uid": "1", "message": {"base64": "%"}}, "base64"),
        ("send_to_uid", {"uid": "1", "message": {"base64": 5}}, "base64"),
        ("send_to_uid", {"uid": "1", "message": "x", "wait": "no"}, "wait"),
        ("send_to_uid", {"uid": "1", "message": "x", "timeout": 3600}, "timeout"),
        ("send_to_uid", {"uid": "1", "message": "x", "timeout": "1"}, "timeout"),
        ("send_to_client", {"client_id": "x", "message": "x"}, "client_id"),
        ("get_all_uids", {"service": "absent"}, "service"),
        ("get_all_uids", {"service": ["probe"]}, "service"),
        ("get_all_uids", {"service": None}, "service"),
        ("batch", {}, "calls"),
        ("batch", {"calls": {}}, "calls"),
        ("batch", {"calls": [["get_all_uids"]]}, "calls[0]"),
        ("batch", {"calls": [["no_such_call", {}]]}, "calls[0]"),
        ("batch", {"calls": [], "timeout": 1}, "calls"),
        ("batch", {"calls": [["get_all_uids", {}]] * 10_001}, "calls"),
    ],
)
async def test_bad_arguments(api: Api, path: str, body: dict[str, Any], part: str) -> None:
    """400, with a message that names what is wrong."""
    status, answer = await api.post(path, {"service": "probe", **body})
    assert (status, answer["code"], answer["data"]) == (400, -1, "")
    assert part in answer["message"]


@pytest.mark.parametrize(
    "data", [b"{", b"[1]", b'"x"', b"\xff", b"uid=1&message=x", b"[" * 100_000]
)
async def test_body_that_is_no_object(api: Api, data: bytes) -> None:
    """400 for whatever is not a JSON object."""
    status, answer = await api.post("send_to_uid", data=data)
    assert (status, answer["code"]) == (400, -1)


async def test_body_that_is_too_large(api: Api) -> None:
    """413, and the next request is served."""
    data = json.dumps({"uid": "1", "message": "x" * push_api.MAX_BODY}).encode()
    status, answer = await api.post("send_to_uid", data=data)
    assert (status, answer["code"]) == (413, -1)
    assert await api.call("get_all_uids") == []


@pytest.mark.parametrize("key", [None, "", "wrong", KEY + "x", KEY[:-1]])
async def test_without_the_key(api: Api, key: str | None) -> None:
    """401, for every path, before anything else is looked at."""
    for path in ("get_all_uids", "no_such_call", "batch"):
        status, answer = await api.post(path, data=b"nonsense", key=key)
        assert (status, answer["code"]) == (401, -2)


async def test_other_scheme(api: Api) -> None:
    """The key must be a bearer key; the scheme's case does not matter."""
    url = f"{api.stack.http_url}/gateway/get_all_uids"
    for header, expected in ((f"Basic {KEY}", 401), (KEY, 401), (f"bearer {KEY}", 200)):
        body, headers = {"service": "probe"}, {"Authorization": header}
        async with api.session.post(url, json=body, headers=headers) as response:
            assert response.status == expected


async def test_service_of_another_key(api: Api) -> None:
    """403 where the key is good, but not for this service; the default is servicer."""
    for key, service in ((OTHER_KEY, "probe"), (KEY, "servicer"), (KEY, "")):
        status, answer = await api.post("get_all_uids", {"service": service}, key=key)
        assert (status, answer["code"]) == (403, -3)
    status, answer = await api.post("get_all_uids", {}, key=KEY)
    assert (status, answer["code"]) == (403, -3)


async def test_unknown_call(api: Api) -> None:
    """404 for what is no call, also where GatewayClient has such a method."""
    for name in ("sendToUid", "close", "start", "on_pool", "iter_client_sessions", "_to_one"):
        status, answer = await api.post(name, {"service": "probe"})
        assert (status, answer["code"]) == (404, -4)
    url = f"{api.stack.http_url}/gateway/get_all_uids"
    async with api.session.get(url) as response:
        assert response.status == 405


async def test_frozen_gateway(api: Api) -> None:
    """504 with what the other gateway says, and who is missing; in a batch the same."""
    async with api.one_on_each_gateway() as clients:
        pid = api.stack.pids("gateway")[0]
        prefix = api.stack.prefix_of(pid)
        other = next(client_id for client_id in clients if client_id != prefix)
        for client_prefix, (_, client_id) in clients.items():
            await api.call("bind_uid", client_id=client_id, uid=f"on {client_prefix}")
        os.kill(pid, signal.SIGSTOP)
        try:
            arguments = {"message": "x", "timeout": 1.0 * SECOND}
            body = {"service": "probe", "uid": [f"on {prefix}", f"on {other}"], **arguments}
            status, answer = await api.post("send_to_uid", body)
            assert (status, answer["code"]) == (504, -6)
            assert answer["data"]["reached"] == 1
            [missing] = answer["data"]["missing"]
            calls = [
                ["send_to_client", {"client_id": clients[prefix][1], **arguments}],
                ["send_to_client", {"client_id": clients[other][1], **arguments}],
            ]
            results = await api.call("batch", calls=calls)
            assert results[0]["code"] == -6
            assert results[0]["data"] == {"reached": None, "missing": [missing]}
            assert results[1] == {"code": 0, "data": True}
        finally:
            os.kill(pid, signal.SIGCONT)
        assert await clients[other][0].recv() == "x"


async def test_no_gateway(tmp_path: Path) -> None:
    """503 while there is none, also before the register is there."""
    stack = Stack(tmp_path, settings=settings(), services=[PROBE])
    async with stack.nothing_started(), aiohttp.ClientSession() as session:
        await stack.start_business()
        api = Api(stack, session)
        body = {"service": "probe", "uid": "1", "message": "x"}
        status, answer = await api.post("send_to_uid", body)
        assert (status, answer["code"]) == (503, -5)
        await stack.start_register()
        status, answer = await api.post("send_to_uid", body)
        assert (status, answer["code"]) == (503, -5)


async def test_without_keys_the_paths_do_not_exist(tmp_path: Path) -> None:
    """404 with the ordinary envelope, whatever key is given."""
    stack = Stack(tmp_path, settings={"business.only": ["probe"]}, services=[PROBE])
    async with stack.nothing_started(), aiohttp.ClientSession() as session:
        await stack.start_business()
        for path in ("send_to_uid", "batch"):
            status, answer = await Api(stack, session).post(path)
            assert (status, answer["code"]) == (404, -1)


# Programs in other languages


async def output_of(*command: str, **environment: str) -> str:
    """What a program prints."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output, _ = await within(process.communicate())
    return output.decode()


async def test_python_example(api: Api) -> None:
    """examples/push.py reaches a user, and says when it cannot."""
    async with api.client() as (client, client_id):
        await api.call("bind_uid", client_id=client_id, uid="42")
        command = (sys.executable, str(ROOT / "examples" / "push.py"), "42", "您好")
        where = {"KEFU_REGISTER": api.stack.register, "KEFU_SERVICE": "probe"}
        output = await output_of(*command, KEFU_SECRET=api.stack.secret, **where)
        assert output == "reached 1 sockets\n"
        assert await client.recv_json() == {"type": "notice", "data": {"text": "您好"}}
        output = await output_of(*command, KEFU_SECRET="x" * 32, **where)
        assert "secret does not match" in output


def has_php_with_curl() -> bool:
    """Whether examples/push.php can run here."""
    php = shutil.which("php")
    if php is None:
        return False
    modules = subprocess.run([php, "-m"], capture_output=True, text=True, check=False).stdout
    return "curl" in modules.split()


@pytest.mark.skipif(not has_php_with_curl(), reason="needs PHP with its curl extension")
async def test_php_example(api: Api) -> None:
    """examples/push.php likewise."""
    async with api.client() as (client, client_id):
        await api.call("bind_uid", client_id=client_id, uid="42")
        command = ("php", str(ROOT / "examples" / "push.php"), "42", "您好")
        where = {"KEFU_URL": api.stack.http_url, "KEFU_SERVICE": "probe"}
        assert await output_of(*command, KEFU_KEY=KEY, **where) == "reached 1 sockets\n"
        assert await client.recv_json() == {"type": "notice", "data": {"text": "您好"}}


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
async def test_curl(api: Api) -> None:
    """The command of the README."""
    output = await output_of(
        *("curl", "-sS", "-H", f"Authorization: Bearer {KEY}"),
        *("-H", "Content-Type: application/json", "--noproxy", "*"),
        *("-d", '{"service": "probe", "uid": "1", "message": {"type": "string", "data": {}}}'),
        f"{api.stack.http_url}/gateway/send_to_uid",
    )
    assert output == '{"code":0,"data":0}'

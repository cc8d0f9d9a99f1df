"""Tokens that only the shop can read: asked, remembered, refused, and the shop out of reach."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from business.services.servicer import asked_tokens
from business.services.servicer.admission import Admission
from business.services.servicer.asked_tokens import (
    MAX_TOKEN,
    NOT_NOW,
    REFUSAL_LIFE,
    AskedTokens,
    Holder,
)
from business.services.servicer.envelope import Refused
from business.services.servicer.shop.breaker import PAUSE
from business.services.servicer.tokens import FIRST_VISITOR, Tokens
from shared.errors import SettingsError
from tests.support.timing import eventually, within

from .shop.servers import BackEnd, back_end, raw_server, silent_server
from .support import TOKEN_KEY, sign

TOKEN = "bG9uZyB+dG9rZW4/Zm9y&a=member=="
GOOD = {"code": 0, "message": "", "data": {"member_id": 5, "nickname": "小明", "headimg": "a.png"}}
BAD = {"code": -10009, "message": "token错误", "data": "", "error_code": "TOKEN_ERROR"}


class Clock:
    """Seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Time, which the test moves."""
    return Clock()


@pytest_asyncio.fixture
async def end() -> AsyncIterator[BackEnd]:
    """The shop."""
    async with back_end() as made:
        made.value = GOOD
        yield made


@pytest_asyncio.fixture
async def tokens(end: BackEnd, clock: Clock) -> AsyncIterator[AskedTokens]:
    """Who asks it."""
    made = AskedTokens(f"{end.url}/api/member/info?site=1", 60.0, 5.0, clock)
    yield made
    await made.close()


async def refused(tokens: AskedTokens, token: str) -> Refused:
    """The refusal of a token."""
    with pytest.raises(Refused) as caught:
        await within(tokens.holder(token))
    return caught.value


async def test_the_shop_is_asked(end: BackEnd, tokens: AskedTokens, clock: Clock) -> None:
    """By a form, once; the answer is believed for a while."""
    for _ in range(3):
        assert await tokens.holder(TOKEN) == Holder(5, "小明", "a.png")
    assert tokens.remembered(TOKEN) == Holder(5, "小明", "a.png")
    [(method, path, headers, form)] = end.requests
    assert (method, path) == ("POST", "/kefu/api/member/info?site=1")
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert form == {"token": TOKEN}
    clock.now += 61
    assert tokens.remembered(TOKEN) is None
    end.value = BAD
    assert (await refused(tokens, TOKEN)).code == -10009


async def test_refusals(end: BackEnd, tokens: AskedTokens, clock: Clock) -> None:
    """Are believed for a shorter while: who logs in must not wait."""
    end.value = BAD
    for _ in range(3):
        error = await refused(tokens, TOKEN)
        assert (error.code, error.more) == (-10009, {"error_code": "TOKEN_ERROR"})
    assert len(end.requests) == 1
    clock.now += REFUSAL_LIFE + 0.1
    end.value = GOOD
    assert (await tokens.holder(TOKEN)).member_id == 5


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({"code": -1, "message": "系统错误"}, -10009),
        ({"code": "-10010", "data": []}, -10010),
        ({"code": 0, "data": []}, -10009),
        ({"code": 0, "data": {}}, -10009),
        ({"code": 0}, -10009),
        ({"code": 0, "data": {"member_id": 0}}, -10009),
        ({"code": 0, "data": {"member_id": None}}, -10009),
        ({"code": 0, "data": {"member_id": -5}}, -10009),
        ({"code": 0, "data": {"member_id": FIRST_VISITOR}}, -10009),
    ],
)
async def test_answers_that_refuse(
    end: BackEnd, tokens: AskedTokens, value: Any, code: int
) -> None:
    """Below 0, or without a member; nobody is a visitor of this service by the shop's word."""
    end.value = value
    assert (await refused(tokens, TOKEN)).code == code


@pytest.mark.parametrize("status", [401, 403])
async def test_status_codes_that_refuse(end: BackEnd, tokens: AskedTokens, status: int) -> None:
    """Other back ends than NiuShop's say it so."""
    end.status = status
    assert (await refused(tokens, TOKEN)).code == -10009


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"<html>",
        b"null",
        [],
        {},
        {"data": {"member_id": 5}},
        {"code": "x", "data": {"member_id": 5}},
        {"code": 0, "data": {"member_id": "x"}},
        {"code": 0, "data": {"member_id": 5, "nickname": ["x"]}},
    ],
)
async def test_answers_that_cannot_be_used(end: BackEnd, tokens: AskedTokens, value: Any) -> None:
    """Log nobody out: it is not the token that is wrong."""
    end.value = value
    error = await refused(tokens, TOKEN)
    assert (error.code, error.text, error.more) == (-1, NOT_NOW, {})
    end.value = GOOD
    assert (await tokens.holder(TOKEN)).member_id == 5


@pytest.mark.parametrize("status", [302, 404, 500, 503])
async def test_a_shop_that_is_out_of_order(
    end: BackEnd, tokens: AskedTokens, clock: Clock, status: int
) -> None:
    """Likewise; no token goes where a redirection points."""
    end.status, end.headers = status, {"Location": f"{end.url}/login"}
    for _ in range(10):
        error = await refused(tokens, TOKEN)
        assert (error.code, error.text, error.more) == (-1, NOT_NOW, {})
    assert all(path.startswith("/kefu/api") for _, path, _, _ in end.requests)
    end.status = 200
    clock.now += PAUSE
    assert (await tokens.holder(TOKEN)).member_id == 5


async def test_a_shop_that_is_not_there_or_silent(unused_tcp_port: int) -> None:
    """Is not waited for for longer than the setting says, and after a few tries not at all."""
    async with silent_server() as silent:
        for port in (unused_tcp_port, silent):
            tokens = AskedTokens(f"http://127.0.0.1:{port}/", 60.0, 0.2)
            started = time.monotonic()
            for i in range(50):
                error = await refused(tokens, f"token {i}")
                assert (error.code, error.text) == (-1, NOT_NOW)
            assert time.monotonic() - started < 10
            await tokens.close()


async def test_a_connection_that_the_shop_has_closed() -> None:
    """Is tried once more, not twice."""
    body = b'{"code":0,"data":{"member_id":5}}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    for answers, is_good in (([b"", answer], True), ([b"", b"", answer], False)):
        async with raw_server(list(answers)) as (port, came):
            tokens = AskedTokens(f"http://127.0.0.1:{port}/", 60.0, 5.0)
            if is_good:
                assert (await within(tokens.holder(TOKEN))).member_id == 5
            else:
                assert (await refused(tokens, TOKEN)).text == NOT_NOW
            assert len(came) == 2
            await tokens.close()


async def test_requests_are_shared(end: BackEnd, tokens: AskedTokens) -> None:
    """By all who have the same token, also when one of them gives up."""
    end.gate.clear()
    asked = [asyncio.create_task(tokens.holder(TOKEN)) for _ in range(20)]
    other = asyncio.create_task(tokens.holder("another"))
    await eventually(lambda: len(end.requests) == 2)
    asked[0].cancel()
    end.gate.set()
    found = await within(asyncio.gather(*asked, other, return_exceptions=True))
    assert isinstance(found[0], asyncio.CancelledError)
    assert found[1:] == [Holder(5, "小明", "a.png")] * 20
    assert len(end.requests) == 2


async def test_who_asked_is_gone(
    end: BackEnd, tokens: AskedTokens, caplog: pytest.LogCaptureFixture
) -> None:
    """And then the shop fails: nothing is left lying about."""
    end.status = 500
    end.gate.clear()
    asked = asyncio.create_task(tokens.holder(TOKEN))
    await eventually(lambda: end.requests)
    asked.cancel()
    end.gate.set()
    await eventually(lambda: not tokens._asking)
    assert not [r for r in caplog.records if r.name == "asyncio"]


async def test_the_memory_is_bounded(
    end: BackEnd, tokens: AskedTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And made-up tokens push no good ones out."""
    monkeypatch.setattr(asked_tokens, "MAX_ANSWERS", 3)
    end.value = lambda form: GOOD if form["token"] == TOKEN else BAD
    await tokens.holder(TOKEN)
    for i in range(10):
        await refused(tokens, f"made up {i}")
    assert tokens.remembered(TOKEN) is not None
    assert len(end.requests) == 11
    await refused(tokens, "made up 9")
    assert len(end.requests) == 11
    await refused(tokens, "made up 0")
    assert len(end.requests) == 12


async def test_the_shop_is_not_asked_about_everything(end: BackEnd, tokens: AskedTokens) -> None:
    """What is longer than any token is none."""
    assert (await refused(tokens, "x" * (MAX_TOKEN + 1))).code == -10009
    assert not end.requests


async def test_tokens_are_in_no_log(
    end: BackEnd, tokens: AskedTokens, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever happens."""
    caplog.set_level(logging.DEBUG)
    for value, status in ((BAD, 200), (b"nonsense", 200), (GOOD, 500), (GOOD, 200)):
        end.value, end.status = value, status
        with pytest.raises(Refused):
            await tokens.holder(f"{TOKEN} {status}")
    assert caplog.records
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("url", ["shop.example/token", "ftp://shop.example", "http://", "//x"])
def test_urls_that_cannot_be_used(url: str) -> None:
    """Are refused at the start."""
    with pytest.raises(SettingsError, match=r"^servicer\.token_url: is no http"):
        AskedTokens(url, 60.0, 5.0)


# Beside the tokens of this service


async def test_tokens_that_this_service_can_read(end: BackEnd, tokens: AskedTokens) -> None:
    """Are not shown to the shop: good ones, visitors', ended ones."""
    own = Tokens([TOKEN_KEY], "servicer", ["the service's own key, 32 characters"])
    admission = Admission(own, tokens)
    now = time.time()
    assert await admission.admit(sign(7), now) == (7, None)
    visitor = own.issue(FIRST_VISITOR + 1, now)
    assert await admission.admit(visitor, now) == (FIRST_VISITOR + 1, None)
    soon = await admission.admit(sign(7, exp=int(now) + 100), now)
    assert soon.fresh is not None
    for token, code in (("", -1), (sign(7, exp=int(now) - 1), -10010)):
        with pytest.raises(Refused) as caught:
            await admission.admit(token, now)
        assert caught.value.code == code
    assert not end.requests


async def test_tokens_of_the_shop(end: BackEnd, tokens: AskedTokens, clock: Clock) -> None:
    """Are renewed by the shop; the names that it gives are remembered."""
    admission = Admission(Tokens([], "servicer"), tokens)
    assert await admission.admit(TOKEN, 0) == (5, None)
    assert admission.card(5) == (5, "小明", "a.png")
    assert admission.card(6) is None
    clock.now += 61
    end.value = {**GOOD, "refreshtoken": "the next", "data": {"member_id": "5"}}
    for _ in range(2):
        assert await admission.admit(TOKEN, 0) == (5, "the next")
    assert admission.card(5) == (5, "小明", "a.png")
    assert len(end.requests) == 2


async def test_a_shop_is_not_asked_where_no_url_says_so() -> None:
    """What this service cannot read is refused."""
    admission = Admission(Tokens([TOKEN_KEY], "servicer"), None)
    with pytest.raises(Refused) as caught:
        await admission.admit(TOKEN, 0)
    assert caught.value.code == -10009
    await admission.close()

"""Logins need a captcha after failures."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
from typing import Any

import pytest
from PIL import Image

from business.services.servicer.captchas import LENGTH, LETTERS

from .support import STRICT, Desk

CAPTCHA = "/servicer/servicer/login/captcha"


async def new(desk: Desk) -> str:
    """The id of a new captcha."""
    status, answer = await desk.get(CAPTCHA)
    assert (status, answer["code"], answer["message"]) == (200, 0, "")
    kind, _, data = answer["data"]["img"].partition(",")
    assert kind == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        image.load()
        assert image.format == "PNG"
    captcha_id = answer["data"]["id"]
    assert isinstance(captcha_id, str)
    return captcha_id


def read(desk: Desk, captcha_id: str) -> str:
    """What the picture shows: found by trying everything, which only who has the database can."""
    [row] = desk.rows("SELECT answer FROM servicer_captcha WHERE id = ?", captcha_id)
    for letters in itertools.product(LETTERS, repeat=LENGTH):
        text = "".join(letters)
        if hashlib.sha256(f"{captcha_id} {text}".encode()).hexdigest() == row["answer"]:
            return text
    raise AssertionError("no text has this hash")


class TestCaptcha:
    """With few failures."""

    @pytest.fixture
    def settings(self) -> dict[str, object]:
        return dict(STRICT)

    async def test_it_is_needed_and_good_once(self, own_desk: Desk) -> None:
        """Missing, wrong, right; used ones are wrong; afterwards none is needed."""
        async with own_desk.agent("bob", bind=False) as bob:

            async def login(password: str = "demo", **more: Any) -> str:
                answer = await bob.call("login/login", username="bob", password=password, **more)
                return str(answer["message"])

            assert await login() == "操作成功"
            for _ in range(2):
                assert await login("wrong") == "账号或密码错误"
            assert await login() == "请输入验证码"
            assert await login(captcha="AAAA") == "请输入验证码"
            captcha_id = await new(own_desk)
            assert await login(captcha="----", captcha_id=captcha_id) == "验证码错误"
            assert not own_desk.rows("SELECT 1 FROM servicer_captcha WHERE id = ?", captcha_id)
            assert await login(captcha="ABCD", captcha_id="x" * 9999) == "验证码错误"

            captcha_id = await new(own_desk)
            text = read(own_desk, captcha_id)
            wrong = await login("wrong", captcha=text, captcha_id=captcha_id)
            assert wrong == "账号或密码错误"
            assert await login(captcha=text, captcha_id=captcha_id) == "验证码错误"

            captcha_id = await new(own_desk)
            text = read(own_desk, captcha_id).lower()
            assert await login(captcha=f" {text}", captcha_id=captcha_id) == "操作成功"
            assert await login() == "操作成功"

"""The demo shop front has something to show, in demo mode."""

from __future__ import annotations

import re

import pytest

from business.services.servicer.shop.demo import PICTURES

from .support import Desk


async def test_shop_front(desk: Desk) -> None:
    """The goods on sale, who one may be, and the orders of whom one is."""
    _, answer = await desk.get("/demo/shop", member_id="1")
    data = answer["data"]
    assert data["site"]["site_name"] == "Demo Store"
    assert [goods["goods_id"] for goods in data["goods"]] == [3, 2, 1]
    assert [member["member_id"] for member in data["members"]] == [1, 2, 3]
    assert {order["order_id"] for order in data["orders"]} == {101, 102}
    assert {agent["username"] for agent in data["agents"]} == {"alice", "bob"}


async def test_variants(desk: Desk) -> None:
    """All goods come with their variants, and with none of other goods."""
    _, answer = await desk.get("/demo/shop")
    skus = {
        goods["goods_id"]: [sku["sku_id"] for sku in goods["skus"]]
        for goods in answer["data"]["goods"]
    }
    assert skus == {1: [11, 12, 13], 2: [21, 22], 3: [31, 32]}


async def test_accounts(desk: Desk) -> None:
    """Whoever it says may log in can do so, each at the own door."""
    _, answer = await desk.get("/demo/shop")
    data = answer["data"]
    assert {office["username"]: office["role"] for office in data["offices"]} == {
        "admin": "shop",
        "root": "platform",
    }
    doors = {"shop": "shop", "platform": "admin"}
    accounts = [(agent["username"], "servicer") for agent in data["agents"]]
    accounts += [(office["username"], doors[office["role"]]) for office in data["offices"]]
    for username, door in accounts:
        values = {"username": username, "password": data["password"]}
        async with desk.http.post(f"/servicer/{door}/login/login", data=values) as response:
            assert (await response.json())["code"] == 0, username


@pytest.mark.parametrize("member_id", ["", "0", "3", "4", "-1", "x"])
async def test_nobody_elses_orders(desk: Desk, member_id: str) -> None:
    """Who has none, or is nobody, sees none."""
    _, answer = await desk.get("/servicer/demo/shop", member_id=member_id)
    assert (answer["code"], answer["data"]["orders"]) == (0, [])


async def test_pictures(desk: Desk) -> None:
    """Whatever the demo shop names is there."""
    text = (PICTURES.parent / "demo.py").read_text(encoding="utf-8")
    kinds = set(re.findall(r"upload/demo/([a-z]+)_", text))
    assert kinds == {path.stem.partition("_")[0] for path in PICTURES.glob("*.svg")}
    for path in PICTURES.glob("*.svg"):
        async with desk.http.get(f"/upload/demo/{path.name}") as response:
            assert (response.status, response.content_type) == (200, "image/svg+xml")
            assert "sandbox" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("name", ["nothing_1.svg", "..%2fdemo.py", "goods_1.png", ""])
async def test_no_other_files(desk: Desk, name: str) -> None:
    """Nothing but the pictures is served."""
    async with desk.http.get(f"/upload/demo/{name}") as response:
        assert response.status == 404

"""What customers' pages ask the shop for, where there is none but the embedded one."""

from __future__ import annotations

import pytest

from .support import Desk, sign


async def test_a_shop(desk: Desk) -> None:
    """Name and logo, under the names that each generation of pages reads."""
    status, answer = await desk.get("/api/shop/info", site_id=2)
    assert (status, answer["code"], answer["message"]) == (200, 0, "操作成功")
    assert answer["data"] == {
        "site_id": 2,
        "site_name": "Demo Books",
        "logo": "upload/demo/shop_2.svg",
        "avatar": "upload/demo/shop_2.svg",
    }
    _, answer = await desk.get("/api/site/info")
    assert (answer["data"]["site_name"], answer["data"]["logo_square"]) == (
        "Demo Store",
        "upload/demo/shop_1.svg",
    )
    _, answer = await desk.get("/api/shop/info", site_id=77)
    assert (answer["code"], answer["data"]) == (-1, "没有指定店铺")


async def test_the_member_of_the_token(desk: Desk) -> None:
    """And nobody without one."""
    _, answer = await desk.get("/api/member/info", token=sign(1))
    assert (answer["data"]["nickname"], answer["data"]["headimg"]) == (
        "张三",
        "upload/demo/member_1.svg",
    )
    _, answer = await desk.get("/api/member/info")
    assert (answer["code"], answer["error_code"]) == (-1, "TOKEN_NOT_EXIST")
    _, answer = await desk.get("/api/member/info", token="x")
    assert (answer["code"], answer["error_code"]) == (-10009, "TOKEN_ERROR")


async def test_cards(desk: Desk) -> None:
    """Goods for everybody, orders for whom they belong to."""
    _, answer = await desk.get("/api/goodssku/detail", sku_id=11)
    sku = answer["data"]["goods_sku_detail"]
    assert (sku["sku_name"], sku["price"], sku["goods_id"]) == ("棉质T恤 白色 M", "59.00", 1)
    assert (await desk.get("/api/goodssku/detail", sku_id=5))[1]["code"] == -1
    _, answer = await desk.get("/api/order/detail", order_id=101, token=sign(1))
    order = answer["data"]
    assert order["order_goods"][0]["sku_name"] == "棉质T恤 白色 M"
    assert (order["order_status_name"], order["delivery_type_name"]) == ("待发货", "快递配送")
    _, answer = await desk.get("/api/order/detail", order_id=101, token=sign(2))
    assert (answer["code"], answer["message"]) == (-1, "订单不存在")


async def test_configuration(desk: Desk) -> None:
    """For pages that read one for all, and for those that read one for their kind."""
    _, answer = await desk.get("/api/config/servicer")
    data = answer["data"]
    here = {"type": "niushop", "third_url": ""}
    assert (data["type"], data["h5"], data["weapp"]) == ("system", here, here)
    assert data["socket_url"] == f"{desk.stack.ws_url}/wss"


async def test_configuration_of_a_shop(desk: Desk) -> None:
    """What the back office has set is what the console and the pages get."""
    value = '{"type":"third","applet":"","third":"https://help.example","socket_url":""}'
    platform = '{"web_socket":"wss://chat.example/wss"}'
    query = "INSERT INTO servicer_config (site_id, config_key, value) VALUES (?, ?, ?)"
    desk.execute(query, 2, "SRRVICER_ROOT_CONFIG", value)
    desk.execute(query, 0, "SERVICER_CONFIG", platform)
    try:
        _, answer = await desk.get("/api/config/servicer", site_id=2)
        assert answer["data"]["h5"] == {"type": "third", "third_url": "https://help.example"}
        async with desk.agent("carol") as carol:
            found = (await carol.call("config/config"))["data"]["value"]
            assert (found["type"], found["socket_url"]) == ("third", "wss://chat.example/wss")
    finally:
        desk.execute("DELETE FROM servicer_config")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/shop/info.html", 200),
        ("/api/Shop/Info", 200),
        ("/servicer/api/shop/info", 200),
        ("/index.php/api/shop/info", 200),
        ("/index.php?s=/api/Shop/info.html", 200),
        ("/index.php/api/chat/say", 404),
        ("/index.php?s=/shop/info", 404),
        ("/api/shop/other", 404),
        ("/api/chat/say", 404),
        ("/api/servicer/chat", 404),
    ],
)
async def test_paths(desk: Desk, path: str, status: int) -> None:
    """Those of the shop, and no others, in any case."""
    assert (await desk.get(path))[0] == status
    async with desk.http.post(path, json={"site_id": "1"}) as response:
        assert response.status == status
